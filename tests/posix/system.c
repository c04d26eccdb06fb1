// SPDX-License-Identifier: MIT
/* The system as a whole: names, figures, limits, random bytes, process settings, file systems. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

TEST(uname)
{
	struct utsname name;

	CHECK_OK(uname(&name));
	CHECK_STR(name.machine, "x86_64");
	CHECK(name.sysname[0] && name.nodename[0] && name.release[0] && name.version[0]);
	CHECK(atoi(name.release) >= 5);
	CHECK_ERR(syscall(SYS_uname, BAD_POINTER), EFAULT);
}

TEST(hostname)
{
	char old[65], got[65];

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(gethostname(old, sizeof(old)));
	CHECK_OK(sethostname("corner", 6));
	CHECK_OK(gethostname(got, sizeof(got)));
	CHECK_OK(sethostname(old, strlen(old)));
	CHECK_STR(got, "corner");
	CHECK_ERR(syscall(SYS_sethostname, got, 65L), EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, got, -1L), EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, BAD_POINTER, 3L), EFAULT);
}

TEST(sysinfo)
{
	struct sysinfo info;

	CHECK_OK(sysinfo(&info));
	CHECK(info.mem_unit > 0 && info.totalram > 0 && info.freeram <= info.totalram);
	CHECK(info.procs > 0);
	CHECK_ERR(syscall(SYS_sysinfo, BAD_POINTER), EFAULT);
}

TEST(getrandom)
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	static unsigned char large[100000];
	int same = 0, zeros = 0;

	CHECK_EQ(getrandom(a, 64, 0), 64);
	CHECK_EQ(getrandom(b, 64, GRND_NONBLOCK), 64);
	for (int i = 0; i < 64; i++)
		same += a[i] == b[i];
	CHECK(same < 16);
	CHECK_EQ(getrandom(large, sizeof(large), 0), sizeof(large));
	for (size_t i = 0; i < sizeof(large); i++)
		zeros += large[i] == 0;
	CHECK(zeros > 200 && zeros < 700);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_ERR(getrandom(a, 1, 0x80), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, BAD_POINTER, 8L, 0), EFAULT);
	int fd = CHECK_OK(open("/dev/urandom", O_RDONLY));
	CHECK_EQ(read(fd, b, 64), 64);
	CHECK(memcmp(a, b, 64) != 0);
}

TEST(fork_has_other_random_bytes)
{
	unsigned char mine[32], theirs[32];
	int fds[2];
	pid_t pid;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		CHECK_EQ(getrandom(theirs, 32, 0), 32);
		CHECK_EQ(write(fds[1], theirs, 32), 32);
		_exit(0);
	}
	CHECK_EQ(getrandom(mine, 32, 0), 32);
	CHECK_EQ(read(fds[0], theirs, 32), 32);
	CHECK(memcmp(mine, theirs, 32) != 0);
	wait_ok(pid);
}

/* Limits. */

TEST(rlimits)
{
	struct rlimit limit, got;

	CHECK_OK(getrlimit(RLIMIT_STACK, &limit));
	CHECK(limit.rlim_cur >= 1 << 20);
	CHECK_OK(getrlimit(RLIMIT_CORE, &limit));
	limit.rlim_cur = 0;
	CHECK_OK(setrlimit(RLIMIT_CORE, &limit));
	CHECK_OK(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &got));
	CHECK_EQ(got.rlim_cur, 0);
	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	CHECK(limit.rlim_cur >= 256);
	limit.rlim_cur = limit.rlim_max + 1;
	if (limit.rlim_max != RLIM_INFINITY)
		CHECK_ERR(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERR(getrlimit(99, &limit), EINVAL);
	CHECK_ERR(syscall(SYS_getrlimit, RLIMIT_CORE, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_prlimit64, 0, RLIMIT_CORE, BAD_POINTER, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_prlimit64, 0x3ffffff, RLIMIT_CORE, NULL, &got), ESRCH);
}

TEST(rlimit_hard_only_falls)
{
	struct rlimit limit = { 50, 60 };
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
		become_user(1000);
		limit.rlim_max = 61;
		CHECK_ERR(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
		limit.rlim_max = 55;
		CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
		_exit(0);
	}
	wait_ok(pid);
}

TEST(rlimits_inherited)
{
	struct rlimit limit = { 123, 200 }, got;
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	if (CHILD(pid)) {
		CHECK_OK(getrlimit(RLIMIT_NOFILE, &got));
		CHECK_EQ(got.rlim_cur, 123);
		_exit(0);
	}
	wait_ok(pid);
}

/* prctl and personality */

TEST(process_name)
{
	char name[17] = "", file[64] = "";

	CHECK_OK(prctl(PR_SET_NAME, "a name that is too long"));
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "a name that is ");
	int fd = CHECK_OK(open("/proc/self/comm", O_RDONLY));
	CHECK_OK(read(fd, file, sizeof(file) - 1));
	CHECK_STR(file, "a name that is \n");
	CHECK_ERR(syscall(SYS_prctl, PR_SET_NAME, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_prctl, 99999, 0L, 0L, 0L, 0L), EINVAL);
}

TEST(parent_death_signal)
{
	int fds[2];
	char byte;
	pid_t pid, inner;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		if (CHILD(inner)) {
			CHECK_OK(prctl(PR_SET_PDEATHSIG, 9L));
			CHECK_EQ(write(fds[1], "r", 1), 1);
			for (;;)
				pause();
		}
		CHECK_EQ(read(fds[0], &byte, 1), 1);
		_exit(0);
	}
	close(fds[1]);
	wait_ok(pid);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
}

TEST(personality)
{
	CHECK_EQ(syscall(SYS_personality, 0xffffffffL), 0);
}

/* File systems. */

TEST(statfs)
{
	struct statfs status, other;

	CHECK_OK(statfs("/", &status));
	CHECK(status.f_bsize >= 512 && status.f_blocks > 0);
	CHECK(status.f_bfree <= status.f_blocks && status.f_bavail <= status.f_bfree);
	CHECK_EQ(status.f_namelen, 255);
	CHECK_OK(fstatfs(CHECK_OK(open("/", O_RDONLY)), &other));
	CHECK_EQ(other.f_type, status.f_type);
	CHECK_OK(statfs("/proc", &status));
	CHECK_EQ(status.f_type, 0x9fa0);
	CHECK_ERR(statfs("/nothing", &status), ENOENT);
	CHECK_ERR(syscall(SYS_statfs, "/", BAD_POINTER), EFAULT);
	CHECK_ERR(fstatfs(999, &status), EBADF);
}

TEST(space_is_counted)
{
	static char bytes[1 << 20];
	struct statfs before, after;
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));

	CHECK_OK(fstatfs(fd, &before));
	for (int i = 0; i < 8; i++)
		CHECK_EQ(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_OK(fsync(fd));
	CHECK_OK(fstatfs(fd, &after));
	CHECK(after.f_bfree * after.f_bsize + (6 << 20) < before.f_bfree * before.f_bsize);
}

/* A tmpfs on a new directory.  Root in a container may not mount; whatever else is wrong is a failure. */
static void tmpfs_at(const char *path, unsigned long flags, const char *options)
{
	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir(path, 0755));
	if (mount("none", path, "tmpfs", flags, options) < 0) {
		CHECK_EQ(errno, EPERM);
		SKIP("no mount: %s", strerror(errno));
	}
}

TEST(tmpfs_mount)
{
	struct statfs status;
	struct stat inside, outside;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("m", 0755));
	file_make("m/hidden", "", 0);
	CHECK_OK(stat("m", &outside));
	if (mount("none", "m", "tmpfs", 0, "size=1m") < 0)
		SKIP("no mount: %s", strerror(errno));
	CHECK_OK(statfs("m", &status));
	CHECK_EQ(status.f_type, 0x01021994);
	CHECK_OK(stat("m", &inside));
	CHECK(inside.st_dev != outside.st_dev);
	CHECK_ERR(stat("m/hidden", &inside), ENOENT);
	int fd = CHECK_OK(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_ERR(umount2("m", 0), EBUSY);
	CHECK_ERR(rmdir("m"), EBUSY);
	static char bytes[2 << 20];
	long len = write(fd, bytes, sizeof(bytes));
	CHECK(len == 1 << 20 || (len == -1 && errno == ENOSPC));
	CHECK_OK(close(fd));
	CHECK_OK(umount2("m", 0));
	CHECK_OK(stat("m/hidden", &inside));
	CHECK_ERR(umount2("m", 0), EINVAL);
	CHECK_ERR(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(mount("none", "nothing", "tmpfs", 0, NULL), ENOENT);
}

TEST(bind_mount_has_the_options_of_what_it_shows)
{
	tmpfs_at("m", MS_NODEV | MS_NOEXEC, NULL);
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mknod("m/null", S_IFCHR | 0666, makedev(1, 3)));
	file_make("m/program", "#!/bin/sh\n", 10);
	CHECK_OK(chmod("m/program", 0755));
	CHECK_OK(mount("m", "b", NULL, MS_BIND | MS_RDONLY, NULL));
	CHECK_ERR(open("b/null", O_RDONLY), EACCES);
	CHECK_ERR(execl("b/program", "program", NULL), EACCES);
	file_make("b/new", "", 0); /* other flags are ignored */
	CHECK_OK(mount(NULL, "b", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("b/newer", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK_OK(open("b/null", O_RDONLY));
	CHECK_OK(open("m/newer", O_CREAT | O_WRONLY, 0600));
	CHECK_OK(umount2("b", MNT_DETACH));
	CHECK_OK(umount2("m", MNT_DETACH));
}

TEST(recursive_bind_mount_shows_the_mounts_below)
{
	struct stat here, there;

	tmpfs_at("m", 0, NULL);
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("m/part", 0755));
	CHECK_OK(mkdir("m/part/one", 0755));
	CHECK_OK(mkdir("m/other", 0755));
	CHECK_OK(mount("none", "m/part/one", "tmpfs", MS_NOEXEC, NULL));
	CHECK_OK(mkdir("m/part/one/two", 0755));
	CHECK_OK(mount("none", "m/part/one/two", "tmpfs", 0, NULL));
	CHECK_OK(mount("none", "m/other", "tmpfs", 0, NULL));
	file_make("m/part/one/two/file", "x", 1);

	CHECK_OK(mount("m/part", "b", NULL, MS_BIND, NULL));
	CHECK_ERR(stat("b/one/two", &there), ENOENT);
	CHECK_OK(umount2("b", 0));
	CHECK_OK(mount("m/part", "b", NULL, MS_BIND | MS_REC, NULL));
	CHECK_OK(stat("m/part/one/two/file", &here));
	CHECK_OK(stat("b/one/two/file", &there));
	CHECK_EQ(here.st_dev, there.st_dev);
	CHECK_EQ(here.st_ino, there.st_ino);
	file_make("b/one/program", "#!/bin/sh\n", 10);
	CHECK_OK(chmod("b/one/program", 0755));
	CHECK_ERR(execl("b/one/program", "program", NULL), EACCES);

	CHECK_ERR(umount2("b", 0), EBUSY);
	CHECK_OK(umount2("b", MNT_DETACH));
	CHECK_OK(stat("m/part/one/two/file", &here));
	CHECK_ERR(mount("nothing", "b", NULL, MS_BIND | MS_REC, NULL), ENOENT);
	CHECK_ERR(mount("m/part/one/two/file", "b", NULL, MS_BIND | MS_REC, NULL), ENOTDIR);
	CHECK_OK(umount2("m", MNT_DETACH));
}

TEST(read_only_mount)
{
	tmpfs_at("m", 0, NULL);
	file_make("m/f", "x", 1);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("m/f", O_RDWR), EROFS);
	CHECK_ERR(open("m/g", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_ERR(mkdir("m/d", 0700), EROFS);
	CHECK_ERR(unlink("m/f"), EROFS);
	CHECK_ERR(chmod("m/f", 0600), EROFS);
	CHECK_ERR(access("m/f", W_OK), EROFS);
	CHECK_OK(open("m/f", O_RDONLY));
	CHECK_OK(umount2("m", MNT_DETACH));
}

TEST(read_only_remount_waits_for_writers)
{
	int fd;

	tmpfs_at("m", 0, NULL);
	CHECK_OK(fd = open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK_EQ(write(fd, "x", 1), 1);
	void *map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_OK(close(fd));
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK_OK(munmap(map, 1));
	CHECK_OK(fd = open("m/f", O_RDONLY));
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("m/f", O_WRONLY), EROFS);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	CHECK_OK(close(open("m/f", O_WRONLY)));
	CHECK_OK(close(fd));
	CHECK_OK(umount2("m", 0));
}

TEST(tmp_is_writable_by_all)
{
	struct stat status;

	CHECK_OK(stat("/tmp", &status));
	CHECK_EQ(status.st_mode & 07777, 01777);
	CHECK_OK(stat("/dev/shm", &status));
	CHECK_EQ(status.st_mode & 07777, 01777);
}

/* What a file system may hold is the same by writing and by mapping. */
TEST(tmpfs_size_holds_for_mappings)
{
	long page = sysconf(_SC_PAGESIZE);
	pid_t pid;

	tmpfs_at("m", 0, "size=64k");
	int fd = CHECK_OK(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_OK(ftruncate(fd, 1 << 20));
	char *bytes = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(bytes != MAP_FAILED);
	bytes[0] = 'x';
	if (CHILD(pid)) {
		for (long at = 0; at < 1 << 20; at += page)
			bytes[at] = 'x';
		_exit(0);
	}
	wait_signalled(pid, SIGBUS);
	CHECK_EQ(bytes[0], 'x');
	CHECK_OK(munmap(bytes, 1 << 20));
	CHECK_OK(close(fd));
	CHECK_OK(umount2("m", 0));
}

TEST(mount_moves_to_its_like_only)
{
	struct stat status;

	tmpfs_at("m", 0, NULL);
	CHECK_OK(mkdir("n", 0755));
	CHECK_OK(mount(NULL, "m", NULL, MS_PRIVATE, NULL));
	file_make("m/f", "x", 1);
	file_make("plain", "x", 1);
	CHECK_ERR(mount("m", "plain", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_ERR(mount("n", "m", NULL, MS_MOVE, NULL), EINVAL);
	CHECK_OK(stat("m/f", &status));
	CHECK_OK(umount2("m", 0));
}

/* Names take memory too: there are only so many, however they are made. */
TEST(tmpfs_names_are_limited)
{
	struct statfs status;
	char name[32];

	tmpfs_at("m", 0, "nr_inodes=10");
	CHECK_OK(mkdir("m/dir", 0755));
	CHECK_OK(symlink("x", "m/link"));
	file_make("m/file", "x", 1);
	CHECK_OK(link("m/file", "m/second"));
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "m/dir/%d", i);
		file_make(name, "", 0);
	}
	CHECK_OK(statfs("m", &status));
	CHECK_EQ(status.f_files, 10);
	CHECK_EQ(status.f_ffree, 0);
	CHECK_ERR(mkdir("m/more", 0755), ENOSPC);
	CHECK_ERR(link("m/file", "m/more"), ENOSPC);
	CHECK_ERR(symlink("x", "m/more"), ENOSPC);
	CHECK_ERR(open("m/more", O_WRONLY | O_CREAT, 0600), ENOSPC);
	CHECK_OK(rename("m/dir/0", "m/moved"));
	CHECK_OK(rename("m/moved", "m/dir/1"));
	CHECK_OK(mkdir("m/more", 0755));
	CHECK_ERR(mkdir("m/most", 0755), ENOSPC);
	CHECK_OK(rmdir("m/more"));
	CHECK_OK(unlink("m/second"));
	CHECK_OK(mkdir("m/more", 0755));
	CHECK_OK(mkdir("m/most", 0755));
	CHECK_OK(umount2("m", 0));
}

/* The disk of "/", as /proc/mounts names it. */
static bool root_device(char *name, size_t size)
{
	char line[512], where[256];
	FILE *mounts = fopen("/proc/mounts", "r");
	bool found = false;

	while (!found && mounts && fgets(line, sizeof(line), mounts))
		found = sscanf(line, "%255s %255s", name, where) == 2 && strcmp(where, "/") == 0;
	if (mounts)
		fclose(mounts);
	return found && strlen(name) < size && access(name, F_OK) == 0;
}

/* One file system, seen twice; never two that write to one disk. */
TEST(device_mounted_twice_is_one_file_system)
{
	char device[256];
	struct stat here, there;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("m", 0755));
	if (!root_device(device, sizeof(device)))
		SKIP("no device behind /");
	if (mount(device, "m", "ext4", 0, NULL) < 0)
		SKIP("no mount: %s", strerror(errno));
	CHECK_OK(stat("/", &here));
	CHECK_OK(stat("m", &there));
	CHECK_EQ(here.st_dev, there.st_dev);
	CHECK_EQ(here.st_ino, there.st_ino);
	file_make("/new-name", "x", 1);
	CHECK_OK(stat("m/new-name", &there));
	CHECK_OK(unlink("m/new-name"));
	CHECK_ERR(stat("/new-name", &there), ENOENT);
	CHECK_OK(umount2("m", 0));
	CHECK_ERR(stat("m/new-name", &there), ENOENT);
}
