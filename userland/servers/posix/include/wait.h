/* SPDX-License-Identifier: MIT */
/*
 * Sleeping.  A wait_queue is a list of waiters; a waiter belongs to a wait_token, the futex word on
 * which its thread sleeps.  One token may stand in many queues (poll).  The usual way is
 * wait_event():
 *
 *	sleeper                                       waker
 *	error = wait_event(&pipe->readers,            pipe->nr_bytes += n;
 *	                   pipe_readable(pipe));      wait_queue_wake_all(&pipe->readers);
 *
 * The condition is evaluated without locks, again and again; what it says must stay true or be
 * checked again under the lock that protects it.  Any thread of the server may wait, also one that
 * serves no process.  wait.c has the argument why no wake-up is lost.
 */
#ifndef POSIX_WAIT_H
#define POSIX_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>
#include <quoin/types.h>
#include "linux/errno.h"

struct wait_queue {
	struct mutex lock;
	struct list waiters;         /* of struct waiter, oldest first */
	_Atomic uint32_t nr_waiters; /* so that a wake-up of nobody takes no lock */
};

struct wait_token {
	_Atomic uint32_t woken; /* the futex word: 0 asleep or about to be, 1 woken */
};

struct waiter {
	struct list link;
	struct wait_queue
		*queue; /* null when in none; cleared by whoever takes it out, under the queue's lock */
	struct wait_token *token;
};

enum wait_mode {
	WAIT_UNINTERRUPTIBLE,
	WAIT_INTERRUPTIBLE, /* ends with -ERESTARTSYS when a signal is to be handled */
	WAIT_KILLABLE,      /* only when the thread is to die */
};

void wait_queue_init(struct wait_queue *queue);
void wait_queue_wake_all(struct wait_queue *queue); /* all that wait when it is called */

/* The parts of which wait_event and poll are made. */
static inline void wait_token_init(struct wait_token *token)
{
	atomic_init(&token->woken, 0);
}
void wait_queue_add(struct wait_queue *queue, struct waiter *waiter, struct wait_token *token);
void wait_queue_remove(struct waiter *waiter); /* no error if a waker has taken it out */

/*
 * Sleep until the token is woken (0; the token is reset), the deadline passes (-ETIMEDOUT) or, as
 * the mode says, a signal comes (-ERESTARTSYS).  After 0 check the condition again: it may be
 * spurious.
 */
long wait_block(struct wait_token *token, uint64_t deadline, enum wait_mode mode);

#define wait_event_until(queue_, condition_, deadline_, mode_)                 \
	({                                                                     \
		struct wait_token token__;                                     \
		struct waiter waiter__ = { .queue = NULL };                    \
		bool queued__ = false;                                         \
		long result__ = 0;                                             \
		wait_token_init(&token__);                                     \
		for (;;) {                                                     \
			if (condition_) {                                      \
				result__ = 0;                                  \
				break;                                         \
			}                                                      \
			if (result__)                                          \
				break;                                         \
			if (!queued__) {                                       \
				wait_queue_add((queue_), &waiter__, &token__); \
				queued__ = true;                               \
				continue;                                      \
			}                                                      \
			result__ = wait_block(&token__, (deadline_), (mode_)); \
			if (!result__) {                                       \
				wait_queue_remove(&waiter__);                  \
				queued__ = false;                              \
			}                                                      \
		}                                                              \
		if (queued__)                                                  \
			wait_queue_remove(&waiter__);                          \
		result__;                                                      \
	})

#define wait_event(queue, condition) \
	wait_event_until(queue, condition, QUOIN_DEADLINE_NEVER, WAIT_INTERRUPTIBLE)
#define wait_event_deadline(queue, condition, deadline) \
	wait_event_until(queue, condition, deadline, WAIT_INTERRUPTIBLE)
#define wait_event_killable(queue, condition) \
	wait_event_until(queue, condition, QUOIN_DEADLINE_NEVER, WAIT_KILLABLE)
#define wait_event_uninterruptible(queue, condition) \
	((void)wait_event_until(queue, condition, QUOIN_DEADLINE_NEVER, WAIT_UNINTERRUPTIBLE))

#endif
