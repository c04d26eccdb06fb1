// SPDX-License-Identifier: MIT
/*
 * Random system calls: every number of the call table and some of none, with arguments that are
 * sometimes what the call expects and sometimes anything.  Whatever they do to their own process,
 * the kernel, the servers and everybody else must not notice.
 *
 * A round is one seed: an ordinary user's process in a fresh directory, whose threads call until the
 * round is over.  Then all that the user has is killed, and it must really be gone.  Each round says
 * its seed; TEST_SEED=N makes it the first.  TEST_SECONDS is how long each case goes on.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/calls.h>
#include <pthread.h>
#include <quoin/layout.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, USER = 54321, ROUND_MS = 400, CASE_SECONDS = 30, MAX_THREADS = 4 };

static const struct linux_call_info calls[LINUX_SYS_COUNT] = LINUX_CALL_INFO;

/* ---- dice ---- */

/* Half of the calls are meant to be good ones: that is how the others find something to break. */
struct dice {
	uint64_t state;
	int wild;
};

/* splitmix64: no state it could be stuck in, wherever a call has written to. */
static uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(struct dice *dice, uint64_t limit)
{
	return roll(dice) % limit;
}

static int goes_wild(struct dice *dice)
{
	return below(dice, dice->wild ? 2 : 32) == 0;
}

#define PICK(dice, array) ((array)[below(dice, sizeof(array) / sizeof((array)[0]))])

/* ---- arguments ---- */

/*
 * The arena: what pointers point into.  Pages 0 to 7 can be written, page 9 only be read, pages 11 to
 * 14 are a file that ends after 12; between them there is nothing.
 */
enum { WRITABLE = 0, NR_WRITABLE = 8, READABLE = 9, MAPPED = 11, NR_MAPPED = 4, NR_ARENA = 16 };

static char *arena;

static void arena_make(void)
{
	int fd = CHECK_OK(open("mapped", O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	CHECK_OK(ftruncate(fd, 2 * PAGE));
	arena = mmap(NULL, NR_ARENA * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(arena != MAP_FAILED);
	CHECK_OK(mprotect(arena, NR_WRITABLE * PAGE, PROT_READ | PROT_WRITE));
	CHECK_OK(mprotect(arena + READABLE * PAGE, PAGE, PROT_READ));
	CHECK(mmap(arena + MAPPED * PAGE, NR_MAPPED * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		   0) != MAP_FAILED);
	CHECK_OK(close(fd));
}

static uint64_t number(struct dice *dice)
{
	static const uint64_t edges[] = {
		0,         1,          2,          8,          PAGE - 1,  PAGE,       PAGE + 1,
		0xffff,    0x7fffffff, 0x80000000, 0xffffffff, 1ul << 32, 1ul << 40,  INT64_MAX,
		1ul << 63, UINT64_MAX, -2ul,       -4096ul,    999999999, 1000000000, 0x7ffff000,
	};

	if (!goes_wild(dice))
		return below(dice, below(dice, 4) ? 64 : 8192);
	switch (below(dice, 4)) {
	case 0:
		return PICK(dice, edges);
	case 1:
		return 1ul << below(dice, 64);
	case 2:
		return below(dice, 1 << 20);
	default:
		return roll(dice);
	}
}

/* Few bits of many: what flags and masks mostly are. */
static uint64_t flags(struct dice *dice)
{
	uint64_t bits = 0;

	if (goes_wild(dice))
		return number(dice);
	for (uint64_t i = below(dice, 4); i > 0; i--)
		bits |= 1ul << below(dice, below(dice, 8) ? 12 : 32);
	return bits;
}

static uint64_t forbidden_address(struct dice *dice)
{
	static const uint64_t ranges[] = {
		QUOIN_SERVER_MIN,     QUOIN_SERVER_IMAGE,
		QUOIN_SERVER_INFO,    QUOIN_SERVER_STACKS,
		QUOIN_SERVER_HEAP,    QUOIN_SERVER_MMAP,
		QUOIN_SERVER_MAX,     QUOIN_KERNEL_MIN,
		0xffffffff80000000ul, -4096ul,
		0x800000000000ul,     0xffff7ffffffff000ul,
		QUOIN_GUEST_MAX,      0x7ffffffffffful,
		0xffff888000000000ul,
	};

	return PICK(dice, ranges) + (int64_t)(below(dice, 4) ? below(dice, 4096) : number(dice)) -
	       (below(dice, 2) ? 2048 : 0);
}

static uint64_t address(struct dice *dice)
{
	uint64_t base = (uintptr_t)arena;

	if (!goes_wild(dice))
		return base + below(dice, NR_WRITABLE * PAGE / 16) * 16;
	switch (below(dice, 9)) {
	case 0: /* across or at the end of a page */
		return base + (1 + below(dice, NR_ARENA)) * PAGE - below(dice, 32);
	case 1: /* at the end of what can be written */
		return base + NR_WRITABLE * PAGE - below(dice, 256);
	case 2:
		return base + READABLE * PAGE + below(dice, PAGE);
	case 3:
		return base + MAPPED * PAGE + below(dice, NR_MAPPED * PAGE);
	case 4:
		return below(dice, 2) ? 0 : below(dice, 2 * PAGE);
	case 5:
		return below(dice, 2) ? (uintptr_t)address & -PAGE : (uintptr_t)__builtin_frame_address(0);
	case 6:
	case 7:
		return forbidden_address(dice);
	default:
		return number(dice);
	}
}

/* The first names are the intruder's own. */
static uint64_t path(struct dice *dice)
{
	enum { NR_OWN_NAMES = 9 };
	static const char *const names[] = {
		"a",
		"b",
		"c",
		"d",
		"d/a",
		"d/b",
		"d/d",
		"d/d/a",
		"mapped",
		"d/../a",
		"./a/",
		"",
		".",
		"..",
		"/",
		"//",
		"d/.",
		"d/..",
		"../../../..",
		"/dev/null",
		"/dev/zero",
		"/dev/full",
		"/dev/urandom",
		"/dev/ptmx",
		"/dev/tty",
		"/dev/console",
		"/proc/self/maps",
		"/proc/self/status",
		"/proc/self/fd",
		"/proc/self/fd/3",
		"/proc/self/cwd/a",
		"/proc/self/task",
		"/proc/self/mem",
		"/proc/1/cwd",
		"/proc/self/root",
		"/proc/mounts",
		"/proc/quoin/stats",
		"/proc/quoin/tasks",
		"/proc/sys/kernel/hostname",
		"/proc",
		"/sys",
		"/tmp",
		"/bin/true",
		"/bin/busybox",
		"/etc/passwd",
		"/no/such/file",
		"/etc/passwd/x",
	};

	if (!goes_wild(dice))
		return (uintptr_t)
			names[below(dice, below(dice, 4) ? NR_OWN_NAMES : sizeof(names) / sizeof(names[0]))];
	return below(dice, 2) ? address(dice) : (uintptr_t)arena + below(dice, NR_WRITABLE * PAGE);
}

static uint64_t descriptor(struct dice *dice)
{
	if (!goes_wild(dice))
		return below(dice, below(dice, 4) ? 16 : 48);
	return below(dice, 4) ? (uint64_t)-100 : number(dice);
}

static uint64_t process_number(struct dice *dice)
{
	if (!goes_wild(dice))
		return below(dice, 2) ? syscall(SYS_getpid) + below(dice, 6) : 0;
	switch (below(dice, 3)) {
	case 0:
		return (uint64_t) - (int64_t)below(dice, 4);
	case 1:
		return 1;
	default:
		return number(dice);
	}
}

/* What a structure in memory could hold at any place. */
static uint64_t word(struct dice *dice)
{
	switch (below(dice, 8)) {
	case 0 ... 2:
		return below(dice, 256);
	case 3:
		return address(dice);
	case 4:
		return path(dice);
	case 5:
		return descriptor(dice) | flags(dice) << 32;
	default:
		return number(dice);
	}
}

/* A piece of the arena gets new contents. */
static void scribble(struct dice *dice)
{
	uint64_t *at = (uint64_t *)(arena + below(dice, NR_WRITABLE * PAGE / 128) * 128);

	for (int i = 0; i < 16; i++)
		at[i] = word(dice);
}

static uint64_t argument(struct dice *dice, enum linux_arg_kind kind)
{
	if (goes_wild(dice) && below(dice, 4) == 0)
		return word(dice);
	switch (kind) {
	case LINUX_ARG_fd:
	case LINUX_ARG_dirfd:
		return descriptor(dice);
	case LINUX_ARG_path:
	case LINUX_ARG_str:
		return path(dice);
	case LINUX_ARG_size:
	case LINUX_ARG_off:
	case LINUX_ARG_long:
	case LINUX_ARG_ulong:
	case LINUX_ARG_int:
	case LINUX_ARG_uint:
		return number(dice);
	case LINUX_ARG_ms:
		return below(dice, 8);
	case LINUX_ARG_pid:
		return process_number(dice);
	case LINUX_ARG_uid:
	case LINUX_ARG_gid:
		return below(dice, 2) ? USER : number(dice);
	case LINUX_ARG_sig:
	case LINUX_ARG_prctl:
	case LINUX_ARG_rlimit:
	case LINUX_ARG_fcntl:
	case LINUX_ARG_madvise:
	case LINUX_ARG_clock:
	case LINUX_ARG_whence:
	case LINUX_ARG_sighow:
	case LINUX_ARG_idtype:
	case LINUX_ARG_who:
	case LINUX_ARG_itimer:
	case LINUX_ARG_af:
	case LINUX_ARG_epop:
		return goes_wild(dice) ? number(dice) : below(dice, 66);
	case LINUX_ARG_ioctl:
		return below(dice, 2) ? 0x5400 + below(dice, 128) : number(dice);
	case LINUX_ARG_open:
		return below(dice, 4) ? below(dice, 4) | flags(dice) : flags(dice) | 0100;
	case LINUX_ARG_prot:
		return below(dice, 8);
	case LINUX_ARG_map:
		return (1 + below(dice, 3)) | (below(dice, 2) ? 0x20 : 0) | flags(dice);
	case LINUX_ARG_hex:
	case LINUX_ARG_at:
	case LINUX_ARG_access:
	case LINUX_ARG_clone:
	case LINUX_ARG_dev:
	case LINUX_ARG_futex:
	case LINUX_ARG_mode:
	case LINUX_ARG_mount:
	case LINUX_ARG_mremap:
	case LINUX_ARG_msg:
	case LINUX_ARG_msync:
	case LINUX_ARG_sock:
	case LINUX_ARG_wait:
		return flags(dice);
	default:
		return address(dice);
	}
}

/* ---- calls ---- */

/* What these make stays when its maker has gone. */
static int outlives_its_process(uint64_t call)
{
	return call == SYS_shmget || call == SYS_semget || call == SYS_msgget || call == SYS_mq_open ||
	       call == SYS_add_key || call == SYS_request_key || call == SYS_keyctl;
}

/* After these there may be nobody left to call anything, or a long time has passed; what is not there is dull. */
static int is_rare(uint64_t call)
{
	static const unsigned short list[] = {
		SYS_sync,
		SYS_syncfs,
		SYS_exit,
		SYS_exit_group,
		SYS_rt_sigreturn,
		SYS_execve,
		SYS_execveat,
		SYS_kill,
		SYS_tkill,
		SYS_tgkill,
		SYS_pause,
		SYS_rt_sigsuspend,
		SYS_munmap,
		SYS_mremap,
		SYS_mprotect,
		SYS_setrlimit,
		SYS_prlimit64,
		SYS_seccomp,
		SYS_unshare,
		SYS_vfork,
		SYS_alarm,
		SYS_setitimer,
		SYS_ptrace,
		SYS_clone,
		SYS_clone3,
		SYS_arch_prctl,
		SYS_rt_sigqueueinfo,
		SYS_close_range,
		SYS_rt_tgsigqueueinfo,
		SYS_landlock_restrict_self,
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i] == call)
			return 1;
	}
	return call < LINUX_SYS_COUNT && calls[call].name && calls[call].state == LINUX_CALL_absent;
}

static long call_raw(uint64_t call, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(call), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void call_one(struct dice *dice)
{
	uint64_t call = below(dice, LINUX_SYS_COUNT), a[6];
	int known = calls[call].name != NULL;

	dice->wild = below(dice, 2);
	if (below(dice, 64) == 0)
		call = number(dice), known = 0;
	for (int i = 0; i < 6; i++) {
		int given = known && i < calls[call].nr_args;

		a[i] = given ? argument(dice, calls[call].args[i]) : word(dice);
	}
	if (outlives_its_process((uint32_t)call) || (is_rare((uint32_t)call) && below(dice, 8)))
		return;
	call_raw(call, a);
}

/* Descriptors of many kinds; those before them were closed by somebody. */
static void restock(void)
{
	int fds[2];

	syscall(SYS_open, "a", O_RDWR | O_CREAT, 0600);
	syscall(SYS_mkdir, "d", 0700);
	syscall(SYS_open, "d", O_RDONLY | O_DIRECTORY);
	syscall(SYS_pipe2, fds, O_NONBLOCK);
	syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	syscall(SYS_eventfd2, 1, 0);
	syscall(SYS_epoll_create1, 0);
	syscall(SYS_memfd_create, "m", 0);
	syscall(SYS_open, "/dev/ptmx", O_RDWR | O_NOCTTY);
	syscall(SYS_open, "/proc/self/status", O_RDONLY);
}

/* ---- a round ---- */

static void *run_calls(void *argument)
{
	struct dice dice = { .state = (uintptr_t)argument };

	for (;;) {
		if (below(&dice, 4) == 0)
			scribble(&dice);
		if (below(&dice, 128) == 0)
			restock();
		call_one(&dice);
	}
	return NULL;
}

static void on_tick(int number)
{
	(void)number;
}

/* Calls that block are broken off now and then. */
static void *run_ticker(void *argument)
{
	pid_t pid = getpid();

	(void)argument;
	for (;;) {
		usleep(2000);
		for (int i = 0; i <= MAX_THREADS; i++)
			syscall(SYS_tgkill, pid, pid + i, SIGUSR2);
	}
	return NULL;
}

static void limit(int which, rlim_t value)
{
	struct rlimit limit = { value, value };

	CHECK_OK(setrlimit(which, &limit));
}

static void limits_set(void)
{
	limit(RLIMIT_NPROC, 32);
	limit(RLIMIT_NOFILE, 48);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 24 << 20);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_MEMLOCK, 1 << 20);
}

static void be_quiet(void)
{
	int null = CHECK_OK(open("/dev/null", O_RDWR));

	for (int fd = 0; fd < 3; fd++)
		CHECK_EQ(dup2(null, fd), fd);
	CHECK_OK(close(null));
}

static void intruder_run(uint64_t seed, unsigned nr_threads)
{
	struct sigaction action = { .sa_handler = on_tick };
	struct dice dice = { .state = seed << 32 };
	pthread_t thread;

	setsid();
	limits_set();
	become_user(USER);
	arena_make();
	be_quiet();
	restock();
	CHECK_OK(sigaction(SIGUSR2, &action, NULL));
	for (unsigned i = 1; i < nr_threads; i++)
		CHECK_EQ(pthread_create(&thread, NULL, run_calls, (void *)roll(&dice)), 0);
	CHECK_EQ(pthread_create(&thread, NULL, run_ticker, NULL), 0);
	run_calls((void *)roll(&dice));
}

/* All that the user has.  It may make more meanwhile, so this is done until nothing is left. */
static void user_kill(void)
{
	pid_t pid;

	if (CHILD(pid)) {
		become_user(USER);
		kill(-1, SIGKILL);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Takes those that have ended; whether any is left. */
static int children_left(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG | __WALL);
	while (pid > 0);
	return pid == 0;
}

static int user_ends(void)
{
	for (long long end = now_ms() + 15000; children_left(); sleep_ms(1)) {
		if (now_ms() > end)
			return 0;
		user_kill();
	}
	return 1;
}

/* A shell of somebody else is served as if nothing were. */
static int shell_answers(void)
{
	char answer[8] = "";
	int fds[2];
	pid_t pid;

	CHECK_OK(pipe2(fds, O_CLOEXEC));
	if (CHILD(pid)) {
		CHECK_OK(dup2(fds[1], STDOUT_FILENO));
		alarm(20);
		execl("/bin/sh", "sh", "-c", "echo $((6 * 7)) | cat", NULL);
		_exit(99);
	}
	CHECK_OK(close(fds[1]));
	(void)!read(fds[0], answer, sizeof(answer) - 1);
	CHECK_OK(close(fds[0]));
	wait_ok(pid);
	return strcmp(answer, "42\n") == 0;
}

/* What the user made where everybody may: one of its calls has gone there. */
static void user_names_remove(const char *path)
{
	char name[PATH_MAX];
	struct dirent *entry;
	struct stat status;
	DIR *dir = opendir(path);

	CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (lstat(name, &status) == 0 && status.st_uid == USER && unlink(name) < 0)
			tree_remove(name);
	}
	closedir(dir);
}

static void round_run(uint64_t seed, unsigned nr_threads)
{
	char directory[32];
	pid_t pid;

	test_note("seed %llu", (unsigned long long)seed);
	snprintf(directory, sizeof(directory), "%llu", (unsigned long long)seed);
	CHECK_OK(mkdir(directory, 0700));
	CHECK_OK(chown(directory, USER, USER));
	if (CHILD(pid)) {
		CHECK_OK(chdir(directory));
		intruder_run(seed, nr_threads);
	}
	for (long long end = now_ms() + ROUND_MS; now_ms() < end && children_left();)
		sleep_ms(10);
	CHECK(user_ends());
	CHECK(shell_answers());
	tree_remove(directory);
	user_names_remove("/tmp");
	user_names_remove("/var/tmp");
}

static void fuzz(unsigned nr_threads)
{
	long long end = now_ms() + 1000ll * test_seconds();

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (uint64_t seed = test_seed(); now_ms() < end; seed++)
		round_run(seed, nr_threads);
}

TEST_LASTING(CASE_SECONDS, random_calls_of_one_thread)
{
	fuzz(1);
}

TEST_LASTING(CASE_SECONDS, random_calls_of_many_threads)
{
	fuzz(MAX_THREADS);
}
