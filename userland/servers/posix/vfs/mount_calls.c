/* SPDX-License-Identifier: MIT */
/* mount, umount2, and the statfs family. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "file.h"
#include "inode.h"
#include "linux/stat.h"
#include "linux/system.h"
#include "mount.h"
#include "process.h"
#include "syscall.h"
#include "usercopy.h"

#define MOUNT_STRING 128

/* An optional string argument; empty if the pointer is null. */
static long mount_string(char *buffer, size_t size, uint64_t user)
{
	long len;

	buffer[0] = '\0';
	if (!user)
		return 0;
	len = strncpy_from_user(buffer, user, size);
	return len == -ENAMETOOLONG ? -EINVAL : len;
}

/* mount(2): a bind mount has the options of the mount it shows a part of. */
static long mount_bind(uint64_t user_source, const struct path *target, bool recursive)
{
	struct path source;
	int error = path_lookup_user(LINUX_AT_FDCWD, (void *)user_source, LOOKUP_FOLLOW, &source);

	if (error)
		return error;
	error = recursive ? mount_attach_tree(&source, target)
			  : mount_attach(source.mnt->sb, source.dentry, target, source.mnt->flags);
	path_put(&source);
	return error;
}

static long mount_move_call(uint64_t user_source, const struct path *target)
{
	struct path source;
	int error = path_lookup_user(LINUX_AT_FDCWD, (void *)user_source, LOOKUP_FOLLOW, &source);

	if (error)
		return error;
	error = mount_move(&source, target);
	path_put(&source);
	return error;
}

static long mount_fresh(uint64_t user_source, const struct path *target, uint64_t user_type, unsigned flags,
			uint64_t user_data)
{
	char source[MOUNT_STRING], type[32], data[MOUNT_STRING];
	long error = mount_string(source, sizeof(source), user_source);

	if (error >= 0)
		error = mount_string(type, sizeof(type), user_type);
	if (error >= 0)
		error = mount_string(data, sizeof(data), user_data);
	if (error < 0)
		return error;
	return mount_new(source, target, type, flags, data);
}

long sys_mount(SYSCALL_ARGS)
{
	unsigned flags = (unsigned)a3;
	struct path target;
	long error;

	if ((flags & LINUX_MS_MGC_MSK) == LINUX_MS_MGC_VAL)
		flags &= ~LINUX_MS_MGC_MSK;
	error = path_lookup_user(LINUX_AT_FDCWD, (void *)a1, LOOKUP_FOLLOW, &target);
	if (error)
		return error;
	if (!capable(CAP_SYS_ADMIN))
		error = -EPERM;
	else if (flags & LINUX_MS_REMOUNT)
		error = mount_remount(&target, flags, flags & LINUX_MS_BIND);
	else if (flags & LINUX_MS_BIND)
		error = mount_bind((uint64_t)a0, &target, flags & LINUX_MS_REC);
	else if (flags & (LINUX_MS_SHARED | LINUX_MS_PRIVATE | LINUX_MS_SLAVE | LINUX_MS_UNBINDABLE))
		error = 0; /* one namespace: nothing to propagate */
	else if (flags & LINUX_MS_MOVE)
		error = mount_move_call((uint64_t)a0, &target);
	else
		error = mount_fresh((uint64_t)a0, &target, (uint64_t)a2, flags, (uint64_t)a4);
	path_put(&target);
	return error;
}

long sys_umount2(SYSCALL_ARGS)
{
	unsigned flags = (unsigned)a1;
	struct path target;
	long error;

	if (flags & ~(LINUX_MNT_FORCE | LINUX_MNT_DETACH | LINUX_MNT_EXPIRE | LINUX_UMOUNT_NOFOLLOW))
		return -EINVAL;
	error = path_lookup_user(LINUX_AT_FDCWD, (void *)a0, flags & LINUX_UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
				 &target);
	if (error)
		return error;
	if (!capable(CAP_SYS_ADMIN))
		error = -EPERM;
	else
		error = mount_unmount(&target, flags);
	path_put(&target);
	return error;
}

/* ---- statfs ---- */

static long statfs_superblock(struct superblock *sb, unsigned mount_flags, uint64_t user)
{
	struct linux_statfs out = {};
	int error = sb->ops->statfs ? sb->ops->statfs(sb, &out) : -ENOSYS;

	if (error)
		return error;
	out.f_fsid[0] = (int32_t)sb->dev;
	out.f_flags = LINUX_ST_VALID | (mount_flags & (LINUX_ST_RDONLY | LINUX_ST_NOSUID | LINUX_ST_NODEV |
						       LINUX_ST_NOEXEC | LINUX_ST_NOATIME));
	if (sb->read_only)
		out.f_flags |= LINUX_ST_RDONLY;
	if (!(mount_flags & LINUX_MS_NOATIME))
		out.f_flags |= LINUX_ST_RELATIME;
	return copy_to_user(user, &out, sizeof(out));
}

long sys_statfs(SYSCALL_ARGS)
{
	struct path path;
	long error = path_lookup_user(LINUX_AT_FDCWD, (void *)a0, LOOKUP_FOLLOW, &path);

	if (error)
		return error;
	error = statfs_superblock(path.mnt->sb, path.mnt->flags, (uint64_t)a1);
	path_put(&path);
	return error;
}

long sys_fstatfs(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get_path((int)a0);
	long error;

	if (!ref.file)
		return -EBADF;
	error = statfs_superblock(ref.file->inode->sb, ref.file->path.mnt ? ref.file->path.mnt->flags : 0,
				  (uint64_t)a1);
	fd_put(ref);
	return error;
}
