// SPDX-License-Identifier: MIT
// sources: kernel/debug/print.c
// flags: -iquote kernel/include
/* The kernel's formatting against the C library's. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "check.h"

int ksnprintf(char *buffer, size_t size, const char *format, ...);
void kprintf(const char *format, ...);

_Atomic bool panicking;
static char console[1024];
static size_t console_len;
static int nr_locked;

void spin_lock(void *lock)
{
	(void)lock;
	CHECK_EQ(nr_locked++, 0);
}

void spin_unlock(void *lock)
{
	(void)lock;
	CHECK_EQ(--nr_locked, 0);
}

void console_write(const char *text, size_t len)
{
	CHECK_EQ(nr_locked, !panicking);
	memcpy(console + console_len, text, len);
	console_len += len;
}

#define SAME(...)                                                      \
	do {                                                           \
		char ours[128], theirs[128];                           \
		int a = ksnprintf(ours, sizeof(ours), __VA_ARGS__);    \
		int b = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		CHECK_EQ(a, b);                                        \
		CHECK_STR(ours, theirs);                               \
	} while (0)

static void test_conversions(void)
{
	SAME("plain %% text");
	SAME("%d %i %u %x", -5, 7, 4000000000u, 0xbeefu);
	SAME("[%5d] [%-5d] [%05d] [%5u] [%-8x] [%08x]", 42, 42, 42, 42u, 42u, 42u);
	SAME("[%5d] [%-5d] [%05d] [%02d]", -42, -42, -42, -42);
	SAME("%ld %lu %lx %llx %zu", -1L, ~0UL, ~0UL, 0x123456789abcdefULL, sizeof(int));
	SAME("%ld %012lu", (long)(1UL << 63), 77ul);
	SAME("[%s] [%10s] [%-10s] [%.2s] [%.*s]", "abc", "abc", "abc", "abc", 1, "abc");
	SAME("%c%5c%-3c|", 'a', 'b', 'c');
}

/* What does not fit is cut; the end is there in any case. */
static void test_bounds(void)
{
	char small[4] = "xyz", one = 'x';

	CHECK_EQ(ksnprintf(small, sizeof(small), "%s", "abcdef"), 6);
	CHECK_STR(small, "abc");
	CHECK_EQ(ksnprintf(&one, 1, "abc"), 3);
	CHECK_EQ(one, 0);
	one = 'x';
	CHECK_EQ(ksnprintf(&one, 0, "abc"), 3);
	CHECK_EQ(one, 'x');
}

static void test_console(void)
{
	kprintf("%s %u\n", "cpu", 3u);
	panicking = true;
	kprintf("%300s", "x");
	CHECK_EQ(console_len, 6 + 255);
	CHECK(memcmp(console, "cpu 3\n ", 7) == 0);
}

int main(void)
{
	test_conversions();
	test_bounds();
	test_console();
	return check_result();
}
