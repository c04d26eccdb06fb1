/* SPDX-License-Identifier: MIT */
/*
 * The mount table: which superblock's tree hangs where.
 *
 * A mount joins a superblock (or a part of one: bind) to a mount point, a dentry in another mount.  The
 * table's shape is guarded by dentry_lock, like the dentries', so a path walk crosses mounts under the
 * one read lock it holds anyway.  mount_lock serialises the changes themselves.
 *
 * Legend: [I] immutable, [a] atomic, [w] dentry_lock and mount_lock for writing, either for reading.
 */
#ifndef POSIX_MOUNT_H
#define POSIX_MOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>
#include <quoin/types.h>

#include "path.h"

struct superblock;

struct mount {
	struct superblock *sb;     /* [I] with a reference */
	struct dentry *root;       /* [I] with a reference */
	struct mount *parent;      /* [w] with a reference; NULL: detached or the root */
	struct dentry *mountpoint; /* [w] with a reference, in parent */
	struct mount *hash_next;   /* [w] by (parent, mountpoint) */
	struct list link;          /* [w] all mounts in the order they were made */
	atomic_uint refs;          /* [a] the table's, and one per path */
	unsigned flags;            /* [a] LINUX_MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME, RELATIME */
	uint32_t id;               /* [I] */
	atomic_int nr_children;    /* [a] */
};

struct mount *mount_get(struct mount *mnt);
void mount_put(struct mount *mnt);

/* The mount on top of path, under dentry_lock; NULL if it is no mount point. */
struct mount *mount_find_locked(struct mount *parent, struct dentry *mountpoint);

/* The whole tree's root, in place of what was it: before there are processes. Takes over the superblock. */
int mount_root(struct superblock *sb, unsigned flags);
struct mount *mount_root_get(void); /* with a reference */
/* Mounts sb's tree from root on, on top of path; takes its own references. */
int mount_attach(struct superblock *sb, struct dentry *root, const struct path *path, unsigned flags);
/* Shows source's part of its mount on top of path, and the mounts below it. */
int mount_attach_tree(const struct path *source, const struct path *path);
/* A new superblock of a type on path; NULL path: as the root. */
int mount_new(const char *source, const struct path *path, const char *type, unsigned flags, const char *data);
/* By name, inside the server: "tmpfs" on "/tmp"; "/" replaces the root. */
int mount_by_name(const char *source, const char *target, const char *type, unsigned flags, const char *data);
int mount_unmount(const struct path *path, unsigned flags);
int mount_move(const struct path *from, const struct path *to);
/* bind_only: flags of this mount only, not of its file system. */
int mount_remount(const struct path *path, unsigned flags, bool bind_only);
/* The mount of files without a name: in no tree. No reference. */
struct mount *mount_nameless(void);
int mount_nameless_create(struct superblock *sb); /* takes over sb's reference */
/* 0 if the mount (and its superblock) may be written to, -EROFS. */
int mount_want_write(const struct mount *mnt);

/* Calls visit for each mount in order until it returns false; under mount_lock. */
void mount_for_each(bool (*visit)(struct mount *mnt, void *argument), void *argument);

/* Everything written and detached: before power-off. */
void mount_shutdown(void);

/* File system types. */
struct filesystem_type {
	const char *name;
	bool needs_device; /* not "nodev" in /proc/filesystems */
	/* A superblock with its root, one reference; messages of why not go to the log. */
	int (*mount)(const char *source, unsigned flags, const char *data, struct superblock **out);
	struct filesystem_type *next;
};
void filesystem_register(struct filesystem_type *type);
struct filesystem_type *filesystem_find(const char *name);
struct filesystem_type *filesystem_first(void);

#endif
