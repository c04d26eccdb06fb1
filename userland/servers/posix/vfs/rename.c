/* SPDX-License-Identifier: MIT */
/*
 * rename.  Two directories are locked under rename_lock, so that the tree above them stands still, which the
 * check for moving a directory into itself needs, and no other rename holds one and wants the other.  Of two,
 * one below the other, the upper one is locked first, as who removes a directory locks its parent and then it.
 * What loses its name is locked last: it is below the one, and rename_check_names has seen that the other is
 * not below it.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "inode.h"
#include "linux/fcntl.h"
#include "lockrank.h"
#include "mount.h"
#include "namei.h"
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

static void rename_lock_dirs(struct rename *r)
{
	struct inode *first = r->old_dir, *second = r->new_dir;

	mutex_lock(&rename_lock);
	if (dentry_is_below(r->old.path.dentry, r->new.path.dentry)) {
		first = r->new_dir;
		second = r->old_dir;
	}
	mutex_lock(&first->lock);
	if (first != second)
		mutex_lock_nested(&second->lock);
}

static void rename_unlock_dirs(struct inode *a, struct inode *b)
{
	if (a != b)
		mutex_unlock(&b->lock);
	mutex_unlock(&a->lock);
	mutex_unlock(&rename_lock);
}

/* Do the names stand for what they have to? */
static int rename_check_names(struct rename *r)
{
	struct inode *source = dentry_inode(r->source), *target = dentry_inode(r->target);
	bool exchange = r->flags & LINUX_RENAME_EXCHANGE;

	if (target && (r->flags & LINUX_RENAME_NOREPLACE))
		return -EEXIST;
	if (!target && exchange)
		return -ENOENT;
	if (exchange && r->new.trailing_slash && !inode_is_dir(target))
		return -ENOTDIR;
	if (!inode_is_dir(source) && (r->old.trailing_slash || (r->new.trailing_slash && !exchange)))
		return -ENOTDIR;
	if (dentry_is_below(r->new.path.dentry, r->source))
		return -EINVAL;
	if (dentry_is_below(r->old.path.dentry, r->target))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* Moving a directory elsewhere changes its `..`. */
static int rename_may_move(struct inode *inode)
{
	return inode_is_dir(inode) ? inode_permission(inode, LINUX_W_OK) : 0;
}

static int rename_check_permission(struct rename *r)
{
	struct inode *source = dentry_inode(r->source), *target = dentry_inode(r->target);
	bool exchange = r->flags & LINUX_RENAME_EXCHANGE;
	int error = name_may_remove(r->old_dir, r->source, inode_is_dir(source));

	if (!error && target)
		error = name_may_remove(r->new_dir, r->target, inode_is_dir(exchange ? target : source));
	else if (!error)
		error = inode_permission(r->new_dir, LINUX_W_OK | LINUX_X_OK);
	if (!error && r->old_dir != r->new_dir) {
		error = rename_may_move(source);
		if (!error && exchange)
			error = rename_may_move(target);
	}
	if (!error && (atomic_load(&r->source->nr_mounts) || atomic_load(&r->target->nr_mounts)))
		error = -EBUSY;
	return error;
}

/* What loses its name is locked: it may get and lose others, or names in it, at the same time. */
static int rename_run(struct rename *r)
{
	struct inode *target = dentry_inode(r->target);
	bool loses = target && !(r->flags & LINUX_RENAME_EXCHANGE);
	int error;

	if (!r->old_dir->ops->rename)
		return -EPERM;
	if (loses)
		mutex_lock_nested(&target->lock);
	error = r->old_dir->ops->rename(r->old_dir, r->source, r->new_dir, r->target, r->flags);
	if (loses)
		mutex_unlock(&target->lock);
	return error;
}

static int rename_locked(struct rename *r)
{
	struct inode *target = dentry_inode(r->target);
	int error = rename_check_names(r);

	if (error)
		return error;
	if (dentry_inode(r->source) == target)
		return 0; /* two names of one file: POSIX says nothing happens */
	error = rename_check_permission(r);
	if (!error)
		error = rename_run(r);
	if (error)
		return error;
	if (r->flags & LINUX_RENAME_EXCHANGE) {
		dentry_exchange(r->source, r->target);
		return 0;
	}
	dentry_move(r->source, r->target);
	if (target && inode_is_dir(target))
		dentry_prune_children(r->target);
	return 0;
}

static int rename_parents(struct rename *r)
{
	int error;

	if (r->old.path.mnt != r->new.path.mnt)
		return -EXDEV;
	if (r->old.kind != PATH_LAST_NAME)
		return -EBUSY;
	if (r->new.kind != PATH_LAST_NAME)
		return r->flags & LINUX_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	error = mount_want_write(r->old.path.mnt);
	if (error)
		return error;
	r->old_dir = path_inode(&r->old.path);
	r->new_dir = path_inode(&r->new.path);
	rename_lock_dirs(r);
	error = dentry_lookup(r->old.path.dentry, r->old.name, r->old.len, &r->source);
	if (!error && !dentry_inode(r->source))
		error = -ENOENT;
	if (!error)
		error = dentry_lookup(r->new.path.dentry, r->new.name, r->new.len, &r->target);
	if (!error)
		error = rename_locked(r);
	rename_unlock_dirs(r->old_dir, r->new_dir);
	dentry_put(r->source);
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
