/* SPDX-License-Identifier: MIT */
/*
 * The page cache: the contents of files, in pages of one memory object, the arena.
 *
 * Page number n is at arena_base + n * 4096 in the server and at that offset in the arena object, so a
 * cached read is a copy and nothing else, and a file system server names pages by number for DMA.
 *
 * States of a page
 *   free      in the pool; warm (has a frame) or cold (decommitted)
 *   filling   PAGE_BUSY, in its inode's index, I/O under way; others wait
 *   valid     PAGE_VALID: holds the file's bytes
 *   dirty     PAGE_DIRTY: newer than the disk; PAGE_WRITEBACK while being written
 *   detached  out of its index (truncated) but still referenced; free at the last page_put
 * PAGE_MAPPED says that the frame was supplied to the inode's FILE object and so may be in
 * applications' page tables.
 *
 * A page belongs to its inode's index while it is there; page_get adds a reference against reclaim and
 * reuse.  Nobody holds a lock while copying to or from a page.
 *
 * Legend: [a] atomic, [p] lock of the inode's index, [q] the pool's lock.
 */
#ifndef POSIX_PAGECACHE_H
#define POSIX_PAGECACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/layout.h>
#include <quoin/types.h>

struct inode;
struct file;
struct io_iter;
struct superblock;
struct vma;

#define PAGE_VALID      (1u << 0)
#define PAGE_BUSY       (1u << 1)
#define PAGE_DIRTY      (1u << 2)
#define PAGE_WRITEBACK  (1u << 3)
#define PAGE_MAPPED     (1u << 4)
#define PAGE_WRITABLE   (1u << 5) /* supplied writable: shared mappings may write */
#define PAGE_REFERENCED (1u << 6)
#define PAGE_WAITERS    (1u << 7)

struct page {
	_Atomic uint32_t state; /* [a] PAGE_*; a futex word */
	atomic_uint refs;       /* [a] the index's, and users' */
	struct inode *inode;    /* [p] NULL: free or detached */
	uint64_t index;         /* [p] */
	struct page *next_free; /* [q] */
};

extern char *arena_base;
extern struct page *arena_pages;
extern quoin_handle arena_memobj;

static inline uint32_t page_number(const struct page *page)
{
	return (uint32_t)(page - arena_pages);
}

static inline void *page_address(const struct page *page)
{
	return arena_base + ((uint64_t)page_number(page) << QUOIN_PAGE_SHIFT);
}

/* Start-up: the arena of nr_pages, then the flusher and reclaimer threads. */
int pagecache_init(uint64_t nr_pages);
void pagecache_start(void);

/* ---- for mm (no lock of the VFS held; LOCK_MM may be) ---- */

/* The inode's FILE object, created at first use: a handle that stays the inode's, or -errno. */
long inode_memobj(struct inode *inode);
/* The object follows the file's size, which is written already. */
void inode_memobj_follow_size(struct inode *inode);
/*
 * Resolve a missing page: reads it in and supplies it. 0, -EFAULT beyond the end (SIGBUS), -EIO (SIGBUS),
 * -ENOMEM.  offset: of the page in the file.
 */
int pagecache_fault(struct inode *inode, uint64_t offset);
/* Before the first write to a clean page of a shared mapping: makes it dirty and writable. */
int pagecache_mkwrite(struct inode *inode, uint64_t offset);
/* Read ahead of use (MAP_POPULATE, madvise WILLNEED, readahead); errors don't matter. */
void pagecache_prefetch(struct inode *inode, uint64_t offset, uint64_t len);
/* Write dirty pages of a range and wait (msync, fsync). */
int pagecache_flush(struct inode *inode, int64_t start, int64_t end);
/* Is the page at offset cached? For mincore. */
bool pagecache_has(struct inode *inode, uint64_t offset);
/* Totals in pages for meminfo, sysinfo. */
struct pagecache_totals {
	uint64_t cached, dirty, writeback, memory_only, mapped, arena;
};
void pagecache_totals(struct pagecache_totals *out);
/* The most pages that files in memory may take. */
uint64_t pagecache_memory_limit(void);
/* Memory is short: frees up to nr_pages clean pages; how many. */
uint64_t pagecache_reclaim(uint64_t nr_pages);

/* ---- for file systems and the VFS ---- */

long pagecache_read(struct file *file, struct io_iter *iter, int64_t *pos);
long pagecache_write(struct file *file, struct io_iter *iter, int64_t *pos);
/* The valid page at index with a reference, reading it in if need be. */
int page_obtain(struct inode *inode, uint64_t index, struct page **out);
void page_get(struct page *page);
void page_put(struct page *page);
void page_set_dirty(struct page *page);
/*
 * Changes of size, under inode->lock.  _prepare comes first and may read (the page that is cut is made
 * dirty, so that its new zeroes reach the disk); pagecache_truncate runs under flush_lock as well, sets the
 * size and drops the pages behind it.  Nothing on disk changes.
 */
int pagecache_truncate_prepare(struct inode *inode, int64_t size);
void pagecache_truncate(struct inode *inode, int64_t size);
/* Under inode->lock: zeroes [start, end), which must lie within the file. */
int pagecache_zero_range(struct inode *inode, int64_t start, int64_t end);
/* All pages of an inode that nobody uses any more, without writing. */
void pagecache_drop(struct inode *inode);
/* All dirty inodes of a file system, or of all (NULL), to the disk and there to stay. */
int pagecache_sync(struct superblock *sb);
/* The pages and times of one, not yet for good. */
int pagecache_flush_inode(struct inode *inode);
/* The same and there to stay; also what the flusher failed to write since the last time is an error. */
int pagecache_sync_inode(struct inode *inode, bool data_only);
/* file_ops.fsync of files in the cache. */
int pagecache_fsync(struct file *file, bool data_only);
/* file_ops.mmap of files in the cache: they back their mappings with inode_memobj. */
int pagecache_mmap(struct file *file, struct vma *vma);
void inode_mark_dirty(struct inode *inode);

#endif
