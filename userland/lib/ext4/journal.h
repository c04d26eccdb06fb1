/* SPDX-License-Identifier: MIT */
/*
 * The journal, inside the library.
 *
 * A transaction is everything that changed since the last write-back.  It is written twice: to the
 * log, and when the log holds it whole, to its places.  The log is a ring, and its superblock
 * names the transaction to begin recovery with, which is always the last one: all before it have
 * reached their places.  One write-back is
 *
 *	[log superblock: begin with N] [descriptors and blocks of N]	| flush
 *	[commit block of N]						| flush
 *	[the blocks in their places]					| flush
 *
 * A crash before the commit block is whole leaves the state before N; after it, recovery writes
 * the blocks of N again.  N lies behind N-1 in the ring and does not overlap it, since N-1 may
 * still be what the log superblock on the disk names.
 *
 * When memory runs out while N is written, the same blocks are written again later, changed meanwhile.  That is
 * N+1, after the log has been emptied: the superblock and a commit block that N may have left would
 * otherwise make one transaction out of parts of both.
 *
 * Data is on the disk before its transaction, because ext4_commit_write() is called only then.
 * Freed blocks are not used again before the transaction that frees them is complete, so no block of
 * the last transaction can hold data by now, and revocations are never needed; those of Linux are
 * honoured in recovery.
 */
#ifndef EXT4_JOURNAL_H
#define EXT4_JOURNAL_H

#include "ext4/internal.h"
#include "ext4/journal_format.h"

struct journal {
	struct inode inode; /* maps the log's blocks; there is no buffer behind it */
	struct ext4_inode raw;
	struct journal_super super; /* as on the disk */
	uint32_t max_len;
	uint32_t first;
	uint32_t csum_seed;
	uint32_t sequence;  /* of the next transaction */
	uint32_t committed; /* of the last one that is whole */
	uint32_t head;      /* where the next one goes */
	uint32_t last_len;  /* blocks of the one before, which must stay; all, if it is not known to be whole */
	bool has_csum;      /* CSUM_V2 or V3 */
	bool active;        /* transactions are written */
};

static inline bool journal_has(const struct journal *journal, uint32_t feature)
{
	return be32(journal->super.feature_incompat) & feature;
}

static inline uint32_t journal_ring_next(const struct journal *journal, uint32_t at, uint32_t by)
{
	at += by;
	return at < journal->max_len ? at : at - journal->max_len + journal->first;
}

/* journal.c */
int journal_io(struct ext4_fs *fs, uint32_t at, void *data, uint32_t count, bool write);
int journal_super_write(struct ext4_fs *fs, uint32_t start, uint32_t sequence);
uint32_t journal_tag_len(const struct journal *journal);
uint32_t journal_block_csum(struct ext4_fs *fs, const void *block);
uint32_t journal_data_csum(struct ext4_fs *fs, uint32_t sequence, const void *block);

/* recover.c */
int journal_recover(struct ext4_fs *fs);

#endif
