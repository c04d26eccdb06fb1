/* SPDX-License-Identifier: MIT */
/*
 * The table of numbers.  One entry per number says which thread, process group and session it
 * names; the number is free when it names none.  Numbers are given out in rising order, so that one
 * is not used again soon.
 */
#include "lockrank.h"
#include "process.h"
#include "process_internal.h"

struct pid_entry {
	struct thread *thread;
	struct pgrp *pgrp;
	struct session *session;
};

struct mutex tasklist_lock = MUTEX_INIT("tasklist", LOCK_TASKLIST);

static struct pid_entry pid_table[PID_MAX]; /* under tasklist_lock */
static int pid_last;                        /* under tasklist_lock */

#define PID_RESERVED 300 /* after the first round the low numbers are left alone, as on Linux */

static bool pid_valid(int pid)
{
	return pid > 0 && pid < PID_MAX;
}

int pid_alloc_locked(struct thread *thread)
{
	int pid = pid_last;

	for (int tries = 0; tries < PID_MAX; tries++) {
		if (++pid >= PID_MAX)
			pid = PID_RESERVED;
		struct pid_entry *entry = &pid_table[pid];
		if (entry->thread || entry->pgrp || entry->session)
			continue;
		entry->thread = thread;
		pid_last = pid;
		return pid;
	}
	return -EAGAIN;
}

void pid_free_locked(int pid)
{
	pid_table[pid].thread = NULL;
}

void pid_set_thread_locked(int pid, struct thread *thread)
{
	pid_table[pid].thread = thread;
}

int process_last_pid(void)
{
	return __atomic_load_n(&pid_last, __ATOMIC_RELAXED);
}

struct thread *pid_thread(int pid)
{
	return pid_valid(pid) ? pid_table[pid].thread : NULL;
}

struct process *pid_process(int pid)
{
	struct thread *thread = pid_thread(pid);

	return thread && thread->process->pid == pid ? thread->process : NULL;
}

struct pgrp *pid_pgrp(int pid)
{
	return pid_valid(pid) ? pid_table[pid].pgrp : NULL;
}

struct session *pid_session(int pid)
{
	return pid_valid(pid) ? pid_table[pid].session : NULL;
}

struct process *process_find(int pid)
{
	mutex_lock(&tasklist_lock);
	struct process *process = pid_process(pid);
	if (process)
		process_get(process);
	mutex_unlock(&tasklist_lock);
	return process;
}

struct process *process_next(int pid)
{
	struct process *process = NULL;

	mutex_lock(&tasklist_lock);
	for (int n = pid < 1 ? 1 : pid; n < PID_MAX && !process; n++)
		process = pid_process(n);
	if (process)
		process_get(process);
	mutex_unlock(&tasklist_lock);
	return process;
}

/* Process groups and sessions. */

struct session *session_create_locked(struct process *leader)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	atomic_init(&session->refs, 1);
	session->id = leader ? leader->pid : 0;
	session->leader = leader;
	list_init(&session->pgrps);
	return session;
}

void session_put(struct session *session)
{
	if (session && atomic_fetch_sub(&session->refs, 1) == 1)
		free(session);
}

/* The one reference is the table's, until the last member leaves. */
struct pgrp *pgrp_create_locked(int id, struct session *session)
{
	struct pgrp *pgrp = calloc(1, sizeof(*pgrp));

	if (!pgrp)
		return NULL;
	atomic_init(&pgrp->refs, 1);
	pgrp->id = id;
	pgrp->session = session_get(session);
	list_init(&pgrp->processes);
	list_add_tail(&session->pgrps, &pgrp->link);
	pid_table[id].pgrp = pgrp;
	if (id == session->id)
		pid_table[id].session = session;
	return pgrp;
}

static void pgrp_free(struct pgrp *pgrp)
{
	session_put(pgrp->session);
	free(pgrp);
}

void pgrp_put(struct pgrp *pgrp)
{
	if (pgrp && atomic_fetch_sub(&pgrp->refs, 1) == 1)
		pgrp_free(pgrp);
}

struct pgrp *pgrp_find(int pid)
{
	mutex_lock(&tasklist_lock);
	struct pgrp *pgrp = pid_pgrp(pid);
	if (pgrp)
		pgrp_get(pgrp);
	mutex_unlock(&tasklist_lock);
	return pgrp;
}

void pgrp_join_locked(struct process *process, struct pgrp *pgrp)
{
	process->pgrp = pgrp_get(pgrp);
	list_add_tail(&pgrp->processes, &process->pgrp_link);
}

/* A group without members, a session without groups is no longer found; a tty may still hold them.
 */
void pgrp_leave_locked(struct process *process)
{
	struct pgrp *pgrp = process->pgrp;

	list_remove(&process->pgrp_link);
	process->pgrp = NULL;
	if (list_empty(&pgrp->processes)) {
		pid_table[pgrp->id].pgrp = NULL;
		list_remove(&pgrp->link);
		if (list_empty(&pgrp->session->pgrps))
			pid_table[pgrp->session->id].session = NULL;
		pgrp_put(pgrp); /* the table's */
	}
	pgrp_put(pgrp);
}

bool pgrp_is_orphaned_locked(struct pgrp *pgrp, const struct process *ignored)
{
	struct process *process;

	list_for_each_entry (process, &pgrp->processes, pgrp_link) {
		const struct process *parent = process->parent;
		if (process == ignored || process->zombie || !parent || parent->pid == 1 || !parent->pgrp)
			continue;
		if (parent->pgrp != pgrp && parent->pgrp->session == pgrp->session)
			return false;
	}
	return true;
}

bool pgrp_is_orphaned(struct pgrp *pgrp)
{
	mutex_lock(&tasklist_lock);
	bool orphaned = pgrp_is_orphaned_locked(pgrp, NULL);
	mutex_unlock(&tasklist_lock);
	return orphaned;
}
