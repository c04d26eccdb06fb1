/* SPDX-License-Identifier: MIT */
/*
 * Paths: a place in the tree of mounts, and how to find one by name.
 *
 * A struct path owns a reference to its mount and one to its dentry (path_get, path_put).
 * All lookups start at a directory descriptor or AT_FDCWD; names are kernel strings (path_copy_user
 * brings a user's in).
 */
#ifndef POSIX_PATH_H
#define POSIX_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linux/fcntl.h"

struct mount;
struct dentry;
struct inode;
struct file;
struct fs_context;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

static inline bool path_equal(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

void path_get(const struct path *path);
void path_put(const struct path *path);
struct inode *path_inode(const struct path *path); /* NULL if negative; no reference */

/* Flags of path_lookup. */
#define LOOKUP_FOLLOW    (1u << 0) /* follow a symbolic link in the last component */
#define LOOKUP_DIRECTORY (1u << 1) /* the result must be a directory */
#define LOOKUP_EMPTY     (1u << 2) /* an empty name means the directory descriptor itself */
#define LOOKUP_NO_XDEV   (1u << 3)
#define LOOKUP_NO_LINKS  (1u << 4)
#define LOOKUP_NO_MAGIC  (1u << 5)
#define LOOKUP_BENEATH   (1u << 6)
#define LOOKUP_IN_ROOT   (1u << 7)

/*
 * A user's path in a buffer of LINUX_PATH_MAX bytes: its length, or -EFAULT, -ENAMETOOLONG.
 * An empty path is 0 here; lookups turn it into -ENOENT.
 */
long path_copy_user(char *buffer, const void *user);

/* The object itself, with references. -errno. */
int path_lookup(int dirfd, const char *name, unsigned flags, struct path *out);
/* The same for a path in the caller's memory. */
int path_lookup_user(int dirfd, const void *user_name, unsigned flags, struct path *out);

/* The parent directory and the last component, not looked up. */
enum path_last {
	PATH_LAST_NAME, /* an ordinary name */
	PATH_LAST_DOT,
	PATH_LAST_DOTDOT,
	PATH_LAST_ROOT, /* "/" */
};

struct path_parent {
	struct path path; /* with references */
	enum path_last kind;
	char name[LINUX_NAME_MAX + 1];
	size_t len; /* if more than LINUX_NAME_MAX, name is cut and a lookup will refuse it */
	bool trailing_slash;
};
int path_lookup_parent(int dirfd, const char *name, struct path_parent *out);

/*
 * The absolute name of path below root, as getcwd and /proc show it, written to the end of buffer; the
 * start is returned.  Unreachable paths begin with "(unreachable)", deleted ones end in " (deleted)".
 */
char *path_name(const struct path *path, const struct path *root, char *buffer, size_t size);

/* The same for the current thread's root. */
char *path_name_current(const struct path *path, char *buffer, size_t size);

/* Opens a file inside the server: exec, start-up. flags LINUX_O_*. */
int file_open_path(int dirfd, const char *name, int flags, uint32_t mode, struct file **out);
/* For execve: a regular file that may be executed and isn't open for writing; writing is denied until
 * file_put. -EACCES -ETXTBSY ... AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW in at_flags. */
int file_open_exec(int dirfd, const char *name, int at_flags, struct file **out);

#endif
