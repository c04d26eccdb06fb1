/* SPDX-License-Identifier: MIT */
/* Load averages over 1, 5 and 15 minutes, sampled every five seconds as Linux does. */
#include <quoin/runtime.h>

#include "clock.h"
#include "linux/system.h"
#include "loadavg.h"
#include "process.h"

#define PERIOD_NS 5000000000ull
#define ONE       (1ull << LINUX_SI_LOAD_SHIFT)

/* exp(-5s/1min), exp(-5s/5min), exp(-5s/15min), as fractions of ONE. */
static const uint64_t decay[3] = { 60296, 64453, 65173 };

static _Atomic uint64_t loads[3];
static struct timer timer;

static uint64_t running_threads(void)
{
	struct process *process;
	uint64_t running = 0;

	for (int pid = 1; (process = process_next(pid));) {
		running += process_state(process) == 'R';
		pid = process->pid + 1;
		process_put(process);
	}
	return running;
}

static void sample(struct timer *expired)
{
	uint64_t running = running_threads() * ONE;

	for (int i = 0; i < 3; i++)
		loads[i] = (loads[i] * decay[i] + running * (ONE - decay[i])) >> LINUX_SI_LOAD_SHIFT;
	timer_arm(expired, clock_monotonic_ns() + PERIOD_NS);
}

void loadavg_start(void)
{
	timer_init(&timer, sample);
	timer_arm(&timer, clock_monotonic_ns() + PERIOD_NS);
}

void loadavg_get(uint64_t out[3])
{
	for (int i = 0; i < 3; i++)
		out[i] = loads[i];
}
