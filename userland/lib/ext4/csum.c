// SPDX-License-Identifier: MIT
/*
 * metadata_csum: every block of metadata carries a CRC-32C, seeded with the file system's UUID
 * and with what owns the block, so that a stale or misplaced block is told from the right one.
 *
 * Checksums are verified once, when a block enters the cache, and computed once, when it is
 * written back ("sealed"), however often it changes in between.  The bitmaps' checksums lie in
 * the group descriptors and are handled by group.c.
 */
#include "ext4/internal.h"

uint32_t inode_seed(struct ext4_fs *fs, uint32_t ino, uint32_t generation)
{
	uint32_t crc = crc32c(fs->csum_seed, &ino, sizeof(ino));

	return crc32c(crc, &generation, sizeof(generation));
}

static bool inode_has_csum_hi(struct ext4_fs *fs, const struct ext4_inode *raw)
{
	return fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE && raw->i_extra_isize >= 4;
}

/* leaves the checksum fields zero */
static uint32_t inode_csum(struct ext4_fs *fs, struct ext4_inode *raw, uint32_t seed)
{
	raw->i_checksum_lo = 0;
	if (inode_has_csum_hi(fs, raw))
		raw->i_checksum_hi = 0;
	return crc32c(seed, raw, fs->inode_size);
}

static void inode_csum_store(struct ext4_fs *fs, struct ext4_inode *raw, uint32_t crc)
{
	raw->i_checksum_lo = (uint16_t)crc;
	if (inode_has_csum_hi(fs, raw))
		raw->i_checksum_hi = (uint16_t)(crc >> 16);
}

bool inode_csum_ok(struct ext4_fs *fs, struct ext4_inode *raw, uint32_t seed)
{
	uint32_t want = raw->i_checksum_lo;
	uint32_t have;

	if (!fs->has_csum)
		return true;
	if (inode_has_csum_hi(fs, raw))
		want |= (uint32_t)raw->i_checksum_hi << 16;
	have = inode_csum(fs, raw, seed);
	inode_csum_store(fs, raw, want);
	return want == (inode_has_csum_hi(fs, raw) ? have : have & 0xffff);
}

static void inode_table_seal(struct ext4_fs *fs, struct buf *buf)
{
	uint32_t first = buf->seed; /* number of the first inode in the block */

	for (uint32_t i = 0; i < fs->inodes_per_block; i++) {
		struct ext4_inode *raw = (void *)(buf->data + (size_t)i * fs->inode_size);
		uint32_t seed;

		if (!(buf->changed & 1u << i))
			continue;
		seed = inode_seed(fs, first + i, raw->i_generation);
		inode_csum_store(fs, raw, inode_csum(fs, raw, seed));
	}
	buf->changed = 0;
}

/* where an extent block's checksum lies, behind the last possible entry; NULL: not inside the block */
static uint32_t *extent_tail(struct ext4_fs *fs, struct buf *buf)
{
	struct extent_header *head = (void *)buf->data;
	size_t offset = sizeof(*head) + sizeof(struct extent_leaf) * (size_t)head->max;

	return offset + 4 <= fs->block_size ? (void *)(buf->data + offset) : NULL;
}

static struct dirent_tail *dir_tail(struct ext4_fs *fs, struct buf *buf)
{
	struct dirent_tail *tail = (void *)(buf->data + fs->block_size - DIRENT_TAIL_LEN);

	if (tail->zero || tail->rec_len != DIRENT_TAIL_LEN || tail->zero_name_len ||
	    tail->file_type != DIRENT_TAIL_TYPE)
		return NULL;
	return tail;
}

/* An index block's checksum covers the entries in use, and lies behind the last possible one. */
static struct dx_tail *index_tail(struct ext4_fs *fs, struct buf *buf, uint32_t *covered)
{
	struct dirent_head *first = (void *)buf->data;
	uint32_t offset = first->rec_len == fs->block_size ? DX_NODE_OFFSET : DX_ROOT_OFFSET;
	struct dx_countlimit *limit = (void *)(buf->data + offset);
	size_t end = offset + (size_t)limit->limit * sizeof(struct dx_entry);

	if (limit->count > limit->limit || end + sizeof(struct dx_tail) > fs->block_size)
		return NULL;
	*covered = offset + limit->count * (uint32_t)sizeof(struct dx_entry);
	return (void *)(buf->data + end);
}

static uint32_t index_csum(struct buf *buf, const struct dx_tail *tail, uint32_t covered)
{
	const uint32_t zero = 0;
	uint32_t crc = crc32c(buf->seed, buf->data, covered);

	crc = crc32c(crc, &tail->reserved, sizeof(tail->reserved));
	return crc32c(crc, &zero, sizeof(zero));
}

/* the checksum field of a directory block, and what it should hold; NULL if there's no room */
static uint8_t *dir_csum(struct ext4_fs *fs, struct buf *buf, uint32_t *crc)
{
	uint32_t covered;

	if (dir_block_is_index(fs, buf)) {
		struct dx_tail *tail = index_tail(fs, buf, &covered);

		if (!tail)
			return NULL;
		*crc = index_csum(buf, tail, covered);
		return (uint8_t *)&tail->checksum;
	} else {
		struct dirent_tail *tail = dir_tail(fs, buf);

		if (!tail)
			return NULL;
		*crc = crc32c(buf->seed, buf->data, fs->block_size - DIRENT_TAIL_LEN);
		return (uint8_t *)&tail->checksum;
	}
}

static uint32_t xattr_csum(struct ext4_fs *fs, struct buf *buf)
{
	struct xattr_header *head = (void *)buf->data;
	uint32_t saved = head->checksum;
	uint32_t crc;

	head->checksum = 0;
	crc = crc32c(fs->csum_seed, &buf->block, sizeof(buf->block));
	crc = crc32c(crc, buf->data, fs->block_size);
	head->checksum = saved;
	return crc;
}

/* the address of the checksum inside buf and its right value, or NULL where none belongs */
static uint8_t *buf_csum(struct ext4_fs *fs, struct buf *buf, uint32_t *crc, bool *expected)
{
	uint8_t *field = NULL;

	*expected = true;
	switch (buf->kind) {
	case BUF_EXTENT:
		field = (uint8_t *)extent_tail(fs, buf);
		if (field)
			*crc = crc32c(buf->seed, buf->data, (size_t)(field - buf->data));
		break;
	case BUF_DIR:
		field = dir_csum(fs, buf, crc);
		break;
	case BUF_XATTR:
		field = (uint8_t *)&((struct xattr_header *)buf->data)->checksum;
		*crc = xattr_csum(fs, buf);
		break;
	default:
		*expected = false;
	}
	return field;
}

int buf_verify(struct ext4_fs *fs, struct buf *buf)
{
	bool expected;
	uint32_t crc;
	uint8_t *field;

	if (!fs->has_csum)
		return 0;
	field = buf_csum(fs, buf, &crc, &expected);
	if (!expected)
		return 0;
	if (!field)
		return fs_corrupt(fs, "block %llu: no room for its checksum", (unsigned long long)buf->block);
	if (memcmp(field, &crc, 4))
		return fs_corrupt(fs, "block %llu: wrong checksum", (unsigned long long)buf->block);
	return 0;
}

void buf_seal(struct ext4_fs *fs, struct buf *buf)
{
	bool expected;
	uint32_t crc;
	uint8_t *field;

	if (!fs->has_csum)
		return;
	if (buf->kind == BUF_INODE_TABLE) {
		inode_table_seal(fs, buf);
		return;
	}
	field = buf_csum(fs, buf, &crc, &expected);
	if (field)
		memcpy(field, &crc, 4);
}

uint32_t group_desc_csum(struct ext4_fs *fs, uint32_t index, struct ext4_group_desc *desc)
{
	uint16_t saved = desc->bg_checksum;
	uint32_t crc;

	if (fs->has_csum) {
		desc->bg_checksum = 0;
		crc = crc32c(fs->csum_seed, &index, sizeof(index));
		crc = crc32c(crc, desc, fs->desc_size);
		desc->bg_checksum = saved;
		return crc & 0xffff;
	}
	crc = crc16(0xffff, fs->sb.s_uuid, sizeof(fs->sb.s_uuid));
	crc = crc16((uint16_t)crc, &index, sizeof(index));
	crc = crc16((uint16_t)crc, desc, offsetof(struct ext4_group_desc, bg_checksum));
	if (fs->desc_size > 32)
		crc = crc16((uint16_t)crc, (uint8_t *)desc + 32, fs->desc_size - 32);
	return crc;
}

uint32_t bitmap_csum(struct ext4_fs *fs, const struct buf *buf, uint32_t bits)
{
	return crc32c(fs->csum_seed, buf->data, bits / 8);
}
