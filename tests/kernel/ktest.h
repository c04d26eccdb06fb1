/*
 * The frame of the kernel's tests: a first task, in devmgr's place, that calls the kernel with right and
 * wrong arguments and prints TAP on the debug console.
 *
 *     KTEST(memobj_size_is_kept)
 *     {
 *             quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 8192));
 *
 *             expect_eq(quoin_memobj_size(m), 8192);
 *             expect_eq(quoin_memobj_size(0), -QERR_BADF);
 *             quoin_handle_close(m);
 *     }
 *
 * Words on the command line: test=NAME runs only that one; seconds=N and seed=N are for tests that can go
 * on for ever (option_number).
 *
 * After each test free pages and live objects must be back where they were, unless the test said
 * ktest_may_leak().
 */
#ifndef KTEST_H
#define KTEST_H

#include <stdbool.h>
#include <stdint.h>

#include <quoin/errors.h>
#include <quoin/layout.h>
#include <quoin/stubs.h>
#include <quoin/types.h>

struct ktest {
	const char *name;
	void (*run)(void);
};

#define KTEST(test)                                                                                        \
	static void test(void);                                                                            \
	static const struct ktest ktest_##test __attribute__((used, section(".ktest"))) = { #test, test }; \
	static void test(void)

#define expect_eq(got, wanted) ktest_expect((long)(got), (long)(wanted), #got, __FILE__, __LINE__)
#define expect(condition)      ktest_expect(!!(condition), 1, #condition, __FILE__, __LINE__)
/* A result >= 0, or the test is over; in another thread than the first that thread only, and the test has failed. */
#define need(call) ktest_need((long)(call), #call, __FILE__, __LINE__)

void ktest_expect(long got, long wanted, const char *what, const char *file, int line);
long ktest_need(long result, const char *what, const char *file, int line);
void ktest_may_leak(void);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define INFO ((const struct quoin_info *)QUOIN_SERVER_INFO)
#define PAGE QUOIN_PAGE_SIZE

/* The number behind "name=" on the command line, or the usual one. */
uint64_t option_number(const char *name, uint64_t usual);

static inline uint64_t now_ns(void)
{
	return quoin_clock_monotonic();
}

/* Sleeps for a moment, so that threads of lower classes run. */
void nap(void);

/* This thread's page: its slot is found by masking rsp. */
static inline struct quoin_thread_page *my_page(void)
{
	return (void *)((uintptr_t)__builtin_frame_address(0) & ~(QUOIN_SLOT_BYTES - 1));
}

/* Threads of this task, each in a slot of its own. */
struct ktest_thread {
	quoin_handle handle;
	uintptr_t slot;
};

struct ktest_thread thread_run(void (*function)(void *), void *argument);
struct ktest_thread thread_run_class(void (*function)(void *), void *argument, unsigned class);
/* Waits until it has ended, and frees its slot. */
void thread_join(struct ktest_thread *thread);
struct quoin_thread_page *thread_page(const struct ktest_thread *thread);

/* Anonymous memory of this task at an address of its own. */
void *memory_get(uint64_t bytes);
void memory_drop(void *address, uint64_t bytes);
/* An address range nobody uses. */
uintptr_t range_get(uint64_t bytes);

#endif
