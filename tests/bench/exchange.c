// SPDX-License-Identifier: MIT
/* Two that take turns: pipes, switches, futexes. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { BULK = 65536 };

static pid_t partner;
static int there[2], back[2];

static void partner_start(void (*work)(void))
{
	partner = need(fork(), "fork");
	if (partner == 0) {
		work();
		_exit(0);
	}
}

static void partner_stop(void)
{
	kill(partner, SIGKILL);
	need(waitpid(partner, NULL, 0), "waitpid");
}

/* ---- pipes ---- */

static void echo(void)
{
	char byte;

	close(there[1]);
	while (read(there[0], &byte, 1) == 1)
		need(write(back[1], &byte, 1), "write");
}

static void round_trip_setup(void)
{
	need(pipe(there), "pipe");
	need(pipe(back), "pipe");
	partner_start(echo);
}

static void round_trip_run(unsigned count)
{
	char byte = 0;

	while (count--) {
		need(write(there[1], &byte, 1), "write");
		need(read(back[0], &byte, 1), "read");
	}
}

static void pipes_close(void)
{
	partner_stop();
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}
BENCHMARK(pipe, .name = "pipe round trip", .count = 1000, .setup = round_trip_setup, .run = round_trip_run,
	  .teardown = pipes_close);

static void swallow(void)
{
	char *bytes = malloc(BULK);

	close(there[1]);
	while (read(there[0], bytes, BULK) > 0)
		;
}

static char *bulk;

static void bandwidth_setup(void)
{
	bulk = calloc(1, BULK);
	need(pipe(there), "pipe");
	need(pipe(back), "pipe");
	partner_start(swallow);
}

static void bandwidth_run(unsigned count)
{
	while (count--)
		need(write(there[1], bulk, BULK), "write");
}

static void bandwidth_teardown(void)
{
	pipes_close();
	free(bulk);
}
BENCHMARK(bandwidth, .name = "pipe, 64 KiB through it", .count = 100, .setup = bandwidth_setup,
	  .run = bandwidth_run, .teardown = bandwidth_teardown);

/* ---- the processor ---- */

static void yield_run(unsigned count)
{
	while (count--)
		sched_yield();
}
BENCHMARK(yield, .name = "sched_yield, alone", .count = 5000, .run = yield_run);

static void yield_for_ever(void)
{
	for (;;)
		sched_yield();
}

static void switch_setup(void)
{
	partner_start(yield_for_ever);
}

/* Each of the two yields: two switches for one here. */
static void switch_run(unsigned count)
{
	yield_run(count / 2);
}
BENCHMARK(context_switch, .name = "context switch between processes", .count = 4000, .setup = switch_setup,
	  .run = switch_run, .teardown = partner_stop);

/* ---- futexes ---- */

static _Atomic int turn;
static pthread_t other;

static void futex_take_turns(int mine, unsigned count)
{
	while (count--) {
		while (atomic_load(&turn) != mine)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL);
		atomic_store(&turn, !mine);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
	}
}

static void *futex_other(void *count)
{
	futex_take_turns(1, (unsigned)(size_t)count);
	return NULL;
}

static void futex_run(unsigned count)
{
	need(-pthread_create(&other, NULL, futex_other, (void *)(size_t)count), "pthread_create");
	futex_take_turns(0, count);
	pthread_join(other, NULL);
}
BENCHMARK(futex, .name = "futex hand-over and back", .count = 1000, .run = futex_run);
