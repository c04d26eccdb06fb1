// SPDX-License-Identifier: MIT
/* Threads: clone, futex, thread pointers, exits, signals to threads. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE = 3, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET };
enum { FUTEX_PRIVATE = 128 };

static long futex(volatile int *word, int op, unsigned value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, ~0L);
}

static pthread_t start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, run, argument), 0);
	return thread;
}

static void *join(pthread_t thread)
{
	void *result;

	CHECK_EQ(pthread_join(thread, &result), 0);
	return result;
}

/* Identity. */

static void *run_ids(void *argument)
{
	CHECK_EQ(getpid(), *(pid_t *)argument);
	CHECK(syscall(SYS_gettid) != getpid());
	return (void *)syscall(SYS_gettid);
}

TEST(ids)
{
	pid_t pid = getpid();

	CHECK_EQ(syscall(SYS_gettid), pid);
	void *a = join(start(run_ids, &pid)), *b = join(start(run_ids, &pid));
	CHECK(a && b);
}

static __thread int local = 5;

static void *run_local(void *argument)
{
	CHECK_EQ(local, 5);
	local = (int)(intptr_t)argument;
	sched_yield();
	CHECK_EQ(local, (intptr_t)argument);
	return NULL;
}

TEST(thread_local_storage)
{
	pthread_t threads[8];

	for (intptr_t i = 0; i < 8; i++)
		threads[i] = start(run_local, (void *)(i + 10));
	for (int i = 0; i < 8; i++)
		join(threads[i]);
	CHECK_EQ(local, 5);
}

TEST(arch_prctl)
{
	unsigned long fs = 0, gs = 0;

	CHECK_OK(syscall(SYS_arch_prctl, 0x1003, &fs));
	CHECK(fs != 0);
	CHECK_OK(syscall(SYS_arch_prctl, 0x1001, 0x12345000L));
	CHECK_OK(syscall(SYS_arch_prctl, 0x1004, &gs));
	CHECK_EQ(gs, 0x12345000);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, 0xffff800000000000), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1003, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0L), EINVAL);
}

/* Sharing and mutual exclusion. */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *run_count(void *argument)
{
	(void)argument;
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(mutex_excludes)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = start(run_count, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	CHECK_EQ(counter, 80000);
}

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn;

static void *run_turns(void *argument)
{
	int me = (intptr_t)argument;

	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % 3 != me)
			pthread_cond_wait(&condition, &mutex);
		turn++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

TEST(condition_variables)
{
	pthread_t threads[3];

	for (intptr_t i = 0; i < 3; i++)
		threads[i] = start(run_turns, (void *)i);
	for (int i = 0; i < 3; i++)
		join(threads[i]);
	CHECK_EQ(turn, 900);
}

TEST(many_threads)
{
	pthread_t threads[100];

	for (int i = 0; i < 100; i++)
		threads[i] = start(run_local, (void *)1);
	for (int i = 0; i < 100; i++)
		join(threads[i]);
	for (int i = 0; i < 200; i++)
		join(start(run_local, (void *)1));
}

static void *run_detached(void *argument)
{
	sem_post(argument);
	return NULL;
}

TEST(detached_threads)
{
	sem_t done;
	pthread_t thread;

	CHECK_OK(sem_init(&done, 0, 0));
	for (int i = 0; i < 50; i++) {
		thread = start(run_detached, &done);
		CHECK_EQ(pthread_detach(thread), 0);
		CHECK_OK(sem_wait(&done));
	}
}

static void *run_open(void *argument)
{
	(void)argument;
	return (void *)(intptr_t)open("/dev/null", O_RDONLY);
}

TEST(descriptors_shared)
{
	int fd = (intptr_t)join(start(run_open, NULL));

	CHECK(fd > 2);
	CHECK_OK(fcntl(fd, F_GETFD));
}

/* Futexes. */

TEST(futex_errors)
{
	volatile int word = 1;
	struct timespec bad = { 0, -1 };

	CHECK_ERR(futex(&word, FUTEX_WAIT, 2, NULL), EAGAIN);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL), 0);
	CHECK_ERR(futex(&word, FUTEX_WAIT, 1, &bad), EINVAL);
	CHECK_ERR(futex((int *)((char *)&word + 1), FUTEX_WAIT, 1, NULL), EINVAL);
	CHECK_ERR(futex((int *)0x1000, FUTEX_WAIT, 1, NULL), EFAULT);
	CHECK_ERR(futex(KERNEL_POINTER, FUTEX_WAIT, 1, NULL), EFAULT);
	CHECK_ERR(futex(&word, 99, 1, NULL), ENOSYS);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0L), EINVAL);
}

TEST(futex_timeout)
{
	volatile int word = 1;
	struct timespec moment = { 0, 30000000 }, when;
	long long start_ms = now_ms();

	CHECK_ERR(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 1, &moment), ETIMEDOUT);
	CHECK(now_ms() - start_ms >= 29);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &when));
	when.tv_sec--;
	CHECK_ERR(futex(&word, FUTEX_WAIT_BITSET, 1, &when), ETIMEDOUT);
}

static volatile int shared_word;

static void *run_wait(void *argument)
{
	*(volatile pid_t *)argument = gettid();
	while (shared_word == 0)
		futex(&shared_word, FUTEX_WAIT | FUTEX_PRIVATE, 0, NULL);
	return NULL;
}

/* Threads, five at most, that sleep until the word is not 0. */
static void start_waiters(pthread_t *threads, int nr)
{
	static volatile pid_t ids[5];

	for (int i = 0; i < nr; i++)
		threads[i] = start(run_wait, (void *)&ids[i]);
	for (int i = 0; i < nr; i++)
		WAIT_UNTIL(ids[i] && thread_state(ids[i]) == 'S');
}

TEST(futex_wakes)
{
	pthread_t threads[4];

	start_waiters(threads, 4);
	shared_word = 1;
	CHECK_EQ(futex(&shared_word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL), 1);
	CHECK_EQ(futex(&shared_word, FUTEX_WAKE | FUTEX_PRIVATE, INT_MAX, NULL), 3);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
}

TEST(futex_requeue)
{
	static volatile int other;
	pthread_t threads[3];

	start_waiters(threads, 3);
	shared_word = 1;
	CHECK_EQ(syscall(SYS_futex, &shared_word, FUTEX_REQUEUE | FUTEX_PRIVATE, 1, 10L, &other, 0L), 3);
	CHECK_EQ(futex(&other, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL), 2);
	for (int i = 0; i < 3; i++)
		join(threads[i]);
}

TEST(futex_between_processes)
{
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK((void *)word != MAP_FAILED);
	if (CHILD(pid)) {
		while (*word == 0)
			futex(word, FUTEX_WAIT, 0, NULL);
		_exit(0);
	}
	WAIT_UNTIL(process_state(pid) == 'S');
	*word = 1;
	CHECK_OK(futex(word, FUTEX_WAKE, 1, NULL));
	wait_ok(pid);
}

TEST(futex_in_shared_file)
{
	pid_t pid;

	file_make("f", "\0\0\0\0\0\0\0\0", 8);
	int fd = CHECK_OK(open("f", O_RDWR));
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile int *alias = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK((void *)word != MAP_FAILED && (void *)alias != MAP_FAILED);
	if (CHILD(pid)) {
		while (*alias == 0)
			futex(alias, FUTEX_WAIT, 0, NULL);
		_exit(0);
	}
	WAIT_UNTIL(process_state(pid) == 'S');
	*word = 1;
	CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL), 1);
	wait_ok(pid);
}

/* Wake-ups and sleeps meet in every order: none is lost. */
static void *run_ping(void *argument)
{
	(void)argument;
	for (int i = 1; i < 2000; i += 2) {
		while (shared_word != i)
			futex(&shared_word, FUTEX_WAIT | FUTEX_PRIVATE, i - 1, NULL);
		shared_word = i + 1;
		futex(&shared_word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL);
	}
	return NULL;
}

TEST(futex_ping_pong)
{
	pthread_t thread = start(run_ping, NULL);

	for (int i = 0; i < 2000; i += 2) {
		shared_word = i + 1;
		futex(&shared_word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL);
		while (shared_word == i + 1)
			futex(&shared_word, FUTEX_WAIT | FUTEX_PRIVATE, i + 1, NULL);
	}
	join(thread);
}

/* Exits. */

static void *run_exit_group(void *argument)
{
	(void)argument;
	_exit(44);
}

TEST(exit_group_ends_all)
{
	pthread_t waiters[5];
	pid_t pid;

	if (CHILD(pid)) {
		start_waiters(waiters, 5);
		start(run_exit_group, NULL);
		for (;;)
			pause();
	}
	wait_exit(pid, 44);
}

__attribute__((noreturn)) static void *run_busy(void *argument)
{
	(void)argument;
	for (;;)
		;
}

TEST(exit_group_ends_busy_threads)
{
	pid_t pid;

	if (CHILD(pid)) {
		start(run_busy, NULL);
		start(run_busy, NULL);
		sleep_ms(20);
		_exit(45);
	}
	wait_exit(pid, 45);
}

static void *run_fault(void *argument)
{
	(void)argument;
	*(volatile char *)8 = 1;
	return NULL;
}

TEST(fault_in_thread_kills_process)
{
	pid_t pid;

	if (CHILD(pid)) {
		start(run_fault, NULL);
		for (;;)
			pause();
	}
	wait_signalled(pid, SIGSEGV);
}

static void *run_late_exit(void *argument)
{
	(void)argument;
	sleep_ms(50);
	_exit(46);
}

TEST(leader_exits_first)
{
	pid_t pid;

	if (CHILD(pid)) {
		start(run_late_exit, NULL);
		syscall(SYS_exit, 1);
	}
	wait_exit(pid, 46);
}

static void *run_exec(void *argument)
{
	char *args[] = { "sh", "-c", "exit 47", NULL };

	(void)argument;
	execv("/bin/sh", args);
	_exit(99);
}

TEST(exec_from_thread)
{
	pthread_t waiter;
	pid_t pid;

	if (CHILD(pid)) {
		start_waiters(&waiter, 1);
		start(run_busy, NULL);
		start(run_exec, NULL);
		for (;;)
			pause();
	}
	wait_exit(pid, 47);
}

static void *run_fork(void *argument)
{
	pid_t pid = fork();

	(void)argument;
	if (pid == 0)
		_exit(syscall(SYS_gettid) == getpid() ? 0 : 1);
	wait_ok(pid);
	return NULL;
}

TEST(fork_from_threads)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = start(run_fork, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
}

/* Signals. */

static __thread volatile int nr_mine;

static void on_signal(int number)
{
	(void)number;
	nr_mine++;
}

static void *run_signalled(void *argument)
{
	sem_post(argument);
	while (!nr_mine)
		sched_yield();
	return (void *)1;
}

TEST(signal_to_one_thread)
{
	struct sigaction action = { .sa_handler = on_signal };
	sem_t ready;

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(sem_init(&ready, 0, 0));
	pthread_t thread = start(run_signalled, &ready);
	CHECK_OK(sem_wait(&ready));
	CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
	CHECK(join(thread) == (void *)1);
	CHECK_EQ(nr_mine, 0);
}

TEST(signal_to_process_finds_open_thread)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t set;
	sem_t ready;

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(sem_init(&ready, 0, 0));
	pthread_t thread = start(run_signalled, &ready);
	CHECK_OK(sem_wait(&ready));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK(join(thread) == (void *)1);
	CHECK_EQ(nr_mine, 0);
}

__attribute__((noreturn)) static void *run_ticks(void *argument)
{
	for (volatile unsigned *ticks = argument;;)
		++*ticks;
}

TEST(stop_stops_all_threads)
{
	volatile unsigned *ticks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seen;
	pid_t pid;

	CHECK((void *)ticks != MAP_FAILED);
	if (CHILD(pid)) {
		start(run_ticks, (void *)ticks);
		for (;;)
			pause();
	}
	WAIT_UNTIL(*ticks != 0);
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	CHECK_EQ(process_state(pid), 'T');
	seen = *ticks;
	sleep_ms(20);
	CHECK_EQ(*ticks, seen);
	CHECK_OK(kill(pid, SIGCONT));
	WAIT_UNTIL(*ticks != seen);
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
}

static void *run_read(void *argument)
{
	char byte;

	return (void *)read(*(int *)argument, &byte, 1);
}

TEST(cancellation)
{
	int fds[2];

	CHECK_OK(pipe(fds));
	pthread_t thread = start(run_read, &fds[0]);
	sleep_ms(20);
	CHECK_EQ(pthread_cancel(thread), 0);
	CHECK(join(thread) == PTHREAD_CANCELED);
}

/* The robust list and clear_child_tid. */

TEST(robust_mutex)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t *robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(robust != MAP_FAILED);
	CHECK_EQ(pthread_mutexattr_init(&attributes), 0);
	CHECK_EQ(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutex_init(robust, &attributes), 0);
	if (CHILD(pid)) {
		CHECK_EQ(pthread_mutex_lock(robust), 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(robust), 0);
	CHECK_EQ(pthread_mutex_unlock(robust), 0);
}

TEST(affinity_and_yield)
{
	unsigned long mask[16] = { 0 };
	long len = CHECK_OK(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask));

	CHECK(len >= 8 && mask[0] != 0);
	CHECK_OK(syscall(SYS_sched_setaffinity, 0, len, mask));
	CHECK_OK(sched_yield());
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 1L, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0x3ffffff, 128L, mask), ESRCH);
}

TEST(scheduling_parameters)
{
	struct sched_param param = { .sched_priority = 77 };
	struct timespec slice;

	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), 0);
	CHECK_OK(syscall(SYS_sched_getparam, 0, &param));
	CHECK_EQ(param.sched_priority, 0);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(sched_get_priority_max(77), EINVAL);
	CHECK_OK(sched_rr_get_interval(0, &slice));
	CHECK_OK(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
	param.sched_priority = 5;
	CHECK_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setparam, 0, &param), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getscheduler, 0x3ffffff), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getparam, 0, BAD_POINTER), EFAULT);
}

static int policy_set(int policy)
{
	const struct sched_param none = { 0 };

	return (int)syscall(SYS_sched_setscheduler, 0, policy, &none);
}

TEST(policies_are_kept)
{
	const struct sched_param none = { 0 };
	pid_t pid;

	CHECK_OK(policy_set(SCHED_BATCH));
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	CHECK_OK(syscall(SYS_sched_setparam, 0, &none));
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
	CHECK_OK(policy_set(SCHED_IDLE | SCHED_RESET_ON_FORK));
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_IDLE | SCHED_RESET_ON_FORK);
	if (CHILD(pid)) {
		CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_IDLE);
		if (getuid() == 0)
			CHECK_OK(setuid(65534));
		CHECK_ERR(policy_set(SCHED_OTHER), EPERM);
		CHECK_OK(policy_set(SCHED_IDLE | SCHED_RESET_ON_FORK));
		CHECK_ERR(policy_set(SCHED_IDLE), EPERM);
		_exit(0);
	}
	wait_exit(pid, 0);
	CHECK_ERR(policy_set(-1), EINVAL);
	CHECK_ERR(policy_set(77), EINVAL);
}

TEST(cpu_number)
{
	unsigned cpu = 99999, node = 99999;

	CHECK_OK(syscall(SYS_getcpu, &cpu, &node, NULL));
	CHECK(cpu < 1024 && node < 1024);
	CHECK_ERR(syscall(SYS_getcpu, BAD_POINTER, NULL, NULL), EFAULT);
}

TEST(robust_list_of_others)
{
	void *head = NULL;
	size_t len = 0;

	CHECK_OK(syscall(SYS_get_robust_list, 0, &head, &len));
	CHECK_EQ(len, 24);
	CHECK_ERR(syscall(SYS_set_robust_list, head, 8L), EINVAL);
	CHECK_ERR(syscall(SYS_get_robust_list, 0x3ffffff, &head, &len), ESRCH);
}

static void *do_nothing(void *argument)
{
	return argument;
}

__attribute__((noreturn)) static void *make_threads(void *argument)
{
	pthread_t thread;

	for (;;)
		if (!pthread_create(&thread, NULL, do_nothing, argument))
			pthread_detach(thread);
}

/* A thread that is being made while its process is killed does not outlive it. */
TEST(killed_while_making_threads)
{
	pthread_t thread;
	pid_t pid;

	for (int i = 0; i < 40; i++) {
		if (CHILD(pid)) {
			for (int n = 0; n < 3; n++)
				CHECK_EQ(pthread_create(&thread, NULL, make_threads, NULL), 0);
			make_threads(NULL);
		}
		sleep_ms(1 + (unsigned)i % 4);
		CHECK_OK(kill(pid, SIGKILL));
		wait_signalled(pid, SIGKILL);
	}
}

/*
 * Of two who each raise a flag and then look at the other's, at least one sees it: the fast one keeps only
 * the compiler from reordering, the slow one puts the barrier between on both sides.
 */
static volatile int fast_flag, slow_flag, fast_saw, fast_turn, fast_done;

static void *run_fast(void *argument)
{
	for (int turn = 1; turn <= *(int *)argument; turn++) {
		while (fast_turn != turn)
			sched_yield();
		fast_flag = 1;
		fast_saw = slow_flag;
		fast_done = turn;
	}
	return NULL;
}

TEST(membarrier_orders_other_threads)
{
	int nr_turns = 2000;

	CHECK_OK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
	pthread_t thread = start(run_fast, &nr_turns);
	for (int turn = 1; turn <= nr_turns; turn++) {
		fast_flag = slow_flag = 0;
		fast_turn = turn;
		slow_flag = 1;
		CHECK_OK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
		int slow_saw = fast_flag;
		while (fast_done != turn)
			sched_yield();
		CHECK(slow_saw || fast_saw);
	}
	join(thread);
}
