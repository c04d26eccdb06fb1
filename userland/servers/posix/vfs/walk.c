/* SPDX-License-Identifier: MIT */
/* The walk along a path; walk.h says how it is locked. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "fs.h"
#include "inode.h"
#include "linux/errno.h"
#include "mount.h"
#include "process.h"
#include "walk.h"

/* ---- pins ---- */

static void pin_release(struct path *pin)
{
	struct path old = *pin;

	pin->mnt = NULL;
	pin->dentry = NULL;
	if (old.dentry)
		dentry_put(old.dentry);
	if (old.mnt)
		mount_put(old.mnt);
}

/* References to where the walk stands, and the lock is dropped. */
void walk_pin(struct walk *walk)
{
	struct path here = { walk->mnt, walk->dentry };

	path_get(&here);
	rwlock_read_unlock(&dentry_lock);
	walk->locked = false;
	pin_release(&walk->pin);
	walk->pin = here;
}

void walk_relock(struct walk *walk)
{
	rwlock_read_lock(&dentry_lock);
	walk->locked = true;
}

void walk_end(struct walk *walk)
{
	if (walk->locked)
		rwlock_read_unlock(&dentry_lock);
	walk->locked = false;
	pin_release(&walk->pin);
	pin_release(&walk->root_pin);
	fd_put(walk->start);
	free(walk->buffer);
}

void walk_result(struct walk *walk, struct path *out)
{
	out->mnt = walk->mnt;
	out->dentry = walk->dentry;
	path_get(out);
}

/* ---- the start ---- */

/* Root and working directory: plain pointers if only this thread could change them. */
static void walk_context(struct walk *walk, struct path *cwd)
{
	struct fs_context *fs = current ? current->fs : NULL;

	if (!fs) {
		walk->root.mnt = mount_root_get();
		walk->root.dentry = walk->root.mnt->root;
		*cwd = walk->root;
		walk->root_pin.mnt = walk->root.mnt;
		return;
	}
	if (likely(atomic_load_explicit(&fs->refs, memory_order_relaxed) == 1)) {
		walk->root = fs->root;
		*cwd = fs->cwd;
		return;
	}
	mutex_lock(&fs->lock);
	walk->root = fs->root;
	*cwd = fs->cwd;
	path_get(&walk->root);
	path_get(cwd);
	mutex_unlock(&fs->lock);
	walk->root_pin = walk->root;
	walk->pin = *cwd;
}

static int walk_start_at(struct walk *walk, int dirfd, struct path *start)
{
	walk->start = fd_get_path(dirfd);
	if (!walk->start.file)
		return -EBADF;
	if (!walk->start.file->path.mnt)
		return -ENOTDIR;
	*start = walk->start.file->path;
	return 0;
}

int walk_begin(struct walk *walk, int dirfd, const char *name, unsigned flags)
{
	struct path start;
	int error = 0;

	memset(walk, 0, sizeof(*walk));
	walk->flags = flags;
	walk->rest = name;
	walk->last_kind = PATH_LAST_ROOT;
	if (!*name)
		return -ENOENT;
	walk_context(walk, &start);
	if (*name == '/' && !(flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH)))
		start = walk->root;
	else if (*name == '/' && (flags & LOOKUP_BENEATH))
		error = -EXDEV;
	else if (dirfd != LINUX_AT_FDCWD)
		error = walk_start_at(walk, dirfd, &start);
	if (error)
		return error;
	if (flags & (LOOKUP_IN_ROOT | LOOKUP_BENEATH))
		walk->root = start;
	walk_relock(walk);
	walk->mnt = start.mnt;
	walk->dentry = start.dentry;
	return 0;
}

/* ---- steps; dentry_lock held ---- */

int walk_step_mounts(struct walk *walk)
{
	while (unlikely(atomic_load_explicit(&walk->dentry->nr_mounts, memory_order_acquire))) {
		struct mount *mnt = mount_find_locked(walk->mnt, walk->dentry);

		if (!mnt)
			break;
		if (walk->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		walk->mnt = mnt;
		walk->dentry = mnt->root;
	}
	return 0;
}

static int walk_up(struct walk *walk)
{
	for (;;) {
		if (walk->dentry == walk->root.dentry && walk->mnt == walk->root.mnt)
			return (walk->flags & LOOKUP_BENEATH) ? -EXDEV : 0;
		if (walk->dentry != walk->mnt->root)
			break;
		if (!walk->mnt->parent)
			return 0;
		if (walk->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
		walk->dentry = walk->mnt->mountpoint;
		walk->mnt = walk->mnt->parent;
	}
	walk->dentry = walk->dentry->parent;
	return walk_step_mounts(walk);
}

/* The name is not cached: ask the file system, with the lock dropped. */
static int walk_step_slow(struct walk *walk, const char *name, size_t len)
{
	struct inode *dir = dentry_inode(walk->dentry);
	struct dentry *child;
	int error;

	walk_pin(walk);
	mutex_lock(&dir->lock);
	error = dentry_lookup(walk->pin.dentry, name, len, &child);
	mutex_unlock(&dir->lock);
	if (error)
		return error;
	dentry_put(walk->pin.dentry);
	walk->pin.dentry = child;
	walk_relock(walk);
	walk->dentry = child;
	return 0;
}

int walk_step(struct walk *walk, const char *name, size_t len)
{
	struct dentry *child;
	int error;

	child = dentry_find_locked(walk->dentry, name, len, dentry_hash_name(name, len));
	if (likely(child)) {
		walk->dentry = child;
	} else {
		error = walk_step_slow(walk, name, len);
		if (error)
			return error;
	}
	return walk_step_mounts(walk);
}

/* ---- symbolic links ---- */

/*
 * target + after becomes the rest, right-aligned in the buffer so that the next link fits before it.  Only the
 * number of links is limited, so the buffer may have to grow.
 */
static int walk_splice(struct walk *walk, const char *target, const char *after)
{
	size_t after_bytes = strlen(after) + 1, target_len = strlen(target);
	size_t need = target_len + after_bytes, size = walk->buffer_size;
	char *buffer = walk->buffer, *start;

	if (!target_len)
		return -ENOENT;
	if (need > size) {
		size = MAX(need, LINUX_PATH_MAX);
		buffer = malloc(size);
		if (!buffer)
			return -ENOMEM;
	}
	start = buffer + size - need;
	memmove(start + target_len, after, after_bytes);
	memcpy(start, target, target_len);
	if (buffer != walk->buffer)
		free(walk->buffer);
	walk->buffer = buffer;
	walk->buffer_size = size;
	walk->rest = start;
	return 0;
}

/* A link of /proc that leads to the very object. */
static int walk_follow_magic(struct walk *walk, struct inode *inode, const char *after)
{
	struct path path;
	int error;

	if (walk->flags & (LOOKUP_NO_MAGIC | LOOKUP_BENEATH | LOOKUP_IN_ROOT))
		return (walk->flags & LOOKUP_NO_MAGIC) ? -ELOOP : -EXDEV;
	walk_pin(walk);
	error = inode->ops->follow(inode, &path);
	if (error)
		return error;
	pin_release(&walk->pin);
	walk->pin = path;
	walk_relock(walk);
	walk->mnt = path.mnt;
	walk->dentry = path.dentry;
	walk->rest = after;
	return 0;
}

/* A link whose text depends on the reader. */
static int walk_splice_text(struct walk *walk, struct inode *inode, const char *after)
{
	char text[256];
	long len;

	walk_pin(walk);
	len = inode->ops->linktext(inode, text, sizeof(text) - 1);
	walk_relock(walk);
	if (len < 0)
		return (int)len;
	text[len] = '\0';
	return walk_splice(walk, text, after);
}

static int walk_link_text(struct walk *walk, struct inode *inode, const char *after)
{
	if (inode->ops->linktext)
		return walk_splice_text(walk, inode, after);
	if (!__atomic_load_n(&inode->link, __ATOMIC_ACQUIRE)) {
		int error;

		if (!inode->ops->readlink)
			return -EINVAL;
		walk_pin(walk);
		error = inode->ops->readlink(inode);
		walk_relock(walk);
		if (error)
			return error;
	}
	return walk_splice(walk, inode->link, after);
}

int walk_follow(struct walk *walk, const char *after)
{
	struct dentry *link = walk->dentry;
	struct inode *inode = dentry_inode(link);
	int error;

	if (++walk->nr_links > LINUX_MAXSYMLINKS || (walk->flags & LOOKUP_NO_LINKS))
		return -ELOOP;
	if (inode->ops->follow)
		return walk_follow_magic(walk, inode, after);
	error = walk_link_text(walk, inode, after);
	if (error)
		return error;
	if (*walk->rest != '/') {
		walk->dentry = link->parent;
		return 0;
	}
	if (walk->flags & LOOKUP_BENEATH)
		return -EXDEV;
	walk->mnt = walk->root.mnt;
	walk->dentry = walk->root.dentry;
	return 0;
}

/* ---- the loop ---- */

static inline const char *skip_slashes(const char *p)
{
	while (*p == '/')
		p++;
	return p;
}

static inline enum path_last component_kind(const char *name, size_t len)
{
	if (name[0] == '.' && len == 1)
		return PATH_LAST_DOT;
	if (name[0] == '.' && name[1] == '.' && len == 2)
		return PATH_LAST_DOTDOT;
	return PATH_LAST_NAME;
}

/* Where the walk stands must be a directory that may be searched. */
static inline int walk_may_search(struct walk *walk)
{
	struct inode *dir = dentry_inode(walk->dentry);

	if (!dir)
		return -ENOENT;
	if (!inode_is_dir(dir))
		return -ENOTDIR;
	return inode_permission(dir, LINUX_X_OK);
}

/* One component; *after is the path behind it. */
static int walk_component(struct walk *walk, size_t len, const char *after, bool last)
{
	struct inode *inode;
	int error;

	switch (walk->last_kind) {
	case PATH_LAST_DOT:
		error = 0;
		break;
	case PATH_LAST_DOTDOT:
		error = walk_up(walk);
		break;
	default:
		error = walk_step(walk, walk->last, len);
	}
	if (error)
		return error;
	walk->rest = after;
	inode = dentry_inode(walk->dentry);
	if (!inode)
		return -ENOENT;
	if (unlikely(inode_is_link(inode)) && (!last || walk->trailing_slash || (walk->flags & LOOKUP_FOLLOW)))
		return walk_follow(walk, after);
	if (walk->trailing_slash && last && !inode_is_dir(inode))
		return -ENOTDIR;
	return 0;
}

int walk_run(struct walk *walk, bool parent_only)
{
	for (;;) {
		const char *name = skip_slashes(walk->rest), *after = name, *next;
		bool last;
		int error;

		if (!*name)
			break;
		while (*after && *after != '/')
			after++;
		next = skip_slashes(after);
		last = !*next;
		error = walk_may_search(walk);
		if (error)
			return error;
		walk->last = name;
		walk->last_len = (size_t)(after - name);
		walk->last_kind = component_kind(name, walk->last_len);
		walk->trailing_slash = last && next != after;
		if (last && parent_only) {
			walk->rest = after;
			return 0;
		}
		error = walk_component(walk, walk->last_len, after, last);
		if (error)
			return error;
	}
	if (parent_only) {
		walk->last_kind = PATH_LAST_ROOT;
		walk->last_len = 0;
	}
	return 0;
}
