// SPDX-License-Identifier: MIT
/* Operations on one inode: attributes, size, a link's target, and giving it up. */
#include "ext4/internal.h"

/* secrm, unrm, sync, immutable, append, nodump, noatime, journal data, notail, dirsync, topdir */
#define FLAGS_OF_USERS 0x0003c0fbu

int ext4_getattr(struct ext4_fs *fs, struct ext4_id id, struct ext4_attr *out)
{
	struct inode inode;
	int err = op_begin_read(fs);

	if (err)
		return err;
	err = inode_get_id(fs, id, &inode);
	if (!err) {
		inode_attr(&inode, out);
		inode_put(&inode);
	}
	return op_end(fs, err);
}

static int inode_resize(struct inode *inode, uint64_t size)
{
	struct ext4_fs *fs = inode->fs;
	int err = 0;

	if (inode_is_dir(inode))
		return -EISDIR;
	if (inode_type(inode) != EXT4_S_IFREG)
		return -EINVAL;
	if (size >> fs->block_shift >= UINT32_MAX)
		return -EFBIG;
	if (size < inode_size(inode))
		err = map_truncate(inode, size);
	if (err)
		return err;
	inode_set_size(inode, size);
	inode_touch(inode, true);
	return 0;
}

static int inode_setattr(struct inode *inode, unsigned what, const struct ext4_attr *in)
{
	struct ext4_inode *raw = inode->raw;
	int err = what & EXT4_SET_SIZE ? inode_resize(inode, in->size) : 0;

	if (err)
		return err;
	if (what & EXT4_SET_MODE)
		raw->i_mode = (uint16_t)((raw->i_mode & EXT4_S_IFMT) | (in->mode & 07777));
	if (what & EXT4_SET_UID) {
		raw->i_uid = (uint16_t)in->uid;
		raw->i_uid_hi = (uint16_t)(in->uid >> 16);
	}
	if (what & EXT4_SET_GID) {
		raw->i_gid = (uint16_t)in->gid;
		raw->i_gid_hi = (uint16_t)(in->gid >> 16);
	}
	if (what & EXT4_SET_FLAGS)
		raw->i_flags = (raw->i_flags & ~FLAGS_OF_USERS) | (in->flags & FLAGS_OF_USERS);
	if (!(what & EXT4_SET_CTIME))
		inode_touch(inode, false);
	inode_set_times(inode, what, in);
	return 0;
}

int ext4_setattr(struct ext4_fs *fs, struct ext4_id id, unsigned what, const struct ext4_attr *in,
		 struct ext4_attr *out)
{
	struct inode inode;
	int err = op_begin_write(fs);

	if (err)
		return err;
	err = inode_get_id(fs, id, &inode);
	if (!err) {
		err = inode_setattr(&inode, what, in);
		if (!err && out)
			inode_attr(&inode, out);
		inode_put(&inode);
	}
	return op_end(fs, err);
}

static int symlink_read(struct inode *inode, char *out, size_t size)
{
	uint64_t len = inode_size(inode);
	struct ext4_run run;
	struct buf *buf;
	int err;

	if (len < EXT4_I_BLOCK_BYTES && !(inode->raw->i_flags & EXT4_INODE_EXTENTS)) {
		memcpy(out, inode->raw->i_block, MIN(len, size));
		return (int)MIN(len, size);
	}
	if (len >= inode->fs->block_size)
		return fs_corrupt(inode->fs, "symbolic link %u is too long", inode->ino);
	err = map_lookup(inode, 0, &run);
	if (err)
		return err;
	if (run.flags)
		return fs_corrupt(inode->fs, "symbolic link %u has no block", inode->ino);
	err = buf_get(inode->fs, run.physical, BUF_RAW, inode->seed, &buf);
	if (err)
		return err;
	memcpy(out, buf->data, MIN(len, size));
	buf_put(buf);
	return (int)MIN(len, size);
}

/* the length copied, at most size; no terminator */
int ext4_readlink(struct ext4_fs *fs, struct ext4_id id, char *out, size_t size)
{
	struct inode inode;
	int ret = op_begin_read(fs);

	if (ret)
		return ret;
	ret = inode_get_id(fs, id, &inode);
	if (!ret) {
		if (inode_type(&inode) == EXT4_S_IFLNK)
			ret = symlink_read(&inode, out, size);
		else
			ret = -EINVAL;
		inode_put(&inode);
	}
	return op_end(fs, ret);
}

/* Nobody uses the inode any longer: if it has no name, it goes. */
int ext4_forget(struct ext4_fs *fs, struct ext4_id id)
{
	struct inode inode;
	int err = op_begin_write(fs);

	if (err)
		return err;
	err = inode_get_id(fs, id, &inode);
	if (!err) {
		window_drop(fs, inode.ino);
		if (!inode.raw->i_links_count)
			err = inode_destroy(&inode);
		inode_put(&inode);
	}
	return op_end(fs, err);
}
