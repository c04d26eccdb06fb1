/*
 * Reading and writing an address space from outside, through the direct map; and a look at its
 * pages.
 */
#include "mapping.h"
#include "usercopy.h"

/*
 * The frame behind addr with a reference, resolved for reading or for writing; 0 if it can't be.  A
 * write ignores the protection of private regions (ptrace), but never reaches an object's page that
 * its owner has not made writable.
 */
static uint64_t page_borrow(struct aspace *aspace, uintptr_t addr, bool write)
{
	struct tlb_batch batch;
	struct region *region;
	uint64_t pa = 0, *pte;
	bool force;

	tlb_batch_init(&batch, aspace);
	fault_lock(aspace, addr, write);
	region = region_find(&aspace->regions, addr);
	force = region && !(region->flags & QUOIN_MAP_SHARED);
	if (region &&
	    !fault_resolve_locked(aspace, region, addr, write ? ACCESS_WRITE : ACCESS_READ, force, &batch)) {
		pte = pt_walk(aspace, addr);
		if (!(*pte & PTE_DEVICE)) {
			pa = *pte & PTE_ADDR;
			frame_get(pa);
		}
	}
	spin_unlock(&aspace->lock);
	tlb_batch_finish(&batch);
	return pa;
}

typedef int transfer_page(char *page, uintptr_t buffer, size_t n);

static uint64_t transfer(struct aspace *aspace, uintptr_t addr, uintptr_t buffer, uint64_t len, bool write,
			 transfer_page *copy)
{
	uint64_t done = 0;

	while (done < len) {
		uintptr_t at = addr + done;
		size_t n = MIN(len - done, PAGE_SIZE - (at & PAGE_MASK));
		uint64_t pa = page_borrow(aspace, ALIGN_DOWN(at, PAGE_SIZE), write);
		int error;

		if (!pa)
			break;
		error = copy((char *)phys_to_virt(pa) + (at & PAGE_MASK), buffer + done, n);
		frame_put(pa);
		if (error)
			break;
		done += n;
		if (!mapping_may_go_on())
			break;
	}
	return done;
}

static int kernel_to_page(char *page, uintptr_t buffer, size_t n)
{
	memcpy(page, (const void *)buffer, n);
	return 0;
}

static int page_to_kernel(char *page, uintptr_t buffer, size_t n)
{
	memcpy((void *)buffer, page, n);
	return 0;
}

static int user_to_page(char *page, uintptr_t buffer, size_t n)
{
	return copy_from_user(page, buffer, n);
}

static int page_to_user(char *page, uintptr_t buffer, size_t n)
{
	return copy_to_user(buffer, page, n);
}

uint64_t aspace_copy_in(struct aspace *aspace, uintptr_t addr, const void *src, uint64_t len)
{
	return transfer(aspace, addr, (uintptr_t)src, len, true, kernel_to_page);
}

uint64_t aspace_copy_out(struct aspace *aspace, void *dst, uintptr_t addr, uint64_t len)
{
	return transfer(aspace, addr, (uintptr_t)dst, len, false, page_to_kernel);
}

uint64_t aspace_write_user(struct aspace *aspace, uintptr_t addr, uintptr_t buffer, uint64_t len)
{
	return transfer(aspace, addr, buffer, len, true, user_to_page);
}

uint64_t aspace_read_user(struct aspace *aspace, uintptr_t addr, uintptr_t buffer, uint64_t len)
{
	return transfer(aspace, addr, buffer, len, false, page_to_user);
}

bool aspace_peek_u32(struct aspace *aspace, uintptr_t addr, uint32_t *value)
{
	uint64_t *pte = pt_walk(aspace, addr), entry;

	if (!pte)
		return false;
	entry = __atomic_load_n(pte, __ATOMIC_RELAXED);
	if ((entry & (PTE_PRESENT | PTE_USER | PTE_DEVICE)) != (PTE_PRESENT | PTE_USER))
		return false;
	*value = *(volatile uint32_t *)((char *)phys_to_virt(entry & PTE_ADDR) + (addr & PAGE_MASK));
	return true;
}

void aspace_page_states(struct aspace *aspace, uintptr_t addr, unsigned nr, uint8_t *states)
{
	spin_lock(&aspace->lock);
	for (unsigned i = 0; i < nr; i++) {
		uint64_t *pte = pt_walk(aspace, addr + i * PAGE_SIZE);
		uint64_t entry = pte ? *pte : 0;

		states[i] = (entry ? 1 : 0) | (entry & PTE_DIRTY ? 2 : 0);
	}
	spin_unlock(&aspace->lock);
}
