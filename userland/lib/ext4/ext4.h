/* SPDX-License-Identifier: MIT */
/*
 * The ext4 library: what a server, or a test, calls.
 *
 * Files are named by inode number and generation; there are no open files in here and no object
 * that outlives a call, so a restarted server needs no state from its predecessor.  Every function
 * takes the file system's lock itself, and returns 0 (or a count) or -errno:
 *
 *     -EUCLEAN  a structure on the disk is corrupt; the file system is now read-only
 *     -ESTALE   the inode was freed (and maybe used again)
 *     -EROFS    read-only, or made so by an earlier corruption
 *
 * File data.  The library only says where data lies.  A reader asks ext4_map_read() and reads the
 * blocks itself.  A writer goes through three steps, which are ordered mode by construction, since
 * no metadata refers to a block before its data has been written:
 *
 *     ext4_map_write()     blocks reserved in memory; nothing changes on the disk
 *     ... write the data to the blocks ...
 *     ext4_commit_write()  the blocks become part of the file, the size grows
 *     (ext4_abort_write()  instead, when writing the data failed)
 *
 * Data past the end of file within the last block must be written as zeroes by the caller; after a
 * truncate into the middle of a block the caller zeroes its tail.
 *
 * Unlinked files.  An inode whose last name goes stays allocated, on the orphan list, until the
 * caller says with ext4_forget() that nobody uses it any longer.
 *
 * Metadata changes collect in memory and reach the disk as one transaction, by ext4_sync(), by
 * ext4_unmount(), or when too many are dirty; always at the boundary between two operations, and
 * through the journal if there is one.  What a journal holds is recovered at the mount.
 */
#ifndef EXT4_H
#define EXT4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ext4/env.h"

struct ext4_fs;

struct ext4_id {
	uint32_t ino;
	uint32_t gen;
};

#define EXT4_ROOT ((struct ext4_id){ 2, 0 }) /* any generation is accepted for the root */

struct ext4_attr {
	struct ext4_id id;
	uint32_t mode; /* type and permissions, as in st_mode */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t major; /* of a device node */
	uint32_t minor;
	uint32_t flags; /* EXT4_INODE_... */
	uint64_t size;
	uint64_t sectors; /* of 512 bytes, as in st_blocks */
	struct ext4_time atime;
	struct ext4_time mtime;
	struct ext4_time ctime;
	struct ext4_time btime;
};

/* what ext4_setattr() changes */
#define EXT4_SET_MODE  0x01 /* permissions; the type cannot change */
#define EXT4_SET_UID   0x02
#define EXT4_SET_GID   0x04
#define EXT4_SET_SIZE  0x08
#define EXT4_SET_ATIME 0x10
#define EXT4_SET_MTIME 0x20
#define EXT4_SET_CTIME 0x40 /* otherwise any change sets it to now */
#define EXT4_SET_FLAGS 0x80 /* of the inode, those that a user may change */

/* a new inode; target is of a symbolic link */
struct ext4_new {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	const char *target;
	size_t target_len;
};

struct ext4_statfs {
	uint64_t blocks; /* without the overhead of metadata */
	uint64_t blocks_free;
	uint64_t blocks_avail; /* without those reserved for root */
	uint64_t inodes;
	uint64_t inodes_free;
	uint32_t block_size;
	uint32_t name_max;
	uint8_t uuid[16];
	char label[16]; /* not terminated */
	bool readonly;
	bool failed; /* a corruption was found */
};

/* one run of a file's blocks; units are the file system's blocks */
#define EXT4_MAP_HOLE 1 /* reads as zeroes; physical is 0 */
#define EXT4_MAP_NEW  2 /* reserved by ext4_map_write(), to be committed or aborted */

struct ext4_run {
	uint64_t physical;
	uint32_t logical;
	uint32_t count;
	uint32_t flags;
};

#define EXT4_MOUNT_RDONLY 1

int ext4_mount(const struct ext4_env *env, unsigned flags, struct ext4_fs **out);
int ext4_unmount(struct ext4_fs *fs); /* fs is gone, whatever is returned */
int ext4_sync(struct ext4_fs *fs);
/* a number for the next change, which is on the disk when ext4_committed() is no less; 0: there is no journal */
uint64_t ext4_transaction(struct ext4_fs *fs);
uint64_t ext4_committed(struct ext4_fs *fs);
bool ext4_is_dirty(struct ext4_fs *fs); /* would a sync write anything? */
void ext4_shrink(struct ext4_fs *fs);   /* lets go of all cached metadata that is clean */
void ext4_statfs(struct ext4_fs *fs, struct ext4_statfs *out);

int ext4_lookup(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_attr *out);
int ext4_create(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len,
		const struct ext4_new *new, struct ext4_attr *out);
int ext4_link(struct ext4_fs *fs, struct ext4_id id, struct ext4_id dir, const char *name, size_t len,
	      struct ext4_attr *out);

/* out is the inode that lost a name; with nlink 0 it waits for ext4_forget() */
int ext4_unlink(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_attr *out);
int ext4_rmdir(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_attr *out);

#define EXT4_RENAME_NOREPLACE 1 /* as Linux's RENAME_... */
#define EXT4_RENAME_EXCHANGE  2

/* out is the inode that was replaced; out->id.ino is 0 if there was none */
int ext4_rename(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_id to_dir,
		const char *to_name, size_t to_len, unsigned flags, struct ext4_attr *out);

int ext4_getattr(struct ext4_fs *fs, struct ext4_id id, struct ext4_attr *out);
int ext4_setattr(struct ext4_fs *fs, struct ext4_id id, unsigned what, const struct ext4_attr *in,
		 struct ext4_attr *out);
int ext4_readlink(struct ext4_fs *fs, struct ext4_id id, char *buf, size_t size); /* -> length */
int ext4_forget(struct ext4_fs *fs, struct ext4_id id);

struct ext4_dirent {
	uint64_t cookie; /* go on with this one */
	uint32_t ino;
	uint8_t type; /* as in the disk's file_type: 0 unknown, 1 file, 2 directory, ... */
	uint8_t name_len;
	const char *name; /* not terminated; valid during the call */
};

/*
 * Calls fill for each entry behind cookie (0: from the start) until it returns false or the
 * directory ends.  A name that exists during the whole of a scan is seen once, whatever is
 * inserted or removed meanwhile.
 */
int ext4_readdir(struct ext4_fs *fs, struct ext4_id dir, uint64_t cookie,
		 bool (*fill)(void *ctx, const struct ext4_dirent *entry), void *ctx);

/* both return the number of runs, which cover [logical, ...) without gaps, at most count blocks */
int ext4_map_read(struct ext4_fs *fs, struct ext4_id id, uint32_t logical, uint32_t count,
		  struct ext4_run *runs, unsigned max_runs);
int ext4_map_write(struct ext4_fs *fs, struct ext4_id id, uint32_t logical, uint32_t count,
		   struct ext4_run *runs, unsigned max_runs);

/* size: end of what was written, in bytes; the file grows to it, and never shrinks */
int ext4_commit_write(struct ext4_fs *fs, struct ext4_id id, const struct ext4_run *runs, unsigned nr_runs,
		      uint64_t size);
void ext4_abort_write(struct ext4_fs *fs, const struct ext4_run *runs, unsigned nr_runs);

#endif
