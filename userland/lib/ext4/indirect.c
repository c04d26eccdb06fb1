// SPDX-License-Identifier: MIT
/*
 * The block map of ext2 and ext3: twelve blocks in the inode, then one table of block numbers,
 * tables of tables, and tables of those.  Files that have it are read, overwritten in place and
 * freed; new blocks go only to files with extents.
 */
#include "ext4/internal.h"

#define NR_DIRECT 12

/* the way to a block: indices from the inode's array downwards; returns their number, 0: too far */
static int indirect_way(struct ext4_fs *fs, uint64_t logical, uint32_t way[4])
{
	unsigned shift = fs->block_shift - 2;
	uint64_t mask = (1u << shift) - 1;

	if (logical < NR_DIRECT) {
		way[0] = (uint32_t)logical;
		return 1;
	}
	logical -= NR_DIRECT;
	for (int level = 1; level <= 3; level++) {
		if (logical < 1ull << shift * (unsigned)level) {
			way[0] = NR_DIRECT + (uint32_t)level - 1;
			for (int i = level; i > 0; i--, logical >>= shift)
				way[i] = (uint32_t)(logical & mask);
			return level + 1;
		}
		logical -= 1ull << shift * (unsigned)level;
	}
	return 0;
}

static uint32_t table_entry(const uint8_t *table, uint32_t index)
{
	uint32_t block;

	memcpy(&block, table + (size_t)index * 4, 4);
	return block;
}

/* the blocks from index on that follow each other on the disk, or are all holes */
static uint32_t table_run(const uint8_t *table, uint32_t index, uint32_t size)
{
	uint32_t first = table_entry(table, index);
	uint32_t count = 1;

	while (index + count < size && table_entry(table, index + count) == (first ? first + count : 0))
		count++;
	return count;
}

/* how many blocks, from this one on, hang below a table that is missing at this level */
static uint32_t missing_run(struct ext4_fs *fs, const uint32_t way[4], int level, int depth)
{
	unsigned shift = fs->block_shift - 2;
	uint64_t offset = 0;

	for (int i = level + 1; i < depth; i++)
		offset = offset << shift | way[i];
	return (uint32_t)MIN((1ull << shift * (unsigned)(depth - 1 - level)) - offset, 1u << 30);
}

int indirect_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out)
{
	struct ext4_fs *fs = inode->fs;
	const uint8_t *table = inode->raw->i_block;
	uint32_t size = NR_DIRECT;
	struct buf *buf = NULL;
	uint32_t way[4];
	int depth = indirect_way(fs, logical, way);
	int err;

	*out = (struct ext4_run){ 0, logical, 1, EXT4_MAP_HOLE };
	for (int level = 0; level < depth; level++) {
		uint32_t block = table_entry(table, way[level]);
		uint32_t run = 1;

		if (level == depth - 1)
			run = table_run(table, way[level], size);
		else if (!block)
			run = missing_run(fs, way, level, depth);

		buf_put(buf);
		buf = NULL;
		if (block && !blocks_valid(fs, block, run))
			return fs_corrupt(fs, "inode %u: bad block %u", inode->ino, block);
		if (!block || level == depth - 1) {
			*out = (struct ext4_run){ block, logical, run, block ? 0 : EXT4_MAP_HOLE };
			return 0;
		}
		err = buf_get(fs, block, BUF_RAW, inode->seed, &buf);
		if (err)
			return err;
		table = buf->data;
		size = fs->block_size / 4;
	}
	return 0;
}

static int indirect_free(struct inode *inode, uint32_t block, int level)
{
	struct ext4_fs *fs = inode->fs;
	struct buf *buf;
	int err = 0;

	if (!block)
		return 0;
	if (!blocks_valid(fs, block, 1))
		return fs_corrupt(fs, "inode %u: bad block %u", inode->ino, block);
	if (level) {
		err = buf_get(fs, block, BUF_RAW, inode->seed, &buf);
		if (err)
			return err;
		for (uint32_t i = 0; i < fs->block_size / 4 && !err; i++)
			err = indirect_free(inode, table_entry(buf->data, i), level - 1);
		buf_put(buf);
		buf_drop(fs, block);
	}
	if (!err)
		err = blocks_free(fs, block, 1);
	if (!err)
		inode_blocks_add(inode, -1);
	return err;
}

int indirect_free_all(struct inode *inode)
{
	for (uint32_t i = 0; i < EXT4_I_BLOCK_BYTES / 4; i++) {
		int level = i < NR_DIRECT ? 0 : (int)(i - NR_DIRECT + 1);
		int err = indirect_free(inode, table_entry(inode->raw->i_block, i), level);

		if (err)
			return err;
	}
	memset(inode->raw->i_block, 0, EXT4_I_BLOCK_BYTES);
	inode_dirty(inode);
	return 0;
}
