/* SPDX-License-Identifier: MIT */
/*
 * A walk along a path: the engine behind path_lookup and open.
 *
 *	error = walk_begin(&walk, dirfd, name, flags);     takes dentry_lock for reading
 *	if (!error)
 *		error = walk_run(&walk, false);            may drop it and take it again
 *	if (!error)
 *		walk_result(&walk, &path);                 references for the caller
 *	walk_end(&walk);                                   in any case; drops the lock
 *
 * While the lock is held, mnt and dentry are safe without references.  When the walk must block (a name
 * that isn't cached, a link to read), it pins: takes references to where it stands, kept in `pin` until
 * the next pin or the end, and drops the lock.
 */
#ifndef POSIX_WALK_H
#define POSIX_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "file.h"
#include "path.h"

struct walk {
	struct mount *mnt; /* where the walk stands */
	struct dentry *dentry;
	struct path root;     /* no way leads above it */
	struct path root_pin; /* references to root, if the context is shared */
	struct path pin;      /* references taken at the last pin */
	struct fd_ref start;  /* the directory descriptor */
	const char *rest;     /* of the path, behind the components done */
	char *buffer;         /* holds the rest once a link was followed; malloc'ed */
	size_t buffer_size;
	unsigned flags; /* LOOKUP_* */
	unsigned nr_links;
	bool locked; /* dentry_lock is held for reading */
	/* The last component, if the walk stopped before it. */
	enum path_last last_kind;
	const char *last;
	size_t last_len;
	bool trailing_slash;
};

int walk_begin(struct walk *walk, int dirfd, const char *name, unsigned flags);
/* To the end, or to the parent of the last component. */
int walk_run(struct walk *walk, bool parent_only);
/* One component down; the result may be negative. */
int walk_step(struct walk *walk, const char *name, size_t len);
/* To the top of what is mounted where the walk stands. */
int walk_step_mounts(struct walk *walk);
/* The walk stands on a symbolic link: go where it leads; `after` is the path behind it. */
int walk_follow(struct walk *walk, const char *after);
void walk_pin(struct walk *walk);
void walk_relock(struct walk *walk);
void walk_result(struct walk *walk, struct path *out);
void walk_end(struct walk *walk);

#endif
