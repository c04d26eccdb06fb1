/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing through the page cache, read-ahead, and changes of size.
 *
 * A read of cached pages takes no lock: it finds the page, holds a reference over the copy, and lets go.
 * A write holds inode->lock, but no page: the copy from the application may fault on any page, this very
 * one included.
 */
#include <quoin/runtime.h>

#include "attr.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "memfd.h"
#include "page.h"
#include "page_index.h"
#include "page_pool.h"
#include "pagecache.h"

#define READAHEAD_FIRST 8
#define FILE_SIZE_MAX   (1ll << 43)

static inline uint64_t size_pages(int64_t size)
{
	return ((uint64_t)size + QUOIN_PAGE_SIZE - 1) >> QUOIN_PAGE_SHIFT;
}

static inline int64_t inode_size(const struct inode *inode)
{
	return __atomic_load_n(&inode->size, __ATOMIC_ACQUIRE);
}

/* ---- reading ---- */

/* How many pages to read at a miss: twice as many each time while the reader goes straight on. */
static unsigned readahead_window(struct file *file, uint64_t index, uint64_t wanted)
{
	unsigned window = (unsigned)(wanted < PAGES_PER_IO ? wanted : PAGES_PER_IO);

	if (index == file->readahead_next) {
		unsigned twice = file->readahead_pages ? file->readahead_pages * 2 : READAHEAD_FIRST;

		if (window < twice)
			window = twice;
		if (window > PAGES_PER_IO)
			window = PAGES_PER_IO;
		file->readahead_pages = window;
	} else {
		file->readahead_pages = 0;
	}
	return window;
}

/* The page isn't there or not valid yet. *out NULL: a hole in a file in memory. */
static int read_miss(struct file *file, uint64_t index, size_t len, struct page **out)
{
	struct inode *inode = file->inode;
	uint64_t end = size_pages(inode_size(inode));
	unsigned window;

	if (atomic_load(&inode->flags) & INODE_MEMORY) {
		*out = page_lookup(inode, index);
		return 0;
	}
	window = readahead_window(file, index, size_pages((int64_t)len) + 1);
	if (index < end && window > end - index)
		window = (unsigned)(end - index);
	if (!page_index_peek(&inode->pages, index)) {
		long filled = page_fill(inode, index, window);

		if (filled < 0)
			return (int)filled;
		file->readahead_next = index + (uint64_t)filled;
	}
	return page_obtain(inode, index, out);
}

static inline void page_touch(struct page *page)
{
	if (!(page_state(page) & PAGE_REFERENCED))
		atomic_fetch_or_explicit(&page->state, PAGE_REFERENCED, memory_order_relaxed);
}

/* From one page: bytes copied, or -errno. */
static long read_page(struct file *file, struct io_iter *iter, int64_t pos, size_t len)
{
	uint64_t index = (uint64_t)pos >> QUOIN_PAGE_SHIFT;
	size_t copied;
	struct page *page = page_lookup(file->inode, index);
	int error;

	if (unlikely(!page || !(page_state(page) & PAGE_VALID))) {
		if (page)
			page_put(page);
		error = read_miss(file, index, iter->count, &page);
		if (error)
			return error;
		if (!page)
			return (long)iter_zero_out(iter, len);
	}
	page_touch(page);
	copied = iter_copy_out(iter, (char *)page_address(page) + (pos & (QUOIN_PAGE_SIZE - 1)), len);
	page_put(page);
	return (long)copied;
}

long pagecache_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	long done = 0, copied = 0;

	if (!iter->count)
		return 0;
	while (iter->count) {
		int64_t size = inode_size(file->inode);
		size_t len = QUOIN_PAGE_SIZE - (*pos & (QUOIN_PAGE_SIZE - 1));

		if (*pos >= size)
			break;
		if ((int64_t)len > size - *pos)
			len = (size_t)(size - *pos);
		if (len > iter->count)
			len = iter->count;
		copied = read_page(file, iter, *pos, len);
		if (copied > 0) {
			done += copied;
			*pos += copied;
		}
		if (copied < (long)len)
			break;
	}
	inode_touch_atime(file);
	if (done)
		return done;
	if (copied < 0)
		return copied;
	return *pos < inode_size(file->inode) ? -EFAULT : 0;
}

/* ---- size ---- */

/* Applications may have written behind the end in the last page of a mapping: it must not show now. */
static void size_zero_tail(struct inode *inode, int64_t size)
{
	size_t offset = size & (QUOIN_PAGE_SIZE - 1);
	struct page *page;

	if (!offset || !inode->memobj)
		return;
	page = page_lookup(inode, (uint64_t)size >> QUOIN_PAGE_SHIFT);
	if (!page)
		return;
	if (page_state(page) & PAGE_VALID)
		memset((char *)page_address(page) + offset, 0, QUOIN_PAGE_SIZE - offset);
	page_put(page);
}

static void size_extend(struct inode *inode, int64_t size)
{
	size_zero_tail(inode, inode->size);
	__atomic_store_n(&inode->size, size, __ATOMIC_RELEASE);
	inode_memobj_follow_size(inode);
}

/* All pages from index on. */
static void pages_drop_from(struct inode *inode, uint64_t index)
{
	for (;;) {
		struct page *page;

		mutex_lock(&inode->pages.lock);
		page = page_index_next(&inode->pages, index, false);
		if (page)
			page_get(page);
		mutex_unlock(&inode->pages.lock);
		if (!page)
			return;
		page_detach(inode, page);
		page_put(page);
	}
}

static int zero_in_page(struct inode *inode, uint64_t index, size_t from, size_t to)
{
	struct page *page;
	int error;

	if (atomic_load(&inode->flags) & INODE_MEMORY) {
		page = page_lookup(inode, index);
		error = 0;
	} else {
		error = page_obtain(inode, index, &page);
	}
	if (error || !page)
		return error;
	memset((char *)page_address(page) + from, 0, to - from);
	page_set_dirty(page);
	page_put(page);
	return 0;
}

int pagecache_truncate_prepare(struct inode *inode, int64_t size)
{
	size_t offset = size & (QUOIN_PAGE_SIZE - 1);

	if (!offset)
		return 0;
	return zero_in_page(inode, (uint64_t)size >> QUOIN_PAGE_SHIFT, offset, QUOIN_PAGE_SIZE);
}

void pagecache_truncate(struct inode *inode, int64_t size)
{
	if (size >= inode->size) {
		size_extend(inode, size);
		return;
	}
	__atomic_store_n(&inode->size, size, __ATOMIC_RELEASE);
	inode_memobj_follow_size(inode);
	pages_drop_from(inode, size_pages(size));
}

int pagecache_zero_range(struct inode *inode, int64_t start, int64_t end)
{
	int error = 0;

	while (!error && start < end) {
		uint64_t index = (uint64_t)start >> QUOIN_PAGE_SHIFT;
		size_t from = start & (QUOIN_PAGE_SIZE - 1);
		size_t to = end - start < (int64_t)(QUOIN_PAGE_SIZE - from) ? from + (end - start)
									    : QUOIN_PAGE_SIZE;
		struct page *page = NULL;

		if (from || to < QUOIN_PAGE_SIZE) {
			error = zero_in_page(inode, index, from, to);
		} else if (atomic_load(&inode->flags) & INODE_MEMORY) {
			page = page_lookup(inode, index);
			if (page)
				page_detach(inode, page);
		} else {
			error = page_obtain_zeroed(inode, index, &page);
			if (!error) {
				memset(page_address(page), 0, QUOIN_PAGE_SIZE);
				page_set_dirty(page);
			}
		}
		if (page)
			page_put(page);
		start += (int64_t)(to - from);
	}
	return error;
}

void pagecache_drop(struct inode *inode)
{
	if (inode->pages.nr_pages)
		pages_drop_from(inode, 0);
	page_index_free(&inode->pages);
	if (inode->memobj)
		quoin_handle_close(inode->memobj);
	inode->memobj = 0;
}

/* ---- writing ---- */

/* The page to write into: what is there, zeroes behind the end, else what the disk has. */
static int write_page_obtain(struct inode *inode, uint64_t index, struct page **out)
{
	struct page *page = page_lookup(inode, index);

	if (likely(page && (page_state(page) & PAGE_VALID))) {
		*out = page;
		return 0;
	}
	if (page)
		page_put(page);
	if ((atomic_load(&inode->flags) & INODE_MEMORY) || index >= size_pages(inode->size))
		return page_obtain_zeroed(inode, index, out);
	return page_obtain(inode, index, out);
}

static long write_page(struct inode *inode, struct io_iter *iter, int64_t pos, size_t len)
{
	struct page *page;
	size_t copied;
	int error = write_page_obtain(inode, (uint64_t)pos >> QUOIN_PAGE_SHIFT, &page);

	if (error)
		return error;
	copied = iter_copy_in(iter, (char *)page_address(page) + (pos & (QUOIN_PAGE_SIZE - 1)), len);
	if (copied) {
		page_touch(page);
		/* The size first: write-back writes nothing behind it, and would take the page for clean. */
		if (pos + (int64_t)copied > inode->size)
			size_extend(inode, pos + (int64_t)copied);
		page_set_dirty(page);
	}
	page_put(page);
	return (long)copied;
}

static long write_check(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct inode *inode = file->inode;

	if (atomic_load_explicit(&file->flags, memory_order_relaxed) & LINUX_O_APPEND)
		*pos = inode->size;
	if (*pos >= FILE_SIZE_MAX)
		return -EFBIG;
	if ((int64_t)iter->count > FILE_SIZE_MAX - *pos)
		iter->count = (size_t)(FILE_SIZE_MAX - *pos);
	if (iter->len > iter->count)
		iter->len = iter->count;
	if (unlikely(inode->seals & MEMFD_SEAL_WRITE))
		return -EPERM;
	if (unlikely(inode->seals & MEMFD_SEAL_GROW) && *pos + (int64_t)iter->count > inode->size)
		return -EPERM;
	attr_strip_privilege(inode);
	return 0;
}

static long write_locked(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct inode *inode = file->inode;
	long done = 0, copied = write_check(file, iter, pos);

	if (copied)
		return copied;
	while (iter->count) {
		size_t len = QUOIN_PAGE_SIZE - (*pos & (QUOIN_PAGE_SIZE - 1));

		if (len > iter->count)
			len = iter->count;
		copied = write_page(inode, iter, *pos, len);
		if (copied > 0) {
			done += copied;
			*pos += copied;
		}
		if (copied < (long)len)
			break;
		writeback_balance(inode);
	}
	if (done)
		inode_touch_mtime(inode);
	return done ? done : copied < 0 ? copied : -EFAULT;
}

long pagecache_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct inode *inode = file->inode;
	long result;

	if (!iter->count)
		return 0;
	mutex_lock(&inode->lock);
	result = write_locked(file, iter, pos);
	mutex_unlock(&inode->lock);
	return result;
}

/* ---- hints and figures ---- */

uint64_t pagecache_memory_limit(void)
{
	return runtime_info()->total_pages / 2;
}

void pagecache_prefetch(struct inode *inode, uint64_t offset, uint64_t len)
{
	uint64_t index = offset >> QUOIN_PAGE_SHIFT, end = size_pages(inode_size(inode));

	if (len < ((uint64_t)1 << 62) && index + (len >> QUOIN_PAGE_SHIFT) + 1 < end)
		end = index + (len >> QUOIN_PAGE_SHIFT) + 1;
	if (atomic_load(&inode->flags) & INODE_MEMORY)
		return;
	while (index < end) {
		long filled = page_fill(inode, index, (unsigned)MIN(end - index, (uint64_t)PAGES_PER_IO));

		if (filled < 0 || memory_free_pages() < memory_low_pages())
			return;
		index += filled ? (uint64_t)filled : 1;
	}
}

bool pagecache_has(struct inode *inode, uint64_t offset)
{
	struct page *page = page_lookup(inode, offset >> QUOIN_PAGE_SHIFT);
	bool valid = page && (page_state(page) & PAGE_VALID);

	if (page)
		page_put(page);
	return valid;
}

void pagecache_totals(struct pagecache_totals *out)
{
	out->cached = (uint64_t)atomic_load(&page_counters.cached);
	out->dirty = (uint64_t)atomic_load(&page_counters.dirty);
	out->writeback = (uint64_t)atomic_load(&page_counters.writeback);
	out->memory_only = (uint64_t)atomic_load(&page_counters.memory_only);
	out->mapped = (uint64_t)atomic_load(&page_counters.mapped);
	out->arena = page_pool_size();
}
