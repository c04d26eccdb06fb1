// SPDX-License-Identifier: MIT
/*
 * Growing an indexed directory, one step at a time, as with extents: a full leaf whose node has
 * room is split by hash; otherwise the lowest node whose parent has room is split; otherwise the
 * tree gets one level more.  Every step leaves a correct directory, so running out of space
 * between two of them does no harm.
 */
#include "ext4/internal.h"

static struct dx_entry *node_format(struct ext4_fs *fs, struct buf *buf, uint32_t offset)
{
	uint32_t tail = fs->has_csum ? sizeof(struct dx_tail) : 0;
	struct dx_countlimit value = { 0, 1 };

	value.limit = (uint16_t)((fs->block_size - offset - tail) / sizeof(struct dx_entry));
	memcpy(buf->data + offset, &value, sizeof(value));
	return (void *)(buf->data + offset);
}

static int node_append(struct inode *dir, uint32_t *logical, struct buf **out)
{
	int err = map_append_block(dir, BUF_DIR, logical, out);

	if (!err)
		((struct dirent_head *)(*out)->data)->rec_len = (uint16_t)dir->fs->block_size;
	return err;
}

static void frame_insert(struct inode *dir, struct dx_frame *frame, uint32_t hash, uint32_t block)
{
	uint32_t count = dx_count(frame->entries);
	struct dx_entry *entry = frame->entries + frame->at + 1;

	memmove(entry + 1, entry, (count - frame->at - 1) * sizeof(*entry));
	*entry = (struct dx_entry){ hash, block };
	dx_set_count(frame->entries, count + 1);
	buf_dirty(dir->fs, frame->buf);
}

/* entries [from, count) of a node become a new one's */
static void entries_move(struct ext4_fs *fs, struct dx_entry *entries, uint32_t from, struct buf *buf)
{
	uint32_t count = dx_count(entries) - from;
	struct dx_entry *to = (void *)(buf->data + DX_NODE_OFFSET);

	memcpy(to, entries + from, count * sizeof(*to));
	node_format(fs, buf, DX_NODE_OFFSET);
	dx_set_count(to, count);
}

static int tree_grow(struct inode *dir, struct dx_path *path)
{
	uint32_t max = fs_has_incompat(dir->fs, EXT4_INCOMPAT_LARGEDIR) ? DX_MAX_LEVELS : 2;
	struct dx_frame *root = &path->frames[0];
	struct dx_root_info *info = (void *)(root->buf->data + DX_ROOT_OFFSET - sizeof(*info));
	struct buf *buf;
	uint32_t logical;
	int err;

	if (info->indirect_levels + 1u >= max)
		return -ENOSPC;
	err = node_append(dir, &logical, &buf);
	if (err)
		return err;
	entries_move(dir->fs, root->entries, 0, buf);
	dx_set_count(root->entries, 1);
	root->entries[0].block = logical;
	info->indirect_levels++;
	buf_dirty(dir->fs, root->buf);
	buf_put(buf);
	return 0;
}

static int node_split(struct inode *dir, struct dx_path *path, uint32_t level)
{
	struct dx_frame *frame = &path->frames[level];
	uint32_t keep = dx_count(frame->entries) / 2;
	uint32_t hash = frame->entries[keep].hash;
	struct buf *buf;
	uint32_t logical;
	int err;

	if (!keep)
		return fs_corrupt(dir->fs, "directory %u: tiny index node", dir->ino);
	err = node_append(dir, &logical, &buf);
	if (err)
		return err;
	entries_move(dir->fs, frame->entries, keep, buf);
	dx_set_count(frame->entries, keep);
	buf_dirty(dir->fs, frame->buf);
	frame_insert(dir, frame - 1, hash, logical);
	buf_put(buf);
	return 0;
}

static bool frame_is_full(const struct dx_frame *frame)
{
	return dx_count(frame->entries) >= dx_limit(frame->entries);
}

static int index_make_room(struct inode *dir, struct dx_path *path)
{
	uint32_t level = path->depth - 1;

	while (level && frame_is_full(&path->frames[level - 1]))
		level--;
	return level ? node_split(dir, path, level) : tree_grow(dir, path);
}

/* Writes entries, given by their offsets in old, into an empty block, without gaps. */
static void leaf_fill(struct ext4_fs *fs, struct buf *buf, const uint8_t *old, const struct pair *entries,
		      uint32_t count)
{
	uint32_t end, at = 0;

	dir_block_init(fs, buf);
	end = dir_block_end(fs, buf);
	for (uint32_t i = 0; i < count; i++) {
		const struct dirent_head *from = (const void *)(old + (uint32_t)entries[i].key);
		struct dirent_head *to = (void *)(buf->data + at);
		uint32_t len = dirent_len(from->name_len);

		memcpy(to, from, DIRENT_HEAD_LEN + (size_t)from->name_len);
		to->rec_len = (uint16_t)(i + 1 < count ? len : end - at);
		at += len;
	}
	buf_dirty(fs, buf);
}

/* collects a leaf's entries: key is hash and offset, value the length */
static int leaf_collect(struct inode *dir, struct buf *buf, uint8_t version, uint32_t offset,
			struct pair *entries)
{
	uint32_t end = dir_block_end(dir->fs, buf);
	struct dirent_head *entry;
	int count = 0;

	for (; offset < end; offset += entry->rec_len) {
		struct dx_hash hash;
		int err;

		entry = dir_block_at(dir, buf, offset);
		if (!entry)
			return -EUCLEAN;
		if (!entry->inode)
			continue;
		err = dx_hash(dir->fs, version, entry->name, entry->name_len, &hash);
		if (err)
			return err;
		entries[count++] =
			(struct pair){ (uint64_t)hash.major << 32 | offset, dirent_len(entry->name_len) };
	}
	return count;
}

static uint32_t entry_hash(const struct pair *entry)
{
	return (uint32_t)(entry->key >> 32);
}

/* how many of the sorted entries stay: half by size */
static uint32_t split_point(struct ext4_fs *fs, const struct pair *entries, uint32_t count)
{
	uint32_t keep = 0;
	uint64_t size = 0;

	while (keep < count - 1 && size + entries[keep].value <= fs->block_size / 2)
		size += entries[keep++].value;
	return MAX(keep, 1);
}

static int leaf_split_sorted(struct inode *dir, struct dx_path *path, struct buf *leaf, const uint8_t *old,
			     const struct pair *entries, uint32_t count)
{
	uint32_t keep = split_point(dir->fs, entries, count);
	uint32_t hash = entry_hash(&entries[keep]);
	struct buf *buf;
	uint32_t logical;
	int err = map_append_block(dir, BUF_DIR, &logical, &buf);

	if (err)
		return err;
	leaf_fill(dir->fs, buf, old, entries + keep, count - keep);
	leaf_fill(dir->fs, leaf, old, entries, keep);
	hash |= hash == entry_hash(&entries[keep - 1]);
	frame_insert(dir, &path->frames[path->depth - 1], hash, logical);
	buf_put(buf);
	return 0;
}

static int leaf_split(struct inode *dir, struct dx_path *path, struct buf *leaf)
{
	struct ext4_fs *fs = dir->fs;
	uint32_t max = fs->block_size / DIRENT_HEAD_LEN;
	uint8_t *old = mem_alloc(fs, fs->block_size);
	struct pair *entries = mem_alloc(fs, max * sizeof(*entries));
	int count, err = -ENOMEM;

	if (old && entries) {
		memcpy(old, leaf->data, fs->block_size);
		count = leaf_collect(dir, leaf, path->version, 0, entries);
		if (count < 0) {
			err = count;
		} else if (count < 2) {
			err = fs_corrupt(fs, "directory %u: cannot split a block", dir->ino);
		} else {
			pairs_sort(entries, (uint32_t)count);
			err = leaf_split_sorted(dir, path, leaf, old, entries, (uint32_t)count);
		}
	}
	mem_free(fs, old);
	mem_free(fs, entries);
	return err;
}

/* one try: 0, -EAGAIN after something was split, or an error */
static int insert_step(struct inode *dir, struct dx_path *path, const char *name, size_t len, uint32_t ino,
		       uint8_t type)
{
	struct buf *leaf;
	int err = dx_leaf_get(dir, path, &leaf);

	if (err)
		return err;
	err = dir_block_insert(dir, leaf, name, len, ino, type);
	if (err == -ENOSPC) {
		if (frame_is_full(&path->frames[path->depth - 1]))
			err = index_make_room(dir, path);
		else
			err = leaf_split(dir, path, leaf);
		err = err ? err : -EAGAIN;
	}
	buf_put(leaf);
	return err;
}

int htree_insert(struct inode *dir, const char *name, size_t len, uint32_t ino, uint8_t type)
{
	struct dx_path path;

	for (int tries = 0; tries < 4 * DX_MAX_LEVELS; tries++) {
		int err = dx_path_get(dir, name, len, NULL, &path);

		if (err)
			return err;
		err = insert_step(dir, &path, name, len, ino, type);
		dx_path_put(&path);
		if (err != -EAGAIN)
			return err;
	}
	return -ENOSPC; /* too many names with one hash */
}

static void root_format(struct inode *dir, struct buf *root, uint32_t parent, uint32_t leaf)
{
	struct ext4_fs *fs = dir->fs;
	struct dirent_head *dot = (void *)root->data;
	struct dirent_head *dotdot = (void *)(root->data + 12);
	struct dx_root_info *info = (void *)(root->data + DX_ROOT_OFFSET - sizeof(*info));
	uint8_t type = fs_has_incompat(fs, EXT4_INCOMPAT_FILETYPE) ? dirent_type(EXT4_S_IFDIR) : 0;

	memset(root->data, 0, fs->block_size);
	*dot = (struct dirent_head){ dir->ino, 12, 1, type };
	dot->name[0] = '.';
	*dotdot = (struct dirent_head){ parent, (uint16_t)(fs->block_size - 12), 2, type };
	memcpy(dotdot->name, "..", 2);
	info->hash_version = dx_default_version(fs);
	info->info_length = sizeof(*info);
	node_format(fs, root, DX_ROOT_OFFSET)[0].block = leaf;
	buf_dirty(fs, root);
}

/* the parent's number, if block 0 begins as an index root must: with "." and ".." */
static uint32_t first_block_parent(struct inode *dir, struct buf *root)
{
	struct dirent_head *dot = dir_block_at(dir, root, 0);
	struct dirent_head *dotdot;

	if (!dot || dot->rec_len != 12 || dot->name_len != 1 || dot->name[0] != '.')
		return 0;
	dotdot = dir_block_at(dir, root, 12);
	if (!dotdot || dotdot->name_len != 2 || memcmp(dotdot->name, "..", 2))
		return 0;
	return dotdot->inode;
}

static int make_with(struct inode *dir, struct buf *root, uint8_t *old, struct pair *entries)
{
	struct ext4_fs *fs = dir->fs;
	uint32_t parent = first_block_parent(dir, root);
	struct buf *leaf;
	uint32_t logical;
	int count, err;

	if (!parent)
		return fs_corrupt(fs, "directory %u does not begin with \".\"", dir->ino);
	memcpy(old, root->data, fs->block_size);
	count = leaf_collect(dir, root, dx_default_version(fs),
			     12 + ((struct dirent_head *)(root->data + 12))->rec_len, entries);
	if (count < 0)
		return count;
	err = map_append_block(dir, BUF_DIR, &logical, &leaf);
	if (err)
		return err;
	leaf_fill(fs, leaf, old, entries, (uint32_t)count);
	buf_put(leaf);
	root_format(dir, root, parent, logical);
	dir->raw->i_flags |= EXT4_INODE_INDEX;
	inode_dirty(dir);
	return 0;
}

/* Turns a directory of one block into an indexed one. */
int htree_make(struct inode *dir)
{
	struct ext4_fs *fs = dir->fs;
	uint32_t max = fs->block_size / DIRENT_HEAD_LEN;
	uint8_t *old = mem_alloc(fs, fs->block_size);
	struct pair *entries = mem_alloc(fs, max * sizeof(*entries));
	struct buf *root;
	int err = -ENOMEM;

	if (old && entries)
		err = dir_block_get(dir, 0, &root);
	if (!err) {
		err = make_with(dir, root, old, entries);
		buf_put(root);
	}
	mem_free(fs, old);
	mem_free(fs, entries);
	return err;
}
