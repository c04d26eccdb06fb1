// SPDX-License-Identifier: MIT
/*
 * The journal: finding it, opening and closing it.  See journal.h.
 *
 * Its place is taken from the copy of its inode's map in the superblock, since before recovery
 * nothing else on the disk can be trusted.
 */
#include "ext4/journal.h"

#define INCOMPAT_SUPPORTED \
	(JOURNAL_INCOMPAT_REVOKE | JOURNAL_INCOMPAT_64BIT | JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3)

#define JOURNAL_MIN_BLOCKS 64

/* Blocks of the log, which are contiguous in the ring (no wrap), to or from memory. */
int journal_io(struct ext4_fs *fs, uint32_t at, void *data, uint32_t count, bool write)
{
	uint8_t *bytes = data;

	while (count) {
		struct ext4_run run;
		uint64_t offset;
		size_t len;
		int err = map_lookup(&fs->journal->inode, at, &run);

		if (err)
			return err;
		if (run.flags)
			return fs_corrupt(fs, "the journal has a hole");
		run.count = MIN(run.count, count);
		offset = run.physical << fs->block_shift;
		len = (size_t)run.count << fs->block_shift;
		err = write ? fs->env.write(fs->env.ctx, offset, bytes, len)
			    : fs->env.read(fs->env.ctx, offset, bytes, len);
		if (err)
			return err;
		at += run.count;
		count -= run.count;
		bytes += len;
	}
	return 0;
}

static uint32_t super_csum(struct journal_super *super)
{
	uint32_t saved = super->checksum, crc;

	super->checksum = 0;
	crc = crc32c(0xffffffff, super, sizeof(*super));
	super->checksum = saved;
	return crc;
}

/* of a descriptor, revocation or commit block, with its checksum field zero */
uint32_t journal_block_csum(struct ext4_fs *fs, const void *block)
{
	return crc32c(fs->journal->csum_seed, block, fs->block_size);
}

/* of a block of metadata as it lies in the log */
uint32_t journal_data_csum(struct ext4_fs *fs, uint32_t sequence, const void *block)
{
	uint32_t big = be32(sequence);
	uint32_t crc = crc32c(fs->journal->csum_seed, &big, sizeof(big));

	return crc32c(crc, block, fs->block_size);
}

uint32_t journal_tag_len(const struct journal *journal)
{
	if (journal_has(journal, JOURNAL_INCOMPAT_CSUM_V3))
		return sizeof(struct journal_tag3);
	return (uint32_t)sizeof(struct journal_tag) + (journal_has(journal, JOURNAL_INCOMPAT_CSUM_V2) ? 2 : 0) -
	       (journal_has(journal, JOURNAL_INCOMPAT_64BIT) ? 0 : 4);
}

/* start 0: the log is empty; sequence is that of the first transaction to come, or to recover */
int journal_super_write(struct ext4_fs *fs, uint32_t start, uint32_t sequence)
{
	struct journal *journal = fs->journal;

	journal->super.start = be32(start);
	journal->super.sequence = be32(sequence);
	if (journal->has_csum)
		journal->super.checksum = be32(super_csum(&journal->super));
	/* the rest of the block is not used */
	memset(fs->cache.bounce, 0, fs->block_size);
	memcpy(fs->cache.bounce, &journal->super, sizeof(journal->super));
	return journal_io(fs, 0, fs->cache.bounce, 1, true);
}

/* an inode that is only a map: the superblock's copy */
static void map_from_super(struct ext4_fs *fs)
{
	struct journal *journal = fs->journal;
	const struct extent_header *head = (const void *)journal->raw.i_block;

	memcpy(journal->raw.i_block, fs->sb.s_jnl_blocks, EXT4_I_BLOCK_BYTES);
	if (head->magic == EXT4_EXTENT_MAGIC)
		journal->raw.i_flags |= EXT4_INODE_EXTENTS;
	journal->inode = (struct inode){ .fs = fs, .raw = &journal->raw, .ino = fs->sb.s_journal_inum };
	journal->inode.seed = inode_seed(fs, journal->inode.ino, 0);
}

static const char *super_check(struct ext4_fs *fs)
{
	struct journal *journal = fs->journal;
	struct journal_super *super = &journal->super;
	uint64_t bytes = (uint64_t)fs->sb.s_jnl_blocks[15] << 32 | fs->sb.s_jnl_blocks[16];

	if (be32(super->header.magic) != JOURNAL_MAGIC || be32(super->header.type) != JOURNAL_SUPER_V2)
		return "it has no superblock of version 2";
	if (be32(super->block_size) != fs->block_size)
		return "another block size";
	journal->max_len = be32(super->max_len);
	journal->first = be32(super->first);
	if (journal->max_len > bytes >> fs->block_shift || !journal->first ||
	    journal->first >= journal->max_len || journal->max_len - journal->first < JOURNAL_MIN_BLOCKS)
		return "bad size";
	if (be32(super->start) >= journal->max_len || (super->start && be32(super->start) < journal->first))
		return "bad start";
	if (be32(super->feature_incompat) & ~(uint32_t)INCOMPAT_SUPPORTED)
		return "unsupported features";
	journal->has_csum = journal_has(journal, JOURNAL_INCOMPAT_CSUM_V2 | JOURNAL_INCOMPAT_CSUM_V3);
	if (journal->has_csum &&
	    (super->checksum_type != JOURNAL_CSUM_CRC32C || be32(super->checksum) != super_csum(super)))
		return "wrong checksum of its superblock";
	journal->csum_seed = crc32c(0xffffffff, super->uuid, sizeof(super->uuid));
	return NULL;
}

static int super_load(struct ext4_fs *fs)
{
	const char *wrong;
	int err = journal_io(fs, 0, fs->cache.bounce, 1, false);

	if (err)
		return err;
	memcpy(&fs->journal->super, fs->cache.bounce, sizeof(fs->journal->super));
	wrong = super_check(fs);
	return wrong ? fs_corrupt(fs, "journal: %s", wrong) : 0;
}

/* Finds the journal, if there is one, and recovers what it holds. */
int journal_open(struct ext4_fs *fs)
{
	int err;

	if (!fs_has_compat(fs, EXT4_COMPAT_HAS_JOURNAL))
		return fs_has_incompat(fs, EXT4_INCOMPAT_RECOVER)
			       ? fs_corrupt(fs, "it needs recovery, but has no journal")
			       : 0;
	if (!fs->sb.s_journal_inum || fs->sb.s_jnl_backup_type != 1) {
		if (fs_has_incompat(fs, EXT4_INCOMPAT_RECOVER))
			return fs_corrupt(fs, "the journal needs recovery: run e2fsck first");
		return 0; /* nothing to recover; it stays unused */
	}
	fs->journal = mem_zalloc(fs, sizeof(*fs->journal));
	if (!fs->journal)
		return -ENOMEM;
	map_from_super(fs);
	err = super_load(fs);
	if (!err && fs_has_incompat(fs, EXT4_INCOMPAT_RECOVER))
		err = journal_recover(fs);
	if (!err && fs->journal->super.error)
		fs->sb.s_state |= EXT4_STATE_ERROR;
	return err;
}

static void super_set_features(struct ext4_fs *fs)
{
	struct journal_super *super = &fs->journal->super;
	uint32_t features = be32(super->feature_incompat) & JOURNAL_INCOMPAT_REVOKE;

	if (fs_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		features |= JOURNAL_INCOMPAT_64BIT;
	fs->journal->has_csum = fs->has_csum;
	if (fs->has_csum) {
		features |= JOURNAL_INCOMPAT_CSUM_V3;
		super->checksum_type = JOURNAL_CSUM_CRC32C;
	}
	super->feature_compat = 0;
	super->feature_incompat = be32(features);
}

/* From here on, changes go through the log; the file system says so. */
int journal_start(struct ext4_fs *fs)
{
	struct journal *journal = fs->journal;
	int err;

	if (!journal)
		return 0;
	super_set_features(fs);
	journal->sequence = MAX(be32(journal->super.sequence), 1);
	journal->committed = journal->sequence - 1;
	journal->head = journal->first;
	err = journal_super_write(fs, 0, journal->sequence);
	if (!err) {
		fs->sb.s_feature_incompat |= EXT4_INCOMPAT_RECOVER;
		err = super_write(fs);
	}
	if (!err)
		err = fs->env.flush(fs->env.ctx);
	if (!err)
		journal->super.error = 0; /* the file system's superblock has it now */
	journal->active = !err;
	return err;
}

/* For whoever recovers, which may bring back a superblock that knows of no error. */
int journal_mark_error(struct ext4_fs *fs)
{
	struct journal *journal = fs->journal;

	if (!journal_is_active(fs))
		return 0;
	journal->super.error = be32((uint32_t)-EIO);
	return journal_super_write(fs, be32(journal->super.start), be32(journal->super.sequence));
}

/* Everything is in its place: the log is empty, and nothing needs recovery. */
int journal_stop(struct ext4_fs *fs)
{
	struct journal *journal = fs->journal;
	int err;

	if (!journal || !journal->active)
		return 0;
	journal->active = false;
	err = journal_super_write(fs, 0, journal->sequence);
	if (!err)
		err = fs->env.flush(fs->env.ctx);
	if (!err) {
		fs->sb.s_feature_incompat &= ~(uint32_t)EXT4_INCOMPAT_RECOVER;
		err = super_write(fs);
	}
	return err ? err : fs->env.flush(fs->env.ctx);
}

bool journal_is_active(const struct ext4_fs *fs)
{
	return fs->journal && fs->journal->active;
}

uint32_t journal_sequence(const struct ext4_fs *fs)
{
	return journal_is_active(fs) ? fs->journal->sequence : 0;
}

uint32_t journal_committed(const struct ext4_fs *fs)
{
	return journal_is_active(fs) ? fs->journal->committed : 0;
}
