/* SPDX-License-Identifier: MIT */
/* Where free pages come from and go to, and the care that some always remain. */
#ifndef POSIX_PAGE_POOL_H
#define POSIX_PAGE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct page;

/* A free page with one reference and no state; NULL: no memory. */
struct page *page_alloc(bool zeroed);
/* Its last reference is gone. */
void page_free(struct page *page);
/* Number of pages in the arena, and in use. */
int page_pool_init(uint64_t nr_pages);
uint64_t page_pool_size(void);
uint64_t page_pool_used(void);
/* In use, or free and still with a frame. */
uint64_t page_pool_frames(void);
/* No page from this number on was ever used: looking at its struct page would cost memory. */
uint64_t page_pool_touched(void);
/* Free pages of the machine, and the level below which caches should shrink. */
uint64_t memory_free_pages(void);
uint64_t memory_low_pages(void);
/* The reclaimer sleeps here. */
void page_pool_wait_pressure(uint64_t deadline_ns);

#endif
