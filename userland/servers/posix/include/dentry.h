/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache: names that were looked up, also those that do not exist.
 *
 * One reader-writer lock, dentry_lock, guards the shape of the cache: the hash chains, parents, names.
 * A walk over cached components runs entirely under the read lock and takes no reference but the last.
 * Whatever changes the shape takes the write lock for a few instructions and never blocks under it.
 *
 * refs counts users and cached children; DENTRY_DEAD in the same word says that the name is gone
 * (unlinked or replaced), so the last dentry_put frees it.  A living dentry with no references stays
 * cached until the LRU clock finds it unused.
 *
 * A dentry is negative while inode is NULL.  It becomes positive once (dentry_instantiate, under the
 * directory's lock); unlink replaces it by a dead one.
 *
 * Legend: [I] immutable, [a] atomic, [w] dentry_lock.
 */
#ifndef POSIX_DENTRY_H
#define POSIX_DENTRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>
#include <quoin/types.h>

struct inode;
struct superblock;

#define DENTRY_DEAD   (1u << 31)
#define DENTRY_INLINE 40

struct dentry {
	struct dentry *hash_next;        /* [w] */
	struct dentry *parent;           /* [w] with a reference; itself for a root */
	struct inode *inode;             /* [a] with a reference, NULL: negative */
	const char *name;                /* [w] NUL-terminated; inline_name or malloc'ed */
	uint32_t hash;                   /* [w] */
	uint16_t len;                    /* [w] */
	uint8_t referenced;              /* [a] the LRU clock's second chance */
	uint8_t hashed;                  /* [w] in a hash chain */
	bool is_root;                    /* [I] */
	bool uncached;                   /* [I] of a directory whose names are looked up anew (procfs) */
	atomic_uint refs;                /* [a] | DENTRY_DEAD */
	atomic_uint nr_mounts;           /* [a] mounts whose mount point this is */
	struct superblock *sb;           /* [I] */
	struct list lru;                 /* [w] all dentries, in the clock's order */
	char inline_name[DENTRY_INLINE]; /* [w] */
};

extern struct rwlock dentry_lock;

void dentry_cache_init(unsigned limit);
uint32_t dentry_hash_name(const char *name, size_t len);

/* A root: positive, unhashed, its own parent, one reference. Takes over the inode's reference. */
struct dentry *dentry_create_root(struct superblock *sb, struct inode *inode);

/* The same for a file without a name, under a label to show. */
struct dentry *dentry_create_nameless(struct superblock *sb, struct inode *inode, const char *label);

/* The cached child, under dentry_lock (read or write); no reference. NULL: not cached. */
struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len, uint32_t hash);
/* The cached child with a reference. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);
/* The child, asking the file system if it isn't cached; with a reference, maybe negative.
 * The caller holds the directory's lock. */
int dentry_lookup(struct dentry *parent, const char *name, size_t len, struct dentry **out);

struct dentry *dentry_get(struct dentry *dentry);
void dentry_put(struct dentry *dentry);

/* Makes a negative dentry positive; takes over the caller's reference to inode. */
void dentry_instantiate(struct dentry *dentry, struct inode *inode);
/* The name is gone: unhash, free on the last put. */
void dentry_kill(struct dentry *dentry);
/* Moves dentry to the place of target (which dies), after a rename on disk. */
void dentry_move(struct dentry *dentry, struct dentry *target);
void dentry_exchange(struct dentry *a, struct dentry *b);

/* Frees up to count unused dentries; how many. sb: only of this file system (unmount), all of them. */
unsigned dentry_reclaim(unsigned count);
void dentry_reclaim_superblock(struct superblock *sb);
void dentry_drop_unused(void); /* of all superblocks, whatever their age; their servers let go of theirs */
/* The ancestor itself counts. */
bool dentry_is_below(struct dentry *dentry, const struct dentry *ancestor);
/* Frees the unused names below a directory that is being removed: they would keep it alive. */
void dentry_prune_children(struct dentry *parent);
unsigned dentry_count(void);

static inline struct inode *dentry_inode(const struct dentry *dentry)
{
	return __atomic_load_n(&dentry->inode, __ATOMIC_ACQUIRE);
}

#endif
