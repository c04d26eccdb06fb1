// SPDX-License-Identifier: MIT
/* Processes: fork, vfork, execve, exit, wait4, waitid, identities, groups and sessions. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/membarrier.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* fork */

TEST(fork_returns_twice)
{
	pid_t parent = getpid(), pid;

	if (CHILD(pid)) {
		CHECK_EQ(getppid(), parent);
		CHECK(getpid() != parent);
		_exit(0);
	}
	CHECK(pid > 0 && pid != parent);
	wait_ok(pid);
}

TEST(fork_copies_memory)
{
	static int value = 1;
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_EQ(value, 1);
		value = 2;
		_exit(value);
	}
	wait_exit(pid, 2);
	CHECK_EQ(value, 1);
}

TEST(fork_shares_shared_mapping)
{
	volatile int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(word != MAP_FAILED);
	if (CHILD(pid)) {
		*word = 42;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(*word, 42);
}

TEST(fork_shares_file_offset)
{
	char byte;
	pid_t pid;

	file_make("f", "abc", 3);
	int fd = CHECK_OK(open("f", O_RDONLY));
	if (CHILD(pid)) {
		CHECK_EQ(read(fd, &byte, 1), 1);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'b');
}

TEST(fork_copies_fd_table)
{
	int fd = CHECK_OK(open("/dev/null", O_RDONLY));
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_OK(close(fd));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(fcntl(fd, F_GETFD));
}

TEST(fork_tree_of_many)
{
	pid_t pids[40];

	for (int i = 0; i < 40; i++) {
		if (CHILD(pids[i]))
			_exit(i);
	}
	for (int i = 39; i >= 0; i--)
		wait_exit(pids[i], i);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

TEST(fork_deep_chain)
{
	int depth = 0;
	pid_t pid;

	while (depth < 20) {
		if (!CHILD(pid)) {
			wait_exit(pid, depth + 1);
			if (depth == 0)
				return;
			_exit(depth);
		}
		depth++;
	}
	_exit(depth);
}

TEST(fork_keeps_many_written_pages_apart)
{
	enum { NR_PAGES = 256 };
	unsigned char *area =
		mmap(NULL, NR_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(area != MAP_FAILED);
	for (int i = 0; i < NR_PAGES; i++)
		area[i * 4096] = i;
	if (CHILD(pid)) {
		for (int i = 0; i < NR_PAGES; i++) {
			CHECK_EQ(area[i * 4096], i & 255);
			CHECK_EQ(area[i * 4096 + 1], 0);
			area[i * 4096] = 0x55;
		}
		_exit(0);
	}
	for (int i = 0; i < NR_PAGES; i++)
		area[i * 4096 + 1] = 0xaa;
	wait_ok(pid);
	for (int i = 0; i < NR_PAGES; i++) {
		CHECK_EQ(area[i * 4096], i & 255);
		CHECK_EQ(area[i * 4096 + 1], 0xaa);
	}
}

TEST(vfork_child_runs_first)
{
	volatile int value = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		value = 7;
		_exit(3);
	}
	CHECK(pid > 0);
	CHECK_EQ(value, 7);
	wait_exit(pid, 3);
}

TEST(vfork_execve)
{
	char *args[] = { "true", NULL }, *env[] = { NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/bin/true", args, env);
		_exit(99);
	}
	wait_ok(pid);
}

/* exit and wait */

TEST(exit_code_low_byte)
{
	pid_t pid;

	if (CHILD(pid))
		_exit(0x1234);
	wait_exit(pid, 0x34);
}

TEST(exit_call_of_single_thread)
{
	pid_t pid;

	if (CHILD(pid))
		syscall(SYS_exit, 5);
	wait_exit(pid, 5);
}

TEST(wait_reports_signal)
{
	int status;
	pid_t pid;

	if (CHILD(pid)) {
		raise(SIGKILL);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !WCOREDUMP(status));
}

TEST(wait_nohang)
{
	int fds[2], status = 77;
	pid_t pid;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		char byte;
		close(fds[1]);
		CHECK_EQ(read(fds[0], &byte, 1), 0);
		_exit(4);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	close(fds[1]);
	wait_exit(pid, 4);
	CHECK_ERR(waitpid(pid, &status, WNOHANG), ECHILD);
}

TEST(wait_no_children)
{
	CHECK_ERR(wait4(-1, NULL, 0, NULL), ECHILD);
	CHECK_ERR(wait4(getpid(), NULL, 0, NULL), ECHILD);
	CHECK_ERR(wait4(1, NULL, WNOHANG, NULL), ECHILD);
	CHECK_ERR(syscall(SYS_wait4, -1, NULL, 0x10000, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_wait4, INT_MIN, NULL, 0, NULL), ESRCH);
}

TEST(wait_bad_status_pointer)
{
	pid_t pid;

	if (CHILD(pid))
		_exit(0);
	CHECK_ERR(syscall(SYS_wait4, pid, BAD_POINTER, 0, NULL), EFAULT);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD); /* it is gone all the same */
}

TEST(wait_by_group)
{
	pid_t own, other;

	if (CHILD(own))
		_exit(1);
	if (CHILD(other)) {
		setpgid(0, 0);
		_exit(2);
	}
	setpgid(other, other);
	CHECK_EQ(waitpid(-other, NULL, 0), other);
	CHECK_ERR(waitpid(-other, NULL, 0), ECHILD);
	CHECK_EQ(waitpid(0, NULL, 0), own);
}

TEST(wait_stopped_and_continued)
{
	int status;
	pid_t pid;

	if (CHILD(pid)) {
		for (;;)
			pause();
	}
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	CHECK_OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_OK(kill(pid, SIGTERM));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

/* Whatever it was before and nobody asked about: who is killed is neither stopped nor continued any more. */
TEST(wait_killed_behind_stop)
{
	int status;
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		if (CHILD(pid)) {
			for (;;)
				pause();
		}
		CHECK_OK(kill(pid, SIGSTOP));
		WAIT_UNTIL(process_state(pid) == 'T');
		if (i % 2)
			CHECK_OK(kill(pid, SIGCONT));
		CHECK_OK(kill(pid, SIGKILL));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

TEST(waitid_fields)
{
	siginfo_t info;
	pid_t pid;

	if (CHILD(pid))
		_exit(9);
	memset(&info, 0xff, sizeof(info));
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(info.si_status, 9);
}

TEST(waitid_nowait_leaves_zombie)
{
	siginfo_t info;
	pid_t pid;

	if (CHILD(pid))
		abort();
	CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	CHECK(info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED);
	CHECK_EQ(info.si_status, SIGABRT);
	CHECK_EQ(process_state(pid), 'Z');
	wait_signalled(pid, SIGABRT);
}

TEST(waitid_nohang_clears_pid)
{
	siginfo_t info;
	pid_t pid;

	if (CHILD(pid)) {
		pause();
		_exit(0);
	}
	info.si_pid = 99;
	CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
	CHECK_ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERR(waitid(99, 0, &info, WEXITED), EINVAL);
}

static long cpu_ms(const struct rusage *usage)
{
	const struct timeval *user = &usage->ru_utime, *system = &usage->ru_stime;

	CHECK(user->tv_usec >= 0 && user->tv_usec < 1000000);
	CHECK(system->tv_usec >= 0 && system->tv_usec < 1000000);
	return (user->tv_sec + system->tv_sec) * 1000 + (user->tv_usec + system->tv_usec) / 1000;
}

TEST(wait_rusage)
{
	struct rusage usage;
	struct timespec used;
	pid_t pid;

	if (CHILD(pid)) {
		do
			CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used));
		while (used.tv_nsec < 50000000 && !used.tv_sec);
		_exit(0);
	}
	memset(&usage, 0xff, sizeof(usage));
	CHECK_EQ(wait4(pid, NULL, 0, &usage), pid);
	CHECK(cpu_ms(&usage) >= 40 && cpu_ms(&usage) < 20000);
	CHECK_OK(getrusage(RUSAGE_CHILDREN, &usage));
	CHECK(cpu_ms(&usage) >= 40);
}

TEST(rusage_remembers_the_peak_of_memory)
{
	const size_t len = 16 << 20;
	struct rusage usage;
	int status;
	pid_t pid;

	if (CHILD(pid)) {
		char *area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(area != MAP_FAILED);
		memset(area, 1, len);
		CHECK_OK(munmap(area, len));
		CHECK_OK(getrusage(RUSAGE_SELF, &usage));
		CHECK(usage.ru_maxrss >= (long)len / 1024);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK_EQ(status, 0);
	CHECK(usage.ru_maxrss >= (long)len / 1024);
	CHECK_OK(getrusage(RUSAGE_CHILDREN, &usage));
	CHECK(usage.ru_maxrss >= (long)len / 1024);
}

TEST(orphan_goes_to_init)
{
	int fds[2];
	pid_t pid, inner, parent;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		pid_t self = getpid();
		if (CHILD(inner)) {
			WAIT_UNTIL(getppid() != self);
			parent = getppid();
			CHECK_EQ(write(fds[1], &parent, sizeof(parent)), sizeof(parent));
			_exit(0);
		}
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(close(fds[1]));
	CHECK_EQ(read(fds[0], &parent, sizeof(parent)), sizeof(parent));
	CHECK_EQ(parent, 1);
}

TEST(ignored_sigchld_reaps)
{
	pid_t pid;

	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	if (CHILD(pid))
		_exit(0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

/* groups and sessions */

TEST(setpgid_rules)
{
	pid_t pid;

	CHECK_EQ(getpgrp(), getpid());
	CHECK_EQ(getpgid(0), getpid());
	if (CHILD(pid)) {
		CHECK_EQ(getpgid(0), getppid());
		CHECK_OK(setpgid(0, 0));
		CHECK_EQ(getpgrp(), getpid());
		CHECK_OK(setpgid(0, getppid()));
		CHECK_EQ(getpgrp(), getppid());
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERR(setpgid(0, -1), EINVAL);
	CHECK_ERR(setpgid(-1, 5), ESRCH);
	CHECK_ERR(setpgid(1, 0), ESRCH);
	CHECK_ERR(setpgid(0, 0x3ffffff), EPERM);
	CHECK_ERR(getpgid(0x3ffffff), ESRCH);
}

TEST(setpgid_after_exec_fails)
{
	char *args[] = { "sleep", "100", NULL };
	int fds[2];
	char byte;
	pid_t pid;

	CHECK_OK(pipe2(fds, O_CLOEXEC));
	if (CHILD(pid)) {
		execv("/bin/sleep", args);
		_exit(1);
	}
	CHECK_OK(close(fds[1]));
	CHECK_EQ(read(fds[0], &byte, 1), 0);
	CHECK_ERR(setpgid(pid, pid), EACCES);
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
}

/* A member that stops, and goes on until a signal ends it; returns when it is stopped. */
static pid_t stopped_member(int own_group)
{
	siginfo_t info;
	pid_t pid;

	if (CHILD(pid)) {
		if (own_group)
			CHECK_OK(setpgid(0, 0));
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	CHECK_OK(waitid(P_PID, pid, &info, WSTOPPED));
	return pid;
}

TEST(newly_orphaned_group_is_hung_up)
{
	int fds[2];
	pid_t pid, middle;
	char byte;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		CHECK_OK(setsid());
		if (CHILD(middle)) {
			stopped_member(1); /* which holds the pipe open until it ends */
			_exit(0);
		}
		CHECK_OK(close(fds[1]));
		wait_ok(middle);
		CHECK_EQ(read(fds[0], &byte, 1), 0);
		_exit(0);
	}
	CHECK_OK(close(fds[1]));
	wait_ok(pid);
}

TEST(orphaned_group_may_lose_members)
{
	pid_t pid, other;

	if (CHILD(pid)) {
		CHECK_OK(setsid());
		pid_t member = stopped_member(0);
		if (CHILD(other))
			_exit(0);
		wait_ok(other);
		CHECK_EQ(process_state(member), 'T');
		CHECK_OK(kill(member, SIGKILL));
		wait_signalled(member, SIGKILL);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(setsid_makes_leader)
{
	pid_t pid;

	CHECK_ERR(setsid(), EPERM);
	if (CHILD(pid)) {
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERR(setsid(), EPERM);
		CHECK_ERR(setpgid(0, 0), EPERM);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERR(getsid(0x3ffffff), ESRCH);
}

/* identities */

TEST(ids_of_root)
{
	uid_t r, e, s;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_EQ(geteuid(), 0);
	CHECK_EQ(getgid(), 0);
	CHECK_EQ(getegid(), 0);
	CHECK_OK(setresuid(1, 2, 3));
	CHECK_OK(getresuid(&r, &e, &s));
	CHECK(r == 1 && e == 2 && s == 3);
	CHECK_ERR(setuid(9), EPERM);
	CHECK_OK(setreuid(-1, 1));
	CHECK_EQ(geteuid(), 1);
	CHECK_OK(setresuid(-1, 3, -1));
	CHECK_ERR(setresuid(0, -1, -1), EPERM);
}

TEST(ids_of_groups)
{
	gid_t groups[3] = { 10, 20, 30 }, got[8];
	gid_t r, e, s;
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		CHECK_OK(syscall(SYS_setgroups, 3, groups));
		CHECK_EQ(getgroups(0, NULL), 3);
		CHECK_ERR(getgroups(2, got), EINVAL);
		CHECK_EQ(getgroups(8, got), 3);
		CHECK_MEM(got, groups, sizeof(groups));
		CHECK_OK(setresgid(5, 6, 7));
		CHECK_OK(getresgid(&r, &e, &s));
		CHECK(r == 5 && e == 6 && s == 7);
		become_user(1000);
		CHECK_ERR(syscall(SYS_setgroups, 0, NULL), EPERM);
		CHECK_ERR(setgid(5), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(setuid_is_for_good)
{
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_EQ(getuid(), 1000);
		CHECK_EQ(geteuid(), 1000);
		CHECK_ERR(setuid(0), EPERM);
		CHECK_ERR(kill(1, SIGTERM), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

/* clone without threads */

TEST(clone_bad_flags)
{
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

TEST(clone_sets_tids)
{
	int parent_tid = 0;
	static int child_tid;
	long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &parent_tid,
			   &child_tid, 0);

	if (pid == 0)
		_exit(child_tid == getpid() ? 0 : 1);
	CHECK_OK(pid);
	CHECK_EQ(parent_tid, pid);
	CHECK_EQ(child_tid, 0);
	wait_ok(pid);
}

TEST(clone_files_shared)
{
	long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(dup2(1, 77) == 77 ? 0 : 1);
	wait_ok(pid);
	CHECK_OK(fcntl(77, F_GETFD));
}

TEST(clone_fs_shared)
{
	char cwd[PATH_MAX];
	long pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		umask(0123);
		_exit(chdir("/dev") == 0 ? 0 : 1);
	}
	wait_ok(pid);
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_STR(cwd, "/dev");
	CHECK_EQ(umask(022), 0123);
}

TEST(clone_other_exit_signal)
{
	int status;
	long pid = syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0)
		_exit(6);
	CHECK_OK(pid);
	CHECK_ERR(waitpid(pid, &status, 0), ECHILD);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	CHECK_EQ(WEXITSTATUS(status), 6);
}

static volatile int nr_signals;

static void on_signal(int number)
{
	(void)number;
	nr_signals++;
}

TEST(clone_parent_chooses_no_exit_signal)
{
	pid_t pid;

	signal(SIGUSR1, on_signal);
	if (CHILD(pid)) {
		long sibling = syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);

		_exit(sibling < 0);
	}
	wait_ok(pid);
	CHECK_OK(waitpid(-1, NULL, __WALL));
	CHECK_EQ(nr_signals, 0);
}

TEST(nocldwait_reaps_and_tells)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NOCLDWAIT | SA_RESTART };
	pid_t pid;

	CHECK_OK(sigaction(SIGCHLD, &action, NULL));
	if (CHILD(pid))
		_exit(0);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
	CHECK_EQ(nr_signals, 1);
}

TEST(exec_takes_exit_signals_back)
{
	int fds[2];
	pid_t pid;
	char byte;

	CHECK_OK(pipe2(fds, O_CLOEXEC));
	if (CHILD(pid)) {
		if (CHECK_OK(syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0)) == 0) { /* ends when exec is done */
			CHECK_OK(close(fds[1]));
			_exit((int)read(fds[0], &byte, 1));
		}
		execl("/bin/sh", "sh", "-c", "sleep 1; exit 7", NULL);
		_exit(1);
	}
	CHECK_OK(close(fds[1]));
	wait_exit(pid, 7);
}

/* priorities, limits of processes */

TEST(priority)
{
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_ERR(getpriority(9, 0), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 0x3ffffff), ESRCH);
}

TEST(priority_of_an_ordinary_user)
{
	if (getuid() != 0)
		SKIP("needs root");
	become_user(1000);
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
	CHECK_ERR(setpriority(PRIO_PROCESS, 0, 4), EACCES);
	CHECK_ERR(setpriority(PRIO_PROCESS, 1, 10), EPERM);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
}

/* How often of 20 times the parent goes on before its child has run; the page is shared. */
static int times_ahead(volatile int *nr_run)
{
	int nr_ahead = 0;
	pid_t pid;

	*nr_run = 0;
	for (int i = 0; i < 20; i++) {
		if (CHILD(pid)) {
			*nr_run = i + 1;
			_exit(0);
		}
		nr_ahead += *nr_run == i;
		wait_ok(pid);
	}
	test_note("%d times of 20", nr_ahead);
	return nr_ahead;
}

/* Shell scripts are written so: a child that shares its parent's CPU doesn't take it away. */
TEST(a_parent_goes_on_first)
{
	volatile int *nr_run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t first = { { 1 } };
	int nr_ahead = 0;

	CHECK(nr_run != MAP_FAILED);
	CHECK_OK(sched_setaffinity(0, sizeof(first), &first));
	/* Its time can be up just then, on a busy host more than once */
	for (int i = 0; i < 3 && nr_ahead < 15; i++)
		nr_ahead = times_ahead(nr_run);
	CHECK(nr_ahead >= 15);
}

TEST(nproc_limit_stops_fork)
{
	struct rlimit limit = { 1, 1 };
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
		become_user(12345);
		CHECK_ERR(fork(), EAGAIN);
		_exit(0);
	}
	wait_ok(pid);
}

/* capabilities: root has them, others have none */

TEST(capabilities)
{
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 };
	uint32_t data[6];
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(syscall(SYS_capget, &head, data));
	CHECK(data[0] != 0);
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_OK(syscall(SYS_capget, &head, data));
		CHECK_EQ(data[0] | data[3], 0);
		_exit(0);
	}
	wait_ok(pid);
	head.version = 1;
	CHECK_ERR(syscall(SYS_capget, &head, data), EINVAL);
	CHECK_EQ(head.version, 0x20080522);
	CHECK_ERR(syscall(SYS_capget, BAD_POINTER, data), EFAULT);
}

/* RLIMIT_CPU */

static void cpu_limit_set(unsigned soft, unsigned hard)
{
	CHECK_OK(setrlimit(RLIMIT_CPU, &(struct rlimit){ soft, hard }));
}

TEST(cpu_limit_ends_a_child)
{
	pid_t pid, child;

	if (CHILD(pid)) {
		cpu_limit_set(1, 2);
		if (CHILD(child))
			for (;;)
				;
		wait_signalled(child, SIGXCPU);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(cpu_limit_kills)
{
	pid_t pid;

	if (CHILD(pid)) {
		signal(SIGXCPU, SIG_IGN);
		cpu_limit_set(1, 2);
		for (;;)
			;
	}
	wait_signalled(pid, SIGKILL);
}

/* A zombie has no timers any more: what is changed about it must not wake anything later. */
TEST(cpu_limit_of_a_zombie)
{
	const struct rlimit limit = { 1000, 1000 };
	siginfo_t info;
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		if (CHILD(pid))
			syscall(SYS_exit, 0);
		CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
		CHECK_OK(prlimit(pid, RLIMIT_CPU, &limit, NULL));
		wait_ok(pid);
	}
	if (CHILD(pid)) { /* in the zombie's place, when a second of CPU time is looked for */
		sleep_ms(1200);
		_exit(0);
	}
	wait_ok(pid);
}

/* Whatever its parent was to be told with, whoever inherits it waits for it as for any child. */
TEST(orphan_without_a_signal)
{
	int status;
	pid_t pid;

	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t reaper = getpid();
	if (CHILD(pid)) {
		if (CHECK_OK(syscall(SYS_clone, 0L, NULL, NULL, NULL, 0L)) == 0) {
			WAIT_UNTIL(getppid() == reaper);
			_exit(3);
		}
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(waitpid(-1, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

/* musl's membarrier() stands in for a call that fails, and it registers programs that have threads. */
static long barrier(int command, unsigned flags)
{
	return syscall(SYS_membarrier, command, flags, 0);
}

TEST(membarrier_is_for_the_registered)
{
	pid_t pid;

	CHECK(barrier(MEMBARRIER_CMD_QUERY, 0) & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	CHECK(barrier(MEMBARRIER_CMD_QUERY, 0) & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	CHECK_ERR(barrier(MEMBARRIER_CMD_QUERY, 1), EINVAL);
	CHECK_ERR(barrier(1 << 30, 0), EINVAL);
	CHECK_ERR(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
	CHECK_OK(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
	CHECK_OK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
	CHECK_ERR(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 1), EINVAL);
	if (CHILD(pid)) { /* whose memory is a copy, with its state */
		CHECK_OK(barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
		_exit(0);
	}
	wait_exit(pid, 0);
}
