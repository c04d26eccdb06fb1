/* What the files of the address space share. */
#ifndef KERNEL_MM_MAPPING_H
#define KERNEL_MM_MAPPING_H

#include "aspace.h"
#include "pagetable.h"

#define FAULT_AROUND 16 /* pages, a power of two below 512 */

/*
 * Page-table flags of region's protection, without the right to write.  Memory that nobody may
 * access is not present, for the kernel's own user copies have to fault on it, too; its entry is
 * not 0.
 */
static inline uint64_t pte_flags(const struct region *region)
{
	uint64_t flags = PTE_ACCESSED;

	if (region->prot)
		flags |= PTE_PRESENT | PTE_USER;
	if (!(region->prot & QUOIN_PROT_EXEC))
		flags |= PTE_NX;
	if (region->flags & QUOIN_MAP_UNCACHED)
		flags |= PTE_PCD | PTE_PWT;
	return flags;
}

/* True if len bytes at addr may be mapped in this aspace; both are multiples of the page. */
bool aspace_range_ok(const struct aspace *aspace, uintptr_t addr, uint64_t len);

/* A region charged to aspace, not inserted; NULL: no memory. */
struct region *region_new(struct aspace *aspace);
void region_free(struct region *region);

/*
 * Takes a region into the books (tree, mapped_pages, the object's list with a reference on the
 * object), or out of them.  Aspace locked.  region_detach leaves the reference to region_release,
 * which is called without the lock.
 */
void region_attach(struct aspace *aspace, struct region *region);
void region_detach(struct aspace *aspace, struct region *region);
void region_release(struct region *region);

/* Splits the region that contains addr inside, so that one begins there. -QERR_NOMEM. Locked. */
long region_split(struct aspace *aspace, uintptr_t addr);
/* Joins anonymous neighbours of region that look the same; returns the survivor. Locked. */
struct region *region_merge(struct aspace *aspace, struct region *region);

/*
 * Empties page-table entries in [addr, end) into batch until it is full, and returns where it
 * stopped. PRIVATE entries are left alone unless with_private.  Locked.
 */
uintptr_t mapping_zap(struct aspace *aspace, uintptr_t addr, uintptr_t end, bool with_private,
		      struct tlb_batch *batch);
/* Takes the right to write away in [addr, end) from entries that are not PRIVATE.  Locked. */
void mapping_protect_shared(struct aspace *aspace, uintptr_t addr, uintptr_t end, struct tlb_batch *batch);

/* Locks aspace to resolve an access at addr (a page); before a write, flushes what a clone that runs has not. */
void fault_lock(struct aspace *aspace, uintptr_t addr, bool write);
/*
 * Resolves access at addr (a page) of region: enum quoin_fault_kind, FAULT_NONE when done.  With
 * force the region's protection is ignored (for ptrace).  Locked; what became stale goes to batch.
 */
unsigned fault_resolve_locked(struct aspace *aspace, struct region *region, uintptr_t addr, unsigned access,
			      bool force, struct tlb_batch *batch);
/* Maps the pages of region's object that exist in [addr, end), within one table.  Locked. */
void mapping_fill_present(struct aspace *aspace, struct region *region, uintptr_t addr, uintptr_t end);

/* In long loops, no lock held: a preemption point; false if the calling thread is dying. */
bool mapping_may_go_on(void);

/* Does something to every mapping of [first, first + nr) pages of memobj; no lock held. */
enum memobj_scan { MEMOBJ_SCAN_UNMAP, MEMOBJ_SCAN_CLEAN };
void memobj_scan(struct memobj *memobj, uint64_t first, uint64_t nr, enum memobj_scan what);

#endif
