// SPDX-License-Identifier: MIT
/* Waiting for several descriptors: poll, ppoll, select, pselect, epoll. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static void pipe_make(int fds[2])
{
	CHECK_OK(pipe2(fds, O_NONBLOCK));
}

static int events_of(int fd, int events)
{
	struct pollfd item = { .fd = fd, .events = events };
	int nr = CHECK_OK(poll(&item, 1, 0));

	CHECK_EQ(nr, item.revents != 0);
	return item.revents;
}

static void on_signal(int number)
{
	(void)number;
}

static pid_t signal_later(int number)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	CHECK_OK(sigaction(number, &action, NULL));
	return signal_when_asleep(number);
}

TEST(pipe_events)
{
	char bytes[4096] = "";
	int fds[2];

	pipe_make(fds);
	CHECK_EQ(events_of(fds[0], POLLIN), 0);
	CHECK_EQ(events_of(fds[1], POLLOUT), POLLOUT);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(events_of(fds[0], POLLIN | POLLOUT), POLLIN);
	while (write(fds[1], bytes, sizeof(bytes)) > 0)
		;
	CHECK_EQ(events_of(fds[1], POLLOUT), 0);
	CHECK_OK(close(fds[0]));
	CHECK_EQ(events_of(fds[1], 0), POLLERR);
	pipe_make(fds);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_OK(close(fds[1]));
	CHECK_EQ(events_of(fds[0], POLLIN), POLLIN | POLLHUP);
	CHECK_EQ(read(fds[0], bytes, sizeof(bytes)), 1);
	CHECK_EQ(events_of(fds[0], POLLIN), POLLHUP);
}

TEST(file_always_ready)
{
	file_make("f", "", 0);
	int fd = CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	fd = CHECK_OK(open("/dev/null", O_RDWR));
	CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

TEST(bad_and_negative_descriptors)
{
	struct pollfd items[3] = { { .fd = 999, .events = POLLIN },
				   { .fd = -1, .events = POLLIN, .revents = 5 },
				   { .fd = -1 } };

	CHECK_EQ(poll(items, 3, 0), 1);
	CHECK_EQ(items[0].revents, POLLNVAL);
	CHECK_EQ(items[1].revents, 0);
}

TEST(timeout)
{
	struct pollfd item = { .events = POLLIN };
	int fds[2];
	long long start = now_ms();

	pipe_make(fds);
	item.fd = fds[0];
	CHECK_EQ(poll(&item, 1, 40), 0);
	CHECK(now_ms() - start >= 39);
	start = now_ms();
	CHECK_EQ(poll(NULL, 0, 30), 0);
	CHECK(now_ms() - start >= 29);
}

TEST(wakes_up)
{
	struct pollfd items[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int a[2], b[2];
	pid_t pid, parent = getpid();

	pipe_make(a);
	pipe_make(b);
	items[0].fd = a[0];
	items[1].fd = b[0];
	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		CHECK_EQ(write(b[1], "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(poll(items, 2, 5000), 1);
	CHECK_EQ(items[0].revents, 0);
	CHECK_EQ(items[1].revents, POLLIN);
	wait_ok(pid);
}

TEST(wakes_up_on_hangup)
{
	struct pollfd item = { .events = POLLIN };
	int fds[2];
	pid_t pid, parent = getpid();

	pipe_make(fds);
	item.fd = fds[0];
	if (CHILD(pid)) {
		WAIT_UNTIL(process_state(parent) == 'S');
		_exit(0);
	}
	CHECK_OK(close(fds[1]));
	CHECK_EQ(poll(&item, 1, 5000), 1);
	CHECK_EQ(item.revents, POLLHUP);
	wait_ok(pid);
}

TEST(poll_interrupted)
{
	struct pollfd item = { .events = POLLIN };
	int fds[2];

	pipe_make(fds);
	item.fd = fds[0];
	pid_t pid = signal_later(SIGUSR1);
	CHECK_ERR(poll(&item, 1, -1), EINTR);
	wait_ok(pid);
}

TEST(poll_errors)
{
	struct rlimit limit;
	struct pollfd item;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
	CHECK_ERR(syscall(SYS_poll, BAD_POINTER, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, KERNEL_POINTER, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, &item, (long)limit.rlim_cur + 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_poll, &item, 0xffffffff, 0), EINVAL);
}

TEST(ppoll_mask)
{
	struct timespec bad = { 0, -1 };
	sigset_t blocked, empty;

	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &blocked, NULL));
	signal(SIGUSR1, on_signal);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_ERR(ppoll(NULL, 0, NULL, &empty), EINTR);
	CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &empty));
	CHECK(sigismember(&empty, SIGUSR1));
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, &bad, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, BAD_POINTER, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_ppoll, NULL, 0, NULL, &empty, 4), EINVAL);
}

TEST(select_sets)
{
	struct timeval none = { 0, 0 };
	fd_set in, out, except;
	int fds[2];

	pipe_make(fds);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(fds[0], &in);
	FD_SET(fds[0], &except);
	FD_SET(fds[1], &out);
	CHECK_EQ(select(fds[1] + 1, &in, &out, &except, &none), 1);
	CHECK(!FD_ISSET(fds[0], &in) && FD_ISSET(fds[1], &out) && !FD_ISSET(fds[0], &except));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	FD_SET(fds[0], &in);
	CHECK_EQ(select(fds[1] + 1, &in, &out, NULL, NULL), 2);
	CHECK(FD_ISSET(fds[0], &in) && FD_ISSET(fds[1], &out));
}

TEST(select_timeout)
{
	struct timeval moment = { 0, 30000 };
	long long start = now_ms();

	CHECK_EQ(select(0, NULL, NULL, NULL, &moment), 0);
	CHECK(now_ms() - start >= 29);
	moment = (struct timeval){ 0, 30000 };
	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &moment), 0);
	CHECK(moment.tv_sec == 0 && moment.tv_usec == 0);
	moment.tv_sec = -1;
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &moment), EINVAL);
}

TEST(select_errors)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(60, &set);
	CHECK_ERR(select(61, &set, NULL, NULL, NULL), EBADF);
	CHECK_ERR(syscall(SYS_select, -1, NULL, NULL, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_select, 5, BAD_POINTER, NULL, NULL, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, BAD_POINTER), EFAULT);
}

TEST(select_end_of_file_is_readable)
{
	struct timeval none = { 0, 0 };
	fd_set in;
	int fds[2];

	pipe_make(fds);
	close(fds[1]);
	FD_ZERO(&in);
	FD_SET(fds[0], &in);
	CHECK_EQ(select(fds[0] + 1, &in, NULL, NULL, &none), 1);
}

TEST(pselect_mask)
{
	struct timespec moment = { 0, 20000000 }, copy = moment;
	sigset_t empty, blocked;

	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &blocked, NULL));
	signal(SIGUSR1, on_signal);
	CHECK_EQ(pselect(0, NULL, NULL, NULL, &copy, NULL), 0);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(pselect(0, NULL, NULL, NULL, &moment, &blocked), 0);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &empty), EINTR);
}

TEST(many_descriptors)
{
	struct pollfd items[200];
	int fds[2];

	pipe_make(fds);
	for (int i = 0; i < 200; i++)
		items[i] = (struct pollfd){ .fd = CHECK_OK(dup(fds[0])), .events = POLLIN };
	CHECK_EQ(poll(items, 200, 0), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(poll(items, 200, -1), 200);
}

static int epoll_make(void)
{
	return CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
}

TEST(epoll_level)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x123456789abc }, got[4];
	int set = epoll_make(), fds[2];

	pipe_make(fds);
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event), EEXIST);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
		CHECK_EQ(got[0].events, EPOLLIN);
		CHECK_EQ(got[0].data.u64, 0x123456789abc);
	}
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_DEL, fds[0], NULL));
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_DEL, fds[0], NULL), ENOENT);
}

/* The set knows the open file, not the number: only its last close takes it out. */
TEST(epoll_forgets_what_is_closed)
{
	struct epoll_event event = { .events = EPOLLIN }, got;
	int set = epoll_make(), fds[2];

	pipe_make(fds);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
	int copy = CHECK_OK(dup(fds[0]));
	CHECK_OK(close(fds[0]));
	CHECK_EQ(epoll_wait(set, &got, 1, 0), 1);
	CHECK_OK(close(copy));
	CHECK_EQ(epoll_wait(set, &got, 1, 0), 0);
}

TEST(epoll_interrupted)
{
	struct epoll_event got;
	int set = epoll_make();
	pid_t pid = signal_later(SIGUSR1);

	CHECK_ERR(epoll_wait(set, &got, 1, -1), EINTR);
	wait_ok(pid);
}

TEST(epoll_edge_and_oneshot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got[4];
	int set = epoll_make(), fds[2];

	pipe_make(fds);
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_EQ(write(fds[1], "y", 1), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	event.events = EPOLLIN | EPOLLONESHOT;
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_MOD, fds[0], &event));
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(set, got, 4, 0), 0);
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_MOD, fds[0], &event));
	CHECK_EQ(epoll_wait(set, got, 4, 0), 1);
}

TEST(epoll_errors)
{
	struct epoll_event event = { .events = EPOLLIN };
	int set = epoll_make();

	file_make("f", "", 0);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, CHECK_OK(open("f", O_RDONLY)), &event), EPERM);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, 999, &event), EBADF);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
	CHECK_ERR(epoll_wait(set, &event, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(0x7fff, &event, 1, 0), EBADF);
}

TEST(eventfd_counts)
{
	uint64_t value = 5;
	int fd = CHECK_OK(eventfd(2, EFD_NONBLOCK));

	CHECK_EQ(write(fd, &value, 8), 8);
	CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, 7);
	CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLOUT);
	CHECK_ERR(read(fd, &value, 8), EAGAIN);
	CHECK_ERR(read(fd, &value, 4), EINVAL);
}

TEST(eventfd_is_full)
{
	uint64_t value = UINT64_MAX;
	int fd = CHECK_OK(eventfd(0, EFD_NONBLOCK));

	CHECK_ERR(write(fd, &value, 8), EINVAL);
	value--;
	CHECK_EQ(write(fd, &value, 8), 8);
	CHECK_EQ(events_of(fd, POLLIN | POLLOUT), POLLIN);
	value = 1;
	CHECK_ERR(write(fd, &value, 8), EAGAIN);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, UINT64_MAX - 1);
}

TEST(eventfd_semaphore)
{
	uint64_t value = 0;
	int fd = CHECK_OK(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(read(fd, &value, 8), 8);
		CHECK_EQ(value, 1);
	}
	CHECK_ERR(read(fd, &value, 8), EAGAIN);
}

TEST(epoll_relatives)
{
	struct epoll_event event = { .events = EPOLLIN }, got;
	struct timespec none = { 0, 0 }, bad = { 0, -1 };
	int set = epoll_make(), fds[2];

	pipe_make(fds);
	CHECK_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	CHECK_OK(close(CHECK_OK(epoll_create(1))));
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &event));
	CHECK_EQ(syscall(SYS_epoll_pwait2, set, &got, 1, &none, NULL, 8L), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(syscall(SYS_epoll_pwait2, set, &got, 1, NULL, NULL, 8L), 1);
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &got, 1, &bad, NULL, 8L), EINVAL);
}

/* Several threads wait; each time the item is armed, one of them gets it. */
TEST(epoll_oneshot_is_for_one)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	int set = epoll_make(), counter = CHECK_OK(eventfd(0, 0)), results[2];
	uint64_t value = 1;
	pid_t waiters[3];
	char byte;

	CHECK_OK(pipe2(results, O_NONBLOCK));
	CHECK_OK(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event));
	for (int i = 0; i < 3; i++)
		if (CHILD(waiters[i]))
			for (;;)
				if (epoll_wait(set, &event, 1, -1) == 1)
					CHECK_EQ(write(results[1], "x", 1), 1);
	for (int round = 0; round < 200; round++) {
		struct pollfd result = { .fd = results[0], .events = POLLIN };

		CHECK_EQ(write(counter, &value, 8), 8);
		CHECK_EQ(poll(&result, 1, 5000), 1);
		CHECK_EQ(read(results[0], &byte, 1), 1);
		sleep_ms(1);
		CHECK_ERR(read(results[0], &byte, 1), EAGAIN);
		CHECK_EQ(read(counter, &value, 8), 8);
		CHECK_OK(epoll_ctl(set, EPOLL_CTL_MOD, counter, &event));
	}
	for (int i = 0; i < 3; i++) {
		CHECK_OK(kill(waiters[i], SIGKILL));
		wait_signalled(waiters[i], SIGKILL);
	}
}
