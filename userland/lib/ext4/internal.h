/* SPDX-License-Identifier: MIT */
/*
 * Inside the ext4 library: the shared structures, and what each file offers to the others.
 *
 * One mutex per file system, taken by the public calls (op_begin/op_end in op.c), covers all of
 * this; a function that is not in ext4.h expects it held.  A struct buf is pinned by buf_get() and
 * released by buf_put(); a struct inode pins the block of the inode table that it lies in.
 */
#ifndef EXT4_INTERNAL_H
#define EXT4_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "ext4/ext4.h"
#include "ext4/format.h"

struct list {
	struct list *prev;
	struct list *next;
};

static inline void list_init(struct list *list)
{
	list->prev = list->next = list;
}

static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

static inline void list_append(struct list *list, struct list *node)
{
	node->prev = list->prev;
	node->next = list;
	list->prev->next = node;
	list->prev = node;
}

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

/* What a cached block holds.  It decides which checksum is verified on reading and sealed on
 * writing; one block claimed as two kinds at once is a corruption. */
enum buf_kind {
	BUF_RAW, /* no checksum: symbolic links, indirect blocks */
	BUF_GROUP_DESC,
	BUF_BLOCK_BITMAP,
	BUF_INODE_BITMAP,
	BUF_INODE_TABLE,
	BUF_EXTENT,
	BUF_DIR, /* a leaf or a node of the index: the contents tell */
	BUF_XATTR,
};

struct buf {
	struct list lru;   /* in cache.lru, the oldest first */
	struct list dirty; /* in cache.dirty while is_dirty */
	struct buf *next;  /* hash chain */
	uint64_t block;
	uint8_t *data;
	uint32_t refs;
	uint32_t seed;     /* checksum seed of the owner; a bitmap's group number */
	uint32_t verified; /* BUF_INODE_TABLE: inodes whose checksum has been looked at */
	uint32_t changed;  /* BUF_INODE_TABLE: inodes to seal */
	uint8_t kind;
	bool is_dirty;
};

#define CACHE_RUN 32 /* blocks written with one request */

struct cache {
	struct buf **hash;
	uint32_t hash_mask;
	uint32_t max;
	uint32_t count;
	uint32_t nr_dirty;
	struct list lru;
	struct list dirty;
	uint8_t *bounce; /* CACHE_RUN blocks, to write neighbours in one go */
};

/* a block group: the descriptor, unpacked */
struct group {
	uint64_t block_bitmap;
	uint64_t inode_bitmap;
	uint64_t inode_table;
	uint32_t free_blocks;
	uint32_t free_inodes;
	uint32_t used_dirs;
	uint32_t itable_unused;
	uint32_t block_csum;
	uint32_t inode_csum;
	uint16_t flags;
	bool dirty;         /* differs from the descriptor's block */
	bool block_changed; /* the bitmap's checksum is out of date */
	bool inode_changed;
	uint64_t *busy;      /* blocks not to give out: allocated, reserved, or freed since the last
				write-back; NULL until the group is first used */
	uint32_t busy_free;  /* clear bits in there */
	uint32_t inode_hint; /* no inode below this is free */
};

/* [start, end) belongs to the file system itself: no file may claim it */
struct zone {
	uint64_t start;
	uint64_t end;
};

struct span {
	uint64_t start;
	uint32_t count;
};

/* blocks set aside in memory for the next append to a file */
struct window {
	uint32_t ino;
	uint32_t logical;
	uint64_t start;
	uint32_t count;
	uint32_t stamp;
};

#define NR_WINDOWS 32

struct orphan {
	struct orphan *next; /* as on the disk: s_last_orphan first */
	struct orphan *prev;
	uint32_t ino;
};

struct ext4_fs {
	struct ext4_env env;
	struct ext4_super sb; /* as on the disk, to be written back */
	struct cache cache;
	struct group *groups;
	struct zone *zones;
	uint32_t nr_zones;

	uint64_t nr_blocks;
	uint32_t block_size;
	uint32_t block_shift;
	uint32_t nr_groups;
	uint32_t blocks_per_group;
	uint32_t inodes_per_group;
	uint32_t inodes_per_block;
	uint32_t itable_blocks;
	uint32_t inode_size;
	uint32_t desc_size;
	uint32_t csum_seed;
	uint32_t random;
	bool has_csum;
	bool has_gdt_csum;
	bool readonly;
	bool failed;
	bool sb_changed;

	uint64_t free_blocks; /* by the bitmaps on the disk */
	uint64_t held_blocks; /* of these, reserved, or freed since the last write-back */
	uint64_t free_inodes;
	uint64_t overhead;

	struct span *freed; /* blocks to take out of the busy maps after the next write-back */
	uint32_t nr_freed;
	uint32_t max_freed;
	struct window windows[NR_WINDOWS];
	uint32_t window_stamp;
	struct orphan *orphans;
	struct journal *journal; /* NULL: none */
};

struct inode {
	struct ext4_fs *fs;
	struct buf *buf;
	struct ext4_inode *raw;
	uint32_t ino;
	uint32_t seed; /* of the checksums of everything that belongs to it */
};

/* env.c: the environment, wrapped */
void *mem_alloc(struct ext4_fs *fs, size_t len);
void *mem_zalloc(struct ext4_fs *fs, size_t len);
void mem_free(struct ext4_fs *fs, void *ptr);
void fs_log(struct ext4_fs *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void env_log(const struct ext4_env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fs_corrupt(struct ext4_fs *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint32_t fs_random(struct ext4_fs *fs);
uint32_t fs_now(struct ext4_fs *fs);

/* sort.c */
struct pair {
	uint64_t key;
	uint64_t value;
};
void pairs_sort(struct pair *pairs, size_t count);

/* crc.c */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);
uint16_t crc16(uint16_t crc, const void *data, size_t len);

/* csum.c: verify on reading, seal on writing */
int buf_verify(struct ext4_fs *fs, struct buf *buf);
void buf_seal(struct ext4_fs *fs, struct buf *buf);
uint32_t inode_seed(struct ext4_fs *fs, uint32_t ino, uint32_t generation);
bool inode_csum_ok(struct ext4_fs *fs, struct ext4_inode *raw, uint32_t seed);
uint32_t group_desc_csum(struct ext4_fs *fs, uint32_t index, struct ext4_group_desc *desc);
uint32_t bitmap_csum(struct ext4_fs *fs, const struct buf *buf, uint32_t bits);

/* cache.c */
int cache_init(struct ext4_fs *fs);
void cache_fini(struct ext4_fs *fs);
int buf_get(struct ext4_fs *fs, uint64_t block, enum buf_kind kind, uint32_t seed, struct buf **out);
int buf_new(struct ext4_fs *fs, uint64_t block, enum buf_kind kind, uint32_t seed, struct buf **out);
void buf_prefetch_inodes(struct ext4_fs *fs, uint64_t block, uint32_t count, uint32_t first_ino);
void buf_put(struct buf *buf);
void buf_dirty(struct ext4_fs *fs, struct buf *buf);
void buf_drop(struct ext4_fs *fs, uint64_t block);
int cache_write_dirty(struct ext4_fs *fs, const struct pair *pairs);
int cache_writeback(struct ext4_fs *fs);
struct pair *cache_dirty_sorted(struct ext4_fs *fs);
void cache_drop_all(struct ext4_fs *fs);
void cache_shrink(struct ext4_fs *fs, uint32_t count);

/* super.c */
int super_read(struct ext4_fs *fs);
int super_recheck(struct ext4_fs *fs);
int super_store(struct ext4_fs *fs);
int super_mark_error(struct ext4_fs *fs);
int super_write(struct ext4_fs *fs);
int super_to_cache(struct ext4_fs *fs);
bool group_has_super(struct ext4_fs *fs, uint32_t index);
static inline bool fs_has_compat(const struct ext4_fs *fs, uint32_t feature)
{
	return fs->sb.s_feature_compat & feature;
}
static inline bool fs_has_incompat(const struct ext4_fs *fs, uint32_t feature)
{
	return fs->sb.s_feature_incompat & feature;
}
static inline bool fs_has_ro(const struct ext4_fs *fs, uint32_t feature)
{
	return fs->sb.s_feature_ro_compat & feature;
}

/* op.c */
int op_begin_read(struct ext4_fs *fs);
int op_begin_write(struct ext4_fs *fs);
int op_end(struct ext4_fs *fs, int ret);
int fs_writeback(struct ext4_fs *fs);

/* group.c */
int groups_load(struct ext4_fs *fs);
int groups_flush(struct ext4_fs *fs);
uint64_t group_start(const struct ext4_fs *fs, uint32_t index);
uint32_t group_blocks(const struct ext4_fs *fs, uint32_t index);
uint32_t group_head_blocks(struct ext4_fs *fs, uint32_t index);

/* zone.c */
int zones_build(struct ext4_fs *fs);
bool blocks_valid(const struct ext4_fs *fs, uint64_t start, uint64_t count);

/* bitmap.c */
uint32_t bitmap_next_zero(const void *map, uint32_t from, uint32_t size);
uint32_t bitmap_next_set(const void *map, uint32_t from, uint32_t size);
bool bitmap_test(const void *map, uint32_t bit);
void bitmap_set_range(void *map, uint32_t start, uint32_t count);
void bitmap_clear_range(void *map, uint32_t start, uint32_t count);
uint32_t bitmap_count_zero(const void *map, uint32_t size);
int bitmap_get_blocks(struct ext4_fs *fs, uint32_t group, struct buf **out);
int bitmap_get_inodes(struct ext4_fs *fs, uint32_t group, struct buf **out);

/* balloc.c */
int blocks_reserve(struct ext4_fs *fs, uint64_t goal, uint32_t want, struct span *out);
void blocks_unreserve(struct ext4_fs *fs, uint64_t start, uint32_t count);
int blocks_claim(struct ext4_fs *fs, uint64_t start, uint32_t count);
void blocks_unclaim(struct ext4_fs *fs, uint64_t start, uint32_t count);
int block_alloc(struct ext4_fs *fs, uint64_t goal, uint64_t *out);
int blocks_free_prepare(struct ext4_fs *fs, uint64_t block);
int blocks_free(struct ext4_fs *fs, uint64_t start, uint32_t count);
void blocks_release_freed(struct ext4_fs *fs);

/* window.c */
uint32_t window_take(struct ext4_fs *fs, uint32_t ino, uint32_t logical, uint32_t want, uint64_t *start);
void window_add(struct ext4_fs *fs, uint32_t ino, uint32_t logical, uint64_t start, uint32_t count);
void window_drop(struct ext4_fs *fs, uint32_t ino);
bool window_drop_all(struct ext4_fs *fs);

/* ialloc.c */
int inode_alloc(struct ext4_fs *fs, uint32_t parent, bool is_dir, uint32_t *out);
int inode_free(struct ext4_fs *fs, uint32_t ino, bool is_dir);

/* inode.c */
int inode_get(struct ext4_fs *fs, uint32_t ino, struct inode *out);
int inode_get_id(struct ext4_fs *fs, struct ext4_id id, struct inode *out);
int inode_get_fresh(struct ext4_fs *fs, uint32_t ino, struct inode *out);
void inode_put(struct inode *inode);
void inode_dirty(struct inode *inode);
void inode_attr(const struct inode *inode, struct ext4_attr *out);
void inode_touch(struct inode *inode, bool modified);
void inode_blocks_add(struct inode *inode, int64_t blocks);
uint64_t inode_size(const struct inode *inode);
void inode_set_size(struct inode *inode, uint64_t size);
uint64_t inode_goal(const struct inode *inode);
void inode_set_times(struct inode *inode, unsigned what, const struct ext4_attr *in);
void inode_init(struct inode *inode, const struct ext4_new *new);
int inode_get_live(struct ext4_fs *fs, uint32_t ino, struct inode *out);
int inode_destroy(struct inode *inode);
static inline uint32_t inode_type(const struct inode *inode)
{
	return inode->raw->i_mode & EXT4_S_IFMT;
}
static inline bool inode_is_dir(const struct inode *inode)
{
	return inode_type(inode) == EXT4_S_IFDIR;
}

/* extent.c, extent_tree.c: an inode's map of blocks */
struct extent_node {
	struct buf *buf; /* NULL: the root, inside the inode */
	struct extent_header *head;
	int at; /* the last entry at or before the block looked for; -1 in a leaf: none */
};
struct extent_path {
	struct extent_node nodes[EXT4_EXTENT_MAX_DEPTH + 1];
	int depth;
};
#define RUN_UNWRITTEN 0x100 /* of a struct ext4_run: allocated, reads as zeroes */
void extent_init(struct inode *inode);
int extent_path_get(struct inode *inode, uint32_t logical, struct extent_path *path);
void extent_path_put(struct extent_path *path);
int extent_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out);
int extent_insert(struct inode *inode, const struct ext4_run *run);
int extent_mark_written(struct inode *inode, uint32_t logical, uint32_t count);
int extent_truncate(struct inode *inode, uint32_t first);
int extent_make_room(struct inode *inode, struct extent_path *path);
uint32_t extent_capacity(const struct inode *inode, bool root);
static inline struct extent_leaf *extent_leaves(struct extent_header *head)
{
	return (struct extent_leaf *)(head + 1);
}
static inline struct extent_index *extent_indices(struct extent_header *head)
{
	return (struct extent_index *)(head + 1);
}

/* indirect.c: the map of old files, to be read and freed */
int indirect_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out);
int indirect_free_all(struct inode *inode);

/* map.c */
int map_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out);
int map_truncate(struct inode *inode, uint64_t size);
int map_append_block(struct inode *inode, enum buf_kind kind, uint32_t *logical, struct buf **out);

/* orphan.c */
int orphan_add(struct inode *inode);
int orphan_del(struct inode *inode);
bool orphan_has(struct ext4_fs *fs, uint32_t ino);
int orphan_load(struct ext4_fs *fs);
int orphan_release_all(struct ext4_fs *fs);
void orphan_fini(struct ext4_fs *fs);

/* hash.c */
struct dx_hash {
	uint32_t major;
	uint32_t minor;
};
int dx_hash(struct ext4_fs *fs, uint8_t version, const char *name, size_t len, struct dx_hash *out);

/* dir.c: blocks of entries */
struct dir_slot {
	struct buf *buf; /* pinned */
	struct dirent_head *entry;
	struct dirent_head *previous; /* in the same block, or NULL */
};
uint32_t dirent_len(uint32_t name_len);
uint8_t dirent_type(uint32_t mode);
int dir_block_get(struct inode *dir, uint32_t logical, struct buf **out);
struct dirent_head *dir_block_at(struct inode *dir, struct buf *buf, uint32_t offset);
uint32_t dir_block_end(const struct ext4_fs *fs, const struct buf *buf);
bool dir_block_is_index(const struct ext4_fs *fs, const struct buf *buf);
void dir_block_init(struct ext4_fs *fs, struct buf *buf);
int dir_block_find(struct inode *dir, struct buf *buf, const char *name, size_t len, struct dir_slot *slot);
int dir_block_insert(struct inode *dir, struct buf *buf, const char *name, size_t len, uint32_t ino,
		     uint8_t type);
int dir_find(struct inode *dir, const char *name, size_t len, struct dir_slot *slot);
int dir_insert(struct inode *dir, const char *name, size_t len, uint32_t ino, uint32_t mode);
void dir_remove(struct inode *dir, struct dir_slot *slot);
void dir_set(struct inode *dir, struct dir_slot *slot, uint32_t ino, uint32_t mode);
int dir_init(struct inode *dir, uint32_t parent);
int dir_is_empty(struct inode *dir);
int dir_parent(struct inode *dir, struct dir_slot *slot);

/* htree.c, htree_split.c: the index */
#define DX_MAX_LEVELS 3
struct dx_frame {
	struct buf *buf;
	struct dx_entry *entries;
	uint32_t at;
};
struct dx_path {
	struct dx_frame frames[DX_MAX_LEVELS];
	uint32_t depth;  /* number of frames */
	uint32_t leaves; /* visited: no more than the directory has blocks */
	struct dx_hash hash;
	uint8_t version;
};
static inline bool dir_is_indexed(const struct inode *dir)
{
	return dir->raw->i_flags & EXT4_INODE_INDEX && fs_has_compat(dir->fs, EXT4_COMPAT_DIR_INDEX);
}
uint32_t dx_count(const struct dx_entry *entries);
uint32_t dx_limit(const struct dx_entry *entries);
void dx_set_count(struct dx_entry *entries, uint32_t count);
uint8_t dx_default_version(struct ext4_fs *fs);
uint8_t dx_effective_version(struct ext4_fs *fs, uint8_t version);
int dx_path_get(struct inode *dir, const char *name, size_t len, const struct dx_hash *hash,
		struct dx_path *path);
enum dx_next {
	DX_NEXT_ANY,
	DX_NEXT_SAME_HASH, /* only if it goes on with the names of path->hash */
	DX_NEXT_CONTINUED, /* only if it goes on with the last hash of this leaf */
};
int dx_path_next(struct inode *dir, struct dx_path *path, enum dx_next which);
void dx_path_put(struct dx_path *path);
int dx_leaf_get(struct inode *dir, struct dx_path *path, struct buf **out);
uint32_t dx_path_leaf(const struct dx_path *path);
int htree_find(struct inode *dir, const char *name, size_t len, struct dir_slot *slot);
int htree_insert(struct inode *dir, const char *name, size_t len, uint32_t ino, uint8_t type);
int htree_make(struct inode *dir);

/* journal.c, commit.c; see journal.h */
int journal_open(struct ext4_fs *fs);
int journal_start(struct ext4_fs *fs);
int journal_stop(struct ext4_fs *fs);
bool journal_is_active(const struct ext4_fs *fs);
uint32_t journal_sequence(const struct ext4_fs *fs);
uint32_t journal_committed(const struct ext4_fs *fs);
bool journal_is_pressed(const struct ext4_fs *fs, uint32_t nr_dirty);
int journal_clear(struct ext4_fs *fs);
int journal_mark_error(struct ext4_fs *fs);
int journal_commit(struct ext4_fs *fs, const struct pair *pairs);

/* namei.c: shared with rename.c */
int dir_get(struct ext4_fs *fs, struct ext4_id id, struct inode *dir);
int name_check(const char *name, size_t len);
bool name_is_dots(const char *name, size_t len);
void dir_link_add(struct inode *dir);
void dir_link_drop(struct inode *dir);
bool dir_link_full(const struct inode *dir);
int inode_unlink(struct inode *inode);

#endif
