// SPDX-License-Identifier: MIT
/* The runner of guest tests, and what the cases share.  harness.h says how to use it. */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SKIPPED            77
#define DEFAULT_TIMEOUT_SECONDS 40
#define WARM_UP_SECONDS         4
#define MAX_CASES               256

extern const struct test_case __start_test_cases[], __stop_test_cases[];

/* Checks. */

static void say(const char *format, va_list args)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text) - 1, format, args);

	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	if (write(STDOUT_FILENO, text, len) < 0)
		_exit(2);
}

static void say_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

void test_note(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_line("# %s", text);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	char text[768];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_line("# %s:%d: %s", file, line, text);
	_exit(1);
}

void test_skip(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_line("# skipped: %s", text);
	_exit(EXIT_SKIPPED);
}

void test_check_eq(const char *file, int line, const char *what, long long got, long long want)
{
	int error = errno;

	if (got != want)
		test_fail(file, line, "%s is %lld (%#llx), not %lld (%#llx); errno is %d (%s)", what, got, got,
			  want, want, error, strerror(error));
}

long long test_check_ok(const char *file, int line, const char *what, long long got)
{
	if (got < 0)
		test_fail(file, line, "%s failed with errno %d (%s)", what, errno, strerror(errno));
	return got;
}

void test_check_err(const char *file, int line, const char *what, long long got, int error,
		    const char *error_name)
{
	if (got != -1)
		test_fail(file, line, "%s returned %lld and did not fail with %s", what, got, error_name);
	if (errno != error)
		test_fail(file, line, "%s failed with errno %d (%s), not %s", what, errno, strerror(errno),
			  error_name);
}

void test_check_str(const char *file, int line, const char *what, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		test_fail(file, line, "%s is \"%s\", not \"%s\"", what, got, want);
}

void test_check_mem(const char *file, int line, const char *what, const void *got, const void *want, size_t len)
{
	const unsigned char *a = got, *b = want;

	for (size_t i = 0; i < len; i++) {
		if (a[i] != b[i])
			test_fail(file, line, "%s[%zu] is %#x, not %#x", what, i, a[i], b[i]);
	}
}

/* Processes. */

void test_wait(const char *file, int line, pid_t pid, int want_status)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		test_fail(file, line, "waitpid(%d) is %d; errno is %d (%s)", pid, got, errno, strerror(errno));
	if ((status & ~0x80) != want_status)
		test_fail(file, line, "process ended with status %#x, not %#x", status, want_status);
}

static char state_in(const char *path)
{
	char text[512];
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = 0;
	char *end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

char process_state(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return state_in(path);
}

char thread_state(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	return state_in(path);
}

pid_t signal_when_asleep(int number)
{
	pid_t pid, parent = getpid();

	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		CHECK_OK(kill(parent, number));
		_exit(0);
	}
	return pid;
}

void become_user(unsigned id)
{
	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setgid(id));
	CHECK_OK(setuid(id));
}

/* Time, files, memory. */

void sleep_ms(unsigned ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void file_make(const char *path, const void *bytes, size_t len)
{
	int fd = CHECK_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	CHECK_EQ(write(fd, bytes, len), len);
	CHECK_OK(close(fd));
}

char *guarded_page(void)
{
	char *base = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(base != MAP_FAILED);
	CHECK_OK(mprotect(base + 4096, 4096, PROT_READ | PROT_WRITE));
	return base + 4096;
}

/* Cases that go on for as long as they are told to. */

static const struct test_case *case_now; /* in its own process */
static int warming_up;                   /* see case_run_balanced */

static unsigned case_seconds(const struct test_case *test)
{
	const char *value = getenv("TEST_SECONDS");
	unsigned seconds = test->seconds && value ? (unsigned)atoi(value) : test->seconds;

	return warming_up && seconds > WARM_UP_SECONDS ? WARM_UP_SECONDS : seconds;
}

unsigned test_seconds(void)
{
	return case_seconds(case_now);
}

uint64_t test_seed(void)
{
	const char *value = getenv("TEST_SEED");

	return value ? strtoull(value, NULL, 10) : 1;
}

/* The working directory of a case. */

void tree_remove(const char *path)
{
	DIR *dir;
	struct dirent *entry;
	char name[PATH_MAX];

	chmod(path, 0700);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		/* cut off, it would name this directory again */
		if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
			continue;
		if (unlink(name) < 0)
			tree_remove(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* A fresh directory in `above`; an empty path if there is none to be had. */
static void directory_make(char *path, size_t size, const char *above)
{
	for (int i = 0; i < 100; i++) {
		snprintf(path, size, "%s/posix.%d.%d", above, getpid(), i);
		if (mkdir(path, 0755) == 0)
			return;
	}
	say_line("# no working directory: mkdir %s: %s", path, strerror(errno));
	path[0] = 0;
}

__attribute__((weak)) int test_file_systems = 0;

/* Where a case works: its own place, or /tmp as the second; NULL if that is the same file system.
 */
static const char *directory_above(int is_second)
{
	const char *first = getenv("TMPDIR");
	struct stat root, tmp;

	if (!first)
		first = stat("/var/tmp", &root) == 0 ? "/var/tmp" : "/tmp";
	if (!is_second)
		return first;
	return stat(first, &root) == 0 && stat("/tmp", &tmp) == 0 && tmp.st_dev != root.st_dev ? "/tmp" : NULL;
}

/*
 * The books of the system below: /proc/quoin/books has a name and a number in each line.  A case that
 * leaves more behind than it found has leaked.  Caches are dropped before each look; what ends a moment
 * after its last user gets that moment.
 */

#define BOOKS_FILE      "/proc/quoin/books"
#define BOOKS_SETTLE_MS 2000
#define BOOKS_MAX       48
#define BOOKS_RUNS      3

struct book {
	char name[48];
	long long count;
};

struct books {
	int nr;
	struct book of[BOOKS_MAX];
};

static void caches_drop(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "2", 1);
		close(fd);
	}
}

static void books_read(struct books *books)
{
	FILE *file;

	memset(books, 0, sizeof(*books));
	if (access(BOOKS_FILE, R_OK) < 0)
		return;
	caches_drop();
	file = fopen(BOOKS_FILE, "re");
	if (!file)
		return;
	while (books->nr < BOOKS_MAX &&
	       fscanf(file, "%47s %lld", books->of[books->nr].name, &books->of[books->nr].count) == 2)
		books->nr++;
	fclose(file);
}

/* Frames that the kernel keeps for itself may become a few more, once. */
static long long book_slack(const char *name)
{
	return strstr(name, "_pages") ? 64 : 0;
}

static const struct book *book_find(const struct books *books, const char *name)
{
	for (int i = 0; i < books->nr; i++) {
		if (strcmp(books->of[i].name, name) == 0)
			return &books->of[i];
	}
	return NULL;
}

/* By how much the books show more than before, all together; what, if that is to be said. */
static long long books_excess(const struct books *before, const struct books *after, int say)
{
	long long excess = 0;

	for (const struct book *book = after->of; book < after->of + after->nr; book++) {
		const struct book *earlier = book_find(before, book->name);
		long long was = earlier ? earlier->count : 0;

		if (book->count <= was + book_slack(book->name))
			continue;
		if (say)
			say_line("# more than before: %s %lld -> %lld", book->name, was, book->count);
		excess += book->count - was;
	}
	return excess;
}

/* While others still work on what was said last, they hold something: looks until nothing changes. */
static void books_read_quiet(struct books *books)
{
	struct books earlier;

	books_read(books);
	for (int tries = 0; books->nr && tries < 50; tries++) {
		earlier = *books;
		sleep_ms(10);
		books_read(books);
		if (memcmp(&earlier, books, sizeof(earlier)) == 0)
			return;
	}
}

/* Looks until all is back, or nothing more has come back for a time: init may have many to bury. */
static int books_settle(const struct books *before, struct books *after)
{
	long long end = now_ms() + BOOKS_SETTLE_MS, least = LLONG_MAX;

	for (unsigned pause_ms = 1;; pause_ms += pause_ms < 50 ? pause_ms : 0) {
		books_read(after);
		long long excess = books_excess(before, after, 0);
		if (!excess && (after->nr || !before->nr)) /* they can be read as before */
			return 1;
		if (excess < least)
			end = now_ms() + BOOKS_SETTLE_MS;
		least = excess < least ? excess : least;
		if (now_ms() > end)
			return 0;
		sleep_ms(pause_ms);
		if (pause_ms > 8)
			sync(); /* a deleted file goes when nothing of it is to be written any more */
	}
}

/* The runner. */

static const char *suffix(const struct test_case *test)
{
	return test->is_second ? "@tmp" : "";
}

static long long timeout_ms(const struct test_case *test)
{
	const char *value = getenv("TEST_TIMEOUT");

	return 1000LL * (value ? atoi(value) : DEFAULT_TIMEOUT_SECONDS + (int)case_seconds(test));
}

/* Waits for the case with a growing pause; returns its wait status, or -1 after the time-out. */
static int case_wait(const struct test_case *test, pid_t pid)
{
	long long deadline = now_ms() + timeout_ms(test);
	int status;

	for (unsigned pause_ms = 1;; pause_ms += pause_ms < 20) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return -1;
		if (now_ms() > deadline)
			return -1;
		sleep_ms(pause_ms);
	}
}

/* BusyBox's shell ignores SIGQUIT, and so does the last program of `sh -c`, which it becomes. */
static void case_child(const struct test_case *test, const char *directory)
{
	signal(SIGQUIT, SIG_DFL);
	setpgid(0, 0);
	if (directory[0] && chdir(directory) < 0)
		_exit(2);
	case_now = test;
	test->run();
	_exit(0);
}

/* Kills what the case left behind; its process group is the case's own. */
static int case_run(const struct test_case *test, const char *above)
{
	char directory[PATH_MAX];
	int status;
	pid_t pid;

	directory_make(directory, sizeof(directory), above);
	pid = fork();
	if (pid < 0) {
		say_line("# fork: %s", strerror(errno));
		return -1;
	}
	if (pid == 0)
		case_child(test, directory);
	setpgid(pid, pid);
	status = case_wait(test, pid);
	kill(-pid, SIGKILL);
	if (status == -1) {
		say_line("# %s:%d: no end after %lld s", test->file, test->line, timeout_ms(test) / 1000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (directory[0])
		tree_remove(directory);
	return status;
}

/*
 * Runs a case and balances the books.  A table that grew, or a page that was touched for the first
 * time, stays; a leak loses each time, so who seems to lose runs again.  What takes long begins with
 * a short run, in which most of these tables grow.
 */
static int case_run_balanced(const struct test_case *test, const char *above, int *leaks)
{
	struct books before, after;
	int status;

	warming_up = test->seconds && access(BOOKS_FILE, R_OK) == 0;
	if (warming_up && (status = case_run(test, above)) != 0)
		return status;
	warming_up = 0;
	for (int run = 0; run < BOOKS_RUNS; run++) {
		books_read_quiet(&before);
		status = case_run(test, above);
		*leaks = !books_settle(&before, &after);
		if (*leaks)
			books_excess(&before, &after, 1);
		if (status != 0 || !*leaks)
			return status;
	}
	say_line("# leaks: each of %d runs left more behind than it found", BOOKS_RUNS);
	return status;
}

static int case_report(int number, const struct test_case *test)
{
	const char *above = directory_above(test->is_second);
	int leaks = 0;
	int status = above ? case_run_balanced(test, above, &leaks) : EXIT_SKIPPED << 8;
	int skipped = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;
	int passed = skipped || (status == 0 && !leaks);

	if (!above)
		say_line("# skipped: /tmp is no file system of its own");
	if (status != -1 && WIFSIGNALED(status))
		say_line("# %s:%d: killed by signal %d (%s)", test->file, test->line, WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	say_line("%s %d - %s%s%s", passed ? "ok" : "not ok", number, test->name, suffix(test),
		 skipped ? " # SKIP" : "");
	return passed;
}

static int by_line(const void *a, const void *b)
{
	const struct test_case *one = a, *other = b;

	return one->is_second != other->is_second ? one->is_second - other->is_second : one->line - other->line;
}

static int is_chosen(const struct test_case *test, char **names)
{
	size_t len = strlen(test->name);

	if (!*names)
		return 1;
	for (; *names; names++) {
		if (strncmp(*names, test->name, len) == 0 && !strcmp(*names + len, suffix(test)))
			return 1;
	}
	return 0;
}

/* The chosen cases in the order of the source, those on the second file system last. */
static int cases_collect(struct test_case *cases, int max, char **names)
{
	int nr = 0;

	for (const struct test_case *test = __start_test_cases; test < __stop_test_cases; test++) {
		for (int second = 0; second <= test_file_systems && nr < max; second++) {
			cases[nr] = *test;
			cases[nr].is_second = second;
			nr += is_chosen(&cases[nr], names);
		}
	}
	qsort(cases, nr, sizeof(cases[0]), by_line);
	return nr;
}

static int cases_run(const struct test_case *cases, int nr)
{
	int failed = 0;

	say_line("1..%d", nr);
	for (int i = 0; i < nr; i++)
		failed += !case_report(i + 1, &cases[i]);
	return failed;
}

__attribute__((weak)) int test_role(const char *role, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	say_line("# nobody plays %s", role);
	return 98;
}

int main(int argc, char **argv)
{
	const char *role = getenv("TEST_ROLE");
	static struct test_case cases[MAX_CASES + 1];
	int listing = argc > 1 && strcmp(argv[1], "-l") == 0, nr;

	if (role)
		return test_role(role, argc, argv);
	nr = cases_collect(cases, MAX_CASES + 1, argv + (argc > 0) + listing);
	if (!nr || nr > MAX_CASES) {
		say_line(nr ? "# more than %d cases" : "# no such case", MAX_CASES);
		return 1;
	}
	for (int i = 0; listing && i < nr; i++)
		say_line("%s%s", cases[i].name, suffix(&cases[i]));
	return listing ? 0 : cases_run(cases, nr) != 0;
}
