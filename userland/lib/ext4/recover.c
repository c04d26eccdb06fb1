// SPDX-License-Identifier: MIT
/*
 * Recovery: writing to their places the blocks of every transaction that is whole in the log.
 *
 * Three walks over the log: to find the last whole transaction; to collect revocations (a block
 * freed after its logging must not be written back over what it became); to write.
 */
#include "ext4/journal.h"

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

struct recovery {
	struct ext4_fs *fs;
	enum pass pass;
	uint8_t *block; /* the log's block in work */
	uint8_t *data;
	uint32_t at;
	uint32_t sequence;
	uint32_t end; /* the first sequence number that is not whole */
	uint32_t visited;
	uint32_t nr_replayed;
	struct pair *revoked; /* key: block, value: the last sequence that revokes it */
	uint32_t nr_revoked;
	uint32_t max_revoked;
};

static int log_read(struct recovery *r, void *data)
{
	int err = journal_io(r->fs, r->at, data, 1, false);

	r->at = journal_ring_next(r->fs->journal, r->at, 1);
	r->visited++;
	return err;
}

/* the checksum in a block's last four bytes */
static bool tail_csum_ok(struct recovery *r)
{
	uint8_t *tail = r->block + r->fs->block_size - 4;
	uint32_t want;

	if (!r->fs->journal->has_csum)
		return true;
	memcpy(&want, tail, 4);
	memset(tail, 0, 4);
	return be32(want) == journal_block_csum(r->fs, r->block);
}

static bool commit_csum_ok(struct recovery *r)
{
	struct journal_commit *commit = (void *)r->block;
	uint32_t want = be32(commit->checksum[0]);

	if (!r->fs->journal->has_csum)
		return true;
	commit->checksum[0] = 0;
	return want == journal_block_csum(r->fs, r->block);
}

static bool is_revoked(const struct recovery *r, uint64_t block)
{
	for (uint32_t low = 0, high = r->nr_revoked; low < high;) {
		uint32_t middle = low + (high - low) / 2;

		if (r->revoked[middle].key == block)
			return (int32_t)((uint32_t)r->revoked[middle].value - r->sequence) >= 0;
		if (r->revoked[middle].key < block)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int revoke_add(struct recovery *r, uint64_t block)
{
	if (r->nr_revoked == r->max_revoked) {
		uint32_t max = r->max_revoked ? 2 * r->max_revoked : 256;
		struct pair *revoked = mem_alloc(r->fs, max * sizeof(*revoked));

		if (!revoked)
			return -ENOMEM;
		if (r->nr_revoked)
			memcpy(revoked, r->revoked, r->nr_revoked * sizeof(*revoked));
		mem_free(r->fs, r->revoked);
		r->revoked = revoked;
		r->max_revoked = max;
	}
	r->revoked[r->nr_revoked++] = (struct pair){ block, r->sequence };
	return 0;
}

/* sorted by block, each once, with its latest sequence number */
static void revoked_sort(struct recovery *r)
{
	uint32_t kept = 0;

	pairs_sort(r->revoked, r->nr_revoked);
	for (uint32_t i = 0; i < r->nr_revoked; i++) {
		struct pair *last = kept ? &r->revoked[kept - 1] : NULL;

		if (!last || last->key != r->revoked[i].key)
			r->revoked[kept++] = r->revoked[i];
		else if ((int32_t)((uint32_t)r->revoked[i].value - (uint32_t)last->value) > 0)
			last->value = r->revoked[i].value;
	}
	r->nr_revoked = kept;
}

static int revoke_block(struct recovery *r)
{
	const struct journal_revoke *head = (const void *)r->block;
	bool wide = journal_has(r->fs->journal, JOURNAL_INCOMPAT_64BIT);
	uint32_t step = wide ? 8 : 4, end = be32(head->count);
	int err = 0;

	if (r->pass != PASS_REVOKE)
		return 0;
	if (!tail_csum_ok(r) || end > r->fs->block_size)
		return fs_corrupt(r->fs, "journal: bad revocation block");
	for (uint32_t at = sizeof(*head); at + step <= end && !err; at += step) {
		uint32_t word[2];

		memcpy(word, r->block + at, step);
		err = revoke_add(r, wide ? (uint64_t)be32(word[0]) << 32 | be32(word[1]) : be32(word[0]));
	}
	return err;
}

/* what a descriptor says of one block */
struct tag {
	uint64_t block;
	uint32_t flags;
	uint32_t checksum; /* low 16 bits only with CSUM_V2 */
};

static void tag_get(struct recovery *r, const uint8_t *at, struct tag *tag)
{
	bool wide = journal_has(r->fs->journal, JOURNAL_INCOMPAT_64BIT);
	uint32_t high;

	if (journal_has(r->fs->journal, JOURNAL_INCOMPAT_CSUM_V3)) {
		struct journal_tag3 raw;

		memcpy(&raw, at, sizeof(raw));
		*tag = (struct tag){ be32(raw.block), be32(raw.flags), be32(raw.checksum) };
		high = raw.block_high;
	} else {
		struct journal_tag raw = { 0 };

		memcpy(&raw, at, wide ? sizeof(raw) : sizeof(raw) - 4);
		*tag = (struct tag){ be32(raw.block), __builtin_bswap16(raw.flags),
				     __builtin_bswap16(raw.checksum) };
		high = raw.block_high;
	}
	if (wide)
		tag->block |= (uint64_t)be32(high) << 32;
}

static bool data_csum_ok(struct recovery *r, const struct tag *tag)
{
	uint32_t crc;

	if (!r->fs->journal->has_csum)
		return true;
	crc = journal_data_csum(r->fs, r->sequence, r->data);
	if (!journal_has(r->fs->journal, JOURNAL_INCOMPAT_CSUM_V3))
		crc &= 0xffff;
	return crc == tag->checksum;
}

static int replay_block(struct recovery *r, const struct tag *tag)
{
	struct ext4_fs *fs = r->fs;
	const uint32_t magic = be32(JOURNAL_MAGIC);
	int err = log_read(r, r->data);

	if (err || is_revoked(r, tag->block))
		return err;
	if (!data_csum_ok(r, tag))
		return fs_corrupt(fs, "journal: wrong checksum of a block");
	if (tag->block >= fs->nr_blocks)
		return fs_corrupt(fs, "journal: a block outside the file system");
	if (tag->flags & TAG_ESCAPE)
		memcpy(r->data, &magic, 4);
	r->nr_replayed++;
	return fs->env.write(fs->env.ctx, tag->block << fs->block_shift, r->data, fs->block_size);
}

/* 0 to go on; 1 if the log ends here, because the descriptor is torn */
static int descriptor_block(struct recovery *r)
{
	struct journal *journal = r->fs->journal;
	uint32_t len = journal_tag_len(journal);
	uint32_t end = r->fs->block_size - (journal->has_csum ? 4 : 0);
	uint32_t at = sizeof(struct journal_header);
	struct tag tag = { 0 };
	int err = 0;

	if (!tail_csum_ok(r))
		return 1;
	while (!(tag.flags & TAG_LAST) && at + len <= end && !err) {
		tag_get(r, r->block + at, &tag);
		at += len + (tag.flags & TAG_SAME_UUID ? 0 : 16);
		if (r->pass == PASS_REPLAY) {
			err = replay_block(r, &tag);
		} else {
			r->at = journal_ring_next(journal, r->at, 1);
			r->visited++;
		}
	}
	return err;
}

/* one control block: 0 to go on, 1 at the end of the log, or an error */
static int step(struct recovery *r)
{
	const struct journal_header *header = (const void *)r->block;
	int err;

	if ((r->pass != PASS_SCAN && r->sequence == r->end) || r->visited >= r->fs->journal->max_len)
		return 1;
	err = log_read(r, r->block);
	if (err)
		return err;
	if (be32(header->magic) != JOURNAL_MAGIC || be32(header->sequence) != r->sequence)
		return 1;
	switch (be32(header->type)) {
	case JOURNAL_DESCRIPTOR:
		return descriptor_block(r);
	case JOURNAL_REVOKE:
		return revoke_block(r);
	case JOURNAL_COMMIT:
		if (!commit_csum_ok(r))
			return 1;
		r->sequence++;
		return 0;
	}
	return 1;
}

static int walk(struct recovery *r, enum pass pass)
{
	int ret = 0;

	r->pass = pass;
	r->at = be32(r->fs->journal->super.start);
	r->sequence = be32(r->fs->journal->super.sequence);
	r->visited = 0;
	while (!ret)
		ret = step(r);
	if (pass == PASS_SCAN)
		r->end = r->sequence;
	if (pass == PASS_REVOKE)
		revoked_sort(r);
	return MIN(ret, 0);
}

static int recover(struct recovery *r)
{
	int err = walk(r, PASS_SCAN);

	if (!err)
		err = walk(r, PASS_REVOKE);
	if (!err)
		err = walk(r, PASS_REPLAY);
	if (!err)
		err = r->fs->env.flush(r->fs->env.ctx);
	/* the numbers of transactions that were not whole are not used again */
	if (!err)
		err = journal_super_write(r->fs, 0, r->end + 1);
	return err;
}

/* That something is wrong was written past the journal, whose copy of the superblock is older. */
static void super_keep_errors(struct ext4_super *sb, const struct ext4_super *before)
{
	const size_t start = offsetof(struct ext4_super, s_error_count);
	const size_t end = offsetof(struct ext4_super, s_mount_opts);

	sb->s_state |= before->s_state & EXT4_STATE_ERROR;
	memcpy((uint8_t *)sb + start, (const uint8_t *)before + start, end - start);
}

/* the superblock may have been among the blocks */
static int super_reload(struct ext4_fs *fs)
{
	const struct ext4_super before = fs->sb;
	int err;

	cache_drop_all(fs);
	err = fs->env.read(fs->env.ctx, EXT4_SUPER_OFFSET, &fs->sb, sizeof(fs->sb));
	if (err)
		return err;
	err = super_recheck(fs);
	super_keep_errors(&fs->sb, &before);
	fs->sb.s_feature_incompat &= ~(uint32_t)EXT4_INCOMPAT_RECOVER;
	return err;
}

int journal_recover(struct ext4_fs *fs)
{
	struct recovery r = { .fs = fs,
			      .block = mem_alloc(fs, fs->block_size),
			      .data = mem_alloc(fs, fs->block_size) };
	int err = 0;

	if (!r.block || !r.data)
		err = -ENOMEM;
	else if (fs->journal->super.start)
		err = recover(&r);
	if (!err)
		err = super_reload(fs);
	if (!err)
		err = super_store(fs);
	if (!err && r.nr_replayed)
		fs_log(fs, "recovered: %u blocks from the journal", r.nr_replayed);
	mem_free(fs, r.block);
	mem_free(fs, r.data);
	mem_free(fs, r.revoked);
	return err;
}
