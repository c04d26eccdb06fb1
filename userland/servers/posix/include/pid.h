/* SPDX-License-Identifier: MIT */
/*
 * Numbers of threads, processes, process groups and sessions: one table, indexed by number.  A
 * number is free again when it names none of them.  The table and the tree of processes are under
 * tasklist_lock; a pointer found there is safe while the lock is held, or with a reference taken
 * under it.
 */
#ifndef POSIX_PID_H
#define POSIX_PID_H

#include <stdatomic.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>

#define PID_MAX 32768

struct process;
struct thread;
struct tty;

extern struct mutex tasklist_lock;

/* Locks: [t] tasklist_lock, [a] atomic, [I] immutable, [y] the tty layer's lock */
struct session {
	_Atomic uint32_t refs;
	int id;                 /* [I] */
	struct process *leader; /* [t] null when it has exited */
	struct list pgrps;      /* [t] of struct pgrp */
	struct tty *tty;        /* [y] controlling terminal, or null */
};

struct pgrp {
	_Atomic uint32_t refs;
	int id;                  /* [I] */
	struct session *session; /* [I] holds a reference */
	struct list processes;   /* [t] of struct process, by pgrp_link */
	struct list link;        /* [t] in session.pgrps while it has members */
};

/* Call with tasklist_lock held; null if there is none. */
struct thread *pid_thread(int pid);
struct process *pid_process(int pid); /* a process by its own number, zombies included */
struct pgrp *pid_pgrp(int pid);
struct session *pid_session(int pid);

/* With a reference, taking tasklist_lock; null if there is none. */
struct process *process_find(int pid);
struct process *process_next(int pid); /* the first with a number >= pid, for walks of all: or null */
struct pgrp *pgrp_find(int pid);

static inline struct pgrp *pgrp_get(struct pgrp *pgrp)
{
	atomic_fetch_add_explicit(&pgrp->refs, 1, memory_order_relaxed);
	return pgrp;
}
void pgrp_put(struct pgrp *pgrp); /* null is allowed */

static inline struct session *session_get(struct session *session)
{
	atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
	return session;
}
void session_put(struct session *session);

/* No member has a parent in another group of the same session: job control stops must not stop it.
 */
bool pgrp_is_orphaned(struct pgrp *pgrp);

#endif
