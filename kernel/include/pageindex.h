/*
 * A radix tree from page numbers to 64-bit entries; 0 is "nothing".  No locks, no reference counts:
 * the owner has them.  A one-page object needs no node at all.
 */
#ifndef KERNEL_PAGEINDEX_H
#define KERNEL_PAGEINDEX_H

#include "base.h"

#define PAGE_INDEX_BITS      6
#define PAGE_INDEX_FAN       (1u << PAGE_INDEX_BITS)
#define PAGE_INDEX_MAX_PAGES (1ul << 36) /* indices are below it */

struct account;

struct page_node {
	uint32_t used; /* slots that are not 0 */
	uint64_t slots[PAGE_INDEX_FAN];
};

struct page_index {
	uint64_t root; /* height 0: the entry of page 0; else a struct page_node * */
	uint32_t height;
	uint64_t nr_pages;       /* entries that are not 0 */
	struct account *account; /* charged for the nodes */
};

void page_index_init(struct page_index *index, struct account *account);
uint64_t page_index_get(const struct page_index *index, uint64_t page);
/* Where page's entry is, for in-place change between non-zero values; NULL if there is none. */
uint64_t *page_index_slot(struct page_index *index, uint64_t page);
/* Sets an entry (value not 0). -QERR_NOMEM. */
long page_index_set(struct page_index *index, uint64_t page, uint64_t value);
/* Empties an entry and returns what it was. */
uint64_t page_index_remove(struct page_index *index, uint64_t page);
/* Empties the index, handing the entries to drop in arrays. */
void page_index_clear(struct page_index *index, void (*drop)(const uint64_t *values, unsigned nr));
/* Entries of up to nr pages from page on: as many as lie side by side, at least one. */
unsigned page_index_row(const struct page_index *index, uint64_t page, unsigned nr, uint64_t *values);
/* The first page >= page and < end with an entry (in *value), or end. */
uint64_t page_index_next(const struct page_index *index, uint64_t page, uint64_t end, uint64_t *value);

#endif
