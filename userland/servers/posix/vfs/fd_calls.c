/* SPDX-License-Identifier: MIT */
/* System calls on descriptors: close, dup and its kin, close_range, fcntl, flock, ioctl. */
#include <quoin/runtime.h>

#include "fdtable.h"
#include "file.h"
#include "inode.h"
#include "linux/fcntl.h"
#include "linux/termios.h"
#include "memfd.h"
#include "pipe.h"
#include "process.h"
#include "record_lock.h"
#include "rlimit.h"
#include "syscall.h"
#include "usercopy.h"

long sys_close(SYSCALL_ARGS)
{
	return fd_close((int)a0);
}

/* A reference to any descriptor, O_PATH ones too. */
static struct file *fd_file_any(int fd)
{
	struct fd_ref ref = fd_get_path(fd);

	if (ref.file && !ref.held)
		file_get(ref.file);
	return ref.file;
}

long sys_dup(SYSCALL_ARGS)
{
	struct file *file = fd_file_any((int)a0);

	return file ? fd_install(file, false) : -EBADF;
}

static long dup_to(int old_fd, unsigned new_fd, bool close_on_exec)
{
	struct file *file = fd_file_any(old_fd);

	return file ? fd_replace(new_fd, file, close_on_exec) : -EBADF;
}

long sys_dup2(SYSCALL_ARGS)
{
	if ((unsigned)a0 == (unsigned)a1)
		return fd_get_cloexec((unsigned)a0) < 0 ? -EBADF : a0;
	return dup_to((int)a0, (unsigned)a1, false);
}

long sys_dup3(SYSCALL_ARGS)
{
	int flags = (int)a2;

	if ((flags & ~LINUX_O_CLOEXEC) || (unsigned)a0 == (unsigned)a1)
		return -EINVAL;
	return dup_to((int)a0, (unsigned)a1, flags & LINUX_O_CLOEXEC);
}

long sys_close_range(SYSCALL_ARGS)
{
	unsigned first = (unsigned)a0, last = (unsigned)a1, flags = (unsigned)a2;

	if (first > last || (flags & ~(LINUX_CLOSE_RANGE_UNSHARE | LINUX_CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if (flags & LINUX_CLOSE_RANGE_UNSHARE) {
		int error = fdtable_unshare(&current->files);

		if (error)
			return error;
	}
	for (int fd = fdtable_next(current->files, first > INT32_MAX ? INT32_MAX : (int)first);
	     fd >= 0 && (unsigned)fd <= last; fd = fdtable_next(current->files, fd + 1)) {
		if (flags & LINUX_CLOSE_RANGE_CLOEXEC)
			fd_set_cloexec((unsigned)fd, true);
		else
			fd_close(fd);
	}
	return 0;
}

/* ---- fcntl ---- */

static long fcntl_dup(int fd, uint64_t from, bool close_on_exec)
{
	struct file *file;

	if (from >= rlimit_get(LINUX_RLIMIT_NOFILE) || from > INT32_MAX)
		return -EINVAL;
	file = fd_file_any(fd);
	return file ? fd_install_from(file, (unsigned)from, close_on_exec) : -EBADF;
}

static long fcntl_set_flags(struct file *file, unsigned flags)
{
	unsigned old = atomic_load(&file->flags);

	/* Linux forces O_LARGEFILE in on open and keeps it out of F_SETFL. */
	while (!atomic_compare_exchange_weak(&file->flags, &old,
					     (old & ~LINUX_O_SETFL_MASK) | (flags & LINUX_O_SETFL_MASK)))
		;
	return 0;
}

static long fcntl_file(int fd, struct file *file, int command, uint64_t argument)
{
	switch (command) {
	case LINUX_F_SETFL:
		return fcntl_set_flags(file, (unsigned)argument);
	case LINUX_F_GETLK:
	case LINUX_F_SETLK:
	case LINUX_F_SETLKW:
	case LINUX_F_OFD_GETLK:
	case LINUX_F_OFD_SETLK:
	case LINUX_F_OFD_SETLKW:
		return record_fcntl(fd, file, command, argument);
	case LINUX_F_SETOWN:
		file->owner = (int32_t)argument;
		return 0;
	case LINUX_F_GETOWN:
		return file->owner;
	case LINUX_F_SETPIPE_SZ:
		return pipe_set_size(file, argument);
	case LINUX_F_GETPIPE_SZ:
		return pipe_get_size(file);
	case LINUX_F_ADD_SEALS:
		return memfd_add_seals(file, (unsigned)argument);
	case LINUX_F_GET_SEALS:
		return memfd_get_seals(file);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(SYSCALL_ARGS)
{
	int fd = (int)a0, command = (int)a1;
	struct fd_ref ref;
	long result;

	switch (command) {
	case LINUX_F_DUPFD:
		return fcntl_dup(fd, (unsigned)a2, false);
	case LINUX_F_DUPFD_CLOEXEC:
		return fcntl_dup(fd, (unsigned)a2, true);
	case LINUX_F_GETFD:
		return fd_get_cloexec((unsigned)fd);
	case LINUX_F_SETFD:
		return fd_set_cloexec((unsigned)fd, a2 & LINUX_FD_CLOEXEC);
	case LINUX_F_GETFL:
		ref = fd_get_path(fd);
		result = ref.file ? (long)atomic_load(&ref.file->flags) : -EBADF;
		break;
	default:
		ref = fd_get(fd);
		result = ref.file ? fcntl_file(fd, ref.file, command, (uint64_t)a2) : -EBADF;
	}
	fd_put(ref);
	return result;
}

long sys_flock(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = ref.file ? record_flock(ref.file, (int)a1) : -EBADF;

	fd_put(ref);
	return result;
}

/* ---- ioctl ---- */

static long ioctl_nonblock(struct file *file, uint64_t argument)
{
	uint32_t on;
	long error = get_user_u32(argument, &on);

	if (error)
		return error;
	if (on)
		atomic_fetch_or(&file->flags, LINUX_O_NONBLOCK);
	else
		atomic_fetch_and(&file->flags, ~LINUX_O_NONBLOCK);
	return 0;
}

/* Requests that every file answers; the rest is the file's. */
static long ioctl_file(int fd, struct file *file, unsigned request, uint64_t argument)
{
	switch (request) {
	case LINUX_FIOCLEX:
		return fd_set_cloexec((unsigned)fd, true);
	case LINUX_FIONCLEX:
		return fd_set_cloexec((unsigned)fd, false);
	case LINUX_FIONBIO:
		return ioctl_nonblock(file, argument);
	case LINUX_FIONREAD:
		if (inode_is_regular(file->inode))
			return put_user_u32(argument, (uint32_t)(file->inode->size - file->pos));
		break;
	}
	return file->ops->ioctl ? file->ops->ioctl(file, request, argument) : -ENOTTY;
}

long sys_ioctl(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = ref.file ? ioctl_file((int)a0, ref.file, (unsigned)a1, (uint64_t)a2) : -EBADF;

	fd_put(ref);
	return result;
}
