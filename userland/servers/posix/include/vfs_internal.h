/* SPDX-License-Identifier: MIT */
/* What the files of vfs/ share among themselves. */
#ifndef POSIX_VFS_INTERNAL_H
#define POSIX_VFS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

struct inode;

int anonymous_init(void);
void inode_mark_times(struct inode *inode);
unsigned long inode_count(void);

#endif
