// SPDX-License-Identifier: MIT
/*
 * Renaming.  Decide everything, and pin every entry that will change; then change: the new name
 * first, which alone can run out of space or memory, then the old one goes, then "..", then the
 * link counts.
 */
#include "ext4/internal.h"

#define MAX_ANCESTORS 65536 /* a longer way up is a ring */

struct rename {
	struct inode dir;
	struct inode to_dir;
	struct inode child;  /* what moves */
	struct inode target; /* what has the new name now; buf is NULL if nothing does */
	/* entries, pinned; buf is NULL if there is none, or once it was changed */
	struct dir_slot old;       /* the child's name */
	struct dir_slot new;       /* the target's */
	struct dir_slot child_up;  /* the child's "..", if it gets another parent */
	struct dir_slot target_up; /* the same of the target, if they change places */
	const char *name;
	const char *to_name;
	size_t len;
	size_t to_len;
	unsigned flags;
};

static int name_get(struct inode *dir, const char *name, size_t len, struct dir_slot *slot, struct inode *out)
{
	int err = dir_find(dir, name, len, slot);

	return err ? err : inode_get_live(dir->fs, slot->entry->inode, out);
}

/* is ancestor the directory, or above it? */
static int dir_is_below(struct ext4_fs *fs, uint32_t ino, uint32_t ancestor)
{
	for (int steps = 0; steps < MAX_ANCESTORS; steps++) {
		struct inode dir;
		struct dir_slot slot;
		int err;

		if (ino == ancestor)
			return 1;
		if (ino == EXT4_ROOT_INO)
			return 0;
		err = inode_get_live(fs, ino, &dir);
		if (err)
			return err;
		err = inode_is_dir(&dir) ? dir_parent(&dir, &slot)
					 : fs_corrupt(fs, "parent %u is no directory", ino);
		if (!err) {
			ino = slot.entry->inode;
			buf_put(slot.buf);
		}
		inode_put(&dir);
		if (err)
			return err;
	}
	return fs_corrupt(fs, "directory %u is its own ancestor", ino);
}

/* a directory that moves must not end up below itself, and adds a link to its new parent */
static int check_move(struct inode *child, const struct inode *from, struct inode *to)
{
	int below;

	if (!inode_is_dir(child) || from->ino == to->ino)
		return 0;
	below = dir_is_below(child->fs, to->ino, child->ino);
	if (below)
		return below < 0 ? below : -EINVAL;
	return dir_link_full(to) ? -EMLINK : 0;
}

static int check_target(struct rename *r)
{
	int empty;

	if (r->flags & EXT4_RENAME_NOREPLACE)
		return -EEXIST;
	if (inode_is_dir(&r->child) != inode_is_dir(&r->target))
		return inode_is_dir(&r->child) ? -ENOTDIR : -EISDIR;
	if (!inode_is_dir(&r->target))
		return 0;
	empty = dir_is_empty(&r->target);
	return empty < 0 ? empty : empty ? 0 : -ENOTEMPTY;
}

/* lets a name mean another inode */
static void name_point(struct inode *dir, struct dir_slot *slot, const struct inode *inode)
{
	dir_set(dir, slot, inode->ino, inode->raw->i_mode);
	inode_touch(dir, true);
}

/* pins the ".." of a directory that moves from one parent to another */
static int parent_find(struct inode *child, const struct inode *from, const struct inode *to,
		       struct dir_slot *up)
{
	return inode_is_dir(child) && from->ino != to->ino ? dir_parent(child, up) : 0;
}

static void parent_change(struct inode *child, struct dir_slot *up, struct inode *from, struct inode *to)
{
	if (!up->buf)
		return;
	dir_set(child, up, to->ino, EXT4_S_IFDIR);
	dir_link_drop(from);
	dir_link_add(to);
}

static int rename_exchange(struct rename *r)
{
	int err = check_move(&r->child, &r->dir, &r->to_dir);

	if (!err)
		err = check_move(&r->target, &r->to_dir, &r->dir);
	if (!err)
		err = parent_find(&r->child, &r->dir, &r->to_dir, &r->child_up);
	if (!err)
		err = parent_find(&r->target, &r->to_dir, &r->dir, &r->target_up);
	if (err)
		return err;
	name_point(&r->dir, &r->old, &r->target);
	name_point(&r->to_dir, &r->new, &r->child);
	parent_change(&r->child, &r->child_up, &r->dir, &r->to_dir);
	parent_change(&r->target, &r->target_up, &r->to_dir, &r->dir);
	inode_touch(&r->child, false);
	inode_touch(&r->target, false);
	return 0;
}

/* gives the new name to the child; the target, if any, loses it */
static int name_take(struct rename *r)
{
	int err;

	if (!r->target.buf) {
		err = dir_insert(&r->to_dir, r->to_name, r->to_len, r->child.ino, r->child.raw->i_mode);
		if (!err)
			inode_touch(&r->to_dir, true);
		return err;
	}
	err = inode_unlink(&r->target);
	if (err)
		return err;
	if (inode_is_dir(&r->target))
		dir_link_drop(&r->to_dir);
	name_point(&r->to_dir, &r->new, &r->child);
	return 0;
}

/* Takes the old name away.  The insertion may have moved it, but then to a block that is dirty, and
 * so in the cache: this does not fail for want of memory. */
static int name_drop(struct rename *r)
{
	struct dir_slot slot;
	int err = dir_block_find(&r->dir, r->old.buf, r->name, r->len, &slot);

	if (err == -ENOENT)
		err = dir_find(&r->dir, r->name, r->len, &slot);
	if (err)
		return err == -ENOENT ? fs_corrupt(r->dir.fs, "a name vanished") : err;
	dir_remove(&r->dir, &slot);
	inode_touch(&r->dir, true);
	return 0;
}

static int rename_move(struct rename *r)
{
	int err = check_move(&r->child, &r->dir, &r->to_dir);

	if (!err && r->target.buf)
		err = check_target(r);
	if (!err)
		err = parent_find(&r->child, &r->dir, &r->to_dir, &r->child_up);
	if (!err)
		err = name_take(r);
	if (!err)
		err = name_drop(r);
	if (err)
		return err;
	parent_change(&r->child, &r->child_up, &r->dir, &r->to_dir);
	inode_touch(&r->child, false);
	return 0;
}

static void rename_put(struct rename *r)
{
	buf_put(r->old.buf);
	buf_put(r->new.buf);
	buf_put(r->child_up.buf);
	buf_put(r->target_up.buf);
	inode_put(&r->target);
	inode_put(&r->child);
}

static int rename_run(struct rename *r, struct ext4_attr *out)
{
	int err = name_get(&r->dir, r->name, r->len, &r->old, &r->child);

	if (!err)
		err = name_get(&r->to_dir, r->to_name, r->to_len, &r->new, &r->target);
	if (err == -ENOENT && r->child.buf && !(r->flags & EXT4_RENAME_EXCHANGE))
		err = 0;
	if (!err && r->target.buf && r->target.ino == r->child.ino)
		err = r->flags & EXT4_RENAME_NOREPLACE ? -EEXIST : 0;
	else if (!err && r->flags & EXT4_RENAME_EXCHANGE)
		err = rename_exchange(r);
	else if (!err)
		err = rename_move(r);
	out->id.ino = 0;
	if (!err && r->target.buf && r->target.ino != r->child.ino && !(r->flags & EXT4_RENAME_EXCHANGE))
		inode_attr(&r->target, out);
	rename_put(r);
	return err;
}

static int rename_dirs(struct ext4_fs *fs, struct ext4_id dir, struct ext4_id to_dir, struct rename *r,
		       struct ext4_attr *out)
{
	int err = dir_get(fs, dir, &r->dir);

	if (err)
		return err;
	err = dir_get(fs, to_dir, &r->to_dir);
	if (!err) {
		err = rename_run(r, out);
		inode_put(&r->to_dir);
	}
	inode_put(&r->dir);
	return err;
}

int ext4_rename(struct ext4_fs *fs, struct ext4_id dir, const char *name, size_t len, struct ext4_id to_dir,
		const char *to_name, size_t to_len, unsigned flags, struct ext4_attr *out)
{
	struct rename r = { .name = name, .len = len, .to_name = to_name, .to_len = to_len, .flags = flags };
	int err = name_check(name, len);

	if (!err)
		err = name_check(to_name, to_len);
	if (!err && (name_is_dots(name, len) || name_is_dots(to_name, to_len)))
		err = -EBUSY;
	if (!err && (flags & ~(unsigned)(EXT4_RENAME_NOREPLACE | EXT4_RENAME_EXCHANGE) ||
		     flags == (EXT4_RENAME_NOREPLACE | EXT4_RENAME_EXCHANGE)))
		err = -EINVAL;
	if (!err)
		err = op_begin_write(fs);
	if (err)
		return err;
	return op_end(fs, rename_dirs(fs, dir, to_dir, &r, out));
}
