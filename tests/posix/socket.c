// SPDX-License-Identifier: MIT
/* Unix-domain sockets: pairs, streams, datagrams, names, passed descriptors. */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void pair_make(int fds[2], int type)
{
	int result = socketpair(AF_UNIX, type, 0, fds);

	if (result < 0 && errno == ENOSYS)
		SKIP("no sockets");
	CHECK_OK(result);
}

static socklen_t address_of(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

static int socket_make(int type)
{
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0 && errno == ENOSYS)
		SKIP("no sockets");
	return CHECK_OK(fd);
}

static int listener_make(const char *path)
{
	struct sockaddr_un address;
	socklen_t len = address_of(&address, path);
	int fd = socket_make(SOCK_STREAM);

	CHECK_OK(bind(fd, (void *)&address, len));
	CHECK_OK(listen(fd, 5));
	return fd;
}

TEST(pair_stream)
{
	char bytes[16];
	int fds[2];

	pair_make(fds, SOCK_STREAM);
	CHECK_EQ(write(fds[0], "hello", 5), 5);
	CHECK_EQ(write(fds[1], "back", 4), 4);
	CHECK_EQ(read(fds[1], bytes, 3), 3);
	CHECK_EQ(read(fds[1], bytes + 3, 10), 2);
	CHECK_MEM(bytes, "hello", 5);
	CHECK_EQ(recv(fds[0], bytes, 16, MSG_PEEK), 4);
	CHECK_EQ(recv(fds[0], bytes, 16, 0), 4);
	CHECK_MEM(bytes, "back", 4);
	CHECK_ERR(recv(fds[0], bytes, 1, MSG_DONTWAIT), EAGAIN);
}

TEST(pair_end)
{
	char byte;
	int fds[2];

	pair_make(fds, SOCK_STREAM);
	CHECK_OK(close(fds[0]));
	CHECK_EQ(read(fds[1], &byte, 1), 0);
	CHECK_ERR(send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(fds[1], "x", 1), EPIPE);
}

TEST(shutdown)
{
	char byte;
	int fds[2];

	pair_make(fds, SOCK_STREAM);
	CHECK_OK(shutdown(fds[0], SHUT_WR));
	CHECK_EQ(read(fds[1], &byte, 1), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_ERR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(pair_datagrams)
{
	char bytes[16];
	int fds[2];

	pair_make(fds, SOCK_DGRAM);
	CHECK_EQ(write(fds[0], "one", 3), 3);
	CHECK_EQ(write(fds[0], "three", 5), 5);
	CHECK_EQ(read(fds[1], bytes, 16), 3);
	CHECK_EQ(read(fds[1], bytes, 2), 2);
	CHECK_ERR(recv(fds[1], bytes, 16, MSG_DONTWAIT), EAGAIN);
}

TEST(pair_sequenced)
{
	char bytes[16];
	int fds[2];

	pair_make(fds, SOCK_SEQPACKET);
	CHECK_EQ(write(fds[0], "one", 3), 3);
	CHECK_EQ(write(fds[0], "three", 5), 5);
	CHECK_EQ(read(fds[1], bytes, 16), 3);
	CHECK_EQ(read(fds[1], bytes, 16), 5);
	CHECK_OK(close(fds[0]));
	CHECK_EQ(read(fds[1], bytes, 16), 0);
}

TEST(blocks_and_wakes)
{
	enum { TOTAL = 1000000 };
	static char bytes[TOTAL];
	int fds[2], got = 0;
	pid_t pid;

	pair_make(fds, SOCK_STREAM);
	if (CHILD(pid)) {
		CHECK_EQ(write(fds[0], bytes, TOTAL), TOTAL);
		_exit(0);
	}
	CHECK_OK(close(fds[0]));
	for (;;) {
		ssize_t len = CHECK_OK(read(fds[1], bytes, 50000));
		if (!len)
			break;
		got += len;
	}
	CHECK_EQ(got, TOTAL);
	wait_ok(pid);
}

TEST(named_stream)
{
	struct sockaddr_un address, peer;
	struct stat status;
	struct ucred who;
	socklen_t len = address_of(&address, "sock"), peer_len = sizeof(peer), who_len = sizeof(who);
	char byte;
	int listener = listener_make("sock");
	pid_t pid;

	CHECK_OK(stat("sock", &status));
	CHECK(S_ISSOCK(status.st_mode));
	if (CHILD(pid)) {
		int fd = socket_make(SOCK_STREAM);
		CHECK_OK(connect(fd, (void *)&address, len));
		CHECK_EQ(write(fd, "c", 1), 1);
		CHECK_EQ(read(fd, &byte, 1), 1);
		_exit(byte);
	}
	int fd = CHECK_OK(accept4(listener, (void *)&peer, &peer_len, SOCK_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(peer_len, sizeof(sa_family_t));
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_OK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_len));
	CHECK_EQ(who.pid, pid);
	CHECK_EQ(write(fd, "s", 1), 1);
	wait_exit(pid, 's');
	peer_len = sizeof(peer);
	CHECK_OK(getsockname(listener, (void *)&peer, &peer_len));
	CHECK_STR(peer.sun_path, "sock");
}

TEST(named_errors)
{
	struct sockaddr_un address;
	socklen_t len = address_of(&address, "sock");
	int fd = socket_make(SOCK_STREAM);

	CHECK_ERR(connect(fd, (void *)&address, len), ENOENT);
	int listener = listener_make("sock");
	CHECK_ERR(bind(fd, (void *)&address, len), EADDRINUSE);
	len = address_of(&address, "other");
	CHECK_ERR(bind(listener, (void *)&address, len), EINVAL);
	len = address_of(&address, "sock");
	CHECK_OK(close(listener));
	CHECK_ERR(connect(fd, (void *)&address, len), ECONNREFUSED);
	file_make("file", "", 0);
	len = address_of(&address, "file");
	CHECK_ERR(connect(fd, (void *)&address, len), ECONNREFUSED);
	CHECK_ERR(connect(fd, (void *)&address, 1), EINVAL);
	CHECK_ERR(connect(fd, BAD_POINTER, len), EFAULT);
	CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERR(open("sock", O_RDWR), ENXIO);
	CHECK_ERR(write(fd, "x", 1), ENOTCONN);
	CHECK_ERR(getpeername(fd, (void *)&address, &len), ENOTCONN);
	file_make("plain", "", 0);
	CHECK_ERR(listen(CHECK_OK(open("plain", O_RDWR)), 1), ENOTSOCK);
	CHECK_ERR(socket(AF_UNIX, 7, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(999, SOCK_STREAM, 0), EAFNOSUPPORT);
}

TEST(abstract_name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0quoin-test" };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 11;
	int listener = socket_make(SOCK_STREAM), fd = socket_make(SOCK_STREAM);

	CHECK_OK(bind(listener, (void *)&address, len));
	CHECK_OK(listen(listener, 1));
	CHECK_OK(connect(fd, (void *)&address, len));
	CHECK_OK(accept(listener, NULL, NULL));
}

TEST(polling)
{
	struct sockaddr_un address;
	socklen_t len = address_of(&address, "sock");
	struct pollfd item = { .events = POLLIN };
	int listener = listener_make("sock"), fd = socket_make(SOCK_STREAM);

	item.fd = listener;
	CHECK_EQ(poll(&item, 1, 0), 0);
	CHECK_OK(connect(fd, (void *)&address, len));
	CHECK_EQ(poll(&item, 1, 1000), 1);
	int peer = CHECK_OK(accept(listener, NULL, NULL));
	item = (struct pollfd){ .fd = fd, .events = POLLIN | POLLOUT };
	CHECK_EQ(poll(&item, 1, 0), 1);
	CHECK_EQ(item.revents, POLLOUT);
	CHECK_OK(close(peer));
	CHECK_EQ(poll(&item, 1, 0), 1);
	CHECK_EQ(item.revents & (POLLIN | POLLHUP), POLLIN | POLLHUP);
}

static void fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'F';
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	CHECK_EQ(sendmsg(socket, &message, 0), 1);
}

static int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	int fd;

	CHECK_EQ(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	CHECK(head && head->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(head), sizeof(int));
	return fd;
}

TEST(passed_descriptor)
{
	char bytes[4];
	int fds[2];
	pid_t pid;

	pair_make(fds, SOCK_STREAM);
	if (CHILD(pid)) {
		file_make("f", "pass", 4);
		fd_send(fds[0], CHECK_OK(open("f", O_RDONLY)));
		_exit(0);
	}
	wait_ok(pid);
	int fd = fd_receive(fds[1]);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(fd, bytes, 4), 4);
	CHECK_MEM(bytes, "pass", 4);
}

/* A socket in flight over itself, and closed: nothing is left behind, nothing hangs. */
TEST(passed_to_itself)
{
	int fds[2];

	pair_make(fds, SOCK_STREAM);
	fd_send(fds[0], fds[1]);
	fd_send(fds[1], fds[0]);
	CHECK_OK(close(fds[0]));
	CHECK_OK(close(fds[1]));
}

TEST(hostile_messages)
{
	char control[64] = { 0 }, byte = 'x';
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *head = (void *)control;
	int fds[2], bad_fd = 999;

	pair_make(fds, SOCK_STREAM);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	message.msg_controllen = sizeof(control);
	head->cmsg_len = 1;
	CHECK_ERR(sendmsg(fds[0], &message, 0), EINVAL);
	head->cmsg_len = 1 << 30;
	CHECK_ERR(sendmsg(fds[0], &message, 0), EINVAL);
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &bad_fd, sizeof(int));
	CHECK_ERR(sendmsg(fds[0], &message, 0), EBADF);
	CHECK_ERR(syscall(SYS_sendmsg, fds[0], BAD_POINTER, 0), EFAULT);
	message.msg_iovlen = 1 << 20;
	CHECK_ERR(syscall(SYS_sendmsg, fds[0], &message, 0), EMSGSIZE);
}
