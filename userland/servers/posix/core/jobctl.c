/* SPDX-License-Identifier: MIT */
/*
 * Stopping and continuing processes, and the calls that arrange them in groups and sessions.
 *
 *   running -- a thread takes a stop signal --> stop_requested, all are kicked
 *           -- each parks (nr_stopped), the last one --> stopped, the parent is told
 *   stopped -- SIGCONT is sent --> running; the first thread that wakes tells the parent
 *
 * Telling the parent needs tasklist_lock, which is taken before signal_lock: so the state is
 * changed under signal_lock, jobctl_notify tells afterwards what has become true.
 */
#include "lockrank.h"
#include "process_internal.h"
#include "tty.h"

/* ---- stop and continue ---- */

static void stop_completed_locked(struct process *process)
{
	if (process->stop_requested && !process->stopped && process->nr_stopped >= process->nr_threads) {
		process->stopped = true;
		process->stop_reported = false;
		process->stop_event = true;
	}
}

void jobctl_stop_locked(struct process *process, int sig)
{
	if (process->group_exit || process->exec_thread)
		return;
	if (!process->stop_requested) {
		process->stop_requested = true;
		process->stop_generation++;
		process->nr_stopped = 0;
		process->stopped = false;
		process->continued = false;
	}
	process->stop_signal = sig;
	process_kick_all_locked(process, NULL, WORK_STOP);
}

void jobctl_continue_locked(struct process *process)
{
	struct thread *thread;

	process->nr_continues++;
	if (!process->stop_requested)
		return;
	if (process->stopped) {
		process->continued = true;
		process->continue_event = true;
	}
	process->stop_requested = false;
	process->stopped = false;
	process->nr_stopped = 0;
	list_for_each_entry (thread, &process->threads, link)
		atomic_fetch_and(&thread->work, ~(uint32_t)WORK_STOP);
	wait_queue_wake_all(&process->stop_wait);
}

void jobctl_thread_gone_locked(struct process *process)
{
	if (process->nr_threads)
		stop_completed_locked(process);
}

void jobctl_notify(struct process *process)
{
	if (!process->stop_event && !process->continue_event)
		return;
	mutex_lock(&tasklist_lock);
	mutex_lock(&process->signal_lock);
	bool stop = process->stop_event, cont = process->continue_event;
	int sig = process->stop_signal;
	process->stop_event = process->continue_event = false;
	mutex_unlock(&process->signal_lock);
	if (stop)
		process_notify_parent_locked(process, LINUX_CLD_STOPPED, sig);
	if (cont)
		process_notify_parent_locked(process, LINUX_CLD_CONTINUED, LINUX_SIGCONT);
	mutex_unlock(&tasklist_lock);
}

void jobctl_park(struct thread *thread)
{
	struct process *process = thread->process;

	mutex_lock(&process->signal_lock);
	bool stop = process->stop_requested && !process->group_exit;
	uint32_t generation = process->stop_generation;
	if (stop) {
		process->nr_stopped++;
		stop_completed_locked(process);
	} else {
		atomic_fetch_and(&thread->work, ~(uint32_t)WORK_STOP);
	}
	mutex_unlock(&process->signal_lock);
	if (!stop)
		return;
	jobctl_notify(process);
	/* After a continue and another stop it has to be counted again. */
	wait_event_killable(&process->stop_wait, !(atomic_load(&thread->work) & WORK_STOP) ||
							 process->stop_generation != generation);
	jobctl_notify(process);
}

/* ---- groups and sessions ---- */

long sys_setsid(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct session *session = NULL;
	struct pgrp *pgrp = NULL;
	long result = -EPERM;

	mutex_lock(&tasklist_lock);
	if (!pid_pgrp(process->pid) && !pid_session(process->pid)) {
		result = -ENOMEM;
		session = session_create_locked(process);
		if (session)
			pgrp = pgrp_create_locked(process->pid, session);
	}
	if (pgrp) {
		pgrp_leave_locked(process);
		pgrp_join_locked(process, pgrp);
		result = process->pid;
	}
	mutex_unlock(&tasklist_lock);
	if (session)
		session_put(session); /* the group holds it now */
	return result;
}

long sys_getsid(SYSCALL_ARGS)
{
	int pid = (int)a0;
	long result = -ESRCH;

	mutex_lock(&tasklist_lock);
	struct thread *thread = pid ? pid_thread(pid) : current;
	if (thread && thread->process->pgrp)
		result = thread->process->pgrp->session->id;
	mutex_unlock(&tasklist_lock);
	return result;
}

long sys_getpgid(SYSCALL_ARGS)
{
	int pid = (int)a0;
	long result = -ESRCH;

	mutex_lock(&tasklist_lock);
	struct thread *thread = pid ? pid_thread(pid) : current;
	if (thread && thread->process->pgrp)
		result = thread->process->pgrp->id;
	mutex_unlock(&tasklist_lock);
	return result;
}

long sys_getpgrp(SYSCALL_ARGS)
{
	return sys_getpgid(0, 0, 0, 0, 0, 0);
}

/* POSIX setpgid(): the conditions in the order Linux checks them. */
static long setpgid_check(struct process *process, int pgid)
{
	struct process *self = current->process;

	if (process->parent == self) {
		if (process->pgrp->session != self->pgrp->session)
			return -EPERM;
		if (process->did_exec)
			return -EACCES;
	} else if (process != self) {
		return -ESRCH;
	}
	if (process->pgrp->session->leader == process)
		return -EPERM;
	if (pgid != process->pid) {
		struct pgrp *pgrp = pid_pgrp(pgid);
		if (!pgrp || pgrp->session != self->pgrp->session)
			return -EPERM;
	}
	return 0;
}

static long setpgid_locked(int pid, int pgid)
{
	struct process *process = pid_process(pid);
	struct pgrp *pgrp;

	if (!process || process->reaped || !process->pgrp)
		return -ESRCH;
	long error = setpgid_check(process, pgid);
	if (error || process->pgrp->id == pgid)
		return error;
	pgrp = pid_pgrp(pgid);
	if (!pgrp)
		pgrp = pgrp_create_locked(pgid, process->pgrp->session);
	if (!pgrp)
		return -ENOMEM;
	pgrp_leave_locked(process);
	pgrp_join_locked(process, pgrp);
	return 0;
}

long sys_setpgid(SYSCALL_ARGS)
{
	int pid = a0 ? (int)a0 : current->process->pid;
	int pgid = a1 ? (int)a1 : pid;

	if (pgid < 0)
		return -EINVAL;
	mutex_lock(&tasklist_lock);
	long result = setpgid_locked(pid, pgid);
	mutex_unlock(&tasklist_lock);
	return result;
}
