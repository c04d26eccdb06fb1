// SPDX-License-Identifier: MIT
// flags: -isystem /usr/include -isystem sysroot/abi
/*
 * sysroot/abi/linux against the host's C library, for what the kernel's headers leave out: sockets,
 * modes, directory records, device numbers.  linux_abi.c compares the rest.
 */
#define _GNU_SOURCE
/* Ours come first: the C library makes macros of some field names. */
#include "sysroot/abi/linux/elf.h"
#include "sysroot/abi/linux/fcntl.h"
#include "sysroot/abi/linux/futex.h"
#include "sysroot/abi/linux/mman.h"
#include "sysroot/abi/linux/poll.h"
#include "sysroot/abi/linux/process.h"
#include "sysroot/abi/linux/signal.h"
#include "sysroot/abi/linux/socket.h"
#include "sysroot/abi/linux/stat.h"
#include "sysroot/abi/linux/system.h"
#include "sysroot/abi/linux/termios.h"
#include "sysroot/abi/linux/time.h"
#include "sysroot/abi/linux/uio.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* The C library gives these another meaning than the kernel. */
#undef O_LARGEFILE
#undef SIGRTMIN
#undef SIGRTMAX
#undef MINSIGSTKSZ
#undef NSIG
#undef IOV_MAX

/* They need structures that clash with the C library's own. */
#undef TCGETS2
#undef TCSETS2
#undef TCSETSW2
#undef TCSETSF2

#define ABI_SAME(ours, theirs) _Static_assert((unsigned)(long)(ours) == (unsigned)(long)(theirs), #ours)
#include "linux/abi_check.h"

#define SIZE(name) _Static_assert(sizeof(struct linux_##name) == sizeof(struct name), #name)
#define FIELD(name, field)                                               \
	_Static_assert(__builtin_offsetof(struct linux_##name, field) == \
			       __builtin_offsetof(struct name, field),   \
		       #name "." #field)

SIZE(sockaddr);
SIZE(sockaddr_un);
FIELD(sockaddr_un, sun_path);
SIZE(sockaddr_in);
FIELD(sockaddr_in, sin_port);
FIELD(sockaddr_in, sin_addr);
SIZE(sockaddr_in6);
FIELD(sockaddr_in6, sin6_addr);
FIELD(sockaddr_in6, sin6_scope_id);
SIZE(sockaddr_storage);
SIZE(msghdr);
FIELD(msghdr, msg_namelen);
FIELD(msghdr, msg_iov);
FIELD(msghdr, msg_iovlen);
FIELD(msghdr, msg_control);
FIELD(msghdr, msg_controllen);
FIELD(msghdr, msg_flags);
SIZE(mmsghdr);
FIELD(mmsghdr, msg_len);
SIZE(cmsghdr);
FIELD(cmsghdr, cmsg_level);
FIELD(cmsghdr, cmsg_type);
SIZE(ucred);
SIZE(linger);
SIZE(iovec);
FIELD(iovec, iov_len);
FIELD(dirent64, d_ino);
FIELD(dirent64, d_off);
FIELD(dirent64, d_reclen);
FIELD(dirent64, d_type);
FIELD(dirent64, d_name);
_Static_assert(sizeof(struct linux_fd_set) == sizeof(fd_set), "fd_set");

static void check_device_numbers(void)
{
	static const unsigned values[] = { 0, 1, 4, 64, 255, 256, 4095, 4096, 1048575 };
	const unsigned nr = sizeof(values) / sizeof(values[0]);

	for (unsigned i = 0; i < nr * nr; i++) {
		unsigned major_no = values[i / nr], minor_no = values[i % nr];
		dev_t dev = makedev(major_no, minor_no);

		CHECK_EQ(linux_makedev(major_no, minor_no), dev);
		CHECK_EQ(linux_major(dev), major_no);
		CHECK_EQ(linux_minor(dev), minor_no);
	}
}

static void check_wait_status(void)
{
	CHECK(WIFEXITED(LINUX_W_EXITED(7)) && WEXITSTATUS(LINUX_W_EXITED(7)) == 7);
	CHECK(WIFSIGNALED(LINUX_W_SIGNALED(9)) && WTERMSIG(LINUX_W_SIGNALED(9)) == 9);
	CHECK(WCOREDUMP(LINUX_W_SIGNALED(11) | LINUX_W_CORE));
	CHECK(WIFSTOPPED(LINUX_W_STOPPED(19)) && WSTOPSIG(LINUX_W_STOPPED(19)) == 19);
	CHECK(WIFCONTINUED(LINUX_W_CONTINUED));
}

int main(void)
{
	check_device_numbers();
	check_wait_status();
	return check_result();
}
