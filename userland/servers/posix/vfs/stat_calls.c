/* SPDX-License-Identifier: MIT */
/* The stat family and readlink. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "inode.h"
#include "linux/stat.h"
#include "mount.h"
#include "syscall.h"
#include "target.h"
#include "usercopy.h"

static long stat_target(struct target *target, uint64_t user)
{
	struct linux_stat out;

	inode_fill_stat(target->inode, &out);
	target_put(target);
	return copy_to_user(user, &out, sizeof(out));
}

static long stat_call(int dirfd, uint64_t user_name, uint64_t user, int at_flags)
{
	struct target target;
	long error = target_lookup(dirfd, user_name, at_flags, &target);

	return error ? error : stat_target(&target, user);
}

long sys_stat(SYSCALL_ARGS)
{
	return stat_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint64_t)a1, 0);
}

long sys_lstat(SYSCALL_ARGS)
{
	return stat_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint64_t)a1, LINUX_AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(SYSCALL_ARGS)
{
	struct target target;
	long error = target_fd_path((int)a0, &target);

	return error ? error : stat_target(&target, (uint64_t)a1);
}

#define STAT_AT_FLAGS \
	(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH | LINUX_AT_STATX_SYNC_TYPE)

long sys_newfstatat(SYSCALL_ARGS)
{
	if ((int)a3 & ~STAT_AT_FLAGS)
		return -EINVAL;
	return stat_call((int)a0, (uint64_t)a1, (uint64_t)a2, (int)a3);
}

/* ---- statx ---- */

static struct linux_statx_timestamp statx_time(uint64_t sec, uint64_t nsec)
{
	return (struct linux_statx_timestamp){ .tv_sec = (int64_t)sec, .tv_nsec = (uint32_t)nsec };
}

static void statx_fill(const struct target *target, struct linux_statx *out)
{
	struct inode *inode = target->inode;
	struct linux_stat st;

	inode_fill_stat(inode, &st);
	*out = (struct linux_statx){
		.stx_mask = LINUX_STATX_BASIC_STATS | LINUX_STATX_BTIME | LINUX_STATX_MNT_ID,
		.stx_blksize = (uint32_t)st.st_blksize,
		.stx_nlink = (uint32_t)st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = (uint16_t)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = (uint64_t)st.st_size,
		.stx_blocks = (uint64_t)st.st_blocks,
		.stx_attributes_mask = LINUX_STATX_ATTR_MOUNT_ROOT,
		.stx_atime = statx_time(st.st_atime, st.st_atime_nsec),
		.stx_mtime = statx_time(st.st_mtime, st.st_mtime_nsec),
		.stx_ctime = statx_time(st.st_ctime, st.st_ctime_nsec),
		.stx_btime = { .tv_sec = inode->btime_ns / 1000000000,
			       .tv_nsec = (uint32_t)(inode->btime_ns % 1000000000) },
		.stx_rdev_major = linux_major(st.st_rdev),
		.stx_rdev_minor = linux_minor(st.st_rdev),
		.stx_dev_major = linux_major(st.st_dev),
		.stx_dev_minor = linux_minor(st.st_dev),
	};
	if (target->mnt) {
		struct dentry *dentry =
			target->path.dentry ? target->path.dentry : target->ref.file->path.dentry;

		out->stx_mnt_id = target->mnt->id;
		if (dentry == target->mnt->root)
			out->stx_attributes |= LINUX_STATX_ATTR_MOUNT_ROOT;
	}
}

long sys_statx(SYSCALL_ARGS)
{
	struct linux_statx out;
	struct target target;
	long error;

	if (((int)a2 & ~STAT_AT_FLAGS) || ((uint32_t)a3 & LINUX_STATX__RESERVED) ||
	    ((int)a2 & LINUX_AT_STATX_SYNC_TYPE) == LINUX_AT_STATX_SYNC_TYPE)
		return -EINVAL;
	error = target_lookup((int)a0, (uint64_t)a1, (int)a2, &target);
	if (error)
		return error;
	statx_fill(&target, &out);
	target_put(&target);
	return copy_to_user((uint64_t)a4, &out, sizeof(out));
}

/* ---- readlink ---- */

/* The text of a link of /proc that leads to an object: the object's name. */
static long readlink_object(struct inode *inode, char *buffer, size_t size)
{
	struct path path;
	char *name;
	long len = inode->ops->follow(inode, &path);

	if (len)
		return len;
	name = path_name_current(&path, buffer, size);
	len = (long)strlen(name);
	memmove(buffer, name, (size_t)len);
	path_put(&path);
	return len;
}

static long readlink_inode(struct inode *inode, char *buffer, size_t size)
{
	int error;

	if (!inode_is_link(inode))
		return -EINVAL;
	if (inode->ops->linktext)
		return inode->ops->linktext(inode, buffer, size);
	if (inode->ops->follow)
		return readlink_object(inode, buffer, size);
	if (!inode->link) {
		error = inode->ops->readlink ? inode->ops->readlink(inode) : -EINVAL;
		if (error)
			return error;
	}
	snprintf(buffer, size, "%s", inode->link);
	return (long)strlen(buffer);
}

static long readlink_call(int dirfd, uint64_t user_name, uint64_t user, int size)
{
	char text[LINUX_PATH_MAX];
	struct target target;
	long len;

	if (size <= 0)
		return -EINVAL;
	len = target_lookup(dirfd, user_name, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH, &target);
	if (len)
		return len;
	if (target.ref.file && !inode_is_link(target.inode))
		len = -ENOENT; /* an empty path names no link */
	else
		len = readlink_inode(target.inode, text, sizeof(text));
	target_put(&target);
	if (len < 0)
		return len;
	if (len > size)
		len = size;
	return copy_to_user(user, text, (size_t)len) ? -EFAULT : len;
}

long sys_readlink(SYSCALL_ARGS)
{
	return readlink_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint64_t)a1, (int)a2);
}

long sys_readlinkat(SYSCALL_ARGS)
{
	return readlink_call((int)a0, (uint64_t)a1, (uint64_t)a2, (int)a3);
}
