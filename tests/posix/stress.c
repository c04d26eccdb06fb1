// SPDX-License-Identifier: MIT
/*
 * Many things at once: processes, threads, memory, files and signals in each other's way, and
 * programs that want too much.  Each case knows what must come out at the end.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NR_WORKERS = 4, PAGE = 4096 };

static unsigned random_next(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed / 65536 % 32768;
}

static void *shared_page(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	return page;
}

/* Runs work(i) in NR_WORKERS processes and waits for them. */
static void workers_run(void (*work)(int))
{
	pid_t pids[NR_WORKERS];

	for (int i = 0; i < NR_WORKERS; i++) {
		if (CHILD(pids[i])) {
			work(i);
			_exit(0);
		}
	}
	for (int i = 0; i < NR_WORKERS; i++)
		wait_ok(pids[i]);
}

static void threads_run(void *(*run)(void *))
{
	pthread_t threads[NR_WORKERS];

	for (intptr_t i = 0; i < NR_WORKERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0);
	for (int i = 0; i < NR_WORKERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* Processes. */

static void work_fork_exec(int worker)
{
	pid_t pid;

	(void)worker;
	for (int i = 0; i < 20; i++) {
		if (CHILD(pid)) {
			execl("/bin/true", "true", NULL);
			_exit(99);
		}
		wait_ok(pid);
	}
}

TEST(fork_exec_storm)
{
	workers_run(work_fork_exec);
}

static void on_signal(int number)
{
	(void)number;
}

TEST(children_are_all_counted)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int nr = 0;
	pid_t pid;

	CHECK_OK(sigaction(SIGCHLD, &action, NULL));
	for (int i = 0; i < 100; i++) {
		if (CHILD(pid))
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			nr++;
	}
	while (waitpid(-1, NULL, 0) > 0)
		nr++;
	CHECK_EQ(nr, 100);
}

TEST(token_through_a_chain)
{
	enum { LENGTH = 30, ROUNDS = 20 };
	int first[2], in, next[2];
	int status;
	char byte;
	pid_t pid;

	CHECK_OK(pipe(first));
	in = first[0];
	for (int i = 0; i < LENGTH; i++) {
		CHECK_OK(pipe(next));
		if (CHILD(pid)) {
			close(first[1]);
			close(next[0]);
			while (read(in, &byte, 1) == 1)
				CHECK_EQ(write(next[1], &byte, 1), 1);
			_exit(0);
		}
		close(in);
		close(next[1]);
		in = next[0];
	}
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(write(first[1], "t", 1), 1);
		CHECK_EQ(read(in, &byte, 1), 1);
	}
	close(first[1]);
	CHECK_EQ(read(in, &byte, 1), 0);
	for (int i = 0; i < LENGTH; i++) {
		CHECK_OK(waitpid(-1, &status, 0));
		CHECK_EQ(status, 0);
	}
}

TEST(fork_bomb_under_limit)
{
	struct rlimit limit = { 25, 25 };
	atomic_int *nr_refused = shared_page();
	pid_t pid, inner;

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
		become_user(54321);
		for (;;) {
			inner = fork();
			if (inner < 0 && errno == EAGAIN && atomic_fetch_add(nr_refused, 1) > 50)
				_exit(0);
			if (inner < 0)
				sleep_ms(1);
		}
	}
	wait_ok(pid);
	/* the others find out for themselves; nothing else has suffered */
	work_fork_exec(0);
}

/* A process is killed at any point of whatever it does. */
static void busy_with_everything(unsigned seed)
{
	char name[32], bytes[5000];
	int fds[2];

	for (;;) {
		snprintf(name, sizeof(name), "f%u", random_next(&seed) % 8);
		switch (random_next(&seed) % 8) {
		case 0:
			file_make(name, bytes, random_next(&seed) % sizeof(bytes));
			break;
		case 1:
			unlink(name);
			break;
		case 2:
			rename(name, "other");
			break;
		case 3:
			mkdir("d", 0755);
			rmdir("d");
			break;
		case 4:
			if (fork() == 0)
				_exit(0);
			break;
		case 5:
			if (pipe(fds) == 0) {
				(void)!write(fds[1], bytes, 4096);
				(void)!read(fds[0], bytes, 4096);
				close(fds[0]);
				close(fds[1]);
			}
			break;
		case 6:
			munmap(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0),
			       64 * PAGE);
			break;
		default:
			sleep_ms(1);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

TEST(killed_at_any_point)
{
	pid_t pid;

	for (unsigned i = 0; i < 60; i++) {
		if (CHILD(pid))
			busy_with_everything(i * 77 + 1);
		usleep(i * 337 % 20000);
		CHECK_OK(kill(pid, SIGKILL));
		wait_signalled(pid, SIGKILL);
	}
}

static void work_signals(int worker)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct timespec moment = { 0, 500000 };
	int status;
	pid_t pid, ended;

	(void)worker;
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	if (CHILD(pid)) {
		for (int i = 0; i < 300; i++)
			nanosleep(&moment, NULL);
		_exit(0);
	}
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0)
		CHECK_OK(kill(pid, SIGUSR1));
	CHECK_EQ(ended, pid);
	CHECK_EQ(status, 0);
}

TEST(sleeps_under_fire)
{
	workers_run(work_signals);
}

/* Memory. */

static void *run_map_unmap(void *argument)
{
	unsigned tag = (unsigned)(intptr_t)argument + 1;

	for (int round = 0; round < 150; round++) {
		unsigned *area =
			mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(area != MAP_FAILED);
		for (int i = 0; i < 8 * PAGE / 4; i += 256) {
			CHECK_EQ(area[i], 0);
			area[i] = tag << 24 | i;
		}
		for (int i = 0; i < 8 * PAGE / 4; i += 256)
			CHECK_EQ(area[i], tag << 24 | i);
		CHECK_OK(munmap(area, 8 * PAGE));
	}
	return NULL;
}

TEST(threads_map_and_unmap)
{
	threads_run(run_map_unmap);
}

static atomic_int stop_running;
static unsigned long *shared_area;

static void *run_writer(void *argument)
{
	intptr_t me = (intptr_t)argument;

	while (!stop_running) {
		for (int page = 0; page < 16; page++)
			shared_area[page * PAGE / 8 + me]++;
	}
	return NULL;
}

/* Forking while threads write: in the child, memory stands still; in the parent, nothing is lost.
 */
TEST(fork_while_threads_write)
{
	pthread_t threads[NR_WORKERS];
	unsigned long seen[16 * NR_WORKERS];
	pid_t pid;

	shared_area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(shared_area != MAP_FAILED);
	for (intptr_t i = 0; i < NR_WORKERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, run_writer, (void *)i), 0);
	for (int round = 0; round < 25; round++) {
		if (CHILD(pid)) {
			for (int i = 0; i < 16 * NR_WORKERS; i++)
				seen[i] = shared_area[i / NR_WORKERS * PAGE / 8 + i % NR_WORKERS];
			sleep_ms(2);
			for (int i = 0; i < 16 * NR_WORKERS; i++)
				CHECK_EQ(shared_area[i / NR_WORKERS * PAGE / 8 + i % NR_WORKERS], seen[i]);
			_exit(0);
		}
		wait_ok(pid);
	}
	stop_running = 1;
	for (int i = 0; i < NR_WORKERS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
		unsigned long first = shared_area[i];
		for (int page = 1; page < 16; page++)
			CHECK_EQ(shared_area[page * PAGE / 8 + i], first);
	}
}

static volatile char *toggled;

static void *run_toggle(void *argument)
{
	(void)argument;
	while (!stop_running) {
		CHECK_OK(mprotect((void *)toggled, PAGE, PROT_READ));
		CHECK_OK(mprotect((void *)toggled, PAGE, PROT_READ | PROT_WRITE));
	}
	return NULL;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context; /* again, until the page is writable */
}

TEST(protection_changes_under_a_writer)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	pthread_t thread;

	toggled = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK((void *)toggled != MAP_FAILED);
	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	CHECK_EQ(pthread_create(&thread, NULL, run_toggle, NULL), 0);
	long long end = now_ms() + 500;
	unsigned char count = 0;
	while (now_ms() < end) {
		toggled[0] = ++count;
		CHECK_EQ((unsigned char)toggled[0], count);
	}
	stop_running = 1;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(shared_counter_is_exact)
{
	atomic_long *counter = shared_page();
	pid_t pids[NR_WORKERS];

	for (int i = 0; i < NR_WORKERS; i++) {
		if (CHILD(pids[i])) {
			for (int n = 0; n < 100000; n++)
				atomic_fetch_add(counter, 1);
			_exit(0);
		}
	}
	for (int i = 0; i < NR_WORKERS; i++)
		wait_ok(pids[i]);
	CHECK_EQ(*counter, NR_WORKERS * 100000);
}

/*
 * One program takes all the memory there is: it fails or dies, the others go on.  Not on Linux by
 * default: it throws out all program text first, and is busy for minutes with reading it again.
 */
TEST(memory_exhausted_by_one)
{
	struct utsname names;
	int status;
	pid_t pid;

	CHECK_OK(uname(&names));
	if (!strstr(names.release, "quoin") && !getenv("TEST_EXHAUST_MEMORY"))
		SKIP("TEST_EXHAUST_MEMORY is not set");
	if (CHILD(pid)) {
		for (;;) {
			char *area =
				mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (area == MAP_FAILED)
				_exit(errno == ENOMEM ? 0 : 1);
			memset(area, 1, 1 << 20);
		}
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(status == 0 ||
	      (WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV)));
	work_fork_exec(0);
}

/*
 * An ordinary user fills as many pipes as it may have, from several processes: it is refused at some point,
 * and while it holds them the others go on.
 */
static void fill_pipes(void)
{
	static char bytes[65536];
	int fds[2];

	while (pipe2(fds, O_NONBLOCK) == 0) {
		while (write(fds[1], bytes, sizeof(bytes)) > 0)
			;
		if (errno != EAGAIN)
			break;
	}
	CHECK(errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EPERM);
}

TEST(pipes_of_one_user)
{
	enum { NR_CHILDREN = 4 };
	pid_t pids[NR_CHILDREN];
	int full[2];
	char byte;

	CHECK_OK(pipe(full));
	for (int i = 0; i < NR_CHILDREN; i++) {
		if (CHILD(pids[i])) {
			become_user(1000);
			fill_pipes();
			CHECK_EQ(write(full[1], "", 1), 1);
			pause();
		}
	}
	for (int i = 0; i < NR_CHILDREN; i++)
		CHECK_EQ(read(full[0], &byte, 1), 1);
	work_fork_exec(0);
	for (int i = 0; i < NR_CHILDREN; i++)
		CHECK_OK(kill(pids[i], SIGKILL));
	for (int i = 0; i < NR_CHILDREN; i++)
		wait_signalled(pids[i], SIGKILL);
}

/* Files. */

static void work_files(int worker)
{
	char name[32], other[32], bytes[3000], got[3000];
	unsigned seed = worker + 1;

	for (int i = 0; i < 40; i++) {
		size_t len = random_next(&seed) % sizeof(bytes);
		snprintf(name, sizeof(name), "w%d-%d", worker, i);
		snprintf(other, sizeof(other), "w%d-%d.new", worker, i);
		memset(bytes, worker * 50 + i, sizeof(bytes));
		file_make(name, bytes, len);
		CHECK_OK(rename(name, other));
		int fd = CHECK_OK(open(other, O_RDONLY));
		CHECK_EQ(read(fd, got, sizeof(got)), len);
		CHECK_MEM(got, bytes, len);
		CHECK_OK(close(fd));
		CHECK_OK(unlink(other));
	}
}

TEST(files_come_and_go)
{
	struct dirent *entry;

	workers_run(work_files);
	DIR *dir = opendir(".");
	CHECK(dir);
	while ((entry = readdir(dir)))
		CHECK(entry->d_name[0] == '.');
}

static void work_one_name(int worker)
{
	char byte;

	for (int i = 0; i < 100; i++) {
		int fd = open("name", O_RDWR | O_CREAT | (i % 2 ? O_EXCL : 0), 0600);
		if (fd < 0) {
			CHECK(errno == EEXIST);
		} else {
			CHECK_EQ(write(fd, "x", 1), 1);
			CHECK_EQ(pread(fd, &byte, 1, 0), 1);
			CHECK_EQ(byte, 'x');
			CHECK_OK(close(fd));
		}
		if (i % 3 == worker % 3 && unlink("name") < 0)
			CHECK_EQ(errno, ENOENT);
	}
}

TEST(one_name_for_all)
{
	workers_run(work_one_name);
}

static void work_directories(int worker)
{
	static const char *const names[] = { "a", "b", "a/x", "b/x", "a/x/y", "b/x/y" };
	unsigned seed = worker * 31 + 7;

	for (int i = 0; i < 300; i++) {
		const char *one = names[random_next(&seed) % 6], *two = names[random_next(&seed) % 6];
		switch (random_next(&seed) % 3) {
		case 0:
			mkdir(one, 0755);
			break;
		case 1:
			rename(one, two);
			break;
		default:
			rmdir(one);
		}
	}
}

static void directories_remove(void)
{
	struct dirent *entry;
	DIR *dir = opendir(".");

	CHECK(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		CHECK_OK(chdir(entry->d_name));
		directories_remove();
		CHECK_OK(chdir(".."));
		CHECK_OK(rmdir(entry->d_name));
	}
	CHECK_OK(closedir(dir));
}

/* Directories move across each other: no cycle, no loss; what is left can be removed. */
TEST(directories_in_motion)
{
	struct stat status;

	workers_run(work_directories);
	directories_remove();
	CHECK_OK(stat(".", &status));
	CHECK(status.st_nlink <= 2);
}

static void work_truncate(int worker)
{
	static char bytes[20000], got[20000];
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < 100; i++) {
		if (worker == 0)
			CHECK_OK(ftruncate(fd, i * 977 % 20000));
		else if (worker == 1)
			CHECK_EQ(pwrite(fd, bytes, 5000, i * 613 % 15000), 5000);
		ssize_t len = CHECK_OK(pread(fd, got, sizeof(got), 0));
		for (ssize_t at = 0; at < len; at++)
			CHECK(got[at] == 'x' || got[at] == 0);
	}
}

TEST(truncation_under_readers_and_writers)
{
	workers_run(work_truncate);
}

static void work_mapped(int worker)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));
	volatile unsigned *area;

	CHECK_OK(ftruncate(fd, 16 * PAGE));
	area = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK((void *)area != MAP_FAILED);
	for (unsigned i = 1; i <= 500; i++) {
		unsigned at = i % 16 * PAGE / 4 + worker, got;
		area[at] = i;
		CHECK_EQ(pread(fd, &got, 4, at * 4), 4);
		CHECK_EQ(got, i);
		if (i % 100 == 0)
			CHECK_OK(msync((void *)area, 16 * PAGE, MS_SYNC));
	}
}

TEST(mappings_and_reads_agree)
{
	workers_run(work_mapped);
}

/*
 * Everything at once: in each of several processes one thread bears children, one maps memory, two pass
 * bytes through a pipe, and the first thread kicks them all out of whatever they do.  Each knows what it
 * must find.  TEST_SECONDS and TEST_SEED choose how long and what.
 */

enum { NR_MIXED = 4, MIX_SECONDS = 60, PIPE_BLOCK = 9000 };

static int mix_pipe[2];
static atomic_int mix_tids[NR_MIXED], nr_kicked;

static void on_kick(int number)
{
	(void)number;
	atomic_fetch_add(&nr_kicked, 1);
}

static pid_t wait_uninterrupted(pid_t pid, int *status)
{
	pid_t got;

	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

/* A child ends in one of the ways there are; it leaves its parent's memory as it was. */
static void bear_child(unsigned way, volatile int *mark)
{
	int status, wanted[] = { 0, 7 << 8, SIGKILL, SIGSEGV, 0 };
	pid_t pid;

	*mark = way;
	if (CHILD(pid)) {
		*mark = -1;
		switch (way) {
		case 0:
			execl("/bin/true", "true", NULL);
			_exit(99);
		case 1:
			_exit(7);
		case 2:
			raise(SIGKILL);
			_exit(99);
		case 3:
			*(volatile int *)BAD_POINTER = 1;
			_exit(99);
		default:
			_exit(*mark + 1);
		}
	}
	CHECK_EQ(wait_uninterrupted(pid, &status), pid);
	CHECK_EQ(status & ~0x80, wanted[way]);
	CHECK_EQ(*mark, way);
}

static void *run_births(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;
	int mark;

	mix_tids[0] = gettid();
	while (!stop_running)
		bear_child(random_next(&seed) % 5, &mark);
	return NULL;
}

/* An area is changed, moved and given up in pieces, and is always what it should be. */
static void use_memory(unsigned tag, unsigned nr_pages)
{
	size_t len = nr_pages * PAGE;
	unsigned *area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned middle = nr_pages / 2;

	CHECK(area != MAP_FAILED);
	for (unsigned page = 0; page < nr_pages; page++)
		area[page * PAGE / 4] = tag + page;
	CHECK_OK(madvise(area + middle * PAGE / 4, PAGE, MADV_DONTNEED));
	area = mremap(area, len, 2 * len, MREMAP_MAYMOVE);
	CHECK(area != MAP_FAILED);
	CHECK_OK(mprotect(area, PAGE, PROT_READ));
	for (unsigned page = 0; page < 2 * nr_pages; page++)
		CHECK_EQ(area[page * PAGE / 4], page == middle || page >= nr_pages ? 0 : tag + page);
	CHECK_OK(munmap(area + middle * PAGE / 4, PAGE));
	CHECK_EQ(area[(nr_pages - 1) * PAGE / 4], tag + nr_pages - 1);
	CHECK_OK(munmap(area, 2 * len));
}

static void *run_memory(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)argument;

	mix_tids[1] = gettid();
	while (!stop_running)
		use_memory(random_next(&seed) << 8, 4 + random_next(&seed) % 28);
	return NULL;
}

/* The bytes of the pipe are a sequence, whatever the pieces they travel in. */
static void *run_writer_of_pipe(void *argument)
{
	unsigned char bytes[PIPE_BLOCK], next = 0;
	unsigned seed = (unsigned)(uintptr_t)argument;

	mix_tids[2] = gettid();
	while (!stop_running) {
		size_t len = 1 + random_next(&seed) % PIPE_BLOCK;

		for (size_t i = 0; i < len; i++)
			bytes[i] = next + i;
		ssize_t done = write(mix_pipe[1], bytes, len);
		if (done < 0)
			CHECK_EQ(errno, EINTR);
		else
			next += done;
	}
	CHECK_OK(close(mix_pipe[1]));
	return NULL;
}

static void *run_reader_of_pipe(void *argument)
{
	unsigned char bytes[PIPE_BLOCK], next = 0;
	unsigned seed = (unsigned)(uintptr_t)argument;
	ssize_t got;

	mix_tids[3] = gettid();
	while ((got = read(mix_pipe[0], bytes, 1 + random_next(&seed) % PIPE_BLOCK)) != 0) {
		if (got < 0)
			CHECK_EQ(errno, EINTR);
		for (ssize_t i = 0; i < got; i++)
			CHECK_EQ(bytes[i], next++);
	}
	CHECK_OK(close(mix_pipe[0]));
	return NULL;
}

/* The runner wants a sign of life. */
static void say_time(void)
{
	static long long next;

	if (now_ms() < next)
		return;
	test_note("at %lld s", now_ms() / 1000);
	next = now_ms() + 20000;
}

static void kick_all(void)
{
	for (int i = 0; i < NR_MIXED; i++) {
		if (mix_tids[i])
			syscall(SYS_tgkill, getpid(), mix_tids[i], SIGUSR1);
	}
	usleep(200);
}

static void work_mixed(int worker)
{
	static void *(*const runs[NR_MIXED])(void *) = { run_births, run_memory, run_writer_of_pipe,
							 run_reader_of_pipe };
	struct sigaction action = { .sa_handler = on_kick };
	long long end = now_ms() + 1000ll * test_seconds();
	pthread_t threads[NR_MIXED];

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(pipe2(mix_pipe, O_CLOEXEC));
	for (int i = 0; i < NR_MIXED; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, runs[i],
					(void *)(uintptr_t)(test_seed() * 64 + worker * NR_MIXED + i)),
			 0);
	while (now_ms() < end) {
		kick_all();
		if (worker == 0)
			say_time();
	}
	stop_running = 1;
	for (int i = 0; i < NR_MIXED; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(nr_kicked > 0);
}

TEST_LASTING(MIX_SECONDS, everything_at_once)
{
	test_note("seed %llu", (unsigned long long)test_seed());
	workers_run(work_mixed);
}
