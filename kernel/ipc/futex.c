/*
 * Futexes: a thread sleeps while a word of its task's memory has an expected value.
 *
 * Waiters lie in a hash of buckets by task and address.  The word is read under the bucket's lock,
 * and a waker takes that lock after it has changed the word; so either the waiter sees the new
 * value, or the waker finds it in the bucket: no wake-up is lost.  Under the lock the word is read
 * without taking a fault; if its page is not there it is faulted in without the lock, and all
 * begins again.
 */
#include "aspace.h"
#include "debug.h"
#include "futex.h"
#include "ipc.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

#define FUTEX_BUCKETS 256u

/* [l] lock */
static struct futex_bucket {
	struct spinlock lock;
	struct list_node waiters; /* [l] of thread.ipc.node */
} __attribute__((aligned(64))) buckets[FUTEX_BUCKETS];

void futex_init(void)
{
	for (unsigned i = 0; i < FUTEX_BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex", LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static struct futex_bucket *bucket_of(const struct task *task, uintptr_t word)
{
	uint64_t key = ((uintptr_t)task >> 6) ^ (word >> 2);

	return &buckets[(key * 0x9e3779b97f4a7c15ul) >> 56];
}

static bool word_ok(uintptr_t word)
{
	return word % 4 == 0 && user_range_ok(word, 4);
}

/*
 * With the bucket locked and *word == expected; or an error without the lock.  A page that does not
 * stay (or can't be read here: device memory) ends in AGAIN, which a waiter has to expect anyway.
 */
static long lock_and_compare(struct futex_bucket *bucket, struct thread *self, uintptr_t word,
			     uint32_t expected)
{
	uint32_t value;

	for (int tries = 0; tries < 3; tries++) {
		spin_lock(&bucket->lock);
		if (likely(aspace_peek_u32(self->native, word, &value))) {
			if (value == expected)
				return 0;
			spin_unlock(&bucket->lock);
			return -QERR_AGAIN;
		}
		spin_unlock(&bucket->lock);
		if (copy_from_user(&value, word, sizeof(value)))
			return -QERR_FAULT;
	}
	return -QERR_AGAIN;
}

long call_futex_wait(uintptr_t word, uint32_t expected, uint64_t deadline, uint32_t interruptible)
{
	struct thread *self = current_thread();
	struct futex_bucket *bucket = bucket_of(self->task, word);
	long result;

	if (!word_ok(word) || interruptible > 1)
		return -QERR_INVAL;
	result = lock_and_compare(bucket, self, word, expected);
	if (result)
		return result;
	thread_prepare_block();
	self->ipc.state = IPC_WAITING;
	self->ipc.key = word;
	list_add_tail(&bucket->waiters, &self->ipc.node);
	spin_unlock(&bucket->lock);
	result = thread_block(deadline, interruptible);
	if (!result)
		return 0;
	spin_lock(&bucket->lock);
	if (self->ipc.state == IPC_WAITING) {
		list_remove(&self->ipc.node);
		self->ipc.state = IPC_IDLE;
	} else {
		result = 0;
	}
	spin_unlock(&bucket->lock);
	return result;
}

long call_futex_wake(uintptr_t word, uint32_t count)
{
	struct task *task = current_thread()->task;
	struct futex_bucket *bucket = bucket_of(task, word);
	struct list_node *node, *next;
	uint32_t woken = 0;

	if (!word_ok(word))
		return -QERR_INVAL;
	spin_lock(&bucket->lock);
	list_for_each_safe (node, next, &bucket->waiters) {
		struct thread *thread = container_of(node, struct thread, ipc.node);

		if (woken == count)
			break;
		if (thread->ipc.key != word || thread->task != task)
			continue;
		list_remove(node);
		thread->ipc.state = IPC_DONE;
		thread_wake(thread, 0);
		woken++;
	}
	spin_unlock(&bucket->lock);
	return woken;
}
