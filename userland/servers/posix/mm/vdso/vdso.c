/* SPDX-License-Identifier: MIT */
/*
 * The vDSO: clock_gettime and its relatives without a system call.  Linked as a shared object of
 * its own that every process gets mapped; it has no data and no relocations.
 */
#include <stdatomic.h>
#include "linux/calls.h"
#include "linux/errno.h"
#include "linux/time.h"
#include "vdso.h"

#define NSEC_PER_SEC 1000000000ul

extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));

static uint64_t monotonic_ns(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	uint64_t ticks = ((uint64_t)high << 32 | low) - vdso_data.tsc_base;
	return (uint64_t)(((unsigned __int128)ticks * vdso_data.tsc_mult) >> vdso_data.tsc_shift);
}

static int64_t realtime_ns(void)
{
	uint32_t sequence;
	int64_t offset;

	do {
		sequence = atomic_load_explicit(&vdso_data.sequence, memory_order_acquire);
		offset = *(const volatile int64_t *)&vdso_data.realtime_offset;
		atomic_thread_fence(memory_order_acquire);
	} while ((sequence & 1) || sequence != atomic_load_explicit(&vdso_data.sequence, memory_order_relaxed));
	return (int64_t)monotonic_ns() + offset;
}

static long call2(long number, long a, const void *b)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return result;
}

int __vdso_clock_gettime(int clock, struct linux_timespec *out);
int __vdso_clock_getres(int clock, struct linux_timespec *out);
int __vdso_gettimeofday(struct linux_timeval *out, struct linux_timezone *zone);
int64_t __vdso_time(int64_t *out);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

int __vdso_clock_gettime(int clock, struct linux_timespec *out)
{
	uint64_t ns;

	switch (clock) {
	case LINUX_CLOCK_REALTIME:
	case LINUX_CLOCK_REALTIME_COARSE:
	case LINUX_CLOCK_TAI:
		ns = (uint64_t)realtime_ns();
		break;
	case LINUX_CLOCK_MONOTONIC:
	case LINUX_CLOCK_MONOTONIC_RAW:
	case LINUX_CLOCK_MONOTONIC_COARSE:
	case LINUX_CLOCK_BOOTTIME:
		ns = monotonic_ns();
		break;
	default:
		return (int)call2(LINUX_SYS_clock_gettime, clock, out);
	}
	out->tv_sec = (int64_t)(ns / NSEC_PER_SEC);
	out->tv_nsec = (int64_t)(ns % NSEC_PER_SEC);
	return 0;
}

int __vdso_clock_getres(int clock, struct linux_timespec *out)
{
	return (int)call2(LINUX_SYS_clock_getres, clock, out);
}

int __vdso_gettimeofday(struct linux_timeval *out, struct linux_timezone *zone)
{
	uint64_t ns = (uint64_t)realtime_ns();

	if (out) {
		out->tv_sec = (int64_t)(ns / NSEC_PER_SEC);
		out->tv_usec = (int64_t)(ns % NSEC_PER_SEC / 1000);
	}
	if (zone)
		*zone = (struct linux_timezone){ 0 };
	return 0;
}

int64_t __vdso_time(int64_t *out)
{
	int64_t sec = realtime_ns() / (int64_t)NSEC_PER_SEC;

	if (out)
		*out = sec;
	return sec;
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	(void)unused;
	return (int)call2(LINUX_SYS_getcpu, (long)cpu, node);
}
