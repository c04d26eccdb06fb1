/* Futexes. */
#include "ktest.h"

static uint32_t word;
static uint32_t turns;

static void sleeper(void *argument)
{
	(void)argument;
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		quoin_futex_wait((uintptr_t)&word, 0, QUOIN_DEADLINE_NEVER, 0);
	__atomic_fetch_add(&turns, 1, __ATOMIC_SEQ_CST);
}

KTEST(futex_arguments)
{
	uint32_t *lazy = memory_get(PAGE);

	expect_eq(quoin_futex_wait((uintptr_t)lazy + 2, 0, 0, 0), -QERR_INVAL);
	expect_eq(quoin_futex_wait(0x1000, 0, 0, 0), -QERR_INVAL);
	expect_eq(quoin_futex_wait(QUOIN_KERNEL_MIN, 0, 0, 0), -QERR_INVAL);
	expect_eq(quoin_futex_wait(QUOIN_SERVER_MMAP + (1ul << 40), 0, 0, 0), -QERR_FAULT);
	expect_eq(quoin_futex_wait((uintptr_t)lazy, 0, 0, 2), -QERR_INVAL);
	expect_eq(quoin_futex_wait((uintptr_t)lazy, 1, 0, 0), -QERR_AGAIN); /* faulted in */
	expect_eq(quoin_futex_wait((uintptr_t)lazy, 0, 0, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_futex_wait((uintptr_t)lazy, 0, now_ns() + 1000000, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_futex_wake((uintptr_t)lazy, 1), 0);
	expect_eq(quoin_futex_wait(QUOIN_SERVER_INFO, 0, 0, 0), -QERR_AGAIN); /* not memory */
	need(quoin_aspace_protect(QUOIN_SELF_ASPACE, (uintptr_t)lazy, PAGE, 0));
	expect_eq(quoin_futex_wait((uintptr_t)lazy, 0, 0, 0), -QERR_FAULT);
	expect_eq(quoin_system_stats((uintptr_t)lazy), -QERR_FAULT);
	expect_eq(quoin_futex_wake(QUOIN_KERNEL_MIN, 1), -QERR_INVAL);
	memory_drop(lazy, PAGE);
}

KTEST(futex_wakes_all_sleepers)
{
	struct ktest_thread threads[6];

	word = turns = 0;
	for (unsigned i = 0; i < 6; i++)
		threads[i] = thread_run(sleeper, NULL);
	nap();
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	for (unsigned woken = 0; __atomic_load_n(&turns, __ATOMIC_SEQ_CST) < 6;) {
		woken += quoin_futex_wake((uintptr_t)&word, 2);
		expect(woken <= 6);
		nap();
	}
	for (unsigned i = 0; i < 6; i++)
		thread_join(&threads[i]);
}

/* A mutex of three states, hammered. */
static uint32_t lock;
static uint64_t counter;

static void lock_take(void)
{
	uint32_t old = 0;

	if (__atomic_compare_exchange_n(&lock, &old, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_SEQ_CST))
		quoin_futex_wait((uintptr_t)&lock, 2, QUOIN_DEADLINE_NEVER, 0);
}

static void lock_drop(void)
{
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_SEQ_CST) == 2)
		quoin_futex_wake((uintptr_t)&lock, 1);
}

static void hammer(void *argument)
{
	(void)argument;
	for (int i = 0; i < 2000; i++) {
		lock_take();
		counter++;
		if (i % 16 == 0)
			nap();
		lock_drop();
	}
}

KTEST(futex_mutex_excludes)
{
	struct ktest_thread threads[4];

	counter = lock = 0;
	for (unsigned i = 0; i < 4; i++)
		threads[i] = thread_run(hammer, NULL);
	for (unsigned i = 0; i < 4; i++)
		thread_join(&threads[i]);
	expect_eq(counter, 8000);
}
