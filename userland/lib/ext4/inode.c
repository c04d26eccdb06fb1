// SPDX-License-Identifier: MIT
/*
 * Inodes.  A struct inode lives on the caller's stack for one operation, and pins the block of the
 * inode table that holds it; there is no second copy, so nothing can be out of date.
 */
#include "ext4/internal.h"

static bool inode_number_ok(const struct ext4_fs *fs, uint32_t ino)
{
	return ino == EXT4_ROOT_INO || (ino >= fs->sb.s_first_ino && ino <= fs->sb.s_inodes_count);
}

#define PREFETCH_BLOCKS 16

/* The inodes behind one are often wanted next: the table is read ahead, as far as it is in use. */
static void inode_prefetch(struct ext4_fs *fs, const struct group *group, uint32_t ino, uint32_t index)
{
	uint32_t used = fs->inodes_per_group - group->itable_unused;
	uint32_t blocks = (used + fs->inodes_per_block - 1) / fs->inodes_per_block;
	uint32_t start = index / fs->inodes_per_block;

	if (start < blocks)
		buf_prefetch_inodes(fs, group->inode_table + start, MIN(blocks - start, PREFETCH_BLOCKS),
				    ino - index % fs->inodes_per_block);
}

/* pins the inode's block and finds it in there; checks nothing */
static int inode_find(struct ext4_fs *fs, uint32_t ino, struct inode *out, uint32_t *slot)
{
	uint32_t group = (ino - 1) / fs->inodes_per_group;
	uint32_t index = (ino - 1) % fs->inodes_per_group;
	uint64_t block;
	int err;

	if (!inode_number_ok(fs, ino))
		return fs_corrupt(fs, "inode number %u is not possible", ino);
	*slot = index % fs->inodes_per_block;
	block = fs->groups[group].inode_table + index / fs->inodes_per_block;
	inode_prefetch(fs, &fs->groups[group], ino, index);
	err = buf_get(fs, block, BUF_INODE_TABLE, ino - *slot, &out->buf);
	if (err)
		return err;
	out->fs = fs;
	out->ino = ino;
	out->raw = (void *)(out->buf->data + (size_t)*slot * fs->inode_size);
	return 0;
}

static bool inode_type_ok(uint32_t mode)
{
	switch (mode & EXT4_S_IFMT) {
	case EXT4_S_IFSOCK:
	case EXT4_S_IFLNK:
	case EXT4_S_IFREG:
	case EXT4_S_IFBLK:
	case EXT4_S_IFDIR:
	case EXT4_S_IFCHR:
	case EXT4_S_IFIFO:
		return true;
	}
	return false;
}

static const char *inode_check(struct inode *inode)
{
	struct ext4_fs *fs = inode->fs;
	const struct ext4_inode *raw = inode->raw;
	uint64_t size = inode_size(inode);

	if (!inode_csum_ok(fs, inode->raw, inode->seed))
		return "wrong checksum";
	if (!inode_type_ok(raw->i_mode))
		return "unknown type";
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
	    (raw->i_extra_isize > fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE || raw->i_extra_isize % 4))
		return "bad extra size";
	if (raw->i_flags & EXT4_INODE_INLINE_DATA)
		return "inline data without the feature";
	if (size > (uint64_t)UINT32_MAX << fs->block_shift) /* the last block has no number */
		return "bad size";
	if (inode_is_dir(inode) && size % fs->block_size)
		return "a directory of a broken size";
	return NULL;
}

/* The inode, checked when it was read; it may be one that waits to be freed. */
int inode_get(struct ext4_fs *fs, uint32_t ino, struct inode *out)
{
	const char *wrong;
	uint32_t slot;
	int err = inode_find(fs, ino, out, &slot);

	if (err)
		return err;
	out->seed = inode_seed(fs, ino, out->raw->i_generation);
	if (out->buf->verified & 1u << slot)
		return 0;
	wrong = inode_check(out);
	if (wrong) {
		inode_put(out);
		return fs_corrupt(fs, "inode %u: %s", ino, wrong);
	}
	out->buf->verified |= 1u << slot;
	return 0;
}

/* The inode that a directory entry names: it must be in use. */
int inode_get_live(struct ext4_fs *fs, uint32_t ino, struct inode *out)
{
	int err = inode_get(fs, ino, out);

	if (err || out->raw->i_links_count)
		return err;
	inode_put(out);
	return fs_corrupt(fs, "inode %u has a name, but is free", ino);
}

/* The inode that a caller knows: it may have been freed since. */
int inode_get_id(struct ext4_fs *fs, struct ext4_id id, struct inode *out)
{
	uint32_t slot;
	int err;

	if (!inode_number_ok(fs, id.ino))
		return -ESTALE;
	err = inode_find(fs, id.ino, out, &slot);
	if (err)
		return err;
	if ((id.ino != EXT4_ROOT_INO && out->raw->i_generation != id.gen) ||
	    (!out->raw->i_links_count && !orphan_has(fs, id.ino)) || !out->raw->i_mode) {
		inode_put(out);
		return -ESTALE;
	}
	inode_put(out);
	return inode_get(fs, id.ino, out);
}

/* A number just allocated: whatever the table holds there is wiped. */
int inode_get_fresh(struct ext4_fs *fs, uint32_t ino, struct inode *out)
{
	uint32_t slot;
	int err = inode_find(fs, ino, out, &slot);

	if (err)
		return err;
	memset(out->raw, 0, fs->inode_size);
	out->raw->i_generation = fs_random(fs);
	out->seed = inode_seed(fs, ino, out->raw->i_generation);
	out->buf->verified |= 1u << slot;
	inode_dirty(out);
	return 0;
}

void inode_put(struct inode *inode)
{
	buf_put(inode->buf);
	inode->buf = NULL;
}

void inode_dirty(struct inode *inode)
{
	uint32_t slot = inode->ino - inode->buf->seed;

	inode->buf->changed |= 1u << slot;
	buf_dirty(inode->fs, inode->buf);
}

uint64_t inode_size(const struct inode *inode)
{
	return (uint64_t)inode->raw->i_size_hi << 32 | inode->raw->i_size_lo;
}

void inode_set_size(struct inode *inode, uint64_t size)
{
	struct ext4_fs *fs = inode->fs;

	if (size > INT32_MAX && !fs_has_ro(fs, EXT4_RO_LARGE_FILE)) {
		fs->sb.s_feature_ro_compat |= EXT4_RO_LARGE_FILE;
		fs->sb_changed = true;
	}
	inode->raw->i_size_lo = (uint32_t)size;
	inode->raw->i_size_hi = (uint32_t)(size >> 32);
	inode_dirty(inode);
}

/* i_blocks counts sectors, or blocks in a huge file */
static uint64_t inode_sectors(const struct inode *inode)
{
	uint64_t blocks = inode->raw->i_blocks_lo;

	if (fs_has_ro(inode->fs, EXT4_RO_HUGE_FILE)) {
		blocks |= (uint64_t)inode->raw->i_blocks_hi << 32;
		if (inode->raw->i_flags & EXT4_INODE_HUGE_FILE)
			blocks <<= inode->fs->block_shift - 9;
	}
	return blocks;
}

void inode_blocks_add(struct inode *inode, int64_t blocks)
{
	uint32_t shift = inode->fs->block_shift - 9;
	uint64_t sectors = inode_sectors(inode) + ((uint64_t)blocks << shift);

	if (inode->raw->i_flags & EXT4_INODE_HUGE_FILE)
		sectors >>= shift;
	inode->raw->i_blocks_lo = (uint32_t)sectors;
	inode->raw->i_blocks_hi = (uint16_t)(sectors >> 32);
	inode_dirty(inode);
}

/* where to look for an inode's first block: in the inode's group */
uint64_t inode_goal(const struct inode *inode)
{
	return group_start(inode->fs, (inode->ino - 1) / inode->fs->inodes_per_group);
}

static bool inode_has_field(const struct inode *inode, size_t offset)
{
	return inode->fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
	       offset + 4 <= EXT4_GOOD_OLD_INODE_SIZE + (size_t)inode->raw->i_extra_isize;
}

static struct ext4_time time_decode(const struct inode *inode, uint32_t low, size_t extra_offset)
{
	struct ext4_time time = { (int32_t)low, 0 };
	uint32_t extra;

	if (inode_has_field(inode, extra_offset)) {
		memcpy(&extra, (const uint8_t *)inode->raw + extra_offset, 4);
		time.sec += (int64_t)(extra & 3) << 32;
		time.nsec = MIN(extra >> 2, 999999999);
	}
	return time;
}

/* A time beyond what the inode can hold is the first, or the last, that it can. */
static uint32_t time_encode(struct inode *inode, struct ext4_time time, size_t extra_offset)
{
	bool wide = inode_has_field(inode, extra_offset);
	int64_t last = INT32_MAX + (wide ? (int64_t)3 << 32 : 0), sec = MAX(MIN(time.sec, last), INT32_MIN);
	uint32_t nsec = sec == time.sec ? MIN(time.nsec, 999999999) : 0;
	uint32_t extra = ((uint32_t)((uint64_t)(sec - (int32_t)sec) >> 32) & 3) | nsec << 2;

	if (wide)
		memcpy((uint8_t *)inode->raw + extra_offset, &extra, 4);
	return (uint32_t)sec;
}

#define EXTRA(field) offsetof(struct ext4_inode, i_##field##_extra)

void inode_set_times(struct inode *inode, unsigned what, const struct ext4_attr *in)
{
	if (what & EXT4_SET_ATIME)
		inode->raw->i_atime = time_encode(inode, in->atime, EXTRA(atime));
	if (what & EXT4_SET_MTIME)
		inode->raw->i_mtime = time_encode(inode, in->mtime, EXTRA(mtime));
	if (what & EXT4_SET_CTIME)
		inode->raw->i_ctime = time_encode(inode, in->ctime, EXTRA(ctime));
	inode_dirty(inode);
}

/* now: into ctime, and if the contents changed into mtime */
void inode_touch(struct inode *inode, bool modified)
{
	struct ext4_attr now;

	inode->fs->env.now(inode->fs->env.ctx, &now.ctime);
	now.mtime = now.ctime;
	inode_set_times(inode, EXT4_SET_CTIME | (modified ? EXT4_SET_MTIME : 0), &now);
}

static void device_encode(struct inode *inode, uint32_t major, uint32_t minor)
{
	bool old = major < 256 && minor < 256;
	uint32_t value = old ? major << 8 | minor : (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;

	memcpy(inode->raw->i_block + (old ? 0 : 4), &value, 4);
}

static void device_decode(const struct inode *inode, struct ext4_attr *out)
{
	uint32_t value[2];

	memcpy(value, inode->raw->i_block, sizeof(value));
	if (value[0]) {
		out->major = value[0] >> 8 & 0xff;
		out->minor = value[0] & 0xff;
	} else {
		out->major = (value[1] & 0xfff00) >> 8;
		out->minor = (value[1] & 0xff) | (value[1] >> 12 & 0xfff00);
	}
}

void inode_attr(const struct inode *inode, struct ext4_attr *out)
{
	const struct ext4_inode *raw = inode->raw;

	*out = (struct ext4_attr){
		.id = { inode->ino, raw->i_generation },
		.mode = raw->i_mode,
		.nlink = raw->i_links_count,
		.uid = raw->i_uid | (uint32_t)raw->i_uid_hi << 16,
		.gid = raw->i_gid | (uint32_t)raw->i_gid_hi << 16,
		.flags = raw->i_flags,
		.size = inode_size(inode),
		.sectors = inode_sectors(inode),
		.atime = time_decode(inode, raw->i_atime, EXTRA(atime)),
		.mtime = time_decode(inode, raw->i_mtime, EXTRA(mtime)),
		.ctime = time_decode(inode, raw->i_ctime, EXTRA(ctime)),
	};
	if (inode_has_field(inode, EXTRA(crtime)))
		out->btime = time_decode(inode, raw->i_crtime, EXTRA(crtime));
	if (inode_type(inode) == EXT4_S_IFCHR || inode_type(inode) == EXT4_S_IFBLK)
		device_decode(inode, out);
}

/* Fills in a fresh inode; its contents, a directory's or a link's, come later. */
void inode_init(struct inode *inode, const struct ext4_new *new)
{
	struct ext4_fs *fs = inode->fs;
	struct ext4_inode *raw = inode->raw;
	struct ext4_attr now;
	uint32_t type = new->mode &EXT4_S_IFMT;

	raw->i_mode = (uint16_t) new->mode;
	raw->i_uid = (uint16_t) new->uid;
	raw->i_uid_hi = (uint16_t)(new->uid >> 16);
	raw->i_gid = (uint16_t) new->gid;
	raw->i_gid_hi = (uint16_t)(new->gid >> 16);
	raw->i_links_count = 1;
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE) {
		uint32_t room = fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE;
		uint32_t want = MAX(fs->sb.s_want_extra_isize, 32) & ~3u;

		raw->i_extra_isize = (uint16_t)MIN(want, room);
	}
	fs->env.now(fs->env.ctx, &now.atime);
	now.mtime = now.ctime = now.atime;
	inode_set_times(inode, EXT4_SET_ATIME | EXT4_SET_MTIME | EXT4_SET_CTIME, &now);
	if (inode_has_field(inode, EXTRA(crtime)))
		raw->i_crtime = time_encode(inode, now.atime, EXTRA(crtime));
	if (type == EXT4_S_IFCHR || type == EXT4_S_IFBLK)
		device_encode(inode, new->major, new->minor);
	if ((type == EXT4_S_IFREG || type == EXT4_S_IFDIR) && fs_has_incompat(fs, EXT4_INCOMPAT_EXTENTS))
		extent_init(inode);
}

/* gives up the inode's share of its block of extended attributes */
static int xattr_release(struct inode *inode)
{
	struct ext4_fs *fs = inode->fs;
	uint64_t block = inode->raw->i_file_acl_lo;
	struct xattr_header *head;
	struct buf *buf;
	bool last;
	int err;

	if (fs_has_incompat(fs, EXT4_INCOMPAT_64BIT))
		block |= (uint64_t)inode->raw->i_file_acl_hi << 32;
	if (!block)
		return 0;
	if (!blocks_valid(fs, block, 1))
		return fs_corrupt(fs, "inode %u: bad attribute block", inode->ino);
	err = buf_get(fs, block, BUF_XATTR, 0, &buf);
	if (err)
		return err;
	head = (void *)buf->data;
	last = head->refcount == 1;
	if (head->magic != EXT4_XATTR_MAGIC || !head->refcount) {
		err = fs_corrupt(fs, "inode %u: bad attribute block", inode->ino);
	} else if (last) {
		err = blocks_free(fs, block, 1);
	} else {
		head->refcount--;
		buf_dirty(fs, buf);
	}
	buf_put(buf);
	if (err)
		return err;
	if (last)
		buf_drop(fs, block);
	inode->raw->i_file_acl_lo = 0;
	inode->raw->i_file_acl_hi = 0;
	inode_dirty(inode);
	return 0;
}

/* Out of the orphans and free, both or neither: the bitmap is pinned before anything changes. */
static int inode_give_back(struct inode *inode, bool is_dir)
{
	struct ext4_fs *fs = inode->fs;
	struct buf *bitmap;
	int err = bitmap_get_inodes(fs, (inode->ino - 1) / fs->inodes_per_group, &bitmap);

	if (err)
		return err;
	err = orphan_del(inode);
	if (!err)
		err = inode_free(fs, inode->ino, is_dir);
	buf_put(bitmap);
	return err;
}

/* Frees everything that belongs to an inode without names, and the inode.  After a failure it is an
 * orphan as before, with some of its blocks gone; the next try goes on from there. */
int inode_destroy(struct inode *inode)
{
	bool is_dir = inode_is_dir(inode);
	int err = map_truncate(inode, 0);

	if (!err)
		err = xattr_release(inode);
	if (!err)
		err = inode_give_back(inode, is_dir);
	if (err)
		return err;
	inode->raw->i_dtime = fs_now(inode->fs);
	inode->raw->i_mode = 0;
	inode->raw->i_links_count = 0;
	inode_set_size(inode, 0);
	return 0;
}
