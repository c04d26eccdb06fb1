/* SPDX-License-Identifier: MIT */
/*
 * Pages and their way into and out of an inode's index.
 *
 * A page is taken out of its index only by a thread that holds its busy bit, and an inode is not freed
 * before all its pages are out; so page->inode is safe to follow for whoever holds the busy bit.
 */
#include <quoin/runtime.h>

#include "inode.h"
#include "linux/errno.h"
#include "page.h"
#include "page_index.h"
#include "page_pool.h"

struct page_counters page_counters;

/* ---- references ---- */

void page_get(struct page *page)
{
	atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
}

bool page_try_get(struct page *page)
{
	unsigned refs = atomic_load_explicit(&page->refs, memory_order_relaxed);

	while (refs)
		if (atomic_compare_exchange_weak_explicit(&page->refs, &refs, refs + 1, memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

void page_put(struct page *page)
{
	if (atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) == 1)
		page_free(page);
}

struct page *page_lookup(struct inode *inode, uint64_t index)
{
	for (;;) {
		struct page *page = page_index_peek(&inode->pages, index);

		if (!page)
			return NULL;
		if (!page_try_get(page))
			continue; /* on its way out: look again */
		if (likely(__atomic_load_n(&page->inode, __ATOMIC_ACQUIRE) == inode && page->index == index))
			return page;
		page_put(page);
	}
}

/* ---- the busy bit ---- */

bool page_busy_trylock(struct page *page)
{
	return !(atomic_fetch_or_explicit(&page->state, PAGE_BUSY, memory_order_acquire) & PAGE_BUSY);
}

static void page_busy_sleep(struct page *page)
{
	uint32_t state = atomic_fetch_or(&page->state, PAGE_WAITERS) | PAGE_WAITERS;

	if (state & PAGE_BUSY)
		quoin_futex_wait((uintptr_t)&page->state, state, QUOIN_DEADLINE_NEVER, 0);
}

void page_busy_lock(struct page *page)
{
	while (!page_busy_trylock(page))
		page_busy_sleep(page);
}

void page_busy_wait(struct page *page)
{
	while (page_state(page) & PAGE_BUSY)
		page_busy_sleep(page);
}

void page_busy_unlock(struct page *page)
{
	uint32_t old = atomic_fetch_and(&page->state, ~(PAGE_BUSY | PAGE_WAITERS));

	if (old & PAGE_WAITERS)
		quoin_futex_wake((uintptr_t)&page->state, UINT32_MAX);
}

/* ---- in and out ---- */

static void page_count(struct inode *inode, long step)
{
	if (!(atomic_load_explicit(&inode->flags, memory_order_relaxed) & INODE_MEMORY)) {
		atomic_fetch_add(&page_counters.cached, step);
		return;
	}
	atomic_fetch_add(&page_counters.memory_only, step);
	atomic_fetch_add(&inode->sb->nr_pages, (unsigned long)step);
}

/*
 * A lookup that came late may look at the page still, or hold a reference from when it was another's: so the
 * count goes up, and inode, which makes the page believed, is written last and only if the place is free.
 */
int page_attach(struct inode *inode, uint64_t index, struct page *page, uint32_t state)
{
	int error = -EEXIST;

	mutex_lock(&inode->pages.lock);
	if (!page_index_peek(&inode->pages, index)) {
		page_get(page);
		atomic_store(&page->state, state | PAGE_REFERENCED);
		page->index = index;
		__atomic_store_n(&page->inode, inode, __ATOMIC_RELEASE);
		error = page_index_insert(&inode->pages, index, page);
		if (error) {
			page->inode = NULL;
			page_busy_unlock(page);
			page_put(page);
		}
	}
	mutex_unlock(&inode->pages.lock);
	if (!error)
		page_count(inode, 1);
	return error;
}

void page_detach_locked(struct inode *inode, struct page *page)
{
	uint32_t old;

	page_index_remove(&inode->pages, page->index);
	page->inode = NULL;
	old = atomic_fetch_and(&page->state, ~(PAGE_DIRTY | PAGE_MAPPED | PAGE_WRITABLE));
	if (old & PAGE_DIRTY)
		atomic_fetch_sub(&page_counters.dirty, 1);
	if (old & PAGE_MAPPED)
		atomic_fetch_sub(&page_counters.mapped, 1);
	page_count(inode, -1);
}

void page_detach(struct inode *inode, struct page *page)
{
	bool mine;

	page_busy_lock(page);
	mutex_lock(&inode->pages.lock);
	mine = page->inode == inode;
	if (mine) {
		if ((page_state(page) & PAGE_MAPPED) && inode->memobj)
			quoin_memobj_evict(inode->memobj, page->index << QUOIN_PAGE_SHIFT, 1);
		page_detach_locked(inode, page);
	}
	mutex_unlock(&inode->pages.lock);
	page_busy_unlock(page);
	if (mine)
		page_put(page);
}

/* ---- getting a page ---- */

/* May the file's file system, or all of them together, hold no more? */
static bool memory_is_full(const struct superblock *sb)
{
	return (uint64_t)atomic_load(&page_counters.memory_only) >= pagecache_memory_limit() ||
	       (sb->max_pages && atomic_load(&sb->nr_pages) >= sb->max_pages);
}

int page_obtain_zeroed(struct inode *inode, uint64_t index, struct page **out)
{
	struct page *page = page_lookup(inode, index);
	int error;

	if (page && (page_state(page) & PAGE_VALID)) {
		*out = page;
		return 0;
	}
	if (page) { /* being read by somebody: take it as it comes */
		page_put(page);
		return page_obtain(inode, index, out);
	}
	if ((atomic_load(&inode->flags) & INODE_MEMORY) && memory_is_full(inode->sb))
		return -ENOSPC;
	page = page_alloc(true);
	if (!page)
		return -ENOMEM;
	error = page_attach(inode, index, page, PAGE_VALID);
	if (!error) {
		*out = page;
		return 0;
	}
	page_put(page);
	return error == -EEXIST ? page_obtain(inode, index, out) : error;
}

/* Pages that weren't read leave the index again; who waits for one tries it alone. */
static void fill_finish(struct inode *inode, struct page **batch, unsigned nr, unsigned filled)
{
	for (unsigned i = 0; i < nr; i++) {
		struct page *page = batch[i];

		if (i < filled) {
			atomic_fetch_or_explicit(&page->state, PAGE_VALID, memory_order_release);
		} else {
			mutex_lock(&inode->pages.lock);
			page_detach_locked(inode, page);
			mutex_unlock(&inode->pages.lock);
			page_put(page);
		}
		page_busy_unlock(page);
		page_put(page);
	}
}

/* How many of nr pages from index on lie within the file. */
static unsigned pages_within(const struct inode *inode, uint64_t index, unsigned nr)
{
	uint64_t end = ALIGN_UP((uint64_t)inode->size, QUOIN_PAGE_SIZE) >> QUOIN_PAGE_SHIFT;

	return index < end ? (unsigned)MIN(end - index, (uint64_t)nr) : 0;
}

/*
 * Reads pages that are in the index.  What a truncation has cut off before they were there may still be on the
 * disk, and must not come back when the file grows: such pages are zeroes.
 */
static long batch_read(struct inode *inode, uint64_t index, struct page **batch, unsigned nr)
{
	unsigned within = pages_within(inode, index, nr);

	if (within)
		return inode->ops->read_pages(inode, index, batch, within);
	for (unsigned i = 0; i < nr; i++)
		memset(page_address(batch[i]), 0, QUOIN_PAGE_SIZE);
	return nr;
}

long page_fill(struct inode *inode, uint64_t index, unsigned nr)
{
	struct page *batch[PAGES_PER_IO];
	unsigned count = 0;
	long filled;
	int error = 0;

	if (!inode->ops->read_pages)
		return -EIO;
	while (count < nr && count < PAGES_PER_IO) {
		struct page *page;

		if (page_index_peek(&inode->pages, index + count))
			break;
		page = page_alloc(false);
		if (!page) {
			error = -ENOMEM;
			break;
		}
		error = page_attach(inode, index + count, page, PAGE_BUSY);
		if (error) {
			page_put(page);
			break;
		}
		batch[count++] = page;
	}
	if (!count)
		return error == -EEXIST ? 0 : error;
	filled = batch_read(inode, index, batch, count);
	fill_finish(inode, batch, count, filled > 0 ? (unsigned)filled : 0);
	return filled > 0 ? filled : filled < 0 ? filled : -EIO;
}

int page_obtain(struct inode *inode, uint64_t index, struct page **out)
{
	for (;;) {
		struct page *page = page_lookup(inode, index);
		long filled;

		if (!page) {
			filled = page_fill(inode, index, 1);
			if (filled < 0)
				return (int)filled;
			continue;
		}
		page_busy_wait(page);
		if (page_state(page) & PAGE_VALID) {
			*out = page;
			return 0;
		}
		page_put(page); /* it couldn't be read */
	}
}

void page_set_dirty(struct page *page)
{
	struct inode *inode;

	/* What was written comes before the look: else write-back could have cleaned the page without it. */
	atomic_thread_fence(memory_order_seq_cst);
	if (page_state(page) & PAGE_DIRTY)
		return;
	inode = page->inode; /* the caller keeps it alive; NULL if it was cut off */
	if (!inode || (atomic_load(&inode->flags) & INODE_MEMORY))
		return;
	mutex_lock(&inode->pages.lock);
	if (page->inode == inode && !(atomic_fetch_or(&page->state, PAGE_DIRTY) & PAGE_DIRTY)) {
		page_index_set_dirty(&inode->pages, page->index, true);
		atomic_fetch_add(&page_counters.dirty, 1);
	}
	mutex_unlock(&inode->pages.lock);
	inode_mark_dirty(inode);
}
