/* SPDX-License-Identifier: MIT */
/*
 * File mappings: an inode's pages in its FILE memory object.
 *
 * The object shares the cache's frames, so mapping, read and write are coherent by construction.  A page
 * of a file on disk is supplied read-only; the first write through a shared mapping faults, and mkwrite makes
 * the page dirty and writable.  Write-back takes the permission away again before it writes.
 *
 * mkwrite makes the page writable first and dirty then.  The other way round a write-back in between could
 * clean a page that becomes writable afterwards, and what is written to it would be lost.
 */
#include <quoin/runtime.h>

#include "inode.h"
#include "linux/errno.h"
#include "page.h"
#include "page_index.h"
#include "pagecache.h"
#include "vfs_internal.h"

#define FAULT_AROUND 16 /* pages, a power of two */

static uint64_t memobj_bytes(const struct inode *inode)
{
	return ALIGN_UP((uint64_t)__atomic_load_n(&inode->size, __ATOMIC_ACQUIRE), QUOIN_PAGE_SIZE);
}

static void memobj_resize_locked(struct inode *inode)
{
	uint64_t want = memobj_bytes(inode);

	if (inode->memobj_size != want && quoin_memobj_resize(inode->memobj, want) >= 0)
		inode->memobj_size = want;
}

/* Either this sees the object, or who makes it sees the new size: each writes before it looks. */
void inode_memobj_follow_size(struct inode *inode)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!__atomic_load_n(&inode->memobj, __ATOMIC_ACQUIRE))
		return;
	mutex_lock(&inode->pages.lock);
	memobj_resize_locked(inode);
	mutex_unlock(&inode->pages.lock);
}

long inode_memobj(struct inode *inode)
{
	long memobj = inode->memobj;

	if (memobj)
		return memobj;
	mutex_lock(&inode->pages.lock);
	memobj = inode->memobj;
	if (!memobj) {
		uint64_t bytes = memobj_bytes(inode);

		memobj = quoin_memobj_create(QUOIN_MEMOBJ_FILE, bytes);
		if (memobj > 0) {
			inode->memobj_size = bytes;
			__atomic_store_n(&inode->memobj, (quoin_handle)memobj, __ATOMIC_SEQ_CST);
			memobj_resize_locked(inode);
		}
	}
	mutex_unlock(&inode->pages.lock);
	return memobj;
}

/* The index's lock is held and the page is in it. */
static int supply_locked(struct inode *inode, struct page *page, uint64_t nr, bool writable)
{
	uint32_t flags = writable ? QUOIN_SUPPLY_WRITABLE : 0;
	long error = quoin_memobj_supply(inode->memobj, page->index << QUOIN_PAGE_SHIFT, arena_memobj,
					 (uint64_t)page_number(page) << QUOIN_PAGE_SHIFT, nr, flags);

	if (error < 0)
		return error == -QERR_NOMEM ? -ENOMEM : -EFAULT;
	for (uint64_t i = 0; i < nr; i++) {
		uint32_t old = atomic_fetch_or(&page[i].state, PAGE_MAPPED | (writable ? PAGE_WRITABLE : 0));

		if (!(old & PAGE_MAPPED))
			atomic_fetch_add(&page_counters.mapped, 1);
	}
	return 0;
}

static bool may_supply_around(const struct page *page)
{
	return page && (page_state(page) & (PAGE_VALID | PAGE_MAPPED | PAGE_BUSY)) == PAGE_VALID;
}

/* What is cached near by comes along: the next faults don't happen. In runs that are runs in the arena. */
static void supply_around_locked(struct inode *inode, uint64_t index, bool writable)
{
	uint64_t at = index & ~(uint64_t)(FAULT_AROUND - 1), end = at + FAULT_AROUND;
	uint64_t size_end = memobj_bytes(inode) >> QUOIN_PAGE_SHIFT;

	if (end > size_end)
		end = size_end;
	while (at < end) {
		struct page *first = page_index_peek(&inode->pages, at);
		uint64_t nr = 1;

		if (!may_supply_around(first)) {
			at++;
			continue;
		}
		while (at + nr < end && page_index_peek(&inode->pages, at + nr) == first + nr &&
		       may_supply_around(first + nr))
			nr++;
		if (supply_locked(inode, first, nr, writable))
			return;
		at += nr;
	}
}

/* A valid page at index, reading a window around the fault. */
static int fault_obtain(struct inode *inode, uint64_t index, struct page **out)
{
	uint64_t end = memobj_bytes(inode) >> QUOIN_PAGE_SHIFT;

	if (index >= end)
		return -EFAULT;
	if (atomic_load(&inode->flags) & INODE_MEMORY) {
		int error = page_obtain_zeroed(inode, index, out);

		return error == -ENOSPC ? -EIO : error;
	}
	if (!page_index_peek(&inode->pages, index)) {
		uint64_t start = index & ~(uint64_t)(FAULT_AROUND - 1);
		long filled;

		if (page_index_peek(&inode->pages, start))
			start = index;
		filled = page_fill(inode, start, (unsigned)MIN(end - start, (uint64_t)FAULT_AROUND));
		if (filled == -ENOMEM)
			return -ENOMEM;
	}
	return page_obtain(inode, index, out);
}

/* Still this inode's page, and within the file? Under the index's lock. */
static bool page_belongs_locked(const struct inode *inode, const struct page *page, uint64_t index)
{
	return page->inode == inode && page->index == index && index << QUOIN_PAGE_SHIFT < memobj_bytes(inode);
}

static int fault_supply(struct inode *inode, uint64_t index, bool write)
{
	bool memory = atomic_load(&inode->flags) & INODE_MEMORY;
	struct page *page;
	long memobj;
	int error = fault_obtain(inode, index, &page);

	if (error)
		return error;
	memobj = inode_memobj(inode);
	if (memobj < 0) {
		page_put(page);
		return -ENOMEM;
	}
	mutex_lock(&inode->pages.lock);
	if (page_belongs_locked(inode, page, index)) {
		error = supply_locked(inode, page, 1, write || memory || (page_state(page) & PAGE_WRITABLE));
		if (!error && !write)
			supply_around_locked(inode, index, memory);
	} else {
		error = -EAGAIN;
	}
	mutex_unlock(&inode->pages.lock);
	if (!error && write)
		page_set_dirty(page);
	page_put(page);
	return error;
}

static int fault_resolve(struct inode *inode, uint64_t offset, bool write)
{
	int error;

	do {
		error = fault_supply(inode, offset >> QUOIN_PAGE_SHIFT, write);
	} while (error == -EAGAIN); /* the page went away meanwhile: its successor, or -EFAULT */
	return error;
}

int pagecache_fault(struct inode *inode, uint64_t offset)
{
	return fault_resolve(inode, offset, false);
}

int pagecache_mkwrite(struct inode *inode, uint64_t offset)
{
	int error = fault_resolve(inode, offset, true);

	if (!error)
		inode_touch_mtime(inode);
	return error;
}

int pagecache_mmap(struct file *file, struct vma *vma)
{
	(void)vma;
	inode_touch_atime(file);
	return 0;
}
