// SPDX-License-Identifier: MIT
/* Writing a transaction to the log.  See journal.h for the order of things. */
#include "ext4/journal.h"

/* blocks on their way to the log, gathered in the cache's bounce memory */
struct log_writer {
	struct ext4_fs *fs;
	uint32_t at;    /* where the first gathered block goes */
	uint32_t count; /* gathered */
};

static uint32_t tags_per_descriptor(struct ext4_fs *fs)
{
	uint32_t tail = fs->journal->has_csum ? 4 : 0;
	/* the first tag is followed by the journal's UUID */
	uint32_t room = fs->block_size - (uint32_t)sizeof(struct journal_header) - tail - 16;

	return room / journal_tag_len(fs->journal);
}

/* what nr_blocks of metadata take in the log, the commit block included */
static uint32_t transaction_len(struct ext4_fs *fs, uint32_t nr_blocks)
{
	uint32_t per = tags_per_descriptor(fs);

	return nr_blocks + (nr_blocks + per - 1) / per + 1;
}

/* Is this many dirty blocks a reason to write back? */
bool journal_is_pressed(const struct ext4_fs *fs, uint32_t nr_dirty)
{
	const struct journal *journal = fs->journal;

	return journal && journal->active && nr_dirty > (journal->max_len - journal->first) / 4;
}

static int writer_flush(struct log_writer *writer)
{
	int err;

	if (!writer->count)
		return 0;
	err = journal_io(writer->fs, writer->at, writer->fs->cache.bounce, writer->count, true);
	writer->at = journal_ring_next(writer->fs->journal, writer->at, writer->count);
	writer->count = 0;
	return err;
}

/* the place for the next block of the log, zeroed; NULL with *err set on failure */
static uint8_t *writer_next(struct log_writer *writer, int *err)
{
	struct ext4_fs *fs = writer->fs;
	uint8_t *block;

	*err = 0;
	if (writer->count == CACHE_RUN || writer->at + writer->count == fs->journal->max_len)
		*err = writer_flush(writer);
	if (*err)
		return NULL;
	block = fs->cache.bounce + ((size_t)writer->count++ << fs->block_shift);
	memset(block, 0, fs->block_size);
	return block;
}

static void header_set(struct ext4_fs *fs, uint8_t *block, uint32_t type)
{
	const struct journal_header header = { be32(JOURNAL_MAGIC), be32(type), be32(fs->journal->sequence) };

	memcpy(block, &header, sizeof(header));
}

/* the tag of a block that the log holds as data; returns the tag's length */
static uint32_t tag_set(struct ext4_fs *fs, uint8_t *at, uint64_t block, uint32_t flags, const uint8_t *data)
{
	if (journal_has(fs->journal, JOURNAL_INCOMPAT_CSUM_V3)) {
		const struct journal_tag3 tag = { be32((uint32_t)block), be32(flags),
						  be32((uint32_t)(block >> 32)),
						  be32(journal_data_csum(fs, fs->journal->sequence, data)) };

		memcpy(at, &tag, sizeof(tag));
	} else {
		const struct journal_tag tag = { be32((uint32_t)block), 0, __builtin_bswap16((uint16_t)flags),
						 be32((uint32_t)(block >> 32)) };

		memcpy(at, &tag, journal_tag_len(fs->journal));
	}
	return journal_tag_len(fs->journal);
}

/* a copy of the block as it goes to the log; true if its first word had to be hidden */
static bool data_copy(struct ext4_fs *fs, uint8_t *to, const struct buf *buf)
{
	const uint32_t magic = be32(JOURNAL_MAGIC);

	memcpy(to, buf->data, fs->block_size);
	if (memcmp(to, &magic, 4))
		return false;
	memset(to, 0, 4);
	return true;
}

/*
 * A descriptor block, which comes first in the log, and its blocks.  It can be made only after its
 * blocks are seen, whose checksums it holds; so it is built apart, and the blocks copied twice.
 */
static void descriptor_build(struct ext4_fs *fs, uint8_t *desc, uint8_t *scratch, const struct pair *pairs,
			     uint32_t count)
{
	uint32_t at = sizeof(struct journal_header);

	memset(desc, 0, fs->block_size);
	header_set(fs, desc, JOURNAL_DESCRIPTOR);
	for (uint32_t i = 0; i < count; i++) {
		const struct buf *buf = (const struct buf *)(uintptr_t)pairs[i].value;
		uint32_t flags = data_copy(fs, scratch, buf) ? TAG_ESCAPE : 0;

		flags |= (i ? TAG_SAME_UUID : 0) | (i == count - 1 ? TAG_LAST : 0);
		at += tag_set(fs, desc + at, buf->block, flags, scratch);
		if (!i) {
			memcpy(desc + at, fs->journal->super.uuid, 16);
			at += 16;
		}
	}
	if (fs->journal->has_csum) {
		uint32_t crc = be32(journal_block_csum(fs, desc));

		memcpy(desc + fs->block_size - 4, &crc, 4);
	}
}

static int descriptor_write(struct log_writer *writer, uint8_t *scratch, const struct pair *pairs,
			    uint32_t count)
{
	struct ext4_fs *fs = writer->fs;
	uint8_t *block;
	int err;

	descriptor_build(fs, scratch, scratch + fs->block_size, pairs, count);
	block = writer_next(writer, &err);
	if (!block)
		return err;
	memcpy(block, scratch, fs->block_size);
	for (uint32_t i = 0; i < count; i++) {
		block = writer_next(writer, &err);
		if (!block)
			return err;
		data_copy(fs, block, (const struct buf *)(uintptr_t)pairs[i].value);
	}
	return 0;
}

static int commit_block_write(struct log_writer *writer)
{
	struct ext4_fs *fs = writer->fs;
	struct ext4_time now;
	struct journal_commit commit = { 0 };
	uint8_t *block;
	int err;

	block = writer_next(writer, &err);
	if (!block)
		return err;
	fs->env.now(fs->env.ctx, &now);
	header_set(fs, (uint8_t *)&commit, JOURNAL_COMMIT);
	commit.sec = __builtin_bswap64((uint64_t)now.sec);
	commit.nsec = be32(now.nsec);
	memcpy(block, &commit, sizeof(commit));
	if (fs->journal->has_csum) {
		commit.checksum[0] = be32(journal_block_csum(fs, block));
		memcpy(block, &commit, sizeof(commit));
	}
	return writer_flush(writer);
}

static int transaction_write(struct ext4_fs *fs, uint8_t *scratch, const struct pair *pairs, uint32_t count)
{
	struct log_writer writer = { fs, fs->journal->head, 0 };
	uint32_t per = tags_per_descriptor(fs);
	int err = journal_super_write(fs, fs->journal->head, fs->journal->sequence);

	for (uint32_t i = 0; i < count && !err; i += per)
		err = descriptor_write(&writer, scratch, pairs + i, MIN(count - i, per));
	if (!err)
		err = writer_flush(&writer);
	if (!err)
		err = fs->env.flush(fs->env.ctx);
	if (!err)
		err = commit_block_write(&writer);
	if (!err)
		err = fs->env.flush(fs->env.ctx);
	return err;
}

/* Forgets the last transaction, which has reached its places: recovery does not write it again. */
int journal_clear(struct ext4_fs *fs)
{
	int err = journal_super_write(fs, 0, fs->journal->sequence);

	if (!err)
		err = fs->env.flush(fs->env.ctx);
	if (err)
		return err;
	fs->journal->head = fs->journal->first;
	fs->journal->last_len = 0;
	return 0;
}

/* Writes the dirty blocks, sealed and sorted, to the log.  -E2BIG: they do not fit; nothing was written. */
int journal_commit(struct ext4_fs *fs, const struct pair *pairs)
{
	struct journal *journal = fs->journal;
	uint32_t capacity = journal->max_len - journal->first;
	uint32_t len = transaction_len(fs, fs->cache.nr_dirty);
	uint8_t *scratch;
	int err = 0;

	if (len > capacity)
		return -E2BIG;
	if (len + journal->last_len > capacity)
		err = journal_clear(fs);
	if (err)
		return err;
	scratch = mem_alloc(fs, 2 * (size_t)fs->block_size);
	if (!scratch)
		return -ENOMEM;
	err = transaction_write(fs, scratch, pairs, fs->cache.nr_dirty);
	mem_free(fs, scratch);
	journal->sequence++;
	if (err) {
		/* even its commit block may be there: nothing is written over it, nor with its number */
		journal->last_len = capacity;
		return err;
	}
	journal->head = journal_ring_next(journal, journal->head, len);
	journal->last_len = len;
	journal->committed = journal->sequence - 1;
	return 0;
}
