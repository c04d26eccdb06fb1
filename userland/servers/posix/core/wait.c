/* SPDX-License-Identifier: MIT */
/*
 * Wait queues.  Why no wake-up is lost:
 *
 *   sleeper                                     waker
 *   1 adds its waiter to the queue              A makes the condition true
 *   2 looks at the condition: false             B looks at nr_waiters / takes the queue's lock
 *   3 futex_wait while token.woken == 0         C sets token.woken = 1, then futex_wake
 *
 * If B finds the waiter, C sets the word: before 3, then the kernel refuses to sleep (AGAIN); after
 * 3, then futex_wake ends it.  If B does not find the waiter, 1 comes after B; both sides have a
 * full barrier between their store and their load (nr_waiters is changed and read sequentially
 * consistent), so 2 sees what A wrote.  A signal is handled the same way: it is recorded in
 * thread.work first and kicked after; the kick latch makes futex_wait return INTR, and thread.work
 * is read after the latch is cleared.
 *
 * A waker takes the waiter out of the queue.  It may touch the waiter only under the queue's lock;
 * later it knows just the address of the futex word, and a wake-up on a word whose owner has gone
 * on is one of the spurious ones that everybody expects.
 *
 * wait.pml is this as a model, for Spin.
 */
#include "lockrank.h"
#include "process.h"
#include "wait.h"

#define WAKE_BATCH 16

void wait_queue_init(struct wait_queue *queue)
{
	mutex_init(&queue->lock, "wait queue", LOCK_WAITQ);
	list_init(&queue->waiters);
	atomic_init(&queue->nr_waiters, 0);
}

void wait_queue_add(struct wait_queue *queue, struct waiter *waiter, struct wait_token *token)
{
	mutex_lock(&queue->lock);
	waiter->token = token;
	__atomic_store_n(&waiter->queue, queue, __ATOMIC_RELAXED);
	list_add_tail(&queue->waiters, &waiter->link);
	atomic_fetch_add(&queue->nr_waiters, 1);
	mutex_unlock(&queue->lock);
	atomic_thread_fence(memory_order_seq_cst);
}

/* Under the queue's lock; the store of null comes last, for wait_queue_remove looks at it without.
 */
static void waiter_take_out(struct wait_queue *queue, struct waiter *waiter)
{
	list_remove(&waiter->link);
	atomic_fetch_sub(&queue->nr_waiters, 1);
	__atomic_store_n(&waiter->queue, NULL, __ATOMIC_RELEASE);
}

void wait_queue_remove(struct waiter *waiter)
{
	struct wait_queue *queue = __atomic_load_n(&waiter->queue, __ATOMIC_ACQUIRE);

	if (!queue)
		return;
	mutex_lock(&queue->lock);
	if (waiter->queue)
		waiter_take_out(queue, waiter);
	mutex_unlock(&queue->lock);
}

/* Takes at most limit waiters out, the oldest first: how many; the words that have to be woken. */
static unsigned collect(struct wait_queue *queue, unsigned limit, _Atomic uint32_t **words, unsigned *nr_words)
{
	unsigned taken = 0;

	*nr_words = 0;
	mutex_lock(&queue->lock);
	for (; taken < limit && !list_empty(&queue->waiters); taken++) {
		struct waiter *waiter = list_entry(queue->waiters.next, struct waiter, link);
		_Atomic uint32_t *word = &waiter->token->woken;
		if (!atomic_exchange(word, 1))
			words[(*nr_words)++] = word;
		waiter_take_out(queue, waiter);
	}
	mutex_unlock(&queue->lock);
	return taken;
}

/*
 * As many as there were when it began: a sleeper whose condition is still false queues up again behind
 * them, and to wake it over and over would keep both from anything else.
 */
void wait_queue_wake_all(struct wait_queue *queue)
{
	_Atomic uint32_t *words[WAKE_BATCH];
	unsigned left, taken, nr_words;

	atomic_thread_fence(memory_order_seq_cst);
	for (left = atomic_load(&queue->nr_waiters); left; left -= taken) {
		taken = collect(queue, MIN(left, WAKE_BATCH), words, &nr_words);
		if (!taken)
			return;
		for (unsigned i = 0; i < nr_words; i++)
			quoin_futex_wake((uintptr_t)words[i], 1);
	}
}

static bool must_break_off(enum wait_mode mode)
{
	switch (mode) {
	case WAIT_INTERRUPTIBLE:
		return signal_pending();
	case WAIT_KILLABLE:
		return signal_fatal_pending();
	default:
		return false;
	}
}

long wait_block(struct wait_token *token, uint64_t deadline, enum wait_mode mode)
{
	for (;;) {
		if (atomic_exchange(&token->woken, 0))
			return 0;
		if (must_break_off(mode))
			return -ERESTARTSYS;
		long result =
			quoin_futex_wait((uintptr_t)&token->woken, 0, deadline, mode != WAIT_UNINTERRUPTIBLE);
		if (result == -QERR_TIMEDOUT)
			return atomic_exchange(&token->woken, 0) ? 0 : -ETIMEDOUT;
		if (result == -QERR_INTR)
			quoin_vcpu_kick_clear(); /* thread.work says what it was about */
	}
}
