// SPDX-License-Identifier: MIT
/* The contents of files: reading, writing, offsets, holes, truncation, time stamps. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

TEST_FILE_SYSTEMS;

static int file_open(const char *bytes)
{
	file_make("f", bytes, strlen(bytes));
	return CHECK_OK(open("f", O_RDWR));
}

static void file_is(const char *path, const char *bytes, size_t len)
{
	char *got = malloc(len + 1);
	int fd = CHECK_OK(open(path, O_RDONLY));

	CHECK_EQ(read(fd, got, len + 1), len);
	CHECK_MEM(got, bytes, len);
	CHECK_OK(close(fd));
	free(got);
}

TEST(write_then_read)
{
	int fd = file_open("");
	char bytes[8];

	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(read(fd, bytes, 8), 0);
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(read(fd, bytes, 8), 4);
	CHECK_MEM(bytes, "ello", 4);
}

TEST(modes_of_open)
{
	char byte;

	file_open("x");
	int reader = CHECK_OK(open("f", O_RDONLY)), writer = CHECK_OK(open("f", O_WRONLY));
	CHECK_ERR(write(reader, "y", 1), EBADF);
	CHECK_ERR(read(writer, &byte, 1), EBADF);
	CHECK_ERR(ftruncate(reader, 0), EINVAL);
}

TEST(seek)
{
	int fd = file_open("0123456789");

	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(lseek(fd, 2, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -200, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
	CHECK_ERR(lseek(fd, LLONG_MAX, SEEK_CUR), EINVAL);
}

TEST(hole_reads_zero)
{
	static char zeros[9000], bytes[9000];
	struct stat status;
	int fd = file_open("");

	CHECK_EQ(lseek(fd, 100000, SEEK_SET), 100000);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_size, 100001);
	CHECK(status.st_blocks * 512 < 100000);
	memset(bytes, 1, sizeof(bytes));
	CHECK_EQ(pread(fd, bytes, sizeof(bytes), 50000), sizeof(bytes));
	CHECK_MEM(bytes, zeros, sizeof(zeros));
	CHECK_EQ(pread(fd, bytes, sizeof(bytes), 99999), 2);
	CHECK_MEM(bytes, "\0x", 2);
}

TEST(seek_data_and_hole)
{
	int fd = file_open("");

	CHECK_EQ(pwrite(fd, "x", 1, 1 << 20), 1);
	CHECK_ERR(lseek(fd, (1 << 20) + 1, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_DATA), 1 << 20);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 1);
	CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
}

TEST(append)
{
	int fd = file_open("abc"), other = CHECK_OK(open("f", O_WRONLY | O_APPEND));

	CHECK_EQ(write(other, "d", 1), 1);
	CHECK_EQ(pwrite(fd, "e", 1, 4), 1);
	CHECK_EQ(lseek(other, 0, SEEK_SET), 0);
	CHECK_EQ(write(other, "f", 1), 1);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 6);
	file_is("f", "abcdef", 6);
}

TEST(append_by_many)
{
	struct stat status;
	pid_t pids[4];

	file_make("f", "", 0);
	for (int i = 0; i < 4; i++) {
		if (CHILD(pids[i])) {
			int fd = CHECK_OK(open("f", O_WRONLY | O_APPEND));
			for (int n = 0; n < 100; n++)
				CHECK_EQ(write(fd, "0123456789", 10), 10);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		wait_ok(pids[i]);
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_size, 4000);
}

TEST(pread_pwrite)
{
	int fd = file_open("0123456789");
	char bytes[4];

	CHECK_EQ(pread(fd, bytes, 3, 4), 3);
	CHECK_MEM(bytes, "456", 3);
	CHECK_EQ(pwrite(fd, "XY", 2, 9), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(fd, bytes, 4, 100), 0);
	CHECK_ERR(pread(fd, bytes, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, bytes, 1, -1), EINVAL);
	file_is("f", "012345678XY", 11);
}

TEST(vectors)
{
	char a[3], b[20];
	struct iovec in[3] = { { a, 3 }, { NULL, 0 }, { b, 20 } }, out[2] = { { "AB", 2 }, { "CDE", 3 } };
	int fd = file_open("0123456789");

	CHECK_EQ(readv(fd, in, 3), 10);
	CHECK_MEM(a, "012", 3);
	CHECK_MEM(b, "3456789", 7);
	CHECK_EQ(writev(fd, out, 2), 5);
	CHECK_EQ(preadv(fd, in, 3, 8), 7);
	CHECK_MEM(a, "89A", 3);
	CHECK_EQ(pwritev(fd, out, 2, 0), 5);
	file_is("f", "ABCDE56789ABCDE", 15);
}

TEST(vectors_hostile)
{
	char byte[8] = "1234567";
	struct iovec bad[2] = { { byte, 4 }, { BAD_POINTER, 4 } },
		     huge[2] = { { byte, SSIZE_MAX }, { byte, 10 } };
	static struct iovec many[1025];
	int fd = file_open("0123456789");

	CHECK_EQ(writev(fd, bad, 1), 4);
	CHECK_ERR(syscall(SYS_writev, fd, bad, -1), EINVAL);
	CHECK_ERR(syscall(SYS_writev, fd, many, 1025), EINVAL);
	CHECK_ERR(syscall(SYS_writev, fd, BAD_POINTER, 1), EFAULT);
	CHECK_ERR(syscall(SYS_writev, fd, KERNEL_POINTER, 1), EFAULT);
	huge[0].iov_len = (size_t)-1;
	CHECK_ERR(syscall(SYS_readv, fd, huge, 2), EINVAL);
	CHECK_EQ(syscall(SYS_writev, fd, many, 0), 0);
	CHECK_EQ(syscall(SYS_writev, fd, many, 1024), 0);
	CHECK_EQ(readv(fd, bad, 2), 4);
}

TEST(hostile_pointers)
{
	char *page = guarded_page();
	int fd = file_open("0123456789");

	CHECK_ERR(read(fd, BAD_POINTER, 5), EFAULT);
	CHECK_ERR(read(fd, KERNEL_POINTER, 5), EFAULT);
	CHECK_ERR(read(fd, (void *)-1, 5), EFAULT);
	CHECK_ERR(write(fd, BAD_POINTER, 5), EFAULT);
	CHECK_ERR(write(fd, KERNEL_POINTER, 5), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(fd, page + 4086, 10, 0), 10);
	CHECK_MEM(page + 4086, "0123456789", 10);
	CHECK_EQ(syscall(SYS_read, fd, BAD_POINTER, 0), 0);
}

/* A buffer that ends in unmapped memory: what fits is transferred, or EFAULT; never more. */
TEST(partly_bad_buffer)
{
	char *page = guarded_page();
	int fd = file_open("0123456789");
	ssize_t len = read(fd, page + 4096 - 4, 10);

	CHECK(len == 4 || (len == -1 && errno == EFAULT));
	memset(page, 'w', 4096);
	len = pwrite(fd, page + 4096 - 4, 10, 0);
	CHECK(len == 4 || (len == -1 && errno == EFAULT));
}

TEST(huge_lengths)
{
	int fd = file_open("0123456789");
	char *page = guarded_page();

	CHECK_EQ(syscall(SYS_read, fd, page, 4096), 10);
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	CHECK_ERR(syscall(SYS_read, fd, page, (size_t)-1), EFAULT);
	CHECK_ERR(syscall(SYS_write, fd, page, (size_t)-1), EFAULT);
	CHECK_ERR(syscall(SYS_read, fd, page, 1ull << 63), EFAULT);
}

TEST(truncate)
{
	char bytes[8];
	struct stat status;
	int fd = file_open("0123456789");

	CHECK_OK(ftruncate(fd, 4));
	CHECK_EQ(pread(fd, bytes, 8, 0), 4);
	CHECK_OK(ftruncate(fd, 6));
	CHECK_EQ(pread(fd, bytes, 8, 0), 6);
	CHECK_MEM(bytes, "0123\0\0", 6);
	CHECK_OK(truncate("f", 1 << 20));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_size, 1 << 20);
	CHECK_OK(truncate("f", 0));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("f", -1), EINVAL);
	CHECK_ERR(truncate("nothing", 0), ENOENT);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate(BAD_POINTER, 0), EFAULT);
}

TEST(open_truncates)
{
	struct stat status;

	file_open("0123456789");
	CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_size, 10);
	CHECK_OK(open("f", O_WRONLY | O_TRUNC));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_size, 0);
}

TEST(large_file)
{
	enum { CHUNK = 100003, NR = 30 };
	static unsigned char bytes[CHUNK];
	int fd = file_open("");

	for (int n = 0; n < NR; n++) {
		for (int i = 0; i < CHUNK; i++)
			bytes[i] = (i * 31 + n) >> 3;
		CHECK_EQ(write(fd, bytes, CHUNK), CHUNK);
	}
	CHECK_OK(fsync(fd));
	for (int n = NR - 1; n >= 0; n--) {
		CHECK_EQ(pread(fd, bytes, CHUNK, (off_t)n * CHUNK), CHUNK);
		for (int i = 0; i < CHUNK; i++)
			CHECK_EQ(bytes[i], (unsigned char)((i * 31 + n) >> 3));
	}
}

TEST(far_offset)
{
	char bytes[4];
	int fd = file_open("");

	CHECK_EQ(pwrite(fd, "far", 3, 5ll << 30), 3);
	CHECK_EQ(pread(fd, bytes, 3, 5ll << 30), 3);
	CHECK_MEM(bytes, "far", 3);
	CHECK_EQ(lseek(fd, 0, SEEK_END), (5ll << 30) + 3);
}

TEST(unaligned_overwrites)
{
	static unsigned char model[20000], got[20000];
	unsigned seed = 12345;
	int fd = file_open("");

	CHECK_EQ(write(fd, model, sizeof(model)), sizeof(model));
	for (int n = 0; n < 300; n++) {
		seed = seed * 1103515245 + 12345;
		unsigned at = seed / 65536 % 19000, len = seed % 997 + 1;
		memset(model + at, n, len);
		CHECK_EQ(pwrite(fd, model + at, len, at), len);
	}
	CHECK_EQ(pread(fd, got, sizeof(got), 0), sizeof(got));
	CHECK_MEM(got, model, sizeof(got));
}

TEST(size_limit)
{
	struct rlimit limit = { 100, 100 };
	char bytes[200] = "";
	int fd = file_open("");
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
		signal(SIGXFSZ, SIG_IGN);
		CHECK_EQ(write(fd, bytes, 200), 100);
		CHECK_ERR(write(fd, bytes, 1), EFBIG);
		CHECK_ERR(ftruncate(fd, 101), EFBIG);
		signal(SIGXFSZ, SIG_DFL);
		CHECK_EQ(write(fd, bytes, 1), 1);
		_exit(0);
	}
	wait_signalled(pid, SIGXFSZ);
}

TEST(unlinked_file_lives_on)
{
	struct stat status;
	char bytes[4];
	int fd = file_open("abc");

	CHECK_OK(unlink("f"));
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_nlink, 0);
	CHECK_EQ(pwrite(fd, "d", 1, 3), 1);
	CHECK_EQ(read(fd, bytes, 4), 4);
	CHECK_MEM(bytes, "abcd", 4);
	file_make("f", "new", 3);
	CHECK_EQ(pread(fd, bytes, 4, 0), 4);
	CHECK_MEM(bytes, "abcd", 4);
}

TEST(stat_fields)
{
	struct stat status, other;
	int fd = file_open("0123456789");

	CHECK_OK(fstat(fd, &status));
	CHECK(S_ISREG(status.st_mode));
	CHECK_EQ(status.st_mode & 07777, 0644);
	CHECK_EQ(status.st_nlink, 1);
	CHECK_EQ(status.st_uid, geteuid());
	CHECK_EQ(status.st_size, 10);
	CHECK(status.st_ino != 0 && status.st_blksize >= 512);
	CHECK_OK(stat("f", &other));
	CHECK_EQ(other.st_ino, status.st_ino);
	CHECK_EQ(other.st_dev, status.st_dev);
	CHECK_OK(stat("/dev/null", &other));
	CHECK(S_ISCHR(other.st_mode));
	CHECK_EQ(other.st_rdev, 0x103);
	CHECK_ERR(syscall(SYS_stat, "f", BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_stat, BAD_POINTER, &other), EFAULT);
	CHECK_ERR(syscall(SYS_fstat, fd, KERNEL_POINTER), EFAULT);
}

TEST(times_follow_changes)
{
	struct stat before, after;
	struct timespec now;
	int fd = file_open("x");

	CHECK_OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK_OK(fstat(fd, &before));
	CHECK(llabs(before.st_mtime - now.tv_sec) <= 2);
	sleep_ms(30);
	CHECK_EQ(write(fd, "y", 1), 1);
	CHECK_OK(fstat(fd, &after));
	CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec || after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
	before = after;
	sleep_ms(30);
	CHECK_OK(fchmod(fd, 0600));
	CHECK_OK(fstat(fd, &after));
	CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	CHECK(after.st_ctim.tv_sec > before.st_ctim.tv_sec || after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
}

TEST(utimensat)
{
	struct timespec times[2] = { { 1000000000, 5 }, { 1100000000, 123456789 } }, now;
	struct stat status;
	int fd = file_open("x");

	CHECK_OK(utimensat(AT_FDCWD, "f", times, 0));
	CHECK_OK(stat("f", &status));
	CHECK_EQ(status.st_atim.tv_sec, 1000000000);
	CHECK_EQ(status.st_mtim.tv_sec, 1100000000);
	CHECK_EQ(status.st_mtim.tv_nsec, 123456789);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	CHECK_OK(futimens(fd, times));
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_atim.tv_sec, 1000000000);
	CHECK(llabs(status.st_mtim.tv_sec - now.tv_sec) <= 2);
	times[0].tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", times, 0), EINVAL);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "nothing", NULL, 0), ENOENT);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", BAD_POINTER, 0), EFAULT);
	CHECK_ERR(syscall(SYS_utimensat, 999, NULL, NULL, 0), EBADF);
}

TEST(sync_calls)
{
	int fd = file_open("x");

	CHECK_OK(fsync(fd));
	CHECK_OK(fdatasync(fd));
	sync();
	CHECK_OK(syncfs(fd));
}

TEST(sendfile_copies)
{
	off_t at = 3;
	int from = file_open("0123456789"), to;

	to = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(syscall(SYS_sendfile, to, from, &at, 4), 4);
	CHECK_EQ(at, 7);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), 0);
	file_is("g", "3456", 4);
	CHECK_EQ(syscall(SYS_sendfile, to, from, NULL, 100), 10);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), 10);
}

TEST(fallocate_grows)
{
	struct stat status;
	int fd = file_open("");

	CHECK_OK(syscall(SYS_fallocate, fd, 0, 0L, 10000L));
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_size, 10000);
	CHECK_ERR(syscall(SYS_fallocate, fd, 0, -1L, 10L), EINVAL);
	CHECK_ERR(syscall(SYS_fallocate, fd, 0, 0L, 0L), EINVAL);
}

enum { RWF_KNOWN_SYNC = 2 | 4, RWF_UNKNOWN = 0x4000 };

static long vector2(long number, int fd, char *byte, long offset, int flags)
{
	struct iovec piece = { byte, 1 };

	return syscall(number, fd, &piece, 1L, offset, 0L, flags);
}

TEST(flags_of_one_transfer)
{
	int fd = file_open("a");
	char byte = 'b';

	CHECK_EQ(vector2(SYS_pwritev2, fd, &byte, 1, 2), 1);
	CHECK_EQ(vector2(SYS_pwritev2, fd, &byte, 2, RWF_KNOWN_SYNC), 1);
	file_is("f", "abb", 3);
	CHECK_EQ(vector2(SYS_preadv2, fd, &byte, 0, 2), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(vector2(SYS_preadv2, fd, &byte, -1, RWF_KNOWN_SYNC), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
	CHECK_ERR(vector2(SYS_preadv2, fd, &byte, 0, RWF_UNKNOWN), EOPNOTSUPP);
	CHECK_ERR(vector2(SYS_pwritev2, fd, &byte, 0, RWF_UNKNOWN), EOPNOTSUPP);
	CHECK_ERR(vector2(SYS_preadv2, fd, &byte, -2, 0), EINVAL);
}

/* Where there is nothing to make durable, O_SYNC changes nothing. */
TEST(sync_writes_to_what_keeps_nothing)
{
	int fds[2], fd = CHECK_OK(open("/dev/null", O_WRONLY | O_SYNC));
	char byte = 'x';

	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(write(CHECK_OK(open("/dev/urandom", O_WRONLY)), "", 0), 0);
	CHECK_OK(pipe(fds));
	CHECK_EQ(vector2(SYS_pwritev2, fds[1], &byte, -1, RWF_KNOWN_SYNC), 1);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
}

TEST(ranges_beyond_all_files)
{
	int fd = file_open("0123456789"), other = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	loff_t in = LLONG_MAX, out = 0;

	CHECK_ERR(syscall(SYS_fallocate, fd, 0, LLONG_MAX, 1L), EFBIG);
	CHECK_ERR(syscall(SYS_sync_file_range, fd, LLONG_MAX, 2L, 2), EINVAL);
	CHECK_EQ(syscall(SYS_copy_file_range, fd, &in, other, &out, 10L, 0), 0);
	in = 1;
	CHECK_ERR(syscall(SYS_copy_file_range, fd, &in, other, &out, -1L, 0), EOVERFLOW);
	out = 20;
	in = 0;
	/* Only what there is to read can overlap. */
	CHECK_EQ(syscall(SYS_copy_file_range, fd, &in, fd, &out, 1000L, 0), 10);
	out = 5;
	in = 0;
	CHECK_ERR(syscall(SYS_copy_file_range, fd, &in, fd, &out, 1000L, 0), EINVAL);
}

/* An open that fails for want of a number has done nothing. */
TEST(open_without_a_number)
{
	struct rlimit limit;
	struct stat status;
	int fd = file_open("kept");

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = (rlim_t)fd + 1;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_ERR(open("f", O_RDWR | O_TRUNC), EMFILE);
	CHECK_ERR(open("new", O_RDWR | O_CREAT, 0600), EMFILE);
	CHECK_ERR(open("absent", O_RDONLY), EMFILE);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(status.st_size, 4);
	CHECK_ERR(stat("new", &status), ENOENT);
	CHECK_OK(close(fd));
	CHECK_ERR(open("absent", O_RDONLY), ENOENT);
	CHECK_EQ(open("f", O_RDONLY), fd);
}

TEST(program_that_runs_is_not_cut_short)
{
	char path[PATH_MAX];
	ssize_t len = CHECK_OK(readlink("/proc/self/exe", path, sizeof(path) - 1));

	path[len] = '\0';
	CHECK_ERR(open(path, O_RDONLY | O_TRUNC), ETXTBSY);
	CHECK_ERR(open(path, O_WRONLY), ETXTBSY);
	CHECK_ERR(truncate(path, 0), ETXTBSY);
}
