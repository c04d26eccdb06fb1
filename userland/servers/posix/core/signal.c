/* SPDX-License-Identifier: MIT */
/*
 * Sending and queueing signals.
 *
 * A signal for a process waits in process.pending until a thread that does not block it takes it,
 * one for a thread in thread.pending.  Signals below 32 are recorded once, realtime ones and those of
 * timers are queued each with its siginfo.  What a signal means is decided when it is sent as far as possible:
 * ignored ones are dropped, a stop signal removes a pending continue and the other way round,
 * SIGCONT wakes stopped threads, and a signal that kills starts the group exit at once, so that no
 * wait has to be ended twice.
 */
#include "lockrank.h"
#include "process_internal.h"
#include "rlimit.h"

struct sigqueue {
	struct list link;
	struct linux_siginfo info;
};

void sigpending_init(struct sigpending *pending)
{
	pending->set = 0;
	list_init(&pending->queue);
}

void siginfo_user(struct linux_siginfo *info, int sig, int code)
{
	*info = (struct linux_siginfo){
		.si_signo = sig,
		.si_code = code,
		.queue = { .pid = current->process->pid, .uid = current->cred->uid },
	};
}

/* ---- pending sets ---- */

/* A timer knows whether its signal is in a queue. */
static void entry_add(struct process *process, struct sigpending *pending, struct sigqueue *entry)
{
	list_add_tail(&pending->queue, &entry->link);
	process->nr_queued++;
	if (entry->info.si_code == LINUX_SI_TIMER)
		posix_timer_pending_locked(process, &entry->info, true);
}

static void entry_free(struct process *process, struct sigqueue *entry)
{
	list_remove(&entry->link);
	process->nr_queued--;
	if (entry->info.si_code == LINUX_SI_TIMER)
		posix_timer_pending_locked(process, &entry->info, false);
	free(entry);
}

void signal_flush_locked(struct process *process, struct sigpending *pending, uint64_t set)
{
	pending->set &= ~set;
	list_for_each_safe (node, next, &pending->queue) {
		struct sigqueue *entry = list_entry(node, struct sigqueue, link);
		if (SIGSET(entry->info.si_signo) & set)
			entry_free(process, entry);
	}
}

static void flush_everywhere(struct process *process, uint64_t set)
{
	struct thread *thread;

	signal_flush_locked(process, &process->pending, set);
	list_for_each_entry (thread, &process->threads, link)
		signal_flush_locked(process, &thread->pending, set);
}

/* -EAGAIN only for a realtime signal whose siginfo would be lost and whose sender wants to know. */
static long pending_add(struct process *process, struct sigpending *pending, int sig,
			const struct linux_siginfo *info)
{
	bool realtime = sig >= LINUX_SIGRTMIN, timer = info && info->si_code == LINUX_SI_TIMER;
	struct sigqueue *entry = NULL;

	if (!realtime && !timer && (pending->set & SIGSET(sig)))
		return 0;
	if (process->nr_queued < atomic_load(&process->soft_limits[LINUX_RLIMIT_SIGPENDING]))
		entry = malloc(sizeof(*entry));
	if (entry) {
		entry->info = info ? *info : (struct linux_siginfo){ .si_code = LINUX_SI_KERNEL };
		entry->info.si_signo = sig;
		entry_add(process, pending, entry);
	} else if (realtime && info && info->si_code != LINUX_SI_USER) {
		return -EAGAIN;
	}
	pending->set |= SIGSET(sig);
	return 0;
}

static void pending_take(struct process *process, struct sigpending *pending, int sig,
			 struct linux_siginfo *info)
{
	bool found = false, more = false;

	*info = (struct linux_siginfo){ .si_signo = sig, .si_code = LINUX_SI_USER };
	list_for_each_safe (node, next, &pending->queue) {
		struct sigqueue *entry = list_entry(node, struct sigqueue, link);
		if (entry->info.si_signo != sig)
			continue;
		more = found;
		if (more)
			break;
		found = true;
		*info = entry->info;
		entry_free(process, entry);
	}
	if (!more)
		pending->set &= ~SIGSET(sig);
	if (info->si_code == LINUX_SI_TIMER)
		posix_timer_taken_locked(process, info);
}

/* Faults of the program first, then the lowest number. */
static int pending_first(const struct sigpending *pending, uint64_t mask)
{
	uint64_t set = pending->set & mask;

	if (set & SIGSET_SYNCHRONOUS)
		set &= SIGSET_SYNCHRONOUS;
	return set ? __builtin_ctzll(set) + 1 : 0;
}

int signal_dequeue_locked(struct thread *thread, uint64_t mask, struct linux_siginfo *info)
{
	struct process *process = thread->process;
	int sig = pending_first(&thread->pending, mask);

	if (sig) {
		pending_take(process, &thread->pending, sig, info);
	} else {
		sig = pending_first(&process->pending, mask);
		if (sig)
			pending_take(process, &process->pending, sig, info);
	}
	return sig;
}

/* ---- who takes it ---- */

void signal_recalc_locked(struct thread *thread)
{
	uint64_t pending = thread->pending.set | thread->process->pending.set;

	if (pending & ~thread->blocked)
		atomic_fetch_or(&thread->work, WORK_SIGNAL);
	else
		atomic_fetch_and(&thread->work, ~(uint32_t)WORK_SIGNAL);
}

static void thread_rouse(struct thread *thread)
{
	atomic_fetch_or(&thread->work, WORK_SIGNAL);
	if (thread != current && thread->kthread)
		quoin_vcpu_kick(thread->kthread->handle);
}

static bool thread_takes(const struct thread *thread, int sig)
{
	return !thread->exited && (!(thread->blocked & SIGSET(sig)) || (thread->wait_set & SIGSET(sig)));
}

static struct thread *choose_thread(struct process *process, struct thread *wanted, int sig)
{
	struct thread *thread;

	if (wanted)
		return thread_takes(wanted, sig) ? wanted : NULL;
	if (process->leader && thread_takes(process->leader, sig))
		return process->leader;
	list_for_each_entry (thread, &process->threads, link)
		if (thread_takes(thread, sig))
			return thread;
	return NULL;
}

/* After a thread blocked more signals: what it would have taken goes to another. */
static void retarget_locked(struct thread *self, uint64_t newly_blocked)
{
	struct process *process = self->process;
	uint64_t set = process->pending.set & newly_blocked;
	struct thread *thread;

	if (!set || process->nr_threads < 2)
		return;
	list_for_each_entry (thread, &process->threads, link)
		if (thread != self && !thread->exited && (set & ~thread->blocked))
			thread_rouse(thread);
}

void signal_set_blocked(struct thread *thread, uint64_t mask)
{
	struct process *process = thread->process;

	mask &= ~SIGSET_UNBLOCKABLE;
	if (mask == thread->blocked)
		return;
	mutex_lock(&process->signal_lock);
	uint64_t newly = mask & ~thread->blocked;
	thread->blocked = mask;
	retarget_locked(thread, newly);
	signal_recalc_locked(thread);
	mutex_unlock(&process->signal_lock);
}

/* ---- sending ---- */

bool signal_ignored_locked(const struct process *process, int sig)
{
	uint64_t handler = process->actions[sig - 1].sa_handler;

	if (handler == LINUX_SIG_IGN)
		return true;
	return handler == LINUX_SIG_DFL && (SIGSET(sig) & SIGSET_IGNORED_BY_DEFAULT);
}

/* init gets only the signals it has handlers for; not even SIGKILL. */
bool signal_protected_locked(const struct process *process, int sig)
{
	return process == init_process && process->actions[sig - 1].sa_handler == LINUX_SIG_DFL;
}

static bool drop_at_once(struct process *process, struct thread *thread, int sig, bool force)
{
	const struct thread *taker = thread ? thread : process->leader;

	if (force)
		return false;
	if (taker && (taker->blocked | taker->wait_set) & SIGSET(sig))
		return false; /* it may get a handler before it is unblocked */
	return signal_protected_locked(process, sig) || signal_ignored_locked(process, sig);
}

static bool kills(const struct process *process, const struct thread *thread, int sig)
{
	if (sig == LINUX_SIGKILL)
		return true;
	if (thread->wait_set & SIGSET(sig))
		return false;
	return process->actions[sig - 1].sa_handler == LINUX_SIG_DFL &&
	       !(SIGSET(sig) & (SIGSET_IGNORED_BY_DEFAULT | SIGSET_STOP));
}

long signal_send_locked(struct process *process, struct thread *thread, int sig,
			const struct linux_siginfo *info, bool force)
{
	struct sigpending *pending = thread ? &thread->pending : &process->pending;

	if (process->group_exit || process->nr_threads == 0)
		return 0;
	if (sig == LINUX_SIGCONT) {
		flush_everywhere(process, SIGSET_STOP);
		jobctl_continue_locked(process);
	} else if (SIGSET(sig) & SIGSET_STOP) {
		flush_everywhere(process, SIGSET(LINUX_SIGCONT));
	}
	if (drop_at_once(process, thread, sig, force))
		return 0;
	struct thread *taker = choose_thread(process, thread, sig);
	if (taker && kills(process, taker, sig)) {
		process_exit_all_locked(process, LINUX_W_SIGNALED(sig));
		return 0;
	}
	long error = pending_add(process, pending, sig, info);
	if (!error && taker)
		thread_rouse(taker);
	return error;
}

void signal_send_thread(struct thread *thread, int sig, const struct linux_siginfo *info)
{
	struct process *process = thread->process;

	mutex_lock(&process->signal_lock);
	if (!thread->exited)
		signal_send_locked(process, thread, sig, info, false);
	mutex_unlock(&process->signal_lock);
}

void signal_send_process(struct process *process, int sig, const struct linux_siginfo *info)
{
	mutex_lock(&process->signal_lock);
	signal_send_locked(process, NULL, sig, info, false);
	mutex_unlock(&process->signal_lock);
}

void signal_send_pgrp(struct pgrp *pgrp, int sig, const struct linux_siginfo *info)
{
	struct process *process;

	if (!pgrp)
		return;
	mutex_lock(&tasklist_lock);
	list_for_each_entry (process, &pgrp->processes, pgrp_link)
		signal_send_process(process, sig, info);
	mutex_unlock(&tasklist_lock);
}

void signal_send_self(int sig)
{
	struct linux_siginfo info;

	siginfo_user(&info, sig, LINUX_SI_USER);
	signal_send_thread(current, sig, &info);
}

/* As Linux's force_sig: a blocked or ignored fault kills. */
void signal_force(int sig, int code, uint64_t addr)
{
	struct thread *self = current;
	struct process *process = self->process;
	struct linux_siginfo info = { .si_signo = sig, .si_code = code, .fault = { .addr = addr } };
	struct linux_sigaction *action = &process->actions[sig - 1];

	mutex_lock(&process->signal_lock);
	if ((self->blocked & SIGSET(sig)) || action->sa_handler == LINUX_SIG_IGN) {
		action->sa_handler = LINUX_SIG_DFL;
		self->blocked &= ~SIGSET(sig);
	}
	signal_send_locked(process, self, sig, &info, true);
	mutex_unlock(&process->signal_lock);
}

/* ---- questions ---- */

bool signal_pending(void)
{
	const struct thread *self = current;

	return self && (atomic_load(&self->work) & (WORK_SIGNAL | WORK_STOP | WORK_EXIT));
}

bool signal_fatal_pending(void)
{
	const struct thread *self = current;

	return self && (atomic_load(&self->work) & WORK_EXIT);
}

bool signal_is_ignored_or_blocked(int sig)
{
	const struct thread *self = current;

	return (self->blocked & SIGSET(sig)) || self->process->actions[sig - 1].sa_handler == LINUX_SIG_IGN;
}

uint64_t rlimit_get(unsigned resource)
{
	return atomic_load_explicit(&current->process->soft_limits[resource], memory_order_relaxed);
}
