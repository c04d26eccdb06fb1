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
static struct list mounts = LIST_INIT(mounts); /* [w] */
static struct mount *buckets[MOUNT_BUCKETS];   /* [w] */
static struct mount *root_mount;               /* [w] */
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

/* A place that was removed takes no mount. dentry_lock is held. */
static bool dentry_is_gone(const struct dentry *dentry)
{
	return (atomic_load(&dentry->refs) & DENTRY_DEAD) && !dentry->is_root;
}

/* Puts a new mount on top of path; its reference becomes the table's. mount_lock is held. */
static int mount_place(struct mount *mnt, const struct path *path)
{
	struct path place = *path;
	int error = 0;

	path_to_top(&place);
	rwlock_write_lock(&dentry_lock);
	if (dentry_is_gone(place.dentry))
		error = -ENOENT;
	if (!error) {
		mount_insert(mnt, place.mnt, place.dentry); /* takes over place's references */
		list_add_tail(&mounts, &mnt->link);
	}
	rwlock_write_unlock(&dentry_lock);
	if (error)
		path_put(&place);
	return error;
}

/* With references of its own to sb and root. */
static struct mount *mount_alloc_shared(struct superblock *sb, struct dentry *root, unsigned flags)
{
	struct mount *mnt = mount_alloc(superblock_get(sb), dentry_get(root), flags);

	if (!mnt) {
		dentry_put(root);
		superblock_put(sb);
	}
	return mnt;
}

int mount_attach(struct superblock *sb, struct dentry *root, const struct path *path, unsigned flags)
{
	struct mount *mnt;
	int error;

	if (inode_is_dir(dentry_inode(root)) != inode_is_dir(path_inode(path)))
		return -ENOTDIR;
	mnt = mount_alloc_shared(sb, root, flags);
	if (!mnt)
		return -ENOMEM;
	mutex_lock(&mount_lock);
	error = mount_place(mnt, path);
	mutex_unlock(&mount_lock);
	if (error)
		mount_put(mnt);
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
		list_for_each_entry (child, &mounts, link) {
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

/* Lets go of mounts that are out of the table. */
static void mounts_put(struct list *gone)
{
	struct list *node;

	while ((node = list_pop(gone))) {
		struct mount *old = list_entry(node, struct mount, link);
		struct path place = { old->parent, old->mountpoint };

		/* Who works in it still may be on the way up. */
		rwlock_write_lock(&dentry_lock);
		old->parent = NULL;
		old->mountpoint = NULL;
		rwlock_write_unlock(&dentry_lock);
		path_put(&place);
		mount_put(old);
	}
}

int mount_unmount(const struct path *path, unsigned flags)
{
	struct list gone = LIST_INIT(gone);
	struct mount *mnt = path->mnt;
	int error;

	mutex_lock(&mount_lock);
	rwlock_write_lock(&dentry_lock);
	error = mount_may_detach(mnt, path, flags);
	if (!error)
		mount_detach(mnt, &gone);
	rwlock_write_unlock(&dentry_lock);
	mutex_unlock(&mount_lock);
	mounts_put(&gone);
	return error;
}

/* A mount that a recursive bind shows once more, and its copy. */
struct mount_copy {
	struct list link;
	struct mount *from, *copy;
	struct mount_copy *parent; /* NULL: the top */
};

static int copy_add(struct list *copies, struct mount *from, struct dentry *root, struct mount_copy *parent)
{
	struct mount_copy *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->from = from;
	entry->parent = parent;
	entry->copy = mount_alloc_shared(from->sb, root, from->flags);
	if (!entry->copy) {
		free(entry);
		return -ENOMEM;
	}
	list_add_tail(copies, &entry->link);
	return 0;
}

/* The mount of source and those below it, each behind its parent; mount_lock is held. */
static int copies_collect(struct list *copies, const struct path *source)
{
	struct mount_copy *entry;
	struct mount *child;
	int error = copy_add(copies, source->mnt, source->dentry, NULL);

	list_for_each_entry (entry, copies, link) {
		list_for_each_entry (child, &mounts, link) {
			if (error)
				return error;
			if (child->parent == entry->from &&
			    (entry->parent || dentry_is_below(child->mountpoint, source->dentry)))
				error = copy_add(copies, child, child->root, entry);
		}
	}
	return error;
}

/* Hangs the copies below the first, which has its place already; nothing can fail. */
static void copies_insert(struct list *copies)
{
	struct mount_copy *entry;

	rwlock_write_lock(&dentry_lock);
	list_for_each_entry (entry, copies, link) {
		if (!entry->parent)
			continue;
		mount_insert(entry->copy, mount_get(entry->parent->copy), dentry_get(entry->from->mountpoint));
		list_add_tail(&mounts, &entry->copy->link);
	}
	rwlock_write_unlock(&dentry_lock);
}

static void copies_free(struct list *copies, bool with_mounts)
{
	struct list *node;

	while ((node = list_pop(copies))) {
		struct mount_copy *entry = list_entry(node, struct mount_copy, link);

		if (with_mounts)
			mount_put(entry->copy);
		free(entry);
	}
}

int mount_attach_tree(const struct path *source, const struct path *path)
{
	struct list copies = LIST_INIT(copies);
	int error;

	if (inode_is_dir(path_inode(source)) != inode_is_dir(path_inode(path)))
		return -ENOTDIR;
	mutex_lock(&mount_lock);
	error = copies_collect(&copies, source);
	if (!error)
		error = mount_place(list_entry(copies.next, struct mount_copy, link)->copy, path);
	if (!error)
		copies_insert(&copies);
	mutex_unlock(&mount_lock);
	copies_free(&copies, error);
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
	if (from->dentry != mnt->root || !mnt->parent ||
	    inode_is_dir(path_inode(from)) != inode_is_dir(path_inode(&place)))
		error = -EINVAL;
	if (!error && dentry_is_gone(place.dentry))
		error = -ENOENT;
	for (up = place.mnt; up && !error; up = up->parent)
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

/* From writing to reading only, or back. */
static int superblock_remount(struct superblock *sb, unsigned flags)
{
	bool read_only = flags & LINUX_MS_RDONLY;
	int error = superblock_deny_write(sb);

	if (error)
		return error;
	if (read_only)
		error = pagecache_sync(sb);
	if (!error && sb->ops->remount)
		error = sb->ops->remount(sb, flags);
	if (!error)
		sb->read_only = read_only;
	superblock_allow_write(sb);
	return error;
}

int mount_remount(const struct path *path, unsigned flags, bool bind_only)
{
	struct mount *mnt = path->mnt;
	struct superblock *sb = mnt->sb;
	bool read_only = flags & LINUX_MS_RDONLY;
	int error = 0;

	if (path->dentry != mnt->root)
		return -EINVAL;
	if (!bind_only && read_only != sb->read_only)
		error = superblock_remount(sb, flags);
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

int mount_by_name(const char *source, const char *target, const char *type, unsigned flags, const char *data)
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
	list_for_each_entry (mnt, &mounts, link)
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
