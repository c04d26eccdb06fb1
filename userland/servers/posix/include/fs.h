/* SPDX-License-Identifier: MIT */
/*
 * What a process believes about the tree: working directory, root, and umask.  Shared with CLONE_FS.
 *
 * Legend: [a] atomic, [f] fs_context->lock.
 */
#ifndef POSIX_FS_H
#define POSIX_FS_H

#include <stdatomic.h>
#include <stdint.h>
#include <quoin/sync.h>

#include "path.h"

struct fs_context {
	struct mutex lock;
	atomic_uint refs;  /* [a] */
	atomic_uint umask; /* [a] */
	struct path cwd;   /* [f] with references */
	struct path root;  /* [f] with references */
};

struct fs_context *fs_context_create(void); /* at the root mount, umask 022; NULL: ENOMEM */
struct fs_context *fs_context_clone(struct fs_context *context);
struct fs_context *fs_context_share(struct fs_context *context);
void fs_context_put(struct fs_context *context);
int fs_context_unshare(struct fs_context **context);
/* Replaces cwd or root; takes over path's references. */
void fs_context_set(struct fs_context *context, struct path *which, const struct path *path);
/* Copies with references. */
void fs_context_cwd(struct fs_context *context, struct path *out);
void fs_context_root(struct fs_context *context, struct path *out);

#endif
