// SPDX-License-Identifier: MIT
/*
 * Orphans: inodes that have no name any more and are still in use.  The disk chains them, from
 * s_last_orphan through i_dtime, so that after a crash the next mount frees them.  The same list
 * is kept in memory, in the same order, to tell an orphan from a freed inode.
 *
 * Linux also chains files whose truncation was interrupted; those have names, and are cut at the
 * mount.
 */
#include "ext4/internal.h"

static struct orphan *orphan_find(struct ext4_fs *fs, uint32_t ino)
{
	struct orphan *orphan = fs->orphans;

	while (orphan && orphan->ino != ino)
		orphan = orphan->next;
	return orphan;
}

bool orphan_has(struct ext4_fs *fs, uint32_t ino)
{
	return orphan_find(fs, ino);
}

static void orphan_set_head(struct ext4_fs *fs, uint32_t ino)
{
	fs->sb.s_last_orphan = ino;
	fs->sb_changed = true;
}

int orphan_add(struct inode *inode)
{
	struct ext4_fs *fs = inode->fs;
	struct orphan *orphan;

	if (orphan_has(fs, inode->ino))
		return 0;
	orphan = mem_alloc(fs, sizeof(*orphan));
	if (!orphan)
		return -ENOMEM;
	*orphan = (struct orphan){ fs->orphans, NULL, inode->ino };
	if (fs->orphans)
		fs->orphans->prev = orphan;
	fs->orphans = orphan;
	inode->raw->i_dtime = fs->sb.s_last_orphan;
	inode_dirty(inode);
	orphan_set_head(fs, inode->ino);
	return 0;
}

/* Takes the inode out of the chain, the disk's and ours. */
int orphan_del(struct inode *inode)
{
	struct ext4_fs *fs = inode->fs;
	struct orphan *orphan = orphan_find(fs, inode->ino);
	struct inode previous;
	int err;

	if (!orphan)
		return 0;
	if (orphan->prev) {
		err = inode_get(fs, orphan->prev->ino, &previous);
		if (err)
			return err;
		previous.raw->i_dtime = inode->raw->i_dtime;
		inode_dirty(&previous);
		inode_put(&previous);
		orphan->prev->next = orphan->next;
	} else {
		orphan_set_head(fs, inode->raw->i_dtime);
		fs->orphans = orphan->next;
	}
	if (orphan->next)
		orphan->next->prev = orphan->prev;
	mem_free(fs, orphan);
	inode->raw->i_dtime = 0;
	inode_dirty(inode);
	return 0;
}

/* Reads the disk's chain.  A cycle is found by comparing with a mark that jumps ahead (Brent). */
int orphan_load(struct ext4_fs *fs)
{
	uint32_t ino = fs->sb.s_last_orphan;
	uint32_t mark = 0, steps = 0, limit = 2;
	struct orphan *tail = NULL;

	while (ino) {
		struct orphan *orphan;
		struct inode inode;
		int err = inode_get(fs, ino, &inode);

		if (err)
			return err;
		orphan = mem_alloc(fs, sizeof(*orphan));
		if (!orphan || ino == mark) {
			inode_put(&inode);
			mem_free(fs, orphan);
			return orphan ? fs_corrupt(fs, "the orphans form a ring") : -ENOMEM;
		}
		*orphan = (struct orphan){ NULL, tail, ino };
		if (tail)
			tail->next = orphan;
		else
			fs->orphans = orphan;
		tail = orphan;
		ino = inode.raw->i_dtime;
		inode_put(&inode);
		if (++steps == limit) {
			mark = orphan->ino;
			limit *= 2;
		}
	}
	return 0;
}

/* Frees all orphans: nobody uses them now. */
int orphan_release_all(struct ext4_fs *fs)
{
	while (fs->orphans) {
		struct inode inode;
		int err = inode_get(fs, fs->orphans->ino, &inode);

		if (err)
			return err;
		if (inode.raw->i_links_count) {
			err = map_truncate(&inode, inode_size(&inode));
			if (!err)
				err = orphan_del(&inode);
		} else {
			err = inode_destroy(&inode);
		}
		inode_put(&inode);
		if (err)
			return err;
	}
	return 0;
}

void orphan_fini(struct ext4_fs *fs)
{
	while (fs->orphans) {
		struct orphan *next = fs->orphans->next;

		mem_free(fs, fs->orphans);
		fs->orphans = next;
	}
}
