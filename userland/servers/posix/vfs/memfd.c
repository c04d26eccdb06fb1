/* SPDX-License-Identifier: MIT */
/* memfd_create: a file in memory without a name, and its seals. */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "memfd.h"
#include "pagecache.h"
#include "syscall.h"
#include "tmpfs.h"
#include "usercopy.h"

#define MFD_CLOEXEC       1u
#define MFD_ALLOW_SEALING 2u
#define MEMFD_PREFIX      "/memfd:"
#define MEMFD_PREFIX_LEN  (sizeof(MEMFD_PREFIX) - 1)
#define MEMFD_NAME_MAX    249

long sys_memfd_create(SYSCALL_ARGS)
{
	char name[MEMFD_PREFIX_LEN + MEMFD_NAME_MAX + 1] = MEMFD_PREFIX;
	unsigned flags = (unsigned)a1;
	struct inode *inode;
	struct file *file;
	long len = strncpy_from_user(name + MEMFD_PREFIX_LEN, (uint64_t)a0, MEMFD_NAME_MAX + 1);

	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	inode = tmpfs_file_create(0777);
	if (!inode)
		return -ENOMEM;
	inode->link = strdup(name);
	if (!inode->link) {
		inode_put(inode);
		return -ENOMEM;
	}
	inode->seals = flags & MFD_ALLOW_SEALING ? MEMFD_SEALABLE : MEMFD_SEALABLE | MEMFD_SEAL_SEAL;
	file = file_create_anonymous(inode, inode->file_ops, LINUX_O_RDWR | LINUX_O_LARGEFILE,
				     FILE_READ | FILE_WRITE, inode->link);
	return file ? fd_install(file, flags & MFD_CLOEXEC) : -ENOMEM;
}

long memfd_add_seals(struct file *file, unsigned seals)
{
	struct inode *inode = file->inode;
	long result = 0;

	if (seals & ~(MEMFD_SEAL_SEAL | MEMFD_SEAL_SHRINK | MEMFD_SEAL_GROW | MEMFD_SEAL_WRITE))
		return -EINVAL;
	if (!(inode->seals & MEMFD_SEALABLE))
		return -EINVAL;
	if (!file_writable(file))
		return -EPERM;
	mutex_lock(&inode->lock);
	if (inode->seals & MEMFD_SEAL_SEAL)
		result = -EPERM;
	else if (seals & ~inode->seals & MEMFD_SEAL_WRITE)
		result = inode_deny_map_write(inode);
	if (!result)
		inode->seals |= seals;
	mutex_unlock(&inode->lock);
	return result;
}

long memfd_get_seals(struct file *file)
{
	if (!(file->inode->seals & MEMFD_SEALABLE))
		return -EINVAL;
	return file->inode->seals & ~MEMFD_SEALABLE;
}
