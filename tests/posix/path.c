// SPDX-License-Identifier: MIT
/* Names: looking up, making, linking, renaming and removing. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

TEST_FILE_SYSTEMS;

static void touch(const char *path)
{
	file_make(path, path, strlen(path));
}

static ino_t ino_of(const char *path)
{
	struct stat status;

	CHECK_OK(lstat(path, &status));
	return status.st_ino;
}

static int nlink_of(const char *path)
{
	struct stat status;

	CHECK_OK(lstat(path, &status));
	return status.st_nlink;
}

static int missing(const char *path)
{
	struct stat status;

	return lstat(path, &status) == -1 && errno == ENOENT;
}

/* Looking up. */

TEST(lookup_errors)
{
	static char name[NAME_MAX + 2], path[PATH_MAX + 1];
	struct stat status;

	touch("f");
	CHECK_ERR(stat("nothing", &status), ENOENT);
	CHECK_ERR(stat("", &status), ENOENT);
	CHECK_ERR(stat("nothing/x", &status), ENOENT);
	CHECK_ERR(stat("f/x", &status), ENOTDIR);
	CHECK_ERR(stat("f/", &status), ENOTDIR);
	CHECK_ERR(stat("f/.", &status), ENOTDIR);
	CHECK_ERR(stat("f/..", &status), ENOTDIR);
	memset(name, 'n', NAME_MAX + 1);
	CHECK_ERR(stat(name, &status), ENAMETOOLONG);
	name[NAME_MAX] = 0;
	CHECK_ERR(stat(name, &status), ENOENT);
	memset(path, '/', PATH_MAX);
	CHECK_ERR(stat(path, &status), ENAMETOOLONG);
	path[PATH_MAX - 1] = 0;
	CHECK_OK(stat(path, &status));
	CHECK_ERR(stat(BAD_POINTER, &status), EFAULT);
	CHECK_ERR(stat(KERNEL_POINTER, &status), EFAULT);
	CHECK_ERR(stat(NULL, &status), EFAULT);
}

/* A path without its end in mapped memory. */
TEST(lookup_runs_off_the_page)
{
	struct stat status;
	char *page = guarded_page();

	memset(page, '/', 4096);
	CHECK_ERR(stat(page + 4090, &status), EFAULT);
	memcpy(page + 4094, "/", 2);
	CHECK_OK(stat(page + 4094, &status));
}

TEST(dots_and_slashes)
{
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/e", 0755));
	touch("d/e/f");
	CHECK_EQ(ino_of("d//e/./f"), ino_of("d/e/f"));
	CHECK_EQ(ino_of("d/e/../e/f"), ino_of("d/e/f"));
	CHECK_EQ(ino_of("./d/../d/e/"), ino_of("d/e"));
	CHECK_EQ(ino_of("d/.."), ino_of("."));
	CHECK_EQ(ino_of("/.."), ino_of("/"));
	CHECK_EQ(ino_of("/../../."), ino_of("/"));
}

TEST(relative_to_descriptor)
{
	struct stat status;

	CHECK_OK(mkdir("d", 0755));
	touch("d/f");
	int dir = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY)), file = CHECK_OK(open("d/f", O_RDONLY));
	CHECK_OK(fstatat(dir, "f", &status, 0));
	CHECK_ERR(fstatat(file, "f", &status, 0), ENOTDIR);
	CHECK_ERR(fstatat(999, "f", &status, 0), EBADF);
	CHECK_OK(fstatat(999, "/", &status, 0));
	CHECK_OK(fstatat(file, "", &status, AT_EMPTY_PATH));
	CHECK(S_ISREG(status.st_mode));
	CHECK_ERR(fstatat(file, "", &status, 0), ENOENT);
	CHECK_ERR(syscall(SYS_newfstatat, dir, "f", &status, 0x80000), EINVAL);
	CHECK_OK(mkdirat(dir, "e", 0755));
	CHECK_OK(renameat(dir, "f", AT_FDCWD, "g"));
	CHECK(missing("d/f"));
	CHECK_OK(unlinkat(dir, "e", AT_REMOVEDIR));
	CHECK_ERR(unlinkat(AT_FDCWD, "d", 0), EISDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "g", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "g", 0x1234), EINVAL);
}

/* Working directory. */

TEST(working_directory)
{
	char first[PATH_MAX], second[PATH_MAX + 8], got[PATH_MAX];

	CHECK(getcwd(first, sizeof(first)));
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	snprintf(second, sizeof(second), "%s/d", first);
	CHECK(getcwd(got, sizeof(got)));
	CHECK_STR(got, second);
	CHECK_EQ(syscall(SYS_getcwd, got, sizeof(got)), strlen(second) + 1);
	CHECK_ERR(syscall(SYS_getcwd, got, 3), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, BAD_POINTER, PATH_MAX), EFAULT);
	int dir = CHECK_OK(open("..", O_RDONLY));
	CHECK_OK(fchdir(dir));
	CHECK(getcwd(got, sizeof(got)));
	CHECK_STR(got, first);
	touch("f");
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_ERR(chdir("nothing"), ENOENT);
	CHECK_ERR(fchdir(CHECK_OK(open("f", O_RDONLY))), ENOTDIR);
	CHECK_OK(chdir("/"));
	CHECK(getcwd(got, sizeof(got)));
	CHECK_STR(got, "/");
}

TEST(working_directory_removed)
{
	char got[PATH_MAX];

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	CHECK_OK(rmdir("../d"));
	CHECK_ERR(syscall(SYS_getcwd, got, sizeof(got)), ENOENT);
	CHECK_ERR(open("f", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(mkdir("e", 0700), ENOENT);
	CHECK_OK(chdir(".."));
}

/* open */

TEST(open_flags)
{
	touch("f");
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERR(open("nothing", O_RDWR), ENOENT);
	CHECK_ERR(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_OK(open("f", O_CREAT | O_RDWR, 0600));
	CHECK_ERR(open("f", O_DIRECTORY | O_RDONLY), ENOTDIR);
	CHECK_OK(open("d", O_DIRECTORY | O_RDONLY));
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_CREAT | O_RDONLY, 0600), EISDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
	CHECK_ERR(open("none/new", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open(BAD_POINTER, O_RDONLY), EFAULT);
	CHECK_ERR(read(CHECK_OK(open("d", O_RDONLY)), &errno, 1), EISDIR);
}

TEST(open_links)
{
	touch("f");
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(symlink("target", "dangling"));
	CHECK_OK(open("l", O_RDONLY));
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_OK(open("dangling", O_CREAT | O_RDWR, 0600));
	CHECK(!missing("target"));
}

TEST(open_path_only)
{
	struct stat status;
	char byte;

	touch("f");
	CHECK_OK(symlink("f", "l"));
	int fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERR(read(fd, &byte, 1), EBADF);
	CHECK_OK(fstat(fd, &status));
	CHECK(S_ISREG(status.st_mode));
	fd = CHECK_OK(open("l", O_PATH | O_NOFOLLOW));
	CHECK_OK(fstat(fd, &status));
	CHECK(S_ISLNK(status.st_mode));
}

TEST(create_mode_and_umask)
{
	struct stat status;

	umask(027);
	CHECK_OK(open("f", O_CREAT | O_WRONLY, 0777));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_mode & 07777, 0750);
	CHECK_OK(mkdir("d", 01777));
	CHECK_OK(stat("d", &status));
	CHECK_EQ(status.st_mode & 07777, 01750);
	CHECK_EQ(umask(0), 027);
	/* a file made without write permission can still be written through its first descriptor */
	int fd = CHECK_OK(open("g", O_CREAT | O_RDWR, 0));
	CHECK_EQ(write(fd, "x", 1), 1);
}

TEST(temporary_file)
{
	struct stat status;
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0) {
		CHECK(errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
		SKIP("no O_TMPFILE");
	}
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_nlink, 0);
}

/* Directories. */

TEST(mkdir_rmdir)
{
	touch("f");
	CHECK_OK(mkdir("d", 0755));
	CHECK_ERR(mkdir("d", 0755), EEXIST);
	CHECK_ERR(mkdir("f", 0755), EEXIST);
	CHECK_ERR(mkdir("/", 0755), EEXIST);
	CHECK_ERR(mkdir(".", 0755), EEXIST);
	CHECK_ERR(mkdir("none/d", 0755), ENOENT);
	CHECK_ERR(mkdir("f/d", 0755), ENOTDIR);
	CHECK_ERR(mkdir("", 0755), ENOENT);
	CHECK_OK(mkdir("e/", 0755));
	CHECK_OK(rmdir("e/"));
	CHECK_OK(mkdir("d/inner", 0755));
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("d/."), EINVAL);
	CHECK_ERR(rmdir("d/inner/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("/"), EBUSY);
	CHECK_ERR(rmdir("nothing"), ENOENT);
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_OK(rmdir("d/inner"));
	CHECK_OK(rmdir("d"));
	CHECK(missing("d"));
}

TEST(directory_link_counts)
{
	CHECK_OK(mkdir("d", 0755));
	if (nlink_of("d") == 1)
		SKIP("this file system does not count");
	CHECK_EQ(nlink_of("d"), 2);
	CHECK_OK(mkdir("d/a", 0755));
	CHECK_OK(mkdir("d/b", 0755));
	CHECK_EQ(nlink_of("d"), 4);
	CHECK_OK(mkdir("e", 0755));
	CHECK_OK(rename("d/a", "e/a"));
	CHECK_EQ(nlink_of("d"), 3);
	CHECK_EQ(nlink_of("e"), 3);
	CHECK_EQ(ino_of("e/a/.."), ino_of("e"));
}

TEST(deep_tree)
{
	for (int i = 0; i < 60; i++) {
		CHECK_OK(mkdir("level", 0755));
		CHECK_OK(chdir("level"));
	}
	for (int i = 0; i < 60; i++) {
		CHECK_OK(chdir(".."));
		CHECK_OK(rmdir("level"));
	}
}

TEST(directory_that_is_removed_has_nothing_in_it)
{
	pid_t pid;

	if (CHILD(pid)) {
		for (int i = 0; i < 1000; i++) {
			mkdir("d", 0755);
			rmdir("d");
		}
		_exit(0);
	}
	for (int i = 0; i < 2000; i++) {
		int fd = open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0644);

		if (fd < 0)
			continue;
		CHECK_OK(close(fd));
		CHECK_OK(unlink("d/f"));
	}
	wait_ok(pid);
}

/* Hard links. */

TEST(link)
{
	touch("f");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(link("f", "g"));
	CHECK_EQ(ino_of("f"), ino_of("g"));
	CHECK_EQ(nlink_of("f"), 2);
	CHECK_ERR(link("f", "g"), EEXIST);
	CHECK_ERR(link("nothing", "h"), ENOENT);
	CHECK_ERR(link("d", "h"), EPERM);
	CHECK_ERR(link("f", "none/h"), ENOENT);
	CHECK_ERR(link("f", "f/h"), ENOTDIR);
	CHECK_ERR(link("/proc/self/status", "h"), EXDEV);
	CHECK_OK(unlink("f"));
	CHECK_EQ(nlink_of("g"), 1);
	CHECK_OK(symlink("g", "l"));
	CHECK_OK(link("l", "l2"));
	CHECK_EQ(ino_of("l2"), ino_of("l"));
	CHECK_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "g2", AT_SYMLINK_FOLLOW));
	CHECK_EQ(ino_of("g2"), ino_of("g"));
	CHECK_ERR(linkat(AT_FDCWD, "g", AT_FDCWD, "g3", 0x80), EINVAL);
}

static void link_and_unlink(const char *name)
{
	for (int i = 0; i < 400; i++) {
		CHECK_OK(link("f", name));
		CHECK_OK(unlink(name));
	}
}

TEST(names_that_come_and_go_in_two_directories_are_counted)
{
	pid_t pids[2];

	touch("f");
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("b", 0755));
	for (int i = 0; i < 2; i++)
		if (CHILD(pids[i])) {
			link_and_unlink(i ? "a/g" : "b/g");
			_exit(0);
		}
	wait_ok(pids[0]);
	wait_ok(pids[1]);
	CHECK_EQ(nlink_of("f"), 1);
}

/* Symbolic links. */

TEST(symlink)
{
	static char target[PATH_MAX];
	struct stat status;
	char got[64] = "";

	CHECK_OK(symlink("where/ever", "l"));
	CHECK_EQ(readlink("l", got, sizeof(got)), 10);
	CHECK_STR(got, "where/ever");
	CHECK_EQ(readlink("l", got, 3), 3);
	CHECK_OK(lstat("l", &status));
	CHECK(S_ISLNK(status.st_mode));
	CHECK_EQ(status.st_size, 10);
	CHECK_ERR(stat("l", &status), ENOENT);
	CHECK_ERR(symlink("x", "l"), EEXIST);
	CHECK_ERR(symlink("", "m"), ENOENT);
	CHECK_ERR(symlink("x", "none/m"), ENOENT);
	touch("f");
	CHECK_ERR(readlink("f", got, 8), EINVAL);
	CHECK_ERR(readlink("nothing", got, 8), ENOENT);
	CHECK_ERR(syscall(SYS_readlink, "l", got, 0), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "l", BAD_POINTER, 8), EFAULT);
	memset(target, 't', 200);
	CHECK_OK(symlink(target, "long"));
	static char back[PATH_MAX];
	CHECK_EQ(readlink("long", back, sizeof(back)), 200);
	CHECK_MEM(back, target, 200);
	CHECK_OK(unlink("long"));
	CHECK(missing("long"));
}

/* A target may be as long as a path; it is as long as it takes, and leads there. */
TEST(symlink_length)
{
	static const int lengths[] = { 59, 60, 1023, 1793, 2047, 2048, 3072, 3073, PATH_MAX - 1 };
	static char target[PATH_MAX + 1], back[PATH_MAX + 1], name[256];
	struct stat status;

	CHECK_OK(mkdir("d", 0755));
	touch("d/f");
	memset(name, 'n', 255);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(target, '/', PATH_MAX);
		memcpy(target + lengths[i] - 3, "d/f", 4);
		memcpy(target, "./", 2);
		CHECK_OK(symlink(target, name));
		CHECK_OK(lstat(name, &status));
		CHECK_EQ(status.st_size, lengths[i]);
		CHECK_EQ(readlink(name, back, sizeof(back)), lengths[i]);
		CHECK_MEM(back, target, lengths[i]);
		CHECK_OK(stat(name, &status));
		CHECK_EQ(status.st_ino, ino_of("d/f"));
		CHECK_OK(unlink(name));
	}
	memset(target, 't', PATH_MAX);
	CHECK_ERR(symlink(target, name), ENAMETOOLONG);
	CHECK(missing(name));
}

TEST(symlink_follow)
{
	struct stat status;
	char path[PATH_MAX + 8], cwd[PATH_MAX];

	CHECK_OK(mkdir("d", 0755));
	touch("d/f");
	CHECK_OK(symlink("d", "dl"));
	CHECK_EQ(ino_of("dl/f"), ino_of("d/f"));
	CHECK_OK(symlink("../d/f", "d/up"));
	CHECK_OK(stat("dl/up", &status));
	CHECK_EQ(status.st_ino, ino_of("d/f"));
	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(path, sizeof(path), "%s/d", cwd);
	CHECK_OK(symlink(path, "abs"));
	CHECK_EQ(ino_of("abs/f"), ino_of("d/f"));
	CHECK_OK(lstat("dl/", &status));
	CHECK(S_ISDIR(status.st_mode));
	CHECK_ERR(rmdir("dl"), ENOTDIR);
	CHECK_EQ(ino_of("dl/.."), ino_of("."));
}

TEST(symlink_loops)
{
	struct stat status;
	char name[16], target[16];

	CHECK_OK(symlink("b", "a"));
	CHECK_OK(symlink("a", "b"));
	CHECK_ERR(stat("a", &status), ELOOP);
	CHECK_ERR(open("a", O_CREAT | O_RDWR, 0600), ELOOP);
	touch("l0");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		CHECK_OK(symlink(target, name));
	}
	CHECK_OK(stat("l40", &status));
	CHECK_ERR(stat("l41", &status), ELOOP);
}

/* unlink */

TEST(unlink)
{
	touch("f");
	CHECK_OK(symlink("f", "l"));
	CHECK_OK(unlink("l"));
	CHECK(!missing("f"));
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("nothing"), ENOENT);
	CHECK_ERR(unlink(""), ENOENT);
	CHECK_ERR(unlink(BAD_POINTER), EFAULT);
	CHECK_OK(unlink("f"));
	CHECK_ERR(unlink("f"), ENOENT);
}

/* rename */

TEST(rename_files)
{
	touch("a");
	touch("b");
	ino_t a = ino_of("a");
	CHECK_OK(rename("a", "c"));
	CHECK(missing("a"));
	CHECK_EQ(ino_of("c"), a);
	CHECK_OK(rename("c", "b"));
	CHECK_EQ(ino_of("b"), a);
	CHECK(missing("c"));
	CHECK_OK(rename("b", "b"));
	CHECK_OK(link("b", "d"));
	CHECK_OK(rename("b", "d"));
	CHECK(!missing("b") && !missing("d"));
	CHECK_ERR(rename("nothing", "x"), ENOENT);
	CHECK_ERR(rename("b", "none/x"), ENOENT);
	CHECK_ERR(rename("b", "d/x"), ENOTDIR);
	CHECK_ERR(rename("b", ""), ENOENT);
	CHECK_ERR(rename("b", "/proc/posix-rename"), EXDEV);
	CHECK_ERR(rename(BAD_POINTER, "x"), EFAULT);
}

TEST(rename_directories)
{
	CHECK_OK(mkdir("a", 0755));
	touch("a/f");
	CHECK_OK(mkdir("empty", 0755));
	CHECK_OK(mkdir("full", 0755));
	touch("full/x");
	touch("file");
	CHECK_ERR(rename("a", "full"), ENOTEMPTY);
	CHECK_ERR(rename("a", "file"), ENOTDIR);
	CHECK_ERR(rename("file", "empty"), EISDIR);
	CHECK_OK(rename("a", "empty"));
	CHECK(missing("a") && !missing("empty/f"));
	CHECK_OK(rename("empty", "a/"));
	CHECK_ERR(rename("file", "x/"), ENOTDIR);
	CHECK_ERR(rename("a", "a/inside"), EINVAL);
	CHECK_OK(mkdir("a/deep", 0755));
	CHECK_ERR(rename("a", "a/deep/er"), EINVAL);
	CHECK_ERR(rename("a/deep", "a"), ENOTEMPTY);
	CHECK_ERR(rename("a/.", "x"), EBUSY);
	CHECK_ERR(rename("a", "full/."), EBUSY);
	CHECK_ERR(rename(".", "x"), EBUSY);
}

TEST(rename_over_link_and_open_file)
{
	char bytes[4];

	touch("new");
	touch("old");
	int fd = CHECK_OK(open("old", O_RDONLY));
	CHECK_OK(rename("new", "old"));
	CHECK_EQ(read(fd, bytes, 4), 3);
	CHECK_MEM(bytes, "old", 3);
	touch("f");
	CHECK_OK(symlink("target", "l"));
	CHECK_OK(rename("f", "l"));
	CHECK(missing("target"));
	CHECK_EQ(readlink("l", bytes, 4), -1);
}

TEST(rename_flags)
{
	touch("a");
	touch("b");
	ino_t a = ino_of("a"), b = ino_of("b");
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1L), EEXIST);
	CHECK_OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2L));
	CHECK_EQ(ino_of("a"), b);
	CHECK_EQ(ino_of("b"), a);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 2L), ENOENT);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 3L), EINVAL);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 0x80L), EINVAL);
}

/* A name is any bytes, also those that an allocator marks its free memory with. */
TEST(names_of_any_bytes)
{
	char name[201], text[201];

	for (unsigned i = 0; i < 200; i++)
		name[i] = "\xad\x0b\xad\x0b\xad\x0b\xee\xf5"[i % 8];
	name[200] = 0;
	touch(name);
	CHECK_OK(unlink(name));
	CHECK_OK(symlink(name, "link"));
	CHECK_EQ(readlink("link", text, sizeof(text)), 200);
	CHECK_MEM(text, name, 200);
	CHECK(access("link", F_OK) < 0);
	CHECK_OK(unlink("link"));
	CHECK(missing(name));
}

/* Two processes rename the same name back and forth: one of them always finds it. */
TEST(rename_race)
{
	pid_t pids[2];

	touch("name");
	for (int n = 0; n < 2; n++) {
		if (CHILD(pids[n])) {
			for (int i = 0; i < 300; i++) {
				if (rename("name", n ? "one" : "two") == 0)
					CHECK_OK(rename(n ? "one" : "two", "name"));
				else
					CHECK_EQ(errno, ENOENT);
			}
			_exit(0);
		}
	}
	wait_ok(pids[0]);
	wait_ok(pids[1]);
	CHECK(!missing("name"));
}

/* mknod */

TEST(mknod)
{
	struct stat status;

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(mknod("n", S_IFCHR | 0666, makedev(1, 3)));
	CHECK_OK(stat("n", &status));
	CHECK(S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3));
	int fd = open("n", O_RDWR);
	if (fd < 0)
		CHECK_EQ(errno, EACCES);
	else
		CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(mknod("r", S_IFREG | 0600, 0));
	CHECK_ERR(mknod("r", S_IFREG | 0600, 0), EEXIST);
	CHECK_ERR(mknod("d", S_IFDIR | 0700, 0), EPERM);
	CHECK_ERR(mknod("x", 0170000, 0), EINVAL);
}

TEST(chroot)
{
	char got[PATH_MAX];

	if (getuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("jail", 0755));
	touch("jail/f");
	CHECK_ERR(chroot("jail/f"), ENOTDIR);
	CHECK_OK(chroot("jail"));
	CHECK_OK(chdir("/"));
	CHECK(!missing("/f"));
	CHECK_EQ(ino_of("/.."), ino_of("/"));
	CHECK(getcwd(got, sizeof(got)));
	CHECK_STR(got, "/");
	CHECK(missing("/bin"));
}
