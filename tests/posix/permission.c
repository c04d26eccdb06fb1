// SPDX-License-Identifier: MIT
/* Permissions: what an ordinary user may do, chmod, chown, access, sticky and set-id bits. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

TEST_FILE_SYSTEMS;

enum { USER = 1000, OTHER = 2000 };

static void need_root(void)
{
	if (getuid() != 0)
		SKIP("needs root");
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	CHECK_OK(stat(path, &status));
	return status.st_mode & 07777;
}

static void file_of(const char *path, unsigned id, mode_t mode)
{
	file_make(path, "x", 1);
	CHECK_OK(chown(path, id, id));
	CHECK_OK(chmod(path, mode));
}

TEST(open_by_class)
{
	gid_t group = OTHER;

	need_root();
	file_of("own", USER, 0400);
	file_of("own_none", USER, 0077);
	file_of("group", OTHER, 0040);
	file_of("group_none", OTHER, 0707);
	file_of("other", 3000, 0004);
	file_of("write", 3000, 0002);
	CHECK_OK(setgroups(1, &group));
	CHECK_OK(setgid(USER));
	CHECK_OK(setuid(USER));
	CHECK_OK(open("own", O_RDONLY));
	CHECK_ERR(open("own", O_RDWR), EACCES);
	CHECK_ERR(open("own_none", O_RDONLY), EACCES);
	CHECK_OK(open("group", O_RDONLY));
	CHECK_ERR(open("group", O_WRONLY), EACCES);
	CHECK_ERR(open("group_none", O_RDONLY), EACCES);
	CHECK_OK(open("other", O_RDONLY));
	CHECK_OK(open("write", O_WRONLY));
	CHECK_ERR(open("write", O_RDONLY), EACCES);
	CHECK_ERR(open("other", O_RDONLY | O_TRUNC), EACCES);
	CHECK_ERR(truncate("other", 0), EACCES);
}

TEST(root_may_all)
{
	need_root();
	file_of("f", USER, 0);
	CHECK_OK(open("f", O_RDWR));
	CHECK_OK(mkdir("d", 0));
	CHECK_OK(mkdir("d/e", 0));
	CHECK_OK(access("f", R_OK | W_OK));
	CHECK_ERR(access("f", X_OK), EACCES);
	CHECK_OK(access("d", X_OK));
}

TEST(directory_search_and_write)
{
	need_root();
	CHECK_OK(mkdir("closed", 0755));
	file_of("closed/f", USER, 0666);
	CHECK_OK(chmod("closed", 0700));
	CHECK_OK(mkdir("readonly", 0755));
	file_of("readonly/f", USER, 0666);
	CHECK_OK(mkdir("list", 0755));
	CHECK_OK(chmod("list", 0744));
	file_of("list/f", USER, 0666);
	become_user(USER);
	CHECK_ERR(open("closed/f", O_RDONLY), EACCES);
	CHECK_ERR(open("closed", O_RDONLY), EACCES);
	CHECK_ERR(chdir("closed"), EACCES);
	CHECK_ERR(unlink("readonly/f"), EACCES);
	CHECK_ERR(rename("readonly/f", "readonly/g"), EACCES);
	CHECK_ERR(open("readonly/new", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK_ERR(mkdir("readonly/d", 0700), EACCES);
	CHECK_ERR(rmdir("readonly"), EACCES);
	CHECK_ERR(symlink("x", "readonly/l"), EACCES);
	CHECK_ERR(link("readonly/f", "readonly/g"), EACCES);
	CHECK_OK(open("list", O_RDONLY));
	CHECK_ERR(open("list/f", O_RDONLY), EACCES);
}

TEST(sticky_directory)
{
	need_root();
	CHECK_OK(mkdir("t", 0));
	CHECK_OK(chmod("t", 01777));
	file_of("t/mine", USER, 0600);
	file_of("t/theirs", OTHER, 0666);
	become_user(USER);
	CHECK_ERR(unlink("t/theirs"), EPERM);
	CHECK_ERR(rename("t/theirs", "t/x"), EPERM);
	CHECK_ERR(rename("t/mine", "t/theirs"), EPERM);
	CHECK_OK(rename("t/mine", "t/y"));
	CHECK_OK(unlink("t/y"));
}

TEST(chmod_rules)
{
	need_root();
	file_of("mine", USER, 0600);
	file_of("theirs", OTHER, 0600);
	file_of("of_other_group", USER, 0600);
	CHECK_OK(chown("of_other_group", -1, OTHER));
	CHECK_OK(chmod("mine", 07777));
	CHECK_EQ(mode_of("mine"), 07777);
	CHECK_OK(chmod("mine", 0600));
	become_user(USER);
	CHECK_OK(chmod("mine", 04755));
	CHECK_EQ(mode_of("mine"), 04755);
	CHECK_OK(chmod("mine", 02755));
	CHECK_EQ(mode_of("mine"), 02755);
	CHECK_OK(chmod("of_other_group", 02755)); /* POSIX chmod(): not a member, so S_ISGID is cleared */
	CHECK_EQ(mode_of("of_other_group"), 0755);
	CHECK_ERR(chmod("theirs", 0666), EPERM);
	CHECK_ERR(chmod("nothing", 0666), ENOENT);
	CHECK_ERR(chmod(BAD_POINTER, 0666), EFAULT);
	int fd = CHECK_OK(open("mine", O_RDONLY));
	CHECK_OK(fchmod(fd, 0640));
	CHECK_EQ(mode_of("mine"), 0640);
}

TEST(chown_rules)
{
	struct stat status;

	need_root();
	file_of("mine", USER, 04755);
	file_of("theirs", OTHER, 0600);
	CHECK_OK(symlink("mine", "l"));
	CHECK_OK(lchown("l", 5, 6));
	CHECK_OK(lstat("l", &status));
	CHECK(status.st_uid == 5 && status.st_gid == 6);
	CHECK_OK(chown("mine", -1, OTHER));
	CHECK_OK(stat("mine", &status));
	CHECK(status.st_uid == USER && status.st_gid == OTHER);
	CHECK_EQ(mode_of("mine"), 0755);
	become_user(USER);
	CHECK_ERR(chown("mine", OTHER, -1), EPERM);
	CHECK_OK(chown("mine", USER, USER));
	CHECK_ERR(chown("mine", -1, 77), EPERM);
	CHECK_ERR(chown("theirs", USER, -1), EPERM);
	CHECK_OK(chown("mine", -1, -1));
}

TEST(new_file_belongs_to_maker)
{
	struct stat status;

	need_root();
	CHECK_OK(mkdir("d", 0));
	CHECK_OK(chmod("d", 0777));
	CHECK_OK(mkdir("g", 0));
	CHECK_OK(chown("g", 0, 77));
	CHECK_OK(chmod("g", 02777));
	become_user(USER);
	CHECK_OK(open("d/f", O_CREAT | O_RDWR, 0644));
	CHECK_OK(stat("d/f", &status));
	CHECK(status.st_uid == USER && status.st_gid == USER);
	CHECK_OK(open("g/f", O_CREAT | O_RDWR, 0644));
	CHECK_OK(stat("g/f", &status));
	CHECK(status.st_uid == USER && status.st_gid == 77);
	CHECK_OK(mkdir("g/d", 0755));
	CHECK_OK(stat("g/d", &status));
	CHECK_EQ(status.st_gid, 77);
	CHECK(status.st_mode & S_ISGID);
}

TEST(write_drops_set_id)
{
	need_root();
	file_of("f", USER, 06777);
	file_of("t", USER, 06777);
	int fd = CHECK_OK(open("f", O_WRONLY));
	CHECK_EQ(write(fd, "r", 1), 1);
	CHECK_EQ(mode_of("f"), 06777);
	become_user(OTHER);
	CHECK_EQ(write(fd, "y", 1), 1);
	CHECK_EQ(mode_of("f"), 0777);
	CHECK_OK(truncate("t", 0));
	CHECK_EQ(mode_of("t"), 0777);
}

TEST(access_uses_real_id)
{
	need_root();
	file_of("f", 0, 0600);
	CHECK_OK(access("f", F_OK));
	CHECK_ERR(access("nothing", F_OK), ENOENT);
	CHECK_ERR(access("f", 99), EINVAL);
	CHECK_OK(setresuid(USER, 0, 0));
	CHECK_ERR(access("f", R_OK), EACCES);
	CHECK_OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
	CHECK_OK(open("f", O_RDONLY));
	CHECK_ERR(syscall(SYS_access, BAD_POINTER, R_OK), EFAULT);
}

TEST(utimes_rules)
{
	struct timespec times[2] = { { 1, 0 }, { 2, 0 } };

	need_root();
	file_of("writable", OTHER, 0666);
	file_of("readable", OTHER, 0644);
	become_user(USER);
	CHECK_OK(utimensat(AT_FDCWD, "writable", NULL, 0));
	CHECK_ERR(utimensat(AT_FDCWD, "writable", times, 0), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
}

TEST(privileged_calls)
{
	need_root();
	CHECK_OK(chmod(".", 0777));
	become_user(USER);
	CHECK_ERR(chroot("."), EPERM);
	CHECK_ERR(syscall(SYS_mount, "none", ".", "tmpfs", 0L, NULL), EPERM);
	CHECK_ERR(syscall(SYS_umount2, "/", 0), EPERM);
	CHECK_ERR(sethostname("x", 1), EPERM);
	CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL), EPERM);
	CHECK_ERR(syscall(SYS_mknod, "n", S_IFCHR | 0666, 0x103), EPERM);
	CHECK_ERR(syscall(SYS_settimeofday, (long[2]){ 1, 1 }, NULL), EPERM);
}
