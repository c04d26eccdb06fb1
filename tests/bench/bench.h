/* SPDX-License-Identifier: MIT */
/*
 * The benchmark: one static program, run under both kernels with QEMU's --icount, where the time
 * stamp counter counts instructions.
 *
 * A BENCHMARK() is a line of the table: run() does the operation `count` times, setup and teardown
 * are not measured.  bench.c runs it once to warm up and then ROUNDS times; the median counts.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stddef.h>

struct benchmark {
	const char *name;
	unsigned count; /* operations a round */
	void (*setup)(void);
	void (*run)(unsigned count);
	void (*teardown)(void);
};

#define BENCHMARK(id, ...)                       \
	static const struct benchmark bench_##id \
		__attribute__((used, section("benchmarks"), aligned(8))) = { __VA_ARGS__ }

/* Ends the program unless result >= 0; returns it. */
long need(long result, const char *what);

#endif
