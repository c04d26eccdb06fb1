/* SPDX-License-Identifier: MIT */
/* open and its kin. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/system.h"
#include "mount.h"
#include "namei.h"
#include "process.h"
#include "syscall.h"
#include "usercopy.h"
#include "walk.h"

static int open_access_mask(int flags)
{
	static const int masks[] = { LINUX_R_OK, LINUX_W_OK, LINUX_R_OK | LINUX_W_OK, 0 };
	int mask = masks[flags & LINUX_O_ACCMODE];

	return flags & LINUX_O_TRUNC ? mask | LINUX_W_OK : mask;
}

static int open_check_type(const struct path *path, const struct inode *inode, int flags)
{
	int mask = open_access_mask(flags);

	switch (inode->mode & LINUX_S_IFMT) {
	case LINUX_S_IFLNK:
		return -ELOOP;
	case LINUX_S_IFSOCK:
		return -ENXIO;
	case LINUX_S_IFDIR:
		if ((mask & LINUX_W_OK) || (flags & LINUX_O_CREAT))
			return -EISDIR;
		return 0;
	case LINUX_S_IFCHR:
	case LINUX_S_IFBLK:
		return path->mnt->flags & LINUX_MS_NODEV ? -EACCES : 0;
	case LINUX_S_IFREG:
		return mask & LINUX_W_OK ? mount_want_write(path->mnt) : 0;
	default:
		return 0;
	}
}

/* May the caller open what path names? `created`: by this very call, then its mode doesn't matter. */
static int open_check(const struct path *path, int flags, bool created)
{
	struct inode *inode = path_inode(path);
	int error;

	if ((flags & LINUX_O_DIRECTORY) && !inode_is_dir(inode))
		return -ENOTDIR;
	error = open_check_type(path, inode, flags);
	if (error || created)
		return error;
	error = inode_permission(inode, open_access_mask(flags));
	if (!error && (flags & LINUX_O_NOATIME) && !inode_is_owner(inode))
		error = -EPERM;
	return error;
}

/* O_TRUNC also of a file that is opened for reading: a program that runs stays whole. */
static int open_truncate(struct inode *inode)
{
	int error = inode_get_write(inode);

	if (error)
		return error;
	error = inode_truncate(inode, 0);
	inode_put_write(inode);
	return error;
}

/* The file for path, with all that open() does to it. */
static int open_path(const struct path *path, int flags, bool created, struct file **out)
{
	struct inode *inode = path_inode(path);
	int error;

	if (flags & LINUX_O_PATH) {
		if ((flags & LINUX_O_DIRECTORY) && !inode_is_dir(inode))
			return -ENOTDIR;
		return file_create(path, flags, out);
	}
	error = open_check(path, flags, created);
	if (!error)
		error = file_create(path, flags, out);
	if (!error && (flags & LINUX_O_TRUNC) && inode_is_regular(inode) && !created) {
		error = open_truncate(inode);
		if (error)
			file_put(*out);
	}
	return error;
}

/*
 * The last component of an O_CREAT open, with the walk pinned at its directory and the lock dropped:
 * creates it if it isn't there. *child has a reference.
 */
static int open_create_last(struct walk *walk, int flags, uint32_t mode, struct dentry **child, bool *created)
{
	struct inode *dir = dentry_inode(walk->pin.dentry);
	int error;

	mutex_lock(&dir->lock);
	error = dentry_lookup(walk->pin.dentry, walk->last, walk->last_len, child);
	if (!error && !dentry_inode(*child)) {
		error = name_create_locked(&walk->pin, *child, LINUX_S_IFREG | (mode & 07777), 0, NULL);
		*created = !error;
		if (error)
			dentry_put(*child);
	} else if (!error && (flags & LINUX_O_EXCL)) {
		dentry_put(*child);
		error = -EEXIST;
	}
	mutex_unlock(&dir->lock);
	return error;
}

/* One round: 0 with *done false means a link was followed and the walk goes on. */
static int open_create_round(struct walk *walk, int flags, uint32_t mode, bool *created, bool *done)
{
	struct dentry *child;
	int error = walk_run(walk, true);

	if (error)
		return error;
	if (walk->last_kind != PATH_LAST_NAME || walk->trailing_slash)
		return -EISDIR;
	if (walk->last_len > LINUX_NAME_MAX)
		return -ENAMETOOLONG;
	walk_pin(walk);
	error = open_create_last(walk, flags, mode, &child, created);
	if (error)
		return error;
	dentry_put(walk->pin.dentry);
	walk->pin.dentry = child;
	walk_relock(walk);
	walk->dentry = child;
	*done = true;
	if (*created)
		return 0;
	if (inode_is_link(dentry_inode(child))) {
		if (flags & LINUX_O_NOFOLLOW)
			return -ELOOP;
		*done = false;
		return walk_follow(walk, "");
	}
	return walk_step_mounts(walk);
}

static int open_create(int dirfd, const char *name, int flags, uint32_t mode, unsigned lookup,
		       struct file **out)
{
	bool created = false, done = false;
	struct path path = {};
	struct walk walk;
	int error = walk_begin(&walk, dirfd, name, lookup);

	while (!error && !done) {
		error = open_create_round(&walk, flags, mode, &created, &done);
		if (!error && !done && !*walk.rest)
			done = true; /* a magic link led to the object itself */
	}
	if (!error)
		walk_result(&walk, &path);
	walk_end(&walk);
	if (error)
		return error;
	error = open_path(&path, flags, created, out);
	path_put(&path);
	return error;
}

/* Flags that belong together, as Linux's build_open_flags. */
static int open_flags_check(int *flags)
{
	if (*flags & LINUX_O_PATH)
		*flags &= LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_PATH | LINUX_O_CLOEXEC;
	if ((*flags & LINUX_O_TMPFILE) == LINUX_O_TMPFILE)
		return -EOPNOTSUPP;
	if ((*flags & (LINUX_O_CREAT | LINUX_O_DIRECTORY)) == (LINUX_O_CREAT | LINUX_O_DIRECTORY))
		return -EINVAL;
	return 0;
}

static int open_resolved(int dirfd, const char *name, int flags, uint32_t mode, unsigned lookup,
			 struct file **out)
{
	struct path path;
	int error = open_flags_check(&flags);

	if (error)
		return error;
	if (flags & LINUX_O_CREAT)
		return open_create(dirfd, name, flags, mode, lookup, out);
	if (!(flags & LINUX_O_NOFOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (flags & LINUX_O_DIRECTORY)
		lookup |= LOOKUP_DIRECTORY;
	error = path_lookup(dirfd, name, lookup, &path);
	if (error)
		return error;
	error = open_path(&path, flags, false, out);
	path_put(&path);
	return error;
}

int file_open_path(int dirfd, const char *name, int flags, uint32_t mode, struct file **out)
{
	return open_resolved(dirfd, name, flags, mode, 0, out);
}

/* ---- exec ---- */

static int open_exec_check(const struct path *path)
{
	struct inode *inode = path_inode(path);

	if (inode_is_link(inode))
		return -ELOOP;
	if (!inode_is_regular(inode) || (path->mnt->flags & LINUX_MS_NOEXEC))
		return -EACCES;
	return inode_permission(inode, LINUX_X_OK);
}

int file_open_exec(int dirfd, const char *name, int at_flags, struct file **out)
{
	struct path path;
	int error = path_lookup_at(dirfd, name, at_flags, &path);

	if (error)
		return error;
	error = open_exec_check(&path);
	if (!error)
		error = file_create(&path, LINUX_O_RDONLY, out);
	if (!error) {
		error = inode_deny_write(path_inode(&path));
		if (error)
			file_put(*out);
		else
			(*out)->mode |= FILE_EXEC;
	}
	path_put(&path);
	return error;
}

/* ---- system calls ---- */

/* The number comes first: nothing is made or cut short when there is none. */
static long open_call(int dirfd, uint64_t user_name, int flags, uint32_t mode, unsigned lookup)
{
	char name[LINUX_PATH_MAX];
	struct file *file;
	long error = path_copy_user(name, (void *)user_name);
	int fd;

	if (error < 0)
		return error;
	fd = fd_reserve(flags & LINUX_O_CLOEXEC);
	if (fd < 0)
		return fd;
	if (current->fs)
		mode &= ~atomic_load_explicit(&current->fs->umask, memory_order_relaxed);
	error = open_resolved(dirfd, name, flags, mode, lookup, &file);
	if (error) {
		fd_release_reserved(fd);
		return error;
	}
	fd_fill(fd, file);
	return fd;
}

/* Programs for x86-64 have large files always; F_GETFL shows it, as Linux does. */
#define OPEN_FLAGS_KNOWN                                                                                    \
	(LINUX_O_ACCMODE | LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_APPEND | \
	 LINUX_O_NONBLOCK | LINUX_O_SYNC | LINUX_O_ASYNC | LINUX_O_DIRECT | LINUX_O_LARGEFILE |             \
	 LINUX_O_TMPFILE | LINUX_O_NOFOLLOW | LINUX_O_NOATIME | LINUX_O_CLOEXEC | LINUX_O_PATH)

long sys_open(SYSCALL_ARGS)
{
	return open_call(LINUX_AT_FDCWD, (uint64_t)a0, ((int)a1 & OPEN_FLAGS_KNOWN) | LINUX_O_LARGEFILE,
			 (uint32_t)a2, 0);
}

long sys_openat(SYSCALL_ARGS)
{
	return open_call((int)a0, (uint64_t)a1, ((int)a2 & OPEN_FLAGS_KNOWN) | LINUX_O_LARGEFILE, (uint32_t)a3,
			 0);
}

long sys_creat(SYSCALL_ARGS)
{
	return open_call(LINUX_AT_FDCWD, (uint64_t)a0,
			 LINUX_O_CREAT | LINUX_O_WRONLY | LINUX_O_TRUNC | LINUX_O_LARGEFILE, (uint32_t)a1, 0);
}

static unsigned resolve_to_lookup(uint64_t resolve)
{
	unsigned lookup = 0;

	if (resolve & LINUX_RESOLVE_NO_XDEV)
		lookup |= LOOKUP_NO_XDEV;
	if (resolve & LINUX_RESOLVE_NO_MAGICLINKS)
		lookup |= LOOKUP_NO_MAGIC;
	if (resolve & LINUX_RESOLVE_NO_SYMLINKS)
		lookup |= LOOKUP_NO_LINKS;
	if (resolve & LINUX_RESOLVE_BENEATH)
		lookup |= LOOKUP_BENEATH;
	if (resolve & LINUX_RESOLVE_IN_ROOT)
		lookup |= LOOKUP_IN_ROOT;
	return lookup;
}

#define RESOLVE_KNOWN                                                                      \
	(LINUX_RESOLVE_NO_XDEV | LINUX_RESOLVE_NO_MAGICLINKS | LINUX_RESOLVE_NO_SYMLINKS | \
	 LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_IN_ROOT)

/* A struct that may be longer than ours if the tail is zero. */
static long open_how_copy(struct linux_open_how *how, uint64_t user, uint64_t size)
{
	long error;

	if (size < sizeof(*how))
		return -EINVAL;
	if (size > QUOIN_PAGE_SIZE)
		return -E2BIG;
	error = copy_from_user(how, user, sizeof(*how));
	for (uint64_t at = sizeof(*how); !error && at < size; at++) {
		uint8_t byte;

		error = get_user_u8(user + at, &byte);
		if (!error && byte)
			error = -E2BIG;
	}
	return error;
}

long sys_openat2(SYSCALL_ARGS)
{
	struct linux_open_how how;
	long error = open_how_copy(&how, (uint64_t)a2, (uint64_t)a3);
	bool creates;

	if (error)
		return error;
	creates = how.flags & (LINUX_O_CREAT | (LINUX_O_TMPFILE & ~LINUX_O_DIRECTORY));
	if ((how.flags & ~(uint64_t)OPEN_FLAGS_KNOWN) || (how.resolve & ~(uint64_t)RESOLVE_KNOWN) ||
	    (how.mode & ~07777ull) || (how.mode && !creates) ||
	    ((how.resolve & LINUX_RESOLVE_BENEATH) && (how.resolve & LINUX_RESOLVE_IN_ROOT)))
		return -EINVAL;
	return open_call((int)a0, (uint64_t)a1, (int)how.flags | LINUX_O_LARGEFILE, (uint32_t)how.mode,
			 resolve_to_lookup(how.resolve));
}

long sys_umask(SYSCALL_ARGS)
{
	return atomic_exchange(&current->fs->umask, (unsigned)a0 & 0777);
}
