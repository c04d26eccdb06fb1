/* SPDX-License-Identifier: MIT */
/*
 * Write-back and reclaim.
 *
 * The flusher writes what is dirty every few seconds, sooner when a tenth of memory is dirty; a writer that
 * takes it beyond a fifth writes its own file itself.  flush_lock makes one write-back at a time per file,
 * and keeps write-back and truncation apart.
 *
 * The reclaimer moves a clock hand over the arena: a page not touched since the last turn, clean and
 * unused, leaves.  Mapped pages are spared in the first two turns, for the hand can't see programs touch them.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "page.h"
#include "page_index.h"
#include "page_pool.h"
#include "pagecache.h"
#include "vfs_internal.h"

#define FLUSH_PERIOD_NS   5000000000ull
#define RECLAIM_PERIOD_NS 1000000000ull

static _Atomic uint32_t flusher_word; /* futex word: rises when there is work before the period is over */

static uint64_t dirty_background(void)
{
	return runtime_info()->total_pages / 10;
}

static void flusher_kick(void)
{
	atomic_fetch_add(&flusher_word, 1);
	quoin_futex_wake((uintptr_t)&flusher_word, 1);
}

void inode_mark_dirty(struct inode *inode)
{
	struct superblock *sb = inode->sb;

	if (atomic_load(&inode->flags) & (INODE_DIRTY | INODE_MEMORY))
		return;
	mutex_lock(&sb->dirty_lock);
	if (!(atomic_fetch_or(&inode->flags, INODE_DIRTY) & INODE_DIRTY))
		list_add_tail(&sb->dirty, &inode_get(inode)->dirty_link);
	mutex_unlock(&sb->dirty_lock);
}

/* ---- one file ---- */

struct flush_batch {
	struct page *pages[PAGES_PER_IO];
	uint64_t first;
	unsigned nr;
	bool writable; /* some may be written through mappings */
};

static void batch_add(struct flush_batch *batch, struct page_index *pages, struct page *page)
{
	uint32_t old;

	page_index_set_dirty(pages, page->index, false);
	atomic_fetch_or(&page->state, PAGE_WRITEBACK);
	old = atomic_fetch_and(&page->state, ~(PAGE_DIRTY | PAGE_WRITABLE));
	batch->writable |= !!(old & PAGE_WRITABLE);
	page_get(page);
	batch->pages[batch->nr++] = page;
	atomic_fetch_sub(&page_counters.dirty, 1);
	atomic_fetch_add(&page_counters.writeback, 1);
}

/* The next run of dirty pages in [index, end]. */
static bool batch_collect(struct inode *inode, uint64_t index, uint64_t end, struct flush_batch *batch)
{
	struct page *page;

	batch->nr = 0;
	batch->writable = false;
	mutex_lock(&inode->pages.lock);
	page = page_index_next(&inode->pages, index, true);
	if (page)
		batch->first = page->index;
	while (page && page->index <= end && batch->nr < PAGES_PER_IO) {
		batch_add(batch, &inode->pages, page);
		page = page_index_peek(&inode->pages, batch->first + batch->nr);
		if (page && !(page_state(page) & PAGE_DIRTY))
			page = NULL;
	}
	mutex_unlock(&inode->pages.lock);
	if (batch->writable && inode->memobj)
		quoin_memobj_clean(inode->memobj, batch->first << QUOIN_PAGE_SHIFT, batch->nr);
	return batch->nr;
}

/* Pages from `written` on were not written: with redirty they stay dirty, else their bytes are given up. */
static void batch_finish(struct flush_batch *batch, unsigned written, bool redirty)
{
	for (unsigned i = 0; i < batch->nr; i++) {
		struct page *page = batch->pages[i];

		atomic_fetch_and(&page->state, ~PAGE_WRITEBACK);
		if (i >= written && redirty)
			page_set_dirty(page);
		atomic_fetch_sub(&page_counters.writeback, 1);
		page_put(page);
	}
}

/* -errno of the first failure; all that can be written is. */
static int flush_pages(struct inode *inode, uint64_t index, uint64_t end)
{
	struct flush_batch batch; /* no allocation: write-back is what makes memory free */
	int result = 0;

	if (!inode->pages.nr_dirty)
		return 0;
	if (!inode->ops->write_pages)
		return -EROFS;
	while (batch_collect(inode, index, end, &batch)) {
		long written = inode->ops->write_pages(inode, batch.first, batch.pages, batch.nr);
		bool progress = written > 0;

		batch_finish(&batch, progress ? (unsigned)written : 0, progress);
		index = batch.first + (progress ? (uint64_t)written : batch.nr);
		if (!progress && !result)
			result = written < 0 ? (int)written : -EIO;
	}
	if (result)
		atomic_store(&inode->flush_error, result);
	return result;
}

int pagecache_flush(struct inode *inode, int64_t start, int64_t end)
{
	int error;

	if (atomic_load(&inode->flags) & INODE_MEMORY)
		return 0;
	if (start >= end)
		return 0;
	mutex_lock(&inode->flush_lock);
	error = flush_pages(inode, (uint64_t)start >> QUOIN_PAGE_SHIFT,
			    (uint64_t)(end - 1) >> QUOIN_PAGE_SHIFT);
	mutex_unlock(&inode->flush_lock);
	return error;
}

static int flush_times(struct inode *inode)
{
	struct inode_attr attr = { .valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME };

	if (!(atomic_fetch_and(&inode->flags, ~INODE_DIRTY_TIME) & INODE_DIRTY_TIME))
		return 0;
	if (!inode->ops->setattr || inode->sb->read_only)
		return 0;
	attr.atime_ns = inode->atime_ns;
	attr.mtime_ns = inode->mtime_ns;
	attr.ctime_ns = inode->ctime_ns;
	return inode->ops->setattr(inode, &attr);
}

int pagecache_flush_inode(struct inode *inode)
{
	int error = pagecache_flush(inode, 0, INT64_MAX), times;

	times = flush_times(inode);
	return error ? error : times;
}

int pagecache_sync_inode(struct inode *inode, bool data_only)
{
	int error, earlier;

	if (atomic_load(&inode->flags) & INODE_MEMORY)
		return 0;
	error = pagecache_flush_inode(inode);
	if (!error && inode->ops->fsync)
		error = inode->ops->fsync(inode, data_only);
	/* A failure of the flusher since the last fsync is this one's to report. */
	earlier = atomic_exchange(&inode->flush_error, 0);
	return error ? error : earlier;
}

int pagecache_fsync(struct file *file, bool data_only)
{
	return pagecache_sync_inode(file->inode, data_only);
}

/* ---- whole file systems ---- */

static struct inode *dirty_take(struct superblock *sb)
{
	struct list *node;
	struct inode *inode = NULL;

	mutex_lock(&sb->dirty_lock);
	node = list_pop(&sb->dirty);
	if (node) {
		inode = list_entry(node, struct inode, dirty_link);
		atomic_fetch_and(&inode->flags, ~INODE_DIRTY);
	}
	mutex_unlock(&sb->dirty_lock);
	return inode;
}

static unsigned dirty_count(struct superblock *sb)
{
	unsigned count = 0;

	mutex_lock(&sb->dirty_lock);
	list_for_each (node, &sb->dirty)
		count++;
	mutex_unlock(&sb->dirty_lock);
	return count;
}

/*
 * Those that are dirty now; not the ones that become so meanwhile.  sync_lock: what another thread has taken
 * from the list is written when this returns.
 */
static int sync_superblock(struct superblock *sb, bool *wrote)
{
	unsigned count;
	int result = 0;

	mutex_lock(&sb->sync_lock);
	for (count = dirty_count(sb); count; count--) {
		struct inode *inode = dirty_take(sb);
		int error;

		if (!inode)
			break;
		*wrote = true;
		error = pagecache_flush_inode(inode);
		if (error && !result)
			result = error;
		inode_put(inode);
	}
	mutex_unlock(&sb->sync_lock);
	return result;
}

int pagecache_sync(struct superblock *only)
{
	struct superblock *sb, *previous = NULL;
	int result = 0, error;
	bool wrote = false;

	if (only) {
		error = sync_superblock(only, &wrote);
		if (only->ops->sync && !error)
			error = only->ops->sync(only);
		return error;
	}
	for (sb = superblock_next(NULL); sb; previous = sb, sb = superblock_next(sb)) {
		error = sync_superblock(sb, &wrote);
		if (sb->ops->sync && !error)
			error = sb->ops->sync(sb);
		if (error && !result)
			result = error;
		superblock_put(previous);
	}
	superblock_put(previous);
	return result;
}

/* ---- the flusher ---- */

static void flush_all(void)
{
	struct superblock *sb, *previous = NULL;

	for (sb = superblock_next(NULL); sb; previous = sb, sb = superblock_next(sb)) {
		bool wrote = false;

		if (!sync_superblock(sb, &wrote) && wrote && sb->ops->sync)
			sb->ops->sync(sb);
		superblock_put(previous);
	}
	superblock_put(previous);
}

static void flusher_main(void *unused)
{
	(void)unused;
	for (;;) {
		uint32_t seen = atomic_load(&flusher_word);

		if ((uint64_t)atomic_load(&page_counters.dirty) < dirty_background())
			quoin_futex_wait((uintptr_t)&flusher_word, seen, clock_ns() + FLUSH_PERIOD_NS, 0);
		flush_all();
	}
}

void writeback_balance(struct inode *inode)
{
	uint64_t dirty = (uint64_t)atomic_load_explicit(&page_counters.dirty, memory_order_relaxed);
	uint64_t background;

	if (likely(dirty < 256))
		return;
	background = dirty_background();
	if (dirty < background)
		return;
	if (dirty < 2 * background)
		flusher_kick();
	else
		pagecache_flush(inode, 0, INT64_MAX);
}

/* ---- reclaim ---- */

static atomic_ulong clock_hand;

static bool reclaim_may(const struct page *page, bool mapped_too)
{
	uint32_t state = page_state(page);

	if (!(state & PAGE_VALID) || (state & (PAGE_BUSY | PAGE_DIRTY | PAGE_WRITEBACK | PAGE_WRITABLE)))
		return false;
	return mapped_too || !(state & PAGE_MAPPED);
}

/* Busy bit and one reference are held. Whether the page was freed; then both are gone. */
static bool reclaim_locked(struct page *page)
{
	struct inode *inode = page->inode;
	unsigned expected = 2; /* the index's and ours */
	bool freed = false;

	if (!inode || (atomic_load(&inode->flags) & INODE_MEMORY))
		return false;
	mutex_lock(&inode->pages.lock);
	if (page->inode == inode && !(page_state(page) & (PAGE_DIRTY | PAGE_WRITEBACK | PAGE_WRITABLE)) &&
	    atomic_compare_exchange_strong(&page->refs, &expected, 0)) {
		/* Nobody can get a reference any more: the point of no return. */
		if ((page_state(page) & PAGE_MAPPED) && inode->memobj)
			quoin_memobj_evict(inode->memobj, page->index << QUOIN_PAGE_SHIFT, 1);
		page_detach_locked(inode, page);
		freed = true;
	}
	mutex_unlock(&inode->pages.lock);
	return freed;
}

static bool reclaim_page(struct page *page, bool mapped_too)
{
	if (!reclaim_may(page, mapped_too))
		return false;
	if (page_state(page) & PAGE_REFERENCED) {
		atomic_fetch_and(&page->state, ~PAGE_REFERENCED);
		return false;
	}
	if (!page_try_get(page))
		return false;
	if (!page_busy_trylock(page)) {
		page_put(page);
		return false;
	}
	if (reclaim_locked(page)) {
		page_busy_unlock(page);
		page_free(page);
		return true;
	}
	page_busy_unlock(page);
	page_put(page);
	return false;
}

uint64_t pagecache_reclaim(uint64_t nr_pages)
{
	uint64_t size = page_pool_touched(), freed = 0;

	for (uint64_t scanned = 0; scanned < 3 * size && freed < nr_pages; scanned++) {
		uint64_t n = atomic_fetch_add(&clock_hand, 1) % size;

		freed += reclaim_page(&arena_pages[n], scanned >= 2 * size);
	}
	return freed;
}

static void reclaimer_main(void *unused)
{
	(void)unused;
	for (;;) {
		uint64_t freed;

		page_pool_wait_pressure(clock_ns() + RECLAIM_PERIOD_NS);
		if (memory_free_pages() >= memory_low_pages())
			continue;
		freed = pagecache_reclaim(memory_low_pages() / 2);
		freed += dentry_reclaim(256);
		if (!freed) {
			_Atomic uint32_t nobody = 0;

			flusher_kick();
			quoin_futex_wait((uintptr_t)&nobody, 0, clock_ns() + 100000000, 0);
		}
	}
}

/* ---- start ---- */

int pagecache_init(uint64_t nr_pages)
{
	return page_pool_init(nr_pages);
}

void pagecache_start(void)
{
	const struct thread_options flusher = { .name = "flusher", .sched_class = QUOIN_SCHED_FAIR };
	const struct thread_options reclaimer = { .name = "reclaimer", .sched_class = QUOIN_SCHED_SERVER };

	if (thread_spawn(&flusher, flusher_main, NULL, NULL) ||
	    thread_spawn(&reclaimer, reclaimer_main, NULL, NULL))
		panic("no memory for the page cache's threads");
}
