/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache.  dentry.h has the rules; here is why the last put is safe.
 *
 * refs and DENTRY_DEAD are one word.  dentry_put lets the count of a living dentry fall to zero without a
 * lock: it stays in the cache and whoever reclaims it looks at the word again under the write lock.
 * For a dead one the last step down is made under the write lock, and nobody can find it any more, so
 * exactly one thread takes that step and frees it.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "inode.h"
#include "linux/errno.h"
#include "lockrank.h"

#define DENTRY_BUCKETS_LOG2 14
#define DENTRY_BUCKETS      (1u << DENTRY_BUCKETS_LOG2)

struct rwlock dentry_lock;
static struct dentry **buckets;          /* [w] */
static struct list lru = LIST_INIT(lru); /* [w] every dentry but roots */
static atomic_uint nr_dentries;
static unsigned dentry_limit = 20000; /* [I] beyond it a new one pushes out old ones */

void dentry_cache_init(unsigned limit)
{
	rwlock_init(&dentry_lock, "dentry", LOCK_DENTRY);
	buckets = calloc(DENTRY_BUCKETS, sizeof(struct dentry *));
	if (!buckets)
		panic("no memory for the dentry cache");
	dentry_limit = limit;
}

unsigned dentry_count(void)
{
	return atomic_load(&nr_dentries);
}

/* FNV-1a, mixed once more at the end by dentry_bucket. */
uint32_t dentry_hash_name(const char *name, size_t len)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

static inline struct dentry **dentry_bucket(const struct dentry *parent, uint32_t hash)
{
	uint64_t key = ((uintptr_t)parent >> 4) + hash;

	return &buckets[key * 0x9e3779b97f4a7c15ull >> (64 - DENTRY_BUCKETS_LOG2)];
}

static bool dentry_set_name(struct dentry *dentry, const char *name, size_t len, uint32_t hash)
{
	char *copy = dentry->inline_name;

	if (len >= DENTRY_INLINE) {
		copy = malloc(len + 1);
		if (!copy)
			return false;
	}
	memcpy(copy, name, len);
	copy[len] = '\0';
	dentry->name = copy;
	dentry->len = (uint16_t)len;
	dentry->hash = hash;
	return true;
}

/* Negative, unhashed, one reference; takes a reference to parent. */
static struct dentry *dentry_alloc(struct superblock *sb, struct dentry *parent, const char *name, size_t len,
				   uint32_t hash)
{
	struct dentry *dentry = calloc(1, sizeof(*dentry));

	if (!dentry)
		return NULL;
	if (!dentry_set_name(dentry, name, len, hash)) {
		free(dentry);
		return NULL;
	}
	dentry->sb = sb;
	dentry->parent = parent ? dentry_get(parent) : dentry;
	atomic_init(&dentry->refs, 1);
	list_init(&dentry->lru);
	atomic_fetch_add_explicit(&nr_dentries, 1, memory_order_relaxed);
	return dentry;
}

struct dentry *dentry_create_nameless(struct superblock *sb, struct inode *inode, const char *label)
{
	struct dentry *dentry = dentry_alloc(sb, NULL, label, strlen(label), 0);

	if (dentry) {
		dentry->inode = inode;
		/* Dead from the start: never found by name, freed when its last user lets go. */
		atomic_store(&dentry->refs, DENTRY_DEAD | 1);
		dentry->is_root = true;
	}
	return dentry;
}

struct dentry *dentry_create_root(struct superblock *sb, struct inode *inode)
{
	return dentry_create_nameless(sb, inode, "/");
}

/* ---- the shape; write lock held ---- */

static void dentry_hash_locked(struct dentry *dentry)
{
	struct dentry **bucket = dentry_bucket(dentry->parent, dentry->hash);

	dentry->hash_next = *bucket;
	*bucket = dentry;
	dentry->hashed = true;
}

static void dentry_unhash_locked(struct dentry *dentry)
{
	struct dentry **at;

	if (!dentry->hashed)
		return;
	at = dentry_bucket(dentry->parent, dentry->hash);
	while (*at != dentry)
		at = &(*at)->hash_next;
	*at = dentry->hash_next;
	dentry->hashed = false;
}

struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
	struct dentry *dentry = *dentry_bucket(parent, hash);

	for (; dentry; dentry = dentry->hash_next) {
		if (dentry->hash != hash || dentry->parent != parent || dentry->len != len ||
		    memcmp(dentry->name, name, len) != 0)
			continue;
		if (!dentry->referenced)
			dentry->referenced = 1;
		return dentry;
	}
	return NULL;
}

/* Without a reference and out of every list: frees it; returns the parent, whose reference is the caller's. */
static struct dentry *dentry_free(struct dentry *dentry)
{
	struct dentry *parent = dentry->parent;

	inode_put(dentry->inode);
	if (dentry->name != dentry->inline_name)
		free((char *)dentry->name);
	if (parent == dentry)
		parent = NULL;
	free(dentry);
	atomic_fetch_sub_explicit(&nr_dentries, 1, memory_order_relaxed);
	return parent;
}

/* ---- references ---- */

struct dentry *dentry_get(struct dentry *dentry)
{
	atomic_fetch_add_explicit(&dentry->refs, 1, memory_order_relaxed);
	return dentry;
}

/* The last reference to a dead dentry, perhaps: true if it is to be freed. */
static bool dentry_put_dead(struct dentry *dentry)
{
	bool last;

	rwlock_write_lock(&dentry_lock);
	last = atomic_fetch_sub(&dentry->refs, 1) == (DENTRY_DEAD | 1);
	if (last)
		list_remove(&dentry->lru);
	rwlock_write_unlock(&dentry_lock);
	return last;
}

void dentry_put(struct dentry *dentry)
{
	while (dentry) {
		unsigned refs = atomic_load_explicit(&dentry->refs, memory_order_relaxed);

		do {
			if (refs == (DENTRY_DEAD | 1))
				break;
		} while (!atomic_compare_exchange_weak(&dentry->refs, &refs, refs - 1));
		if (refs != (DENTRY_DEAD | 1) || !dentry_put_dead(dentry))
			return;
		dentry = dentry_free(dentry);
	}
}

/* ---- lookup ---- */

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
	uint32_t hash = dentry_hash_name(name, len);
	struct dentry *dentry;

	rwlock_read_lock(&dentry_lock);
	dentry = dentry_find_locked(parent, name, len, hash);
	if (dentry)
		dentry_get(dentry);
	rwlock_read_unlock(&dentry_lock);
	return dentry;
}

static bool dentry_is_dead(const struct dentry *dentry)
{
	return atomic_load(&dentry->refs) & DENTRY_DEAD;
}

/* Into the cache, unless the directory was removed meanwhile: then it dies with its user. */
static void dentry_enter(struct dentry *dentry)
{
	rwlock_write_lock(&dentry_lock);
	if (dentry_is_dead(dentry->parent) && !dentry->parent->is_root)
		atomic_fetch_or(&dentry->refs, DENTRY_DEAD);
	else
		dentry_hash_locked(dentry);
	list_add_tail(&lru, &dentry->lru);
	rwlock_write_unlock(&dentry_lock);
}

int dentry_lookup(struct dentry *parent, const char *name, size_t len, struct dentry **out)
{
	struct inode *dir = dentry_inode(parent);
	struct dentry *dentry;
	bool keep;
	int error;

	assert(mutex_is_locked(&dir->lock));
	dentry = dentry_find(parent, name, len);
	if (dentry) {
		*out = dentry;
		return 0;
	}
	if (dentry_is_dead(parent) && !parent->is_root && !parent->uncached)
		return -ENOENT; /* a removed directory */
	if (len > LINUX_NAME_MAX)
		return -ENAMETOOLONG;
	if (!dir->ops->lookup)
		return -ENOTDIR;
	dentry = dentry_alloc(parent->sb, parent, name, len, dentry_hash_name(name, len));
	if (!dentry)
		return -ENOMEM;
	keep = !(atomic_load(&dir->flags) & INODE_NOCACHE);
	if (!keep) {
		dentry->uncached = true;
		atomic_store(&dentry->refs, DENTRY_DEAD | 1);
	}
	error = dir->ops->lookup(dir, dentry);
	if (error) {
		atomic_fetch_or(&dentry->refs, DENTRY_DEAD);
		dentry_put(dentry);
		return error;
	}
	if (keep) {
		dentry_enter(dentry);
		if (atomic_load(&nr_dentries) > dentry_limit)
			dentry_reclaim(64);
	}
	*out = dentry;
	return 0;
}

/* ---- changes ---- */

void dentry_instantiate(struct dentry *dentry, struct inode *inode)
{
	assert(!dentry->inode);
	__atomic_store_n(&dentry->inode, inode, __ATOMIC_RELEASE);
}

void dentry_kill(struct dentry *dentry)
{
	rwlock_write_lock(&dentry_lock);
	dentry_unhash_locked(dentry);
	atomic_fetch_or(&dentry->refs, DENTRY_DEAD);
	rwlock_write_unlock(&dentry_lock);
}

static void dentry_swap_names(struct dentry *a, struct dentry *b)
{
	char inline_name[DENTRY_INLINE];
	const char *a_name = a->name == a->inline_name ? NULL : a->name;
	const char *b_name = b->name == b->inline_name ? NULL : b->name;
	uint32_t hash = a->hash;
	uint16_t len = a->len;

	memcpy(inline_name, a->inline_name, DENTRY_INLINE);
	memcpy(a->inline_name, b->inline_name, DENTRY_INLINE);
	memcpy(b->inline_name, inline_name, DENTRY_INLINE);
	a->name = b_name ? b_name : a->inline_name;
	b->name = a_name ? a_name : b->inline_name;
	a->hash = b->hash;
	b->hash = hash;
	a->len = b->len;
	b->len = len;
}

/* Both leave their chains, trade places, and `keep_both` decides whether b comes back or dies. */
static void dentry_trade(struct dentry *a, struct dentry *b, bool keep_both)
{
	struct dentry *parent;

	rwlock_write_lock(&dentry_lock);
	dentry_unhash_locked(a);
	dentry_unhash_locked(b);
	dentry_swap_names(a, b);
	parent = a->parent;
	a->parent = b->parent;
	b->parent = parent;
	dentry_hash_locked(a);
	if (keep_both)
		dentry_hash_locked(b);
	else
		atomic_fetch_or(&b->refs, DENTRY_DEAD);
	rwlock_write_unlock(&dentry_lock);
}

void dentry_move(struct dentry *dentry, struct dentry *target)
{
	dentry_trade(dentry, target, false);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	dentry_trade(a, b, true);
}

/* ---- reclaim ---- */

/* Takes up to max unused dentries out of the cache, oldest first. */
static unsigned reclaim_collect(struct dentry **batch, unsigned max, struct superblock *sb)
{
	unsigned found = 0, scan = max * 8;

	rwlock_write_lock(&dentry_lock);
	if (sb)
		scan = UINT32_MAX;
	list_for_each_safe (node, after, &lru) {
		struct dentry *dentry = list_entry(node, struct dentry, lru);

		if (found == max || scan-- == 0)
			break;
		if (sb && dentry->sb != sb)
			continue;
		if (atomic_load(&dentry->refs) || (dentry->referenced && !sb)) {
			dentry->referenced = 0;
			if (!sb) {
				list_remove(node);
				list_add_tail(&lru, node);
			}
			continue;
		}
		list_remove(node);
		dentry_unhash_locked(dentry);
		batch[found++] = dentry;
	}
	rwlock_write_unlock(&dentry_lock);
	return found;
}

#define RECLAIM_BATCH 64

static unsigned reclaim_batch(unsigned max, struct superblock *sb)
{
	struct dentry *batch[RECLAIM_BATCH];
	unsigned found = reclaim_collect(batch, max < RECLAIM_BATCH ? max : RECLAIM_BATCH, sb);

	for (unsigned i = 0; i < found; i++)
		dentry_put(dentry_free(batch[i]));
	return found;
}

unsigned dentry_reclaim(unsigned count)
{
	unsigned done = 0;

	while (done < count) {
		unsigned found = reclaim_batch(count - done, NULL);

		if (!found)
			break;
		done += found;
	}
	return done;
}

void dentry_reclaim_superblock(struct superblock *sb)
{
	while (reclaim_batch(RECLAIM_BATCH, sb))
		;
}

void dentry_drop_unused(void)
{
	struct superblock *sb = NULL, *next;

	while ((next = superblock_next(sb))) {
		superblock_put(sb);
		sb = next;
		dentry_reclaim_superblock(sb);
		if (sb->ops->shrink)
			sb->ops->shrink(sb);
	}
	superblock_put(sb);
}

/* Children that nobody uses, unhashed and linked through hash_next; the others are left to their users. */
static struct dentry *prune_collect(struct dentry *parent)
{
	struct dentry *unused = NULL;

	rwlock_write_lock(&dentry_lock);
	list_for_each_safe (node, after, &lru) {
		struct dentry *dentry = list_entry(node, struct dentry, lru);

		if (dentry->parent != parent || !dentry->hashed)
			continue;
		dentry_unhash_locked(dentry);
		/* In one step: a last put in between would leave a dead one that nobody frees. */
		if (atomic_fetch_or(&dentry->refs, DENTRY_DEAD))
			continue;
		list_remove(&dentry->lru);
		dentry->hash_next = unused;
		unused = dentry;
	}
	rwlock_write_unlock(&dentry_lock);
	return unused;
}

void dentry_prune_children(struct dentry *parent)
{
	struct dentry *unused;

	/* The caller's reference alone: nothing is cached below. */
	if ((atomic_load(&parent->refs) & ~DENTRY_DEAD) == 1)
		return;
	unused = prune_collect(parent);
	while (unused) {
		struct dentry *next = unused->hash_next;

		dentry_put(dentry_free(unused));
		unused = next;
	}
}

bool dentry_is_below(struct dentry *dentry, const struct dentry *ancestor)
{
	bool below = false;

	rwlock_read_lock(&dentry_lock);
	for (; !below; dentry = dentry->parent) {
		below = dentry == ancestor;
		if (dentry->parent == dentry)
			break;
	}
	rwlock_read_unlock(&dentry_lock);
	return below;
}
