/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleeping.  Monotonic time is the kernel's; realtime is that plus an offset, which
 * comes from devmgr at start-up and is changed by clock_settime.  The vDSO page holds a copy of the
 * offset.
 */
#include "clock.h"
#include "clock_internal.h"
#include "process_internal.h"
#include "usercopy.h"

static _Atomic int64_t realtime_offset;

uint64_t clock_monotonic_ns(void)
{
	return clock_ns();
}

int64_t clock_realtime_offset(void)
{
	return atomic_load_explicit(&realtime_offset, memory_order_relaxed);
}

int64_t clock_realtime_ns(void)
{
	return (int64_t)clock_ns() + clock_realtime_offset();
}

void clock_set_realtime_offset(int64_t offset)
{
	atomic_store(&realtime_offset, offset);
	vdso_set_realtime_offset(offset);
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t now = clock_ns();

	return ns >= QUOIN_DEADLINE_NEVER - now ? QUOIN_DEADLINE_NEVER - 1 : now + ns;
}

uint64_t deadline_realtime(uint64_t realtime_ns)
{
	int64_t offset = clock_realtime_offset();

	if (offset >= 0)
		return realtime_ns > (uint64_t)offset ? realtime_ns - (uint64_t)offset : 0;
	return realtime_ns + (uint64_t)-offset;
}

/* ---- user times ---- */

static uint64_t ns_from_parts(int64_t sec, int64_t ns)
{
	if (sec >= INT64_MAX / NSEC_PER_SEC)
		return INT64_MAX;
	return (uint64_t)(sec * NSEC_PER_SEC + ns);
}

long timespec_to_ns(const struct linux_timespec *time, uint64_t *ns)
{
	if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = ns_from_parts(time->tv_sec, time->tv_nsec);
	return 0;
}

struct linux_timespec timespec_of(int64_t ns)
{
	int64_t sec = ns / NSEC_PER_SEC, rest = ns % NSEC_PER_SEC;

	if (rest < 0) {
		sec--;
		rest += NSEC_PER_SEC;
	}
	return (struct linux_timespec){ sec, rest };
}

long timespec_from_user(uint64_t addr, uint64_t *ns)
{
	struct linux_timespec time;

	return copy_from_user(&time, addr, sizeof(time)) ? -EFAULT : timespec_to_ns(&time, ns);
}

long timeval_to_ns(const struct linux_timeval *time, uint64_t *ns)
{
	if (time->tv_sec < 0 || time->tv_usec < 0 || time->tv_usec >= 1000000)
		return -EINVAL;
	*ns = ns_from_parts(time->tv_sec, time->tv_usec * 1000);
	return 0;
}

long timeval_from_user(uint64_t addr, uint64_t *ns)
{
	struct linux_timeval time;

	return copy_from_user(&time, addr, sizeof(time)) ? -EFAULT : timeval_to_ns(&time, ns);
}

struct linux_timeval timeval_of(int64_t ns)
{
	struct linux_timespec time = timespec_of(ns);

	return (struct linux_timeval){ time.tv_sec, time.tv_nsec / 1000 };
}

long timespec_to_user(uint64_t addr, int64_t ns)
{
	struct linux_timespec time = timespec_of(ns);

	return copy_to_user(addr, &time, sizeof(time));
}

long timeval_to_user(uint64_t addr, int64_t ns)
{
	struct linux_timeval time = timeval_of(ns);

	return copy_to_user(addr, &time, sizeof(time));
}

/* ---- reading and setting ---- */

/* A CPU clock of a process or thread by number, as clock_getcpuclockid and pthread_getcpuclockid
 * make them. */
static long cpu_clock(int clock, uint64_t *ns)
{
	struct process_times times;
	int pid = ~(clock >> 3);
	bool per_thread = clock & 4;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (per_thread) {
		struct thread *thread = pid ? process_thread_find(current->process, pid) : thread_get(current);
		if (!thread)
			return -EINVAL;
		thread_times(thread, &times);
		thread_put(thread);
	} else {
		struct process *process = pid ? process_find(pid) : process_get(current->process);
		if (!process)
			return -EINVAL;
		process_times(process, &times);
		process_put(process);
	}
	*ns = times.guest_ns + ((clock & 3) == 1 ? 0 : times.server_ns);
	return 0;
}

long clock_read(int clock, int64_t *ns)
{
	struct process_times times;
	uint64_t cpu_ns;

	switch (clock) {
	case LINUX_CLOCK_REALTIME:
	case LINUX_CLOCK_REALTIME_COARSE:
	case LINUX_CLOCK_REALTIME_ALARM:
	case LINUX_CLOCK_TAI:
		*ns = clock_realtime_ns();
		return 0;
	case LINUX_CLOCK_MONOTONIC:
	case LINUX_CLOCK_MONOTONIC_RAW:
	case LINUX_CLOCK_MONOTONIC_COARSE:
	case LINUX_CLOCK_BOOTTIME:
	case LINUX_CLOCK_BOOTTIME_ALARM:
		*ns = (int64_t)clock_ns();
		return 0;
	case LINUX_CLOCK_PROCESS_CPUTIME_ID:
		process_times(current->process, &times);
		*ns = (int64_t)(times.guest_ns + times.server_ns);
		return 0;
	case LINUX_CLOCK_THREAD_CPUTIME_ID:
		thread_times(current, &times);
		*ns = (int64_t)(times.guest_ns + times.server_ns);
		return 0;
	default:
		if (clock >= 0 || cpu_clock(clock, &cpu_ns))
			return -EINVAL;
		*ns = (int64_t)cpu_ns;
		return 0;
	}
}

long sys_clock_gettime(SYSCALL_ARGS)
{
	int64_t ns;
	long error = clock_read((int)a0, &ns);

	return error ? error : timespec_to_user((uint64_t)a1, ns);
}

long sys_clock_getres(SYSCALL_ARGS)
{
	int64_t ns;
	bool coarse = a0 == LINUX_CLOCK_REALTIME_COARSE || a0 == LINUX_CLOCK_MONOTONIC_COARSE;
	long error = clock_read((int)a0, &ns);

	if (error || !a1)
		return error;
	return timespec_to_user((uint64_t)a1, coarse ? 4000000 : 1);
}

static long set_realtime(uint64_t ns)
{
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	clock_set_realtime_offset((int64_t)ns - (int64_t)clock_ns());
	return 0;
}

long sys_clock_settime(SYSCALL_ARGS)
{
	uint64_t ns;
	long error;

	if ((int)a0 != LINUX_CLOCK_REALTIME)
		return -EINVAL;
	error = timespec_from_user((uint64_t)a1, &ns);
	return error ? error : set_realtime(ns);
}

long sys_settimeofday(SYSCALL_ARGS)
{
	uint64_t ns;

	if (!a0) /* the time zone alone: nothing here uses it */
		return capable(CAP_SYS_TIME) ? 0 : -EPERM;
	long error = timeval_from_user((uint64_t)a0, &ns);
	return error ? error : set_realtime(ns);
}

long sys_gettimeofday(SYSCALL_ARGS)
{
	struct linux_timezone zone = { 0 };

	if (a0 && timeval_to_user((uint64_t)a0, clock_realtime_ns()))
		return -EFAULT;
	return a1 ? copy_to_user((uint64_t)a1, &zone, sizeof(zone)) : 0;
}

long sys_time(SYSCALL_ARGS)
{
	int64_t sec = clock_realtime_ns() / NSEC_PER_SEC;

	if (a0 && put_user_u64((uint64_t)a0, (uint64_t)sec))
		return -EFAULT;
	return sec;
}

static int64_t ticks(uint64_t ns)
{
	return (int64_t)(ns / (NSEC_PER_SEC / LINUX_USER_HZ));
}

long sys_times(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct process_times times, children;

	process_times(process, &times);
	mutex_lock(&tasklist_lock);
	children = process->children_times;
	mutex_unlock(&tasklist_lock);
	struct linux_tms tms = {
		.tms_utime = ticks(times.guest_ns),
		.tms_stime = ticks(times.server_ns),
		.tms_cutime = ticks(children.guest_ns),
		.tms_cstime = ticks(children.server_ns),
	};
	if (a0 && copy_to_user((uint64_t)a0, &tms, sizeof(tms)))
		return -EFAULT;
	return ticks(clock_ns());
}

/* ---- sleeping ---- */

static long sleep_until(uint64_t deadline)
{
	struct wait_token token;
	long result;

	wait_token_init(&token);
	while ((result = wait_block(&token, deadline, WAIT_INTERRUPTIBLE)) == 0)
		;
	return result == -ETIMEDOUT ? 0 : result;
}

static long sleep_restart(struct thread *thread);

/* Interrupted: what is left goes to the caller, restart_syscall sleeps on until the same deadline.
 */
static long sleep_interrupted(struct thread *self, uint64_t deadline, uint64_t user_rest)
{
	uint64_t now = clock_ns();

	if (user_rest && timespec_to_user(user_rest, deadline > now ? (int64_t)(deadline - now) : 0))
		return -EFAULT;
	self->restart.function = sleep_restart;
	self->restart.deadline = deadline;
	self->restart.user = user_rest;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_restart(struct thread *thread)
{
	uint64_t deadline = thread->restart.deadline, user_rest = thread->restart.user;

	return sleep_until(deadline) ? sleep_interrupted(thread, deadline, user_rest) : 0;
}

static long sleep_relative(uint64_t ns, uint64_t user_rest)
{
	uint64_t deadline = deadline_after(ns);

	return sleep_until(deadline) ? sleep_interrupted(current, deadline, user_rest) : 0;
}

long sys_nanosleep(SYSCALL_ARGS)
{
	uint64_t ns;
	long error = timespec_from_user((uint64_t)a0, &ns);

	return error ? error : sleep_relative(ns, (uint64_t)a1);
}

/* A CPU clock runs at most as fast as real time per thread: sleep what is missing, look again. */
static long sleep_cpu_clock(int clock, uint64_t target)
{
	for (;;) {
		int64_t now;
		long error = clock_read(clock, &now);
		if (error || (uint64_t)now >= target)
			return error;
		error = sleep_until(deadline_after(MAX(target - (uint64_t)now, 1000000ul)));
		if (error)
			return -ERESTARTNOHAND;
	}
}

long sys_clock_nanosleep(SYSCALL_ARGS)
{
	int clock = (int)a0;
	bool absolute = a1 & LINUX_TIMER_ABSTIME;
	int64_t now;
	uint64_t ns;
	long error = clock_read(clock, &now);

	if (!error)
		error = timespec_from_user((uint64_t)a2, &ns);
	if (error)
		return error;
	switch (clock) {
	case LINUX_CLOCK_THREAD_CPUTIME_ID:
		return -EINVAL;
	case LINUX_CLOCK_REALTIME:
	case LINUX_CLOCK_REALTIME_ALARM:
	case LINUX_CLOCK_TAI:
		if (absolute)
			ns = deadline_realtime(ns);
		break;
	case LINUX_CLOCK_MONOTONIC:
	case LINUX_CLOCK_BOOTTIME:
	case LINUX_CLOCK_BOOTTIME_ALARM:
		break;
	case LINUX_CLOCK_PROCESS_CPUTIME_ID:
		return sleep_cpu_clock(clock, absolute ? ns : (uint64_t)now + ns);
	default:
		return clock < 0 ? sleep_cpu_clock(clock, absolute ? ns : (uint64_t)now + ns) : -EOPNOTSUPP;
	}
	if (!absolute)
		return sleep_relative(ns, (uint64_t)a3);
	return sleep_until(ns) ? -ERESTARTNOHAND : 0;
}
