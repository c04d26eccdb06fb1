/* SPDX-License-Identifier: MIT */
/*
 * What a call on attributes is about: a path relative to a directory, or a descriptor (AT_EMPTY_PATH, the
 * f* calls), which may be of a file without a name.
 */
#ifndef POSIX_TARGET_H
#define POSIX_TARGET_H

#include <stdint.h>

#include "file.h"
#include "path.h"

struct target {
	struct inode *inode;
	struct mount *mnt; /* NULL: a file without a name */
	struct path path;  /* owned, if by path */
	struct fd_ref ref; /* owned, if by descriptor */
};

/* at_flags: SYMLINK_NOFOLLOW, EMPTY_PATH; others are ignored. */
int target_lookup(int dirfd, uint64_t user_name, int at_flags, struct target *out);
int target_fd(int fd, struct target *out);
int target_fd_path(int fd, struct target *out); /* O_PATH descriptors too */
void target_put(struct target *target);
int target_want_write(const struct target *target);

#endif
