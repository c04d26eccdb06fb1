// SPDX-License-Identifier: MIT
/* Clocks, sleeping, interval timers, CPU time. */
#define _GNU_SOURCE
#include "harness.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t nr_seen;

static void on_signal(int number)
{
	(void)number;
	nr_seen++;
}

static void handle(int number)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	CHECK_OK(sigaction(number, &action, NULL));
}

static void burn_ms(int ms)
{
	struct timespec now;
	long long end;

	CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now));
	end = now.tv_sec * 1000000000LL + now.tv_nsec + ms * 1000000LL;
	do
		CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now));
	while (now.tv_sec * 1000000000LL + now.tv_nsec < end);
}

/* Clocks. */

TEST(clocks_never_go_back)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,    CLOCK_BOOTTIME,
					    CLOCK_REALTIME,  CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE };

	for (size_t c = 0; c < sizeof(clocks) / sizeof(clocks[0]); c++) {
		struct timespec last = { 0 }, now;

		for (int i = 0; i < 1000; i++) {
			CHECK_OK(clock_gettime(clocks[c], &now));
			CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
			CHECK(now.tv_sec > last.tv_sec ||
			      (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec));
			last = now;
		}
	}
}

TEST(monotonic_advances)
{
	struct timespec a, b;

	CHECK_OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &a));
	sleep_ms(20);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &b));
	long long ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	CHECK(ns >= 20000000 && ns < 5000000000);
}

TEST(realtime_agrees)
{
	struct timespec now;
	struct timeval day;
	time_t seconds;

	CHECK_OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK(now.tv_sec > 1577836800);
	CHECK_OK(gettimeofday(&day, NULL));
	CHECK(day.tv_sec - now.tv_sec <= 2 && day.tv_sec >= now.tv_sec);
	seconds = syscall(SYS_time, NULL); /* of the last tick, on Linux: perhaps in the second before */
	CHECK(seconds - now.tv_sec <= 2 && seconds >= now.tv_sec - 1);
}

TEST(clock_errors)
{
	struct timespec now;

	CHECK_ERR(clock_gettime(77, &now), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD_POINTER), EFAULT);
	CHECK_ERR(clock_getres(77, &now), EINVAL);
	CHECK_OK(clock_getres(CLOCK_MONOTONIC, NULL));
	CHECK_OK(clock_getres(CLOCK_MONOTONIC, &now));
	CHECK(now.tv_sec == 0 && now.tv_nsec > 0 && now.tv_nsec <= 10000000);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &now), EINVAL);
	CHECK_ERR(syscall(SYS_gettimeofday, BAD_POINTER, NULL), EFAULT);
}

/* Sleeping. */

TEST(nanosleep_length)
{
	struct timespec moment = { 0, 50000000 };
	long long start = now_ms();

	CHECK_OK(nanosleep(&moment, NULL));
	CHECK(now_ms() - start >= 49);
	moment.tv_nsec = 0;
	CHECK_OK(nanosleep(&moment, NULL));
}

TEST(nanosleep_errors)
{
	struct timespec bad = { 0, 1000000000 };

	CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
	bad = (struct timespec){ -1, 0 };
	CHECK_ERR(nanosleep(&bad, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, BAD_POINTER, NULL), EFAULT);
}

TEST(nanosleep_interrupted)
{
	struct timespec moment = { 5, 0 }, left = { 0, 0 };

	handle(SIGUSR1);
	pid_t pid = signal_when_asleep(SIGUSR1);
	CHECK_ERR(nanosleep(&moment, &left), EINTR);
	CHECK(left.tv_sec >= 3 && left.tv_sec < 5);
	wait_ok(pid);
}

/* Stopping and continuing does not end a sleep, nor does a signal that is ignored. */
TEST(nanosleep_goes_on_after_stop)
{
	pid_t pid;

	if (CHILD(pid)) {
		struct timespec moment = { 0, 500000000 };
		long long start = now_ms();
		CHECK_OK(nanosleep(&moment, NULL));
		CHECK(now_ms() - start >= 499);
		_exit(0);
	}
	WAIT_UNTIL(process_state(pid) == 'S');
	CHECK_OK(kill(pid, SIGSTOP));
	WAIT_UNTIL(process_state(pid) == 'T');
	CHECK_OK(kill(pid, SIGCONT));
	CHECK_OK(kill(pid, SIGWINCH));
	wait_ok(pid);
}

TEST(clock_nanosleep_absolute)
{
	struct timespec when, bad = { 0, -5 };
	long long start = now_ms();

	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &when));
	when.tv_nsec += 40000000;
	if (when.tv_nsec >= 1000000000) {
		when.tv_nsec -= 1000000000;
		when.tv_sec++;
	}
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL), 0);
	CHECK(now_ms() - start >= 39);
	when.tv_sec = 0; /* long past */
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(77, 0, &when, NULL), EINVAL);
}

/* Interval timers. */

TEST(alarm_rings)
{
	handle(SIGALRM);
	CHECK_EQ(alarm(1), 0);
	CHECK_EQ(alarm(1), 1);
	CHECK_ERR(pause(), EINTR);
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(alarm(0), 0);
}

TEST(alarm_kills)
{
	pid_t pid;

	if (CHILD(pid)) {
		alarm(1);
		for (;;)
			pause();
	}
	wait_signalled(pid, SIGALRM);
}

TEST(alarm_not_inherited)
{
	pid_t pid;

	CHECK_EQ(alarm(100), 0);
	if (CHILD(pid)) {
		CHECK_EQ(alarm(0), 0);
		_exit(0);
	}
	wait_ok(pid);
	unsigned left = alarm(0);
	CHECK(left >= 98 && left <= 100);
}

TEST(itimer_repeats)
{
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } }, old;

	handle(SIGALRM);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	WAIT_UNTIL(nr_seen >= 5);
	CHECK_OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	timer = (struct itimerval){ 0 };
	CHECK_OK(setitimer(ITIMER_REAL, &timer, &old));
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 10000);
	int seen = nr_seen;
	sleep_ms(40);
	CHECK(nr_seen <= seen + 1);
}

TEST(itimer_errors)
{
	struct itimerval timer = { { 0, 0 }, { 0, 1000000 } };

	CHECK_ERR(setitimer(ITIMER_REAL, &timer, NULL), EINVAL);
	timer.it_value.tv_usec = 1;
	CHECK_ERR(setitimer(9, &timer, NULL), EINVAL);
	CHECK_ERR(getitimer(9, &timer), EINVAL);
	CHECK_ERR(syscall(SYS_setitimer, ITIMER_REAL, BAD_POINTER, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_getitimer, ITIMER_REAL, BAD_POINTER), EFAULT);
}

TEST(itimer_cpu)
{
	struct itimerval timer = { { 0, 0 }, { 0, 20000 } };

	handle(SIGVTALRM);
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &timer, NULL));
	long long start = now_ms();
	while (!nr_seen)
		CHECK(now_ms() - start < 8000);
}

TEST(posix_timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec when = { { 0, 0 }, { 0, 10000000 } };
	timer_t timer;

	handle(SIGUSR1);
	CHECK_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
	CHECK_OK(timer_settime(timer, 0, &when, NULL));
	WAIT_UNTIL(nr_seen == 1);
	when.it_value.tv_sec = 100;
	CHECK_OK(timer_settime(timer, 0, &when, NULL));
	CHECK_OK(timer_gettime(timer, &when));
	CHECK(when.it_value.tv_sec >= 99 && when.it_value.tv_sec <= 100);
	CHECK_EQ(timer_getoverrun(timer), 0);
	CHECK_OK(timer_delete(timer));
}

static timer_t timer_of_signal(int number)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number };
	timer_t timer;

	CHECK_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
	return timer;
}

/* Once, after 2 ms. */
static void timer_start(timer_t timer)
{
	const struct itimerspec when = { .it_value.tv_nsec = 2000000 };

	CHECK_OK(timer_settime(timer, 0, &when, NULL));
}

static void block(sigset_t *set, int number)
{
	sigemptyset(set);
	sigaddset(set, number);
	CHECK_OK(sigprocmask(SIG_BLOCK, set, NULL));
}

static int is_pending(int number)
{
	sigset_t pending;

	CHECK_OK(sigpending(&pending));
	return sigismember(&pending, number);
}

static const struct timespec second = { 1, 0 };

/* The signal of a timer stands in the queue beside another of the same number. */
TEST(posix_timer_beside_kill)
{
	timer_t timer = timer_of_signal(SIGUSR1);
	siginfo_t info;
	sigset_t set;

	block(&set, SIGUSR1);
	CHECK_OK(kill(getpid(), SIGUSR1));
	timer_start(timer);
	sleep_ms(20);
	CHECK_EQ(sigtimedwait(&set, &info, &second), SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(sigtimedwait(&set, &info, &second), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
	timer_start(timer);
	CHECK_EQ(sigtimedwait(&set, &info, &second), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
}

/* A pending signal that is discarded does not keep its timer from sending the next. */
TEST(posix_timer_signal_discarded)
{
	timer_t timer = timer_of_signal(SIGUSR1);
	sigset_t set;

	handle(SIGUSR1);
	block(&set, SIGUSR1);
	timer_start(timer);
	WAIT_UNTIL(is_pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	handle(SIGUSR1);
	CHECK(!is_pending(SIGUSR1));
	timer_start(timer);
	CHECK_EQ(sigtimedwait(&set, NULL, &second), SIGUSR1);
}

/* Times beyond the end of the clock are the end of the clock. */
TEST(posix_timer_for_ever)
{
	const long years = INT64_MAX / 1000000000;
	const struct itimerspec far = { .it_value.tv_sec = years };
	const struct itimerspec twice = { .it_value.tv_nsec = 2000000, .it_interval.tv_sec = years };
	timer_t timer = timer_of_signal(SIGUSR1);
	sigset_t set;

	block(&set, SIGUSR1);
	CHECK_OK(timer_settime(timer, 0, &far, NULL));
	sleep_ms(20);
	CHECK(!is_pending(SIGUSR1));
	CHECK_OK(timer_settime(timer, 0, &twice, NULL));
	CHECK_EQ(sigtimedwait(&set, NULL, &second), SIGUSR1);
	sleep_ms(20);
	CHECK(!is_pending(SIGUSR1));
}

TEST(timerfd)
{
	struct itimerspec when = { { 0, 0 }, { 0, 10000000 } };
	uint64_t nr = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	if (fd < 0 && errno == ENOSYS)
		SKIP("no timerfd");
	CHECK_OK(timerfd_settime(fd, 0, &when, NULL));
	CHECK_EQ(read(fd, &nr, 8), 8);
	CHECK_EQ(nr, 1);
}

/* CPU time. */

TEST(cpu_time_grows)
{
	struct timespec a, b;

	CHECK_OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a));
	burn_ms(30);
	CHECK_OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b));
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 25);
	CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a));
	sleep_ms(50);
	CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b));
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 40);
}

TEST(times_and_children)
{
	struct rusage usage;
	struct tms before, after;
	pid_t pid;

	CHECK(times(&before) != (clock_t)-1);
	CHECK_EQ(before.tms_cutime + before.tms_cstime, 0);
	if (CHILD(pid)) {
		burn_ms(60);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(times(&after) != (clock_t)-1);
	CHECK(after.tms_cutime + after.tms_cstime >= 3);
	CHECK_OK(getrusage(RUSAGE_CHILDREN, &usage));
	CHECK(usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 + usage.ru_stime.tv_sec * 1000 +
		      usage.ru_stime.tv_usec / 1000 >=
	      30);
	CHECK_OK(getrusage(RUSAGE_SELF, &usage));
	CHECK_ERR(getrusage(99, &usage), EINVAL);
	CHECK_ERR(syscall(SYS_getrusage, RUSAGE_SELF, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_times, BAD_POINTER), EFAULT);
}
