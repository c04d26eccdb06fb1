/*
 * The calls on address spaces: handles and arguments are checked here, the work is elsewhere.
 */
#include "mapping.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

static long lookup(quoin_handle handle, uint32_t rights, struct aspace **aspace)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_ASPACE, rights, &object);

	*aspace = error ? NULL : container_of(object, struct aspace, object);
	return error;
}

static inline long put(struct aspace *aspace, long result)
{
	object_put(&aspace->object);
	return result;
}

long call_aspace_create(uint32_t kind)
{
	struct thread *self = current_thread();
	struct aspace *aspace;
	long error;

	if (kind > QUOIN_ASPACE_GUEST)
		return -QERR_INVAL;
	error = aspace_new(kind, kind == QUOIN_ASPACE_GUEST ? self->native : NULL, self->task->account,
			   &aspace);
	if (error)
		return error;
	return handle_insert_new(self->task, &aspace->object);
}

static unsigned prot_of_rights(uint32_t rights)
{
	return (rights & QUOIN_RIGHT_READ ? QUOIN_PROT_READ : 0) |
	       (rights & QUOIN_RIGHT_WRITE ? QUOIN_PROT_WRITE : 0) |
	       (rights & QUOIN_RIGHT_EXEC ? QUOIN_PROT_EXEC : 0);
}

long call_aspace_map(quoin_handle handle, uint64_t addr, uint64_t len, uint64_t prot_flags, quoin_handle memobj,
		     uint64_t offset)
{
	struct handle_ref ref = { .object = NULL };
	unsigned max_prot = QUOIN_PROT_READ | QUOIN_PROT_WRITE | QUOIN_PROT_EXEC;
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	if (result)
		return result;
	if (memobj) {
		result = handle_lookup_ref(current_thread()->task, memobj, OBJECT_MEMOBJ, QUOIN_RIGHT_READ,
					   &ref);
		if (result)
			return put(aspace, result);
		max_prot = prot_of_rights(ref.rights);
	}
	result = aspace_map(aspace, addr, len, prot_flags,
			    ref.object ? container_of(ref.object, struct memobj, object) : NULL, max_prot,
			    offset);
	if (ref.object)
		object_put(ref.object);
	return put(aspace, result);
}

long call_aspace_unmap(quoin_handle handle, uint64_t addr, uint64_t len)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	return result ? result : put(aspace, aspace_unmap(aspace, addr, len));
}

long call_aspace_protect(quoin_handle handle, uint64_t addr, uint64_t len, uint32_t prot)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	return result ? result : put(aspace, aspace_protect(aspace, addr, len, prot));
}

long call_aspace_clone(quoin_handle handle)
{
	struct task *task = current_thread()->task;
	struct aspace *aspace, *child;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	if (result)
		return result;
	if (aspace->kind != QUOIN_ASPACE_GUEST)
		return put(aspace, -QERR_INVAL);
	if (pmm_only_reserve_left())
		return put(aspace, -QERR_NOMEM);
	result = aspace_clone(aspace, task->account, &child);
	if (!result)
		result = handle_insert_new(task, &child->object);
	return put(aspace, result);
}

long call_aspace_move(quoin_handle handle, uint64_t old_addr, uint64_t old_len, uint64_t new_addr,
		      uint64_t new_len)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	return result ? result : put(aspace, aspace_move(aspace, old_addr, old_len, new_addr, new_len));
}

long call_aspace_discard(quoin_handle handle, uint64_t addr, uint64_t len)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	return result ? result : put(aspace, aspace_discard(aspace, addr, len));
}

/* Memory that a task takes ahead of time, for the sake of applications as its thread's class tells. */
static bool leaves_reserve(const struct thread *self, const struct aspace *aspace)
{
	return aspace->kind == QUOIN_ASPACE_NATIVE && self->sched_class == QUOIN_SCHED_FAIR;
}

long call_aspace_populate(quoin_handle handle, uint64_t addr, uint64_t len, uint32_t access)
{
	struct thread *self = current_thread();
	struct aspace *aspace;
	uintptr_t stopped;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	if (result)
		return result;
	if (!aspace_range_ok(aspace, addr, len) || access > 7 || !access)
		return put(aspace, -QERR_INVAL);
	stopped = addr;
	if (leaves_reserve(self, aspace) && !pmm_fits_beside_reserve(len >> PAGE_SHIFT))
		result = QUOIN_FAULT_NOMEM;
	else
		result = aspace_resolve_range(aspace, addr, addr + len, access, &stopped);
	if (result)
		self->page->vcpu.fault_addr = stopped;
	else if (stopped < addr + len)
		result = -QERR_CANCELED;
	return put(aspace, result);
}

long call_aspace_read(quoin_handle handle, uint64_t addr, uintptr_t buffer, uint64_t len)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_READ, &aspace);

	if (result)
		return result;
	if (!user_range_ok(buffer, len) || addr + len < addr)
		return put(aspace, -QERR_INVAL);
	return put(aspace, aspace_read_user(aspace, addr, buffer, len));
}

long call_aspace_write(quoin_handle handle, uint64_t addr, uintptr_t buffer, uint64_t len)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_WRITE, &aspace);

	if (result)
		return result;
	if (!user_range_ok(buffer, len) || addr + len < addr)
		return put(aspace, -QERR_INVAL);
	return put(aspace, aspace_write_user(aspace, addr, buffer, len));
}

long call_aspace_resident(quoin_handle handle, uint64_t addr, uint64_t nr_pages, uintptr_t bytes)
{
	struct aspace *aspace;
	uint8_t states[256];
	long result = lookup(handle, QUOIN_RIGHT_READ, &aspace);

	if (result)
		return result;
	if (nr_pages >> 40 || !aspace_range_ok(aspace, addr, nr_pages << PAGE_SHIFT))
		return put(aspace, -QERR_INVAL);
	for (uint64_t done = 0; done < nr_pages && !result;) {
		unsigned nr = MIN(nr_pages - done, sizeof(states));

		aspace_page_states(aspace, addr + (done << PAGE_SHIFT), nr, states);
		result = copy_to_user(bytes + done, states, nr);
		done += nr;
		if (!mapping_may_go_on())
			result = -QERR_CANCELED;
	}
	return put(aspace, result);
}

long call_aspace_stat(quoin_handle handle, uintptr_t out)
{
	struct quoin_aspace_stat stat;
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_READ, &aspace);

	if (result)
		return result;
	spin_lock(&aspace->lock);
	stat.resident_pages = aspace->resident_pages;
	stat.peak_pages = MAX(aspace->peak_pages, aspace->resident_pages);
	stat.private_pages = aspace->private_pages;
	stat.table_pages = aspace->table_pages;
	stat.mapped_pages = aspace->mapped_pages;
	spin_unlock(&aspace->lock);
	return put(aspace, copy_to_user(out, &stat, sizeof(stat)));
}

/*
 * A CPU that acknowledges a flush has taken an interrupt or executed a locked instruction, and one that is
 * not asked loads the root later: either serialises it.  Page 0 is never mapped: no translation is lost.
 */
long call_aspace_barrier(quoin_handle handle)
{
	struct aspace *aspace;
	long result = lookup(handle, QUOIN_RIGHT_READ, &aspace);

	if (result)
		return result;
	tlb_flush(aspace, 0, PAGE_SIZE);
	return put(aspace, 0);
}
