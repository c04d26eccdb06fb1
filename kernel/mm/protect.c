/*
 * Changing mappings that exist: protection, discarding, moving.
 */
#include "debug.h"
#include "mapping.h"
#include "sched.h"
#include "thread.h"

bool mapping_may_go_on(void)
{
	preempt_point();
	return !thread_dying(current_thread());
}

/*
 * Entries of region in [addr, end) follow its protection.  The right to write is only ever taken
 * away here: a fault gives it back, which knows about copy-on-write and clean pages.
 */
static void protect_entries(struct aspace *aspace, struct region *region, uintptr_t addr, uintptr_t end,
			    struct tlb_batch *batch)
{
	uint64_t flags = pte_flags(region), keep = PTE_ADDR | PTE_PRIVATE | PTE_DEVICE | PTE_DIRTY;

	if (region->prot & QUOIN_PROT_WRITE)
		keep |= PTE_WRITE;
	for (addr = pt_next_table(aspace, addr, end); addr < end; addr = pt_next_table(aspace, addr, end)) {
		uintptr_t table_end = MIN(end, ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN);
		uint64_t *pte = pt_walk(aspace, addr);

		for (; addr < table_end; addr += PAGE_SIZE, pte++) {
			uint64_t old = *pte, new = (old & keep) | flags;

			if (!old || old == new)
				continue;
			*pte = new;
			tlb_batch_range(batch, addr, addr + PAGE_SIZE);
		}
	}
}

/* One region's part of aspace_protect; locked.  Moves *addr on. */
static long protect_piece(struct aspace *aspace, uintptr_t *addr, uintptr_t end, unsigned prot,
			  struct tlb_batch *batch)
{
	struct region *region = region_find(&aspace->regions, *addr);
	uintptr_t start = *addr;
	long error;

	if (!region)
		return -QERR_NOENT;
	if (prot & ~region->max_prot)
		return -QERR_PERM;
	if (region->prot == prot) {
		*addr = region->end;
		return 0;
	}
	error = region_split(aspace, start);
	if (!error)
		error = region_split(aspace, end);
	if (error)
		return error;
	region = region_find(&aspace->regions, start);
	region->prot = prot;
	*addr = region->end;
	protect_entries(aspace, region, region->start, region->end, batch);
	if (!region->memobj)
		region_merge(aspace, region);
	return 0;
}

long aspace_protect(struct aspace *aspace, uintptr_t addr, uint64_t len, unsigned prot)
{
	uintptr_t end = addr + len;
	struct tlb_batch batch;
	long error = 0;

	if (!aspace_range_ok(aspace, addr, len) || prot > 7)
		return -QERR_INVAL;
	if (aspace->kind == QUOIN_ASPACE_NATIVE && (prot & QUOIN_PROT_WRITE) && (prot & QUOIN_PROT_EXEC))
		return -QERR_PERM;
	tlb_batch_init(&batch, aspace);
	while (addr < end && !error) {
		spin_lock(&aspace->lock);
		error = protect_piece(aspace, &addr, end, prot, &batch);
		spin_unlock(&aspace->lock);
		tlb_batch_finish(&batch);
		if (addr < end)
			preempt_point();
	}
	return error;
}

long aspace_discard(struct aspace *aspace, uintptr_t addr, uint64_t len)
{
	uintptr_t end = addr + len;
	struct tlb_batch batch;

	if (!aspace_range_ok(aspace, addr, len))
		return -QERR_INVAL;
	tlb_batch_init(&batch, aspace);
	while (addr < end) {
		spin_lock(&aspace->lock);
		addr = mapping_zap(aspace, addr, end, true, &batch);
		spin_unlock(&aspace->lock);
		tlb_batch_finish(&batch);
		if (addr < end)
			preempt_point();
	}
	return 0;
}

/* Moving. */

/* The whole of [addr, end) is mapped, counting the regions; both ends are region boundaries. */
static long move_check(struct aspace *aspace, uintptr_t addr, uintptr_t end, uintptr_t to, uintptr_t to_end)
{
	struct region *next = region_find_from(&aspace->regions, to);
	long error = region_split(aspace, addr);

	if (next && next->start < to_end)
		return -QERR_EXIST;
	if (!error)
		error = region_split(aspace, end);
	while (!error && addr < end) {
		struct region *region = region_find(&aspace->regions, addr);

		if (!region)
			return -QERR_NOENT;
		addr = region->end;
	}
	return error;
}

/* Makes the tables that the entries will move into, so that nothing can fail later. */
static long move_tables(struct aspace *aspace, uintptr_t addr, uintptr_t end, uintptr_t to)
{
	uintptr_t at = addr;

	while ((at = pt_next_table(aspace, at, end)) < end) {
		uintptr_t stop = MIN(end, ALIGN_DOWN(at, TABLE_SPAN) + TABLE_SPAN);

		if (!pt_walk_create(aspace, to + (at - addr)) ||
		    !pt_walk_create(aspace, to + (stop - addr) - PAGE_SIZE))
			return -QERR_NOMEM;
		at = stop;
	}
	return 0;
}

static void move_entries(struct aspace *aspace, uintptr_t addr, uintptr_t end, uintptr_t to,
			 struct tlb_batch *batch)
{
	uintptr_t at = addr;

	while ((at = pt_next_table(aspace, at, end)) < end) {
		uintptr_t stop = MIN(end, ALIGN_DOWN(at, TABLE_SPAN) + TABLE_SPAN), first = at;
		uint64_t *from = pt_walk(aspace, at);

		for (; at < stop; at += PAGE_SIZE, from++) {
			uint64_t *dst;

			if (!*from)
				continue;
			dst = pt_walk(aspace, to + (at - addr));
			*dst = *from;
			*from = 0;
			pt_count(dst, 1);
			pt_count(from, -1);
		}
		tlb_batch_range(batch, first, stop);
	}
	/* Only now: a table may be emptied of what moves out before it gets what moves in. */
	while ((addr = pt_next_table(aspace, addr, end)) < end) {
		pt_prune(aspace, addr, &batch->tables);
		addr = ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN;
	}
}

/*
 * The regions of [addr, end) appear again at to.  They are taken out and put in anew, so a region
 * of an object goes to the tail of its list (memobj_scan).
 */
static void move_regions(struct aspace *aspace, uintptr_t addr, uintptr_t end, uintptr_t to, uintptr_t to_end)
{
	while (addr < end) {
		struct region *region = region_find(&aspace->regions, addr);
		struct memobj *memobj = region->memobj;
		uintptr_t start = region->start;

		region_detach(aspace, region);
		region->start = to + (start - addr);
		to = region->end - start + region->start;
		addr = region->end;
		region->end = addr == end ? to_end : to;
		region_attach(aspace, region);
		if (memobj)
			object_put(&memobj->object); /* region_attach took another one */
	}
}

long aspace_move(struct aspace *aspace, uintptr_t addr, uint64_t len, uintptr_t to, uint64_t to_len)
{
	struct tlb_batch batch;
	long error;

	if (!aspace_range_ok(aspace, addr, len) || !aspace_range_ok(aspace, to, to_len) || to_len < len ||
	    (to < addr + len && addr < to + to_len))
		return -QERR_INVAL;
	tlb_batch_init(&batch, aspace);
	spin_lock(&aspace->lock);
	error = move_check(aspace, addr, addr + len, to, to + to_len);
	if (!error)
		error = move_tables(aspace, addr, addr + len, to);
	if (!error) {
		/* Point of no return. */
		move_entries(aspace, addr, addr + len, to, &batch);
		move_regions(aspace, addr, addr + len, to, to + to_len);
	}
	spin_unlock(&aspace->lock);
	tlb_batch_finish(&batch);
	return error;
}
