/* SPDX-License-Identifier: MIT */
/* Files that live in memory only: tmpfs, and what is built on it (/dev, memfd). */
#ifndef POSIX_TMPFS_H
#define POSIX_TMPFS_H

#include <stdint.h>

struct inode;
struct superblock;

void tmpfs_init(void); /* registers the type */
/* An empty file system whose root has these permissions. NULL: ENOMEM. */
struct superblock *tmpfs_superblock_create(const char *type, uint32_t root_mode, uint32_t magic);
/* How many names (superblock.max_names) a tmpfs may have that users write to. */
uint64_t tmpfs_names_limit(void);
/* A regular file without a name. NULL: ENOMEM. */
struct inode *tmpfs_file_create(uint32_t mode);

#endif
