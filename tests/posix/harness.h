/* SPDX-License-Identifier: MIT */
/*
 * Guest tests: one program per area, one TEST() per behaviour.
 *
 *	TEST(pipe_eof)
 *	{
 *		int fds[2];
 *		CHECK_OK(pipe(fds));
 *		CHECK_OK(close(fds[1]));
 *		CHECK_EQ(read(fds[0], buf, 1), 0);
 *		CHECK_ERR(write(fds[0], "x", 1), EBADF);
 *	}
 *
 * Each case runs in a child of its own, in a fresh empty working directory, with a time-out: one
 * that fails, crashes or hangs leaves the others alone.  A failed check ends its process; in a
 * process that the case forked, the case learns of it through wait_ok().  Output is TAP; lines of
 * diagnosis begin with '#'.  Arguments: -l lists the cases, names run only those.
 *
 * An area about files says TEST_FILE_SYSTEMS: its cases then run once in /var/tmp, on the root file
 * system, and once in /tmp, as "name@tmp", if that is another file system.  TMPDIR, if set, stands
 * for the first.
 *
 * The harness itself needs fork, wait4, kill, nanosleep, clock_gettime and, for the directory,
 * mkdir and its kin; everything else is the tests' own business.
 */
#ifndef TESTS_POSIX_HARNESS_H
#define TESTS_POSIX_HARNESS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

struct test_case {
	const char *name;
	const char *file;
	int line;
	int is_second;    /* on the second file system */
	unsigned seconds; /* how long it goes on, of its own will; 0: it comes to its end */
	void (*run)(void);
};

#define TEST(case_name) TEST_LASTING(0, case_name)

/* A case that could go on for ever, and stops after so long: see test_seconds. */
#define TEST_LASTING(nr_seconds, case_name)                                                             \
	static void test_##case_name(void);                                                             \
	static const struct test_case case_##case_name                                                  \
		__attribute__((used, section("test_cases"), aligned(8))) = { .name = #case_name,        \
									     .file = __FILE__,          \
									     .line = __LINE__,          \
									     .seconds = nr_seconds,     \
									     .run = test_##case_name }; \
	static void test_##case_name(void)

#define TEST_FILE_SYSTEMS int test_file_systems = 1
extern int test_file_systems;

/* The expression is true. */
#define CHECK(condition)                                                           \
	do {                                                                       \
		if (!(condition))                                                  \
			test_fail(__FILE__, __LINE__, "not true: %s", #condition); \
	} while (0)

/* The integers are equal. */
#define CHECK_EQ(got, want) test_check_eq(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))

/* The call succeeds; the value is the call's. */
#define CHECK_OK(call) test_check_ok(__FILE__, __LINE__, #call, (long long)(call))

/* The call fails with this errno. */
#define CHECK_ERR(call, error) \
	(errno = 0, test_check_err(__FILE__, __LINE__, #call, (long long)(call), error, #error))

/* The strings are equal. */
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, #got, got, want)

/* The bytes are equal. */
#define CHECK_MEM(got, want, len) test_check_mem(__FILE__, __LINE__, #got, got, want, len)

/* The case does not apply here. */
#define SKIP(...) test_skip(__VA_ARGS__)

/* if (CHILD(pid)) { ...the child's part, which ends with _exit(0)... } */
#define CHILD(pid) (CHECK_OK((pid) = fork()) == 0)

/* Waits for a forked process and checks how it ended. */
#define wait_ok(pid)             test_wait(__FILE__, __LINE__, pid, 0)
#define wait_exit(pid, code)     test_wait(__FILE__, __LINE__, pid, ((code)&0xff) << 8)
#define wait_signalled(pid, sig) test_wait(__FILE__, __LINE__, pid, sig)

/* An address that no mapping holds, and one in the kernel's half. */
#define BAD_POINTER    ((void *)8)
#define KERNEL_POINTER ((void *)0xffff800000000000)

/*
 * A program that executes itself plays a role then: with TEST_ROLE in its environment, no case runs
 * and the exit status is test_role()'s, which the area defines.
 */
int test_role(const char *role, int argc, char **argv);

void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void test_check_eq(const char *file, int line, const char *what, long long got, long long want);
long long test_check_ok(const char *file, int line, const char *what, long long got);
void test_check_err(const char *file, int line, const char *what, long long got, int error,
		    const char *error_name);
void test_check_str(const char *file, int line, const char *what, const char *got, const char *want);
void test_check_mem(const char *file, int line, const char *what, const void *got, const void *want,
		    size_t len);
void test_wait(const char *file, int line, pid_t pid, int want_status);

/* Sleeps the whole time, signals or not. */
void sleep_ms(unsigned ms);
/* CLOCK_MONOTONIC in milliseconds. */
long long now_ms(void);
/* Waits until the condition holds, for 5 seconds at most. */
#define WAIT_UNTIL(condition)                                                                \
	do {                                                                                 \
		long long test_deadline = now_ms() + 5000;                                   \
		while (!(condition)) {                                                       \
			if (now_ms() > test_deadline)                                        \
				test_fail(__FILE__, __LINE__, "never true: %s", #condition); \
			sleep_ms(2);                                                         \
		}                                                                            \
	} while (0)

/* How long this case lasts: TEST_SECONDS, else what it was declared with. */
unsigned test_seconds(void);
/* Where its random numbers begin: TEST_SEED, else 1. */
uint64_t test_seed(void);
/* A line of diagnosis, shown if the case fails. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The state letter of /proc/PID/stat: R, S, T, Z, ...; 0 if there is no such process. */
char process_state(pid_t pid);
/* The same of a thread of the caller's process. */
char thread_state(pid_t tid);
/* A child that sends the caller this signal once it sleeps; for wait_ok(). */
pid_t signal_when_asleep(int number);
/* Becomes an ordinary user without groups; for good. */
void become_user(unsigned id);
/* Makes a file with these contents in the working directory. */
void file_make(const char *path, const void *bytes, size_t len);
/* Removes a directory and all below it, whatever its permissions. */
void tree_remove(const char *path);
/* A readable and writable page between two that are neither. */
char *guarded_page(void);

#endif
