/* SPDX-License-Identifier: MIT */
/*
 * /dev (type devtmpfs) and /dev/pts (type devpts): one superblock each for the life of the system, so that
 * every mount shows the same nodes.  Programs may add files of their own; it is a tmpfs.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "devfs.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "mount.h"
#include "tmpfs.h"

static struct superblock *dev_sb, *pts_sb;

/* "pts/3" stands in the devpts file system, all others in the root of /dev. */
static struct superblock *devfs_place(const char **name)
{
	if (strncmp(*name, "pts/", 4) != 0)
		return dev_sb;
	*name += 4;
	return pts_sb;
}

static int devfs_create(struct superblock *sb, const char *name, const struct inode_new *new)
{
	struct inode *dir = dentry_inode(sb->root);
	struct dentry *dentry;
	int error;

	mutex_lock(&dir->lock);
	error = dentry_lookup(sb->root, name, strlen(name), &dentry);
	if (!error) {
		if (dentry_inode(dentry))
			error = -EEXIST;
		else
			error = dir->ops->create(dir, dentry, new);
		dentry_put(dentry);
	}
	mutex_unlock(&dir->lock);
	return error;
}

void devfs_add(const char *name, uint32_t mode, uint32_t rdev)
{
	struct inode_new new = { .mode = mode, .rdev = rdev };
	struct superblock *sb = devfs_place(&name);

	if (sb == pts_sb)
		new.gid = 5; /* tty, as devpts is mounted everywhere */
	if (devfs_create(sb, name, &new))
		log_printf("/dev/%s: no node", name);
}

void devfs_remove(const char *name)
{
	struct superblock *sb = devfs_place(&name);
	struct inode *dir = dentry_inode(sb->root);
	struct dentry *dentry = NULL;

	mutex_lock(&dir->lock);
	if (!dentry_lookup(sb->root, name, strlen(name), &dentry) && dentry_inode(dentry) &&
	    !dir->ops->unlink(dir, dentry))
		dentry_kill(dentry);
	mutex_unlock(&dir->lock);
	dentry_put(dentry);
}

static int dev_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	(void)source;
	(void)flags;
	(void)data;
	*out = superblock_get(dev_sb);
	return 0;
}

static int pts_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	(void)source;
	(void)flags;
	(void)data;
	*out = superblock_get(pts_sb);
	return 0;
}

static struct filesystem_type dev_type = { .name = "devtmpfs", .mount = dev_mount };
static struct filesystem_type pts_type = { .name = "devpts", .mount = pts_mount };

int devfs_init(void)
{
	struct inode_new dir = { .mode = LINUX_S_IFDIR | 0755 };

	dev_sb = tmpfs_superblock_create("devtmpfs", 0755, LINUX_TMPFS_MAGIC);
	pts_sb = tmpfs_superblock_create("devpts", 0755, LINUX_DEVPTS_SUPER_MAGIC);
	if (!dev_sb || !pts_sb)
		return -ENOMEM;
	dev_sb->max_names = tmpfs_names_limit(); /* /dev/shm is for all */
	snprintf(dev_sb->source, sizeof(dev_sb->source), "devtmpfs");
	snprintf(pts_sb->source, sizeof(pts_sb->source), "devpts");
	filesystem_register(&dev_type);
	filesystem_register(&pts_type);
	devfs_create(dev_sb, "pts", &dir);
	dir.mode = LINUX_S_IFDIR | 01777;
	devfs_create(dev_sb, "shm", &dir);
	return 0;
}
