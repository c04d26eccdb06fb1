/* SPDX-License-Identifier: MIT */
/*
 * The disk format of the journal (JBD2).  Unlike the rest of ext4 it is big-endian: be32() converts
 * in both directions.
 */
#ifndef EXT4_JOURNAL_FORMAT_H
#define EXT4_JOURNAL_FORMAT_H

#include <stdint.h>

static inline uint32_t be32(uint32_t x)
{
	return __builtin_bswap32(x);
}

#define JOURNAL_MAGIC 0xc03b3998

enum {
	JOURNAL_DESCRIPTOR = 1,
	JOURNAL_COMMIT = 2,
	JOURNAL_SUPER_V1 = 3,
	JOURNAL_SUPER_V2 = 4,
	JOURNAL_REVOKE = 5,
};

#define JOURNAL_INCOMPAT_REVOKE  0x01
#define JOURNAL_INCOMPAT_64BIT   0x02
#define JOURNAL_INCOMPAT_CSUM_V2 0x08
#define JOURNAL_INCOMPAT_CSUM_V3 0x10

#define JOURNAL_CSUM_CRC32C 4

struct journal_header {
	uint32_t magic;
	uint32_t type;
	uint32_t sequence;
} __attribute__((packed));

struct journal_super {
	struct journal_header header;
	uint32_t block_size;
	uint32_t max_len;  /* blocks of the journal, this one included */
	uint32_t first;    /* first block of the log */
	uint32_t sequence; /* of the first transaction in the log */
	uint32_t start;    /* where that begins; 0: the log is empty */
	uint32_t error;
	uint32_t feature_compat;
	uint32_t feature_incompat;
	uint32_t feature_ro_compat;
	uint8_t uuid[16];
	uint32_t nr_users;
	uint32_t dynsuper;
	uint32_t max_transaction;
	uint32_t max_trans_data;
	uint8_t checksum_type;
	uint8_t padding[3];
	uint32_t nr_fc_blocks;
	uint32_t head;
	uint32_t padding2[40];
	uint32_t checksum;
	uint8_t users[16 * 48];
} __attribute__((packed));
_Static_assert(sizeof(struct journal_super) == 1024, "journal superblock");

#define TAG_ESCAPE    1 /* the block begins with the magic number, which was zeroed */
#define TAG_SAME_UUID 2 /* no UUID follows */
#define TAG_LAST      8

struct journal_tag {
	uint32_t block;
	uint16_t checksum;
	uint16_t flags;
	uint32_t block_high; /* only with 64BIT; with CSUM_V2 two bytes more follow */
} __attribute__((packed));

struct journal_tag3 { /* with CSUM_V3 */
	uint32_t block;
	uint32_t flags;
	uint32_t block_high;
	uint32_t checksum;
} __attribute__((packed));

struct journal_commit {
	struct journal_header header;
	uint8_t checksum_type;
	uint8_t checksum_size;
	uint8_t padding[2];
	uint32_t checksum[8];
	uint64_t sec;
	uint32_t nsec;
} __attribute__((packed));

struct journal_revoke {
	struct journal_header header;
	uint32_t count; /* bytes used, this head included */
} __attribute__((packed));

#endif
