/*
 * aspace_clone: fork.
 *
 * The child gets the same regions.  Only PRIVATE entries are copied, write-protected on both sides,
 * with one more reference on each frame; pages of objects are faulted in again where they are used
 * (sixteen at a time), and shared mappings cost nothing.  The frames stay charged to whom they are
 * charged.
 *
 * The source is locked for a piece at a time.  Between the first write-protected entry and the
 * flush at the end clones_running is not zero: see fault.c for what that is good for.
 */
#include "debug.h"
#include "mapping.h"
#include "sched.h"

#define PIECE_TABLES 4 /* last-level tables copied at a time */

/* Copies the PRIVATE entries of one table; -QERR_NOMEM. */
static long clone_table(struct aspace *child, const struct aspace *source, uintptr_t addr, unsigned nr)
{
	uint64_t *from = pt_walk(source, addr), *to = NULL;
	unsigned copied = 0, left = pt_used(from);

	for (unsigned i = 0; i < nr && left; i++) {
		uint64_t entry = from[i];

		if (!entry) {
			i += pt_empty(from + i + 1, nr - i - 1);
			continue;
		}
		left--;
		if (!(entry & PTE_PRIVATE))
			continue;
		if (!to) {
			to = pmm_only_reserve_left() ? NULL : pt_walk_create(child, addr);
			if (!to)
				return -QERR_NOMEM;
		}
		if (entry & PTE_WRITE) {
			entry &= ~PTE_WRITE;
			from[i] = entry;
		}
		frame_get(entry & PTE_ADDR);
		to[i] = entry;
		copied++;
	}
	if (copied) {
		pt_count(to, copied);
		child->resident_pages += copied;
		child->private_pages += copied;
	}
	return 0;
}

/* Entries of [addr, end), up to PIECE_TABLES tables; where it stopped. */
static uintptr_t clone_entries(struct aspace *child, const struct aspace *source, uintptr_t addr, uintptr_t end,
			       long *error)
{
	for (unsigned tables = 0; tables < PIECE_TABLES && addr < end && !*error; tables++) {
		uintptr_t stop;

		addr = pt_next_table(source, addr, end);
		if (addr >= end)
			break;
		stop = MIN(end, ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN);
		*error = clone_table(child, source, addr, (stop - addr) >> PAGE_SHIFT);
		addr = stop;
	}
	return addr;
}

/* Makes copy the child's region for [start, end) of region. */
static void clone_region(struct aspace *child, struct region *copy, const struct region *region,
			 uintptr_t start, uintptr_t end)
{
	copy->start = start;
	copy->end = end;
	copy->prot = region->prot;
	copy->max_prot = region->max_prot;
	copy->flags = region->flags;
	copy->memobj = region->memobj;
	copy->offset = region->memobj ? region->offset + (start - region->start) : 0;
	region_attach(child, copy);
	if (!copy->memobj)
		region_merge(child, copy);
}

static bool has_private(const struct region *region)
{
	if (region->flags & QUOIN_MAP_WIPEFORK)
		return false;
	return !region->memobj || (region->flags & REGION_COPIED);
}

/* The next piece at or above addr; both locked.  Where to go on, UINTPTR_MAX when done. */
static uintptr_t clone_piece(struct aspace *child, struct aspace *source, uintptr_t addr, long *error)
{
	struct region *region = region_find_from(&source->regions, addr), *copy;
	uintptr_t start, end;

	if (!region)
		return UINTPTR_MAX;
	if (region->flags & QUOIN_MAP_NOFORK)
		return region->end;
	/* Before the entries, which come with their region, whether or not all can be copied. */
	copy = region_new(child);
	if (!copy) {
		*error = -QERR_NOMEM;
		return addr;
	}
	start = MAX(addr, region->start);
	end = region->end;
	if (has_private(region))
		end = clone_entries(child, source, start, end, error);
	clone_region(child, copy, region, start, end);
	return end;
}

static long clone_all(struct aspace *child, struct aspace *source)
{
	uintptr_t addr = 0;
	long error = 0;

	while (addr != UINTPTR_MAX && !error) {
		spin_lock_pair(&source->lock, &child->lock);
		addr = clone_piece(child, source, addr, &error);
		spin_unlock_pair(&source->lock, &child->lock);
		if (!error && !mapping_may_go_on())
			error = -QERR_CANCELED;
	}
	return error;
}

static void clones_running_add(struct aspace *aspace, int delta)
{
	spin_lock(&aspace->lock);
	aspace->clones_running += delta;
	spin_unlock(&aspace->lock);
}

long aspace_clone(struct aspace *source, struct account *account, struct aspace **child)
{
	long error = aspace_new(QUOIN_ASPACE_GUEST, source->server, account, child);

	if (error)
		return error;
	clones_running_add(source, 1);
	error = clone_all(*child, source);
	tlb_flush_all(source);
	clones_running_add(source, -1);
	if (error) {
		object_put(&(*child)->object);
		*child = NULL;
	}
	return error;
}
