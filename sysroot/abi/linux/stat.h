/* SPDX-License-Identifier: MIT */
/* What a file is: modes, stat, statx, directory records, statfs. */
#ifndef ABI_LINUX_STAT_H
#define ABI_LINUX_STAT_H

#include <stdint.h>

#define LINUX_S_IFMT   0170000
#define LINUX_S_IFIFO  0010000
#define LINUX_S_IFCHR  0020000
#define LINUX_S_IFDIR  0040000
#define LINUX_S_IFBLK  0060000
#define LINUX_S_IFREG  0100000
#define LINUX_S_IFLNK  0120000
#define LINUX_S_IFSOCK 0140000

#define LINUX_S_ISUID 0004000
#define LINUX_S_ISGID 0002000
#define LINUX_S_ISVTX 0001000
#define LINUX_S_IRWXU 0000700
#define LINUX_S_IRUSR 0000400
#define LINUX_S_IWUSR 0000200
#define LINUX_S_IXUSR 0000100
#define LINUX_S_IRWXG 0000070
#define LINUX_S_IRGRP 0000040
#define LINUX_S_IWGRP 0000020
#define LINUX_S_IXGRP 0000010
#define LINUX_S_IRWXO 0000007
#define LINUX_S_IROTH 0000004
#define LINUX_S_IWOTH 0000002
#define LINUX_S_IXOTH 0000001

struct linux_stat {
	uint64_t st_dev;
	uint64_t st_ino;
	uint64_t st_nlink;
	uint32_t st_mode;
	uint32_t st_uid;
	uint32_t st_gid;
	uint32_t pad;
	uint64_t st_rdev;
	int64_t st_size;
	int64_t st_blksize;
	int64_t st_blocks; /* of 512 bytes */
	uint64_t st_atime;
	uint64_t st_atime_nsec;
	uint64_t st_mtime;
	uint64_t st_mtime_nsec;
	uint64_t st_ctime;
	uint64_t st_ctime_nsec;
	int64_t unused[3];
};

struct linux_statx_timestamp {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t pad;
};

struct linux_statx {
	uint32_t stx_mask; /* which of the fields below hold a value */
	uint32_t stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink;
	uint32_t stx_uid;
	uint32_t stx_gid;
	uint16_t stx_mode;
	uint16_t pad;
	uint64_t stx_ino;
	uint64_t stx_size;
	uint64_t stx_blocks;
	uint64_t stx_attributes_mask; /* which attributes the file system knows */
	struct linux_statx_timestamp stx_atime;
	struct linux_statx_timestamp stx_btime;
	struct linux_statx_timestamp stx_ctime;
	struct linux_statx_timestamp stx_mtime;
	uint32_t stx_rdev_major;
	uint32_t stx_rdev_minor;
	uint32_t stx_dev_major;
	uint32_t stx_dev_minor;
	uint64_t stx_mnt_id;
	uint32_t stx_dio_mem_align;
	uint32_t stx_dio_offset_align;
	uint64_t spare[12];
};

#define LINUX_STATX_TYPE        0x0001
#define LINUX_STATX_MODE        0x0002
#define LINUX_STATX_NLINK       0x0004
#define LINUX_STATX_UID         0x0008
#define LINUX_STATX_GID         0x0010
#define LINUX_STATX_ATIME       0x0020
#define LINUX_STATX_MTIME       0x0040
#define LINUX_STATX_CTIME       0x0080
#define LINUX_STATX_INO         0x0100
#define LINUX_STATX_SIZE        0x0200
#define LINUX_STATX_BLOCKS      0x0400
#define LINUX_STATX_BASIC_STATS 0x07ff
#define LINUX_STATX_BTIME       0x0800
#define LINUX_STATX_MNT_ID      0x1000
#define LINUX_STATX_DIOALIGN    0x2000
#define LINUX_STATX__RESERVED   0x80000000u

#define LINUX_STATX_ATTR_COMPRESSED 0x0004
#define LINUX_STATX_ATTR_IMMUTABLE  0x0010
#define LINUX_STATX_ATTR_APPEND     0x0020
#define LINUX_STATX_ATTR_NODUMP     0x0040
#define LINUX_STATX_ATTR_ENCRYPTED  0x0800
#define LINUX_STATX_ATTR_MOUNT_ROOT 0x2000

/* A device number as stat() gives it: 12 bits of major and 8 of minor lowest, the rest above. */
static inline uint64_t linux_makedev(uint32_t major, uint32_t minor)
{
	return (minor & 0xffull) | (major & 0xfffull) << 8 | (minor & ~0xffull) << 12 |
	       (major & ~0xfffull) << 32;
}

static inline uint32_t linux_major(uint64_t dev)
{
	return (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull);
}

static inline uint32_t linux_minor(uint64_t dev)
{
	return (dev & 0xff) | (dev >> 12 & ~0xffull);
}

/* utimensat() */
#define LINUX_UTIME_NOW  0x3fffffff
#define LINUX_UTIME_OMIT 0x3ffffffe

/* A directory record; the name is zero-terminated, the record padded to 8 bytes. */
struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

#define LINUX_DIRENT64_NAME_OFFSET 19

#define LINUX_DT_UNKNOWN 0
#define LINUX_DT_FIFO    1
#define LINUX_DT_CHR     2
#define LINUX_DT_DIR     4
#define LINUX_DT_BLK     6
#define LINUX_DT_REG     8
#define LINUX_DT_LNK     10
#define LINUX_DT_SOCK    12

struct linux_statfs {
	int64_t f_type;
	int64_t f_bsize;
	uint64_t f_blocks;
	uint64_t f_bfree;
	uint64_t f_bavail;
	uint64_t f_files;
	uint64_t f_ffree;
	int32_t f_fsid[2];
	int64_t f_namelen;
	int64_t f_frsize;
	int64_t f_flags; /* LINUX_ST_* */
	int64_t f_spare[4];
};

#define LINUX_ST_RDONLY     0x0001
#define LINUX_ST_NOSUID     0x0002
#define LINUX_ST_NODEV      0x0004
#define LINUX_ST_NOEXEC     0x0008
#define LINUX_ST_VALID      0x0020 /* f_flags holds a value */
#define LINUX_ST_NOATIME    0x0400
#define LINUX_ST_NODIRATIME 0x0800
#define LINUX_ST_RELATIME   0x1000

/* f_type */
#define LINUX_EXT4_SUPER_MAGIC   0xef53
#define LINUX_TMPFS_MAGIC        0x01021994
#define LINUX_PROC_SUPER_MAGIC   0x9fa0
#define LINUX_SYSFS_MAGIC        0x62656572
#define LINUX_DEVPTS_SUPER_MAGIC 0x1cd1
#define LINUX_PIPEFS_MAGIC       0x50495045
#define LINUX_SOCKFS_MAGIC       0x534f434b

_Static_assert(sizeof(struct linux_stat) == 144, "struct linux_stat");
_Static_assert(sizeof(struct linux_statx) == 256, "struct linux_statx");
_Static_assert(sizeof(struct linux_statfs) == 120, "struct linux_statfs");
_Static_assert(__builtin_offsetof(struct linux_dirent64, d_name) == LINUX_DIRENT64_NAME_OFFSET,
	       "struct linux_dirent64");

#endif
