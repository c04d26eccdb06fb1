// SPDX-License-Identifier: MIT
/*
 * Directories: blocks of entries, and the search through all of them.
 *
 * A block is a chain of entries that covers it wholly; an entry owns the space up to the next, so
 * room for a new one is found behind a shorter name, and removing one gives its space to the one
 * before.  With metadata_csum the last twelve bytes look like an empty entry and hold the
 * checksum.  Each entry is checked when the chain is followed.
 */
#include "ext4/internal.h"

uint32_t dirent_len(uint32_t name_len)
{
	return (DIRENT_HEAD_LEN + name_len + 3) & ~3u;
}

uint8_t dirent_type(uint32_t mode)
{
	switch (mode & EXT4_S_IFMT) {
	case EXT4_S_IFREG:
		return 1;
	case EXT4_S_IFDIR:
		return 2;
	case EXT4_S_IFCHR:
		return 3;
	case EXT4_S_IFBLK:
		return 4;
	case EXT4_S_IFIFO:
		return 5;
	case EXT4_S_IFSOCK:
		return 6;
	case EXT4_S_IFLNK:
		return 7;
	}
	return 0;
}

/*
 * Is it a node of the index?  Only asked where there are checksums: an inner node is one entry
 * over the whole block, the root's ".." reaches to the block's end, and in a leaf neither can be,
 * because of the checksum's own entry.
 */
bool dir_block_is_index(const struct ext4_fs *fs, const struct buf *buf)
{
	const struct dirent_head *first = (const void *)buf->data;
	const struct dirent_head *second = (const void *)(buf->data + 12);

	if (!fs->has_csum)
		return false;
	if (!first->inode && first->rec_len == fs->block_size)
		return true;
	return first->rec_len == 12 && second->rec_len == fs->block_size - 12;
}

uint32_t dir_block_end(const struct ext4_fs *fs, const struct buf *buf)
{
	bool tail = fs->has_csum && !dir_block_is_index(fs, buf);

	return fs->block_size - (tail ? DIRENT_TAIL_LEN : 0);
}

int dir_block_get(struct inode *dir, uint32_t logical, struct buf **out)
{
	struct ext4_run run;
	int err = map_lookup(dir, logical, &run);

	if (err)
		return err;
	if (run.flags)
		return fs_corrupt(dir->fs, "directory %u has a hole", dir->ino);
	return buf_get(dir->fs, run.physical, BUF_DIR, dir->seed, out);
}

/* the entry at offset, which is below the block's end; NULL if it is broken */
struct dirent_head *dir_block_at(struct inode *dir, struct buf *buf, uint32_t offset)
{
	uint32_t room = dir_block_end(dir->fs, buf) - offset;
	struct dirent_head *entry = (void *)(buf->data + offset);

	if (room >= DIRENT_HEAD_LEN && entry->rec_len >= DIRENT_HEAD_LEN && entry->rec_len % 4 == 0 &&
	    entry->rec_len <= room &&
	    (!entry->inode ||
	     (dirent_len(entry->name_len) <= entry->rec_len && entry->inode <= dir->fs->sb.s_inodes_count)))
		return entry;
	fs_corrupt(dir->fs, "directory %u: broken entry at block %llu, offset %u", dir->ino,
		   (unsigned long long)buf->block, offset);
	return NULL;
}

/* an empty block: one free entry, and room for the checksum */
void dir_block_init(struct ext4_fs *fs, struct buf *buf)
{
	struct dirent_head *entry = (void *)buf->data;
	uint32_t tail_len = fs->has_csum ? DIRENT_TAIL_LEN : 0;

	memset(buf->data, 0, fs->block_size);
	entry->rec_len = (uint16_t)(fs->block_size - tail_len);
	if (tail_len) {
		struct dirent_tail *tail = (void *)(buf->data + fs->block_size - tail_len);

		tail->rec_len = DIRENT_TAIL_LEN;
		tail->file_type = DIRENT_TAIL_TYPE;
	}
}

/* 0 and the slot, which holds its own pin; or -ENOENT */
int dir_block_find(struct inode *dir, struct buf *buf, const char *name, size_t len, struct dir_slot *slot)
{
	uint32_t end = dir_block_end(dir->fs, buf);
	struct dirent_head *entry, *previous = NULL;

	for (uint32_t offset = 0; offset < end; offset += entry->rec_len) {
		entry = dir_block_at(dir, buf, offset);
		if (!entry)
			return -EUCLEAN;
		if (entry->inode && entry->name_len == len && !memcmp(entry->name, name, len)) {
			buf->refs++;
			*slot = (struct dir_slot){ buf, entry, previous };
			return 0;
		}
		previous = entry;
	}
	return -ENOENT;
}

static void entry_fill(struct inode *dir, struct dirent_head *entry, const char *name, size_t len, uint32_t ino,
		       uint8_t type)
{
	entry->inode = ino;
	entry->name_len = (uint8_t)len;
	entry->file_type = fs_has_incompat(dir->fs, EXT4_INCOMPAT_FILETYPE) ? type : 0;
	memcpy(entry->name, name, len);
}

/* 0, or -ENOSPC if the block has no room, or is none for names: it belongs to an index */
int dir_block_insert(struct inode *dir, struct buf *buf, const char *name, size_t len, uint32_t ino,
		     uint8_t type)
{
	uint32_t end = dir_block_end(dir->fs, buf);
	uint32_t need = dirent_len((uint32_t)len);
	struct dirent_head *entry, *next;

	if (dir_block_is_index(dir->fs, buf))
		return -ENOSPC;
	for (uint32_t offset = 0; offset < end; offset += entry->rec_len) {
		uint32_t used;

		entry = dir_block_at(dir, buf, offset);
		if (!entry)
			return -EUCLEAN;
		used = entry->inode ? dirent_len(entry->name_len) : 0;
		if (entry->rec_len - used < need)
			continue;
		if (used) {
			next = (void *)((char *)entry + used);
			next->rec_len = (uint16_t)(entry->rec_len - used);
			entry->rec_len = (uint16_t)used;
			entry = next;
		}
		entry_fill(dir, entry, name, len, ino, type);
		buf_dirty(dir->fs, buf);
		return 0;
	}
	return -ENOSPC;
}

static uint32_t dir_blocks(const struct inode *dir)
{
	return (uint32_t)(inode_size(dir) >> dir->fs->block_shift);
}

static int linear_find(struct inode *dir, uint32_t blocks, const char *name, size_t len, struct dir_slot *slot)
{
	for (uint32_t i = 0; i < blocks; i++) {
		struct buf *buf;
		int err = dir_block_get(dir, i, &buf);

		if (err)
			return err;
		err = dir_block_find(dir, buf, name, len, slot);
		buf_put(buf);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

/* Finds a name; slot->buf is pinned then. */
int dir_find(struct inode *dir, const char *name, size_t len, struct dir_slot *slot)
{
	bool dots = name_is_dots(name, len);

	if (dir_is_indexed(dir) && !dots)
		return htree_find(dir, name, len, slot);
	return linear_find(dir, dots ? MIN(dir_blocks(dir), 1) : dir_blocks(dir), name, len, slot);
}

static int dir_append(struct inode *dir, const char *name, size_t len, uint32_t ino, uint8_t type)
{
	struct buf *buf;
	uint32_t logical;
	int err = map_append_block(dir, BUF_DIR, &logical, &buf);

	if (err)
		return err;
	dir_block_init(dir->fs, buf);
	err = dir_block_insert(dir, buf, name, len, ino, type);
	buf_put(buf);
	return err;
}

/* Adds a name that is not there yet. */
int dir_insert(struct inode *dir, const char *name, size_t len, uint32_t ino, uint32_t mode)
{
	uint8_t type = dirent_type(mode);
	uint32_t blocks = dir_blocks(dir);

	if (dir_is_indexed(dir))
		return htree_insert(dir, name, len, ino, type);
	for (uint32_t i = 0; i < blocks; i++) {
		struct buf *buf;
		int err = dir_block_get(dir, i, &buf);

		if (err)
			return err;
		err = dir_block_insert(dir, buf, name, len, ino, type);
		buf_put(buf);
		if (err != -ENOSPC)
			return err;
	}
	if (blocks == 1 && fs_has_compat(dir->fs, EXT4_COMPAT_DIR_INDEX)) {
		int err = htree_make(dir);

		return err ? err : htree_insert(dir, name, len, ino, type);
	}
	return dir_append(dir, name, len, ino, type);
}

/* the slot's block was changed: its pin is dropped */
static void slot_done(struct inode *dir, struct dir_slot *slot)
{
	buf_dirty(dir->fs, slot->buf);
	buf_put(slot->buf);
	slot->buf = NULL;
}

/* Removes the slot's entry and drops its pin. */
void dir_remove(struct inode *dir, struct dir_slot *slot)
{
	if (slot->previous)
		slot->previous->rec_len = (uint16_t)(slot->previous->rec_len + slot->entry->rec_len);
	else
		slot->entry->inode = 0;
	slot_done(dir, slot);
}

/* Lets the slot's name mean another inode, and drops its pin. */
void dir_set(struct inode *dir, struct dir_slot *slot, uint32_t ino, uint32_t mode)
{
	slot->entry->inode = ino;
	if (fs_has_incompat(dir->fs, EXT4_INCOMPAT_FILETYPE))
		slot->entry->file_type = dirent_type(mode);
	slot_done(dir, slot);
}

/* The first block of a new directory. */
int dir_init(struct inode *dir, uint32_t parent)
{
	struct buf *buf;
	uint32_t logical;
	int err = map_append_block(dir, BUF_DIR, &logical, &buf);

	if (err)
		return err;
	dir_block_init(dir->fs, buf);
	err = dir_block_insert(dir, buf, ".", 1, dir->ino, dirent_type(EXT4_S_IFDIR));
	if (!err)
		err = dir_block_insert(dir, buf, "..", 2, parent, dirent_type(EXT4_S_IFDIR));
	buf_put(buf);
	return err;
}

static int dir_block_is_empty(struct inode *dir, struct buf *buf)
{
	uint32_t end = dir_block_end(dir->fs, buf);
	struct dirent_head *entry;

	for (uint32_t offset = 0; offset < end; offset += entry->rec_len) {
		entry = dir_block_at(dir, buf, offset);
		if (!entry)
			return -EUCLEAN;
		if (entry->inode && !name_is_dots(entry->name, entry->name_len))
			return 0;
	}
	return 1;
}

/* 1, 0 or -errno */
int dir_is_empty(struct inode *dir)
{
	int ret = 1;

	for (uint32_t i = 0; i < dir_blocks(dir) && ret == 1; i++) {
		struct buf *buf;

		ret = dir_block_get(dir, i, &buf);
		if (ret)
			return ret;
		ret = dir_block_is_empty(dir, buf);
		buf_put(buf);
	}
	return ret;
}

/* The slot of "..". */
int dir_parent(struct inode *dir, struct dir_slot *slot)
{
	int err = dir_find(dir, "..", 2, slot);

	if (err == -ENOENT)
		return fs_corrupt(dir->fs, "directory %u has no parent", dir->ino);
	return err;
}
