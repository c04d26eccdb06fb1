// SPDX-License-Identifier: MIT
/*
 * Listing a directory, with cookies that stay good while names come and go.
 *
 * A position in a block is no good for that: a split moves entries, also to places that were
 * listed already.  So an indexed directory is listed in the order of its hashes, and the cookie
 * is the hash: 31 bits of the major, 32 of the minor.  A directory of one block is, too, because
 * it may become indexed in the middle of a listing.  In one of several blocks without an index
 * entries never move, and the cookie is the offset behind the entry.
 *
 * Cookies 1 and 2 stand behind "." and "..", which come first.
 */
#include "ext4/internal.h"

#define COOKIE_DOT    1
#define COOKIE_DOTDOT 2
#define BATCH_LEAVES  64 /* listed together at most, when one hash fills several leaves */

struct listing {
	struct inode *dir;
	uint64_t cookie;
	bool (*fill)(void *ctx, const struct ext4_dirent *entry);
	void *ctx;
	bool full;
	/* of the entries to be sorted: key is the cookie, value says where: block and offset */
	struct pair *pairs;
	uint32_t nr_pairs;
	uint32_t max_pairs;
};

static bool name_ok(const char *name, size_t len)
{
	return len && !memchr(name, '/', len) && !memchr(name, 0, len);
}

static int listing_emit(struct listing *list, const struct dirent_head *entry, uint64_t cookie)
{
	struct ext4_dirent out = { cookie, entry->inode, entry->file_type, entry->name_len, entry->name };

	if (!name_ok(entry->name, entry->name_len))
		return fs_corrupt(list->dir->fs, "directory %u holds a bad name", list->dir->ino);
	if (!fs_has_incompat(list->dir->fs, EXT4_INCOMPAT_FILETYPE))
		out.type = 0;
	list->full = !list->fill(list->ctx, &out);
	if (!list->full)
		list->cookie = cookie;
	return 0;
}

static int listing_dot(struct listing *list, const char *name, uint8_t len, uint64_t cookie)
{
	struct dir_slot slot;
	int err;

	if (list->full || list->cookie >= cookie)
		return 0;
	err = dir_find(list->dir, name, len, &slot);
	if (err == -ENOENT)
		return fs_corrupt(list->dir->fs, "directory %u: no \"%s\"", list->dir->ino, name);
	if (err)
		return err;
	err = listing_emit(list, slot.entry, cookie);
	buf_put(slot.buf);
	return err;
}

static int listing_reserve(struct listing *list)
{
	struct ext4_fs *fs = list->dir->fs;
	uint32_t max = list->max_pairs + fs->block_size / DIRENT_HEAD_LEN;
	struct pair *pairs;

	if (list->nr_pairs + fs->block_size / DIRENT_HEAD_LEN <= list->max_pairs)
		return 0;
	pairs = mem_alloc(fs, max * sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	if (list->nr_pairs)
		memcpy(pairs, list->pairs, list->nr_pairs * sizeof(*pairs));
	mem_free(fs, list->pairs);
	list->pairs = pairs;
	list->max_pairs = max;
	return 0;
}

/* The legacy hash has no minor part, and many names share the major one: a CRC tells them apart. */
static int name_cookie(struct ext4_fs *fs, const struct dirent_head *entry, uint8_t version, uint64_t *out)
{
	struct dx_hash hash;
	int err = dx_hash(fs, version, entry->name, entry->name_len, &hash);

	if (err)
		return err;
	if (version % DX_HASH_UNSIGNED == DX_HASH_LEGACY)
		hash.minor = crc32c(0, entry->name, entry->name_len);
	*out = MAX((uint64_t)(hash.major >> 1) << 32 | hash.minor, COOKIE_DOTDOT + 1);
	return 0;
}

/* collects the entries of a block that lie behind the cookie */
static int listing_collect(struct listing *list, uint32_t logical, struct buf *buf, uint8_t version)
{
	uint32_t end = dir_block_end(list->dir->fs, buf);
	struct dirent_head *entry;
	int err = listing_reserve(list);

	for (uint32_t offset = 0; offset < end && !err; offset += entry->rec_len) {
		uint64_t cookie;

		entry = dir_block_at(list->dir, buf, offset);
		if (!entry)
			return -EUCLEAN;
		if (!entry->inode || name_is_dots(entry->name, entry->name_len))
			continue;
		err = name_cookie(list->dir->fs, entry, version, &cookie);
		if (!err && cookie > list->cookie)
			list->pairs[list->nr_pairs++] =
				(struct pair){ cookie, (uint64_t)logical << 32 | offset };
	}
	return err;
}

static int listing_emit_sorted(struct listing *list)
{
	int err = 0;

	pairs_sort(list->pairs, list->nr_pairs);
	for (uint32_t i = 0; i < list->nr_pairs && !list->full && !err; i++) {
		struct dirent_head *entry;
		struct buf *buf;

		err = dir_block_get(list->dir, (uint32_t)(list->pairs[i].value >> 32), &buf);
		if (err)
			break;
		entry = dir_block_at(list->dir, buf, (uint32_t)list->pairs[i].value);
		err = entry ? listing_emit(list, entry, list->pairs[i].key) : -EUCLEAN;
		buf_put(buf);
	}
	list->nr_pairs = 0;
	return err;
}

static int listing_single(struct listing *list)
{
	struct ext4_fs *fs = list->dir->fs;
	uint8_t version = dx_effective_version(fs, dx_default_version(fs));
	struct buf *buf;
	int err = dir_block_get(list->dir, 0, &buf);

	if (err)
		return err;
	err = listing_collect(list, 0, buf, version);
	buf_put(buf);
	return err ? err : listing_emit_sorted(list);
}

/* collects the current leaf, and those behind it that go on with its last hash */
static int listing_batch(struct listing *list, struct dx_path *path)
{
	uint32_t count = 0;
	int more;

	do {
		struct buf *leaf;
		int err = dx_leaf_get(list->dir, path, &leaf);

		if (err)
			return err;
		err = listing_collect(list, dx_path_leaf(path), leaf, path->version);
		buf_put(leaf);
		if (err)
			return err;
		more = ++count < BATCH_LEAVES ? dx_path_next(list->dir, path, DX_NEXT_CONTINUED) : 0;
	} while (more > 0);
	return more < 0 ? more : listing_emit_sorted(list);
}

static int listing_indexed(struct listing *list)
{
	struct dx_hash hash = { (uint32_t)(list->cookie >> 32) << 1, 0 };
	struct dx_path path;
	int more, err = dx_path_get(list->dir, NULL, 0, &hash, &path);

	if (err)
		return err;
	do {
		more = listing_batch(list, &path);
		if (!more && !list->full)
			more = dx_path_next(list->dir, &path, DX_NEXT_ANY);
	} while (more > 0);
	dx_path_put(&path);
	return more;
}

static int listing_block(struct listing *list, uint32_t logical)
{
	uint64_t base = (uint64_t)logical << list->dir->fs->block_shift;
	struct dirent_head *entry;
	struct buf *buf;
	int err = dir_block_get(list->dir, logical, &buf);
	uint32_t end;

	if (err)
		return err;
	end = dir_block_end(list->dir->fs, buf);
	for (uint32_t offset = 0; offset < end && !list->full && !err; offset += entry->rec_len) {
		entry = dir_block_at(list->dir, buf, offset);
		if (!entry)
			err = -EUCLEAN;
		else if (base + offset >= list->cookie && entry->inode &&
			 !name_is_dots(entry->name, entry->name_len))
			err = listing_emit(list, entry, base + offset + entry->rec_len);
		if (err)
			break;
	}
	buf_put(buf);
	return err;
}

static int listing_linear(struct listing *list)
{
	uint32_t shift = list->dir->fs->block_shift;
	uint32_t blocks = (uint32_t)(inode_size(list->dir) >> shift);
	int err = 0;

	for (uint64_t i = list->cookie >> shift; i < blocks && !list->full && !err; i++)
		err = listing_block(list, (uint32_t)i);
	return err;
}

static int listing_run(struct listing *list)
{
	struct ext4_fs *fs = list->dir->fs;
	int err = listing_dot(list, ".", 1, COOKIE_DOT);

	if (!err)
		err = listing_dot(list, "..", 2, COOKIE_DOTDOT);
	if (err || list->full)
		return err;
	if (dir_is_indexed(list->dir))
		return listing_indexed(list);
	if (fs_has_compat(fs, EXT4_COMPAT_DIR_INDEX) && inode_size(list->dir) == fs->block_size)
		return listing_single(list);
	return listing_linear(list);
}

int ext4_readdir(struct ext4_fs *fs, struct ext4_id id, uint64_t cookie,
		 bool (*fill)(void *ctx, const struct ext4_dirent *entry), void *ctx)
{
	struct inode dir;
	struct listing list = { .dir = &dir, .cookie = cookie, .fill = fill, .ctx = ctx };
	int err = op_begin_read(fs);

	if (err)
		return err;
	err = inode_get_id(fs, id, &dir);
	if (!err) {
		if (!inode_is_dir(&dir))
			err = -ENOTDIR;
		else if (dir.raw->i_links_count) /* a removed one has nothing to show */
			err = listing_run(&list);
		mem_free(fs, list.pairs);
		inode_put(&dir);
	}
	return op_end(fs, err);
}
