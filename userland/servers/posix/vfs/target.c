/* SPDX-License-Identifier: MIT */
#include <quoin/runtime.h>

#include "inode.h"
#include "linux/errno.h"
#include "mount.h"
#include "namei.h"
#include "target.h"

static int target_from_ref(struct fd_ref ref, struct target *out)
{
	*out = (struct target){ .ref = ref };
	if (!ref.file)
		return -EBADF;
	out->inode = ref.file->inode;
	out->mnt = ref.file->path.mnt;
	return 0;
}

int target_fd(int fd, struct target *out)
{
	return target_from_ref(fd_get(fd), out);
}

int target_fd_path(int fd, struct target *out)
{
	return target_from_ref(fd_get_path(fd), out);
}

static int target_from_path(int dirfd, const char *name, int at_flags, struct target *out)
{
	int error;

	*out = (struct target){};
	error = path_lookup(dirfd, name, at_flags & LINUX_AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &out->path);
	if (error)
		return error;
	out->inode = path_inode(&out->path);
	out->mnt = out->path.mnt;
	return 0;
}

int target_lookup(int dirfd, uint64_t user_name, int at_flags, struct target *out)
{
	char name[LINUX_PATH_MAX];
	long len;

	len = path_copy_user(name, (void *)user_name);
	if (len < 0)
		return (int)len;
	if (len || !(at_flags & LINUX_AT_EMPTY_PATH))
		return target_from_path(dirfd, name, at_flags, out);
	if (dirfd == LINUX_AT_FDCWD)
		return target_from_path(dirfd, ".", 0, out);
	return target_fd_path(dirfd, out);
}

void target_put(struct target *target)
{
	if (target->path.dentry)
		path_put(&target->path);
	else
		fd_put(target->ref);
}

int target_want_write(const struct target *target)
{
	return target->mnt ? mount_want_write(target->mnt) : 0;
}

int path_lookup_at(int dirfd, const char *name, int at_flags, struct path *out)
{
	struct fd_ref ref;

	if (*name || !(at_flags & LINUX_AT_EMPTY_PATH))
		return path_lookup(dirfd, name, at_flags & LINUX_AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW, out);
	if (dirfd == LINUX_AT_FDCWD)
		return path_lookup(dirfd, ".", 0, out);
	ref = fd_get_path(dirfd);
	if (!ref.file)
		return -EBADF;
	if (!ref.file->path.mnt) {
		fd_put(ref);
		return -EACCES;
	}
	*out = ref.file->path;
	path_get(out);
	fd_put(ref);
	return 0;
}
