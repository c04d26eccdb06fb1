/* SPDX-License-Identifier: MIT */
/*
 * The ext4 disk format.  Everything is little-endian, as is every machine this library runs on, so
 * fields are plain integers; all structures are packed, because they are read in place from
 * blocks of unknown alignment.
 */
#ifndef EXT4_FORMAT_H
#define EXT4_FORMAT_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is read in place");

#define EXT4_SUPER_OFFSET 1024
#define EXT4_SUPER_MAGIC  0xef53
#define EXT4_ROOT_INO     2
#define EXT4_JOURNAL_INO  8
#define EXT4_NAME_MAX     255
#define EXT4_LINK_MAX     65000

/* s_state */
#define EXT4_STATE_VALID 1
#define EXT4_STATE_ERROR 2

/* s_flags */
#define EXT4_FLAG_SIGNED_HASH   1
#define EXT4_FLAG_UNSIGNED_HASH 2

/* s_feature_compat */
#define EXT4_COMPAT_HAS_JOURNAL   0x0004
#define EXT4_COMPAT_RESIZE_INODE  0x0010
#define EXT4_COMPAT_DIR_INDEX     0x0020
#define EXT4_COMPAT_SPARSE_SUPER2 0x0200

/* s_feature_incompat */
#define EXT4_INCOMPAT_FILETYPE  0x0002
#define EXT4_INCOMPAT_RECOVER   0x0004
#define EXT4_INCOMPAT_META_BG   0x0010
#define EXT4_INCOMPAT_EXTENTS   0x0040
#define EXT4_INCOMPAT_64BIT     0x0080
#define EXT4_INCOMPAT_FLEX_BG   0x0200
#define EXT4_INCOMPAT_CSUM_SEED 0x2000
#define EXT4_INCOMPAT_LARGEDIR  0x4000

/* s_feature_ro_compat */
#define EXT4_RO_SPARSE_SUPER  0x0001
#define EXT4_RO_LARGE_FILE    0x0002
#define EXT4_RO_HUGE_FILE     0x0008
#define EXT4_RO_GDT_CSUM      0x0010
#define EXT4_RO_DIR_NLINK     0x0020
#define EXT4_RO_EXTRA_ISIZE   0x0040
#define EXT4_RO_METADATA_CSUM 0x0400

struct ext4_super {
	uint32_t s_inodes_count;
	uint32_t s_blocks_count_lo;
	uint32_t s_r_blocks_count_lo;
	uint32_t s_free_blocks_count_lo;
	uint32_t s_free_inodes_count;
	uint32_t s_first_data_block;
	uint32_t s_log_block_size;
	uint32_t s_log_cluster_size;
	uint32_t s_blocks_per_group;
	uint32_t s_clusters_per_group;
	uint32_t s_inodes_per_group;
	uint32_t s_mtime;
	uint32_t s_wtime;
	uint16_t s_mnt_count;
	uint16_t s_max_mnt_count;
	uint16_t s_magic;
	uint16_t s_state;
	uint16_t s_errors;
	uint16_t s_minor_rev_level;
	uint32_t s_lastcheck;
	uint32_t s_checkinterval;
	uint32_t s_creator_os;
	uint32_t s_rev_level;
	uint16_t s_def_resuid;
	uint16_t s_def_resgid;
	uint32_t s_first_ino;
	uint16_t s_inode_size;
	uint16_t s_block_group_nr;
	uint32_t s_feature_compat;
	uint32_t s_feature_incompat;
	uint32_t s_feature_ro_compat;
	uint8_t s_uuid[16];
	char s_volume_name[16];
	char s_last_mounted[64];
	uint32_t s_algorithm_usage_bitmap;
	uint8_t s_prealloc_blocks;
	uint8_t s_prealloc_dir_blocks;
	uint16_t s_reserved_gdt_blocks;
	uint8_t s_journal_uuid[16];
	uint32_t s_journal_inum;
	uint32_t s_journal_dev;
	uint32_t s_last_orphan;
	uint32_t s_hash_seed[4];
	uint8_t s_def_hash_version;
	uint8_t s_jnl_backup_type;
	uint16_t s_desc_size;
	uint32_t s_default_mount_opts;
	uint32_t s_first_meta_bg;
	uint32_t s_mkfs_time;
	uint32_t s_jnl_blocks[17];
	uint32_t s_blocks_count_hi;
	uint32_t s_r_blocks_count_hi;
	uint32_t s_free_blocks_count_hi;
	uint16_t s_min_extra_isize;
	uint16_t s_want_extra_isize;
	uint32_t s_flags;
	uint16_t s_raid_stride;
	uint16_t s_mmp_interval;
	uint64_t s_mmp_block;
	uint32_t s_raid_stripe_width;
	uint8_t s_log_groups_per_flex;
	uint8_t s_checksum_type;
	uint8_t s_encryption_level;
	uint8_t s_reserved_pad;
	uint64_t s_kbytes_written;
	uint32_t s_snapshot[5];
	uint32_t s_error_count;
	uint32_t s_first_error_time;
	uint32_t s_first_error_ino;
	uint64_t s_first_error_block;
	uint8_t s_first_error_func[32];
	uint32_t s_first_error_line;
	uint32_t s_last_error_time;
	uint32_t s_last_error_ino;
	uint32_t s_last_error_line;
	uint64_t s_last_error_block;
	uint8_t s_last_error_func[32];
	uint8_t s_mount_opts[64];
	uint32_t s_usr_quota_inum;
	uint32_t s_grp_quota_inum;
	uint32_t s_overhead_clusters;
	uint32_t s_backup_bgs[2];
	uint8_t s_encrypt[20];
	uint32_t s_lpf_ino;
	uint32_t s_prj_quota_inum;
	uint32_t s_checksum_seed;
	uint8_t s_wtime_hi;
	uint8_t s_mtime_hi;
	uint8_t s_reserved[390];
	uint32_t s_checksum;
} __attribute__((packed));
_Static_assert(sizeof(struct ext4_super) == 1024, "superblock");
_Static_assert(__builtin_offsetof(struct ext4_super, s_checksum_seed) == 0x270, "superblock");

/* bg_flags */
#define EXT4_BG_INODE_UNINIT 1
#define EXT4_BG_BLOCK_UNINIT 2

struct ext4_group_desc {
	uint32_t bg_block_bitmap_lo;
	uint32_t bg_inode_bitmap_lo;
	uint32_t bg_inode_table_lo;
	uint16_t bg_free_blocks_lo;
	uint16_t bg_free_inodes_lo;
	uint16_t bg_used_dirs_lo;
	uint16_t bg_flags;
	uint32_t bg_exclude_bitmap_lo;
	uint16_t bg_block_bitmap_csum_lo;
	uint16_t bg_inode_bitmap_csum_lo;
	uint16_t bg_itable_unused_lo;
	uint16_t bg_checksum;
	/* the rest exists only where s_desc_size is 64 or more */
	uint32_t bg_block_bitmap_hi;
	uint32_t bg_inode_bitmap_hi;
	uint32_t bg_inode_table_hi;
	uint16_t bg_free_blocks_hi;
	uint16_t bg_free_inodes_hi;
	uint16_t bg_used_dirs_hi;
	uint16_t bg_itable_unused_hi;
	uint32_t bg_exclude_bitmap_hi;
	uint16_t bg_block_bitmap_csum_hi;
	uint16_t bg_inode_bitmap_csum_hi;
	uint32_t bg_reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct ext4_group_desc) == 64, "group descriptor");

/* i_mode */
#define EXT4_S_IFMT   0170000
#define EXT4_S_IFSOCK 0140000
#define EXT4_S_IFLNK  0120000
#define EXT4_S_IFREG  0100000
#define EXT4_S_IFBLK  0060000
#define EXT4_S_IFDIR  0040000
#define EXT4_S_IFCHR  0020000
#define EXT4_S_IFIFO  0010000

/* i_flags */
#define EXT4_INODE_IMMUTABLE   0x00000010
#define EXT4_INODE_APPEND      0x00000020
#define EXT4_INODE_INDEX       0x00001000
#define EXT4_INODE_HUGE_FILE   0x00040000
#define EXT4_INODE_EXTENTS     0x00080000
#define EXT4_INODE_EA_INODE    0x00200000
#define EXT4_INODE_INLINE_DATA 0x10000000

#define EXT4_I_BLOCK_BYTES 60

struct ext4_inode {
	uint16_t i_mode;
	uint16_t i_uid;
	uint32_t i_size_lo;
	uint32_t i_atime;
	uint32_t i_ctime;
	uint32_t i_mtime;
	uint32_t i_dtime;
	uint16_t i_gid;
	uint16_t i_links_count;
	uint32_t i_blocks_lo;
	uint32_t i_flags;
	uint32_t i_version;
	uint8_t i_block[EXT4_I_BLOCK_BYTES];
	uint32_t i_generation;
	uint32_t i_file_acl_lo;
	uint32_t i_size_hi;
	uint32_t i_obso_faddr;
	uint16_t i_blocks_hi;
	uint16_t i_file_acl_hi;
	uint16_t i_uid_hi;
	uint16_t i_gid_hi;
	uint16_t i_checksum_lo;
	uint16_t i_reserved;
	/* the rest exists only where s_inode_size and i_extra_isize reach that far */
	uint16_t i_extra_isize;
	uint16_t i_checksum_hi;
	uint32_t i_ctime_extra;
	uint32_t i_mtime_extra;
	uint32_t i_atime_extra;
	uint32_t i_crtime;
	uint32_t i_crtime_extra;
	uint32_t i_version_hi;
	uint32_t i_projid;
} __attribute__((packed));
_Static_assert(sizeof(struct ext4_inode) == 160, "inode");

#define EXT4_GOOD_OLD_INODE_SIZE 128

#define EXT4_EXTENT_MAGIC     0xf30a
#define EXT4_EXTENT_MAX_DEPTH 5
#define EXT4_EXTENT_MAX_LEN   32768 /* a longer ee_len is an unwritten extent of len - 32768 */

struct extent_header {
	uint16_t magic;
	uint16_t entries;
	uint16_t max;
	uint16_t depth;
	uint32_t generation;
} __attribute__((packed));

struct extent_leaf {
	uint32_t block;
	uint16_t len;
	uint16_t start_hi;
	uint32_t start_lo;
} __attribute__((packed));

struct extent_index {
	uint32_t block;
	uint32_t leaf_lo;
	uint16_t leaf_hi;
	uint16_t unused;
} __attribute__((packed));

/* directories */
#define DIRENT_HEAD_LEN  8
#define DIRENT_TAIL_LEN  12
#define DIRENT_TAIL_TYPE 0xde

struct dirent_head {
	uint32_t inode;
	uint16_t rec_len;
	uint8_t name_len;
	uint8_t file_type;
	char name[];
} __attribute__((packed));

struct dirent_tail {
	uint32_t zero;
	uint16_t rec_len;
	uint8_t zero_name_len;
	uint8_t file_type;
	uint32_t checksum;
} __attribute__((packed));

/* the index of a directory: a root inside block 0, behind "." and "..", then nodes */
#define DX_ROOT_OFFSET 32 /* of the entries in the root block */
#define DX_NODE_OFFSET 8  /* of the entries in a node */

struct dx_root_info {
	uint32_t reserved;
	uint8_t hash_version;
	uint8_t info_length;
	uint8_t indirect_levels;
	uint8_t unused_flags;
} __attribute__((packed));

struct dx_entry {
	uint32_t hash; /* of entry 0: limit and count, 16 bits each */
	uint32_t block;
} __attribute__((packed));

struct dx_countlimit {
	uint16_t limit;
	uint16_t count;
} __attribute__((packed));

struct dx_tail {
	uint32_t reserved;
	uint32_t checksum;
} __attribute__((packed));

enum { DX_HASH_LEGACY, DX_HASH_HALF_MD4, DX_HASH_TEA, DX_HASH_UNSIGNED };

/* extended attribute block */
#define EXT4_XATTR_MAGIC 0xea020000

struct xattr_header {
	uint32_t magic;
	uint32_t refcount;
	uint32_t blocks;
	uint32_t hash;
	uint32_t checksum;
	uint32_t reserved[3];
} __attribute__((packed));

#endif
