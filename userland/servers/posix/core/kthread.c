/* SPDX-License-Identifier: MIT */
/*
 * The pool of kernel threads.
 *
 * A kernel thread that has ended its POSIX thread goes to the pool and sleeps on its own futex word
 * until kthread_start gives it the next.  Only when the pool is full does it end.
 */
#include "lockrank.h"
#include "process_internal.h"

#define POOL_MAX 32

static struct mutex pool_lock = MUTEX_INIT("thread pool", LOCK_POOL);
static struct list pool = LIST_INIT(pool); /* under pool_lock */
static unsigned pool_size;                 /* under pool_lock */
static _Atomic uint32_t nr_kthreads;

uint32_t kthread_count(void)
{
	return atomic_load(&nr_kthreads);
}

static bool pool_add(struct kthread *kthread)
{
	mutex_lock(&pool_lock);
	bool room = pool_size < POOL_MAX;
	if (room) {
		list_add_head(&pool, &kthread->link);
		pool_size++;
	}
	mutex_unlock(&pool_lock);
	return room;
}

static void kthread_free(struct kthread *kthread)
{
	quoin_handle_close(kthread->handle);
	free(kthread);
	atomic_fetch_sub(&nr_kthreads, 1);
}

static void kthread_wait_start(struct kthread *kthread)
{
	while (!atomic_load(&kthread->start))
		quoin_futex_wait((uintptr_t)&kthread->start, 0, QUOIN_DEADLINE_NEVER, 0);
	atomic_store(&kthread->start, 0);
}

static void kthread_main(void *argument)
{
	struct kthread *kthread = argument;

	for (;;) {
		kthread_wait_start(kthread);
		struct thread *thread = kthread->thread;
		if (!thread)
			break;
		runtime_self()->user = thread;
		thread->page = ipc_thread_page();
		guest_run(thread);
		runtime_self()->user = NULL;
		kthread->thread = NULL;
		thread_put(thread);
		quoin_vcpu_kick_clear();
		if (!pool_add(kthread))
			break;
	}
	kthread_free(kthread);
}

static struct kthread *kthread_create(void)
{
	struct kthread *kthread = calloc(1, sizeof(*kthread));
	struct thread_options options = {
		.name = "posix",
		.sched_class = QUOIN_SCHED_FAIR,
		.weight = QUOIN_WEIGHT_DEFAULT,
	};

	if (!kthread)
		return NULL;
	list_init(&kthread->link);
	kthread->affinity = ~0ull;
	if (thread_spawn(&options, kthread_main, kthread, &kthread->handle)) {
		free(kthread);
		return NULL;
	}
	atomic_fetch_add(&nr_kthreads, 1);
	return kthread;
}

static struct kthread *pool_take(void)
{
	mutex_lock(&pool_lock);
	struct list *node = list_pop(&pool);
	if (node)
		pool_size--;
	mutex_unlock(&pool_lock);
	return node ? list_entry(node, struct kthread, link) : NULL;
}

struct kthread *kthread_get(void)
{
	struct kthread *kthread = pool_take();

	return kthread ? kthread : kthread_create();
}

void kthread_start(struct kthread *kthread, struct thread *thread)
{
	kthread->thread = thread;
	atomic_store(&kthread->start, 1);
	quoin_futex_wake((uintptr_t)&kthread->start, 1);
}

void kthread_put_unused(struct kthread *kthread)
{
	if (!pool_add(kthread))
		kthread_start(kthread, NULL);
}

void kthread_drop_idle(void)
{
	struct kthread *kthread;

	while ((kthread = pool_take()))
		kthread_start(kthread, NULL);
}

void kthread_warm(unsigned count)
{
	while (count--) {
		struct kthread *kthread = kthread_create();
		if (kthread)
			kthread_put_unused(kthread);
	}
}
