/* SPDX-License-Identifier: MIT */
/* System calls that change attributes: chmod, chown, times, truncate; and access. */
#include <quoin/runtime.h>

#include "attr.h"
#include "clock.h"
#include "inode.h"
#include "linux/system.h"
#include "linux/time.h"
#include "mount.h"
#include "namei.h"
#include "process.h"
#include "syscall.h"
#include "target.h"
#include "usercopy.h"

/* ---- chmod ---- */

static long chmod_target(struct target *target, uint32_t mode)
{
	long error = target_want_write(target);

	if (!error && inode_is_link(target->inode))
		error = -EOPNOTSUPP;
	if (!error)
		error = attr_chmod(target->inode, mode);
	target_put(target);
	return error;
}

static long chmod_call(int dirfd, uint64_t user_name, uint32_t mode, int at_flags)
{
	struct target target;
	long error = target_lookup(dirfd, user_name, at_flags, &target);

	return error ? error : chmod_target(&target, mode);
}

long sys_chmod(SYSCALL_ARGS)
{
	return chmod_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint32_t)a1, 0);
}

long sys_fchmodat(SYSCALL_ARGS)
{
	return chmod_call((int)a0, (uint64_t)a1, (uint32_t)a2, 0);
}

long sys_fchmod(SYSCALL_ARGS)
{
	struct target target;
	long error = target_fd((int)a0, &target);

	return error ? error : chmod_target(&target, (uint32_t)a1);
}

/* ---- chown ---- */

static long chown_target(struct target *target, uint32_t uid, uint32_t gid)
{
	long error = target_want_write(target);

	if (!error)
		error = attr_chown(target->inode, uid, gid);
	target_put(target);
	return error;
}

static long chown_call(int dirfd, uint64_t user_name, uint32_t uid, uint32_t gid, int at_flags)
{
	struct target target;
	long error;

	if (at_flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH))
		return -EINVAL;
	error = target_lookup(dirfd, user_name, at_flags, &target);
	return error ? error : chown_target(&target, uid, gid);
}

long sys_chown(SYSCALL_ARGS)
{
	return chown_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint32_t)a1, (uint32_t)a2, 0);
}

long sys_lchown(SYSCALL_ARGS)
{
	return chown_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint32_t)a1, (uint32_t)a2, LINUX_AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(SYSCALL_ARGS)
{
	return chown_call((int)a0, (uint64_t)a1, (uint32_t)a2, (uint32_t)a3, (int)a4);
}

long sys_fchown(SYSCALL_ARGS)
{
	struct target target;
	long error = target_fd((int)a0, &target);

	return error ? error : chown_target(&target, (uint32_t)a1, (uint32_t)a2);
}

/* ---- times ---- */

struct times {
	bool now; /* both are the present: enough to be allowed to write */
	struct inode_attr attr;
};

static void times_set_now(struct times *times)
{
	times->now = true;
	times->attr.valid = ATTR_ATIME | ATTR_MTIME;
	times->attr.atime_ns = times->attr.mtime_ns = inode_now();
}

/* A time beyond what can be kept is the last, or the first, that can. */
static int64_t time_ns(int64_t sec, int64_t nsec)
{
	int64_t ns;

	if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, nsec, &ns))
		return sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static long times_set_one(const struct linux_timespec *ts, uint32_t bit, int64_t *ns, uint32_t *valid)
{
	if (ts->tv_nsec == LINUX_UTIME_OMIT)
		return 0;
	*valid |= bit;
	if (ts->tv_nsec == LINUX_UTIME_NOW) {
		*ns = inode_now();
		return 0;
	}
	if (ts->tv_nsec < 0 || ts->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = time_ns(ts->tv_sec, ts->tv_nsec);
	return 0;
}

static long times_from_timespecs(struct times *times, uint64_t user)
{
	struct linux_timespec ts[2];
	long error;

	memset(times, 0, sizeof(*times));
	if (!user) {
		times_set_now(times);
		return 0;
	}
	error = copy_from_user(ts, user, sizeof(ts));
	if (error)
		return error;
	times->now = ts[0].tv_nsec == LINUX_UTIME_NOW && ts[1].tv_nsec == LINUX_UTIME_NOW;
	error = times_set_one(&ts[0], ATTR_ATIME, &times->attr.atime_ns, &times->attr.valid);
	if (!error)
		error = times_set_one(&ts[1], ATTR_MTIME, &times->attr.mtime_ns, &times->attr.valid);
	return error;
}

static long times_from_timevals(struct times *times, uint64_t user)
{
	struct linux_timeval tv[2];
	long error;

	memset(times, 0, sizeof(*times));
	if (!user) {
		times_set_now(times);
		return 0;
	}
	error = copy_from_user(tv, user, sizeof(tv));
	for (int i = 0; i < 2 && !error; i++) {
		struct linux_timespec ts = { tv[i].tv_sec, tv[i].tv_usec * 1000 };

		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		error = times_set_one(&ts, i ? ATTR_MTIME : ATTR_ATIME,
				      i ? &times->attr.mtime_ns : &times->attr.atime_ns, &times->attr.valid);
	}
	return error;
}

static long times_target(struct target *target, struct times *times)
{
	long error = 0;

	if (times->attr.valid) {
		error = target_want_write(target);
		if (!error && !inode_is_owner(target->inode)) {
			if (times->now)
				error = inode_permission(target->inode, LINUX_W_OK);
			else
				error = -EPERM;
		}
		if (!error)
			error = attr_set_times(target->inode, &times->attr);
	}
	target_put(target);
	return error;
}

static long times_path(int dirfd, uint64_t user_name, struct times *times, int at_flags)
{
	struct target target;
	long error = target_lookup(dirfd, user_name, at_flags, &target);

	return error ? error : times_target(&target, times);
}

long sys_utimensat(SYSCALL_ARGS)
{
	struct times times;
	struct target target;
	long error;

	if ((int)a3 & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH))
		return -EINVAL;
	error = times_from_timespecs(&times, (uint64_t)a2);
	if (error)
		return error;
	if (a1 || (int)a0 == LINUX_AT_FDCWD)
		return times_path((int)a0, (uint64_t)a1, &times, (int)a3);
	error = target_fd((int)a0, &target);
	return error ? error : times_target(&target, &times);
}

long sys_utimes(SYSCALL_ARGS)
{
	struct times times;
	long error = times_from_timevals(&times, (uint64_t)a1);

	return error ? error : times_path(LINUX_AT_FDCWD, (uint64_t)a0, &times, 0);
}

long sys_futimesat(SYSCALL_ARGS)
{
	struct times times;
	struct target target;
	long error = times_from_timevals(&times, (uint64_t)a2);

	if (error)
		return error;
	if (a1)
		return times_path((int)a0, (uint64_t)a1, &times, 0);
	error = target_fd((int)a0, &target);
	return error ? error : times_target(&target, &times);
}

long sys_utime(SYSCALL_ARGS)
{
	struct linux_utimbuf buf;
	struct times times = {};
	long error = 0;

	if (!a1) {
		times_set_now(&times);
	} else {
		error = copy_from_user(&buf, (uint64_t)a1, sizeof(buf));
		times.attr.valid = ATTR_ATIME | ATTR_MTIME;
		times.attr.atime_ns = time_ns(buf.actime, 0);
		times.attr.mtime_ns = time_ns(buf.modtime, 0);
	}
	return error ? error : times_path(LINUX_AT_FDCWD, (uint64_t)a0, &times, 0);
}

/* ---- size ---- */

static long truncate_target(struct target *target, int64_t size)
{
	struct inode *inode = target->inode;
	long error;

	if (inode_is_dir(inode))
		return -EISDIR;
	if (!inode_is_regular(inode))
		return -EINVAL;
	error = target_want_write(target);
	if (!error)
		error = inode_permission(inode, LINUX_W_OK);
	if (!error)
		error = inode_get_write(inode);
	if (error)
		return error;
	error = inode_truncate(inode, size);
	inode_put_write(inode);
	return error;
}

long sys_truncate(SYSCALL_ARGS)
{
	struct target target;
	long error;

	if (a1 < 0)
		return -EINVAL;
	error = target_lookup(LINUX_AT_FDCWD, (uint64_t)a0, 0, &target);
	if (error)
		return error;
	error = truncate_target(&target, a1);
	target_put(&target);
	return error;
}

long sys_ftruncate(SYSCALL_ARGS)
{
	struct fd_ref ref;
	long error;

	if (a1 < 0)
		return -EINVAL;
	ref = fd_get((int)a0);
	if (!ref.file)
		return -EBADF;
	if (!file_writable(ref.file) || !inode_is_regular(ref.file->inode))
		error = -EINVAL;
	else
		error = inode_truncate(ref.file->inode, a1);
	fd_put(ref);
	return error;
}

/* ---- access ---- */

static long access_target(struct target *target, int mask, bool effective)
{
	struct inode *inode = target->inode;
	uint32_t type = inode->mode & LINUX_S_IFMT;
	long error;

	if (effective)
		error = inode_permission(inode, mask);
	else
		error = inode_permission_real(inode, mask);
	if (!error && (mask & LINUX_X_OK) && type == LINUX_S_IFREG && target->mnt &&
	    (target->mnt->flags & LINUX_MS_NOEXEC))
		error = -EACCES;
	/* Devices and pipes can be written on a read-only file system. */
	if (!error && (mask & LINUX_W_OK) &&
	    (type == LINUX_S_IFREG || type == LINUX_S_IFDIR || type == LINUX_S_IFLNK))
		error = target_want_write(target);
	return error;
}

static long access_call(int dirfd, uint64_t user_name, int mask, int at_flags)
{
	struct target target;
	long error;

	if ((mask & ~(LINUX_R_OK | LINUX_W_OK | LINUX_X_OK)) ||
	    (at_flags & ~(LINUX_AT_EACCESS | LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)))
		return -EINVAL;
	error = target_lookup(dirfd, user_name, at_flags, &target);
	if (error)
		return error;
	error = access_target(&target, mask, at_flags & LINUX_AT_EACCESS);
	target_put(&target);
	return error;
}

long sys_access(SYSCALL_ARGS)
{
	return access_call(LINUX_AT_FDCWD, (uint64_t)a0, (int)a1, 0);
}

long sys_faccessat(SYSCALL_ARGS)
{
	return access_call((int)a0, (uint64_t)a1, (int)a2, 0);
}

long sys_faccessat2(SYSCALL_ARGS)
{
	return access_call((int)a0, (uint64_t)a1, (int)a2, (int)a3);
}
