// SPDX-License-Identifier: MIT
/*
 * Blocks: setting aside, claiming, freeing.
 *
 * Each group has two maps.  The bitmap on the disk (in the cache) says what belongs to somebody.
 * The busy map, in memory only, says what must not be given out, and is a superset:
 *
 *	reserved   blocks that data is being written to, or kept for an append (window.c)
 *	claimed    also set on the disk's bitmap; part of a file
 *	freed      clear on the disk's bitmap, busy until the next write-back: before it, the disk
 *	           still says that they are the old file's, and new data must not show up there
 */
#include "ext4/internal.h"

#define SEARCH_GROUPS 16 /* look this far for a run as long as wanted, then take the best */

static int group_use(struct ext4_fs *fs, uint32_t index)
{
	struct group *group = &fs->groups[index];
	struct buf *buf;
	int err;

	if (group->busy)
		return 0;
	err = bitmap_get_blocks(fs, index, &buf);
	if (err)
		return err;
	group->busy = mem_alloc(fs, fs->block_size);
	if (group->busy) {
		memcpy(group->busy, buf->data, fs->block_size);
		group->busy_free = bitmap_count_zero(group->busy, group_blocks(fs, index));
	}
	buf_put(buf);
	if (!group->busy)
		return -ENOMEM;
	if (group->busy_free != group->free_blocks)
		return fs_corrupt(fs, "group %u: %u blocks free, not %u", index, group->busy_free,
				  group->free_blocks);
	return 0;
}

/* The first run of want free blocks at or behind from, otherwise the longest. */
static struct span group_find_run(struct ext4_fs *fs, uint32_t index, uint32_t from, uint32_t want)
{
	uint32_t size = group_blocks(fs, index);
	const uint64_t *busy = fs->groups[index].busy;
	struct span best = { 0, 0 };

	while (best.count < want) {
		uint32_t start = bitmap_next_zero(busy, from, size);
		uint32_t end = bitmap_next_set(busy, start, MIN(size, start + want));

		if (start >= size)
			break;
		if (end - start > best.count)
			best = (struct span){ group_start(fs, index) + start, end - start };
		from = end;
	}
	return best;
}

static int group_search(struct ext4_fs *fs, uint32_t index, uint64_t goal, uint32_t want, struct span *best)
{
	uint64_t start = group_start(fs, index);
	uint32_t from = 0;
	struct span run;
	int err;

	if (!fs->groups[index].free_blocks && !fs->groups[index].busy)
		return 0;
	err = group_use(fs, index);
	if (err || !fs->groups[index].busy_free)
		return err;
	if (goal >= start && goal - start < group_blocks(fs, index)) {
		from = (uint32_t)(goal - start);
		/* right behind the goal is best, however short */
		if (!bitmap_test(fs->groups[index].busy, from)) {
			uint32_t size = MIN(group_blocks(fs, index), from + want);

			best->start = goal;
			best->count = bitmap_next_set(fs->groups[index].busy, from, size) - from;
			return 0;
		}
	}
	run = group_find_run(fs, index, from, want);
	if (run.count < want && from) {
		struct span other = group_find_run(fs, index, 0, want);

		if (other.count > run.count)
			run = other;
	}
	if (run.count > best->count)
		*best = run;
	return 0;
}

static int blocks_find(struct ext4_fs *fs, uint64_t goal, uint32_t want, struct span *best)
{
	uint32_t first;

	if (goal < fs->sb.s_first_data_block || goal >= fs->nr_blocks)
		goal = fs->sb.s_first_data_block;
	first = (uint32_t)((goal - fs->sb.s_first_data_block) / fs->blocks_per_group);
	*best = (struct span){ 0, 0 };
	for (uint32_t i = 0; i < fs->nr_groups; i++) {
		uint32_t index = (uint32_t)(((uint64_t)first + i) % fs->nr_groups);
		int err = group_search(fs, index, goal, want, best);

		if (err)
			return err;
		if (best->count && (best->start == goal || best->count == want || i >= SEARCH_GROUPS))
			break;
	}
	return best->count ? 0 : -ENOSPC;
}

/* the group that the blocks lie in, whole; or NULL */
static struct group *span_group(struct ext4_fs *fs, uint64_t start, uint32_t count, uint32_t *index,
				uint32_t *bit)
{
	uint64_t offset = start - fs->sb.s_first_data_block;

	*index = (uint32_t)(offset / fs->blocks_per_group);
	*bit = (uint32_t)(offset % fs->blocks_per_group);
	if (start < fs->sb.s_first_data_block || start >= fs->nr_blocks ||
	    count > group_blocks(fs, *index) - *bit)
		return NULL;
	return &fs->groups[*index];
}

static void span_set_busy(struct ext4_fs *fs, uint64_t start, uint32_t count, bool busy)
{
	uint32_t index, bit;
	struct group *group = span_group(fs, start, count, &index, &bit);

	if (!group || !group->busy)
		return;
	if (busy) {
		bitmap_set_range(group->busy, bit, count);
		group->busy_free -= count;
		fs->held_blocks += count;
	} else {
		bitmap_clear_range(group->busy, bit, count);
		group->busy_free += count;
		fs->held_blocks -= count;
	}
}

/* Up to want blocks, one run, near goal; they are nobody's yet. */
int blocks_reserve(struct ext4_fs *fs, uint64_t goal, uint32_t want, struct span *out)
{
	int err = blocks_find(fs, goal, want, out);

	if (err == -ENOSPC && window_drop_all(fs))
		err = blocks_find(fs, goal, want, out);
	if (err)
		return err;
	if (!blocks_valid(fs, out->start, out->count))
		return fs_corrupt(fs, "block %llu: metadata, but free in the bitmap",
				  (unsigned long long)out->start);
	span_set_busy(fs, out->start, out->count, true);
	return 0;
}

void blocks_unreserve(struct ext4_fs *fs, uint64_t start, uint32_t count)
{
	if (count)
		span_set_busy(fs, start, count, false);
}

/* sets or clears a span in the disk's bitmap, which must have it otherwise */
static int span_change(struct ext4_fs *fs, uint64_t start, uint32_t count, bool claim)
{
	uint32_t index, bit;
	struct group *group = span_group(fs, start, count, &index, &bit);
	struct buf *buf;
	int err;

	if (!group || !blocks_valid(fs, start, count))
		return fs_corrupt(fs, "blocks %llu+%u cannot be a file's", (unsigned long long)start, count);
	err = bitmap_get_blocks(fs, index, &buf);
	if (err)
		return err;
	if ((claim ? bitmap_next_set : bitmap_next_zero)(buf->data, bit, bit + count) != bit + count) {
		buf_put(buf);
		return fs_corrupt(fs, "blocks %llu+%u are %s already", (unsigned long long)start, count,
				  claim ? "in use" : "free");
	}
	if (claim)
		bitmap_set_range(buf->data, bit, count);
	else
		bitmap_clear_range(buf->data, bit, count);
	buf_dirty(fs, buf);
	buf_put(buf);
	group->free_blocks += claim ? -count : count;
	fs->free_blocks += claim ? -(uint64_t)count : count;
	fs->held_blocks += claim ? -(uint64_t)count : count;
	group->flags &= (uint16_t)~EXT4_BG_BLOCK_UNINIT;
	group->dirty = true;
	group->block_changed = fs->has_csum;
	return 0;
}

/* Makes reserved blocks a file's. */
int blocks_claim(struct ext4_fs *fs, uint64_t start, uint32_t count)
{
	return span_change(fs, start, count, true);
}

/* Undoes a claim of the same operation: the blocks are reserved, as before. */
void blocks_unclaim(struct ext4_fs *fs, uint64_t start, uint32_t count)
{
	span_change(fs, start, count, false);
}

/* One block for metadata, claimed at once. */
int block_alloc(struct ext4_fs *fs, uint64_t goal, uint64_t *out)
{
	struct span span;
	int err = blocks_reserve(fs, goal, 1, &span);

	if (err)
		return err;
	*out = span.start;
	err = blocks_claim(fs, span.start, 1);
	if (err)
		blocks_unreserve(fs, span.start, 1);
	return err;
}

static void freed_remember(struct ext4_fs *fs, uint64_t start, uint32_t count)
{
	if (fs->nr_freed == fs->max_freed) {
		uint32_t max = fs->max_freed ? fs->max_freed * 2 : 64;
		struct span *spans = mem_alloc(fs, max * sizeof(*spans));

		if (!spans)
			return; /* they stay busy until the next mount */
		if (fs->nr_freed)
			memcpy(spans, fs->freed, fs->nr_freed * sizeof(*spans));
		mem_free(fs, fs->freed);
		fs->freed = spans;
		fs->max_freed = max;
	}
	fs->freed[fs->nr_freed++] = (struct span){ start, count };
}

/* Reads what it takes to free a block of a file, so that the memory is there when that must not fail. */
int blocks_free_prepare(struct ext4_fs *fs, uint64_t block)
{
	uint32_t index = (uint32_t)((block - fs->sb.s_first_data_block) / fs->blocks_per_group);
	struct buf *buf;
	int err = group_use(fs, index); /* the busy map, while the bits are set */

	if (!err)
		err = bitmap_get_blocks(fs, index, &buf);
	if (!err)
		buf_put(buf);
	return err;
}

/* Frees a file's blocks, which lie in one group: all or none. */
int blocks_free(struct ext4_fs *fs, uint64_t start, uint32_t count)
{
	int err = 0;

	if (blocks_valid(fs, start, count))
		err = blocks_free_prepare(fs, start);
	if (!err)
		err = span_change(fs, start, count, false);
	if (!err)
		freed_remember(fs, start, count);
	return err;
}

/* after a write-back: what was freed before can be used again */
void blocks_release_freed(struct ext4_fs *fs)
{
	for (uint32_t i = 0; i < fs->nr_freed; i++)
		span_set_busy(fs, fs->freed[i].start, fs->freed[i].count, false);
	fs->nr_freed = 0;
}
