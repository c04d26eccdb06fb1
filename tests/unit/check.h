/* SPDX-License-Identifier: MIT */
/*
 * Checks for unit tests.  A failed check prints where and what, and the test goes on; main() ends
 * with `return check_result();`.  CHECK_OR_STOP is for what the rest of the test stands on.
 */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;

#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, !!(condition))

#define CHECK_EQ(got, want) check_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))

#define CHECK_STR(got, want) check_string(__FILE__, __LINE__, #got, (got), (want))

#define CHECK_OR_STOP(condition)       \
	do {                           \
		if (!CHECK(condition)) \
			exit(1);       \
	} while (0)

static inline int check_true(const char *file, int line, const char *what, int holds)
{
	if (holds)
		return 1;
	check_failures++;
	fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
	return 0;
}

static inline void check_equal(const char *file, int line, const char *what, long long got, long long want)
{
	if (got == want)
		return;
	check_failures++;
	fprintf(stderr, "%s:%d: %s is %lld (%#llx), not %lld (%#llx)\n", file, line, what, got, got, want,
		want);
}

static inline void check_string(const char *file, int line, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) == 0)
		return;
	check_failures++;
	fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", file, line, what, got, want);
}

static inline int check_result(void)
{
	if (check_failures)
		fprintf(stderr, "%d checks failed\n", check_failures);
	return check_failures != 0;
}

#endif
