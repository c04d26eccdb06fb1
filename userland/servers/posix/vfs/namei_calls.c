/* SPDX-License-Identifier: MIT */
/*
 * Making, removing and moving names: mknod, mkdir, symlink, link, unlink, rmdir, rename.
 *
 * All follow one pattern: find the parent, check that it may be written, take its lock, look the last
 * name up, check, let the file system do it, bring the dentry cache in line.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/fcntl.h"
#include "lockrank.h"
#include "mount.h"
#include "namei.h"
#include "process.h"
#include "syscall.h"
#include "usercopy.h"

/* ---- creating ---- */

int name_create_locked(const struct path *parent, struct dentry *dentry, uint32_t mode, uint32_t rdev,
		       const char *target)
{
	struct inode *dir = path_inode(parent);
	struct cred *cred = current ? current->cred : NULL;
	struct inode_new new = {
		.mode = mode,
		.rdev = rdev,
		.target = target,
		.uid = cred ? cred->fsuid : 0,
		.gid = cred ? cred->fsgid : 0,
	};
	int error = mount_want_write(parent->mnt);

	if (!error)
		error = inode_permission(dir, LINUX_W_OK | LINUX_X_OK);
	if (error)
		return error;
	if (!dir->nlink)
		return -ENOENT;
	if (!dir->ops->create) /* /proc says that there is no such name */
		return atomic_load(&dir->flags) & INODE_NOCACHE ? -ENOENT : -EPERM;
	if (dir->mode & LINUX_S_ISGID) {
		new.gid = dir->gid;
		if ((mode & LINUX_S_IFMT) == LINUX_S_IFDIR)
			new.mode |= LINUX_S_ISGID;
	}
	return dir->ops->create(dir, dentry, &new);
}

static int name_create_last(struct path_parent *parent, uint32_t mode, uint32_t rdev, const char *target,
			    struct path *out)
{
	struct inode *dir = path_inode(&parent->path);
	struct dentry *dentry;
	int error;

	mutex_lock(&dir->lock);
	error = dentry_lookup(parent->path.dentry, parent->name, parent->len, &dentry);
	if (!error) {
		if (dentry_inode(dentry))
			error = -EEXIST;
		else if (parent->trailing_slash && (mode & LINUX_S_IFMT) != LINUX_S_IFDIR)
			error = -ENOENT;
		else
			error = name_create_locked(&parent->path, dentry, mode, rdev, target);
		if (!error && out) {
			*out = (struct path){ mount_get(parent->path.mnt), dentry_get(dentry) };
		}
		dentry_put(dentry);
	}
	mutex_unlock(&dir->lock);
	return error;
}

int name_create(int dirfd, const char *name, uint32_t mode, uint32_t rdev, const char *target, struct path *out)
{
	struct path_parent parent;
	int error = path_lookup_parent(dirfd, name, &parent);

	if (error)
		return error;
	if (parent.kind != PATH_LAST_NAME)
		error = -EEXIST;
	else
		error = name_create_last(&parent, mode, rdev, target, out);
	path_put(&parent.path);
	return error;
}

static uint32_t umask_apply(uint32_t mode)
{
	return mode & ~atomic_load_explicit(&current->fs->umask, memory_order_relaxed);
}

static long create_call(int dirfd, uint64_t user_name, uint32_t mode, uint32_t rdev, const char *target)
{
	char name[LINUX_PATH_MAX];
	long len = path_copy_user(name, (void *)user_name);

	return len < 0 ? len : name_create(dirfd, name, mode, rdev, target, NULL);
}

static long mknod_call(int dirfd, uint64_t user_name, uint32_t mode, uint32_t dev)
{
	switch (mode & LINUX_S_IFMT) {
	case 0:
		mode |= LINUX_S_IFREG;
		break;
	case LINUX_S_IFREG:
	case LINUX_S_IFIFO:
	case LINUX_S_IFSOCK:
		break;
	case LINUX_S_IFCHR:
	case LINUX_S_IFBLK:
		if (!capable(CAP_MKNOD))
			return -EPERM;
		return create_call(dirfd, user_name, umask_apply(mode), dev, NULL);
	case LINUX_S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return create_call(dirfd, user_name, umask_apply(mode), 0, NULL);
}

long sys_mknod(SYSCALL_ARGS)
{
	return mknod_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint32_t)a1, (uint32_t)a2);
}

long sys_mknodat(SYSCALL_ARGS)
{
	return mknod_call((int)a0, (uint64_t)a1, (uint32_t)a2, (uint32_t)a3);
}

static long mkdir_call(int dirfd, uint64_t user_name, uint32_t mode)
{
	return create_call(dirfd, user_name, LINUX_S_IFDIR | umask_apply(mode & 01777), 0, NULL);
}

long sys_mkdir(SYSCALL_ARGS)
{
	return mkdir_call(LINUX_AT_FDCWD, (uint64_t)a0, (uint32_t)a1);
}

long sys_mkdirat(SYSCALL_ARGS)
{
	return mkdir_call((int)a0, (uint64_t)a1, (uint32_t)a2);
}

static long symlink_call(uint64_t user_target, int dirfd, uint64_t user_name)
{
	char target[LINUX_PATH_MAX];
	long len = path_copy_user(target, (void *)user_target);

	if (len < 0)
		return len;
	if (!len)
		return -ENOENT;
	return create_call(dirfd, user_name, LINUX_S_IFLNK | 0777, 0, target);
}

long sys_symlink(SYSCALL_ARGS)
{
	return symlink_call((uint64_t)a0, LINUX_AT_FDCWD, (uint64_t)a1);
}

long sys_symlinkat(SYSCALL_ARGS)
{
	return symlink_call((uint64_t)a0, (int)a1, (uint64_t)a2);
}

/* ---- hard links ---- */

/* The file's lock, too: it may get and lose names in other directories at the same time, and they are counted. */
static int link_locked(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	int error = -ENOENT;

	mutex_lock_nested(&inode->lock);
	if (inode->nlink)
		error = dir->ops->link ? dir->ops->link(dir, dentry, inode) : -EPERM;
	mutex_unlock(&inode->lock);
	return error;
}

static int link_last(struct path *old, struct path_parent *parent)
{
	struct inode *dir = path_inode(&parent->path), *inode = path_inode(old);
	struct dentry *dentry;
	int error;

	mutex_lock(&dir->lock);
	error = dentry_lookup(parent->path.dentry, parent->name, parent->len, &dentry);
	if (!error) {
		if (dentry_inode(dentry))
			error = -EEXIST;
		else if (parent->trailing_slash)
			error = -ENOENT;
		else if (parent->path.mnt != old->mnt)
			error = -EXDEV;
		else
			error = mount_want_write(parent->path.mnt);
		if (!error)
			error = inode_permission(dir, LINUX_W_OK | LINUX_X_OK);
		if (!error && inode_is_dir(inode))
			error = -EPERM;
		if (!error)
			error = link_locked(dir, dentry, inode);
		dentry_put(dentry);
	}
	mutex_unlock(&dir->lock);
	return error;
}

static int link_paths(struct path *old, int new_dirfd, const char *new_name)
{
	struct path_parent parent;
	int error = path_lookup_parent(new_dirfd, new_name, &parent);

	if (error)
		return error;
	if (parent.kind != PATH_LAST_NAME)
		error = -EEXIST;
	else
		error = link_last(old, &parent);
	path_put(&parent.path);
	return error;
}

static long link_call(int old_dirfd, uint64_t user_old, int new_dirfd, uint64_t user_new, int flags)
{
	char name[LINUX_PATH_MAX];
	struct path old;
	long error = path_copy_user(name, (void *)user_old);

	if (error < 0)
		return error;
	if (flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & LINUX_AT_EMPTY_PATH) && !capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	if (!(flags & LINUX_AT_SYMLINK_FOLLOW))
		flags |= LINUX_AT_SYMLINK_NOFOLLOW;
	error = path_lookup_at(old_dirfd, name, flags, &old);
	if (error)
		return error;
	error = path_copy_user(name, (void *)user_new);
	if (error >= 0)
		error = link_paths(&old, new_dirfd, name);
	path_put(&old);
	return error;
}

long sys_link(SYSCALL_ARGS)
{
	return link_call(LINUX_AT_FDCWD, (uint64_t)a0, LINUX_AT_FDCWD, (uint64_t)a1, 0);
}

long sys_linkat(SYSCALL_ARGS)
{
	return link_call((int)a0, (uint64_t)a1, (int)a2, (uint64_t)a3, (int)a4);
}

/* ---- removing ---- */

int name_may_remove(struct inode *dir, struct dentry *dentry, bool directory)
{
	struct inode *inode = dentry_inode(dentry);
	int error = inode_permission(dir, LINUX_W_OK | LINUX_X_OK);

	if (error)
		return error;
	if ((dir->mode & LINUX_S_ISVTX) && !inode_is_owner(dir) && !inode_is_owner(inode))
		return -EPERM;
	if (directory != inode_is_dir(inode))
		return directory ? -ENOTDIR : -EISDIR;
	return 0;
}

/* As link_locked; and a directory that is found to be empty gets no name before it is gone. */
static int name_remove_locked(struct inode *dir, struct dentry *dentry, bool directory)
{
	struct inode *inode = dentry_inode(dentry);
	int error = -EPERM;

	mutex_lock_nested(&inode->lock);
	if (directory && dir->ops->rmdir)
		error = dir->ops->rmdir(dir, dentry);
	else if (!directory && dir->ops->unlink)
		error = dir->ops->unlink(dir, dentry);
	mutex_unlock(&inode->lock);
	return error;
}

static int remove_locked(struct path_parent *parent, struct dentry *dentry, bool directory)
{
	struct inode *dir = path_inode(&parent->path), *inode = dentry_inode(dentry);
	int error;

	if (!inode)
		return -ENOENT;
	if (!directory && parent->trailing_slash)
		return inode_is_dir(inode) ? -EISDIR : -ENOTDIR;
	error = name_may_remove(dir, dentry, directory);
	if (error)
		return error;
	if (atomic_load(&dentry->nr_mounts))
		return -EBUSY;
	error = name_remove_locked(dir, dentry, directory);
	if (!error) {
		dentry_kill(dentry);
		if (directory)
			dentry_prune_children(dentry);
	}
	return error;
}

static int remove_last(struct path_parent *parent, bool directory)
{
	struct inode *dir = path_inode(&parent->path);
	struct dentry *dentry;
	int error = mount_want_write(parent->path.mnt);

	if (error)
		return error;
	mutex_lock(&dir->lock);
	error = dentry_lookup(parent->path.dentry, parent->name, parent->len, &dentry);
	if (!error)
		error = remove_locked(parent, dentry, directory);
	else
		dentry = NULL;
	mutex_unlock(&dir->lock);
	dentry_put(dentry); /* may free the file: not under its directory's lock */
	return error;
}

static long remove_call(int dirfd, uint64_t user_name, bool directory)
{
	static const int rmdir_errors[] = {
		[PATH_LAST_DOT] = -EINVAL,
		[PATH_LAST_DOTDOT] = -ENOTEMPTY,
		[PATH_LAST_ROOT] = -EBUSY,
	};
	struct path_parent parent;
	char name[LINUX_PATH_MAX];
	long error = path_copy_user(name, (void *)user_name);

	if (error < 0)
		return error;
	error = path_lookup_parent(dirfd, name, &parent);
	if (error)
		return error;
	if (parent.kind != PATH_LAST_NAME)
		error = directory ? rmdir_errors[parent.kind] : -EISDIR;
	else
		error = remove_last(&parent, directory);
	path_put(&parent.path);
	return error;
}

long sys_unlink(SYSCALL_ARGS)
{
	return remove_call(LINUX_AT_FDCWD, (uint64_t)a0, false);
}

long sys_rmdir(SYSCALL_ARGS)
{
	return remove_call(LINUX_AT_FDCWD, (uint64_t)a0, true);
}

long sys_unlinkat(SYSCALL_ARGS)
{
	if ((int)a2 & ~LINUX_AT_REMOVEDIR)
		return -EINVAL;
	return remove_call((int)a0, (uint64_t)a1, (int)a2 & LINUX_AT_REMOVEDIR);
}
