/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a binary heap by deadline, and one thread that sleeps until the first.
 *
 * timer_cancel returns only when the function is not running, so its caller may free the timer;
 * when called from the function itself (on the timer thread) it does not wait.
 */
#include "clock_internal.h"
#include "lockrank.h"
#include "process_internal.h"
#include "timer_heap.h"

static struct mutex timer_lock = MUTEX_INIT("timers", LOCK_TIMER);
static struct timer_heap heap;    /* under timer_lock */
static struct timer *running;     /* under timer_lock: its function is being called */
static uint64_t thread_deadline;  /* under timer_lock: what the thread sleeps for */
static _Atomic uint32_t changed;  /* futex word of the timer thread */
static _Atomic uint32_t finished; /* futex word of timer_cancel: counts returned functions */
static struct runtime_thread *timer_thread;

void timer_init(struct timer *timer, void (*expired)(struct timer *))
{
	*timer = (struct timer){ .expired = expired };
}

static void thread_rouse(void)
{
	atomic_fetch_add(&changed, 1);
	quoin_futex_wake((uintptr_t)&changed, 1);
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
	mutex_lock(&timer_lock);
	timer_heap_remove(&heap, timer);
	timer->deadline = deadline;
	if (timer_heap_insert(&heap, timer))
		log_printf("no memory for a timer"); /* it never expires */
	bool earlier = deadline < thread_deadline;
	mutex_unlock(&timer_lock);
	if (earlier)
		thread_rouse();
}

bool timer_cancel(struct timer *timer)
{
	mutex_lock(&timer_lock);
	bool armed = timer_heap_remove(&heap, timer);
	while (running == timer && runtime_self() != timer_thread) {
		uint32_t seen = atomic_load(&finished);
		mutex_unlock(&timer_lock);
		quoin_futex_wait((uintptr_t)&finished, seen, QUOIN_DEADLINE_NEVER, 0);
		mutex_lock(&timer_lock);
		armed |= timer_heap_remove(&heap, timer); /* the function may have armed it again */
	}
	mutex_unlock(&timer_lock);
	return armed;
}

static void run_expired_locked(void)
{
	struct timer *timer;

	while ((timer = timer_heap_first(&heap)) && timer->deadline <= clock_monotonic_ns()) {
		timer_heap_remove(&heap, timer);
		running = timer;
		mutex_unlock(&timer_lock);
		timer->expired(timer);
		mutex_lock(&timer_lock);
		running = NULL;
		atomic_fetch_add(&finished, 1);
		quoin_futex_wake((uintptr_t)&finished, UINT32_MAX);
	}
}

static void timer_main(void *argument)
{
	timer_thread = runtime_self();
	for (;;) {
		mutex_lock(&timer_lock);
		run_expired_locked();
		uint32_t seen = atomic_load(&changed);
		struct timer *first = timer_heap_first(&heap);
		thread_deadline = first ? first->deadline : QUOIN_DEADLINE_NEVER;
		mutex_unlock(&timer_lock);
		quoin_futex_wait((uintptr_t)&changed, seen, thread_deadline, 0);
	}
}

void timers_start(void)
{
	struct thread_options options = { .name = "timers", .sched_class = QUOIN_SCHED_SERVER };

	thread_deadline = QUOIN_DEADLINE_NEVER;
	if (thread_spawn(&options, timer_main, NULL, NULL))
		panic("no timer thread");
}
