/* SPDX-License-Identifier: MIT */
/* Changes of names, for the calls that make them. */
#ifndef POSIX_NAMEI_H
#define POSIX_NAMEI_H

#include <stdbool.h>
#include <stdint.h>

#include "path.h"

struct dentry;
struct inode;

/*
 * Creates the file of a negative dentry below parent, whose inode's lock is held: checks permission, applies
 * the directory's group.  mode has the type; the umask is the caller's.
 */
int name_create_locked(const struct path *parent, struct dentry *dentry, uint32_t mode, uint32_t rdev,
		       const char *target);
/* Creates by name inside the server (bind of a socket, start-up): *out (may be NULL) gets the path. */
int name_create(int dirfd, const char *name, uint32_t mode, uint32_t rdev, const char *target,
		struct path *out);

/*
 * May the caller take this name, which exists, out of dir?  -EACCES, -EPERM; -ENOTDIR or -EISDIR if it is
 * not of the kind that `directory` says.
 */
int name_may_remove(struct inode *dir, struct dentry *dentry, bool directory);

/* A path with AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW ignored, AT_EMPTY_PATH. */
int path_lookup_at(int dirfd, const char *name, int at_flags, struct path *out);

/* Change of size by truncate, ftruncate, O_TRUNC: takes the lock. Permission is the caller's business. */
int inode_truncate(struct inode *inode, int64_t size);
/* fallocate: takes the lock. */
int inode_allocate(struct inode *inode, int mode, int64_t offset, int64_t len);

#endif
