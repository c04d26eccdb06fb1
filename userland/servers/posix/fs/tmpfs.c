/* SPDX-License-Identifier: MIT */
/*
 * tmpfs.  File contents are pages of the page cache that are never cleaned (INODE_MEMORY); directories are
 * entries in the order they were made, for reading, and in a hash table, for looking up.
 *
 * An entry holds a reference to its inode, so a file lives while it has a name or a user.  A directory's
 * entries are guarded by its inode's lock.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "device.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "mount.h"
#include "pagecache.h"
#include "process.h"
#include "tmpfs.h"

struct tmpfs_entry {
	struct list link;
	struct tmpfs_entry *hash_next;
	struct inode *inode; /* with a reference */
	int64_t cookie;      /* rises; readdir goes on behind it */
	uint32_t hash;
	uint16_t len;
	char name[];
};

#define DIR_BUCKETS_MIN 8
#define DIR_ENTRY_BYTES 20 /* as Linux counts them in the size of a directory, . and .. included */
#define DIR_COOKIE_MIN  2  /* 0 and 1 are `.` and `..` */

struct tmpfs_dir {
	struct list entries;
	struct tmpfs_entry **buckets;
	unsigned nr_buckets, nr;
	int64_t next_cookie;
	uint64_t parent_ino;
};

static const struct inode_ops tmpfs_inode_ops;
static const struct file_ops tmpfs_file_ops, tmpfs_dir_ops;

/* ---- directories ---- */

static struct tmpfs_dir *dir_create(uint64_t parent_ino)
{
	struct tmpfs_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	list_init(&dir->entries);
	dir->next_cookie = DIR_COOKIE_MIN;
	dir->parent_ino = parent_ino;
	return dir;
}

static struct tmpfs_entry *dir_find(struct tmpfs_dir *dir, const char *name, size_t len, uint32_t hash)
{
	struct tmpfs_entry *entry;

	if (!dir->nr_buckets)
		return NULL;
	for (entry = dir->buckets[hash % dir->nr_buckets]; entry; entry = entry->hash_next)
		if (entry->hash == hash && entry->len == len && memcmp(entry->name, name, len) == 0)
			return entry;
	return NULL;
}

static void dir_hash(struct tmpfs_dir *dir, struct tmpfs_entry *entry)
{
	struct tmpfs_entry **bucket = &dir->buckets[entry->hash % dir->nr_buckets];

	entry->hash_next = *bucket;
	*bucket = entry;
}

static int dir_grow(struct tmpfs_dir *dir)
{
	unsigned want = dir->nr_buckets ? dir->nr_buckets * 2 : DIR_BUCKETS_MIN;
	struct tmpfs_entry **buckets = calloc(want, sizeof(struct tmpfs_entry *));

	if (!buckets)
		return dir->nr_buckets ? 0 : -ENOMEM; /* slower, but it works */
	free(dir->buckets);
	dir->buckets = buckets;
	dir->nr_buckets = want;
	list_for_each (node, &dir->entries)
		dir_hash(dir, list_entry(node, struct tmpfs_entry, link));
	return 0;
}

/* Takes over the reference to inode. */
static int dir_add(struct inode *inode, const struct dentry *dentry, struct inode *child)
{
	struct tmpfs_dir *dir = inode->private;
	struct tmpfs_entry *entry;

	if (dir->nr >= dir->nr_buckets && dir_grow(dir))
		return -ENOMEM;
	entry = malloc(sizeof(*entry) + dentry->len);
	if (!entry)
		return -ENOMEM;
	entry->inode = child;
	entry->hash = dentry->hash;
	entry->len = dentry->len;
	memcpy(entry->name, dentry->name, dentry->len);
	entry->cookie = dir->next_cookie++;
	list_add_tail(&dir->entries, &entry->link);
	dir_hash(dir, entry);
	dir->nr++;
	inode->size += DIR_ENTRY_BYTES;
	inode_touch_mtime(inode);
	return 0;
}

/* The entry's inode reference becomes the caller's. */
static struct inode *dir_remove(struct inode *inode, const struct dentry *dentry)
{
	struct tmpfs_dir *dir = inode->private;
	struct tmpfs_entry *entry = dir_find(dir, dentry->name, dentry->len, dentry->hash), **at;
	struct inode *child;

	if (!entry)
		return NULL;
	at = &dir->buckets[entry->hash % dir->nr_buckets];
	while (*at != entry)
		at = &(*at)->hash_next;
	*at = entry->hash_next;
	list_remove(&entry->link);
	dir->nr--;
	inode->size -= DIR_ENTRY_BYTES;
	child = entry->inode;
	free(entry);
	inode_touch_mtime(inode);
	return child;
}

/* ---- inode operations ---- */

static bool name_reserve(struct superblock *sb)
{
	if (atomic_fetch_add(&sb->nr_names, 1) < sb->max_names || !sb->max_names)
		return true;
	atomic_fetch_sub(&sb->nr_names, 1);
	return false;
}

static void name_release(struct superblock *sb)
{
	atomic_fetch_sub(&sb->nr_names, 1);
}

static struct inode *tmpfs_inode(struct superblock *sb, const struct inode_new *new)
{
	struct inode *inode = inode_create(sb, new->mode, &tmpfs_inode_ops, inode_special_ops(new->mode));

	if (!inode)
		return NULL;
	atomic_store(&inode->flags, INODE_MEMORY);
	inode->uid = new->uid;
	inode->gid = new->gid;
	inode->rdev = new->rdev;
	if (!inode->file_ops)
		inode->file_ops = inode_is_dir(inode) ? &tmpfs_dir_ops : &tmpfs_file_ops;
	if (new->target) {
		inode->link = strdup(new->target);
		inode->size = (int64_t)strlen(new->target);
		if (!inode->link) {
			inode_put(inode);
			return NULL;
		}
	}
	return inode;
}

static int tmpfs_lookup(struct inode *inode, struct dentry *dentry)
{
	struct tmpfs_dir *dir = inode->private;
	struct tmpfs_entry *entry = dir_find(dir, dentry->name, dentry->len, dentry->hash);

	if (entry)
		dentry_instantiate(dentry, inode_get(entry->inode));
	return 0;
}

static int create_reserved(struct inode *dir, struct dentry *dentry, const struct inode_new *new)
{
	struct inode *inode = tmpfs_inode(dir->sb, new);
	int error = 0;

	if (!inode)
		return -ENOSPC;
	if (inode_is_dir(inode)) {
		inode->private = dir_create(dir->ino);
		inode->size = 2 * DIR_ENTRY_BYTES;
		inode->nlink = 2;
		error = inode->private ? 0 : -ENOSPC;
	}
	if (!error)
		error = dir_add(dir, dentry, inode_get(inode)) ? -ENOSPC : 0;
	if (error) {
		if (atomic_load(&inode->refs) > 1)
			inode_put(inode);
		inode_put(inode);
		return error;
	}
	if (inode_is_dir(inode))
		dir->nlink++;
	dentry_instantiate(dentry, inode);
	return 0;
}

static int tmpfs_create(struct inode *dir, struct dentry *dentry, const struct inode_new *new)
{
	int error;

	if (!name_reserve(dir->sb))
		return -ENOSPC;
	error = create_reserved(dir, dentry, new);
	if (error)
		name_release(dir->sb);
	return error;
}

static int tmpfs_link(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	int error;

	if (!name_reserve(dir->sb))
		return -ENOSPC;
	error = dir_add(dir, dentry, inode_get(inode));
	if (error) {
		name_release(dir->sb);
		inode_put(inode);
		return error;
	}
	inode->nlink++;
	inode->ctime_ns = inode_now();
	dentry_instantiate(dentry, inode_get(inode));
	return 0;
}

static int tmpfs_unlink(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = dir_remove(dir, dentry);

	if (!inode)
		return -ENOENT;
	name_release(dir->sb);
	inode->nlink--;
	inode->ctime_ns = inode_now();
	inode_put(inode); /* not the last: the dentry has one */
	return 0;
}

static bool tmpfs_dir_is_empty(const struct inode *inode)
{
	return ((struct tmpfs_dir *)inode->private)->nr == 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = dentry_inode(dentry);

	if (!tmpfs_dir_is_empty(inode))
		return -ENOTEMPTY;
	dir_remove(dir, dentry);
	name_release(dir->sb);
	inode->nlink = 0;
	dir->nlink--;
	inode_put(inode);
	return 0;
}

static void tmpfs_moved(struct inode *inode, struct inode *old_dir, struct inode *new_dir)
{
	inode->ctime_ns = inode_now();
	if (!inode_is_dir(inode))
		return;
	((struct tmpfs_dir *)inode->private)->parent_ino = new_dir->ino;
	old_dir->nlink--;
	new_dir->nlink++;
}

static int tmpfs_exchange(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new)
{
	struct tmpfs_dir *a = old_dir->private, *b = new_dir->private;
	struct tmpfs_entry *x = dir_find(a, old->name, old->len, old->hash);
	struct tmpfs_entry *y = dir_find(b, new->name, new->len, new->hash);
	struct inode *inode;

	if (!x || !y)
		return -ENOENT;
	inode = x->inode;
	x->inode = y->inode;
	y->inode = inode;
	tmpfs_moved(y->inode, old_dir, new_dir);
	tmpfs_moved(x->inode, new_dir, old_dir);
	inode_touch_mtime(old_dir);
	inode_touch_mtime(new_dir);
	return 0;
}

static int tmpfs_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new,
			unsigned flags)
{
	struct inode *target = dentry_inode(new), *inode = dentry_inode(old);
	int error;

	if (flags & LINUX_RENAME_EXCHANGE)
		return tmpfs_exchange(old_dir, old, new_dir, new);
	if (target && inode_is_dir(target) && !tmpfs_dir_is_empty(target))
		return -ENOTEMPTY;
	if (target)
		error = inode_is_dir(target) ? tmpfs_rmdir(new_dir, new) : tmpfs_unlink(new_dir, new);
	else
		error = 0;
	if (!error)
		error = dir_add(new_dir, new, inode_get(inode));
	if (error) {
		if (error == -ENOMEM)
			inode_put(inode);
		return error;
	}
	inode_put(dir_remove(old_dir, old));
	tmpfs_moved(inode, old_dir, new_dir);
	return 0;
}

/* The attributes live in the inode itself. */
static int tmpfs_setattr(struct inode *inode, const struct inode_attr *attr)
{
	(void)inode;
	(void)attr;
	return 0;
}

static int tmpfs_readlink(struct inode *inode)
{
	return inode->link ? 0 : -EINVAL;
}

/*
 * A directory may still have entries when its file system goes.  A child directory that nobody else uses
 * hands its entries up first, so that a deep tree needs no deep stack.
 */
static void tmpfs_evict(struct inode *inode)
{
	struct tmpfs_dir *dir = inode->private;
	struct list *node;

	if (!inode_is_dir(inode) || !dir)
		return;
	while ((node = list_pop(&dir->entries))) {
		struct tmpfs_entry *entry = list_entry(node, struct tmpfs_entry, link);
		struct inode *child = entry->inode;
		struct tmpfs_dir *below = inode_is_dir(child) ? child->private : NULL;
		struct list *grandchild;

		free(entry);
		name_release(inode->sb);
		if (below && atomic_load(&child->refs) == 1)
			while ((grandchild = list_pop(&below->entries)))
				list_add_tail(&dir->entries, grandchild);
		inode_put(child);
	}
	free(dir->buckets);
	free(dir);
}

static const struct inode_ops tmpfs_inode_ops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.setattr = tmpfs_setattr,
	.readlink = tmpfs_readlink,
	.evict = tmpfs_evict,
};

/* ---- file operations ---- */

static bool readdir_dots(struct inode *inode, struct dir_context *context)
{
	struct tmpfs_dir *dir = inode->private;

	if (context->pos == 0 && !context->emit(context, ".", 1, inode->ino, LINUX_DT_DIR, 1))
		return false;
	return context->pos != 1 ||
	       context->emit(context, "..", 2, dir->parent_ino, LINUX_DT_DIR, DIR_COOKIE_MIN);
}

static int tmpfs_readdir(struct file *file, struct dir_context *context)
{
	struct inode *inode = file->inode;
	struct tmpfs_dir *dir = inode->private;
	struct tmpfs_entry *entry;

	mutex_lock(&inode->lock);
	if (readdir_dots(inode, context)) {
		list_for_each_entry (entry, &dir->entries, link)
			if (entry->cookie >= context->pos &&
			    !context->emit(context, entry->name, entry->len, entry->inode->ino,
					   entry->inode->mode >> 12 & 15, entry->cookie + 1))
				break;
	}
	mutex_unlock(&inode->lock);
	return 0;
}

static int64_t tmpfs_llseek(struct file *file, int64_t offset, int whence)
{
	return file_seek_size(file, offset, whence, file->inode->size);
}

static const struct file_ops tmpfs_file_ops = {
	.read = pagecache_read,
	.write = pagecache_write,
	.mmap = pagecache_mmap,
	.llseek = tmpfs_llseek,
	.fsync = pagecache_fsync,
};

static long dir_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	(void)iter;
	(void)pos;
	return -EISDIR;
}

static int64_t dir_llseek(struct file *file, int64_t offset, int whence)
{
	return file_seek_size(file, offset, whence, INT64_MAX);
}

static const struct file_ops tmpfs_dir_ops = {
	.read = dir_read,
	.readdir = tmpfs_readdir,
	.llseek = dir_llseek,
	.fsync = pagecache_fsync,
};

/* ---- superblocks ---- */

static int tmpfs_statfs(struct superblock *sb, struct linux_statfs *out)
{
	uint64_t used = atomic_load(&sb->nr_pages), names = atomic_load(&sb->nr_names);

	out->f_type = sb->magic;
	out->f_bsize = out->f_frsize = QUOIN_PAGE_SIZE;
	out->f_blocks = sb->max_pages ? sb->max_pages : pagecache_memory_limit();
	out->f_bfree = out->f_blocks > used ? out->f_blocks - used : 0;
	out->f_bavail = out->f_bfree;
	out->f_files = sb->max_names;
	out->f_ffree = sb->max_names > names ? sb->max_names - names : 0;
	out->f_namelen = LINUX_NAME_MAX;
	return 0;
}

static const struct superblock_ops tmpfs_sb_ops = { .statfs = tmpfs_statfs };

struct superblock *tmpfs_superblock_create(const char *type, uint32_t root_mode, uint32_t magic)
{
	struct superblock *sb = superblock_create(type, &tmpfs_sb_ops, magic);
	struct inode_new new = { .mode = LINUX_S_IFDIR | root_mode };
	struct inode *root;

	if (!sb)
		return NULL;
	atomic_init(&sb->nr_names, 1);
	root = tmpfs_inode(sb, &new);
	if (root) {
		root->nlink = 2;
		root->private = dir_create(root->ino);
		root->size = 2 * DIR_ENTRY_BYTES;
		sb->root = root->private ? dentry_create_root(sb, root) : NULL;
	}
	if (!sb->root) {
		inode_put(root);
		superblock_put(sb);
		return NULL;
	}
	return sb;
}

uint64_t tmpfs_names_limit(void)
{
	return runtime_info()->total_pages / 2; /* as on Linux */
}

/* The value of a mount option, NULL if it isn't given. */
static const char *option_find(const char *data, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = data; *p; p++)
		if ((p == data || p[-1] == ',') && strncmp(p, name, len) == 0 && p[len] == '=')
			return p + len + 1;
	return NULL;
}

static uint64_t option_number(const char **p, unsigned base)
{
	uint64_t value = 0;

	for (; **p >= '0' && **p < (char)('0' + base) && value < UINT64_MAX / 16; (*p)++)
		value = value * base + (uint64_t)(**p - '0');
	return value;
}

/* size=BYTES, with k, m, g or %: in pages. */
static uint64_t option_pages(const char *value)
{
	uint64_t size = option_number(&value, 10);

	switch (*value | 0x20) {
	case 'g':
		size <<= 10; /* fall through */
	case 'm':
		size <<= 10; /* fall through */
	case 'k':
		size <<= 10;
		break;
	case '%' | 0x20:
		return size * runtime_info()->total_pages / 100;
	}
	return ALIGN_UP(size, QUOIN_PAGE_SIZE) / QUOIN_PAGE_SIZE;
}

static int tmpfs_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	const char *mode = option_find(data, "mode"), *size = option_find(data, "size");
	const char *names = option_find(data, "nr_inodes");
	struct superblock *sb;

	(void)source;
	(void)flags;
	sb = tmpfs_superblock_create("tmpfs", mode ? option_number(&mode, 8) & 07777 : 01777,
				     LINUX_TMPFS_MAGIC);
	if (!sb)
		return -ENOMEM;
	if (size)
		sb->max_pages = option_pages(size);
	sb->max_names = names ? option_number(&names, 10) : tmpfs_names_limit();
	*out = sb;
	return 0;
}

static struct filesystem_type tmpfs_type = { .name = "tmpfs", .mount = tmpfs_mount };
static struct superblock *nameless; /* of files without a name */

void tmpfs_init(void)
{
	filesystem_register(&tmpfs_type);
	nameless = tmpfs_superblock_create("tmpfs", 0700, LINUX_TMPFS_MAGIC);
	if (!nameless)
		panic("no memory for tmpfs");
}

struct inode *tmpfs_file_create(uint32_t mode)
{
	struct inode_new new = { .mode = LINUX_S_IFREG | mode };
	struct inode *inode;

	if (current) {
		new.uid = current->cred->fsuid;
		new.gid = current->cred->fsgid;
	}
	inode = tmpfs_inode(nameless, &new);
	if (inode)
		inode->nlink = 0;
	return inode;
}
