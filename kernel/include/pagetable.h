/*
 * Page tables of x86-64: walking, filling and emptying.  No locks here: the caller holds the lock of
 * the aspace that the root belongs to.
 */
#ifndef KERNEL_PAGETABLE_H
#define KERNEL_PAGETABLE_H

#include "mm.h"

#define PTE_PRESENT  BIT(0)
#define PTE_WRITE    BIT(1)
#define PTE_USER     BIT(2)
#define PTE_PWT      BIT(3)
#define PTE_PCD      BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)
#define PTE_LARGE    BIT(7)
#define PTE_GLOBAL   BIT(8)
#define PTE_PRIVATE  BIT(9)  /* ours: the frame is this aspace's own or COW, not the object's */
#define PTE_DEVICE   BIT(10) /* ours: no struct frame stands behind it, nothing to put */
#define PTE_NX       BIT(63)
#define PTE_ADDR     0x000ffffffffff000ul

#define ROOT_SLOTS       512
#define ROOT_SLOT_SERVER 256 /* first of the server region */
#define ROOT_NR_SERVER   16
#define ROOT_SLOT_KERNEL 384               /* first of the kernel half */
#define TABLE_SPAN       (512 * PAGE_SIZE) /* what one last-level table maps */

/* The kernel's root: its upper half is in every root, its lower half is empty. Set by arch at boot. */
extern uint64_t kernel_root;

struct aspace;

/*
 * The entry for addr, or NULL if no table is there.  pt_walk_create makes the tables; NULL when out of
 * memory.
 */
uint64_t *pt_walk(const struct aspace *aspace, uintptr_t addr);
uint64_t *pt_walk_create(struct aspace *aspace, uintptr_t addr);

/*
 * The first address >= addr and < end whose last-level table exists (addr itself if its table does),
 * or end: skips holes in sparse ranges.
 */
uintptr_t pt_next_table(const struct aspace *aspace, uintptr_t addr, uintptr_t end);

/*
 * Frees the last-level table for addr, and those above it, if they have become empty: they go to the
 * chain *freed (linked by their first word) and may be released only after the TLBs are flushed.
 */
void pt_prune(struct aspace *aspace, uintptr_t addr, uint64_t *freed);
void pt_release_chain(uint64_t freed);

/* Last-level entries that were empty are filled, or some are emptied: keeps their table's count. */
static inline void pt_count(uint64_t *pte, int delta)
{
	struct frame *frame = frame_of(virt_to_phys(pte));

	frame->refs += delta;
}

/* Entries of pte's table that are not empty. */
static inline unsigned pt_used(const uint64_t *pte)
{
	return frame_of(virt_to_phys(pte))->refs - 1;
}

/* How many of the nr entries from pte on are surely empty; tables are sparse, so it looks at four at once. */
static inline unsigned pt_empty(const uint64_t *pte, unsigned nr)
{
	unsigned i = 0;

	while (i + 4 <= nr && !(pte[i] | pte[i + 1] | pte[i + 2] | pte[i + 3]))
		i += 4;
	return i;
}

/* Roots. */
long pt_roots_create(struct aspace *aspace, const struct aspace *server);
void pt_roots_destroy(struct aspace *aspace);

/* Kernel half: maps one page; the upper tables are allocated. -QERR_NOMEM. */
long pt_kernel_map(uintptr_t va, uint64_t pa, uint64_t flags);
/* Empties one entry and returns what it was; the caller flushes. */
uint64_t pt_kernel_unmap(uintptr_t va);
/* Makes sure that every PML4 slot of the kernel half has its table, once at boot, before any aspace. */
void pt_kernel_init(void);

#endif
