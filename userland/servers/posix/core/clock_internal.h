/* SPDX-License-Identifier: MIT */
#ifndef POSIX_CLOCK_INTERNAL_H
#define POSIX_CLOCK_INTERNAL_H

#include "clock.h"

long clock_read(int clock, int64_t *ns); /* of the calling thread: 0 or -EINVAL */
void clock_set_realtime_offset(int64_t offset);
long timespec_to_ns(const struct linux_timespec *time, uint64_t *ns); /* -EINVAL */
long timeval_to_ns(const struct linux_timeval *time, uint64_t *ns);   /* -EINVAL */
struct linux_timespec timespec_of(int64_t ns);
struct linux_timeval timeval_of(int64_t ns);
void timers_start(void);

/* mm/vdso.c */
void vdso_init(void);
void vdso_set_realtime_offset(int64_t offset);

#endif
