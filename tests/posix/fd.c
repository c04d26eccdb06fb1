// SPDX-License-Identifier: MIT
/* File descriptors: numbers, duplication, flags, limits, closing. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static int null_open(void)
{
	return CHECK_OK(open("/dev/null", O_RDWR));
}

TEST(lowest_free_number)
{
	int a = null_open(), b = null_open(), c = null_open();

	CHECK(a < b && b < c);
	CHECK_OK(close(a));
	CHECK_OK(close(b));
	CHECK_EQ(null_open(), a);
	CHECK_EQ(dup(c), b);
}

TEST(bad_numbers)
{
	static const int bad[] = { -1, 999, 1 << 20, INT_MAX, INT_MIN, AT_FDCWD };
	struct stat status;
	char byte;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERR(read(bad[i], &byte, 1), EBADF);
		CHECK_ERR(write(bad[i], &byte, 1), EBADF);
		CHECK_ERR(syscall(SYS_close, bad[i]), EBADF);
		CHECK_ERR(syscall(SYS_fstat, bad[i], &status), EBADF);
		CHECK_ERR(lseek(bad[i], 0, SEEK_SET), EBADF);
		CHECK_ERR(dup(bad[i]), EBADF);
		CHECK_ERR(dup2(bad[i], 5), EBADF);
		CHECK_ERR(fcntl(bad[i], F_GETFD), EBADF);
		CHECK_ERR(ioctl(bad[i], FIONREAD, &byte), EBADF);
		CHECK_ERR(ftruncate(bad[i], 0), EBADF);
		CHECK_ERR(fsync(bad[i]), EBADF);
		CHECK_ERR(fchmod(bad[i], 0), EBADF);
		CHECK_ERR(fchdir(bad[i]), EBADF);
		CHECK_ERR(syscall(SYS_getdents64, bad[i], &status, sizeof(status)), EBADF);
	}
}

/* The high half of a descriptor argument does not count. */
TEST(upper_bits_ignored)
{
	int fd = null_open();

	CHECK_EQ(syscall(SYS_read, fd | 0x100000000, NULL, 0L), 0);
}

TEST(close_twice)
{
	int fd = null_open();

	CHECK_OK(close(fd));
	CHECK_ERR(close(fd), EBADF);
}

TEST(dup_shares_offset_not_flags)
{
	char byte;

	file_make("f", "abc", 3);
	int a = CHECK_OK(open("f", O_RDONLY | O_CLOEXEC)), b = CHECK_OK(dup(a));
	CHECK_EQ(read(a, &byte, 1), 1);
	CHECK_EQ(lseek(b, 0, SEEK_CUR), 1);
	CHECK_EQ(fcntl(a, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(b, F_GETFD), 0);
	CHECK_OK(fcntl(b, F_SETFL, O_NONBLOCK));
	CHECK(fcntl(a, F_GETFL) & O_NONBLOCK);
	CHECK_OK(close(a));
	CHECK_EQ(read(b, &byte, 1), 1);
	CHECK_EQ(byte, 'b');
}

TEST(two_opens_two_offsets)
{
	char byte;

	file_make("f", "abc", 3);
	int a = CHECK_OK(open("f", O_RDONLY)), b = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(read(a, &byte, 1), 1);
	CHECK_EQ(lseek(b, 0, SEEK_CUR), 0);
}

TEST(dup2_rules)
{
	int fd = null_open(), fds[2];
	char byte;

	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(dup2(fd, 100), 100);
	CHECK_ERR(dup2(fd, -1), EBADF);
	CHECK_ERR(dup2(fd, 1 << 30), EBADF);
	/* what stood there is closed */
	CHECK_OK(pipe(fds));
	CHECK_OK(dup2(fds[1], 101));
	CHECK_OK(close(fds[1]));
	CHECK_EQ(dup2(fd, 101), 101);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
}

TEST(dup3_rules)
{
	int fd = null_open();

	CHECK_EQ(dup3(fd, 100, O_CLOEXEC), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_dup3, fd, fd, 0), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, fd, 101, O_APPEND), EINVAL);
}

TEST(fcntl_dupfd)
{
	int fd = null_open();

	CHECK_EQ(fcntl(fd, F_DUPFD, 200), 200);
	CHECK_EQ(fcntl(fd, F_DUPFD, 200), 201);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 200), 202);
	CHECK_EQ(fcntl(202, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	CHECK_ERR(fcntl(fd, 9999), EINVAL);
}

TEST(fcntl_flags)
{
	file_make("f", "", 0);
	int fd = CHECK_OK(open("f", O_WRONLY | O_APPEND));

	CHECK_EQ(fcntl(fd, F_GETFL) & ~0100000, O_WRONLY | O_APPEND);
	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK | O_RDWR | O_CREAT));
	CHECK_EQ(fcntl(fd, F_GETFL) & ~0100000, O_WRONLY | O_NONBLOCK);
	CHECK_OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(fcntl(fd, F_SETFD, 0));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
}

TEST(ioctl_flags)
{
	int fds[2], on = 1;

	CHECK_OK(pipe(fds));
	CHECK_OK(ioctl(fds[0], FIOCLEX));
	CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_OK(ioctl(fds[0], FIONCLEX));
	CHECK_EQ(fcntl(fds[0], F_GETFD), 0);
	CHECK_OK(ioctl(fds[0], FIONBIO, &on));
	CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	CHECK_ERR(ioctl(fds[0], TIOCGWINSZ, &on), ENOTTY);
	CHECK_ERR(ioctl(fds[0], 0x12345678, &on), ENOTTY);
}

TEST(number_limit)
{
	struct rlimit limit;
	int nr = 0, fd, fds[2];

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 20;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
		CHECK(fd < 20);
		nr++;
	}
	CHECK_EQ(errno, EMFILE);
	CHECK(nr > 5 && nr <= 20);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(dup2(0, 20), EBADF);
	CHECK_ERR(fcntl(0, F_DUPFD, 20), EINVAL);
	CHECK_ERR(syscall(SYS_pipe, fds), EMFILE);
}

TEST(many_descriptors)
{
	for (int i = 0; i < 800; i++)
		null_open();
	for (int i = 3; i < 800; i++)
		CHECK_OK(close(i));
}

TEST(close_range)
{
	int fd = null_open();

	for (int i = 300; i < 310; i++)
		CHECK_OK(dup2(fd, i));
	CHECK_OK(syscall(SYS_close_range, 302, 304, 0));
	CHECK_OK(fcntl(301, F_GETFD));
	CHECK_ERR(fcntl(302, F_GETFD), EBADF);
	CHECK_ERR(fcntl(304, F_GETFD), EBADF);
	CHECK_OK(fcntl(305, F_GETFD));
	CHECK_OK(syscall(SYS_close_range, 305, ~0U, 4));
	CHECK_EQ(fcntl(309, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
}

TEST(record_locks)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5 };
	pid_t pid, parent = getpid();

	file_make("f", "", 0);
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_OK(fcntl(fd, F_SETLK, &lock));
	if (CHILD(pid)) {
		struct flock other = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 12, .l_len = 1 };
		CHECK_ERR(fcntl(fd, F_SETLK, &other), EAGAIN);
		CHECK_OK(fcntl(fd, F_GETLK, &other));
		CHECK_EQ(other.l_type, F_WRLCK);
		CHECK_EQ(other.l_pid, parent);
		CHECK_EQ(other.l_start, 10);
		CHECK_EQ(other.l_len, 5);
		other = (struct flock){ .l_type = F_WRLCK, .l_start = 15, .l_len = 0 };
		CHECK_OK(fcntl(fd, F_SETLK, &other));
		_exit(0);
	}
	wait_ok(pid);
	/* the child's lock went with it */
	lock = (struct flock){ .l_type = F_WRLCK };
	CHECK_OK(fcntl(fd, F_SETLK, &lock));
	lock.l_type = 9;
	CHECK_ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETLK, BAD_POINTER), EFAULT);
}

TEST(flock_whole_file)
{
	file_make("f", "", 0);
	int a = CHECK_OK(open("f", O_RDWR)), b = CHECK_OK(open("f", O_RDWR));

	CHECK_OK(syscall(SYS_flock, a, 2));
	CHECK_ERR(syscall(SYS_flock, b, 2 | 4), EAGAIN);
	CHECK_ERR(syscall(SYS_flock, b, 1 | 4), EAGAIN);
	CHECK_OK(syscall(SYS_flock, a, 8));
	CHECK_OK(syscall(SYS_flock, b, 1 | 4));
	CHECK_OK(syscall(SYS_flock, a, 1 | 4));
	CHECK_ERR(syscall(SYS_flock, a, 77), EINVAL);
}

TEST(self_links_in_proc)
{
	char name[PATH_MAX];
	ssize_t len;

	file_make("f", "", 0);
	int fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(dup2(fd, 99), 99);
	len = CHECK_OK(readlink("/proc/self/fd/99", name, sizeof(name) - 1));
	name[len] = 0;
	CHECK(len > 2);
	CHECK_STR(name + len - 2, "/f");
}

TEST(dev_files)
{
	char bytes[16];
	int fd = null_open();

	CHECK_EQ(read(fd, bytes, 16), 0);
	CHECK_EQ(write(fd, bytes, 16), 16);
	fd = CHECK_OK(open("/dev/zero", O_RDWR));
	memset(bytes, 1, 16);
	CHECK_EQ(read(fd, bytes, 16), 16);
	CHECK_EQ(bytes[0] | bytes[15], 0);
	CHECK_EQ(write(fd, bytes, 16), 16);
	CHECK_ERR(read(fd, BAD_POINTER, 16), EFAULT);
	fd = CHECK_OK(open("/dev/full", O_RDWR));
	CHECK_ERR(write(fd, bytes, 1), ENOSPC);
}

static volatile sig_atomic_t nr_alarms;

static void on_alarm(int number)
{
	(void)number;
	nr_alarms++;
}

/* Zeros are there at once: there is nothing that a signal could break off before the first. */
TEST(zeros_under_signals)
{
	const struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	const struct itimerval often = { { 0, 100 }, { 0, 100 } };
	int fd = CHECK_OK(open("/dev/zero", O_RDONLY));
	long long end = now_ms() + 500;
	char bytes[16];

	CHECK_OK(sigaction(SIGALRM, &action, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	while (now_ms() < end)
		CHECK_EQ(read(fd, bytes, 16), 16);
	CHECK(nr_alarms > 0);
}

/* An event counter or a set of files is what it is, and nothing that could be opened again by a name. */
TEST(open_again_what_has_no_name)
{
	const int fds[] = { CHECK_OK(eventfd(0, 0)), CHECK_OK(epoll_create1(0)) };
	struct stat status;
	char name[32];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[i]);
		CHECK_ERR(open(name, O_RDONLY), ENXIO);
		CHECK_ERR(open(name, O_RDWR | O_TRUNC), ENXIO);
		CHECK_OK(close(CHECK_OK(open(name, O_PATH))));
		CHECK_OK(stat(name, &status));
		CHECK(truncate(name, 0) < 0);
		CHECK(execl(name, name, NULL) < 0);
		CHECK(rename(name, "other") < 0);
		CHECK(link(name, "other") < 0);
		CHECK(mkdir(name, 0700) < 0);
	}
}

TEST(lock_ranges_beyond_all_files)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -1, .l_len = INT64_MIN };

	file_make("f", "x", 1);
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock.l_start = 0;
	CHECK_ERR(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock.l_start = INT64_MAX;
	lock.l_len = 2;
	CHECK_ERR(fcntl(fd, F_SETLK, &lock), EOVERFLOW);
}

static void *lock_thread(void *argument)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return (void *)(long)(fcntl((int)(long)argument, F_SETLKW, &lock) < 0 ? errno : 0);
}

/* Closed while a thread waits for a lock on it: the lock must not stay without a descriptor. */
TEST(lock_granted_after_close)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2], go[2];
	pthread_t thread;
	void *result;
	pid_t pid;
	char byte;

	file_make("f", "", 0);
	CHECK_OK(pipe(ready));
	CHECK_OK(pipe(go));
	if (CHILD(pid)) {
		CHECK_OK(fcntl(CHECK_OK(open("f", O_RDWR)), F_SETLK, &lock));
		CHECK_EQ(write(ready[1], "x", 1), 1);
		CHECK_EQ(read(go[0], &byte, 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(pthread_create(&thread, NULL, lock_thread, (void *)(long)fd), 0);
	sleep_ms(100);
	CHECK_OK(close(fd));
	CHECK_EQ(write(go[1], "x", 1), 1);
	wait_ok(pid);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK_EQ((long)result, EBADF);
	if (CHILD(pid)) {
		CHECK_OK(fcntl(CHECK_OK(open("f", O_RDWR)), F_SETLK, &lock));
		_exit(0);
	}
	wait_ok(pid);
}
