/* SPDX-License-Identifier: MIT */
/* Changes of attributes with POSIX's rules of permission; each takes the inode's lock. */
#ifndef POSIX_ATTR_H
#define POSIX_ATTR_H

#include <stdint.h>

struct inode;
struct inode_attr;

int attr_chmod(struct inode *inode, uint32_t mode);
int attr_chown(struct inode *inode, uint32_t uid, uint32_t gid);  /* UINT32_MAX: leave */
int attr_set_times(struct inode *inode, struct inode_attr *attr); /* the caller has checked */
/* Before a write by somebody unprivileged: set-user-id and set-group-id go. The lock is held. */
void attr_strip_privilege(struct inode *inode);

#endif
