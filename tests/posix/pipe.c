// SPDX-License-Identifier: MIT
/* Pipes and FIFOs: order, blocking, atomic writes, ends that close. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int pipe_fill(int fd)
{
	static char bytes[4096];
	int total = 0;
	ssize_t len;

	CHECK_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	while ((len = write(fd, bytes, sizeof(bytes))) > 0)
		total += len;
	CHECK_EQ(errno, EAGAIN);
	return total;
}

TEST(basic)
{
	char bytes[8] = "";
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "hello", 5), 5);
	CHECK_EQ(read(fds[0], bytes, 2), 2);
	CHECK_EQ(read(fds[0], bytes + 2, 6), 3);
	CHECK_STR(bytes, "hello");
}

TEST(is_a_fifo)
{
	struct stat status;
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_OK(fstat(fds[0], &status));
	CHECK(S_ISFIFO(status.st_mode));
	CHECK_ERR(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(fds[0], &status, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(fds[1], &status, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(fds[1], 0), EINVAL);
	CHECK_ERR(fsync(fds[1]), EINVAL);
}

/* A FIFO's open waits for the other end; a pipe's, through /proc, does not, whoever is left. */
TEST(opened_again_through_proc)
{
	char path[64], byte = 0;
	int fds[2], reader, writer;

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "xy", 2), 2);
	CHECK_OK(close(fds[1]));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	reader = CHECK_OK(open(path, O_RDONLY));
	CHECK_EQ(read(reader, &byte, 1), 1);
	CHECK_EQ(byte, 'x');
	CHECK_OK(close(fds[0]));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", reader);
	writer = CHECK_OK(open(path, O_WRONLY));
	CHECK_EQ(write(writer, "z", 1), 1);
	CHECK_OK(close(reader));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	CHECK_OK(open(path, O_WRONLY | O_NONBLOCK));
	reader = CHECK_OK(open(path, O_RDONLY));
	CHECK_EQ(read(reader, &byte, 1), 1);
	CHECK_EQ(byte, 'y');
}

TEST(wrong_end)
{
	char byte = 0;
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_ERR(write(fds[0], &byte, 1), EBADF);
	CHECK_ERR(read(fds[1], &byte, 1), EBADF);
}

TEST(end_of_file)
{
	char byte;
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_OK(close(fds[1]));
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
}

TEST(no_reader)
{
	int fds[2];
	pid_t pid;

	CHECK_OK(pipe(fds));
	CHECK_OK(close(fds[0]));
	if (CHILD(pid)) {
		CHECK_EQ(write(fds[1], "x", 1), 1);
		_exit(0);
	}
	wait_signalled(pid, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(fds[1], "x", 1), EPIPE);
}

TEST(reader_leaves_blocked_writer)
{
	int fds[2];
	pid_t pid;

	CHECK_OK(pipe(fds));
	pipe_fill(fds[1]);
	CHECK_OK(fcntl(fds[1], F_SETFL, 0));
	if (CHILD(pid)) {
		signal(SIGPIPE, SIG_IGN);
		close(fds[0]);
		CHECK_ERR(write(fds[1], "x", 1), EPIPE);
		_exit(0);
	}
	WAIT_UNTIL(process_state(pid) == 'S');
	CHECK_OK(close(fds[0]));
	wait_ok(pid);
}

TEST(reader_blocks_until_data)
{
	char byte;
	int fds[2];
	pid_t pid, parent = getpid();

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		CHECK_EQ(write(fds[1], "z", 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_EQ(byte, 'z');
	wait_ok(pid);
}

TEST(zero_length)
{
	char byte;
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(read(fds[0], &byte, 0), 0);
	CHECK_EQ(write(fds[1], &byte, 0), 0);
	CHECK_OK(fcntl(fds[0], F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(fds[0], &byte, 1), EAGAIN);
}

TEST(nonblocking)
{
	static char bytes[70000];
	int fds[2], room;

	CHECK_OK(pipe2(fds, O_NONBLOCK));
	CHECK_ERR(read(fds[0], bytes, 1), EAGAIN);
	room = pipe_fill(fds[1]);
	CHECK_EQ(room, 65536);
	CHECK_ERR(write(fds[1], bytes, 1), EAGAIN);
	CHECK_EQ(read(fds[0], bytes, 4096), 4096);
	CHECK_EQ(write(fds[1], bytes, 4096), 4096);
}

TEST(nonblocking_partial_write)
{
	static char bytes[100000];
	int fds[2];

	CHECK_OK(pipe2(fds, O_NONBLOCK));
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), 65536);
}

TEST(nonblocking_atomic_write)
{
	static char bytes[PIPE_BUF];
	int fds[2];

	CHECK_OK(pipe2(fds, O_NONBLOCK));
	pipe_fill(fds[1]);
	CHECK_EQ(read(fds[0], bytes, 100), 100);
	CHECK_ERR(write(fds[1], bytes, PIPE_BUF), EAGAIN);
}

TEST(capacity)
{
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 65536);
}

TEST(capacity_changes)
{
	static char bytes[4096];
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 100), 4096);
	CHECK_EQ(pipe_fill(fds[1]), 4096);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 100000), 131072);
	CHECK_EQ(fcntl(fds[1], F_GETPIPE_SZ), 131072);
	memset(bytes, 'b', sizeof(bytes));
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_ERR(fcntl(fds[0], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(read(fds[0], bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_EQ(bytes[0], 0);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(read(fds[0], bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_EQ(bytes[0], 'b');
	CHECK_EQ(bytes[sizeof(bytes) - 1], 'b');
	CHECK_ERR(fcntl(fds[0], F_SETPIPE_SZ, (1ul << 31) + 1), EINVAL);
	file_make("f", "", 0);
	CHECK_ERR(fcntl(CHECK_OK(open("f", O_RDWR)), F_SETPIPE_SZ, 4096), EBADF);
	if (getuid() == 0)
		become_user(1000);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_ERR(fcntl(fds[0], F_SETPIPE_SZ, (1 << 20) + 1), EPERM);
}

TEST(large_blocking_write)
{
	enum { TOTAL = 1000000 };
	static unsigned char bytes[TOTAL];
	int fds[2], got = 0;
	pid_t pid;

	CHECK_OK(pipe(fds));
	if (CHILD(pid)) {
		for (int i = 0; i < TOTAL; i++)
			bytes[i] = i * 7 + (i >> 8);
		CHECK_EQ(write(fds[1], bytes, TOTAL), TOTAL);
		_exit(0);
	}
	close(fds[1]);
	while (got < TOTAL) {
		ssize_t len = CHECK_OK(read(fds[0], bytes + got, 10007));
		CHECK(len > 0);
		got += len;
	}
	for (int i = 0; i < TOTAL; i++)
		CHECK_EQ(bytes[i], (unsigned char)(i * 7 + (i >> 8)));
	CHECK_EQ(read(fds[0], bytes, 1), 0);
	wait_ok(pid);
}

/* Writers of PIPE_BUF bytes never mix. */
TEST(writes_are_atomic)
{
	enum { NR_WRITERS = 4, NR_WRITES = 50 };
	unsigned char bytes[PIPE_BUF];
	int fds[2], total = 0;
	pid_t pids[NR_WRITERS];

	CHECK_OK(pipe(fds));
	for (int w = 0; w < NR_WRITERS; w++) {
		if (CHILD(pids[w])) {
			memset(bytes, 'a' + w, sizeof(bytes));
			for (int i = 0; i < NR_WRITES; i++)
				CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
			_exit(0);
		}
	}
	close(fds[1]);
	for (;; total++) {
		size_t have = 0;
		while (have < sizeof(bytes)) {
			ssize_t len = CHECK_OK(read(fds[0], bytes + have, sizeof(bytes) - have));
			if (!len)
				break;
			have += len;
		}
		if (!have)
			break;
		CHECK_EQ(have, sizeof(bytes));
		for (size_t i = 1; i < sizeof(bytes); i++)
			CHECK_EQ(bytes[i], bytes[0]);
	}
	CHECK_EQ(total, NR_WRITERS * NR_WRITES);
	for (int w = 0; w < NR_WRITERS; w++)
		wait_ok(pids[w]);
}

TEST(ping_pong)
{
	int there[2], back[2], value;
	pid_t pid;

	CHECK_OK(pipe(there));
	CHECK_OK(pipe(back));
	if (CHILD(pid)) {
		close(there[1]);
		while (read(there[0], &value, sizeof(value)) == sizeof(value)) {
			value++;
			CHECK_EQ(write(back[1], &value, sizeof(value)), sizeof(value));
		}
		_exit(0);
	}
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(write(there[1], &i, sizeof(i)), sizeof(i));
		CHECK_EQ(read(back[0], &value, sizeof(value)), sizeof(value));
		CHECK_EQ(value, i + 1);
	}
	close(there[1]);
	wait_ok(pid);
}

TEST(bytes_waiting)
{
	int fds[2], nr = -1;

	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "12345", 5), 5);
	CHECK_OK(ioctl(fds[0], FIONREAD, &nr));
	CHECK_EQ(nr, 5);
}

TEST(vectors)
{
	char a[3] = "", b[8] = "";
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in[2] = { { a, 2 }, { b, 7 } };
	int fds[2];

	CHECK_OK(pipe(fds));
	CHECK_EQ(writev(fds[1], out, 2), 6);
	CHECK_EQ(readv(fds[0], in, 2), 6);
	CHECK_STR(a, "ab");
	CHECK_STR(b, "cdef");
}

static volatile int *nr_handled; /* seen by the children, too */

static void on_signal(int signal)
{
	(void)signal;
	++*nr_handled;
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	nr_handled = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(nr_handled != MAP_FAILED);
	CHECK_OK(sigaction(number, &action, NULL));
}

TEST(read_interrupted)
{
	char byte;
	int fds[2];

	CHECK_OK(pipe(fds));
	handle(SIGUSR1, 0);
	pid_t pid = signal_when_asleep(SIGUSR1);
	CHECK_ERR(read(fds[0], &byte, 1), EINTR);
	wait_ok(pid);
}

TEST(read_restarted)
{
	char byte;
	int fds[2];
	pid_t pid, parent = getpid();

	CHECK_OK(pipe(fds));
	handle(SIGUSR1, SA_RESTART);
	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		CHECK_OK(kill(parent, SIGUSR1));
		WAIT_UNTIL(*nr_handled == 1 && process_state(parent) == 'S');
		CHECK_EQ(write(fds[1], "r", 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_EQ(byte, 'r');
	wait_ok(pid);
}

/* What is in the pipe already cannot be taken back: the writer learns how much that is. */
TEST(write_interrupted_after_a_part)
{
	static char bytes[100000];
	int fds[2], nr;

	CHECK_OK(pipe(fds));
	handle(SIGUSR1, 0);
	pid_t pid = signal_when_asleep(SIGUSR1);
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), 65536);
	CHECK_EQ(*nr_handled, 1);
	CHECK_OK(ioctl(fds[0], FIONREAD, &nr));
	CHECK_EQ(nr, 65536);
	wait_ok(pid);
}

TEST(reader_leaves_amid_write)
{
	static char bytes[100000];
	int fds[2];
	pid_t pid, parent = getpid();

	CHECK_OK(pipe(fds));
	handle(SIGPIPE, SA_RESTART);
	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		_exit(0);
	}
	CHECK_OK(close(fds[0]));
	CHECK_EQ(write(fds[1], bytes, sizeof(bytes)), 65536);
	CHECK_EQ(*nr_handled, 1);
	wait_ok(pid);
}

TEST(pipe2_flags)
{
	int fds[2];

	CHECK_OK(pipe2(fds, O_CLOEXEC | O_NONBLOCK));
	CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fds[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(fds[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY | O_NONBLOCK);
	CHECK_ERR(syscall(SYS_pipe2, fds, 0x40), EINVAL);
}

TEST(bad_pointers)
{
	char bytes[8];
	int fds[2], before;

	before = CHECK_OK(dup(0));
	CHECK_OK(close(before));
	CHECK_ERR(syscall(SYS_pipe, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_pipe, KERNEL_POINTER), EFAULT);
	CHECK_EQ(dup(0), before);
	CHECK_OK(pipe(fds));
	CHECK_EQ(write(fds[1], "xyz", 3), 3);
	CHECK_ERR(read(fds[0], BAD_POINTER, 3), EFAULT);
	CHECK_ERR(write(fds[1], BAD_POINTER, 3), EFAULT);
	CHECK_ERR(write(fds[1], KERNEL_POINTER, 3), EFAULT);
	CHECK_EQ(read(fds[0], bytes, sizeof(bytes)), 3);
	CHECK_MEM(bytes, "xyz", 3);
}

TEST(fifo)
{
	struct stat status;
	char byte;
	pid_t pid;

	CHECK_OK(mkfifo("fifo", 0600));
	CHECK_ERR(mkfifo("fifo", 0600), EEXIST);
	CHECK_OK(stat("fifo", &status));
	CHECK(S_ISFIFO(status.st_mode) && (status.st_mode & 0777) == 0600);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	if (CHILD(pid)) {
		int fd = CHECK_OK(open("fifo", O_WRONLY));
		CHECK_EQ(write(fd, "f", 1), 1);
		_exit(0);
	}
	int fd = CHECK_OK(open("fifo", O_RDONLY));
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'f');
	CHECK_EQ(read(fd, &byte, 1), 0);
	wait_ok(pid);
}

TEST(fifo_nonblocking_reader)
{
	char byte;

	CHECK_OK(mkfifo("fifo", 0600));
	int reader = CHECK_OK(open("fifo", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(read(reader, &byte, 1), 0);
	int writer = CHECK_OK(open("fifo", O_WRONLY | O_NONBLOCK));
	CHECK_ERR(read(reader, &byte, 1), EAGAIN);
	CHECK_EQ(write(writer, "x", 1), 1);
	CHECK_EQ(read(reader, &byte, 1), 1);
}

TEST(fifo_both_ends)
{
	char byte;

	CHECK_OK(mkfifo("fifo", 0600));
	int both = CHECK_OK(open("fifo", O_RDWR));
	int writer = CHECK_OK(open("fifo", O_WRONLY | O_NONBLOCK));
	CHECK_EQ(write(writer, "x", 1), 1);
	CHECK_EQ(read(both, &byte, 1), 1);
	CHECK_EQ(byte, 'x');
}

/* A writer that is turned away, since there is no reader yet, is nobody for a reader to meet. */
TEST(fifo_writer_turned_away)
{
	char byte;
	pid_t pid;

	CHECK_OK(mkfifo("fifo", 0600));
	for (int i = 0; i < 100; i++) {
		if (CHILD(pid)) {
			int out;

			while ((out = open("fifo", O_WRONLY | O_NONBLOCK)) < 0)
				CHECK_EQ(errno, ENXIO);
			CHECK_EQ(write(out, "f", 1), 1);
			_exit(0);
		}
		int in = CHECK_OK(open("fifo", O_RDONLY));
		CHECK_EQ(read(in, &byte, 1), 1);
		CHECK_OK(close(in));
		wait_ok(pid);
	}
}

/* A writer that waits in open() may write and be gone before the reader that woke it runs again. */
TEST(fifo_short_meetings)
{
	char byte;
	pid_t pid;

	CHECK_OK(mkfifo("fifo", 0600));
	for (int i = 0; i < 50; i++) {
		if (CHILD(pid)) {
			int out = CHECK_OK(open("fifo", O_WRONLY));
			CHECK_EQ(write(out, "f", 1), 1);
			_exit(0);
		}
		WAIT_UNTIL(process_state(pid) == 'S');
		int in = CHECK_OK(open("fifo", O_RDONLY));
		CHECK_EQ(read(in, &byte, 1), 1);
		CHECK_EQ(read(in, &byte, 1), 0);
		CHECK_OK(close(in));
		wait_ok(pid);
	}
}

/* A writer wakes who waits now; it must not stay to wake the same reader again and again. */
TEST(round_trips_switch_seldom)
{
	enum { ROUNDS = 500 };
	int there[2], back[2];
	struct rusage usage;
	char byte = 0;
	pid_t child;

	CHECK_OK(pipe(there));
	CHECK_OK(pipe(back));
	if (CHILD(child)) {
		CHECK_OK(close(there[1]));
		while (read(there[0], &byte, 1) == 1)
			CHECK_EQ(write(back[1], &byte, 1), 1);
		_exit(0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(write(there[1], &byte, 1), 1);
		CHECK_EQ(read(back[0], &byte, 1), 1);
	}
	CHECK_OK(getrusage(RUSAGE_SELF, &usage));
	CHECK(usage.ru_nvcsw > 0);
	CHECK(usage.ru_nvcsw + usage.ru_nivcsw < 4 * ROUNDS);
	CHECK_OK(close(there[1]));
	wait_ok(child);
}
