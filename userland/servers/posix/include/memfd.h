/* SPDX-License-Identifier: MIT */
/* Seals of memfd_create's files. */
#ifndef POSIX_MEMFD_H
#define POSIX_MEMFD_H

#include <stdint.h>

#define MEMFD_SEAL_SEAL   1u
#define MEMFD_SEAL_SHRINK 2u
#define MEMFD_SEAL_GROW   4u
#define MEMFD_SEAL_WRITE  8u
#define MEMFD_SEALABLE    0x8000u /* in inode->seals: the file may have seals */

struct file;

long memfd_add_seals(struct file *file, unsigned seals);
long memfd_get_seals(struct file *file);

#endif
