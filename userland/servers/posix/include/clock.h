/* SPDX-License-Identifier: MIT */
/* Clocks and timers, in nanoseconds. */
#ifndef POSIX_CLOCK_H
#define POSIX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "linux/time.h"

#define NSEC_PER_SEC 1000000000ll

uint64_t clock_monotonic_ns(void);
int64_t clock_realtime_ns(void);     /* since the epoch: file times */
int64_t clock_realtime_offset(void); /* realtime - monotonic */

/* Read and check user times: -EFAULT, -EINVAL for nanoseconds out of range or a negative time. */
long timespec_from_user(uint64_t addr, uint64_t *ns); /* saturates */
long timeval_from_user(uint64_t addr, uint64_t *ns);
long timespec_to_user(uint64_t addr, int64_t ns);
long timeval_to_user(uint64_t addr, int64_t ns);

/* now + ns, never past QUOIN_DEADLINE_NEVER. */
uint64_t deadline_after(uint64_t ns);
/* The monotonic time of a realtime moment, as the clocks stand now. */
uint64_t deadline_realtime(uint64_t realtime_ns);

/*
 * A timer calls its function once, on the timer thread, without locks held; the function may arm it
 * again but must not block for long.  timer_cancel waits for a running function unless it is called
 * from it.
 */
struct timer {
	uint64_t deadline; /* [LOCK_TIMER] monotonic */
	uint32_t slot;     /* [LOCK_TIMER] place in the queue + 1; 0: not armed */
	void (*expired)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*expired)(struct timer *timer));
void timer_arm(struct timer *timer, uint64_t deadline); /* replaces an earlier deadline */
bool timer_cancel(struct timer *timer);                 /* true if it was armed */

#endif
