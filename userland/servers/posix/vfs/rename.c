/* SPDX-License-Identifier: MIT */
/*
 * rename.  Two directories are locked in the order of their addresses, and only under rename_lock, so that
 * no other thread holds one and wants the other; and the tree above them stands still, which the check for
 * moving a directory into itself needs.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "inode.h"
#include "linux/fcntl.h"
#include "lockrank.h"
#include "mount.h"
#include "path.h"
#include "process.h"
#include "syscall.h"

static struct mutex rename_lock = MUTEX_INIT("rename", LOCK_RENAME);

struct rename {
	struct path_parent old, new;
	struct inode *old_dir, *new_dir;
	struct dentry *source, *target;
	unsigned flags;
};

static bool dentry_is_below(struct dentry *dentry, const struct dentry *ancestor)
{
	bool below = false;

	rwlock_read_lock(&dentry_lock);
	for (; !below; dentry = dentry->parent) {
		below = dentry == ancestor;
		if (dentry->parent == dentry)
			break;
	}
	rwlock_read_unlock(&dentry_lock);
	return below;
}

static void rename_lock_dirs(struct inode *a, struct inode *b)
{
	mutex_lock(&rename_lock);
	if (a == b) {
		mutex_lock(&a->lock);
	} else if (a < b) {
		mutex_lock(&a->lock);
		mutex_lock_nested(&b->lock);
	} else {
		mutex_lock(&b->lock);
		mutex_lock_nested(&a->lock);
	}
}

static void rename_unlock_dirs(struct inode *a, struct inode *b)
{
	if (a != b)
		mutex_unlock(&b->lock);
	mutex_unlock(&a->lock);
	mutex_unlock(&rename_lock);
}

static int rename_may_write(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = dentry_inode(dentry);
	int error = inode_permission(dir, LINUX_W_OK | LINUX_X_OK);

	if (!error && inode && (dir->mode & LINUX_S_ISVTX) && !inode_is_owner(dir) &&
	    !inode_is_owner(inode))
		error = -EPERM;
	if (!error && atomic_load(&dentry->nr_mounts))
		error = -EBUSY;
	return error;
}

/* Types of source and target must fit. */
static int rename_check_types(struct rename *r)
{
	struct inode *source = dentry_inode(r->source), *target = dentry_inode(r->target);

	if (!inode_is_dir(source) && (r->old.trailing_slash ||
				      (r->new.trailing_slash && !(r->flags & LINUX_RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (!target)
		return r->flags & LINUX_RENAME_EXCHANGE ? -ENOENT : 0;
	if (r->flags & LINUX_RENAME_NOREPLACE)
		return -EEXIST;
	if (r->flags & LINUX_RENAME_EXCHANGE)
		return 0;
	if (inode_is_dir(source) && !inode_is_dir(target))
		return -ENOTDIR;
	if (!inode_is_dir(source) && inode_is_dir(target))
		return -EISDIR;
	return 0;
}

static int rename_check(struct rename *r)
{
	int error;

	if (!dentry_inode(r->source))
		return -ENOENT;
	if (dentry_is_below(r->new.path.dentry, r->source))
		return -EINVAL;
	if (dentry_is_below(r->old.path.dentry, r->target))
		return r->flags & LINUX_RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	error = rename_check_types(r);
	if (!error)
		error = rename_may_write(r->old_dir, r->source);
	if (!error)
		error = rename_may_write(r->new_dir, r->target);
	if (!error && inode_is_dir(dentry_inode(r->source)) && r->old_dir != r->new_dir)
		error = inode_permission(dentry_inode(r->source), LINUX_W_OK); /* its `..` changes */
	if (!error && !r->old_dir->ops->rename)
		error = -EPERM;
	return error;
}

static int rename_locked(struct rename *r)
{
	int error = rename_check(r);

	if (error)
		return error;
	if (dentry_inode(r->source) == dentry_inode(r->target))
		return 0; /* two names of one file: POSIX says nothing happens */
	error = r->old_dir->ops->rename(r->old_dir, r->source, r->new_dir, r->target, r->flags);
	if (error)
		return error;
	if (r->flags & LINUX_RENAME_EXCHANGE)
		dentry_exchange(r->source, r->target);
	else
		dentry_move(r->source, r->target);
	return 0;
}

static int rename_parents(struct rename *r)
{
	int error;

	if (r->old.path.mnt != r->new.path.mnt)
		return -EXDEV;
	if (r->old.kind != PATH_LAST_NAME || r->new.kind != PATH_LAST_NAME)
		return -EBUSY;
	error = mount_want_write(r->old.path.mnt);
	if (error)
		return error;
	r->old_dir = path_inode(&r->old.path);
	r->new_dir = path_inode(&r->new.path);
	rename_lock_dirs(r->old_dir, r->new_dir);
	error = dentry_lookup(r->old.path.dentry, r->old.name, r->old.len, &r->source);
	if (!error) {
		error = dentry_lookup(r->new.path.dentry, r->new.name, r->new.len, &r->target);
		if (!error)
			error = rename_locked(r);
	}
	rename_unlock_dirs(r->old_dir, r->new_dir);
	dentry_put(r->source);
	if (r->target && !error && dentry_inode(r->target) && inode_is_dir(dentry_inode(r->target)))
		dentry_prune_children(r->target);
	dentry_put(r->target);
	return error;
}

static int rename_names(struct rename *r, int old_dirfd, const char *old, int new_dirfd, const char *new)
{
	int error = path_lookup_parent(old_dirfd, old, &r->old);

	if (error)
		return error;
	error = path_lookup_parent(new_dirfd, new, &r->new);
	if (!error) {
		error = rename_parents(r);
		path_put(&r->new.path);
	}
	path_put(&r->old.path);
	return error;
}

static long rename_call(int old_dirfd, uint64_t user_old, int new_dirfd, uint64_t user_new, unsigned flags)
{
	char old[LINUX_PATH_MAX], new[LINUX_PATH_MAX];
	struct rename r = { .flags = flags };
	long error;

	if ((flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE)) ||
	    flags == (LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE))
		return -EINVAL;
	error = path_copy_user(old, (void *)user_old);
	if (error >= 0)
		error = path_copy_user(new, (void *)user_new);
	if (error < 0)
		return error;
	return rename_names(&r, old_dirfd, old, new_dirfd, new);
}

long sys_rename(SYSCALL_ARGS)
{
	return rename_call(LINUX_AT_FDCWD, (uint64_t)a0, LINUX_AT_FDCWD, (uint64_t)a1, 0);
}

long sys_renameat(SYSCALL_ARGS)
{
	return rename_call((int)a0, (uint64_t)a1, (int)a2, (uint64_t)a3, 0);
}

long sys_renameat2(SYSCALL_ARGS)
{
	return rename_call((int)a0, (uint64_t)a1, (int)a2, (uint64_t)a3, (unsigned)a4);
}
