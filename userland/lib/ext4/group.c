// SPDX-License-Identifier: MIT
/*
 * Block groups: where they lie, their descriptors, which are unpacked into memory at mount and
 * packed back before each write-back.
 */
#include "ext4/internal.h"

uint64_t group_start(const struct ext4_fs *fs, uint32_t index)
{
	return fs->sb.s_first_data_block + (uint64_t)index * fs->blocks_per_group;
}

uint32_t group_blocks(const struct ext4_fs *fs, uint32_t index)
{
	uint64_t left = fs->nr_blocks - group_start(fs, index);

	return (uint32_t)MIN(left, (uint64_t)fs->blocks_per_group);
}

static uint32_t desc_per_block(const struct ext4_fs *fs)
{
	return fs->block_size / fs->desc_size;
}

static uint32_t desc_blocks(const struct ext4_fs *fs)
{
	return (fs->nr_groups + desc_per_block(fs) - 1) / desc_per_block(fs);
}

static bool desc_block_is_meta(struct ext4_fs *fs, uint32_t index)
{
	return fs_has_incompat(fs, EXT4_INCOMPAT_META_BG) && index >= fs->sb.s_first_meta_bg;
}

/* the block that holds the index-th block of descriptors */
static uint64_t desc_block(struct ext4_fs *fs, uint32_t index)
{
	uint32_t group;

	if (!desc_block_is_meta(fs, index))
		return (uint64_t)fs->sb.s_first_data_block + 1 + index;
	group = index * desc_per_block(fs);
	return group_start(fs, group) + group_has_super(fs, group);
}

/* the blocks at a group's start that hold a superblock and descriptors, or copies */
uint32_t group_head_blocks(struct ext4_fs *fs, uint32_t index)
{
	uint32_t super = group_has_super(fs, index);
	uint32_t meta = index / desc_per_block(fs);
	uint32_t in_meta = index % desc_per_block(fs);
	uint32_t plain = desc_blocks(fs);

	if (desc_block_is_meta(fs, meta))
		return super + (in_meta == 0 || in_meta == 1 || in_meta == desc_per_block(fs) - 1);
	if (fs_has_incompat(fs, EXT4_INCOMPAT_META_BG))
		plain = MIN(plain, fs->sb.s_first_meta_bg);
	return super ? 1 + plain + fs->sb.s_reserved_gdt_blocks : 0;
}

static uint64_t wide(uint32_t low, uint32_t high, unsigned shift)
{
	return (uint64_t)high << shift | low;
}

static void group_unpack(struct ext4_fs *fs, struct group *group, const struct ext4_group_desc *raw)
{
	struct ext4_group_desc desc = { 0 };

	memcpy(&desc, raw, MIN(fs->desc_size, sizeof(desc)));
	group->block_bitmap = wide(desc.bg_block_bitmap_lo, desc.bg_block_bitmap_hi, 32);
	group->inode_bitmap = wide(desc.bg_inode_bitmap_lo, desc.bg_inode_bitmap_hi, 32);
	group->inode_table = wide(desc.bg_inode_table_lo, desc.bg_inode_table_hi, 32);
	group->free_blocks = (uint32_t)wide(desc.bg_free_blocks_lo, desc.bg_free_blocks_hi, 16);
	group->free_inodes = (uint32_t)wide(desc.bg_free_inodes_lo, desc.bg_free_inodes_hi, 16);
	group->used_dirs = (uint32_t)wide(desc.bg_used_dirs_lo, desc.bg_used_dirs_hi, 16);
	group->itable_unused = (uint32_t)wide(desc.bg_itable_unused_lo, desc.bg_itable_unused_hi, 16);
	group->block_csum = (uint32_t)wide(desc.bg_block_bitmap_csum_lo, desc.bg_block_bitmap_csum_hi, 16);
	group->inode_csum = (uint32_t)wide(desc.bg_inode_bitmap_csum_lo, desc.bg_inode_bitmap_csum_hi, 16);
	group->flags = desc.bg_flags;
}

static void group_pack(struct ext4_fs *fs, uint32_t index, struct ext4_group_desc *raw)
{
	const struct group *group = &fs->groups[index];

	raw->bg_free_blocks_lo = (uint16_t)group->free_blocks;
	raw->bg_free_inodes_lo = (uint16_t)group->free_inodes;
	raw->bg_used_dirs_lo = (uint16_t)group->used_dirs;
	raw->bg_itable_unused_lo = (uint16_t)group->itable_unused;
	raw->bg_block_bitmap_csum_lo = (uint16_t)group->block_csum;
	raw->bg_inode_bitmap_csum_lo = (uint16_t)group->inode_csum;
	raw->bg_flags = group->flags;
	if (fs->desc_size >= 64) {
		raw->bg_free_blocks_hi = (uint16_t)(group->free_blocks >> 16);
		raw->bg_free_inodes_hi = (uint16_t)(group->free_inodes >> 16);
		raw->bg_used_dirs_hi = (uint16_t)(group->used_dirs >> 16);
		raw->bg_itable_unused_hi = (uint16_t)(group->itable_unused >> 16);
		raw->bg_block_bitmap_csum_hi = (uint16_t)(group->block_csum >> 16);
		raw->bg_inode_bitmap_csum_hi = (uint16_t)(group->inode_csum >> 16);
	}
	if (fs->has_csum || fs->has_gdt_csum)
		raw->bg_checksum = (uint16_t)group_desc_csum(fs, index, raw);
}

static bool group_is_sane(const struct ext4_fs *fs, uint32_t index)
{
	const struct group *group = &fs->groups[index];
	uint64_t first = fs->sb.s_first_data_block;

	return group->block_bitmap > first && group->block_bitmap < fs->nr_blocks &&
	       group->inode_bitmap > first && group->inode_bitmap < fs->nr_blocks &&
	       group->inode_table > first && group->inode_table < fs->nr_blocks &&
	       fs->nr_blocks - group->inode_table >= fs->itable_blocks &&
	       group->free_blocks <= group_blocks(fs, index) && group->free_inodes <= fs->inodes_per_group &&
	       group->used_dirs <= fs->inodes_per_group - group->free_inodes &&
	       group->itable_unused <= fs->inodes_per_group;
}

static int group_load(struct ext4_fs *fs, uint32_t index, struct ext4_group_desc *raw)
{
	struct group *group = &fs->groups[index];

	if ((fs->has_csum || fs->has_gdt_csum) && raw->bg_checksum != (uint16_t)group_desc_csum(fs, index, raw))
		return fs_corrupt(fs, "group %u: wrong checksum of its descriptor", index);
	group_unpack(fs, group, raw);
	if (!group_is_sane(fs, index))
		return fs_corrupt(fs, "group %u: its descriptor makes no sense", index);
	if (!fs->has_csum && !fs->has_gdt_csum) {
		group->flags = 0;
		group->itable_unused = 0;
	}
	fs->free_blocks += group->free_blocks;
	fs->free_inodes += group->free_inodes;
	fs->overhead += group_head_blocks(fs, index) + 2 + fs->itable_blocks;
	return 0;
}

int groups_load(struct ext4_fs *fs)
{
	fs->groups = mem_zalloc(fs, fs->nr_groups * sizeof(*fs->groups));
	if (!fs->groups)
		return -ENOMEM;
	for (uint32_t b = 0; b < desc_blocks(fs); b++) {
		uint32_t first = b * desc_per_block(fs);
		uint32_t count = MIN(fs->nr_groups - first, desc_per_block(fs));
		struct buf *buf;
		int err = buf_get(fs, desc_block(fs, b), BUF_GROUP_DESC, 0, &buf);

		for (uint32_t i = 0; i < count && !err; i++)
			err = group_load(fs, first + i, (void *)(buf->data + (size_t)i * fs->desc_size));
		if (err)
			return err;
		buf_put(buf);
	}
	return 0;
}

static int group_seal_bitmaps(struct ext4_fs *fs, uint32_t index)
{
	struct group *group = &fs->groups[index];
	struct buf *buf;
	int err = 0;

	if (group->block_changed) {
		err = bitmap_get_blocks(fs, index, &buf);
		if (err)
			return err;
		group->block_csum = bitmap_csum(fs, buf, fs->blocks_per_group);
		buf_put(buf);
	}
	if (group->inode_changed) {
		err = bitmap_get_inodes(fs, index, &buf);
		if (err)
			return err;
		group->inode_csum = bitmap_csum(fs, buf, fs->inodes_per_group);
		buf_put(buf);
	}
	group->block_changed = group->inode_changed = false;
	return 0;
}

/* Packs what changed into the descriptors' blocks; the changed bitmaps are dirty in the cache. */
int groups_flush(struct ext4_fs *fs)
{
	for (uint32_t i = 0; i < fs->nr_groups; i++) {
		struct buf *buf;
		int err;

		if (!fs->groups[i].dirty)
			continue;
		err = group_seal_bitmaps(fs, i);
		if (err)
			return err;
		err = buf_get(fs, desc_block(fs, i / desc_per_block(fs)), BUF_GROUP_DESC, 0, &buf);
		if (err)
			return err;
		group_pack(fs, i, (void *)(buf->data + (size_t)(i % desc_per_block(fs)) * fs->desc_size));
		buf_dirty(fs, buf);
		buf_put(buf);
		fs->groups[i].dirty = false;
	}
	return 0;
}
