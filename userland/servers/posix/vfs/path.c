/* SPDX-License-Identifier: MIT */
/* Finding things by path, and the path of things. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "fs.h"
#include "inode.h"
#include "linux/errno.h"
#include "lockrank.h"
#include "mount.h"
#include "path.h"
#include "process.h"
#include "usercopy.h"
#include "walk.h"

void path_get(const struct path *path)
{
	mount_get(path->mnt);
	dentry_get(path->dentry);
}

void path_put(const struct path *path)
{
	struct path old = *path;

	if (old.dentry)
		dentry_put(old.dentry);
	if (old.mnt)
		mount_put(old.mnt);
}

struct inode *path_inode(const struct path *path)
{
	return dentry_inode(path->dentry);
}

long path_copy_user(char *buffer, const void *user)
{
	return strncpy_from_user(buffer, (uintptr_t)user, LINUX_PATH_MAX);
}

int path_lookup(int dirfd, const char *name, unsigned flags, struct path *out)
{
	struct walk walk;
	int error = walk_begin(&walk, dirfd, name, flags);

	if (!error)
		error = walk_run(&walk, false);
	if (!error && (flags & LOOKUP_DIRECTORY) && !inode_is_dir(dentry_inode(walk.dentry)))
		error = -ENOTDIR;
	if (!error)
		walk_result(&walk, out);
	walk_end(&walk);
	return error;
}

int path_lookup_user(int dirfd, const void *user_name, unsigned flags, struct path *out)
{
	char name[LINUX_PATH_MAX];
	long len = path_copy_user(name, user_name);

	return len < 0 ? (int)len : path_lookup(dirfd, name, flags, out);
}

int path_lookup_parent(int dirfd, const char *name, struct path_parent *out)
{
	struct walk walk;
	int error = walk_begin(&walk, dirfd, name, 0);

	if (!error)
		error = walk_run(&walk, true);
	if (!error) {
		walk_result(&walk, &out->path);
		out->kind = walk.last_kind;
		out->len = walk.last_len;
		out->trailing_slash = walk.trailing_slash;
		memcpy(out->name, walk.last ? walk.last : "", MIN(out->len, LINUX_NAME_MAX));
		out->name[MIN(out->len, LINUX_NAME_MAX)] = '\0';
	}
	walk_end(&walk);
	return error;
}

/* ---- names of paths ---- */

struct name_writer {
	char *start; /* the name so far */
	char *limit;
};

static bool name_prepend(struct name_writer *writer, const char *text, size_t len)
{
	if ((size_t)(writer->start - writer->limit) < len)
		return false;
	writer->start -= len;
	memcpy(writer->start, text, len);
	return true;
}

/* From the object up to root; false if root was not met. dentry_lock is held. */
static bool name_climb(struct name_writer *writer, const struct path *path, const struct path *root)
{
	struct mount *mnt = path->mnt;
	struct dentry *dentry = path->dentry;

	while (dentry != root->dentry || mnt != root->mnt) {
		if (dentry == mnt->root) {
			if (!mnt->parent)
				return false;
			dentry = mnt->mountpoint;
			mnt = mnt->parent;
			continue;
		}
		if (dentry->parent == dentry)
			return false;
		if (!name_prepend(writer, dentry->name, dentry->len) || !name_prepend(writer, "/", 1))
			return true; /* cut off at the front: longer than any path may be */
		dentry = dentry->parent;
	}
	return true;
}

char *path_name(const struct path *path, const struct path *root, char *buffer, size_t size)
{
	struct name_writer writer = { .start = buffer + size, .limit = buffer };
	char *end;
	bool reached, gone;

	name_prepend(&writer, "", 1);
	end = writer.start;
	if (path->mnt == mount_nameless()) {
		name_prepend(&writer, path->dentry->name, path->dentry->len);
		return writer.start;
	}
	rwlock_read_lock(&dentry_lock);
	gone = (atomic_load(&path->dentry->refs) & DENTRY_DEAD) && !path->dentry->is_root &&
	       !path->dentry->uncached;
	if (gone)
		name_prepend(&writer, " (deleted)", 10);
	reached = name_climb(&writer, path, root);
	rwlock_read_unlock(&dentry_lock);
	if (writer.start == end || (gone && *writer.start == ' '))
		name_prepend(&writer, "/", 1);
	if (!reached)
		name_prepend(&writer, "(unreachable)", 13);
	return writer.start;
}

char *path_name_current(const struct path *path, char *buffer, size_t size)
{
	struct path root;
	char *name;

	if (current && current->fs) {
		fs_context_root(current->fs, &root);
	} else {
		root.mnt = mount_root_get();
		root.dentry = dentry_get(root.mnt->root);
	}
	name = path_name(path, &root, buffer, size);
	path_put(&root);
	return name;
}

/* ---- what a process believes about the tree ---- */

static struct fs_context *fs_context_alloc(void)
{
	struct fs_context *context = calloc(1, sizeof(*context));

	if (!context)
		return NULL;
	atomic_init(&context->refs, 1);
	mutex_init(&context->lock, "fs context", LOCK_FSCONTEXT);
	return context;
}

struct fs_context *fs_context_create(void)
{
	struct fs_context *context = fs_context_alloc();

	if (!context)
		return NULL;
	atomic_init(&context->umask, 022);
	context->root.mnt = mount_root_get();
	context->root.dentry = dentry_get(context->root.mnt->root);
	context->cwd = context->root;
	path_get(&context->cwd);
	return context;
}

struct fs_context *fs_context_clone(struct fs_context *context)
{
	struct fs_context *copy = fs_context_alloc();

	if (!copy)
		return NULL;
	mutex_lock(&context->lock);
	atomic_init(&copy->umask, context->umask);
	copy->cwd = context->cwd;
	copy->root = context->root;
	path_get(&copy->cwd);
	path_get(&copy->root);
	mutex_unlock(&context->lock);
	return copy;
}

struct fs_context *fs_context_share(struct fs_context *context)
{
	atomic_fetch_add(&context->refs, 1);
	return context;
}

void fs_context_put(struct fs_context *context)
{
	if (!context || atomic_fetch_sub(&context->refs, 1) != 1)
		return;
	path_put(&context->cwd);
	path_put(&context->root);
	free(context);
}

int fs_context_unshare(struct fs_context **context)
{
	struct fs_context *copy;

	if (atomic_load(&(*context)->refs) == 1)
		return 0;
	copy = fs_context_clone(*context);
	if (!copy)
		return -ENOMEM;
	fs_context_put(*context);
	*context = copy;
	return 0;
}

static void fs_context_copy(struct fs_context *context, const struct path *from, struct path *out)
{
	mutex_lock(&context->lock);
	*out = *from;
	path_get(out);
	mutex_unlock(&context->lock);
}

void fs_context_cwd(struct fs_context *context, struct path *out)
{
	fs_context_copy(context, &context->cwd, out);
}

void fs_context_root(struct fs_context *context, struct path *out)
{
	fs_context_copy(context, &context->root, out);
}

void fs_context_set(struct fs_context *context, struct path *which, const struct path *path)
{
	struct path old;

	mutex_lock(&context->lock);
	old = *which;
	*which = *path;
	mutex_unlock(&context->lock);
	path_put(&old);
}
