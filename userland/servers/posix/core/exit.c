/* SPDX-License-Identifier: MIT */
/*
 * The end of threads and processes.
 *
 * A thread never ends in the middle of a call: exit marks it (WORK_EXIT) and returns; guest_loop
 * ends and guest_run calls thread_exit.  exit_group, a fatal signal and exec mark all others too
 * and kick them, which breaks off their waits.  The last thread takes the process along: memory,
 * files, children, and the parent is told.
 */
#include "file.h"
#include "fs.h"
#include "futex.h"
#include "lockrank.h"
#include "process_internal.h"
#include "system.h"
#include "tty.h"
#include "user.h"
#include "usercopy.h"

void process_kick_all_locked(struct process *process, struct thread *except, uint32_t work)
{
	struct thread *thread;

	list_for_each_entry (thread, &process->threads, link) {
		if (thread == except || thread->exited)
			continue;
		atomic_fetch_or(&thread->work, work);
		if (thread != current && thread->kthread)
			quoin_vcpu_kick(thread->kthread->handle);
	}
}

void process_exit_all_locked(struct process *process, int status)
{
	if (process->group_exit)
		return;
	process->group_exit = true;
	process->exit_status = status;
	process->stop_requested = process->stopped = process->continued = false;
	process_kick_all_locked(process, NULL, WORK_EXIT);
}

long sys_exit(SYSCALL_ARGS)
{
	struct thread *self = current;

	self->exit_status = LINUX_W_EXITED(a0);
	atomic_fetch_or(&self->work, WORK_EXIT);
	return 0;
}

long sys_exit_group(SYSCALL_ARGS)
{
	struct process *process = current->process;

	mutex_lock(&process->signal_lock);
	process_exit_all_locked(process, LINUX_W_EXITED(a0));
	mutex_unlock(&process->signal_lock);
	return 0;
}

/* ---- a thread ---- */

static void thread_release_files(struct thread *thread)
{
	struct process *process = thread->process;

	mutex_lock(&process->lock);
	struct fdtable *files = thread->files;
	struct fs_context *fs = thread->fs;
	thread->files = NULL;
	thread->fs = NULL;
	mutex_unlock(&process->lock);
	fdtable_put(files);
	fs_context_put(fs);
}

static void thread_clear_tid(struct thread *thread)
{
	uint64_t addr = thread->clear_child_tid;

	futex_exit_robust(thread);
	if (!addr)
		return;
	thread->clear_child_tid = 0;
	if (atomic_load(&thread->process->mm->users) < 2 && thread->process->nr_threads < 2)
		return; /* nobody is left to look */
	if (put_user_u32(addr, 0) == 0)
		futex_wake_user(addr, 1);
}

/* True if it was the last one. */
static bool thread_unlink(struct thread *thread)
{
	struct process *process = thread->process;
	struct process_times times;

	mutex_lock(&tasklist_lock);
	mutex_lock(&process->signal_lock);
	thread_times_locked(thread, &times);
	thread->final_times = times;
	process_times_add(&process->dead_threads, &times);
	thread->exited = true;
	thread->kthread = NULL;
	signal_flush_locked(process, &thread->pending, ~0ull);
	bool last = --process->nr_threads == 0;
	bool leader = thread == process->leader;
	if (leader && !process->group_exit)
		process->exit_status = thread->exit_status;
	if (!leader) {
		list_remove(&thread->link);
		pid_free_locked(thread->tid);
	}
	jobctl_thread_gone_locked(process);
	mutex_unlock(&process->signal_lock);
	mutex_unlock(&tasklist_lock);
	user_threads_uncharge(thread->cred->uid);
	wait_queue_wake_all(&process->stop_wait); /* an exec that waits for its siblings */
	jobctl_notify(process);
	if (!leader)
		thread_put(thread); /* the list's */
	return last;
}

/* ---- the process ---- */

static struct process *find_reaper(struct process *process)
{
	for (struct process *up = process->parent; up; up = up->parent)
		if (up->subreaper && !up->zombie)
			return up;
	return init_process;
}

/*
 * POSIX exit(): the member's link to its parent is going.  If it was the last one that its group had to
 * the rest of the session, nobody is left to continue the group's stopped members.
 */
static void hang_up_orphans(struct process *member, const struct process *parent, const struct process *leaving)
{
	struct pgrp *pgrp = member->pgrp;
	struct process *process;
	bool stopped = false;

	if (parent->pgrp == pgrp || parent->pgrp->session != pgrp->session ||
	    !pgrp_is_orphaned_locked(pgrp, leaving))
		return;
	list_for_each_entry (process, &pgrp->processes, pgrp_link)
		stopped |= process->stopped && process != leaving;
	if (!stopped)
		return;
	list_for_each_entry (process, &pgrp->processes, pgrp_link) {
		signal_send_process(process, LINUX_SIGHUP, NULL);
		signal_send_process(process, LINUX_SIGCONT, NULL);
	}
}

static void reparent_children(struct process *process)
{
	struct process *reaper = find_reaper(process);

	list_for_each_safe (node, next, &process->children) {
		struct process *child = list_entry(node, struct process, sibling);
		list_remove(&child->sibling);
		child->parent = reaper;
		child->parent_pid = reaper->pid;
		list_add_tail(&reaper->children, &child->sibling);
		if (child->leader && child->leader->pdeath_signal)
			signal_send_process(child, child->leader->pdeath_signal, NULL);
		child->exit_signal = LINUX_SIGCHLD; /* the reaper knows of no others */
		hang_up_orphans(child, process, process);
		if (child->zombie)
			process_notify_parent_locked(child, 0, 0); /* may free it */
	}
}

static void siginfo_child(struct linux_siginfo *info, struct process *child, int code, int status)
{
	struct process_times times;

	mutex_lock(&child->signal_lock);
	process_times_locked(child, &times);
	mutex_unlock(&child->signal_lock);
	*info = (struct linux_siginfo){
		.si_signo = LINUX_SIGCHLD,
		.si_code = code,
		.child = {
			.pid = child->pid,
			.uid = process_uid(child),
			.status = status,
			.utime = (int64_t)(times.guest_ns / (NSEC_PER_SEC / LINUX_USER_HZ)),
			.stime = (int64_t)(times.server_ns / (NSEC_PER_SEC / LINUX_USER_HZ)),
		},
	};
}

static void exit_code_status(int status, int *code, int *value)
{
	if ((status & 0x7f) == 0) {
		*code = LINUX_CLD_EXITED;
		*value = (status >> 8) & 0xff;
	} else {
		*code = status & LINUX_W_CORE ? LINUX_CLD_DUMPED : LINUX_CLD_KILLED;
		*value = status & 0x7f;
	}
}

/*
 * SIGCHLD, or what clone asked for; code 0: the child has ended.  A parent that ignores SIGCHLD, or
 * says SA_NOCLDWAIT, has its children reaped at once.
 */
void process_notify_parent_locked(struct process *process, int code, int status)
{
	struct process *parent = process->parent;
	struct linux_siginfo info;
	bool ended = code == 0;

	if (!parent)
		return;
	if (ended)
		exit_code_status(process->exit_status, &code, &status);
	int sig = ended ? process->exit_signal : LINUX_SIGCHLD;
	mutex_lock(&parent->signal_lock);
	const struct linux_sigaction *action = &parent->actions[LINUX_SIGCHLD - 1];
	bool ignored = action->sa_handler == LINUX_SIG_IGN;
	bool no_wait = sig == LINUX_SIGCHLD && (ignored || (action->sa_flags & LINUX_SA_NOCLDWAIT));
	bool no_stop = action->sa_flags & LINUX_SA_NOCLDSTOP;
	mutex_unlock(&parent->signal_lock);
	if (sig && !(sig == LINUX_SIGCHLD && ignored) && (ended || !no_stop)) {
		siginfo_child(&info, process, code, status);
		info.si_signo = sig;
		signal_send_process(parent, sig, &info);
	}
	if (ended && no_wait)
		process_reap_locked(process);
	wait_queue_wake_all(&parent->child_wait);
}

static void process_release_mm(struct process *process)
{
	mutex_lock(&process->lock);
	struct mm *mm = process->mm;
	process->mm = NULL;
	mutex_unlock(&process->lock);
	process_note_peak(process, mm);
	mm_unuse(mm);
}

/* Nobody is left to reap, restart or shut down: write what there is, and stop. */
static _Noreturn void init_ended(int status)
{
	log_printf("init has ended with status %#x: powering off", (unsigned)status);
	system_power_off();
	panic("no power-off");
}

static void process_exit(struct process *process)
{
	if (process == init_process)
		init_ended(process->exit_status);
	process_timers_destroy(process);
	process_release_mm(process);
	mutex_lock(&tasklist_lock);
	struct session *session = process->pgrp->session;
	bool leads = session->leader == process;
	if (leads)
		session_get(session);
	mutex_unlock(&tasklist_lock);
	if (leads) {
		tty_session_leader_exit(session); /* hangs up, signals the foreground group */
		session_put(session);
	}

	mutex_lock(&tasklist_lock);
	if (leads)
		session->leader = NULL;
	reparent_children(process);
	hang_up_orphans(process, process->parent, process);
	process->zombie = true;
	process_notify_parent_locked(process, 0, 0);
	mutex_unlock(&tasklist_lock);
}

/* Under tasklist_lock: the parent knows; nothing names the process any more. */
void process_reap_locked(struct process *process)
{
	struct thread *leader = process->leader;

	assert(process->zombie && !process->reaped);
	process->reaped = true;
	list_remove(&process->sibling);
	pgrp_leave_locked(process);
	pid_free_locked(process->pid);
	mutex_lock(&process->lock);
	mutex_lock(&process->signal_lock);
	signal_flush_locked(process, &process->pending, ~0ull);
	list_remove(&leader->link);
	process->leader = NULL;
	mutex_unlock(&process->signal_lock);
	mutex_unlock(&process->lock);
	thread_put(leader);
	process_put(process); /* the table's */
}

void thread_exit(struct thread *thread)
{
	struct process *process = process_get(thread->process);

	thread_clear_tid(thread);
	vfork_complete(thread);
	thread_release_files(thread);
	free(thread->fpu);
	thread->fpu = NULL;
	quoin_vcpu_attach(0);
	if (thread_unlink(thread))
		process_exit(process);
	process_put(process);
}
