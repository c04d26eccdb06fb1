/*
 * Memory objects: sets of pages that address spaces map.  The theory is at the head of mm/memobj.c.
 */
#ifndef KERNEL_MEMOBJ_H
#define KERNEL_MEMOBJ_H

#include "list.h"
#include "mm.h"
#include "object.h"
#include "pageindex.h"
#include "spinlock.h"

/* The kinds of the interface, and one more that memobj_physical makes. */
#define MEMOBJ_PHYSICAL 3

/* Entries of the page index: frame address and flags. */
#define PAGE_VALID    BIT(0)
#define PAGE_WRITABLE BIT(1) /* FILE: shared mappings may write it at once */
#define PAGE_ADDR     0x000ffffffffff000ul

/* [l] lock   [I] immutable */
struct memobj {
	struct object object;
	uint32_t kind;     /* [I] */
	uint64_t physical; /* [I] PHYSICAL, DMA: address of the first page */
	struct spinlock lock;
	uint64_t size;            /* [l] bytes */
	struct page_index pages;  /* [l] ANON, FILE */
	struct list_node regions; /* [l] of region.memobj_node, and scan markers */
};

long memobj_new(uint32_t kind, uint64_t size, struct account *account, struct memobj **memobj);
/* Over a physical range, which the caller vouches for. */
long memobj_new_physical(uint64_t pa, uint64_t size, struct account *account, struct memobj **memobj);

/*
 * The frame at offset for a mapping; lock held.  Returns the entry, 0 if there is none (ANON: call
 * memobj_fill_locked).
 */
uint64_t memobj_page_locked(struct memobj *memobj, uint64_t offset);
/* ANON: allocates a zeroed frame at offset if there is none.  0 when out of memory. */
uint64_t memobj_fill_locked(struct memobj *memobj, uint64_t offset);

/*
 * The entries of some pages from offset on, which is below end: how many, at most MEMOBJ_ROW; 0 stands
 * for a page that does not exist.  Lock held.
 */
#define MEMOBJ_ROW PAGE_INDEX_FAN
unsigned memobj_row_locked(struct memobj *memobj, uint64_t offset, uint64_t end, uint64_t *pages);

/*
 * The operations behind the calls; pages are numbers, ranges have been checked to be below
 * PAGE_INDEX_MAX_PAGES.
 */
long memobj_take_out(struct memobj *memobj, uint64_t first, uint64_t nr);
long memobj_commit(struct memobj *memobj, uint64_t first, uint64_t nr);
long memobj_supply(struct memobj *dst, uint64_t dst_first, struct memobj *src, uint64_t src_first, uint64_t nr,
		   uint32_t flags);
void memobj_clean(struct memobj *memobj, uint64_t first, uint64_t nr);
long memobj_resize(struct memobj *memobj, uint64_t size);

#endif
