// SPDX-License-Identifier: MIT
/*
 * The blocks that belong to the file system itself (superblocks, descriptors, bitmaps, inode
 * tables), as sorted intervals.  A file's map that points in there is corrupt: believing it
 * would let a write to the file destroy the file system.
 */
#include "ext4/internal.h"

static void zone_collect(struct pair *pairs, uint32_t *count, uint64_t start, uint64_t len)
{
	if (len)
		pairs[(*count)++] = (struct pair){ start, start + len };
}

/* joins neighbours; an overlap means that two structures claim the same block */
static int zones_join(struct ext4_fs *fs, const struct pair *pairs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct zone *last = fs->nr_zones ? &fs->zones[fs->nr_zones - 1] : NULL;

		if (last && pairs[i].key < last->end)
			return fs_corrupt(fs, "block %llu belongs to two block groups",
					  (unsigned long long)pairs[i].key);
		if (last && pairs[i].key == last->end)
			last->end = pairs[i].value;
		else
			fs->zones[fs->nr_zones++] = (struct zone){ pairs[i].key, pairs[i].value };
	}
	return 0;
}

int zones_build(struct ext4_fs *fs)
{
	struct pair *pairs = mem_alloc(fs, fs->nr_groups * 4 * sizeof(*pairs));
	uint32_t count = 0;
	int err = -ENOMEM;

	fs->zones = mem_alloc(fs, fs->nr_groups * 4 * sizeof(*fs->zones));
	if (!pairs || !fs->zones)
		goto out;
	for (uint32_t i = 0; i < fs->nr_groups; i++) {
		const struct group *group = &fs->groups[i];

		zone_collect(pairs, &count, group_start(fs, i), group_head_blocks(fs, i));
		zone_collect(pairs, &count, group->block_bitmap, 1);
		zone_collect(pairs, &count, group->inode_bitmap, 1);
		zone_collect(pairs, &count, group->inode_table, fs->itable_blocks);
	}
	pairs_sort(pairs, count);
	err = zones_join(fs, pairs, count);
out:
	mem_free(fs, pairs);
	return err;
}

/* may a file own these blocks? */
bool blocks_valid(const struct ext4_fs *fs, uint64_t start, uint64_t count)
{
	uint32_t low = 0, high = fs->nr_zones;

	if (start <= fs->sb.s_first_data_block || start >= fs->nr_blocks || count > fs->nr_blocks - start)
		return false;
	while (low < high) { /* the first zone that ends behind start */
		uint32_t middle = low + (high - low) / 2;

		if (fs->zones[middle].end > start)
			high = middle;
		else
			low = middle + 1;
	}
	return low == fs->nr_zones || fs->zones[low].start >= start + count;
}
