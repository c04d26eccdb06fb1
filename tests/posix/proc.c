// SPDX-License-Identifier: MIT
/* What ps, top, free, mount and df read under /proc. */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The whole file, with a terminating zero. */
static const char *text_of(const char *path)
{
	static char text[65536];
	size_t len = 0;
	ssize_t got;
	int fd = CHECK_OK(open(path, O_RDONLY));

	while (len < sizeof(text) - 1 && (got = CHECK_OK(read(fd, text + len, sizeof(text) - 1 - len))) > 0)
		len += got;
	text[len] = 0;
	CHECK_OK(close(fd));
	return text;
}

/* The number after "name:" at the start of a line; -1 if there is none. */
static long long field(const char *text, const char *name)
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "%s:", name);
	for (at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
		if (strncmp(at, start, strlen(start)) == 0)
			return strtoll(at + strlen(start), NULL, 10);
	}
	return -1;
}

TEST(is_mounted)
{
	struct stat status;

	CHECK_OK(stat("/proc/1", &status));
	CHECK(S_ISDIR(status.st_mode));
	CHECK_ERR(stat("/proc/99999999", &status), ENOENT);
	CHECK_ERR(open("/proc/new", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdir("/proc/new", 0700), ENOENT);
}

TEST(lists_processes)
{
	char self[16];
	struct dirent *entry;
	int found = 0, init = 0;
	DIR *dir = opendir("/proc");

	CHECK(dir);
	snprintf(self, sizeof(self), "%d", getpid());
	while ((entry = readdir(dir))) {
		found += strcmp(entry->d_name, self) == 0;
		init += strcmp(entry->d_name, "1") == 0;
	}
	CHECK_EQ(found, 1);
	CHECK_EQ(init, 1);
}

TEST(self)
{
	char name[32] = "", want[32];

	CHECK_OK(readlink("/proc/self", name, sizeof(name) - 1));
	snprintf(want, sizeof(want), "%d", getpid());
	CHECK_STR(name, want);
}

TEST(stat_fields)
{
	char start[64], state;
	int ppid, pgrp, session;

	CHECK_OK(prctl(PR_SET_NAME, "odd) name"));
	snprintf(start, sizeof(start), "%d (odd) name) ", getpid());
	const char *text = text_of("/proc/self/stat");
	CHECK_EQ(strncmp(text, start, strlen(start)), 0);
	const char *rest = text + strlen(start) - 2;
	CHECK_EQ(sscanf(rest + 2, "%c %d %d %d", &state, &ppid, &pgrp, &session), 4);
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(session, getsid(0));
	int nr_fields = 2;
	for (const char *at = rest; *at; at++)
		nr_fields += *at == ' ';
	CHECK_EQ(nr_fields, 52);
}

TEST(stat_states)
{
	pid_t pid;

	if (CHILD(pid)) {
		for (;;)
			pause();
	}
	WAIT_UNTIL(process_state(pid) == 'S');
	CHECK_OK(kill(pid, SIGSTOP));
	WAIT_UNTIL(process_state(pid) == 'T');
	CHECK_OK(kill(pid, SIGKILL));
	WAIT_UNTIL(process_state(pid) == 'Z');
	wait_signalled(pid, SIGKILL);
	CHECK_EQ(process_state(pid), 0);
}

TEST(status_fields)
{
	const char *text = text_of("/proc/self/status");

	CHECK_EQ(field(text, "Pid"), getpid());
	CHECK_EQ(field(text, "PPid"), getppid());
	CHECK_EQ(field(text, "Uid"), getuid());
	CHECK_EQ(field(text, "Gid"), getgid());
	CHECK(field(text, "VmRSS") > 0);
	CHECK(field(text, "VmSize") >= field(text, "VmRSS"));
	CHECK_EQ(field(text, "Threads"), 1);
	CHECK(field(text, "VmPeak") >= field(text, "VmSize"));
	CHECK(field(text, "VmHWM") >= field(text, "VmRSS"));
	CHECK(field(text, "FDSize") >= 3);
	CHECK(field(text, "VmExe") > 0 && field(text, "VmLib") >= 0);
}

/* Whether the file has this line. */
static int has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && at[strlen(line)] == '\n' && (at == text || at[-1] == '\n');
}

TEST(status_of_what_a_process_may_do)
{
	cpu_set_t cpus;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK(has_line(text_of("/proc/self/status"), "CapEff:\t000001ffffffffff"));
	CHECK_EQ(field(text_of("/proc/self/status"), "NoNewPrivs"), 0);
	CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_EQ(field(text_of("/proc/self/status"), "NoNewPrivs"), 1);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CHECK_OK(sched_setaffinity(0, sizeof(cpus), &cpus));
	CHECK(has_line(text_of("/proc/self/status"), "Cpus_allowed_list:\t0"));
	become_user(1000);
	CHECK(has_line(text_of("/proc/self/status"), "CapEff:\t0000000000000000"));
}

TEST(statm)
{
	long size, resident;

	CHECK_EQ(sscanf(text_of("/proc/self/statm"), "%ld %ld", &size, &resident), 2);
	CHECK(size >= resident && resident > 0);
}

TEST(command_line)
{
	char *args[] = { "sleep", "100", NULL }, path[64];
	pid_t pid;

	if (CHILD(pid)) {
		execv("/bin/sleep", args);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	WAIT_UNTIL(strcmp(text_of(path), "sleep\n") == 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	WAIT_UNTIL(text_of(path)[0]); /* the name is there a moment before the arguments are */
	CHECK_MEM(text_of(path), "sleep\000100\0", 11);
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
}

TEST(links)
{
	char name[PATH_MAX] = "", cwd[PATH_MAX];
	struct stat a, b;

	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_OK(readlink("/proc/self/cwd", name, sizeof(name) - 1));
	CHECK_STR(name, cwd);
	memset(name, 0, sizeof(name));
	CHECK_OK(readlink("/proc/self/exe", name, sizeof(name) - 1));
	CHECK(strstr(name, "/proc"));
	CHECK_OK(stat("/proc/self/exe", &a));
	CHECK_OK(stat(name, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	memset(name, 0, sizeof(name));
	CHECK_OK(readlink("/proc/self/root", name, sizeof(name) - 1));
	CHECK_STR(name, "/");
}

TEST(descriptors)
{
	struct dirent *entry;
	int count = 0, fd = CHECK_OK(dup2(0, 55));
	DIR *dir = opendir("/proc/self/fd");

	CHECK(dir);
	while ((entry = readdir(dir)))
		count += atoi(entry->d_name) == fd;
	CHECK_EQ(count, 1);
}

TEST(maps)
{
	unsigned long start, end, here = (unsigned long)&text_of;
	char permissions[8];
	int found = 0;
	const char *text = text_of("/proc/self/maps"), *at_vdso;

	CHECK(strstr(text, "[stack]"));
	for (const char *at = text; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
		CHECK_EQ(sscanf(at, "%lx-%lx %4s", &start, &end, permissions), 3);
		CHECK(start < end && start % 4096 == 0 && end % 4096 == 0);
		found += start <= here && here < end && strcmp(permissions, "r-xp") == 0;
	}
	CHECK_EQ(found, 1);
	at_vdso = strstr(text, "[vdso]\n");
	CHECK(at_vdso && strstr(text, "[vvar]\n"));
	while (at_vdso[-1] != '\n')
		at_vdso--;
	CHECK_EQ(sscanf(at_vdso, "%lx-%lx %4s", &start, &end, permissions), 3);
	CHECK_STR(permissions, "r-xp");
}

TEST(environment)
{
	const char *text = text_of("/proc/self/environ");

	CHECK(environ[0]);
	CHECK_STR(text, environ[0]);
}

TEST(memory_figures)
{
	const char *text = text_of("/proc/meminfo");
	long long total = field(text, "MemTotal"), free = field(text, "MemFree");

	CHECK(total > 1000 && free > 0 && free < total);
	CHECK(field(text, "MemAvailable") > 0);
	CHECK(field(text, "Buffers") >= 0);
	CHECK(field(text, "Cached") >= 0);
	CHECK(field(text, "SwapTotal") >= 0);
	CHECK(field(text, "SwapFree") >= 0);
}

TEST(processor_times)
{
	long long user, nice, system, idle;
	const char *text = text_of("/proc/stat");

	CHECK_EQ(sscanf(text, "cpu %lld %lld %lld %lld", &user, &nice, &system, &idle), 4);
	CHECK(user >= 0 && nice >= 0 && system >= 0 && idle >= 0 && user + nice + system + idle > 0);
	CHECK(strstr(text, "\ncpu0 "));
	CHECK(strstr(text, "\nbtime "));
	CHECK(strstr(text, "\nprocesses "));
}

TEST(processors)
{
	int nr = 0;

	for (const char *at = text_of("/proc/cpuinfo"); (at = strstr(at, "processor\t: ")); nr++)
		CHECK_EQ(atoi(at += strlen("processor\t: ")), nr);
	CHECK_EQ(nr, sysconf(_SC_NPROCESSORS_ONLN));
}

TEST(uptime_and_load)
{
	double up, idle, a, b, c;
	int running, total;
	struct timespec before, after;

	CHECK_OK(clock_gettime(CLOCK_BOOTTIME, &before));
	CHECK_EQ(sscanf(text_of("/proc/uptime"), "%lf %lf", &up, &idle), 2);
	CHECK_OK(clock_gettime(CLOCK_BOOTTIME, &after));
	CHECK(up > before.tv_sec - 1 && up < after.tv_sec + 1 && idle >= 0);
	CHECK_EQ(sscanf(text_of("/proc/loadavg"), "%lf %lf %lf %d/%d", &a, &b, &c, &running, &total), 5);
	CHECK(total > 0);
}

TEST(mounts)
{
	const char *text = text_of("/proc/mounts");

	CHECK(strstr(text, " / "));
	CHECK(strstr(text, " /proc proc "));
	CHECK(strstr(text_of("/proc/filesystems"), "proc"));
}

TEST(version)
{
	CHECK(strncmp(text_of("/proc/version"), "Linux version ", 14) == 0);
}

TEST(small_reads_and_seeks)
{
	static char whole[65536], part[65536];
	ssize_t got;
	size_t len = 0;

	strcpy(whole, text_of("/proc/self/status"));
	int fd = CHECK_OK(open("/proc/self/status", O_RDONLY));
	while ((got = CHECK_OK(read(fd, part + len, 7))) > 0)
		len += got;
	CHECK_MEM(part, whole, 40);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, part, 5), 5);
	CHECK_MEM(part, whole, 5);
}

struct readers {
	pthread_barrier_t start, end;
	int fd;
};

static void *read_whole_often(void *argument)
{
	struct readers *readers = argument;
	char text[8192];

	for (int i = 0; i < 200; i++) {
		pthread_barrier_wait(&readers->start);
		ssize_t len = CHECK_OK(pread(readers->fd, text, sizeof(text) - 1, 0));
		text[len] = '\0';
		CHECK(strncmp(text, "Name:", 5) == 0);
		CHECK(strstr(text, "\nnonvoluntary_ctxt_switches:"));
		CHECK_EQ(text[len - 1], '\n');
		pthread_barrier_wait(&readers->end);
	}
	return NULL;
}

TEST(threads_read_one_file_at_once)
{
	struct readers readers;
	pthread_t threads[3];

	CHECK_EQ(pthread_barrier_init(&readers.start, NULL, 4), 0);
	CHECK_EQ(pthread_barrier_init(&readers.end, NULL, 4), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, read_whole_often, &readers), 0);
	for (int i = 0; i < 200; i++) {
		readers.fd = CHECK_OK(open("/proc/self/status", O_RDONLY));
		pthread_barrier_wait(&readers.start);
		pthread_barrier_wait(&readers.end);
		CHECK_OK(close(readers.fd));
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* Two processes share the position, so between them they read it to its end. */
static void read_shared(const char *name)
{
	char path[64], byte;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%s", name);
	int fd = CHECK_OK(open(path, O_RDONLY));
	if (CHILD(pid)) {
		while (CHECK_OK(read(fd, &byte, 1)) > 0)
			;
		_exit(0);
	}
	while (CHECK_OK(read(fd, &byte, 1)) > 0)
		;
	wait_ok(pid);
	CHECK_OK(close(fd));
}

TEST(processes_share_an_open_file)
{
	static const char *const names[] = {
		"cmdline",
		"cpuinfo",
		"filesystems",
		"loadavg",
		"meminfo",
		"mounts",
		"stat",
		"uptime",
		"version",
		"self/cmdline",
		"self/comm",
		"self/environ",
		"self/limits",
		"self/maps",
		"self/mounts",
		"self/stat",
		"self/statm",
		"self/status",
		"sys/kernel/pid_max",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		read_shared(names[i]);
}

TEST(of_process_that_is_gone)
{
	char path[64], bytes[64];
	pid_t pid;

	if (CHILD(pid)) {
		for (;;)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = CHECK_OK(open(path, O_RDONLY));
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
	CHECK_ERR(read(fd, bytes, sizeof(bytes)), ESRCH);
	CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

TEST(other_users_secrets)
{
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_OK(open("/proc/1/stat", O_RDONLY));
		CHECK_ERR(open("/proc/1/environ", O_RDONLY), EACCES);
		CHECK_ERR(opendir("/proc/1/fd") ? 0 : -1, EACCES);
		_exit(0);
	}
	wait_ok(pid);
}

/* Looks at whatever is known of a process, which may be gone meanwhile. */
static void look_at(pid_t pid)
{
	static const char *const names[] = { "stat", "status", "statm", "maps",  "cmdline", "limits",
					     "fd",   "cwd",    "exe",   "task/", "mounts",  "comm" };
	struct rlimit limit;
	char path[64], bytes[512];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
		if (readlink(path, bytes, sizeof(bytes)) >= 0)
			continue;
		int fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		if (read(fd, bytes, sizeof(bytes)) < 0)
			CHECK(errno == ESRCH || errno == EISDIR || errno == ENOENT);
		CHECK_OK(close(fd));
	}
	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
		CHECK(errno == ESRCH || errno == EPERM);
	getpriority(PRIO_PROCESS, pid);
	kill(pid, 0);
}

/* What is shown of a process may end at any moment. */
TEST(processes_end_while_looked_at)
{
	enum { LOOKERS = 3, ROUNDS = 300 };
	volatile pid_t *newest = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t lookers[LOOKERS], pid;

	CHECK(newest != MAP_FAILED);
	for (int i = 0; i < LOOKERS; i++) {
		if (CHILD(lookers[i])) {
			if (i == 0 && getuid() == 0)
				become_user(54321);
			while ((pid = *newest) >= 0) {
				if (pid > 0)
					look_at(pid);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (CHILD(pid))
			_exit(0);
		*newest = pid;
		wait_ok(pid);
	}
	*newest = -1;
	for (int i = 0; i < LOOKERS; i++)
		wait_ok(lookers[i]);
}
