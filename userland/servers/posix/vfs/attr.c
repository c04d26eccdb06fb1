/* SPDX-License-Identifier: MIT */
/* Changing attributes: the rules of who may, and the order in which disk and memory change. */
#include <quoin/runtime.h>

#include "inode.h"
#include "linux/errno.h"
#include "linux/fcntl.h"
#include "attr.h"
#include "file.h"
#include "memfd.h"
#include "namei.h"
#include "pagecache.h"
#include "process.h"

static void attr_apply(struct inode *inode, const struct inode_attr *attr)
{
	if (attr->valid & ATTR_MODE)
		inode->mode = (inode->mode & LINUX_S_IFMT) | (attr->mode & 07777);
	if (attr->valid & ATTR_UID)
		inode->uid = attr->uid;
	if (attr->valid & ATTR_GID)
		inode->gid = attr->gid;
	if (attr->valid & ATTR_ATIME)
		inode->atime_ns = attr->atime_ns;
	if (attr->valid & ATTR_MTIME)
		inode->mtime_ns = attr->mtime_ns;
	if (attr->valid & ATTR_CTIME)
		inode->ctime_ns = attr->ctime_ns;
}

/* The inode's lock is held. */
static int attr_set_locked(struct inode *inode, struct inode_attr *attr)
{
	int error;

	if (!inode->ops->setattr)
		return -EPERM;
	attr->ctime_ns = inode_now();
	attr->valid |= ATTR_CTIME;
	error = inode->ops->setattr(inode, attr);
	if (!error)
		attr_apply(inode, attr);
	return error;
}

int attr_chmod(struct inode *inode, uint32_t mode)
{
	struct inode_attr attr = { .valid = ATTR_MODE, .mode = mode & 07777 };
	int error;

	if (!inode_is_owner(inode))
		return -EPERM;
	if (!cred_in_group(current->cred, inode->gid) && !capable(CAP_FSETID))
		attr.mode &= ~LINUX_S_ISGID;
	mutex_lock(&inode->lock);
	error = attr_set_locked(inode, &attr);
	mutex_unlock(&inode->lock);
	return error;
}

static bool attr_may_chown(struct inode *inode, uint32_t uid, uint32_t gid)
{
	struct cred *cred = current->cred;

	if (capable(CAP_CHOWN))
		return true;
	if (cred->fsuid != inode->uid || (uid != UINT32_MAX && uid != inode->uid))
		return false;
	return gid == UINT32_MAX || gid == inode->gid || cred_in_group(cred, gid);
}

int attr_chown(struct inode *inode, uint32_t uid, uint32_t gid)
{
	struct inode_attr attr = {};
	int error;

	if (!attr_may_chown(inode, uid, gid))
		return -EPERM;
	mutex_lock(&inode->lock);
	if (uid != UINT32_MAX) {
		attr.valid |= ATTR_UID;
		attr.uid = uid;
	}
	if (gid != UINT32_MAX) {
		attr.valid |= ATTR_GID;
		attr.gid = gid;
	}
	/* A program must not keep its privilege when its owner changes. */
	if (!inode_is_dir(inode) && (inode->mode & (LINUX_S_ISUID | LINUX_S_ISGID))) {
		attr.valid |= ATTR_MODE;
		attr.mode = inode->mode & 07777 & ~LINUX_S_ISUID;
		if (inode->mode & LINUX_S_IXGRP)
			attr.mode &= ~LINUX_S_ISGID;
	}
	error = attr_set_locked(inode, &attr);
	mutex_unlock(&inode->lock);
	return error;
}

int attr_set_times(struct inode *inode, struct inode_attr *attr)
{
	int error;

	mutex_lock(&inode->lock);
	error = attr_set_locked(inode, attr);
	mutex_unlock(&inode->lock);
	return error;
}

void attr_strip_privilege(struct inode *inode)
{
	struct inode_attr attr = { .valid = ATTR_MODE };

	if (!(inode->mode & (LINUX_S_ISUID | LINUX_S_ISGID)) || !current || capable(CAP_FSETID))
		return;
	attr.mode = inode->mode & 07777 & ~LINUX_S_ISUID;
	if (inode->mode & LINUX_S_IXGRP)
		attr.mode &= ~LINUX_S_ISGID;
	attr_set_locked(inode, &attr);
}

static int truncate_check(struct inode *inode, int64_t size)
{
	if (size < 0)
		return -EINVAL;
	if (!inode->ops->setattr)
		return -EINVAL;
	if ((size < inode->size && (inode->seals & MEMFD_SEAL_SHRINK)) ||
	    (size > inode->size && (inode->seals & MEMFD_SEAL_GROW)))
		return -EPERM;
	return size > inode->size ? file_limit_check(size) : 0;
}

/*
 * A smaller size drops pages before the disk frees the blocks, a larger one is known to the disk before
 * anybody can write there.  flush_lock keeps write-back of the old tail out meanwhile.
 */
static int truncate_locked(struct inode *inode, int64_t size)
{
	struct inode_attr attr = { .valid = ATTR_SIZE | ATTR_MTIME, .size = size };
	bool shrinks = size < inode->size;
	int error = 0;

	if (shrinks)
		error = pagecache_truncate_prepare(inode, size);
	if (error)
		return error;
	attr.mtime_ns = inode_now();
	mutex_lock(&inode->flush_lock);
	if (shrinks)
		pagecache_truncate(inode, size);
	error = attr_set_locked(inode, &attr);
	if (!error && !shrinks)
		pagecache_truncate(inode, size);
	mutex_unlock(&inode->flush_lock);
	return error;
}

int inode_truncate(struct inode *inode, int64_t size)
{
	int error;

	mutex_lock(&inode->lock);
	error = truncate_check(inode, size);
	if (!error) {
		error = truncate_locked(inode, size);
		attr_strip_privilege(inode);
	}
	mutex_unlock(&inode->lock);
	return error;
}

#define ALLOCATE_MODES (LINUX_FALLOC_FL_KEEP_SIZE | LINUX_FALLOC_FL_PUNCH_HOLE | LINUX_FALLOC_FL_ZERO_RANGE)

/* Zeroes a range in the cache; the disk gets the zeroes with the next write-back. */
static int allocate_zero(struct inode *inode, int64_t start, int64_t end)
{
	if (inode->seals & MEMFD_SEAL_WRITE)
		return -EPERM;
	return pagecache_zero_range(inode, start, end < inode->size ? end : inode->size);
}

int inode_allocate(struct inode *inode, int mode, int64_t offset, int64_t len)
{
	bool punch = mode & LINUX_FALLOC_FL_PUNCH_HOLE;
	int64_t end = offset + len;
	int error = 0;

	if ((mode & ~ALLOCATE_MODES) || (punch && !(mode & LINUX_FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	if (punch || (mode & LINUX_FALLOC_FL_ZERO_RANGE))
		error = allocate_zero(inode, offset, end);
	if (!error && !(mode & LINUX_FALLOC_FL_KEEP_SIZE) && end > inode->size) {
		error = truncate_check(inode, end);
		if (!error)
			error = truncate_locked(inode, end);
	}
	mutex_unlock(&inode->lock);
	return error;
}
