/* SPDX-License-Identifier: MIT */
/*
 * Inodes and superblocks: a file as such, whatever its names.
 *
 * Life cycle
 *   1. A file system makes an inode: inode_create (no number known elsewhere) or inode_obtain (one
 *      struct inode per number and superblock, found again through the superblock's table).
 *   2. The first reference is the maker's; it goes to a dentry (dentry_instantiate) or a file.
 *   3. References are held by dentries, open files, mappings, and by the inode's being dirty.
 *   4. The last inode_put takes it out of the table, drops its pages and calls ops->evict, which
 *      frees the file itself if nlink is 0.  Cached dentries keep inodes in memory; nothing else does.
 *
 * Legend: [I] immutable, [a] atomic, [l] inode->lock, [p] inode->pages lock, [t] superblock table lock,
 *         [d] dirty_lock of the superblock, [k] record-lock lock.
 * Attributes marked [l] are written under the lock and may be read without it: every one is a single
 * aligned word, and a stat is no snapshot on Linux either.
 */
#ifndef POSIX_INODE_H
#define POSIX_INODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>
#include <quoin/types.h>
#include "linux/fcntl.h"
#include "linux/stat.h"

struct inode;
struct path;
struct dentry;
struct file;
struct file_ops;
struct superblock;
struct page;
struct record_locks;
struct linux_statfs;

/* What setattr changes; the numbers of the fs protocol's `valid`. */
#define ATTR_MODE  (1u << 0)
#define ATTR_UID   (1u << 1)
#define ATTR_GID   (1u << 2)
#define ATTR_SIZE  (1u << 3)
#define ATTR_ATIME (1u << 4)
#define ATTR_MTIME (1u << 5)
#define ATTR_CTIME (1u << 6)
#define ATTR_FLAGS (1u << 7)

struct inode_attr {
	uint32_t valid; /* ATTR_* */
	uint32_t mode;  /* permission bits; the type never changes */
	uint32_t uid, gid;
	int64_t size;
	int64_t atime_ns, mtime_ns, ctime_ns;
};

/* What a new file is to be. */
struct inode_new {
	uint32_t mode; /* type and permissions, umask applied */
	uint32_t uid, gid;
	uint32_t rdev;      /* of a device node */
	const char *target; /* of a symbolic link */
};

/* A directory listing in progress: emit returns false when its buffer is full. */
struct dir_context {
	bool (*emit)(struct dir_context *context, const char *name, size_t len, uint64_t ino, unsigned type,
		     int64_t next);
	int64_t pos; /* cookie of the next entry */
};

/*
 * Operations on inodes.  All that take a directory run under its lock, and under that of what loses a name,
 * or of a file that gets one; names are dentries that the caller found negative (to create) or positive (to
 * remove).  A missing operation is -EPERM for changes and -ENOTDIR for lookups.  Any may block.
 */
struct inode_ops {
	/* Finds a name: makes the dentry positive with dentry_instantiate, leaves it alone if there is none. */
	int (*lookup)(struct inode *dir, struct dentry *dentry);
	/* A file of any type: makes the dentry positive. */
	int (*create)(struct inode *dir, struct dentry *dentry, const struct inode_new *new);
	int (*link)(struct inode *dir, struct dentry *dentry, struct inode *inode);
	int (*unlink)(struct inode *dir, struct dentry *dentry);
	int (*rmdir)(struct inode *dir, struct dentry *dentry);
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new,
		      unsigned flags);
	/* Sets inode->link, the target. */
	int (*readlink)(struct inode *inode);
	/* A magic link of /proc: the object itself, with a reference. */
	int (*follow)(struct inode *inode, struct path *path);
	/* A link's text that depends on who asks (/proc/self, /proc/1/cwd): length, or -errno. */
	long (*linktext)(struct inode *inode, char *buffer, size_t size);
	int (*setattr)(struct inode *inode, const struct inode_attr *attr);
	/* Fills pages [index, index + nr) that are locked and not yet valid; how many, or -errno. */
	long (*read_pages)(struct inode *inode, uint64_t index, struct page **pages, unsigned nr);
	/* Writes pages; how many, or -errno. */
	long (*write_pages)(struct inode *inode, uint64_t index, struct page **pages, unsigned nr);
	int (*fsync)(struct inode *inode, bool data_only);
	int (*allocate)(struct inode *inode, int mode, int64_t offset, int64_t len);
	/* The last reference is gone. */
	void (*evict)(struct inode *inode);
};

struct page_index {
	struct mutex lock;    /* rank LOCK_PAGECACHE */
	_Atomic(void *) root; /* [p] to change; page_index.h */
	uint64_t nr_pages;    /* [p] */
	uint64_t nr_dirty;    /* [p] */
};

struct inode {
	struct superblock *sb;           /* [I] holds no reference: an inode's user holds the mount */
	const struct inode_ops *ops;     /* [I] */
	const struct file_ops *file_ops; /* [I] what open gives; special files are looked up by rdev */
	uint64_t ino;                    /* [I] */
	uint32_t generation;             /* [I] */
	atomic_uint refs;                /* [a] */
	uint32_t mode;                   /* [l] type and permissions */
	uint32_t uid, gid;               /* [l] */
	uint32_t nlink;                  /* [l] */
	uint32_t rdev;                   /* [I] */
	atomic_uint flags;               /* [a] INODE_* */
	uint32_t seals;                  /* [l] of memfd */
	int64_t size;                    /* [l] */
	uint64_t blocks;                 /* [l] of 512 bytes */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; /* [l] */
	struct mutex lock;                              /* writes, truncation, and names in a directory */
	struct mutex flush_lock; /* one write-back at a time, none while the file is cut short */
	atomic_int flush_error;  /* [a] -errno of a failed write-back, for the next fsync */
	struct page_index pages;
	quoin_handle memobj;        /* [p] FILE object, 0 until first mapped */
	uint64_t memobj_size;       /* [p] */
	atomic_int nr_writers;      /* [a] files open for writing; < 0: being executed */
	atomic_int nr_shared_maps;  /* [a] shared mappings that may write; < 0: sealed against them */
	struct list table_link;     /* [t] */
	struct list dirty_link;     /* [d] */
	struct record_locks *locks; /* [k] advisory locks, NULL while there are none */
	char *link;                 /* [a] cached target of a symbolic link, or a memfd's name; malloc'ed */
	void *private;              /* the file system's, or a pipe */
};

#define INODE_DIRTY_TIME (1u << 0) /* times changed, not yet sent */
#define INODE_DIRTY      (1u << 1) /* on the superblock's dirty list */
#define INODE_MEMORY     (1u << 2) /* pages live here only: never cleaned, never reclaimed */
#define INODE_NOCACHE    (1u << 3) /* names in this directory are looked up anew each time */

struct superblock_ops {
	int (*statfs)(struct superblock *sb, struct linux_statfs *out);
	int (*sync)(struct superblock *sb);
	void (*shrink)(struct superblock *sb); /* its server's caches, as far as they are clean */
	int (*remount)(struct superblock *sb, unsigned flags);
	void (*unmount)(struct superblock *sb);
};

#define INODE_TABLE_BUCKETS 1024

struct superblock {
	const struct superblock_ops *ops; /* [I] */
	const char *type;                 /* [I] "ext4", "tmpfs" */
	char source[64];                  /* [I] what was mounted, for /proc/mounts */
	char options[64];                 /* [I] more of it */
	uint32_t dev;                     /* [I] st_dev */
	uint32_t magic;                   /* [I] */
	uint32_t block_size;              /* [I] */
	_Atomic bool read_only;           /* [a] */
	atomic_int nr_writers;            /* [a] files open for writing; < 0: about to be read-only */
	atomic_uint refs;                 /* [a] one per mount */
	struct dentry *root;              /* [I] with a reference */
	struct mutex table_lock;
	struct list *table;     /* [t] INODE_TABLE_BUCKETS heads by number, NULL if unused */
	struct mutex sync_lock; /* one write-back of the whole at a time */
	struct mutex dirty_lock;
	struct list dirty;     /* [d] inodes to write back */
	struct list link;      /* all superblocks; superblocks_lock */
	atomic_ulong next_ino; /* [a] for file systems in memory */
	atomic_ulong nr_pages; /* [a] of their files */
	uint64_t max_pages;    /* [I] at most so many; 0: no limit of its own */
	atomic_ulong nr_names; /* [a] of a tmpfs, its root included: each takes memory of the server's */
	uint64_t max_names;    /* [I] at most so many; 0: no limit */
	void *private;
};

/* A new inode with one reference, outside any table; size and times zero, number from next_ino. */
struct inode *inode_create(struct superblock *sb, uint32_t mode, const struct inode_ops *ops,
			   const struct file_ops *file_ops);
/* The inode of that number, with a reference; a new one is filled in from attr before others see it. */
struct inode *inode_obtain(struct superblock *sb, uint64_t ino, uint32_t generation,
			   void (*fill)(struct inode *inode, const void *attr), const void *attr);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode); /* NULL is allowed */

static inline bool inode_is_dir(const struct inode *inode)
{
	return (inode->mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
}

static inline bool inode_is_regular(const struct inode *inode)
{
	return (inode->mode & LINUX_S_IFMT) == LINUX_S_IFREG;
}

static inline bool inode_is_link(const struct inode *inode)
{
	return (inode->mode & LINUX_S_IFMT) == LINUX_S_IFLNK;
}

/*
 * DAC check of the current thread for mask (LINUX_R_OK...): 0 or -EACCES.  _real uses the real ids.
 * No read-only check: that is the mount's (mount_want_write).
 */
int inode_permission(struct inode *inode, int mask);
int inode_permission_real(struct inode *inode, int mask);
/* Whether the caller owns it or may act as the owner. */
bool inode_is_owner(struct inode *inode);

/* Realtime now, and the usual updates. Callers hold the lock, or don't care for a race of clocks. */
int64_t inode_now(void);
void inode_touch_atime(struct file *file);
void inode_touch_mtime(struct inode *inode);

void inode_fill_stat(struct inode *inode, struct linux_stat *out);

/* Superblocks. */
struct superblock *superblock_create(const char *type, const struct superblock_ops *ops, uint32_t magic);
int superblock_create_table(struct superblock *sb); /* for inode_obtain */
struct superblock *superblock_get(struct superblock *sb);
void superblock_put(struct superblock *sb);
/* Walks all: the next one with a reference; the caller holds `after` (NULL: the first). */
struct superblock *superblock_next(struct superblock *after);
/* What is mounted of a device, with a reference; NULL: nothing. -EBUSY: its unmounting is under way. */
int superblock_find(uint32_t dev, struct superblock **out);

/* -EBUSY while files are open for writing; none is opened until superblock_allow_write. */
int superblock_deny_write(struct superblock *sb);
void superblock_allow_write(struct superblock *sb);

/* open-for-write against execution: both -ETXTBSY if the other has it; -EROFS for writing. */
int inode_deny_write(struct inode *inode);
void inode_allow_write(struct inode *inode);
int inode_get_write(struct inode *inode);
void inode_put_write(struct inode *inode);

/* Shared mappings that may write against the seal: -EPERM if it is sealed, -EBUSY if there are some. */
int inode_get_map_write(struct inode *inode);
void inode_put_map_write(struct inode *inode);
int inode_deny_map_write(struct inode *inode);

#endif
