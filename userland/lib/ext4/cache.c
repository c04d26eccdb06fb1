// SPDX-License-Identifier: MIT
/*
 * The cache of metadata blocks.
 *
 * A block is in the cache once, found by a hash of its number.  It is free to be evicted when
 * nobody pins it (refs) and it is clean; dirty blocks stay until cache_writeback(), which writes
 * them all, in the order of the disk, neighbours joined.  So what is on the disk is always the
 * state between two operations, and the bound on the cache's size is soft: one operation may
 * exceed it, and op_end() starts a write-back when too much is dirty.
 */
#include "ext4/internal.h"

#define CACHE_DEFAULT_BLOCKS 1024

int cache_init(struct ext4_fs *fs)
{
	struct cache *cache = &fs->cache;
	uint32_t slots = 64;

	cache->max = fs->env.cache_blocks ? MAX(fs->env.cache_blocks, 64) : CACHE_DEFAULT_BLOCKS;
	while (slots < cache->max)
		slots *= 2;
	cache->hash_mask = slots - 1;
	list_init(&cache->lru);
	list_init(&cache->dirty);
	cache->hash = mem_zalloc(fs, slots * sizeof(*cache->hash));
	cache->bounce = mem_alloc(fs, (size_t)CACHE_RUN * fs->block_size);
	return cache->hash && cache->bounce ? 0 : -ENOMEM;
}

static struct buf **cache_slot(struct ext4_fs *fs, uint64_t block)
{
	return &fs->cache.hash[(block * 0x9e3779b97f4a7c15ull >> 32) & fs->cache.hash_mask];
}

static struct buf *cache_find(struct ext4_fs *fs, uint64_t block)
{
	struct buf *buf = *cache_slot(fs, block);

	while (buf && buf->block != block)
		buf = buf->next;
	return buf;
}

static void buf_clean(struct ext4_fs *fs, struct buf *buf)
{
	if (!buf->is_dirty)
		return;
	buf->is_dirty = false;
	list_del(&buf->dirty);
	fs->cache.nr_dirty--;
}

static void buf_destroy(struct ext4_fs *fs, struct buf *buf)
{
	struct buf **link = cache_slot(fs, buf->block);

	buf_clean(fs, buf);
	while (*link != buf)
		link = &(*link)->next;
	*link = buf->next;
	list_del(&buf->lru);
	fs->cache.count--;
	mem_free(fs, buf->data);
	mem_free(fs, buf);
}

/* Forgets every block: the disk has changed underneath, or nobody asks any more. */
void cache_drop_all(struct ext4_fs *fs)
{
	struct cache *cache = &fs->cache;

	while (cache->hash && cache->lru.next != &cache->lru)
		buf_destroy(fs, container_of(cache->lru.next, struct buf, lru));
}

void cache_fini(struct ext4_fs *fs)
{
	struct cache *cache = &fs->cache;

	cache_drop_all(fs);
	mem_free(fs, cache->hash);
	mem_free(fs, cache->bounce);
}

/* Lets go of clean blocks that nobody uses, the oldest first, until at most count are left. */
void cache_shrink(struct ext4_fs *fs, uint32_t count)
{
	struct list *node = fs->cache.lru.next;

	while (fs->cache.count > count && node != &fs->cache.lru) {
		struct buf *buf = container_of(node, struct buf, lru);

		node = node->next;
		if (!buf->refs && !buf->is_dirty)
			buf_destroy(fs, buf);
	}
}

static struct buf *buf_create(struct ext4_fs *fs, uint64_t block)
{
	struct buf **slot = cache_slot(fs, block);
	struct buf *buf;

	if (fs->cache.count - fs->cache.nr_dirty >= fs->cache.max / 2 && fs->cache.count >= fs->cache.max)
		cache_shrink(fs, fs->cache.max - 1);
	buf = mem_zalloc(fs, sizeof(*buf));
	if (!buf)
		return NULL;
	buf->data = mem_alloc(fs, fs->block_size);
	if (!buf->data) {
		mem_free(fs, buf);
		return NULL;
	}
	buf->block = block;
	list_init(&buf->dirty);
	list_append(&fs->cache.lru, &buf->lru);
	buf->next = *slot;
	*slot = buf;
	fs->cache.count++;
	return buf;
}

static void buf_pin(struct ext4_fs *fs, struct buf *buf)
{
	buf->refs++;
	list_del(&buf->lru);
	list_append(&fs->cache.lru, &buf->lru);
}

static int buf_read(struct ext4_fs *fs, struct buf *buf, enum buf_kind kind, uint32_t seed)
{
	int err = fs->env.read(fs->env.ctx, buf->block << fs->block_shift, buf->data, fs->block_size);

	if (err) {
		fs_log(fs, "block %llu: read error %d", (unsigned long long)buf->block, err);
		return err;
	}
	buf->kind = (uint8_t)kind;
	buf->seed = seed;
	return buf_verify(fs, buf);
}

/* The block, read if need be, its checksum verified, pinned.  Refuses one known as other kind. */
int buf_get(struct ext4_fs *fs, uint64_t block, enum buf_kind kind, uint32_t seed, struct buf **out)
{
	struct buf *buf;
	int err;

	if (block >= fs->nr_blocks || block < fs->sb.s_first_data_block)
		return fs_corrupt(fs, "block number %llu is outside the file system",
				  (unsigned long long)block);
	buf = cache_find(fs, block);
	if (buf) {
		if (buf->kind != kind || buf->seed != seed)
			return fs_corrupt(fs, "block %llu is claimed twice", (unsigned long long)block);
		buf_pin(fs, buf);
		*out = buf;
		return 0;
	}
	buf = buf_create(fs, block);
	if (!buf)
		return -ENOMEM;
	err = buf_read(fs, buf, kind, seed);
	if (err) {
		buf_destroy(fs, buf);
		return err;
	}
	buf->refs = 1;
	*out = buf;
	return 0;
}

/*
 * Reads count blocks of the inode table that will probably be wanted together, as far as none of
 * them is here yet, with one request.  Failing is no error: the block itself will be read again.
 */
void buf_prefetch_inodes(struct ext4_fs *fs, uint64_t block, uint32_t count, uint32_t first_ino)
{
	uint32_t missing = 0;

	while (missing < MIN(count, CACHE_RUN) && !cache_find(fs, block + missing))
		missing++;
	if (missing < 2 || fs->env.read(fs->env.ctx, block << fs->block_shift, fs->cache.bounce,
					(size_t)missing << fs->block_shift))
		return;
	for (uint32_t i = 0; i < missing; i++) {
		struct buf *buf = buf_create(fs, block + i);

		if (!buf)
			return;
		memcpy(buf->data, fs->cache.bounce + ((size_t)i << fs->block_shift), fs->block_size);
		buf->kind = BUF_INODE_TABLE;
		buf->seed = first_ino + i * fs->inodes_per_block;
	}
}

/* A block just allocated: zeroed, dirty, pinned; what it was before is of no interest. */
int buf_new(struct ext4_fs *fs, uint64_t block, enum buf_kind kind, uint32_t seed, struct buf **out)
{
	struct buf *buf = cache_find(fs, block);

	if (buf && buf->refs)
		return fs_corrupt(fs, "block %llu is allocated while in use", (unsigned long long)block);
	if (!buf)
		buf = buf_create(fs, block);
	if (!buf)
		return -ENOMEM;
	buf->kind = (uint8_t)kind;
	buf->seed = seed;
	buf->verified = buf->changed = 0;
	memset(buf->data, 0, fs->block_size);
	buf_pin(fs, buf);
	buf_dirty(fs, buf);
	*out = buf;
	return 0;
}

void buf_put(struct buf *buf)
{
	if (buf)
		buf->refs--;
}

void buf_dirty(struct ext4_fs *fs, struct buf *buf)
{
	if (buf->is_dirty)
		return;
	buf->is_dirty = true;
	list_append(&fs->cache.dirty, &buf->dirty);
	fs->cache.nr_dirty++;
}

/* The block was freed: whatever is in the cache must not reach the disk any more. */
void buf_drop(struct ext4_fs *fs, uint64_t block)
{
	struct buf *buf = cache_find(fs, block);

	if (!buf)
		return;
	if (buf->refs)
		buf_clean(fs, buf);
	else
		buf_destroy(fs, buf);
}

static int cache_write_run(struct ext4_fs *fs, const struct pair *pairs, uint32_t count)
{
	const struct buf *first = (const struct buf *)(uintptr_t)pairs[0].value;
	const uint8_t *from = first->data;

	if (count > 1) {
		for (uint32_t i = 0; i < count; i++) {
			const struct buf *buf = (const struct buf *)(uintptr_t)pairs[i].value;

			memcpy(fs->cache.bounce + ((size_t)i << fs->block_shift), buf->data, fs->block_size);
		}
		from = fs->cache.bounce;
	}
	return fs->env.write(fs->env.ctx, first->block << fs->block_shift, from,
			     (size_t)count << fs->block_shift);
}

static int cache_write_sorted(struct ext4_fs *fs, const struct pair *pairs, uint32_t count)
{
	uint32_t at = 0;

	while (at < count) {
		uint32_t run = 1;
		int err;

		while (at + run < count && run < CACHE_RUN && pairs[at + run].key == pairs[at].key + run)
			run++;
		err = cache_write_run(fs, pairs + at, run);
		if (err)
			return err;
		at += run;
	}
	return 0;
}

/* All dirty blocks, sealed, in the order of the disk; to be freed. NULL: no memory. */
struct pair *cache_dirty_sorted(struct ext4_fs *fs)
{
	struct cache *cache = &fs->cache;
	struct pair *pairs = mem_alloc(fs, cache->nr_dirty * sizeof(*pairs));
	uint32_t count = 0;

	if (!pairs)
		return NULL;
	for (struct list *node = cache->dirty.next; node != &cache->dirty; node = node->next) {
		struct buf *buf = container_of(node, struct buf, dirty);

		buf_seal(fs, buf);
		pairs[count++] = (struct pair){ buf->block, (uintptr_t)buf };
	}
	pairs_sort(pairs, count);
	return pairs;
}

/* Writes the dirty blocks, which cache_dirty_sorted() gave, to their places; clean then, unless that failed. */
int cache_write_dirty(struct ext4_fs *fs, const struct pair *pairs)
{
	struct cache *cache = &fs->cache;
	int err = cache_write_sorted(fs, pairs, cache->nr_dirty);

	while (!err && cache->nr_dirty)
		buf_clean(fs, container_of(cache->dirty.next, struct buf, dirty));
	return err;
}

/* Writes every dirty block to its place. */
int cache_writeback(struct ext4_fs *fs)
{
	struct pair *pairs;
	int err;

	if (!fs->cache.nr_dirty)
		return 0;
	pairs = cache_dirty_sorted(fs);
	if (!pairs)
		return -ENOMEM;
	err = cache_write_dirty(fs, pairs);
	mem_free(fs, pairs);
	return err;
}
