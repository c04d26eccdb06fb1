/*
 * Address spaces: creation, regions, mapping and unmapping.
 *
 * An aspace is a set of regions and the page tables under its roots (pagetable.c).  A region maps a
 * range of a memory object, shared or private, or anonymous private memory, which has no object.
 * Page tables are filled by faults (fault.c) and hold one reference on the frame behind each entry,
 * except for device memory.  An entry that is PRIVATE belongs to the aspace alone or,
 * write-protected, to it and those it was cloned with; any other entry shows the object's own
 * frame.
 *
 * aspace.lock protects regions and page tables.  Long operations work in pieces and drop the lock
 * between them; each piece leaves books and tables in agreement.  Frames and tables that an
 * operation takes out are freed by tlb_batch_finish, after the lock.
 *
 * A memory object knows the regions that map it (memobj.regions, under memobj.lock, taken inside
 * aspace.lock); regions are added at the tail, which memobj_scan relies on.
 */
#include "debug.h"
#include "mapping.h"
#include "sched.h"

static uint64_t next_aspace_id; /* [a] */

struct quoin_info *kernel_info;
static struct memobj *info_memobj; /* [I] */

void aspace_init(void)
{
	uint64_t pa = pmm_alloc_zeroed();

	if (!pa || memobj_new_physical(pa, PAGE_SIZE, NULL, &info_memobj))
		panic("no memory for the information page");
	kernel_info = phys_to_virt(pa);
}

bool aspace_range_ok(const struct aspace *aspace, uintptr_t addr, uint64_t len)
{
	bool guest = aspace->kind == QUOIN_ASPACE_GUEST;
	uintptr_t min = guest ? QUOIN_GUEST_MIN : QUOIN_SERVER_MIN;
	uintptr_t max = guest ? QUOIN_GUEST_MAX : QUOIN_SERVER_MAX;

	return page_aligned(addr | len) && len > 0 && addr >= min && addr < max && len <= max - addr;
}

long aspace_new(uint32_t kind, struct aspace *server, struct account *account, struct aspace **created)
{
	struct aspace *aspace = object_new(OBJECT_ASPACE, sizeof(*aspace), account);
	long error;

	if (!aspace)
		return -QERR_NOMEM;
	aspace->kind = kind;
	aspace->id = __atomic_add_fetch(&next_aspace_id, 1, __ATOMIC_RELAXED);
	spin_init(&aspace->lock, "aspace", LOCK_ASPACE);
	region_tree_init(&aspace->regions);
	error = pt_roots_create(aspace, server);
	if (error) {
		object_free(&aspace->object, sizeof(*aspace));
		return error;
	}
	if (server) {
		object_get(&server->object);
		aspace->server = server;
	} else {
		error = aspace_map(aspace, QUOIN_SERVER_INFO, PAGE_SIZE,
				   QUOIN_PROT_READ | QUOIN_MAP_SHARED << 8, info_memobj, QUOIN_PROT_READ, 0);
	}
	if (error) {
		object_put(&aspace->object);
		return error;
	}
	*created = aspace;
	return 0;
}

void aspace_adopt(struct aspace *aspace, struct account *account)
{
	struct account *old = aspace->object.account;

	spin_lock(&aspace->lock);
	if (aspace->adopted || account_charge(account, sizeof(*aspace))) {
		spin_unlock(&aspace->lock);
		return;
	}
	aspace->adopted = true;
	aspace->object.account = account;
	spin_unlock(&aspace->lock);
	account_uncharge(old, sizeof(*aspace));
}

void aspace_destroy(struct object *object)
{
	struct aspace *aspace = container_of(object, struct aspace, object);
	struct aspace *server = aspace->server;

	assert(aspace->cpus == 0);
	if (aspace->kind == QUOIN_ASPACE_GUEST)
		aspace_unmap(aspace, QUOIN_GUEST_MIN, QUOIN_GUEST_MAX - QUOIN_GUEST_MIN);
	else
		aspace_unmap(aspace, QUOIN_SERVER_MIN, QUOIN_SERVER_MAX - QUOIN_SERVER_MIN);
	assert(aspace->regions.count == 0 && aspace->resident_pages == 0);
	pt_roots_destroy(aspace);
	object_free(object, sizeof(*aspace));
	if (server)
		object_put(&server->object);
}

/* Regions. */

struct region *region_new(struct aspace *aspace)
{
	struct region *region;

	if (account_charge(aspace->object.account, sizeof(*region)))
		return NULL;
	region = kzalloc(sizeof(*region));
	if (!region) {
		account_uncharge(aspace->object.account, sizeof(*region));
		return NULL;
	}
	region->aspace = aspace;
	region->account = aspace->object.account;
	list_init(&region->memobj_node);
	return region;
}

void region_free(struct region *region)
{
	struct account *account = region->account;

	kfree(region);
	account_uncharge(account, sizeof(*region));
}

void region_attach(struct aspace *aspace, struct region *region)
{
	struct memobj *memobj = region->memobj;

	region_insert(&aspace->regions, region);
	aspace->mapped_pages += (region->end - region->start) >> PAGE_SHIFT;
	if (!memobj)
		return;
	object_get(&memobj->object);
	spin_lock(&memobj->lock);
	list_add_tail(&memobj->regions, &region->memobj_node);
	spin_unlock(&memobj->lock);
}

void region_detach(struct aspace *aspace, struct region *region)
{
	struct memobj *memobj = region->memobj;

	region_remove(&aspace->regions, region);
	aspace->mapped_pages -= (region->end - region->start) >> PAGE_SHIFT;
	if (!memobj)
		return;
	spin_lock(&memobj->lock);
	list_remove(&region->memobj_node);
	spin_unlock(&memobj->lock);
}

void region_release(struct region *region)
{
	struct memobj *memobj = region->memobj;

	region_free(region);
	if (memobj)
		object_put(&memobj->object);
}

static inline uint64_t offset_of(const struct region *region, uintptr_t addr)
{
	return region->memobj ? region->offset + (addr - region->start) : 0;
}

long region_split(struct aspace *aspace, uintptr_t addr)
{
	struct region *region = region_find(&aspace->regions, addr), *tail;

	if (!region || region->start == addr)
		return 0;
	if (aspace->regions.count >= ASPACE_MAX_REGIONS)
		return -QERR_NOMEM;
	tail = region_new(aspace);
	if (!tail)
		return -QERR_NOMEM;
	tail->start = addr;
	tail->end = region->end;
	tail->prot = region->prot;
	tail->max_prot = region->max_prot;
	tail->flags = region->flags;
	tail->memobj = region->memobj;
	tail->offset = offset_of(region, addr);
	aspace->mapped_pages -= (region->end - addr) >> PAGE_SHIFT;
	region->end = addr;
	region_attach(aspace, tail);
	return 0;
}

static bool can_merge(const struct region *a, const struct region *b)
{
	return a && b && !a->memobj && !b->memobj && a->end == b->start && a->prot == b->prot &&
	       a->max_prot == b->max_prot && a->flags == b->flags;
}

/* Makes the first region swallow the second, its neighbour. */
static void merge_next(struct aspace *aspace, struct region *first, struct region *second)
{
	uintptr_t end = second->end;

	region_detach(aspace, second);
	region_free(second);
	aspace->mapped_pages += (end - first->end) >> PAGE_SHIFT;
	first->end = end;
}

struct region *region_merge(struct aspace *aspace, struct region *region)
{
	struct region *prev = region_prev(&aspace->regions, region);
	struct region *next = region_next(&aspace->regions, region);

	if (can_merge(region, next))
		merge_next(aspace, region, next);
	if (can_merge(prev, region)) {
		merge_next(aspace, prev, region);
		return prev;
	}
	return region;
}

/* Mapping. */

static long map_check(const struct aspace *aspace, uintptr_t addr, uint64_t len, uint64_t prot_flags,
		      const struct memobj *memobj, uint64_t offset)
{
	unsigned prot = prot_flags & 0xff;
	uint64_t flags = prot_flags >> 8;
	bool shared = flags & QUOIN_MAP_SHARED;

	if (!aspace_range_ok(aspace, addr, len) || prot > 7 || flags > 0x3f || !page_aligned(offset) ||
	    offset + len < offset)
		return -QERR_INVAL;
	if (!memobj && (shared || offset || (flags & QUOIN_MAP_UNCACHED)))
		return -QERR_INVAL;
	if (memobj && (flags & QUOIN_MAP_UNCACHED) && memobj->kind != MEMOBJ_PHYSICAL)
		return -QERR_INVAL;
	if (aspace->kind == QUOIN_ASPACE_NATIVE && (prot & QUOIN_PROT_WRITE) && (prot & QUOIN_PROT_EXEC))
		return -QERR_PERM;
	return 0;
}

/* Physical and DMA objects are never copied: a private mapping of one cannot be written. */
static unsigned map_max_prot(const struct memobj *memobj, bool shared, unsigned max_prot)
{
	if (memobj && !shared) {
		max_prot |= QUOIN_PROT_WRITE;
		if (memobj->kind == MEMOBJ_PHYSICAL || memobj->kind == QUOIN_MEMOBJ_DMA)
			max_prot &= ~QUOIN_PROT_WRITE;
	}
	return max_prot;
}

static long map_insert(struct aspace *aspace, struct region *region)
{
	struct region *next;
	long error = 0;

	spin_lock(&aspace->lock);
	next = region_find_from(&aspace->regions, region->start);
	if (next && next->start < region->end) {
		error = -QERR_EXIST;
	} else if (aspace->regions.count >= ASPACE_MAX_REGIONS) {
		error = -QERR_NOMEM;
	} else {
		region_attach(aspace, region);
		if (!region->memobj)
			region_merge(aspace, region);
	}
	spin_unlock(&aspace->lock);
	return error;
}

/* QUOIN_MAP_POPULATE, a table at a time. */
static void fill_range(struct aspace *aspace, uintptr_t addr, uintptr_t end)
{
	while (addr < end) {
		uintptr_t stop = MIN(end, ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN);
		struct region *region;

		spin_lock(&aspace->lock);
		region = region_find(&aspace->regions, addr);
		if (region && region->memobj)
			mapping_fill_present(aspace, region, addr, MIN(stop, region->end));
		spin_unlock(&aspace->lock);
		addr = stop;
		preempt_point();
	}
}

long aspace_map(struct aspace *aspace, uintptr_t addr, uint64_t len, uint64_t prot_flags, struct memobj *memobj,
		unsigned max_prot, uint64_t offset)
{
	uint64_t flags = prot_flags >> 8;
	struct region *region;
	long error = map_check(aspace, addr, len, prot_flags, memobj, offset);

	if (error)
		return error;
	max_prot = map_max_prot(memobj, flags & QUOIN_MAP_SHARED, max_prot);
	if ((prot_flags & 0xff) & ~max_prot)
		return -QERR_PERM;
	if (flags & QUOIN_MAP_REPLACE)
		error = aspace_unmap(aspace, addr, len);
	if (error)
		return error;
	region = region_new(aspace);
	if (!region)
		return -QERR_NOMEM;
	region->start = addr;
	region->end = addr + len;
	region->prot = prot_flags & 0xff;
	region->max_prot = max_prot;
	region->flags = flags & ~(QUOIN_MAP_REPLACE | QUOIN_MAP_POPULATE);
	region->memobj = memobj;
	region->offset = offset;
	error = map_insert(aspace, region);
	if (error)
		region_free(region);
	else if (memobj && (flags & QUOIN_MAP_POPULATE))
		fill_range(aspace, addr, addr + len);
	return error;
}

long aspace_map_page(struct aspace *aspace, uintptr_t addr, uint64_t pa)
{
	struct region *region;
	uint64_t *pte;
	long error = aspace_map(aspace, addr, PAGE_SIZE, QUOIN_PROT_READ | QUOIN_PROT_WRITE, NULL,
				QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0);

	if (error)
		return error;
	spin_lock(&aspace->lock);
	region = region_find(&aspace->regions, addr);
	pte = region ? pt_walk_create(aspace, addr) : NULL;
	if (pte && !*pte) {
		frame_get(pa);
		*pte = pa | pte_flags(region) | PTE_WRITE | PTE_DIRTY | PTE_PRIVATE;
		pt_count(pte, 1);
		aspace->resident_pages++;
		aspace->private_pages++;
	} else {
		error = -QERR_NOMEM;
	}
	spin_unlock(&aspace->lock);
	if (error)
		aspace_unmap(aspace, addr, PAGE_SIZE);
	return error;
}

/* Unmapping. */

/* Empties the entries of one table, from pte on; returns how many it is done with. */
static unsigned zap_table(struct aspace *aspace, uint64_t *pte, unsigned nr, bool with_private,
			  struct tlb_batch *batch)
{
	unsigned i, emptied = 0, private = 0, left = pt_used(pte);

	for (i = 0; i < nr && left && !tlb_batch_full(batch); i++) {
		uint64_t entry = pte[i];

		if (!entry) {
			i += pt_empty(pte + i + 1, nr - i - 1);
			continue;
		}
		left--;
		if ((entry & PTE_PRIVATE) && !with_private)
			continue;
		pte[i] = 0;
		emptied++;
		private += !!(entry & PTE_PRIVATE);
		if (!(entry & PTE_DEVICE))
			batch->frames[batch->nr_frames++] = entry & PTE_ADDR;
	}
	if (emptied) {
		pt_count(pte, -(int)emptied);
		aspace->peak_pages = MAX(aspace->peak_pages, aspace->resident_pages);
		aspace->resident_pages -= emptied;
		aspace->private_pages -= private;
	}
	return left ? MIN(i, nr) : nr;
}

uintptr_t mapping_zap(struct aspace *aspace, uintptr_t addr, uintptr_t end, bool with_private,
		      struct tlb_batch *batch)
{
	while (addr < end && !tlb_batch_full(batch)) {
		uintptr_t table_end, done;

		addr = pt_next_table(aspace, addr, end);
		if (addr >= end)
			break;
		table_end = MIN(end, ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN);
		done = addr + PAGE_SIZE * zap_table(aspace, pt_walk(aspace, addr),
						    (table_end - addr) >> PAGE_SHIFT, with_private, batch);
		if (done > addr) {
			tlb_batch_range(batch, addr, done);
			pt_prune(aspace, addr, &batch->tables);
		}
		addr = done;
	}
	return MIN(addr, end);
}

void mapping_protect_shared(struct aspace *aspace, uintptr_t addr, uintptr_t end, struct tlb_batch *batch)
{
	for (addr = pt_next_table(aspace, addr, end); addr < end; addr = pt_next_table(aspace, addr, end)) {
		uintptr_t table_end = MIN(end, ALIGN_DOWN(addr, TABLE_SPAN) + TABLE_SPAN);
		uint64_t *pte = pt_walk(aspace, addr);

		for (; addr < table_end; addr += PAGE_SIZE, pte++) {
			if ((*pte & (PTE_WRITE | PTE_PRIVATE)) != PTE_WRITE)
				continue;
			__atomic_fetch_and(pte, ~PTE_WRITE, __ATOMIC_RELAXED);
			tlb_batch_range(batch, addr, addr + PAGE_SIZE);
		}
	}
}

/*
 * Takes [start, end), which lies in region and begins or ends where it does or splits it, out of
 * the books.  A region that goes is chained by its parent field on *gone.
 */
static void region_cut(struct aspace *aspace, struct region *region, uintptr_t end, struct region **gone)
{
	if (region->end == end) {
		region_detach(aspace, region);
		region->parent = *gone;
		*gone = region;
		return;
	}
	/* The order in the tree stays: only the start moves, up to at most the old end. */
	region->offset = offset_of(region, end);
	aspace->mapped_pages -= (end - region->start) >> PAGE_SHIFT;
	region->start = end;
}

static void release_chain(struct region *gone)
{
	while (gone) {
		struct region *next = gone->parent;

		region_release(gone);
		gone = next;
	}
}

/* One piece of aspace_unmap; locked.  Returns where to go on, or an error in *error. */
static uintptr_t unmap_piece(struct aspace *aspace, uintptr_t addr, uintptr_t end, struct tlb_batch *batch,
			     struct region **gone, long *error)
{
	while (addr < end && !tlb_batch_full(batch)) {
		struct region *region = region_find_from(&aspace->regions, addr);

		if (!region || region->start >= end)
			return end;
		*error = region_split(aspace, addr);
		if (!*error)
			*error = region_split(aspace, end);
		if (*error)
			return addr;
		region = region_find_from(&aspace->regions, addr);
		addr = mapping_zap(aspace, region->start, region->end, true, batch);
		if (addr > region->start)
			region_cut(aspace, region, addr, gone);
	}
	return addr;
}

long aspace_unmap(struct aspace *aspace, uintptr_t addr, uint64_t len)
{
	uintptr_t end = addr + len;
	struct tlb_batch batch;
	long error = 0;

	if (!aspace_range_ok(aspace, addr, len))
		return -QERR_INVAL;
	tlb_batch_init(&batch, aspace);
	while (addr < end && !error) {
		struct region *gone = NULL;

		spin_lock(&aspace->lock);
		addr = unmap_piece(aspace, addr, end, &batch, &gone, &error);
		spin_unlock(&aspace->lock);
		tlb_batch_finish(&batch);
		release_chain(gone);
		if (addr < end)
			preempt_point();
	}
	return error;
}
