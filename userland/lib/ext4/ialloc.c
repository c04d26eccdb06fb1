// SPDX-License-Identifier: MIT
/*
 * Allocating inodes.  A file goes into its directory's group, or the next one with room; so does a
 * directory, except that those in the root are spread over the emptiest groups, since what is in
 * one of them will rarely be used together with what is in another (Orlov).
 */
#include "ext4/internal.h"

static uint32_t group_spread(struct ext4_fs *fs)
{
	uint64_t inodes = fs->free_inodes / fs->nr_groups;
	uint64_t blocks = fs->free_blocks / fs->nr_groups;
	uint32_t first = fs_random(fs) % fs->nr_groups;
	uint32_t best = first;

	for (uint32_t i = 0; i < fs->nr_groups; i++) {
		uint32_t index = (uint32_t)(((uint64_t)first + i) % fs->nr_groups);
		const struct group *group = &fs->groups[index];

		if (group->free_inodes >= MAX(inodes, 1) && group->free_blocks >= blocks &&
		    (!fs->groups[best].free_inodes || group->used_dirs < fs->groups[best].used_dirs))
			best = index;
	}
	return best;
}

/* the first group from start on that has inodes, if possible also blocks */
static int group_near(struct ext4_fs *fs, uint32_t start, uint32_t *out)
{
	uint32_t without_blocks = fs->nr_groups;

	for (uint32_t i = 0; i < fs->nr_groups; i++) {
		uint32_t index = (uint32_t)(((uint64_t)start + i) % fs->nr_groups);

		*out = index;
		if (fs->groups[index].free_inodes && fs->groups[index].free_blocks)
			return 0;
		if (fs->groups[index].free_inodes && without_blocks == fs->nr_groups)
			without_blocks = index;
	}
	*out = without_blocks;
	return without_blocks < fs->nr_groups ? 0 : -ENOSPC;
}

/* A group whose inodes are used must have its block bitmap on the disk. */
static int group_init_blocks(struct ext4_fs *fs, uint32_t index)
{
	struct group *group = &fs->groups[index];
	struct buf *buf;
	int err;

	if (!(group->flags & EXT4_BG_BLOCK_UNINIT))
		return 0;
	err = bitmap_get_blocks(fs, index, &buf);
	if (err)
		return err;
	buf_dirty(fs, buf);
	buf_put(buf);
	group->flags &= (uint16_t)~EXT4_BG_BLOCK_UNINIT;
	group->block_changed = fs->has_csum;
	return 0;
}

static int group_take_inode(struct ext4_fs *fs, uint32_t index, bool is_dir, uint32_t *out)
{
	struct group *group = &fs->groups[index];
	struct buf *buf;
	uint32_t bit;
	int err = bitmap_get_inodes(fs, index, &buf);

	if (err)
		return err;
	bit = bitmap_next_zero(buf->data, group->inode_hint, fs->inodes_per_group);
	*out = index * fs->inodes_per_group + bit + 1;
	if (bit >= fs->inodes_per_group || *out < fs->sb.s_first_ino)
		err = fs_corrupt(fs, "group %u: its inode bitmap is wrong", index);
	else
		err = group_init_blocks(fs, index);
	if (!err) {
		bitmap_set_range(buf->data, bit, 1);
		buf_dirty(fs, buf);
		group->inode_hint = bit + 1;
		group->flags &= (uint16_t)~EXT4_BG_INODE_UNINIT;
		if (fs->has_csum || fs->has_gdt_csum)
			group->itable_unused = MIN(group->itable_unused, fs->inodes_per_group - bit - 1);
		group->inode_changed = fs->has_csum;
		group->dirty = true;
		group->free_inodes--;
		group->used_dirs += is_dir;
		fs->free_inodes--;
	}
	buf_put(buf);
	return err;
}

int inode_alloc(struct ext4_fs *fs, uint32_t parent, bool is_dir, uint32_t *out)
{
	uint32_t start = (parent - 1) / fs->inodes_per_group;
	uint32_t index;
	int err;

	if (is_dir && parent == EXT4_ROOT_INO)
		start = group_spread(fs);
	err = group_near(fs, start, &index);
	return err ? err : group_take_inode(fs, index, is_dir, out);
}

int inode_free(struct ext4_fs *fs, uint32_t ino, bool is_dir)
{
	uint32_t index = (ino - 1) / fs->inodes_per_group;
	uint32_t bit = (ino - 1) % fs->inodes_per_group;
	struct group *group = &fs->groups[index];
	struct buf *buf;
	int err = bitmap_get_inodes(fs, index, &buf);

	if (err)
		return err;
	if (!bitmap_test(buf->data, bit) || (is_dir && !group->used_dirs) ||
	    (!is_dir && group->free_inodes + group->used_dirs >= fs->inodes_per_group)) {
		buf_put(buf);
		return fs_corrupt(fs, "inode %u is free already, by its group", ino);
	}
	bitmap_clear_range(buf->data, bit, 1);
	buf_dirty(fs, buf);
	buf_put(buf);
	group->inode_hint = MIN(group->inode_hint, bit);
	group->inode_changed = fs->has_csum;
	group->dirty = true;
	group->free_inodes++;
	group->used_dirs -= is_dir;
	fs->free_inodes++;
	return 0;
}
