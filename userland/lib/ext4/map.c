// SPDX-License-Identifier: MIT
/*
 * From a file's blocks to the disk's: for readers, for writers in two steps, and for the library's
 * own directories and links.  ext4.h explains the steps.
 */
#include "ext4/internal.h"

#define MAP_CONVERT \
	0x200 /* of a run: an unwritten extent, which commit turns into a written one \
	       */
#define PREALLOC_MAX 256

static bool map_is_extents(const struct inode *inode)
{
	return inode->raw->i_flags & EXT4_INODE_EXTENTS;
}

int map_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out)
{
	if (map_is_extents(inode))
		return extent_lookup(inode, logical, out);
	return indirect_lookup(inode, logical, out);
}

static uint32_t blocks_for(const struct inode *inode, uint64_t size)
{
	return (uint32_t)((size + inode->fs->block_size - 1) >> inode->fs->block_shift);
}

/* Others have a device's number or a link's target in the place of the map. */
static bool map_exists(const struct inode *inode)
{
	switch (inode_type(inode)) {
	case EXT4_S_IFREG:
	case EXT4_S_IFDIR:
		return true;
	case EXT4_S_IFLNK:
		return map_is_extents(inode) || inode_size(inode) >= EXT4_I_BLOCK_BYTES;
	}
	return false;
}

/* Frees the blocks behind size. */
int map_truncate(struct inode *inode, uint64_t size)
{
	int err;

	window_drop(inode->fs, inode->ino);
	if (!map_exists(inode))
		return 0;
	if (map_is_extents(inode))
		return extent_truncate(inode, blocks_for(inode, size));
	if (size)
		return size >= inode_size(inode) ? 0 : -EOPNOTSUPP;
	err = indirect_free_all(inode);
	if (!err && fs_has_incompat(inode->fs, EXT4_INCOMPAT_EXTENTS) && inode_type(inode) == EXT4_S_IFREG)
		extent_init(inode);
	return err;
}

/* near which block to put a file's next one */
static uint64_t map_goal(struct inode *inode, uint32_t logical)
{
	struct ext4_run before;

	if (!logical || map_lookup(inode, logical - 1, &before) || before.flags & EXT4_MAP_HOLE)
		return inode_goal(inode);
	return before.physical + 1;
}

/* One more block of metadata at the end of a directory or link, zeroed and dirty. */
int map_append_block(struct inode *inode, enum buf_kind kind, uint32_t *logical, struct buf **out)
{
	struct ext4_fs *fs = inode->fs;
	struct ext4_run run = { .logical = blocks_for(inode, inode_size(inode)), .count = 1 };
	int err;

	if (!map_is_extents(inode))
		return -EOPNOTSUPP;
	if (run.logical == UINT32_MAX)
		return -EFBIG;
	err = block_alloc(fs, map_goal(inode, run.logical), &run.physical);
	if (err)
		return err;
	err = buf_new(fs, run.physical, kind, inode->seed, out);
	if (!err) {
		err = extent_insert(inode, &run);
		if (err) {
			buf_put(*out);
			buf_drop(fs, run.physical);
		}
	}
	if (err) {
		blocks_free(fs, run.physical, 1);
		return err;
	}
	inode_blocks_add(inode, 1);
	inode_set_size(inode, ((uint64_t)run.logical + 1) << fs->block_shift);
	*logical = run.logical;
	return 0;
}

static unsigned runs_append(struct ext4_run *runs, unsigned count, const struct ext4_run *run)
{
	struct ext4_run *last = runs + count - 1;

	if (count && last->flags == run->flags &&
	    (run->flags & EXT4_MAP_HOLE || last->physical + last->count == run->physical)) {
		last->count += run->count;
		return count;
	}
	runs[count] = *run;
	return count + 1;
}

static int map_read(struct inode *inode, uint32_t logical, uint32_t count, struct ext4_run *runs,
		    unsigned max_runs)
{
	unsigned filled = 0;

	while (count && filled < max_runs) {
		struct ext4_run run;
		int err = map_lookup(inode, logical, &run);

		if (err)
			return err;
		run.count = MIN(run.count, count);
		if (run.flags & (EXT4_MAP_HOLE | RUN_UNWRITTEN)) {
			run.flags = EXT4_MAP_HOLE;
			run.physical = 0;
		}
		filled = runs_append(runs, filled, &run);
		logical += run.count;
		count -= run.count;
	}
	return (int)filled;
}

/* Reserves blocks for a hole; a file that grows gets some more, kept for its next append. */
static int map_reserve(struct inode *inode, struct ext4_run *run, uint64_t goal)
{
	struct ext4_fs *fs = inode->fs;
	bool append = run->logical && run->logical >= blocks_for(inode, inode_size(inode));
	uint32_t extra = append ? MIN(MAX(run->logical, 8), PREALLOC_MAX) : 0;
	uint32_t want = MIN(run->count, EXT4_EXTENT_MAX_LEN);
	struct span span;
	int err;

	run->flags = EXT4_MAP_NEW;
	run->count = window_take(fs, inode->ino, run->logical, want, &run->physical);
	if (run->count)
		return 0;
	err = blocks_reserve(fs, goal, want + extra, &span);
	if (err)
		return err;
	run->physical = span.start;
	run->count = MIN(span.count, want);
	if (span.count > run->count)
		window_add(fs, inode->ino, run->logical + run->count, span.start + run->count,
			   span.count - run->count);
	return 0;
}

static int map_write_run(struct inode *inode, uint32_t logical, uint32_t count, const struct ext4_run *before,
			 struct ext4_run *run)
{
	int err = map_lookup(inode, logical, run);

	if (err)
		return err;
	run->count = MIN(run->count, count);
	if (run->flags & RUN_UNWRITTEN)
		run->flags = MAP_CONVERT;
	if (!(run->flags & EXT4_MAP_HOLE))
		return 0;
	if (!map_is_extents(inode))
		return -EOPNOTSUPP;
	return map_reserve(inode, run, before ? before->physical + before->count : map_goal(inode, logical));
}

static int map_write(struct inode *inode, uint32_t logical, uint32_t count, struct ext4_run *runs,
		     unsigned max_runs)
{
	unsigned filled = 0;
	int err = 0;

	while (count && filled < max_runs) {
		struct ext4_run run;

		err = map_write_run(inode, logical, count, filled ? &runs[filled - 1] : NULL, &run);
		if (err)
			break;
		runs[filled++] = run;
		logical += run.count;
		count -= run.count;
	}
	return filled ? (int)filled : err;
}

static int map_range(struct ext4_fs *fs, struct ext4_id id, uint32_t logical, uint32_t count,
		     struct ext4_run *runs, unsigned max_runs, bool write)
{
	struct inode inode;
	int ret = write ? op_begin_write(fs) : op_begin_read(fs);

	if (ret)
		return ret;
	ret = inode_get_id(fs, id, &inode);
	if (!ret) {
		if (inode_type(&inode) != EXT4_S_IFREG)
			ret = -EINVAL;
		else if (count > UINT32_MAX - logical)
			ret = -EFBIG;
		else
			ret = (write ? map_write : map_read)(&inode, logical, count, runs, max_runs);
		inode_put(&inode);
	}
	return op_end(fs, ret);
}

int ext4_map_read(struct ext4_fs *fs, struct ext4_id id, uint32_t logical, uint32_t count,
		  struct ext4_run *runs, unsigned max_runs)
{
	return map_range(fs, id, logical, count, runs, max_runs, false);
}

int ext4_map_write(struct ext4_fs *fs, struct ext4_id id, uint32_t logical, uint32_t count,
		   struct ext4_run *runs, unsigned max_runs)
{
	return map_range(fs, id, logical, count, runs, max_runs, true);
}

static int map_commit_new(struct inode *inode, const struct ext4_run *run)
{
	struct ext4_fs *fs = inode->fs;
	struct ext4_run now;
	int err = map_lookup(inode, run->logical, &now);

	if (err)
		return err;
	if (!(now.flags & EXT4_MAP_HOLE) || now.count < run->count)
		return -EAGAIN;
	err = blocks_claim(fs, run->physical, run->count);
	if (err)
		return err;
	now = (struct ext4_run){ run->physical, run->logical, run->count, 0 };
	err = extent_insert(inode, &now);
	if (err)
		blocks_unclaim(fs, run->physical, run->count);
	else
		inode_blocks_add(inode, run->count);
	return err;
}

static int map_commit_convert(struct inode *inode, uint32_t logical, uint32_t count)
{
	while (count) {
		struct ext4_run now;
		int err = map_lookup(inode, logical, &now);

		if (err)
			return err;
		now.count = MIN(now.count, count);
		if (now.flags & RUN_UNWRITTEN)
			err = extent_mark_written(inode, logical, now.count);
		if (err)
			return err;
		logical += now.count;
		count -= now.count;
	}
	return 0;
}

/* blocks: the file's length; what lies behind it is given back, not mapped */
static int map_commit_run(struct inode *inode, struct ext4_run run, uint32_t blocks)
{
	uint32_t keep = run.logical < blocks ? MIN(run.count, blocks - run.logical) : 0;
	int err = 0;

	if (run.flags & EXT4_MAP_NEW) {
		blocks_unreserve(inode->fs, run.physical + keep, run.count - keep);
		run.count = keep;
		err = keep ? map_commit_new(inode, &run) : 0;
		if (err)
			blocks_unreserve(inode->fs, run.physical, keep);
	} else if (run.flags & MAP_CONVERT) {
		err = map_commit_convert(inode, run.logical, keep);
	}
	return err;
}

static void runs_unreserve(struct ext4_fs *fs, const struct ext4_run *runs, unsigned nr_runs)
{
	for (unsigned i = 0; i < nr_runs; i++)
		if (runs[i].flags & EXT4_MAP_NEW)
			blocks_unreserve(fs, runs[i].physical, runs[i].count);
}

int ext4_commit_write(struct ext4_fs *fs, struct ext4_id id, const struct ext4_run *runs, unsigned nr_runs,
		      uint64_t size)
{
	struct inode inode;
	unsigned done = 0;
	int err = op_begin_write(fs);

	if (err)
		return err; /* no reservation matters on a read-only file system */
	err = inode_get_id(fs, id, &inode);
	if (!err && size >> fs->block_shift >= UINT32_MAX)
		err = -EFBIG;
	if (!err) {
		size = MAX(size, inode_size(&inode));
		while (done < nr_runs && !err)
			err = map_commit_run(&inode, runs[done++], blocks_for(&inode, size));
		if (!err && size > inode_size(&inode))
			inode_set_size(&inode, size);
		inode_put(&inode);
	}
	runs_unreserve(fs, runs + done, nr_runs - done);
	return op_end(fs, err);
}

void ext4_abort_write(struct ext4_fs *fs, const struct ext4_run *runs, unsigned nr_runs)
{
	op_begin_read(fs);
	runs_unreserve(fs, runs, nr_runs);
	op_end(fs, 0);
}
