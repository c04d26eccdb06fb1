// SPDX-License-Identifier: MIT
/*
 * Operations on names: find, make, link, remove.  Each checks all it can before it changes
 * anything; what can still fail then is running out of space, which is undone.
 */
#include "ext4/internal.h"

/* pins the directory; a removed one takes no names */
int dir_get(struct ext4_fs *fs, struct ext4_id id, struct inode *dir)
{
	int err = inode_get_id(fs, id, dir);

	if (err)
		return err;
	if (inode_is_dir(dir) && dir->raw->i_links_count)
		return 0;
	err = inode_is_dir(dir) ? -ENOENT : -ENOTDIR;
	inode_put(dir);
	return err;
}

int name_check(const char *name, size_t len)
{
	if (!len)
		return -ENOENT;
	if (len > EXT4_NAME_MAX)
		return -ENAMETOOLONG;
	return memchr(name, '/', len) || memchr(name, 0, len) ? -EINVAL : 0;
}

bool name_is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* A subdirectory's ".." is a link; above the limit the count is 1, for "unknown" (dir_nlink). */
void dir_link_add(struct inode *dir)
{
	uint32_t links = dir->raw->i_links_count;

	if (links > 1)
		links = links >= EXT4_LINK_MAX ? 1 : links + 1;
	dir->raw->i_links_count = (uint16_t)links;
	inode_dirty(dir);
}

void dir_link_drop(struct inode *dir)
{
	if (dir->raw->i_links_count > 2)
		dir->raw->i_links_count--;
	inode_dirty(dir);
}

bool dir_link_full(const struct inode *dir)
{
	return dir->raw->i_links_count >= EXT4_LINK_MAX && !fs_has_ro(dir->fs, EXT4_RO_DIR_NLINK);
}

/* Takes away a name of the inode, or a directory's only one. */
int inode_unlink(struct inode *inode)
{
	bool last = inode_is_dir(inode) || inode->raw->i_links_count <= 1;
	int err = last ? orphan_add(inode) : 0;

	if (err)
		return err;
	inode->raw->i_links_count = last ? 0 : (uint16_t)(inode->raw->i_links_count - 1);
	inode_touch(inode, false);
	return 0;
}

static int lookup(struct ext4_fs *fs, struct inode *dir, const char *name, size_t len, struct ext4_attr *out)
{
	struct dir_slot slot;
	struct inode inode;
	uint32_t ino;
	int err = dir_find(dir, name, len, &slot);

	if (err)
		return err;
	ino = slot.entry->inode;
	buf_put(slot.buf);
	err = inode_get_live(fs, ino, &inode);
	if (err)
		return err;
	inode_attr(&inode, out);
	inode_put(&inode);
	return 0;
}

int ext4_lookup(struct ext4_fs *fs, struct ext4_id id, const char *name, size_t len, struct ext4_attr *out)
{
	struct inode dir;
	int err = name_check(name, len);

	if (!err)
		err = op_begin_read(fs);
	if (err)
		return err;
	err = dir_get(fs, id, &dir);
	if (!err) {
		err = lookup(fs, &dir, name, len, out);
		inode_put(&dir);
	}
	return op_end(fs, err);
}

static int symlink_init(struct inode *inode, const struct ext4_new *new)
{
	struct buf *buf;
	uint32_t logical;
	int err;

	if (!new->target_len)
		return -ENOENT;
	if (new->target_len >= inode->fs->block_size)
		return -ENAMETOOLONG;
	if (new->target_len < EXT4_I_BLOCK_BYTES) {
		memcpy(inode->raw->i_block, new->target, new->target_len);
	} else {
		extent_init(inode);
		err = map_append_block(inode, BUF_RAW, &logical, &buf);
		if (err)
			return err;
		memcpy(buf->data, new->target, new->target_len);
		buf_put(buf);
	}
	inode_set_size(inode, new->target_len);
	return 0;
}

static int contents_init(struct inode *inode, uint32_t parent, const struct ext4_new *new)
{
	switch (new->mode &EXT4_S_IFMT) {
	case EXT4_S_IFDIR:
		inode->raw->i_links_count = 2;
		return dir_init(inode, parent);
	case EXT4_S_IFLNK:
		return symlink_init(inode, new);
	}
	return 0;
}

/* a new inode with its contents, but without a name */
static int inode_create(struct inode *dir, const struct ext4_new *new, struct inode *inode)
{
	struct ext4_fs *fs = dir->fs;
	bool is_dir = (new->mode &EXT4_S_IFMT) == EXT4_S_IFDIR;
	uint32_t ino;
	int err = inode_alloc(fs, dir->ino, is_dir, &ino);

	if (err)
		return err;
	err = inode_get_fresh(fs, ino, inode);
	if (err) {
		inode_free(fs, ino, is_dir);
		return err;
	}
	inode_init(inode, new);
	err = contents_init(inode, dir->ino, new);
	if (err) {
		inode_destroy(inode);
		inode_put(inode);
	}
	return err;
}

static int create(struct inode *dir, const char *name, size_t len, const struct ext4_new *new,
		  struct ext4_attr *out)
{
	bool is_dir = (new->mode &EXT4_S_IFMT) == EXT4_S_IFDIR;
	struct dir_slot slot;
	struct inode inode;
	int err = dir_find(dir, name, len, &slot);

	if (!err) {
		buf_put(slot.buf);
		return -EEXIST;
	}
	if (err != -ENOENT)
		return err;
	if (is_dir && dir_link_full(dir))
		return -EMLINK;
	err = inode_create(dir, new, &inode);
	if (err)
		return err;
	err = dir_insert(dir, name, len, inode.ino, new->mode);
	if (err) {
		inode_destroy(&inode);
	} else {
		if (is_dir)
			dir_link_add(dir);
		inode_touch(dir, true);
		inode_attr(&inode, out);
	}
	inode_put(&inode);
	return err;
}

static bool mode_ok(uint32_t mode)
{
	switch (mode & EXT4_S_IFMT) {
	case EXT4_S_IFSOCK:
	case EXT4_S_IFLNK:
	case EXT4_S_IFREG:
	case EXT4_S_IFBLK:
	case EXT4_S_IFDIR:
	case EXT4_S_IFCHR:
	case EXT4_S_IFIFO:
		return !(mode & ~0177777u);
	}
	return false;
}

int ext4_create(struct ext4_fs *fs, struct ext4_id id, const char *name, size_t len, const struct ext4_new *new,
		struct ext4_attr *out)
{
	struct inode dir;
	int err = name_check(name, len);

	if (!err && name_is_dots(name, len))
		err = -EEXIST;
	if (!err && !mode_ok(new->mode))
		err = -EINVAL;
	if (!err)
		err = op_begin_write(fs);
	if (err)
		return err;
	err = dir_get(fs, id, &dir);
	if (!err) {
		err = create(&dir, name, len, new, out);
		inode_put(&dir);
	}
	return op_end(fs, err);
}

static int link_add(struct inode *inode, struct inode *dir, const char *name, size_t len)
{
	struct dir_slot slot;
	int err;

	if (inode_is_dir(inode))
		return -EPERM;
	if (!inode->raw->i_links_count)
		return -ENOENT;
	if (inode->raw->i_links_count >= EXT4_LINK_MAX)
		return -EMLINK;
	err = dir_find(dir, name, len, &slot);
	if (!err) {
		buf_put(slot.buf);
		return -EEXIST;
	}
	if (err == -ENOENT)
		err = dir_insert(dir, name, len, inode->ino, inode->raw->i_mode);
	if (err)
		return err;
	inode->raw->i_links_count++;
	inode_touch(inode, false);
	inode_touch(dir, true);
	return 0;
}

int ext4_link(struct ext4_fs *fs, struct ext4_id id, struct ext4_id dir_id, const char *name, size_t len,
	      struct ext4_attr *out)
{
	struct inode inode, dir;
	int err = name_check(name, len);

	if (!err && name_is_dots(name, len))
		err = -EEXIST;
	if (!err)
		err = op_begin_write(fs);
	if (err)
		return err;
	err = inode_get_id(fs, id, &inode);
	if (err)
		return op_end(fs, err);
	err = dir_get(fs, dir_id, &dir);
	if (!err) {
		err = link_add(&inode, &dir, name, len);
		if (!err)
			inode_attr(&inode, out);
		inode_put(&dir);
	}
	inode_put(&inode);
	return op_end(fs, err);
}

/* may this name go?  a file for unlink, an empty directory for rmdir */
static int remove_check(struct inode *inode, bool rmdir)
{
	int empty;

	if (!rmdir)
		return inode_is_dir(inode) ? -EISDIR : 0;
	if (!inode_is_dir(inode))
		return -ENOTDIR;
	empty = dir_is_empty(inode);
	return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

static int name_remove(struct inode *dir, const char *name, size_t len, bool rmdir, struct ext4_attr *out)
{
	struct dir_slot slot;
	struct inode inode;
	int err = dir_find(dir, name, len, &slot);

	if (err)
		return err;
	err = inode_get_live(dir->fs, slot.entry->inode, &inode);
	if (err) {
		buf_put(slot.buf);
		return err;
	}
	err = remove_check(&inode, rmdir);
	if (!err)
		err = inode_unlink(&inode);
	if (err) {
		buf_put(slot.buf);
	} else {
		dir_remove(dir, &slot);
		if (rmdir)
			dir_link_drop(dir);
		inode_touch(dir, true);
		inode_attr(&inode, out);
	}
	inode_put(&inode);
	return err;
}

static int remove_name(struct ext4_fs *fs, struct ext4_id id, const char *name, size_t len, bool rmdir,
		       struct ext4_attr *out)
{
	struct inode dir;
	int err = name_check(name, len);

	if (!err && name_is_dots(name, len))
		err = !rmdir ? -EISDIR : len == 1 ? -EINVAL : -ENOTEMPTY;
	if (!err)
		err = op_begin_write(fs);
	if (err)
		return err;
	err = dir_get(fs, id, &dir);
	if (!err) {
		err = name_remove(&dir, name, len, rmdir, out);
		inode_put(&dir);
	}
	return op_end(fs, err);
}

int ext4_unlink(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_attr *out)
{
	return remove_name(fs, dir, name, len, false, out);
}

int ext4_rmdir(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_attr *out)
{
	return remove_name(fs, dir, name, len, true, out);
}
