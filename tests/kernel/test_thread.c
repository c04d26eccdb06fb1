/* Threads, futexes and time-outs as the scheduler sees them. */
#include "ktest.h"

#define NR_THREADS 8
#define ROUNDS     200

KTEST(thread_create_checks_its_arguments)
{
	struct quoin_thread_args args = {
		.entry = QUOIN_SERVER_IMAGE,
		.stack = QUOIN_SERVER_MMAP,
		.page = QUOIN_SERVER_STACKS + 16 * QUOIN_SLOT_BYTES,
		.sched_class = QUOIN_SCHED_FAIR,
	};
	struct quoin_thread_args bad = args;

	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, 0), -QERR_FAULT);
	expect_eq(quoin_thread_create(QUOIN_SELF_ASPACE, (uintptr_t)&args), -QERR_BADF);
	bad.entry = 0x400000;
	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&bad), -QERR_INVAL);
	bad = args;
	bad.entry = 0xffffffff80100000;
	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&bad), -QERR_INVAL);
	bad = args;
	bad.page++;
	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&bad), -QERR_INVAL);
	bad = args;
	bad.sched_class = 3;
	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&bad), -QERR_INVAL);
	bad = args;
	bad.page = QUOIN_SERVER_STACKS; /* taken */
	expect_eq(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&bad), -QERR_EXIST);
}

static void set_flag(void *argument)
{
	*(_Atomic int *)argument = 1;
}

KTEST(thread_runs_and_ends)
{
	_Atomic int flag = 0;
	struct ktest_thread t = thread_run(set_flag, (void *)&flag);

	thread_join(&t);
	expect_eq(flag, 1);
}

KTEST(many_threads_come_and_go)
{
	_Atomic int flags[NR_THREADS] = { 0 };
	struct ktest_thread t[NR_THREADS];

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < NR_THREADS; i++)
			t[i] = thread_run_class(set_flag, (void *)&flags[i], i % 3);
		for (unsigned i = 0; i < NR_THREADS; i++) {
			thread_join(&t[i]);
			expect_eq(flags[i], 1);
		}
	}
}

/* A mutex and a counter, the classic way. */
struct counter {
	_Atomic uint32_t lock; /* 0 free, 1 taken, 2 taken and somebody waits */
	uint64_t value;
};

static void lock(_Atomic uint32_t *word)
{
	uint32_t was = 0;

	if (__atomic_compare_exchange_n(word, &was, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_SEQ_CST) != 0)
		quoin_futex_wait((uintptr_t)word, 2, QUOIN_DEADLINE_NEVER, 0);
}

static void unlock(_Atomic uint32_t *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST) == 2)
		quoin_futex_wake((uintptr_t)word, 1);
}

static void count(void *argument)
{
	struct counter *c = argument;

	for (unsigned i = 0; i < 2000; i++) {
		lock(&c->lock);
		c->value++;
		if (i % 64 == 0)
			quoin_thread_yield();
		unlock(&c->lock);
	}
}

KTEST(futex_mutex_counts_right)
{
	struct counter c = { 0 };
	struct ktest_thread t[NR_THREADS];

	for (unsigned i = 0; i < NR_THREADS; i++)
		t[i] = thread_run_class(count, &c, 1 + i % 2);
	for (unsigned i = 0; i < NR_THREADS; i++)
		thread_join(&t[i]);
	expect_eq(c.value, NR_THREADS * 2000);
}

KTEST(futex_timeouts_are_kept)
{
	uint32_t word = 5;
	uint64_t start = now_ns(), end;

	expect_eq(quoin_futex_wait((uintptr_t)&word, 6, QUOIN_DEADLINE_NEVER, 0), -QERR_AGAIN);
	expect_eq(quoin_futex_wait((uintptr_t)&word, 5, 0, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_futex_wait((uintptr_t)&word, 5, start + 20000000, 0), -QERR_TIMEDOUT);
	end = now_ns();
	expect(end >= start + 20000000);
	expect(end < start + 500000000);
	expect_eq(quoin_futex_wait(4, 5, 0, 0), -QERR_INVAL);
	expect_eq(quoin_futex_wait((uintptr_t)&word + 1, 5, 0, 0), -QERR_INVAL);
}

KTEST(futex_kick_interrupts)
{
	uint32_t word = 5;

	expect_eq(quoin_vcpu_kick(QUOIN_SELF_THREAD), 0);
	expect_eq(quoin_futex_wait((uintptr_t)&word, 5, QUOIN_DEADLINE_NEVER, 1), -QERR_INTR);
	expect_eq(quoin_vcpu_kick_pending(), 1);
	expect_eq(quoin_futex_wait((uintptr_t)&word, 5, now_ns() + 1000000, 0), -QERR_TIMEDOUT);
	expect_eq(quoin_vcpu_kick_clear(), 1);
}

/* Sleeps with a random deadline while others wake it: a late time-out must not hit the next sleep. */
static _Atomic uint32_t stress_word;
static _Atomic bool stress_over;

static void stress_sleep(void *argument)
{
	uint64_t seed = (uintptr_t)argument;

	while (!stress_over) {
		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		quoin_futex_wait((uintptr_t)&stress_word, stress_word, now_ns() + (seed >> 44), 0);
	}
}

static void stress_wake(void *argument)
{
	(void)argument;
	while (!stress_over) {
		stress_word++;
		quoin_futex_wake((uintptr_t)&stress_word, 3);
		quoin_thread_yield();
	}
}

KTEST(sleep_wake_stress)
{
	uint64_t end = now_ns() + 300000000;
	struct ktest_thread t[NR_THREADS];

	stress_over = false;
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		t[i] = thread_run_class(i < 6 ? stress_sleep : stress_wake, (void *)(i + 1), 2);
	while (now_ns() < end)
		nap();
	stress_over = true;
	for (unsigned i = 0; i < NR_THREADS; i++)
		thread_join(&t[i]);
}

KTEST(affinity_is_obeyed)
{
	expect_eq(quoin_thread_affinity(QUOIN_SELF_THREAD, 0), -QERR_INVAL);
	expect_eq(quoin_thread_affinity(QUOIN_SELF_THREAD, 1ul << 63), -QERR_INVAL);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < INFO->nr_cpus; i++) {
			expect_eq(quoin_thread_affinity(QUOIN_SELF_THREAD, 1ul << i), 0);
			expect_eq(quoin_thread_self_cpu(), i);
		}
	}
	expect_eq(quoin_thread_affinity(QUOIN_SELF_THREAD, ~0ul), 0);
}

struct burner {
	_Atomic uint64_t loops;
	_Atomic bool stop;
};

static void burn(void *argument)
{
	struct burner *b = argument;

	while (!b->stop)
		b->loops++;
}

KTEST(affinity_moves_others)
{
	struct burner b[4] = { 0 };
	struct ktest_thread t[4];
	struct quoin_thread_info info;

	for (unsigned i = 0; i < 4; i++)
		t[i] = thread_run_class(burn, &b[i], QUOIN_SCHED_FAIR);
	for (unsigned round = 0; round < 200; round++) {
		quoin_handle thread = t[round % 4].handle;
		uint64_t end = now_ns() + 2000000000;
		unsigned cpu = round * 7 / 3 % INFO->nr_cpus;

		expect_eq(quoin_thread_affinity(thread, 1ul << cpu), 0);
		while (quoin_thread_info(thread, (uintptr_t)&info) == 0 && info.cpu != cpu && now_ns() < end)
			nap();
		expect_eq(info.cpu, cpu);
	}
	for (unsigned i = 0; i < 4; i++)
		b[i].stop = true;
	for (unsigned i = 0; i < 4; i++)
		thread_join(&t[i]);
}

/* Two threads on one CPU share it 3 to 1. */
KTEST(fair_shares_follow_weights)
{
	struct burner a = { 0 }, b = { 0 };
	struct ktest_thread ta = thread_run_class(burn, &a, QUOIN_SCHED_FAIR);
	struct ktest_thread tb = thread_run_class(burn, &b, QUOIN_SCHED_FAIR);
	quoin_handle n = need(quoin_notification_create());
	struct quoin_thread_info ia, ib;

	expect_eq(quoin_thread_affinity(ta.handle, 1), 0);
	expect_eq(quoin_thread_affinity(tb.handle, 1), 0);
	expect_eq(quoin_thread_sched(ta.handle, QUOIN_SCHED_FAIR, 3072), 0);
	expect_eq(quoin_thread_sched(tb.handle, QUOIN_SCHED_FAIR, 1024), 0);
	expect_eq(quoin_notification_wait(n, now_ns() + 400000000), -QERR_TIMEDOUT);
	quoin_thread_info(ta.handle, (uintptr_t)&ia);
	quoin_thread_info(tb.handle, (uintptr_t)&ib);
	a.stop = b.stop = true;
	thread_join(&ta);
	thread_join(&tb);
	print("# 3:1 weights ran %ld and %ld us\n", ia.server_ns / 1000, ib.server_ns / 1000);
	expect(ia.server_ns > 2 * ib.server_ns);
	expect(ia.server_ns < 5 * ib.server_ns);
	need(quoin_handle_close(n));
}

/* CPU time that a thread has had while nobody else wanted any is no debt to those who come later. */
KTEST(a_thread_that_was_alone_is_not_starved)
{
	struct burner a = { 0 }, b = { 0 };
	struct ktest_thread ta = thread_run_class(burn, &a, QUOIN_SCHED_FAIR), tb;
	quoin_handle n = need(quoin_notification_create());
	struct quoin_thread_info before, after;

	expect_eq(quoin_thread_affinity(ta.handle, 1), 0);
	expect_eq(quoin_notification_wait(n, now_ns() + 400000000), -QERR_TIMEDOUT);
	tb = thread_run_class(burn, &b, QUOIN_SCHED_FAIR);
	expect_eq(quoin_thread_affinity(tb.handle, 1), 0);
	quoin_thread_info(ta.handle, (uintptr_t)&before);
	expect_eq(quoin_notification_wait(n, now_ns() + 200000000), -QERR_TIMEDOUT);
	quoin_thread_info(ta.handle, (uintptr_t)&after);
	a.stop = b.stop = true;
	thread_join(&ta);
	thread_join(&tb);
	print("# of 200 ms the first got %ld us\n", (after.server_ns - before.server_ns) / 1000);
	expect(after.server_ns - before.server_ns > 50000000);
	need(quoin_handle_close(n));
}

KTEST(a_driver_preempts_a_busy_cpu)
{
	struct burner b[4] = { 0 };
	struct ktest_thread t[4];
	quoin_handle n = need(quoin_notification_create());
	uint64_t start, worst = 0;

	for (unsigned i = 0; i < 4; i++)
		t[i] = thread_run_class(burn, &b[i], QUOIN_SCHED_FAIR);
	for (unsigned i = 0; i < 20; i++) {
		start = now_ns();
		expect_eq(quoin_notification_wait(n, start + 2000000), -QERR_TIMEDOUT);
		if (now_ns() - start > worst)
			worst = now_ns() - start;
	}
	print("# 2 ms sleeps took at most %ld us\n", worst / 1000);
	expect(worst < 1000000000); /* the host may be busy, too */
	for (unsigned i = 0; i < 4; i++)
		b[i].stop = true;
	for (unsigned i = 0; i < 4; i++)
		thread_join(&t[i]);
	need(quoin_handle_close(n));
}

/* Idle machines must be idle. */
KTEST(idle_time_is_counted)
{
	quoin_handle n = need(quoin_notification_create());
	struct quoin_stats before, after;

	expect_eq(quoin_notification_wait(n, now_ns() + 50000000), -QERR_TIMEDOUT);
	quoin_system_stats((uintptr_t)&before);
	expect_eq(quoin_notification_wait(n, now_ns() + 50000000), -QERR_TIMEDOUT);
	quoin_system_stats((uintptr_t)&after);
	expect(after.idle_ns - before.idle_ns > 30000000);
	expect(after.interrupts - before.interrupts < 20);
	need(quoin_handle_close(n));
}
