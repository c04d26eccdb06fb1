// SPDX-License-Identifier: MIT
/*
 * The index of a directory: a tree over the hashes of the names, whose leaves are ordinary blocks
 * of entries.  The root hides behind ".." in block 0, an inner node behind one empty entry, so
 * that a reader who knows nothing of the index sees only empty space.
 *
 * In a node, entry i leads to the names with hash[i] <= hash < hash[i + 1]; hash[0] is not stored,
 * its place holds the node's limit and count.  The lowest bit of a hash says that the names with
 * that very hash begin in the block before.
 */
#include "ext4/internal.h"

#define DX_BLOCK_MASK 0x0fffffff

static struct dx_countlimit dx_countlimit(const struct dx_entry *entries)
{
	struct dx_countlimit value;

	memcpy(&value, entries, sizeof(value));
	return value;
}

uint32_t dx_count(const struct dx_entry *entries)
{
	return dx_countlimit(entries).count;
}

uint32_t dx_limit(const struct dx_entry *entries)
{
	return dx_countlimit(entries).limit;
}

void dx_set_count(struct dx_entry *entries, uint32_t count)
{
	struct dx_countlimit value = { dx_countlimit(entries).limit, (uint16_t)count };

	memcpy(entries, &value, sizeof(value));
}

uint8_t dx_default_version(struct ext4_fs *fs)
{
	uint8_t version = fs->sb.s_def_hash_version;

	return version < DX_HASH_UNSIGNED ? version : DX_HASH_HALF_MD4;
}

/* a version as stored, with the file system's kind of characters */
uint8_t dx_effective_version(struct ext4_fs *fs, uint8_t version)
{
	bool is_unsigned = fs->sb.s_flags & EXT4_FLAG_UNSIGNED_HASH;

	return (uint8_t)(version + (is_unsigned ? DX_HASH_UNSIGNED : 0));
}

static int dx_broken(struct inode *dir)
{
	return fs_corrupt(dir->fs, "directory %u: its index makes no sense", dir->ino);
}

static uint32_t dx_search(const struct dx_entry *entries, uint32_t hash)
{
	uint32_t low = 1, high = dx_count(entries);

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (entries[middle].hash <= hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* loads a node into the frame; offset: where its entries begin */
static int frame_get(struct inode *dir, uint32_t logical, uint32_t offset, struct dx_frame *frame)
{
	struct ext4_fs *fs = dir->fs;
	uint32_t tail = fs->has_csum ? sizeof(struct dx_tail) : 0;
	uint32_t limit;
	int err;

	if (logical >= inode_size(dir) >> fs->block_shift)
		return dx_broken(dir);
	err = dir_block_get(dir, logical, &frame->buf);
	if (err)
		return err;
	frame->entries = (void *)(frame->buf->data + offset);
	limit = dx_limit(frame->entries);
	if (limit > (fs->block_size - offset - tail) / sizeof(struct dx_entry) ||
	    dx_count(frame->entries) > limit || !dx_count(frame->entries)) {
		buf_put(frame->buf);
		return dx_broken(dir);
	}
	return 0;
}

static uint32_t frame_block(const struct dx_frame *frame)
{
	return frame->entries[frame->at].block & DX_BLOCK_MASK;
}

/* where the current leaf is, in blocks of the directory */
uint32_t dx_path_leaf(const struct dx_path *path)
{
	return frame_block(&path->frames[path->depth - 1]);
}

void dx_path_put(struct dx_path *path)
{
	while (path->depth)
		buf_put(path->frames[--path->depth].buf);
}

static int root_get(struct inode *dir, struct dx_path *path, uint32_t *levels)
{
	struct ext4_fs *fs = dir->fs;
	uint32_t max = fs_has_incompat(fs, EXT4_INCOMPAT_LARGEDIR) ? DX_MAX_LEVELS : 2;
	const struct dx_root_info *info;
	int err = frame_get(dir, 0, DX_ROOT_OFFSET, &path->frames[0]);

	if (err)
		return err;
	path->depth = 1;
	info = (const void *)(path->frames[0].buf->data + DX_ROOT_OFFSET - sizeof(*info));
	*levels = info->indirect_levels;
	path->version = info->hash_version;
	if (info->info_length != sizeof(*info) || *levels >= max || path->version >= DX_HASH_UNSIGNED)
		return dx_broken(dir);
	path->version = dx_effective_version(fs, path->version);
	return 0;
}

/* Is the block on the way already?  A tree that leads back to itself must not be changed. */
static bool path_has(const struct dx_path *path, const struct buf *buf)
{
	for (uint32_t i = 0; i < path->depth; i++)
		if (path->frames[i].buf == buf)
			return true;
	return false;
}

static int path_push(struct inode *dir, struct dx_path *path)
{
	struct dx_frame *frame = &path->frames[path->depth];
	int err = frame_get(dir, frame_block(frame - 1), DX_NODE_OFFSET, frame);

	if (err)
		return err;
	if (path_has(path, frame->buf)) {
		buf_put(frame->buf);
		return dx_broken(dir);
	}
	path->depth++;
	return 0;
}

/* The current leaf, pinned. */
int dx_leaf_get(struct inode *dir, struct dx_path *path, struct buf **out)
{
	int err;

	if (dx_path_leaf(path) >= inode_size(dir) >> dir->fs->block_shift)
		return dx_broken(dir);
	err = dir_block_get(dir, dx_path_leaf(path), out);
	if (err)
		return err;
	if (path_has(path, *out)) {
		buf_put(*out);
		return dx_broken(dir);
	}
	return 0;
}

/* The way to the leaf where a name belongs, or, without a name, where a hash does. */
int dx_path_get(struct inode *dir, const char *name, size_t len, const struct dx_hash *hash,
		struct dx_path *path)
{
	uint32_t levels;
	int err;

	path->depth = 0;
	path->leaves = 1;
	err = root_get(dir, path, &levels);
	if (!err && name)
		err = dx_hash(dir->fs, path->version, name, len, &path->hash);
	if (!err && !name)
		path->hash = *hash;
	while (!err) {
		struct dx_frame *frame = &path->frames[path->depth - 1];

		frame->at = dx_search(frame->entries, path->hash.major);
		if (path->depth > levels)
			return 0;
		err = path_push(dir, path);
	}
	dx_path_put(path);
	return err;
}

/* On to the next leaf: 1; or 0 if there is none, or not one as wanted. */
int dx_path_next(struct inode *dir, struct dx_path *path, enum dx_next which)
{
	uint32_t level = path->depth - 1;
	struct dx_frame *frame = &path->frames[level];
	uint32_t hash;

	while (frame->at + 1 >= dx_count(frame->entries)) {
		if (!level--)
			return 0;
		frame--;
	}
	hash = frame->entries[frame->at + 1].hash;
	if ((which == DX_NEXT_SAME_HASH && hash != (path->hash.major | 1)) ||
	    (which == DX_NEXT_CONTINUED && !(hash & 1)))
		return 0;
	if (++path->leaves > inode_size(dir) >> dir->fs->block_shift)
		return fs_corrupt(dir->fs, "directory %u: its index is a maze", dir->ino);
	frame->at++;
	for (level++; level < path->depth; level++) {
		struct dx_frame next;
		int err = frame_get(dir, frame_block(frame), DX_NODE_OFFSET, &next);

		if (err)
			return err;
		next.at = 0;
		frame++;
		buf_put(frame->buf);
		*frame = next;
	}
	return 1;
}

static int leaf_find(struct inode *dir, struct dx_path *path, const char *name, size_t len,
		     struct dir_slot *slot)
{
	struct buf *leaf;
	int err = dx_leaf_get(dir, path, &leaf);

	if (err)
		return err;
	err = dir_block_find(dir, leaf, name, len, slot);
	buf_put(leaf);
	return err;
}

int htree_find(struct inode *dir, const char *name, size_t len, struct dir_slot *slot)
{
	struct dx_path path;
	int more, err = dx_path_get(dir, name, len, NULL, &path);

	if (err)
		return err;
	do {
		more = 0;
		err = leaf_find(dir, &path, name, len, slot);
		if (err == -ENOENT)
			more = dx_path_next(dir, &path, DX_NEXT_SAME_HASH);
	} while (more > 0);
	dx_path_put(&path);
	return more < 0 ? more : err;
}
