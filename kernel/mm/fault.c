/*
 * Page faults.
 *
 * What the kernel resolves itself: zero-filling of anonymous memory, pages that the object has,
 * copy-on-write.  What it can't is told by an enum quoin_fault_kind: there is no region, it forbids
 * the access, or the pager (the server that owns the FILE object) has to act first.
 *
 * Copy-on-write: a private page whose frame has one reference is taken over, else copied.  A frame
 * that has just one reference stays so while the aspace is locked, because the one reference is
 * this entry.
 *
 * While aspace_clone runs, other CPUs may still write through translations from before it took the
 * right to write away.  So a page is not copied until they are flushed (clones_running).
 */
#include "debug.h"
#include "mapping.h"

static inline bool access_allowed(const struct region *region, unsigned access)
{
	if (access & (QUOIN_PROT_WRITE | QUOIN_PROT_EXEC))
		return !(access & ~QUOIN_PROT_READ & ~region->prot);
	return region->prot != 0; /* whatever is writable or executable can be read */
}

static inline bool region_shared(const struct region *region)
{
	return region->flags & QUOIN_MAP_SHARED;
}

/* nr entries of pte's table that were empty are filled. */
static void count_new(struct aspace *aspace, uint64_t *pte, unsigned nr, bool private)
{
	pt_count(pte, nr);
	aspace->resident_pages += nr;
	if (private)
		aspace->private_pages += nr;
}

/* A private frame, which the caller has the only reference to, becomes what pte shows. */
static void set_private(struct region *region, uint64_t *pte, uint64_t pa)
{
	uint64_t entry = pa | pte_flags(region) | PTE_PRIVATE;

	if (region->prot & QUOIN_PROT_WRITE)
		entry |= PTE_WRITE | PTE_DIRTY;
	*pte = entry;
}

/* Guests leave the reserve alone. */
static inline bool may_take_frame(const struct aspace *aspace)
{
	return aspace->kind != QUOIN_ASPACE_GUEST || likely(!pmm_only_reserve_left());
}

static unsigned fault_zero(struct aspace *aspace, struct region *region, uint64_t *pte)
{
	uint64_t pa = may_take_frame(aspace) ? frame_alloc_zeroed(aspace->object.account) : 0;

	if (unlikely(!pa))
		return QUOIN_FAULT_NOMEM;
	set_private(region, pte, pa);
	count_new(aspace, pte, 1, true);
	return QUOIN_FAULT_NONE;
}

/* Shows those of nr pages of the region's object that exist in the entries that are empty. */
static void map_pages(struct aspace *aspace, struct region *region, uint64_t *pte, const uint64_t *pages,
		      unsigned nr)
{
	bool device = region->memobj->kind == MEMOBJ_PHYSICAL;
	bool writable = region_shared(region) && (region->prot & QUOIN_PROT_WRITE);
	uint64_t flags = pte_flags(region) | (device ? PTE_DEVICE : 0);
	unsigned mapped = 0;

	for (unsigned i = 0; i < nr; i++) {
		uint64_t page = pages[i];

		if (!page || pte[i])
			continue;
		if (!device)
			frame_get(page & PAGE_ADDR);
		pte[i] = (page & PAGE_ADDR) | flags | (writable && (page & PAGE_WRITABLE) ? PTE_WRITE : 0);
		mapped++;
	}
	if (mapped)
		count_new(aspace, pte, mapped, false);
}

/* The same for [addr, end), within one table; the object is locked. */
static void map_around(struct aspace *aspace, struct region *region, uintptr_t addr, uintptr_t end,
		       uint64_t *pte)
{
	uint64_t pages[MEMOBJ_ROW];
	uint64_t offset = region->offset + (addr - region->start);
	uint64_t stop = MIN(offset + (end - addr), region->memobj->size);

	while (offset < stop) {
		unsigned nr = memobj_row_locked(region->memobj, offset, stop, pages);

		map_pages(aspace, region, pte, pages, nr);
		pte += nr;
		offset += nr * PAGE_SIZE;
	}
}

void mapping_fill_present(struct aspace *aspace, struct region *region, uintptr_t addr, uintptr_t end)
{
	uint64_t *pte = pt_walk_create(aspace, addr);

	if (!pte)
		return;
	spin_lock(&region->memobj->lock);
	map_around(aspace, region, addr, end, pte);
	spin_unlock(&region->memobj->lock);
}

/* Puts a private copy of the frame at from into pte. */
static unsigned copy_private(struct aspace *aspace, struct region *region, uint64_t *pte, uint64_t from)
{
	uint64_t pa = may_take_frame(aspace) ? frame_alloc(aspace->object.account) : 0;

	if (unlikely(!pa))
		return QUOIN_FAULT_NOMEM;
	copy_page(phys_to_virt(pa), phys_to_virt(from));
	set_private(region, pte, pa);
	if (region->memobj)
		region->flags |= REGION_COPIED;
	return QUOIN_FAULT_NONE;
}

/* The entry is empty and the region has an object. */
static unsigned fault_object(struct aspace *aspace, struct region *region, uintptr_t addr, uint64_t *pte,
			     bool write)
{
	struct memobj *memobj = region->memobj;
	uint64_t offset = region->offset + (addr - region->start), page;
	unsigned kind = QUOIN_FAULT_NONE;

	spin_lock(&memobj->lock);
	if (offset >= memobj->size) {
		kind = QUOIN_FAULT_RANGE;
	} else if (!(page = memobj_page_locked(memobj, offset)) &&
		   !(may_take_frame(aspace) && (page = memobj_fill_locked(memobj, offset)))) {
		kind = memobj->kind == QUOIN_MEMOBJ_FILE ? QUOIN_FAULT_MISSING : QUOIN_FAULT_NOMEM;
	} else if (write && !region_shared(region)) {
		frame_get(page & PAGE_ADDR);
		spin_unlock(&memobj->lock);
		kind = copy_private(aspace, region, pte, page & PAGE_ADDR);
		if (kind == QUOIN_FAULT_NONE)
			count_new(aspace, pte, 1, true);
		frame_put(page & PAGE_ADDR);
		return kind;
	} else if (write && !(page & PAGE_WRITABLE)) {
		kind = QUOIN_FAULT_READONLY;
	} else {
		uintptr_t span = FAULT_AROUND * PAGE_SIZE;
		uintptr_t first = MAX(ALIGN_DOWN(addr, span), region->start);
		uintptr_t end = MIN(ALIGN_DOWN(addr, span) + span, region->end);

		map_around(aspace, region, first, end, pte - ((addr - first) >> PAGE_SHIFT));
	}
	spin_unlock(&memobj->lock);
	return kind;
}

/* A write to a page of the object in a shared mapping that shows it read-only. */
static unsigned write_shared(struct region *region, uintptr_t addr, uint64_t *pte)
{
	struct memobj *memobj = region->memobj;
	unsigned kind = QUOIN_FAULT_READONLY;
	uint64_t page;

	spin_lock(&memobj->lock);
	page = memobj_page_locked(memobj, region->offset + (addr - region->start));
	if ((page & PAGE_WRITABLE) && (region->prot & QUOIN_PROT_WRITE)) {
		*pte |= PTE_WRITE;
		kind = QUOIN_FAULT_NONE;
	}
	spin_unlock(&memobj->lock);
	return kind;
}

/* A write to a page that is there, read-only, in a private mapping. */
static unsigned write_private(struct aspace *aspace, struct region *region, uintptr_t addr, uint64_t *pte,
			      struct tlb_batch *batch)
{
	uint64_t old = *pte;
	uint64_t pa = old & PTE_ADDR;
	unsigned kind;

	if ((old & PTE_PRIVATE) && __atomic_load_n(&frame_of(pa)->refs, __ATOMIC_ACQUIRE) == 1) {
		set_private(region, pte, pa);
		return QUOIN_FAULT_NONE;
	}
	kind = copy_private(aspace, region, pte, pa);
	if (kind != QUOIN_FAULT_NONE)
		return kind;
	aspace->private_pages += !(old & PTE_PRIVATE);
	tlb_batch_range(batch, addr, addr + PAGE_SIZE);
	batch->frames[batch->nr_frames++] = pa;
	return QUOIN_FAULT_NONE;
}

unsigned fault_resolve_locked(struct aspace *aspace, struct region *region, uintptr_t addr, unsigned access,
			      bool force, struct tlb_batch *batch)
{
	bool write = access & QUOIN_PROT_WRITE;
	uint64_t *pte;

	if (unlikely(!force && !access_allowed(region, access)))
		return QUOIN_FAULT_ACCESS;
	pte = pt_walk(aspace, addr);
	if (unlikely(!pte)) {
		pte = may_take_frame(aspace) ? pt_walk_create(aspace, addr) : NULL;
		if (!pte)
			return QUOIN_FAULT_NOMEM;
	}
	if (!*pte)
		return region->memobj ? fault_object(aspace, region, addr, pte, write)
				      : fault_zero(aspace, region, pte);
	if (!write || (*pte & PTE_WRITE))
		return QUOIN_FAULT_NONE; /* another CPU was faster */
	if (region->memobj && region_shared(region))
		return write_shared(region, addr, pte);
	if (unlikely(*pte & PTE_DEVICE))
		return QUOIN_FAULT_ACCESS;
	return write_private(aspace, region, addr, pte, batch);
}

void fault_lock(struct aspace *aspace, uintptr_t addr, bool write)
{
	spin_lock(&aspace->lock);
	if (likely(!write || !aspace->clones_running))
		return;
	spin_unlock(&aspace->lock);
	tlb_flush(aspace, addr, addr + PAGE_SIZE);
	spin_lock(&aspace->lock);
}

static unsigned resolve(struct aspace *aspace, uintptr_t addr, unsigned access)
{
	struct tlb_batch batch;
	struct region *region;
	unsigned kind;

	tlb_batch_init(&batch, aspace);
	fault_lock(aspace, addr, access & ACCESS_WRITE);
	region = region_find(&aspace->regions, addr);
	kind = region ? fault_resolve_locked(aspace, region, addr, access, false, &batch)
		      : QUOIN_FAULT_UNMAPPED;
	spin_unlock(&aspace->lock);
	if (batch.nr_frames)
		tlb_batch_finish(&batch);
	return kind;
}

long aspace_fault(struct aspace *aspace, uintptr_t addr, unsigned access, unsigned *kind)
{
	*kind = resolve(aspace, ALIGN_DOWN(addr, PAGE_SIZE), access);
	if (likely(*kind == QUOIN_FAULT_NONE))
		return 0;
	return *kind == QUOIN_FAULT_NOMEM ? -QERR_NOMEM : -QERR_FAULT;
}

unsigned aspace_resolve_range(struct aspace *aspace, uintptr_t addr, uintptr_t end, unsigned access,
			      uintptr_t *stopped)
{
	unsigned kind = QUOIN_FAULT_NONE;

	while (addr < end) {
		uint64_t *pte;
		bool done;

		spin_lock(&aspace->lock);
		pte = pt_walk(aspace, addr);
		done = pte && (*pte & PTE_USER) && (!(access & ACCESS_WRITE) || (*pte & PTE_WRITE)) &&
		       (!(access & ACCESS_EXEC) || !(*pte & PTE_NX));
		spin_unlock(&aspace->lock);
		if (!done)
			kind = resolve(aspace, addr, access);
		if (kind != QUOIN_FAULT_NONE)
			break;
		addr += PAGE_SIZE;
		if (addr % (64 * PAGE_SIZE) == 0 && !mapping_may_go_on())
			break;
	}
	*stopped = addr;
	return kind;
}
