/* SPDX-License-Identifier: MIT */
/*
 * Inodes: references, the table by number, attributes.  inode.h tells the life cycle.
 *
 * The race of the last inode_put with inode_obtain: the count may only fall to zero under the table lock,
 * and inode_obtain counts up under the same lock, so an inode found in the table is alive.
 */
#include <quoin/runtime.h>

#include "clock.h"
#include "dentry.h"
#include "file.h"
#include "inode.h"
#include "linux/system.h"
#include "lockrank.h"
#include "mount.h"
#include "pagecache.h"
#include "process.h"
#include "vfs_internal.h"

static atomic_ulong nr_inodes;

unsigned long inode_count(void)
{
	return atomic_load(&nr_inodes);
}

static struct inode *inode_alloc(struct superblock *sb)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (!inode)
		return NULL;
	inode->sb = sb;
	atomic_init(&inode->refs, 1);
	mutex_init(&inode->lock, "inode", LOCK_INODE);
	mutex_init(&inode->flush_lock, "inode flush", LOCK_FLUSH);
	mutex_init(&inode->pages.lock, "pages", LOCK_PAGECACHE);
	list_init(&inode->table_link);
	list_init(&inode->dirty_link);
	atomic_fetch_add_explicit(&nr_inodes, 1, memory_order_relaxed);
	return inode;
}

struct inode *inode_create(struct superblock *sb, uint32_t mode, const struct inode_ops *ops,
			   const struct file_ops *file_ops)
{
	struct inode *inode = inode_alloc(sb);

	if (!inode)
		return NULL;
	inode->ino = atomic_fetch_add(&sb->next_ino, 1) + 1;
	inode->mode = mode;
	inode->nlink = 1;
	inode->ops = ops;
	inode->file_ops = file_ops;
	inode->atime_ns = inode->mtime_ns = inode->ctime_ns = inode->btime_ns = inode_now();
	return inode;
}

static struct list *table_bucket(struct superblock *sb, uint64_t ino)
{
	return &sb->table[(ino * 0x9e3779b97f4a7c15ull >> 32) % INODE_TABLE_BUCKETS];
}

static struct inode *table_find_locked(struct superblock *sb, uint64_t ino, uint32_t generation)
{
	struct inode *inode;

	list_for_each_entry (inode, table_bucket(sb, ino), table_link)
		if (inode->ino == ino && inode->generation == generation)
			return inode_get(inode);
	return NULL;
}

struct inode *inode_obtain(struct superblock *sb, uint64_t ino, uint32_t generation,
			   void (*fill)(struct inode *inode, const void *attr), const void *attr)
{
	struct inode *inode, *fresh;

	mutex_lock(&sb->table_lock);
	inode = table_find_locked(sb, ino, generation);
	mutex_unlock(&sb->table_lock);
	if (inode)
		return inode;
	fresh = inode_alloc(sb);
	if (!fresh)
		return NULL;
	fresh->ino = ino;
	fresh->generation = generation;
	fill(fresh, attr);
	mutex_lock(&sb->table_lock);
	inode = table_find_locked(sb, ino, generation);
	if (!inode)
		list_add_tail(table_bucket(sb, ino), &fresh->table_link);
	mutex_unlock(&sb->table_lock);
	if (!inode)
		return fresh;
	free(fresh);
	atomic_fetch_sub_explicit(&nr_inodes, 1, memory_order_relaxed);
	return inode;
}

struct inode *inode_get(struct inode *inode)
{
	atomic_fetch_add_explicit(&inode->refs, 1, memory_order_relaxed);
	return inode;
}

static void inode_evict(struct inode *inode)
{
	assert(!inode->locks); /* their owners had it open */
	pagecache_drop(inode);
	if (inode->ops && inode->ops->evict)
		inode->ops->evict(inode);
	free(inode->link);
	free(inode);
	atomic_fetch_sub_explicit(&nr_inodes, 1, memory_order_relaxed);
}

/* Whether the last reference went; then nobody finds the inode any more. */
static bool inode_put_last(struct inode *inode)
{
	struct superblock *sb = inode->sb;
	bool last;

	mutex_lock(&sb->table_lock);
	last = atomic_fetch_sub(&inode->refs, 1) == 1;
	if (last)
		list_remove(&inode->table_link);
	mutex_unlock(&sb->table_lock);
	return last;
}

void inode_put(struct inode *inode)
{
	unsigned refs;

	if (!inode)
		return;
	refs = atomic_load_explicit(&inode->refs, memory_order_relaxed);
	while (refs > 1)
		if (atomic_compare_exchange_weak(&inode->refs, &refs, refs - 1))
			return;
	if (inode_put_last(inode))
		inode_evict(inode);
}

/* ---- superblocks ---- */

static struct mutex superblocks_lock = MUTEX_INIT("superblocks", LOCK_DEVICES);
static struct list superblocks = LIST_INIT(superblocks);
static atomic_uint next_anonymous_dev = 1;

struct superblock *superblock_create(const char *type, const struct superblock_ops *ops, uint32_t magic)
{
	struct superblock *sb = calloc(1, sizeof(*sb));

	if (!sb)
		return NULL;
	sb->type = type;
	sb->ops = ops;
	sb->magic = magic;
	sb->block_size = QUOIN_PAGE_SIZE;
	sb->dev = (uint32_t)linux_makedev(0, atomic_fetch_add(&next_anonymous_dev, 1));
	atomic_init(&sb->refs, 1);
	mutex_init(&sb->table_lock, "inode table", LOCK_INODETABLE);
	mutex_init(&sb->sync_lock, "sync", LOCK_SYNC);
	mutex_init(&sb->dirty_lock, "dirty inodes", LOCK_DIRTY);
	list_init(&sb->dirty);
	mutex_lock(&superblocks_lock);
	list_add_tail(&superblocks, &sb->link);
	mutex_unlock(&superblocks_lock);
	return sb;
}

/* Inodes will be found by number: file systems whose inodes have a home elsewhere. */
int superblock_create_table(struct superblock *sb)
{
	struct list *table = malloc(INODE_TABLE_BUCKETS * sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (unsigned i = 0; i < INODE_TABLE_BUCKETS; i++)
		list_init(&table[i]);
	sb->table = table;
	return 0;
}

struct superblock *superblock_get(struct superblock *sb)
{
	atomic_fetch_add(&sb->refs, 1);
	return sb;
}

void superblock_put(struct superblock *sb)
{
	if (!sb || atomic_fetch_sub(&sb->refs, 1) != 1)
		return;
	pagecache_sync(sb);
	if (sb->root)
		dentry_put(sb->root);
	dentry_reclaim_superblock(sb);
	if (sb->ops->unmount)
		sb->ops->unmount(sb);
	/* Only now: as long as it writes to its device, superblock_find says that it is there. */
	mutex_lock(&superblocks_lock);
	list_remove(&sb->link);
	mutex_unlock(&superblocks_lock);
	free(sb->table);
	free(sb);
}

/* One whose last reference is gone is on its way out: leave it alone. */
static bool superblock_try_get(struct superblock *sb)
{
	unsigned refs = atomic_load(&sb->refs);

	while (refs)
		if (atomic_compare_exchange_weak(&sb->refs, &refs, refs + 1))
			return true;
	return false;
}

struct superblock *superblock_next(struct superblock *after)
{
	struct list *node;
	struct superblock *found = NULL;

	mutex_lock(&superblocks_lock);
	for (node = after ? after->link.next : superblocks.next; node != &superblocks && !found;
	     node = node->next) {
		struct superblock *sb = list_entry(node, struct superblock, link);

		if (superblock_try_get(sb))
			found = sb;
	}
	mutex_unlock(&superblocks_lock);
	return found;
}

int superblock_find(uint32_t dev, struct superblock **out)
{
	struct superblock *sb;
	int error = 0;

	*out = NULL;
	mutex_lock(&superblocks_lock);
	list_for_each_entry (sb, &superblocks, link) {
		if (sb->dev != dev)
			continue;
		if (superblock_try_get(sb))
			*out = sb;
		else
			error = -EBUSY;
		break;
	}
	mutex_unlock(&superblocks_lock);
	return error;
}

/* ---- permission ---- */

static int permission_check(const struct inode *inode, int mask, uint32_t uid, bool in_group, bool root)
{
	uint32_t mode = inode->mode;

	if (root) {
		/* Anything, but execution needs at least one x bit (directories aside). */
		if ((mask & LINUX_X_OK) && !inode_is_dir(inode) && !(mode & 0111))
			return -EACCES;
		return 0;
	}
	if (uid == inode->uid)
		mode >>= 6;
	else if (in_group)
		mode >>= 3;
	return (mask & ~mode & 7) ? -EACCES : 0;
}

int inode_permission(struct inode *inode, int mask)
{
	struct cred *cred = current ? current->cred : NULL;

	if (!cred || cred->fsuid == 0)
		return permission_check(inode, mask, 0, true, true);
	return permission_check(inode, mask, cred->fsuid, cred_in_group(cred, inode->gid), false);
}

int inode_permission_real(struct inode *inode, int mask)
{
	struct cred *cred = current->cred;
	bool in_group = cred->gid == inode->gid;

	if (cred->uid == 0)
		return permission_check(inode, mask, 0, true, true);
	for (uint32_t i = 0; i < cred->nr_groups && !in_group; i++)
		in_group = cred->groups[i] == inode->gid;
	return permission_check(inode, mask, cred->uid, in_group, false);
}

bool inode_is_owner(struct inode *inode)
{
	return !current || current->cred->fsuid == inode->uid || capable(CAP_FOWNER);
}

/* ---- times ---- */

int64_t inode_now(void)
{
	return clock_realtime_ns();
}

#define ATIME_RELATIME_NS (24 * 3600 * NSEC_PER_SEC)

/* Relatime: only when it would otherwise be older than the last change, or a day old. */
void inode_touch_atime(struct file *file)
{
	struct inode *inode = file->inode;
	struct mount *mnt = file->path.mnt;
	int64_t now;

	if (inode->atime_ns > inode->mtime_ns && inode->atime_ns > inode->ctime_ns) {
		now = inode_now();
		if (now - inode->atime_ns < ATIME_RELATIME_NS)
			return;
	} else {
		now = inode_now();
	}
	if ((file->flags & LINUX_O_NOATIME) || !mnt || inode->sb->read_only ||
	    (mnt->flags & (LINUX_MS_NOATIME | LINUX_MS_RDONLY)))
		return;
	if (inode_is_dir(inode) && (mnt->flags & LINUX_MS_NODIRATIME))
		return;
	inode->atime_ns = now;
	inode_mark_times(inode);
}

void inode_touch_mtime(struct inode *inode)
{
	inode->mtime_ns = inode->ctime_ns = inode_now();
	inode_mark_times(inode);
}

/* The times will reach the disk with the next write-back. */
void inode_mark_times(struct inode *inode)
{
	if (!inode->ops || !inode->ops->setattr || (atomic_load(&inode->flags) & INODE_MEMORY))
		return;
	atomic_fetch_or(&inode->flags, INODE_DIRTY_TIME);
	inode_mark_dirty(inode);
}

static void stat_time(int64_t ns, uint64_t *sec, uint64_t *nsec)
{
	int64_t s = ns / NSEC_PER_SEC, n = ns % NSEC_PER_SEC;

	if (n < 0) {
		s--;
		n += NSEC_PER_SEC;
	}
	*sec = (uint64_t)s;
	*nsec = (uint64_t)n;
}

/* What the disk holds, plus what write-back will add to it. */
static uint64_t inode_blocks(const struct inode *inode)
{
	uint64_t size_blocks = ((uint64_t)inode->size + QUOIN_PAGE_SIZE - 1) / QUOIN_PAGE_SIZE * 8;
	uint64_t blocks = inode->blocks;

	if (inode->pages.nr_dirty && blocks < size_blocks) {
		blocks += inode->pages.nr_dirty * 8;
		if (blocks > size_blocks)
			blocks = size_blocks;
	}
	return blocks;
}

void inode_fill_stat(struct inode *inode, struct linux_stat *out)
{
	memset(out, 0, sizeof(*out));
	out->st_dev = inode->sb->dev;
	out->st_ino = inode->ino;
	out->st_nlink = inode->nlink;
	out->st_mode = inode->mode;
	out->st_uid = inode->uid;
	out->st_gid = inode->gid;
	out->st_rdev = inode->rdev;
	out->st_size = inode->size;
	out->st_blksize = inode->sb->block_size;
	out->st_blocks = (int64_t)inode_blocks(inode);
	stat_time(inode->atime_ns, &out->st_atime, &out->st_atime_nsec);
	stat_time(inode->mtime_ns, &out->st_mtime, &out->st_mtime_nsec);
	stat_time(inode->ctime_ns, &out->st_ctime, &out->st_ctime_nsec);
}

/* ---- writers against execution and remounting, shared mappings against the seal: > 0 the ones, < 0 the others ---- */

static bool side_add(atomic_int *sides, int step)
{
	int count = atomic_load(sides);

	do {
		if (step > 0 ? count < 0 : count > 0)
			return false;
	} while (!atomic_compare_exchange_weak(sides, &count, count + step));
	return true;
}

int inode_get_write(struct inode *inode)
{
	struct superblock *sb = inode->sb;

	if (!side_add(&sb->nr_writers, 1))
		return -EROFS;
	if (!sb->read_only && side_add(&inode->nr_writers, 1))
		return 0;
	atomic_fetch_sub(&sb->nr_writers, 1);
	return sb->read_only ? -EROFS : -ETXTBSY;
}

void inode_put_write(struct inode *inode)
{
	atomic_fetch_sub(&inode->nr_writers, 1);
	atomic_fetch_sub(&inode->sb->nr_writers, 1);
}

int superblock_deny_write(struct superblock *sb)
{
	return side_add(&sb->nr_writers, -1) ? 0 : -EBUSY;
}

void superblock_allow_write(struct superblock *sb)
{
	atomic_fetch_add(&sb->nr_writers, 1);
}

int inode_deny_write(struct inode *inode)
{
	return side_add(&inode->nr_writers, -1) ? 0 : -ETXTBSY;
}

void inode_allow_write(struct inode *inode)
{
	atomic_fetch_add(&inode->nr_writers, 1);
}

int inode_get_map_write(struct inode *inode)
{
	return side_add(&inode->nr_shared_maps, 1) ? 0 : -EPERM;
}

void inode_put_map_write(struct inode *inode)
{
	atomic_fetch_sub(&inode->nr_shared_maps, 1);
}

int inode_deny_map_write(struct inode *inode)
{
	return side_add(&inode->nr_shared_maps, -1) ? 0 : -EBUSY;
}

/* ---- inodes of files without a name ---- */

static int anonymous_statfs(struct superblock *sb, struct linux_statfs *out)
{
	out->f_type = sb->magic;
	out->f_bsize = out->f_frsize = QUOIN_PAGE_SIZE;
	out->f_namelen = LINUX_NAME_MAX;
	return 0;
}

static const struct superblock_ops anonymous_sb_ops = { .statfs = anonymous_statfs };
static const struct inode_ops anonymous_inode_ops = {};
static struct superblock *anonymous_sb;

int anonymous_init(void)
{
	anonymous_sb = superblock_create("anon", &anonymous_sb_ops, LINUX_PIPEFS_MAGIC);
	return anonymous_sb ? mount_nameless_create(superblock_get(anonymous_sb)) : -ENOMEM;
}

struct inode *inode_create_anonymous(uint32_t mode)
{
	struct inode *inode = inode_create(anonymous_sb, mode, &anonymous_inode_ops, NULL);

	if (inode && current) {
		inode->uid = current->cred->fsuid;
		inode->gid = current->cred->fsgid;
	}
	return inode;
}
