/* SPDX-License-Identifier: MIT */
/*
 * The mount table.  mount.h says what a mount is; here are the changes.
 *
 * A change takes mount_lock, prepares all it needs, and takes dentry_lock for writing for the few
 * stores that walkers could see.  A mount is busy while anybody but the table (and the path that names it
 * in the call) refers to it; that is judged under the write lock, where no walker can be under way.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "fs.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/system.h"
#include "lockrank.h"
#include "mount.h"
#include "pagecache.h"
#include "process.h"

#define MOUNT_BUCKETS 64

static struct mutex mount_lock = MUTEX_INIT("mounts", LOCK_MOUNT);
static struct list mounts = LIST_INIT(mounts);     /* [w] */
static struct mount *buckets[MOUNT_BUCKETS];       /* [w] */
static struct mount *root_mount;                   /* [w] */
static atomic_uint next_mount_id = 1;

static struct mount **mount_bucket(const struct mount *parent, const struct dentry *mountpoint)
{
	uintptr_t key = ((uintptr_t)parent >> 5) ^ ((uintptr_t)mountpoint >> 6);

	return &buckets[key % MOUNT_BUCKETS];
}

/* Takes over the references to sb and root. */
static struct mount *mount_alloc(struct superblock *sb, struct dentry *root, unsigned flags)
{
	struct mount *mnt = calloc(1, sizeof(*mnt));

	if (!mnt)
		return NULL;
	mnt->sb = sb;
	mnt->root = root;
	mnt->flags = flags;
	mnt->id = atomic_fetch_add(&next_mount_id, 1);
	atomic_init(&mnt->refs, 1);
	list_init(&mnt->link);
	return mnt;
}

struct mount *mount_get(struct mount *mnt)
{
	atomic_fetch_add_explicit(&mnt->refs, 1, memory_order_relaxed);
	return mnt;
}

void mount_put(struct mount *mnt)
{
	if (!mnt || atomic_fetch_sub_explicit(&mnt->refs, 1, memory_order_acq_rel) != 1)
		return;
	/* Out of the table since its unmounting; no walker holds a bare pointer: see mount_remove. */
	dentry_put(mnt->root);
	superblock_put(mnt->sb);
	free(mnt);
}

struct mount *mount_find_locked(struct mount *parent, struct dentry *mountpoint)
{
	struct mount *mnt = *mount_bucket(parent, mountpoint);

	while (mnt && (mnt->parent != parent || mnt->mountpoint != mountpoint))
		mnt = mnt->hash_next;
	return mnt;
}

int mount_want_write(const struct mount *mnt)
{
	return (mnt->flags & LINUX_MS_RDONLY) || mnt->sb->read_only ? -EROFS : 0;
}

/* ---- the table; dentry_lock held for writing ---- */

static void mount_insert(struct mount *mnt, struct mount *parent, struct dentry *mountpoint)
{
	struct mount **bucket = mount_bucket(parent, mountpoint);

	mnt->parent = parent;
	mnt->mountpoint = mountpoint;
	mnt->hash_next = *bucket;
	*bucket = mnt;
	atomic_fetch_add(&mountpoint->nr_mounts, 1);
	atomic_fetch_add(&parent->nr_children, 1);
}

static void mount_remove(struct mount *mnt)
{
	struct mount **at = mount_bucket(mnt->parent, mnt->mountpoint);

	while (*at != mnt)
		at = &(*at)->hash_next;
	*at = mnt->hash_next;
	atomic_fetch_sub(&mnt->mountpoint->nr_mounts, 1);
	atomic_fetch_sub(&mnt->parent->nr_children, 1);
}

/* ---- changes ---- */

int mount_root(struct superblock *sb, unsigned flags)
{
	struct mount *mnt = mount_alloc(sb, dentry_get(sb->root), flags), *old;

	if (!mnt) {
		dentry_put(sb->root);
		return -ENOMEM;
	}
	mutex_lock(&mount_lock);
	rwlock_write_lock(&dentry_lock);
	old = root_mount;
	root_mount = mnt;
	list_add_head(&mounts, &mnt->link);
	if (old)
		list_remove(&old->link);
	rwlock_write_unlock(&dentry_lock);
	mutex_unlock(&mount_lock);
	mount_put(old);
	return 0;
}

static struct mount *nameless;

int mount_nameless_create(struct superblock *sb)
{
	nameless = mount_alloc(sb, NULL, 0);
	return nameless ? 0 : -ENOMEM;
}

struct mount *mount_nameless(void)
{
	return nameless;
}

struct mount *mount_root_get(void)
{
	struct mount *mnt;

	rwlock_read_lock(&dentry_lock);
	mnt = mount_get(root_mount);
	rwlock_read_unlock(&dentry_lock);
	return mnt;
}

/* The topmost thing at path: mounts may stand on each other. References move along. */
static void path_to_top(struct path *path)
{
	struct mount *mnt;

	rwlock_read_lock(&dentry_lock);
	for (;;) {
		mnt = mount_find_locked(path->mnt, path->dentry);
		if (!mnt)
			break;
		path->mnt = mnt;
		path->dentry = mnt->root;
	}
	path_get(path);
	rwlock_read_unlock(&dentry_lock);
}

int mount_attach(struct superblock *sb, struct dentry *root, const struct path *path, unsigned flags)
{
	struct path place = *path;
	struct mount *mnt;
	int error = 0;

	if (inode_is_dir(dentry_inode(root)) != inode_is_dir(path_inode(path)))
		return -ENOTDIR;
	mnt = mount_alloc(superblock_get(sb), dentry_get(root), flags);
	if (!mnt) {
		dentry_put(root);
		superblock_put(sb);
		return -ENOMEM;
	}
	mutex_lock(&mount_lock);
	path_to_top(&place);
	rwlock_write_lock(&dentry_lock);
	if ((atomic_load(&place.dentry->refs) & DENTRY_DEAD) && !place.dentry->is_root)
		error = -ENOENT;
	if (!error) {
		mount_insert(mnt, place.mnt, place.dentry); /* takes over place's references */
		list_add_tail(&mounts, &mnt->link);
	}
	rwlock_write_unlock(&dentry_lock);
	mutex_unlock(&mount_lock);
	if (error) {
		path_put(&place);
		mount_put(mnt);
	}
	return error;
}

/* Takes mnt and all below it out of the table onto `gone`. Both locks are held. */
static void mount_detach(struct mount *mnt, struct list *gone)
{
	struct mount *child;
	bool found;

	list_remove(&mnt->link);
	list_add_tail(gone, &mnt->link);
	mount_remove(mnt);
	do {
		found = false;
		list_for_each_entry(child, &mounts, link) {
			if (child->parent != mnt)
				continue;
			mount_detach(child, gone);
			found = true;
			break;
		}
	} while (found);
}

static int mount_may_detach(struct mount *mnt, const struct path *path, unsigned flags)
{
	if (path->dentry != mnt->root)
		return -EINVAL;
	if (!mnt->parent)
		return -EBUSY; /* the root of all */
	if (flags & LINUX_MNT_DETACH)
		return 0;
	/* The table's reference and the one of the caller's path. */
	return atomic_load(&mnt->nr_children) || atomic_load(&mnt->refs) > 2 ? -EBUSY : 0;
}

int mount_unmount(const struct path *path, unsigned flags)
{
	struct list gone = LIST_INIT(gone), *node;
	struct mount *mnt = path->mnt;
	int error;

	mutex_lock(&mount_lock);
	rwlock_write_lock(&dentry_lock);
	error = mount_may_detach(mnt, path, flags);
	if (!error)
		mount_detach(mnt, &gone);
	rwlock_write_unlock(&dentry_lock);
	mutex_unlock(&mount_lock);
	while ((node = list_pop(&gone))) {
		struct mount *old = list_entry(node, struct mount, link);
		struct path place = { old->parent, old->mountpoint };

		old->parent = NULL;
		old->mountpoint = NULL;
		path_put(&place);
		mount_put(old);
	}
	return error;
}

int mount_move(const struct path *from, const struct path *to)
{
	struct mount *mnt = from->mnt, *up;
	struct path place = *to, old;
	int error = 0;

	mutex_lock(&mount_lock);
	path_to_top(&place);
	rwlock_write_lock(&dentry_lock);
	if (from->dentry != mnt->root || !mnt->parent)
		error = -EINVAL;
	for (up = place.mnt; up; up = up->parent)
		if (up == mnt)
			error = -ELOOP;
	if (!error) {
		old = (struct path){ mnt->parent, mnt->mountpoint };
		mount_remove(mnt);
		mount_insert(mnt, place.mnt, place.dentry);
	}
	rwlock_write_unlock(&dentry_lock);
	mutex_unlock(&mount_lock);
	path_put(error ? &place : &old);
	return error;
}

#define MOUNT_FLAGS                                                                                \
	(LINUX_MS_RDONLY | LINUX_MS_NOSUID | LINUX_MS_NODEV | LINUX_MS_NOEXEC | LINUX_MS_NOATIME | \
	 LINUX_MS_NODIRATIME | LINUX_MS_RELATIME)

int mount_remount(const struct path *path, unsigned flags, bool bind_only)
{
	struct mount *mnt = path->mnt;
	struct superblock *sb = mnt->sb;
	bool read_only = flags & LINUX_MS_RDONLY;
	int error = 0;

	if (path->dentry != mnt->root)
		return -EINVAL;
	if (!bind_only && read_only != sb->read_only) {
		if (read_only)
			error = pagecache_sync(sb);
		if (!error && sb->ops->remount)
			error = sb->ops->remount(sb, flags);
		if (!error)
			sb->read_only = read_only;
	}
	if (!error)
		mnt->flags = flags & MOUNT_FLAGS;
	return error;
}

/* ---- types and names ---- */

static struct filesystem_type *types;

void filesystem_register(struct filesystem_type *type)
{
	struct filesystem_type **end = &types;

	while (*end)
		end = &(*end)->next;
	*end = type;
}

struct filesystem_type *filesystem_find(const char *name)
{
	struct filesystem_type *type = types;

	while (type && strcmp(type->name, name) != 0)
		type = type->next;
	return type;
}

struct filesystem_type *filesystem_first(void)
{
	return types;
}

int mount_new(const char *source, const struct path *path, const char *type_name, unsigned flags,
	      const char *data)
{
	struct filesystem_type *type = filesystem_find(type_name);
	struct superblock *sb;
	int error;

	if (!type)
		return -ENODEV;
	error = type->mount(source, flags, data ? data : "", &sb);
	if (error)
		return error;
	if (!sb->source[0])
		snprintf(sb->source, sizeof(sb->source), "%s", source && *source ? source : "none");
	if (!path)
		return mount_root(sb, flags & MOUNT_FLAGS); /* takes over sb */
	error = mount_attach(sb, sb->root, path, flags & MOUNT_FLAGS);
	superblock_put(sb);
	return error;
}

/* The first process goes along when the root changes under it. */
static void caller_to_root(void)
{
	struct mount *mnt = mount_root_get();
	struct path root = { mnt, dentry_get(mnt->root) };

	path_get(&root);
	fs_context_set(current->fs, &current->fs->root, &root);
	fs_context_set(current->fs, &current->fs->cwd, &root);
}

int mount_by_name(const char *source, const char *target, const char *type, unsigned flags,
		  const char *data)
{
	struct path path;
	int error;

	if (strcmp(target, "/") == 0) {
		error = mount_new(source, NULL, type, flags, data);
		if (!error && current && current->fs)
			caller_to_root();
		return error;
	}
	error = path_lookup(LINUX_AT_FDCWD, target, LOOKUP_FOLLOW, &path);
	if (error)
		return error;
	error = mount_new(source, &path, type, flags, data);
	path_put(&path);
	return error;
}

void mount_for_each(bool (*visit)(struct mount *mnt, void *argument), void *argument)
{
	struct mount *mnt;

	mutex_lock(&mount_lock);
	list_for_each_entry(mnt, &mounts, link)
		if (!visit(mnt, argument))
			break;
	mutex_unlock(&mount_lock);
}

/* Children come after their parents in the list: unmount from its end. */
void mount_shutdown(void)
{
	pagecache_sync(NULL);
	mutex_lock(&mount_lock);
	for (struct list *node = mounts.prev; node != &mounts; node = node->prev) {
		struct superblock *sb = list_entry(node, struct mount, link)->sb;

		/* Also what was made read-only: the disk doesn't know of that. */
		sb->read_only = true;
		if (sb->ops->unmount)
			sb->ops->unmount(sb);
	}
	mutex_unlock(&mount_lock);
}
