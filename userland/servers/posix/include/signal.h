/* SPDX-License-Identifier: MIT */
/*
 * Signals.  A signal is first recorded as pending, for a thread or for its process, then the thread
 * that is to take it is kicked; it takes it on its way back to the application
 * (core/signal_deliver.c), or a wait in between ends with -ERESTARTSYS.  All state here is under
 * process.signal_lock.
 */
#ifndef POSIX_SIGNAL_H
#define POSIX_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <quoin/list.h>
#include "linux/signal.h"

struct process;
struct thread;
struct pgrp;
struct session;
struct cred;

/* The set of signal number sig (1..64). */
#define SIGSET(sig) (1ull << ((sig)-1))

#define SIGSET_UNBLOCKABLE (SIGSET(LINUX_SIGKILL) | SIGSET(LINUX_SIGSTOP))
#define SIGSET_STOP \
	(SIGSET(LINUX_SIGSTOP) | SIGSET(LINUX_SIGTSTP) | SIGSET(LINUX_SIGTTIN) | SIGSET(LINUX_SIGTTOU))
/* Faults of the program itself: taken before all others. */
#define SIGSET_SYNCHRONOUS                                                                             \
	(SIGSET(LINUX_SIGSEGV) | SIGSET(LINUX_SIGBUS) | SIGSET(LINUX_SIGILL) | SIGSET(LINUX_SIGTRAP) | \
	 SIGSET(LINUX_SIGFPE) | SIGSET(LINUX_SIGSYS))
#define SIGSET_IGNORED_BY_DEFAULT \
	(SIGSET(LINUX_SIGCHLD) | SIGSET(LINUX_SIGCONT) | SIGSET(LINUX_SIGURG) | SIGSET(LINUX_SIGWINCH))

struct sigpending {
	uint64_t set;
	struct list queue; /* of struct sigqueue; a signal in the set may have no entry (no memory) */
};

/*
 * Sending.  info may be null: then it is from the server itself (LINUX_SI_KERNEL).  These take the
 * locks they need; none sleeps.
 */
void signal_send_thread(struct thread *thread, int sig, const struct linux_siginfo *info);
void signal_send_process(struct process *process, int sig, const struct linux_siginfo *info);
void signal_send_pgrp(struct pgrp *pgrp, int sig, const struct linux_siginfo *info); /* null pgrp: no one */

/* To the calling thread: SIGPIPE, SIGXFSZ of a system call. */
void signal_send_self(int sig);

/* A fault of the calling thread: kills if the signal is blocked or ignored. */
void signal_force(int sig, int code, uint64_t addr);

/* Must the calling thread break off a wait? Memory only, no call. False for threads without a
 * process. */
bool signal_pending(void);
bool signal_fatal_pending(void); /* it is to die */

/* For the tty's job control: does the caller's process ignore or its thread block sig? */
bool signal_is_ignored_or_blocked(int sig);

/*
 * For calls that take a signal mask for the time they wait (ppoll, pselect6, epoll_pwait,
 * sigsuspend).  The old mask comes back when the call returns, after the handlers that the
 * temporary mask let in.
 */
long signal_mask_push(uint64_t user_sigset, uint64_t sigset_size); /* address 0: nothing; -EINVAL, -EFAULT */
void signal_mask_pop(long result); /* to be called with the call's result: keeps the mask for a
				      handler if it is -ERESTARTNOHAND or -EINTR */

#endif
