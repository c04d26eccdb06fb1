/* SPDX-License-Identifier: MIT */
/*
 * Which page of a file is where: a radix tree of 64-way nodes, index -> struct page.
 *
 * Lookups take no lock.  That is safe because nodes are freed only with the whole index, pages are never
 * freed as memory, and a page found is believed only after a reference was taken and it still says that it
 * is this inode's page at this index.  Changes and walks are made under the index's lock.
 * Each node knows which of its slots are used, and which hold or lead to dirty pages.
 */
#ifndef POSIX_PAGE_INDEX_H
#define POSIX_PAGE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

struct page;
struct page_index;

/* Whatever is at index now; the caller verifies. NULL: nothing. */
struct page *page_index_peek(const struct page_index *pages, uint64_t index);

/* The lock is held in all of these. -ENOMEM, -EEXIST. */
int page_index_insert(struct page_index *pages, uint64_t index, struct page *page);
void page_index_remove(struct page_index *pages, uint64_t index);
void page_index_set_dirty(struct page_index *pages, uint64_t index, bool dirty);
/* The first page (dirty page) at or behind index; NULL: none. */
struct page *page_index_next(const struct page_index *pages, uint64_t index, bool dirty);
/* Frees the nodes; the index is empty. */
void page_index_free(struct page_index *pages);

#endif
