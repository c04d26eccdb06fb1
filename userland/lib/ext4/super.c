// SPDX-License-Identifier: MIT
/*
 * The superblock: what of it is believed, and writing it back.
 *
 * Everything else in the library computes with these numbers, so nothing passes here that could
 * lead a computation out of bounds.
 */
#include "ext4/internal.h"

#define INCOMPAT_SUPPORTED                                                                                \
	(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG | EXT4_INCOMPAT_EXTENTS | \
	 EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG | EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR)

#define RO_SUPPORTED                                                                        \
	(EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_HUGE_FILE | EXT4_RO_GDT_CSUM | \
	 EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM)

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static uint32_t super_csum(const struct ext4_super *sb)
{
	return crc32c(0xffffffff, sb, offsetof(struct ext4_super, s_checksum));
}

static int super_check_features(struct ext4_fs *fs)
{
	struct ext4_super *sb = &fs->sb;
	uint32_t unknown = sb->s_feature_incompat & ~(uint32_t)INCOMPAT_SUPPORTED;

	if (sb->s_rev_level < 1) {
		fs_log(fs, "file systems of revision 0 are not supported");
		return -EOPNOTSUPP;
	}
	if (unknown) {
		fs_log(fs, "unsupported incompatible features 0x%x", unknown);
		return -EOPNOTSUPP;
	}
	unknown = sb->s_feature_ro_compat & ~(uint32_t)RO_SUPPORTED;
	if (unknown && !fs->readonly) {
		fs_log(fs, "unsupported features 0x%x: can be mounted read-only", unknown);
		return -EROFS;
	}
	return 0;
}

static const char *super_check_blocks(struct ext4_fs *fs)
{
	const struct ext4_super *sb = &fs->sb;

	if (sb->s_log_block_size > 2)
		return "block size is not 1024, 2048 or 4096";
	fs->block_shift = 10 + sb->s_log_block_size;
	fs->block_size = 1u << fs->block_shift;
	fs->nr_blocks = sb->s_blocks_count_lo;
	if (fs_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		fs->nr_blocks |= (uint64_t)sb->s_blocks_count_hi << 32;
	if (sb->s_first_data_block != (fs->block_size == 1024))
		return "bad number of the first data block";
	if (fs->nr_blocks > fs->env.device_bytes >> fs->block_shift)
		return "it is larger than the disk";
	if (fs->nr_blocks <= sb->s_first_data_block + 1)
		return "no blocks";
	fs->blocks_per_group = sb->s_blocks_per_group;
	if (!fs->blocks_per_group || fs->blocks_per_group % 8 || fs->blocks_per_group > 8 * fs->block_size)
		return "bad number of blocks in a group";
	if (sb->s_reserved_gdt_blocks > fs->block_size / 4)
		return "bad number of reserved descriptor blocks";
	return NULL;
}

static const char *super_check_inodes(struct ext4_fs *fs)
{
	const struct ext4_super *sb = &fs->sb;
	uint64_t groups =
		(fs->nr_blocks - sb->s_first_data_block + fs->blocks_per_group - 1) / fs->blocks_per_group;

	fs->inode_size = sb->s_inode_size;
	if (!power_of_two(fs->inode_size) || fs->inode_size < EXT4_GOOD_OLD_INODE_SIZE ||
	    fs->inode_size > fs->block_size)
		return "bad inode size";
	fs->inodes_per_block = fs->block_size / fs->inode_size;
	fs->inodes_per_group = sb->s_inodes_per_group;
	if (!fs->inodes_per_group || fs->inodes_per_group % 8 || fs->inodes_per_group > 8 * fs->block_size)
		return "bad number of inodes in a group";
	fs->itable_blocks = (fs->inodes_per_group + fs->inodes_per_block - 1) / fs->inodes_per_block;
	if (groups > 1u << 24 || groups * fs->inodes_per_group != sb->s_inodes_count)
		return "the number of inodes does not match the groups";
	fs->nr_groups = (uint32_t)groups;
	if (sb->s_first_ino < 11 || sb->s_first_ino >= sb->s_inodes_count)
		return "bad first inode";
	return NULL;
}

static const char *super_check_rest(struct ext4_fs *fs)
{
	const struct ext4_super *sb = &fs->sb;

	fs->has_csum = fs_has_ro(fs, EXT4_RO_METADATA_CSUM);
	fs->has_gdt_csum = !fs->has_csum && fs_has_ro(fs, EXT4_RO_GDT_CSUM);
	if (fs->has_csum && (sb->s_checksum_type != 1 || super_csum(sb) != sb->s_checksum))
		return "wrong checksum of the superblock";
	fs->desc_size = fs_has_incompat(fs, EXT4_INCOMPAT_64BIT) ? sb->s_desc_size : 32;
	if (!power_of_two(fs->desc_size) || fs->desc_size < 32 || fs->desc_size > 1024 ||
	    (fs->desc_size < 64 && fs_has_incompat(fs, EXT4_INCOMPAT_64BIT)))
		return "bad size of the group descriptors";
	fs->csum_seed = fs_has_incompat(fs, EXT4_INCOMPAT_CSUM_SEED)
				? sb->s_checksum_seed
				: crc32c(0xffffffff, sb->s_uuid, sizeof(sb->s_uuid));
	return NULL;
}

static int super_check(struct ext4_fs *fs)
{
	const char *wrong = NULL;
	int err;

	if (fs->sb.s_magic != EXT4_SUPER_MAGIC) {
		fs_log(fs, "not an ext4 file system");
		return -EINVAL;
	}
	err = super_check_features(fs);
	if (err)
		return err;
	wrong = super_check_blocks(fs);
	if (!wrong)
		wrong = super_check_inodes(fs);
	if (!wrong)
		wrong = super_check_rest(fs);
	return wrong ? fs_corrupt(fs, "superblock: %s", wrong) : 0;
}

int super_read(struct ext4_fs *fs)
{
	int err;

	if (fs->env.device_bytes < EXT4_SUPER_OFFSET + sizeof(fs->sb))
		return -EINVAL;
	err = fs->env.read(fs->env.ctx, EXT4_SUPER_OFFSET, &fs->sb, sizeof(fs->sb));
	return err ? err : super_check(fs);
}

/* Recovery has replaced it: believed anew, but it must be the same file system. */
int super_recheck(struct ext4_fs *fs)
{
	uint32_t block_size = fs->block_size;
	int err = super_check(fs);

	if (!err && fs->block_size != block_size)
		err = fs_corrupt(fs, "the journal belongs to another file system");
	return err;
}

static void super_seal(struct ext4_fs *fs, struct ext4_super *sb)
{
	sb->s_wtime = fs_now(fs);
	if (fs->has_csum)
		sb->s_checksum = super_csum(sb);
}

static void super_count(struct ext4_fs *fs)
{
	struct ext4_super *sb = &fs->sb;

	sb->s_free_blocks_count_lo = (uint32_t)fs->free_blocks;
	if (fs_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		sb->s_free_blocks_count_hi = (uint32_t)(fs->free_blocks >> 32);
	sb->s_free_inodes_count = (uint32_t)fs->free_inodes;
}

/* To its place, as it is in memory. */
int super_store(struct ext4_fs *fs)
{
	super_seal(fs, &fs->sb);
	return fs->env.write(fs->env.ctx, EXT4_SUPER_OFFSET, &fs->sb, sizeof(fs->sb));
}

/*
 * Marks the superblock on the disk for e2fsck, not the one in memory, which has changes of lost operations.
 * Nothing is computed with what is read here; and what is not the superblock any more is not made one.
 */
int super_mark_error(struct ext4_fs *fs)
{
	struct ext4_super sb;
	int err = fs->env.read(fs->env.ctx, EXT4_SUPER_OFFSET, &sb, sizeof(sb));

	if (err)
		return err;
	if (sb.s_magic != EXT4_SUPER_MAGIC || memcmp(sb.s_uuid, fs->sb.s_uuid, sizeof(sb.s_uuid)) ||
	    (fs->has_csum && super_csum(&sb) != sb.s_checksum))
		return -EUCLEAN;
	sb.s_state |= EXT4_STATE_ERROR;
	sb.s_error_count++;
	sb.s_last_error_time = fs_now(fs);
	if (!sb.s_first_error_time)
		sb.s_first_error_time = sb.s_last_error_time;
	super_seal(fs, &sb);
	err = fs->env.write(fs->env.ctx, EXT4_SUPER_OFFSET, &sb, sizeof(sb));
	return err ? err : fs->env.flush(fs->env.ctx);
}

/* To its place, with the counts of now. */
int super_write(struct ext4_fs *fs)
{
	super_count(fs);
	return super_store(fs);
}

/* Into its block in the cache, to be part of a transaction. */
int super_to_cache(struct ext4_fs *fs)
{
	struct buf *buf;
	int err = buf_get(fs, EXT4_SUPER_OFFSET >> fs->block_shift, BUF_RAW, 0, &buf);

	if (err)
		return err;
	super_count(fs);
	super_seal(fs, &fs->sb);
	memcpy(buf->data + EXT4_SUPER_OFFSET % fs->block_size, &fs->sb, sizeof(fs->sb));
	buf_dirty(fs, buf);
	buf_put(buf);
	return 0;
}

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

/* does the group begin with a copy of the superblock? */
bool group_has_super(struct ext4_fs *fs, uint32_t index)
{
	if (index == 0)
		return true;
	if (fs_has_compat(fs, EXT4_COMPAT_SPARSE_SUPER2))
		return index == fs->sb.s_backup_bgs[0] || index == fs->sb.s_backup_bgs[1];
	if (index == 1 || !fs_has_ro(fs, EXT4_RO_SPARSE_SUPER))
		return true;
	return is_power_of(index, 3) || is_power_of(index, 5) || is_power_of(index, 7);
}
