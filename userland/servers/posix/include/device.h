/* SPDX-License-Identifier: MIT */
/*
 * Devices in /dev.  A driver of character files registers once, before or after /dev is mounted; its
 * node appears there with the name and mode given, and any node of that number opens with its operations.
 */
#ifndef POSIX_DEVICE_H
#define POSIX_DEVICE_H

#include <stdint.h>
#include <quoin/types.h>

struct file_ops;
struct inode;

/* name may hold one directory: "pts/0". NULL: no node of its own. 0 or -errno. */
int device_register_char(unsigned major, unsigned minor, const char *name, uint32_t mode,
			 const struct file_ops *ops);
/* The node goes; open files stay. */
void device_unregister_char(unsigned major, unsigned minor);
const struct file_ops *device_char_ops(uint32_t rdev);

/* A disk or partition of so many 512-byte sectors, by its block endpoint, which is taken over. */
int device_register_block(unsigned major, unsigned minor, const char *name, quoin_handle endpoint,
			  uint64_t nr_sectors);
/* The endpoint behind a block device inode, for mounting; 0 if it is none. */
quoin_handle device_block_endpoint(uint32_t rdev);
/* By name, "/dev/vda3" or "vda3": its number, 0 if unknown. */
uint32_t device_block_find(const char *name);

/* visit must not block. */
void device_for_each_block(void (*visit)(const char *name, uint32_t rdev, uint64_t nr_sectors, void *argument),
			   void *argument);

/* What inodes of these types open with. */
extern const struct file_ops device_char_file_ops;
extern const struct file_ops device_block_file_ops;
/* By the type in mode, for file systems that can hold any; NULL for regular files and directories. */
const struct file_ops *inode_special_ops(uint32_t mode);

#endif
