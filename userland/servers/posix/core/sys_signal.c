/* SPDX-License-Identifier: MIT */
/* The signal calls. */
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

static bool signal_valid(int sig)
{
	return sig >= 1 && sig <= LINUX_NSIG;
}

/* ---- actions, masks, stacks ---- */

long sys_rt_sigaction(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct linux_sigaction new_action, old_action;
	int sig = (int)a0;
	struct thread *thread;

	if (a3 != sizeof(uint64_t) || !signal_valid(sig))
		return -EINVAL;
	if (a1 && (SIGSET(sig) & SIGSET_UNBLOCKABLE))
		return -EINVAL;
	if (a1 && copy_from_user(&new_action, (uint64_t)a1, sizeof(new_action)))
		return -EFAULT;
	mutex_lock(&process->signal_lock);
	old_action = process->actions[sig - 1];
	if (a1) {
		new_action.sa_mask.bits &= ~SIGSET_UNBLOCKABLE;
		process->actions[sig - 1] = new_action;
		if (signal_ignored_locked(process, sig)) { /* POSIX: pending ones are discarded */
			signal_flush_locked(process, &process->pending, SIGSET(sig));
			list_for_each_entry (thread, &process->threads, link)
				signal_flush_locked(process, &thread->pending, SIGSET(sig));
		}
	}
	mutex_unlock(&process->signal_lock);
	return a2 ? copy_to_user((uint64_t)a2, &old_action, sizeof(old_action)) : 0;
}

long sys_rt_sigprocmask(SYSCALL_ARGS)
{
	struct thread *self = current;
	uint64_t old_mask = self->blocked, set;

	if (a3 != sizeof(set))
		return -EINVAL;
	if (a1) {
		if (get_user_u64((uint64_t)a1, &set))
			return -EFAULT;
		switch ((int)a0) {
		case LINUX_SIG_BLOCK:
			set |= old_mask;
			break;
		case LINUX_SIG_UNBLOCK:
			set = old_mask & ~set;
			break;
		case LINUX_SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(self, set);
	}
	return a2 ? put_user_u64((uint64_t)a2, old_mask) : 0;
}

long sys_rt_sigpending(SYSCALL_ARGS)
{
	struct thread *self = current;
	struct process *process = self->process;

	if (a1 != sizeof(uint64_t))
		return -EINVAL;
	mutex_lock(&process->signal_lock);
	uint64_t set = (self->pending.set | process->pending.set) & self->blocked;
	mutex_unlock(&process->signal_lock);
	return put_user_u64((uint64_t)a0, set);
}

long signal_set_altstack(struct thread *self, struct linux_stack stack)
{
	int mode = stack.ss_flags & ~(int)LINUX_SS_AUTODISARM;

	if (signal_on_altstack(self))
		return -EPERM;
	if (mode != 0 && mode != LINUX_SS_DISABLE && mode != LINUX_SS_ONSTACK)
		return -EINVAL;
	if (mode == LINUX_SS_DISABLE)
		stack = (struct linux_stack){ .ss_flags = stack.ss_flags };
	else if (stack.ss_size < LINUX_MINSIGSTKSZ)
		return -ENOMEM;
	else
		stack.ss_flags &= ~LINUX_SS_ONSTACK;
	stack.pad = 0;
	self->altstack = stack;
	return 0;
}

long sys_sigaltstack(SYSCALL_ARGS)
{
	struct thread *self = current;
	struct linux_stack old_stack = self->altstack, new_stack;

	if (old_stack.ss_flags == 0 && signal_on_altstack(self))
		old_stack.ss_flags = LINUX_SS_ONSTACK;
	if (a0) {
		if (copy_from_user(&new_stack, (uint64_t)a0, sizeof(new_stack)))
			return -EFAULT;
		long error = signal_set_altstack(self, new_stack);
		if (error)
			return error;
	}
	return a1 ? copy_to_user((uint64_t)a1, &old_stack, sizeof(old_stack)) : 0;
}

/* ---- waiting for signals ---- */

static long wait_for_signal(void)
{
	struct wait_token token;

	wait_token_init(&token);
	while (!signal_pending())
		wait_block(&token, QUOIN_DEADLINE_NEVER, WAIT_INTERRUPTIBLE);
	return -ERESTARTNOHAND;
}

long sys_pause(SYSCALL_ARGS)
{
	return wait_for_signal();
}

long sys_rt_sigsuspend(SYSCALL_ARGS)
{
	uint64_t mask;

	if (a1 != sizeof(mask))
		return -EINVAL;
	if (get_user_u64((uint64_t)a0, &mask))
		return -EFAULT;
	signal_mask_push_value(mask);
	return wait_for_signal();
}

/* A signal of the set if one is pending. */
static int take_signal(struct thread *self, uint64_t set, struct linux_siginfo *info)
{
	struct process *process = self->process;

	mutex_lock(&process->signal_lock);
	int sig = signal_dequeue_locked(self, set, info);
	self->wait_set = sig ? 0 : set;
	signal_recalc_locked(self);
	mutex_unlock(&process->signal_lock);
	return sig;
}

static void end_signal_wait(struct thread *self)
{
	mutex_lock(&self->process->signal_lock);
	self->wait_set = 0;
	signal_recalc_locked(self);
	mutex_unlock(&self->process->signal_lock);
}

long sys_rt_sigtimedwait(SYSCALL_ARGS)
{
	struct thread *self = current;
	struct linux_siginfo info;
	struct wait_token token;
	uint64_t set, deadline = QUOIN_DEADLINE_NEVER, ns;
	long error = 0;
	int sig;

	if (a3 != sizeof(set))
		return -EINVAL;
	if (get_user_u64((uint64_t)a0, &set))
		return -EFAULT;
	if (a2) {
		error = timespec_from_user((uint64_t)a2, &ns);
		if (error)
			return error;
		deadline = deadline_after(ns);
	}
	set &= ~SIGSET_UNBLOCKABLE;
	wait_token_init(&token);
	while (!(sig = take_signal(self, set, &info)) && !error) {
		error = wait_block(&token, deadline, WAIT_INTERRUPTIBLE);
		if (error == -ERESTARTSYS && !(atomic_load(&self->work) & (WORK_STOP | WORK_EXIT)) &&
		    !((self->pending.set | self->process->pending.set) & ~self->blocked))
			error = 0; /* one of the set: take it in the next round */
	}
	end_signal_wait(self);
	if (!sig)
		return error == -ETIMEDOUT ? -EAGAIN : error == -ERESTARTSYS ? -EINTR : error;
	if (a1 && copy_to_user((uint64_t)a1, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* ---- sending ---- */

/* POSIX kill(): real or effective id of the sender against real or saved id of the target. */
static bool may_signal_locked(struct process *target, int sig)
{
	const struct cred *me = current->cred;
	struct process *self = current->process;
	bool allowed;

	if (target == self || me->euid == 0)
		return true;
	mutex_lock(&target->lock);
	const struct cred *cred = target->leader ? target->leader->cred : NULL;
	allowed = cred && (me->euid == cred->suid || me->euid == cred->uid || me->uid == cred->suid ||
			   me->uid == cred->uid);
	mutex_unlock(&target->lock);
	if (!allowed && sig == LINUX_SIGCONT && target->pgrp && self->pgrp)
		allowed = target->pgrp->session == self->pgrp->session;
	return allowed;
}

static long send_to_process_locked(struct process *process, int sig, const struct linux_siginfo *info)
{
	if (!may_signal_locked(process, sig))
		return -EPERM;
	if (!sig)
		return 0;
	mutex_lock(&process->signal_lock);
	long error = signal_send_locked(process, NULL, sig, info, false);
	mutex_unlock(&process->signal_lock);
	return error;
}

/* 0 if it could be sent to one of them. */
static long send_to_pgrp_locked(struct pgrp *pgrp, int sig, const struct linux_siginfo *info)
{
	struct process *process;
	long result = -ESRCH;

	if (!pgrp)
		return -ESRCH;
	list_for_each_entry (process, &pgrp->processes, pgrp_link) {
		long error = send_to_process_locked(process, sig, info);
		if (result != 0)
			result = error;
	}
	return result;
}

static long send_to_all_locked(int sig, const struct linux_siginfo *info)
{
	long result = -ESRCH;

	for (int pid = 2; pid < PID_MAX; pid++) {
		struct process *process = pid_process(pid);
		if (!process || process == current->process)
			continue;
		long error = send_to_process_locked(process, sig, info);
		if (error != -EPERM)
			result = result ? error : 0;
	}
	return result;
}

static long send_to_pid(int pid, int sig, const struct linux_siginfo *info)
{
	long result;

	mutex_lock(&tasklist_lock);
	if (pid > 0) {
		struct thread *thread = pid_thread(pid);
		result = thread ? send_to_process_locked(thread->process, sig, info) : -ESRCH;
	} else if (pid == -1) {
		result = send_to_all_locked(sig, info);
	} else {
		struct pgrp *pgrp = pid ? pid_pgrp(-pid) : current->process->pgrp;
		result = send_to_pgrp_locked(pgrp, sig, info);
	}
	mutex_unlock(&tasklist_lock);
	return result;
}

long sys_kill(SYSCALL_ARGS)
{
	int pid = (int)a0, sig = (int)a1;
	struct linux_siginfo info;

	if (sig != 0 && !signal_valid(sig))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	siginfo_user(&info, sig, LINUX_SI_USER);
	return send_to_pid(pid, sig, &info);
}

/* tgid 0: any process. */
static long send_to_thread(int tgid, int tid, int sig, const struct linux_siginfo *info)
{
	long result = -ESRCH;

	mutex_lock(&tasklist_lock);
	struct thread *thread = pid_thread(tid);
	if (thread && (!tgid || thread->process->pid == tgid)) {
		struct process *process = thread->process;
		result = may_signal_locked(process, sig) ? 0 : -EPERM;
		if (!result && sig) {
			mutex_lock(&process->signal_lock);
			if (!thread->exited)
				result = signal_send_locked(process, thread, sig, info, false);
			mutex_unlock(&process->signal_lock);
		}
	}
	mutex_unlock(&tasklist_lock);
	return result;
}

long sys_tgkill(SYSCALL_ARGS)
{
	struct linux_siginfo info;
	int sig = (int)a2;

	if ((int)a0 <= 0 || (int)a1 <= 0 || (sig && !signal_valid(sig)))
		return -EINVAL;
	siginfo_user(&info, sig, LINUX_SI_TKILL);
	return send_to_thread((int)a0, (int)a1, sig, &info);
}

long sys_tkill(SYSCALL_ARGS)
{
	struct linux_siginfo info;
	int sig = (int)a1;

	if ((int)a0 <= 0 || (sig && !signal_valid(sig)))
		return -EINVAL;
	siginfo_user(&info, sig, LINUX_SI_TKILL);
	return send_to_thread(0, (int)a0, sig, &info);
}

/* Nobody may pretend to be the kernel or kill() towards another process. */
static long siginfo_from_user(struct linux_siginfo *info, uint64_t addr, int sig, int pid)
{
	if (sig && !signal_valid(sig))
		return -EINVAL;
	if (copy_from_user(info, addr, sizeof(*info)))
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == LINUX_SI_TKILL) && pid != current->process->pid)
		return -EPERM;
	if (info->si_code == LINUX_SI_TIMER)
		info->si_code = LINUX_SI_QUEUE; /* those refer to a timer of the server's */
	return 0;
}

long sys_rt_sigqueueinfo(SYSCALL_ARGS)
{
	struct linux_siginfo info;
	long error = siginfo_from_user(&info, (uint64_t)a2, (int)a1, (int)a0);

	if (error)
		return error;
	return (int)a0 > 0 ? send_to_pid((int)a0, (int)a1, &info) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(SYSCALL_ARGS)
{
	struct linux_siginfo info;
	long error;

	if ((int)a0 <= 0 || (int)a1 <= 0)
		return -EINVAL;
	error = siginfo_from_user(&info, (uint64_t)a3, (int)a2, (int)a0);
	return error ? error : send_to_thread((int)a0, (int)a1, (int)a2, &info);
}
