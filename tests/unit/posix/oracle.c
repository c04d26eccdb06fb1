/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "linux/fcntl.h"
#include "linux/process.h"
#include "path.h"
#include "posix/oracle.h"

static int host_socket;
static pid_t child;
static char folder[] = "/tmp/quoin-walk-XXXXXX";

static long host_lookup(const struct request *request, struct answer *answer)
{
	int flags = LINUX_O_PATH | (request->flags & LOOKUP_FOLLOW ? 0 : O_NOFOLLOW) |
		    (request->flags & LOOKUP_DIRECTORY ? O_DIRECTORY : 0);
	int fd = open(request->name, flags);
	struct stat st;

	if (fd < 0)
		return -1;
	fstat(fd, &st);
	close(fd);
	answer->ino = st.st_ino;
	answer->mode = st.st_mode;
	answer->nlink = (uint32_t)st.st_nlink;
	answer->size = st.st_size;
	return 0;
}

static long host_do(const struct request *request, struct answer *answer)
{
	const char *name = request->name, *other = request->other;

	switch (request->operation) {
	case LOOKUP:
		return host_lookup(request, answer);
	case CHDIR:
		return chdir(name);
	case MKDIR:
		return mkdir(name, request->flags);
	case MKNOD:
		return mknod(name, S_IFREG | request->flags, 0);
	case SYMLINK:
		return symlink(other, name);
	case UNLINK:
		return unlink(name);
	case RMDIR:
		return rmdir(name);
	case RENAME:
		return syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, other, request->flags);
	case LINK:
		return linkat(AT_FDCWD, name, AT_FDCWD, other, 0);
	default:
		return seteuid(request->flags);
	}
}

static _Noreturn void host_main(int socket)
{
	struct request request;

	if (chroot(folder) < 0 && (syscall(SYS_unshare, LINUX_CLONE_NEWUSER) < 0 || chroot(folder) < 0))
		_exit(77);
	if (chdir("/") < 0)
		_exit(1);
	umask(0);
	while (recv(socket, &request, sizeof(request), 0) == sizeof(request)) {
		struct answer answer = { 0 };

		answer.result = host_do(&request, &answer) < 0 ? -errno : 0;
		if (send(socket, &answer, sizeof(answer), 0) != sizeof(answer))
			break;
	}
	_exit(0);
}

struct answer oracle_ask(const struct request *request)
{
	struct answer answer = { .result = -EPIPE };

	if (send(host_socket, request, sizeof(*request), MSG_NOSIGNAL) == sizeof(*request))
		recv(host_socket, &answer, sizeof(answer), 0);
	return answer;
}

void oracle_stop(void)
{
	char command[64];

	close(host_socket);
	waitpid(child, NULL, 0);
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", folder, folder);
	if (system(command))
		perror(folder);
}

bool oracle_start(bool *root)
{
	const struct request hello = { .operation = LOOKUP, .name = "/" };
	int sockets[2];

	CHECK_OR_STOP(mkdtemp(folder) && chmod(folder, 0777) == 0);
	CHECK_OR_STOP(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
	child = fork();
	if (child == 0) {
		close(sockets[0]);
		host_main(sockets[1]);
	}
	close(sockets[1]);
	host_socket = sockets[0];
	*root = geteuid() == 0;
	if (oracle_ask(&hello).result == 0)
		return true;
	oracle_stop();
	return false;
}
