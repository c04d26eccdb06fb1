/*
 * Memory objects.
 *
 *   ANON      missing pages are zero-filled on demand
 *   FILE      missing pages are supplied by the server that owns it (memobj_supply); a page that was not
 *             supplied WRITABLE faults on the first write through a shared mapping
 *   DMA       contiguous frames, there from creation to the end
 *   PHYSICAL  device registers or firmware tables; no frames stand behind it
 *
 * The page index holds one reference on each frame, each mapping's page-table entry another.  To
 * take pages away (evict, decommit, resize) they are first taken out of the index, so no fault
 * finds them any more, and then out of every mapping (memobj_scan); only then is the index's
 * reference dropped.
 *
 * memobj_scan and the list of regions: the scan puts a marker into the list and moves it along,
 * locking each region's aspace in turn, without the object's lock.  A region that is split or moved
 * leaves its new parts at the tail, ahead of the marker, so no mapping escapes; aspace_clone does
 * not copy entries of an object's pages at all.
 *
 * Locks: memobj.lock, inside aspace.lock.
 */
#include "debug.h"
#include "mapping.h"
#include "sched.h"

#define DMA_LIMIT BIT(32)

long memobj_new(uint32_t kind, uint64_t size, struct account *account, struct memobj **created)
{
	struct memobj *memobj;

	if (!page_aligned(size) || size >> PAGE_SHIFT > PAGE_INDEX_MAX_PAGES)
		return -QERR_INVAL;
	memobj = object_new(OBJECT_MEMOBJ, sizeof(*memobj), account);
	if (!memobj)
		return -QERR_NOMEM;
	memobj->kind = kind;
	memobj->size = size;
	spin_init(&memobj->lock, "memobj", LOCK_MEMOBJ);
	page_index_init(&memobj->pages, account);
	list_init(&memobj->regions);
	if (kind == QUOIN_MEMOBJ_DMA) {
		memobj->physical = frame_alloc_contiguous(account, size >> PAGE_SHIFT, DMA_LIMIT);
		if (!memobj->physical) {
			object_free(&memobj->object, sizeof(*memobj));
			return -QERR_NOMEM;
		}
	}
	*created = memobj;
	return 0;
}

long memobj_new_physical(uint64_t pa, uint64_t size, struct account *account, struct memobj **created)
{
	long error = memobj_new(MEMOBJ_PHYSICAL, size, account, created);

	if (!error)
		(*created)->physical = pa;
	return error;
}

static void drop_pages(const uint64_t *pages, unsigned nr)
{
	uint64_t pas[PAGE_INDEX_FAN];

	for (unsigned i = 0; i < nr; i++)
		pas[i] = pages[i] & PAGE_ADDR;
	frame_put_many(pas, nr);
}

void memobj_destroy(struct object *object)
{
	struct memobj *memobj = container_of(object, struct memobj, object);

	assert(list_empty(&memobj->regions));
	if (memobj->kind == QUOIN_MEMOBJ_DMA) {
		for (uint64_t at = 0; at < memobj->size; at += PAGE_SIZE)
			frame_put(memobj->physical + at);
	} else {
		page_index_clear(&memobj->pages, drop_pages);
	}
	object_free(object, sizeof(*memobj));
}

static inline bool is_linear(const struct memobj *memobj)
{
	return memobj->kind == MEMOBJ_PHYSICAL || memobj->kind == QUOIN_MEMOBJ_DMA;
}

uint64_t memobj_page_locked(struct memobj *memobj, uint64_t offset)
{
	if (is_linear(memobj))
		return (memobj->physical + offset) | PAGE_VALID | PAGE_WRITABLE;
	return page_index_get(&memobj->pages, offset >> PAGE_SHIFT);
}

unsigned memobj_row_locked(struct memobj *memobj, uint64_t offset, uint64_t end, uint64_t *pages)
{
	uint64_t nr = MIN((end - offset) >> PAGE_SHIFT, MEMOBJ_ROW);

	if (!is_linear(memobj))
		return page_index_row(&memobj->pages, offset >> PAGE_SHIFT, nr, pages);
	for (unsigned i = 0; i < nr; i++)
		pages[i] = memobj_page_locked(memobj, offset + i * PAGE_SIZE);
	return nr;
}

uint64_t memobj_fill_locked(struct memobj *memobj, uint64_t offset)
{
	uint64_t pa, page;

	if (memobj->kind != QUOIN_MEMOBJ_ANON)
		return 0;
	pa = frame_alloc_zeroed(memobj->object.account);
	if (!pa)
		return 0;
	page = pa | PAGE_VALID | PAGE_WRITABLE;
	if (page_index_set(&memobj->pages, offset >> PAGE_SHIFT, page)) {
		frame_put(pa);
		return 0;
	}
	return page;
}

/* What a scan does to the mappings in [start, end) of one aspace that show the wanted pages. */
static void scan_window(struct aspace *aspace, uintptr_t start, uintptr_t end, struct memobj *memobj,
			uint64_t from, uint64_t to, enum memobj_scan what)
{
	struct tlb_batch batch;

	tlb_batch_init(&batch, aspace);
	while (start < end) {
		struct region *region;

		spin_lock(&aspace->lock);
		region = region_find_from(&aspace->regions, start);
		if (!region || region->start >= end) {
			start = end;
		} else if (region->memobj != memobj || region->offset >= to ||
			   region->offset + (region->end - region->start) <= from) {
			start = region->end;
		} else {
			uint64_t low = MAX(from, region->offset), high;
			uintptr_t first = region->start + (low - region->offset), last;

			high = MIN(to, region->offset + (region->end - region->start));
			last = region->start + (high - region->offset);
			first = MAX(first, MIN(start, last));
			start = region->end;
			if (what == MEMOBJ_SCAN_CLEAN) {
				mapping_protect_shared(aspace, first, last, &batch);
			} else {
				uintptr_t done = mapping_zap(aspace, first, last, false, &batch);

				if (done < last)
					start = done;
			}
		}
		spin_unlock(&aspace->lock);
		tlb_batch_finish(&batch);
	}
}

void memobj_scan(struct memobj *memobj, uint64_t first, uint64_t nr, enum memobj_scan what)
{
	struct region marker = { .aspace = NULL };

	spin_lock(&memobj->lock);
	list_add_head(&memobj->regions, &marker.memobj_node);
	while (marker.memobj_node.next != &memobj->regions) {
		struct region *region = list_entry(marker.memobj_node.next, struct region, memobj_node);
		struct aspace *aspace = region->aspace;
		uintptr_t start = region->start, end = region->end;

		list_remove(&marker.memobj_node);
		list_add_head(&region->memobj_node, &marker.memobj_node);
		/* An aspace on its way out empties its tables itself. */
		if (!aspace || !object_tryget(&aspace->object))
			continue;
		spin_unlock(&memobj->lock);
		scan_window(aspace, start, end, memobj, first << PAGE_SHIFT, (first + nr) << PAGE_SHIFT, what);
		object_put(&aspace->object);
		preempt_point();
		spin_lock(&memobj->lock);
	}
	list_remove(&marker.memobj_node);
	spin_unlock(&memobj->lock);
}

long memobj_take_out(struct memobj *memobj, uint64_t first, uint64_t nr)
{
	uint64_t taken[64], end = first + nr, page;
	unsigned count;

	while (first < end) {
		uint64_t start = 0, at = first;

		count = 0;
		spin_lock(&memobj->lock);
		while (count < ARRAY_SIZE(taken)) {
			at = page_index_next(&memobj->pages, at, end, &page);
			if (at >= end)
				break;
			if (!count)
				start = at;
			page_index_remove(&memobj->pages, at++);
			taken[count++] = page & PAGE_ADDR;
		}
		spin_unlock(&memobj->lock);
		if (count)
			memobj_scan(memobj, start, at - start, MEMOBJ_SCAN_UNMAP);
		frame_put_many(taken, count);
		first = at;
	}
	return 0;
}

long memobj_commit(struct memobj *memobj, uint64_t first, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t offset = (first + i) << PAGE_SHIFT;
		long error = 0;

		spin_lock(&memobj->lock);
		if (offset >= memobj->size)
			error = -QERR_RANGE;
		else if (!memobj_page_locked(memobj, offset) && !memobj_fill_locked(memobj, offset))
			error = -QERR_NOMEM;
		spin_unlock(&memobj->lock);
		if (error)
			return error;
		if (i % 64 == 63 && !mapping_may_go_on())
			return -QERR_CANCELED;
	}
	return 0;
}

/* Puts the frames of pages [first, first + nr) of src, with references, into pas. */
static long supply_collect(struct memobj *src, uint64_t first, unsigned nr, uint64_t *pas)
{
	unsigned got;

	spin_lock(&src->lock);
	for (got = 0; got < nr; got++) {
		uint64_t page = page_index_get(&src->pages, first + got);

		if (!page)
			break;
		pas[got] = page & PAGE_ADDR;
		frame_get(pas[got]);
	}
	spin_unlock(&src->lock);
	if (got == nr)
		return 0;
	frame_put_many(pas, got);
	return -QERR_NOENT;
}

/* Enters the frames into dst, whose index takes the references over; what is not needed stays in
 * pas. */
static long supply_enter(struct memobj *dst, uint64_t first, unsigned nr, uint64_t *pas, uint64_t flags,
			 unsigned *nr_left)
{
	unsigned left = 0;
	long error = 0;

	spin_lock(&dst->lock);
	for (unsigned i = 0; i < nr; i++) {
		uint64_t *slot = page_index_slot(&dst->pages, first + i);

		if (slot)
			*slot |= flags;
		else if (!error && (first + i) << PAGE_SHIFT >= dst->size)
			error = -QERR_RANGE;
		else if (!error)
			error = page_index_set(&dst->pages, first + i, pas[i] | flags);
		if (slot || error)
			pas[left++] = pas[i];
	}
	spin_unlock(&dst->lock);
	*nr_left = left;
	return error;
}

long memobj_supply(struct memobj *dst, uint64_t dst_first, struct memobj *src, uint64_t src_first, uint64_t nr,
		   uint32_t flags)
{
	uint64_t page_flags = PAGE_VALID | (flags & QUOIN_SUPPLY_WRITABLE ? PAGE_WRITABLE : 0);
	uint64_t pas[32];
	long error = 0;

	while (nr && !error) {
		unsigned count = MIN(nr, ARRAY_SIZE(pas)), left;

		error = supply_collect(src, src_first, count, pas);
		if (error)
			break;
		error = supply_enter(dst, dst_first, count, pas, page_flags, &left);
		frame_put_many(pas, left);
		dst_first += count;
		src_first += count;
		nr -= count;
		if (!mapping_may_go_on())
			return -QERR_CANCELED;
	}
	return error;
}

void memobj_clean(struct memobj *memobj, uint64_t first, uint64_t nr)
{
	uint64_t end = first + nr, page;

	spin_lock(&memobj->lock);
	for (uint64_t at = first; (at = page_index_next(&memobj->pages, at, end, &page)) < end; at++)
		*page_index_slot(&memobj->pages, at) &= ~PAGE_WRITABLE;
	spin_unlock(&memobj->lock);
	memobj_scan(memobj, first, nr, MEMOBJ_SCAN_CLEAN);
}

long memobj_resize(struct memobj *memobj, uint64_t size)
{
	uint64_t old;

	if (!page_aligned(size) || size >> PAGE_SHIFT > PAGE_INDEX_MAX_PAGES)
		return -QERR_INVAL;
	spin_lock(&memobj->lock);
	old = memobj->size;
	memobj->size = size;
	spin_unlock(&memobj->lock);
	if (size < old)
		memobj_take_out(memobj, size >> PAGE_SHIFT, (old - size) >> PAGE_SHIFT);
	return 0;
}
