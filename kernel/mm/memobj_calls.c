/*
 * The calls on memory objects.
 */
#include "mapping.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

#define PHYSICAL_LIMIT BIT(46) /* of the direct map's range */

static long lookup(quoin_handle handle, uint32_t rights, struct memobj **memobj)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_MEMOBJ, rights, &object);

	*memobj = error ? NULL : container_of(object, struct memobj, object);
	return error;
}

static inline long put(struct memobj *memobj, long result)
{
	object_put(&memobj->object);
	return result;
}

static bool pages_ok(uint64_t offset, uint64_t nr_pages)
{
	return page_aligned(offset) && nr_pages <= PAGE_INDEX_MAX_PAGES &&
	       (offset >> PAGE_SHIFT) <= PAGE_INDEX_MAX_PAGES - nr_pages;
}

/* An object of kind that is named with rights, and a range of pages that is possible. */
static long lookup_range(quoin_handle handle, uint32_t rights, uint64_t offset, uint64_t nr_pages,
			 uint32_t kind, struct memobj **memobj)
{
	long error = lookup(handle, rights, memobj);

	if (error)
		return error;
	if (!pages_ok(offset, nr_pages) || (*memobj)->kind != kind)
		return put(*memobj, -QERR_INVAL);
	return 0;
}

long call_memobj_create(uint32_t kind, uint64_t size)
{
	struct task *task = current_thread()->task;
	struct memobj *memobj;
	long error;

	if (kind > QUOIN_MEMOBJ_DMA || (kind == QUOIN_MEMOBJ_DMA && size == 0))
		return -QERR_INVAL;
	error = memobj_new(kind, size, task->account, &memobj);
	return error ? error : handle_insert_new(task, &memobj->object);
}

static bool range_is_ram(uint64_t pa, uint64_t size)
{
	for (uint64_t at = pa; at < pa + size && at >> PAGE_SHIFT < frame_limit; at += PAGE_SIZE)
		if (frame_managed(at))
			return true;
	return false;
}

long call_memobj_physical(quoin_handle hardware, uint64_t paddr, uint64_t size)
{
	struct task *task = current_thread()->task;
	struct memobj *memobj;
	long error = handle_check_hardware(hardware);

	if (error)
		return error;
	if (!page_aligned(paddr | size) || !size || size > PHYSICAL_LIMIT || paddr > PHYSICAL_LIMIT - size)
		return -QERR_INVAL;
	if (range_is_ram(paddr, size))
		return -QERR_PERM;
	error = memobj_new_physical(paddr, size, task->account, &memobj);
	return error ? error : handle_insert_new(task, &memobj->object);
}

long call_memobj_resize(quoin_handle handle, uint64_t size)
{
	struct memobj *memobj;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &memobj);

	if (result)
		return result;
	if (memobj->kind != QUOIN_MEMOBJ_ANON && memobj->kind != QUOIN_MEMOBJ_FILE)
		return put(memobj, -QERR_INVAL);
	return put(memobj, memobj_resize(memobj, size));
}

long call_memobj_size(quoin_handle handle)
{
	struct memobj *memobj;
	long result = lookup(handle, QUOIN_RIGHT_READ, &memobj);

	return result ? result : put(memobj, memobj->size);
}

long call_memobj_supply(quoin_handle dst_handle, uint64_t dst_offset, quoin_handle src_handle,
			uint64_t src_offset, uint64_t nr_pages, uint32_t flags)
{
	struct memobj *dst, *src;
	long result;

	if (flags & ~QUOIN_SUPPLY_WRITABLE)
		return -QERR_INVAL;
	result = lookup_range(dst_handle, QUOIN_RIGHT_WRITE, dst_offset, nr_pages, QUOIN_MEMOBJ_FILE, &dst);
	if (result)
		return result;
	result = lookup_range(src_handle, QUOIN_RIGHT_READ | QUOIN_RIGHT_WRITE, src_offset, nr_pages,
			      QUOIN_MEMOBJ_ANON, &src);
	if (result)
		return put(dst, result);
	result = memobj_supply(dst, dst_offset >> PAGE_SHIFT, src, src_offset >> PAGE_SHIFT, nr_pages, flags);
	put(src, 0);
	return put(dst, result);
}

static long take_out(quoin_handle handle, uint64_t offset, uint64_t nr_pages, uint32_t kind)
{
	struct memobj *memobj;
	long result = lookup_range(handle, QUOIN_RIGHT_WRITE, offset, nr_pages, kind, &memobj);

	return result ? result : put(memobj, memobj_take_out(memobj, offset >> PAGE_SHIFT, nr_pages));
}

long call_memobj_evict(quoin_handle handle, uint64_t offset, uint64_t nr_pages)
{
	return take_out(handle, offset, nr_pages, QUOIN_MEMOBJ_FILE);
}

long call_memobj_decommit(quoin_handle handle, uint64_t offset, uint64_t nr_pages)
{
	return take_out(handle, offset, nr_pages, QUOIN_MEMOBJ_ANON);
}

long call_memobj_clean(quoin_handle handle, uint64_t offset, uint64_t nr_pages)
{
	struct memobj *memobj;
	long result = lookup_range(handle, QUOIN_RIGHT_WRITE, offset, nr_pages, QUOIN_MEMOBJ_FILE, &memobj);

	if (result)
		return result;
	memobj_clean(memobj, offset >> PAGE_SHIFT, nr_pages);
	return put(memobj, 0);
}

long call_memobj_commit(quoin_handle handle, uint64_t offset, uint64_t nr_pages)
{
	struct memobj *memobj;
	long result = lookup_range(handle, QUOIN_RIGHT_WRITE, offset, nr_pages, QUOIN_MEMOBJ_ANON, &memobj);

	if (result)
		return result;
	return put(memobj, memobj_commit(memobj, offset >> PAGE_SHIFT, nr_pages));
}

static long write_frames(struct memobj *memobj, uint64_t first, uint64_t nr, uintptr_t paddrs)
{
	uint64_t pas[32];
	long error = 0;

	for (uint64_t done = 0; done < nr && !error;) {
		unsigned count = MIN(nr - done, ARRAY_SIZE(pas));

		spin_lock(&memobj->lock);
		for (unsigned i = 0; i < count; i++) {
			uint64_t offset = (first + done + i) << PAGE_SHIFT;

			pas[i] = offset < memobj->size ? memobj_page_locked(memobj, offset) & PAGE_ADDR : 0;
			if (!pas[i])
				error = -QERR_RANGE;
		}
		spin_unlock(&memobj->lock);
		if (!error)
			error = copy_to_user(paddrs + done * sizeof(pas[0]), pas, count * sizeof(pas[0]));
		done += count;
		if (!mapping_may_go_on())
			error = -QERR_CANCELED;
	}
	return error;
}

long call_memobj_frames(quoin_handle handle, uint64_t offset, uint64_t nr_pages, uintptr_t paddrs)
{
	struct memobj *memobj;
	long result = lookup(handle, QUOIN_RIGHT_DMA, &memobj);

	if (result)
		return result;
	if (!pages_ok(offset, nr_pages) || offset + (nr_pages << PAGE_SHIFT) > memobj->size)
		result = -QERR_RANGE;
	else if (memobj->kind == QUOIN_MEMOBJ_ANON)
		result = memobj_commit(memobj, offset >> PAGE_SHIFT, nr_pages);
	else if (memobj->kind != QUOIN_MEMOBJ_DMA && memobj->kind != QUOIN_MEMOBJ_FILE)
		result = -QERR_INVAL;
	if (!result)
		result = write_frames(memobj, offset >> PAGE_SHIFT, nr_pages, paddrs);
	return put(memobj, result);
}
