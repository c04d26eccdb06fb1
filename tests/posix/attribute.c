// SPDX-License-Identifier: MIT
/* The newer and older relatives of calls about names: statx, openat2, the *at family, getdents,
 * utime. */
#define _GNU_SOURCE
/* Ours comes first: the C library makes macros of some field names. */
#include "linux/stat.h"
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

TEST_FILE_SYSTEMS;

struct how {
	uint64_t flags, mode, resolve;
};

static void touch(const char *path)
{
	file_make(path, "0123456789", 10);
}

/* statx */

TEST(statx_fields)
{
	struct linux_statx more;
	struct stat status;

	touch("f");
	CHECK_OK(stat("f", &status));
	memset(&more, 0xff, sizeof(more));
	CHECK_OK(syscall(SYS_statx, AT_FDCWD, "f", 0, LINUX_STATX_BASIC_STATS, &more));
	CHECK_EQ(more.stx_mask & LINUX_STATX_BASIC_STATS, LINUX_STATX_BASIC_STATS);
	CHECK_EQ(more.stx_ino, status.st_ino);
	CHECK_EQ(more.stx_mode, status.st_mode);
	CHECK_EQ(more.stx_size, 10);
	CHECK_EQ(more.stx_nlink, 1);
	CHECK_EQ(more.stx_mtime.tv_sec, status.st_mtime);
	CHECK_EQ(more.stx_mtime.tv_nsec, status.st_mtim.tv_nsec);
	CHECK_OK(syscall(SYS_statx, AT_FDCWD, "/dev/null", 0, LINUX_STATX_BASIC_STATS, &more));
	CHECK(more.stx_rdev_major == 1 && more.stx_rdev_minor == 3);
}

TEST(statx_rules)
{
	struct linux_statx more;

	touch("f");
	CHECK_OK(symlink("f", "l"));
	int fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(syscall(SYS_statx, AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, LINUX_STATX_TYPE, &more));
	CHECK(S_ISLNK(more.stx_mode));
	CHECK_OK(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, LINUX_STATX_SIZE, &more));
	CHECK_EQ(more.stx_size, 10);
	CHECK_ERR(syscall(SYS_statx, fd, "", 0, LINUX_STATX_SIZE, &more), ENOENT);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000U, &more), EINVAL);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0x6000, LINUX_STATX_SIZE, &more), EINVAL);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0, LINUX_STATX_SIZE, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, BAD_POINTER, 0, LINUX_STATX_SIZE, &more), EFAULT);
}

/* openat2 */

static long open_how(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct how how = { flags, mode, resolve };

	return syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

TEST(openat2_rules)
{
	struct how how = { 0 };
	char large[64] = { 0 };

	touch("f");
	CHECK_OK(open_how(AT_FDCWD, "f", O_RDONLY, 0, 0));
	CHECK_OK(open_how(AT_FDCWD, "new", O_RDWR | O_CREAT, 0600, 0));
	CHECK_ERR(open_how(AT_FDCWD, "f", O_RDONLY, 0600, 0), EINVAL);
	CHECK_ERR(open_how(AT_FDCWD, "f", 1ull << 40, 0, 0), EINVAL);
	CHECK_ERR(open_how(AT_FDCWD, "f", O_RDONLY, 0, 0x8000), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8L), EINVAL);
	CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "f", large, 64L));
	large[40] = 1;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", large, 64L), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "f", BAD_POINTER, 24L), EFAULT);
}

TEST(openat2_resolve)
{
	enum { NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16 };

	CHECK_OK(mkdir("d", 0755));
	touch("d/f");
	touch("out");
	CHECK_OK(symlink("f", "d/l"));
	CHECK_OK(symlink("../out", "d/up"));
	CHECK_OK(symlink("/f", "d/abs"));
	int dir = CHECK_OK(open("d", O_RDONLY));
	CHECK_OK(open_how(dir, "l", 0, 0, 0));
	CHECK_ERR(open_how(dir, "l", 0, 0, NO_SYMLINKS), ELOOP);
	CHECK_OK(open_how(dir, "l", 0, 0, BENEATH));
	CHECK_ERR(open_how(dir, "up", 0, 0, BENEATH), EXDEV);
	CHECK_ERR(open_how(dir, "../out", 0, 0, BENEATH), EXDEV);
	CHECK_ERR(open_how(dir, "/etc", 0, 0, BENEATH), EXDEV);
	CHECK_OK(open_how(dir, "abs", 0, 0, IN_ROOT));
	CHECK_OK(open_how(dir, "../../f", 0, 0, IN_ROOT));
}

/* The *at family. */

TEST(relative_calls)
{
	struct stat status;
	char text[16] = "";

	CHECK_OK(mkdir("d", 0755));
	int dir = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
	int fd = CHECK_OK(openat(dir, "f", O_RDWR | O_CREAT, 0600));
	CHECK_ERR(openat(fd, "x", O_RDONLY), ENOTDIR);
	CHECK_ERR(openat(0x7ffe, "x", O_RDONLY), EBADF);
	CHECK_OK(symlinkat("f", dir, "l"));
	CHECK_EQ(readlinkat(dir, "l", text, sizeof(text)), 1);
	CHECK_STR(text, "f");
	CHECK_OK(linkat(dir, "f", dir, "g", 0));
	CHECK_OK(fchmodat(dir, "f", 0640, 0));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_mode & 07777, 0640);
	CHECK_EQ(status.st_nlink, 2);
	CHECK_OK(mknodat(dir, "p", S_IFIFO | 0600, 0));
	CHECK_OK(faccessat(dir, "p", R_OK, 0));
	CHECK_OK(syscall(SYS_faccessat2, dir, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	CHECK_ERR(syscall(SYS_faccessat2, dir, "l", F_OK, 0x8000), EINVAL);
	if (getuid() == 0) {
		CHECK_OK(fchownat(dir, "l", 7, 8, AT_SYMLINK_NOFOLLOW));
		CHECK_OK(fstatat(dir, "l", &status, AT_SYMLINK_NOFOLLOW));
		CHECK(status.st_uid == 7 && status.st_gid == 8);
		CHECK_OK(fchown(fd, 9, 10));
		CHECK_OK(fchownat(fd, "", -1, 11, AT_EMPTY_PATH));
		CHECK_OK(fstat(fd, &status));
		CHECK(status.st_uid == 9 && status.st_gid == 11);
		CHECK_ERR(fchownat(dir, "l", 7, 8, 0x8000), EINVAL);
	}
	CHECK_ERR(fchown(0x7ffe, 1, 1), EBADF);
}

TEST(creat)
{
	struct stat status;

	umask(0);
	touch("f");
	int fd = CHECK_OK(creat("f", 0600));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_size, 0);
	CHECK_EQ(status.st_mode & 07777, 0644);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
}

/* Old time calls. */

TEST(utime_family)
{
	struct utimbuf old = { 1000, 2000 };
	struct timeval times[2] = { { 3000, 5 }, { 4000, 6 } };
	struct stat status;

	touch("f");
	CHECK_OK(syscall(SYS_utime, "f", &old));
	CHECK_OK(stat("f", &status));
	CHECK(status.st_atime == 1000 && status.st_mtime == 2000);
	CHECK_OK(syscall(SYS_utimes, "f", times));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_atime, 3000);
	CHECK(status.st_mtime == 4000 && status.st_mtim.tv_nsec == 6000);
	times[1].tv_sec = 5000;
	CHECK_OK(syscall(SYS_futimesat, AT_FDCWD, "f", times));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_mtime, 5000);
	times[0].tv_usec = 1000000;
	CHECK_ERR(syscall(SYS_utimes, "f", times), EINVAL);
	CHECK_ERR(syscall(SYS_utime, "f", BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_utime, "nothing", &old), ENOENT);
}

TEST(old_directory_records)
{
	struct old_record {
		unsigned long ino, off;
		unsigned short len;
		char name[];
	};
	char buffer[4096];
	int nr = 0;

	touch("one");
	touch("two");
	int fd = CHECK_OK(open(".", O_RDONLY));
	long len = CHECK_OK(syscall(SYS_getdents, fd, buffer, sizeof(buffer)));
	for (long at = 0; at < len; nr++) {
		struct old_record *record = (void *)(buffer + at);
		char type = buffer[at + record->len - 1];
		CHECK_EQ(type, record->name[0] == '.' ? DT_DIR : DT_REG);
		at += record->len;
	}
	CHECK_EQ(nr, 4);
	CHECK_EQ(syscall(SYS_getdents, fd, buffer, sizeof(buffer)), 0);
}

/* Advice. */

TEST(advice)
{
	int fds[2];

	touch("f");
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(syscall(SYS_fadvise64, fd, 0L, 0L, POSIX_FADV_SEQUENTIAL));
	CHECK_OK(syscall(SYS_fadvise64, fd, 0L, 4096L, POSIX_FADV_WILLNEED));
	CHECK_ERR(syscall(SYS_fadvise64, fd, 0L, 0L, 99), EINVAL);
	CHECK_ERR(syscall(SYS_fadvise64, 0x7ffe, 0L, 0L, 0), EBADF);
	CHECK_OK(pipe(fds));
	CHECK_ERR(syscall(SYS_fadvise64, fds[0], 0L, 0L, 0), ESPIPE);
	CHECK_OK(syscall(SYS_readahead, fd, 0L, 4096L));
	CHECK_ERR(syscall(SYS_readahead, 0x7ffe, 0L, 4096L), EBADF);
	CHECK_OK(syscall(SYS_sync_file_range, fd, 0L, 0L, 2));
	CHECK_ERR(syscall(SYS_sync_file_range, fd, 0L, 0L, 0x80), EINVAL);
	CHECK_ERR(syscall(SYS_sync_file_range, fd, -1L, 0L, 2), EINVAL);
	CHECK_ERR(syscall(SYS_sync_file_range, fds[0], 0L, 0L, 2), ESPIPE);
}

/* Extended attributes: absent ones, and errors that do not depend on the file system. */

TEST(extended_attributes)
{
	char value[16];

	touch("f");
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_ERR(getxattr("nothing", "user.x", value, 16), ENOENT);
	CHECK(getxattr("f", "user.x", value, 16) == -1 && (errno == ENODATA || errno == EOPNOTSUPP));
	CHECK(lgetxattr("f", "user.x", value, 16) == -1);
	CHECK(fgetxattr(fd, "user.x", value, 16) == -1);
	CHECK_EQ(listxattr("f", value, 16), 0);
	CHECK_EQ(llistxattr("f", value, 0), 0);
	CHECK_EQ(flistxattr(fd, value, 16), 0);
	CHECK(removexattr("f", "user.x") == -1 && (errno == ENODATA || errno == EOPNOTSUPP));
	CHECK(lremovexattr("f", "user.x") == -1);
	CHECK_ERR(fremovexattr(0x7ffe, "user.x"), EBADF);
	CHECK_ERR(fsetxattr(0x7ffe, "user.x", value, 1, 0), EBADF);
	CHECK_ERR(setxattr("nothing", "user.x", value, 1, 0), ENOENT);
	CHECK_ERR(lsetxattr("f", "user.x", value, 1, 99), EINVAL);
	CHECK(getxattr("f", "nonsense", value, 16) == -1 && errno == EOPNOTSUPP);
}

/* A time that no file system keeps becomes the last or the first that it does. */
TEST(times_out_of_range)
{
	struct {
		long actime, modtime;
	} far = { INT64_MAX, INT64_MIN };
	struct timespec both[2] = { { INT64_MAX, 999999999 }, { INT64_MIN, 0 } };
	struct stat status;

	touch("f");
	CHECK_OK(syscall(SYS_utime, "f", &far));
	CHECK_OK(stat("f", &status));
	CHECK(status.st_atime > 4000000000);
	CHECK(status.st_mtime < 0);
	CHECK_OK(utimensat(AT_FDCWD, "f", both, 0));
	CHECK_OK(stat("f", &status));
	CHECK(status.st_atime > 4000000000);
	CHECK(status.st_mtime < 0);
}
