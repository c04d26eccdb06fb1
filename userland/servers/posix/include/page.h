/* SPDX-License-Identifier: MIT */
/* Single pages: references, the busy bit, entering and leaving an inode's index. For the page cache only. */
#ifndef POSIX_PAGE_H
#define POSIX_PAGE_H

#include "pagecache.h"

struct page_counters {
	atomic_long cached;      /* in some index, of a file with a home on disk */
	atomic_long memory_only; /* in some index, of a file in memory */
	atomic_long dirty, writeback, mapped;
};
extern struct page_counters page_counters;

static inline uint32_t page_state(const struct page *page)
{
	return atomic_load_explicit(&page->state, memory_order_acquire);
}

/* The page at index with a reference, whatever its state; NULL: none. */
struct page *page_lookup(struct inode *inode, uint64_t index);
bool page_try_get(struct page *page);

/* The busy bit: held while a page is filled or taken out. It is no mutex: any thread may release it. */
void page_busy_lock(struct page *page);
bool page_busy_trylock(struct page *page);
void page_busy_unlock(struct page *page);
/* Until nobody holds it. */
void page_busy_wait(struct page *page);

/* Puts a new page into the index, which takes a second reference. -EEXIST, -ENOMEM: nothing happened. */
int page_attach(struct inode *inode, uint64_t index, struct page *page, uint32_t state);
/* Takes it out; busy bit and the index's lock are held. The index's reference is the caller's. */
void page_detach_locked(struct inode *inode, struct page *page);
/* The same for a page of which the caller has a reference, which it keeps. */
void page_detach(struct inode *inode, struct page *page);
/*
 * A zeroed valid page at index, or the one that is there (then valid too); with a reference.  -ENOSPC: files in
 * memory have all they may.
 */
int page_obtain_zeroed(struct inode *inode, uint64_t index, struct page **out);
/* Reads up to nr pages from index on into the cache, until one is there already. How many, or -errno. */
long page_fill(struct inode *inode, uint64_t index, unsigned nr);

#define PAGES_PER_IO 128

/* Writers slow down, the flusher wakes. */
void writeback_balance(struct inode *inode);

#endif
