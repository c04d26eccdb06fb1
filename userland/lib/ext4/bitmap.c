// SPDX-License-Identifier: MIT
/*
 * Bitmaps: searching and changing them, and the blocks on the disk that hold them.
 *
 * A group that was never used has no bitmap on the disk (BLOCK_UNINIT, INODE_UNINIT); its contents
 * follow from the layout and are made here when first asked for.
 */
#include "ext4/internal.h"

static uint64_t bitmap_word(const void *map, uint32_t index)
{
	uint64_t word;

	memcpy(&word, (const uint8_t *)map + (size_t)index * 8, 8);
	return word;
}

/* the first bit >= from that equals !invert; size if there's none; size is a multiple of 8 bits,
 * and maps are whole blocks, so reading the last word whole stays inside */
static uint32_t bitmap_next(const void *map, uint32_t from, uint32_t size, uint64_t invert)
{
	uint32_t index = from / 64;
	uint64_t word;

	if (from >= size)
		return size;
	word = (bitmap_word(map, index) ^ invert) & (~0ull << from % 64);
	while (!word) {
		if (++index * 64 >= size)
			return size;
		word = bitmap_word(map, index) ^ invert;
	}
	return MIN(index * 64 + (uint32_t)__builtin_ctzll(word), size);
}

uint32_t bitmap_next_zero(const void *map, uint32_t from, uint32_t size)
{
	return bitmap_next(map, from, size, ~0ull);
}

uint32_t bitmap_next_set(const void *map, uint32_t from, uint32_t size)
{
	return bitmap_next(map, from, size, 0);
}

bool bitmap_test(const void *map, uint32_t bit)
{
	return ((const uint8_t *)map)[bit / 8] >> bit % 8 & 1;
}

static void bitmap_fill_range(uint8_t *map, uint32_t start, uint32_t count, bool set)
{
	for (uint32_t bit = start; bit < start + count;) {
		if (bit % 8 == 0 && start + count - bit >= 8) {
			map[bit / 8] = set ? 0xff : 0;
			bit += 8;
			continue;
		}
		if (set)
			map[bit / 8] |= (uint8_t)(1u << bit % 8);
		else
			map[bit / 8] &= (uint8_t) ~(1u << bit % 8);
		bit++;
	}
}

void bitmap_set_range(void *map, uint32_t start, uint32_t count)
{
	bitmap_fill_range(map, start, count, true);
}

void bitmap_clear_range(void *map, uint32_t start, uint32_t count)
{
	bitmap_fill_range(map, start, count, false);
}

uint32_t bitmap_count_zero(const void *map, uint32_t size)
{
	uint32_t zeroes = 0;

	for (uint32_t bit = 0; bit < size; bit += 64) {
		uint64_t word = ~bitmap_word(map, bit / 64);

		if (size - bit < 64)
			word &= (1ull << (size - bit)) - 1;
		for (; word; word &= word - 1)
			zeroes++;
	}
	return zeroes;
}

/* marks what of [start, start + count) lies in the group */
static void bitmap_mark(struct ext4_fs *fs, void *map, uint32_t group, uint64_t start, uint64_t count)
{
	uint64_t first = group_start(fs, group);
	uint64_t last = first + group_blocks(fs, group);
	uint64_t from = MAX(start, first);
	uint64_t to = MIN(start + count, last);

	if (from < to)
		bitmap_set_range(map, (uint32_t)(from - first), (uint32_t)(to - from));
}

static void block_bitmap_make(struct ext4_fs *fs, uint32_t index, uint8_t *map)
{
	struct group *group = &fs->groups[index];

	memset(map, 0, fs->block_size);
	bitmap_mark(fs, map, index, group_start(fs, index), group_head_blocks(fs, index));
	bitmap_mark(fs, map, index, group->block_bitmap, 1);
	bitmap_mark(fs, map, index, group->inode_bitmap, 1);
	bitmap_mark(fs, map, index, group->inode_table, fs->itable_blocks);
	bitmap_set_range(map, group_blocks(fs, index), fs->block_size * 8 - group_blocks(fs, index));
}

static void inode_bitmap_make(struct ext4_fs *fs, uint8_t *map)
{
	memset(map, 0, fs->block_size);
	bitmap_set_range(map, fs->inodes_per_group, fs->block_size * 8 - fs->inodes_per_group);
}

static bool bitmap_csum_ok(struct ext4_fs *fs, struct buf *buf, uint32_t bits, uint32_t want)
{
	uint32_t crc;

	if (!fs->has_csum)
		return true;
	crc = bitmap_csum(fs, buf, bits);
	return want == (fs->desc_size >= 64 ? crc : crc & 0xffff);
}

static int bitmap_get(struct ext4_fs *fs, uint32_t index, bool inodes, struct buf **out)
{
	struct group *group = &fs->groups[index];
	uint64_t block = inodes ? group->inode_bitmap : group->block_bitmap;
	uint32_t bits = inodes ? fs->inodes_per_group : fs->blocks_per_group;
	uint32_t csum = inodes ? group->inode_csum : group->block_csum;
	bool changed = inodes ? group->inode_changed : group->block_changed;
	uint16_t uninit = inodes ? EXT4_BG_INODE_UNINIT : EXT4_BG_BLOCK_UNINIT;
	int err = buf_get(fs, block, inodes ? BUF_INODE_BITMAP : BUF_BLOCK_BITMAP, index, out);

	if (err || (*out)->verified)
		return err;
	if (group->flags & uninit && (fs->has_csum || fs->has_gdt_csum)) {
		if (inodes)
			inode_bitmap_make(fs, (*out)->data);
		else
			block_bitmap_make(fs, index, (*out)->data);
	} else if (!changed && !bitmap_csum_ok(fs, *out, bits, csum)) {
		buf_put(*out);
		return fs_corrupt(fs, "group %u: wrong checksum of the %s bitmap", index,
				  inodes ? "inode" : "block");
	}
	(*out)->verified = 1;
	return 0;
}

int bitmap_get_blocks(struct ext4_fs *fs, uint32_t group, struct buf **out)
{
	return bitmap_get(fs, group, false, out);
}

int bitmap_get_inodes(struct ext4_fs *fs, uint32_t group, struct buf **out)
{
	return bitmap_get(fs, group, true, out);
}
