/* SPDX-License-Identifier: MIT */
/* /dev: a tmpfs that one superblock serves, wherever it is mounted. */
#ifndef POSIX_DEVFS_H
#define POSIX_DEVFS_H

#include <stdint.h>

int devfs_init(void);
void devfs_add(const char *name, uint32_t mode, uint32_t rdev);
void devfs_remove(const char *name);

#endif
