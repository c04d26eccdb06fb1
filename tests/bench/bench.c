// SPDX-License-Identifier: MIT
/*
 * bench [-p] [LINE...]: measures all lines, or those named, and prints for each, between tabs,
 *
 *	name  instructions  counter=value ...
 *
 * per operation.  The counters are those of /proc/quoin/stats, where that is there.
 *
 * With -p it measures one round only.  Before, it prints "begin" and the number of operations and
 * waits for a line on standard input, and afterwards likewise with "end": the profiler on the host
 * looks at what lies between.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS      5
#define STATS       "/proc/quoin/stats"
#define NR_COUNTERS (sizeof(counter_names) / sizeof(counter_names[0]))

extern const struct benchmark __start_benchmarks[], __stop_benchmarks[];

static const char *const counter_names[] = {
	"root_switches",    "tlb_invalidations",  "ipis",
	"ipc_calls",        "kernel_calls",       "page_faults",
	"context_switches", "kernel_allocations", "frame_allocations",
	"heap_allocations",
};

struct counters {
	long value[NR_COUNTERS];
};

static int stats = -1;
static struct counters overhead; /* of one reading */

long need(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static void counters_read(struct counters *counters)
{
	char text[2048];
	ssize_t len;

	memset(counters, 0, sizeof(*counters));
	if (stats < 0)
		return;
	len = need(pread(stats, text, sizeof(text) - 1, 0), STATS);
	text[len] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *space = strchr(line, ' ');

		for (size_t i = 0; space && i < NR_COUNTERS; i++)
			if ((size_t)(space - line) == strlen(counter_names[i]) &&
			    strncmp(line, counter_names[i], space - line) == 0)
				counters->value[i] = atol(space + 1);
	}
}

static void counters_init(void)
{
	struct counters before, after;

	stats = open(STATS, O_RDONLY | O_CLOEXEC);
	counters_read(&before);
	counters_read(&before);
	counters_read(&after);
	for (size_t i = 0; i < NR_COUNTERS; i++)
		overhead.value[i] = after.value[i] - before.value[i];
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t median_ticks(const struct benchmark *b, int nr_rounds)
{
	uint64_t rounds[ROUNDS];

	for (int i = 0; i < nr_rounds; i++) {
		uint64_t start = ticks();

		b->run(b->count);
		rounds[i] = ticks() - start;
	}
	qsort(rounds, nr_rounds, sizeof(rounds[0]), by_size);
	return rounds[nr_rounds / 2];
}

/* Tells the host, and waits until it has done what it wants to. */
static void host_wait(const char *what, unsigned count)
{
	char line[16];

	printf("%s %u\n", what, count);
	fflush(stdout);
	need(read(0, line, sizeof(line)), "standard input");
}

static void measure(const struct benchmark *b, int profile)
{
	int nr_rounds = profile ? 1 : ROUNDS;
	struct counters before, after;
	uint64_t spent;

	if (b->setup)
		b->setup();
	b->run(b->count);
	counters_read(&before);
	if (profile)
		host_wait("begin", b->count);
	spent = median_ticks(b, nr_rounds);
	if (profile)
		host_wait("end", b->count);
	counters_read(&after);
	if (b->teardown)
		b->teardown();
	printf("%s\t%.0f", b->name, (double)spent / b->count);
	for (size_t i = 0; stats >= 0 && i < NR_COUNTERS; i++)
		printf("\t%s=%.2f", counter_names[i],
		       (double)(after.value[i] - before.value[i] - overhead.value[i]) / (b->count * nr_rounds));
	printf("\n");
	fflush(stdout);
}

static int chosen(const struct benchmark *b, char *const names[])
{
	if (!names[0])
		return 1;
	for (; *names; names++)
		if (strcmp(*names, b->name) == 0)
			return 1;
	return 0;
}

int main(int argc, char *argv[])
{
	const char *option = argc > 1 ? argv[1] : "";
	int profile = strcmp(option, "-p") == 0;

	if (strcmp(option, "exit") == 0)
		return 0;
	counters_init();
	for (const struct benchmark *b = __start_benchmarks; b < __stop_benchmarks; b++)
		if (chosen(b, argv + 1 + profile))
			measure(b, profile);
	return 0;
}
