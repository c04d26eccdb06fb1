/*
 * Kernel stacks, each with an unmapped guard page below it, and device mappings of the kernel.
 *
 * The kernel's heap range is cut into slots of a guard page and KSTACK_SIZE bytes.  Freed stacks
 * stay mapped on a short list, for the next thread; beyond that they are unmapped, which has to be
 * flushed on every CPU before the frames go.
 */
#include "debug.h"
#include "list.h"
#include "mm.h"
#include "pagetable.h"
#include "spinlock.h"
#include "tlb.h"

#define SLOT_SIZE   (KSTACK_SIZE + PAGE_SIZE)
#define SLOTS       65536u
#define STACK_PAGES (KSTACK_SIZE / PAGE_SIZE)
#define CACHED_MAX  16u
#define DEVICE_BASE (KERNEL_HEAP + BIT(36))
#define DEVICE_END  (DEVICE_BASE + BIT(32))

/* [l] lock */
static struct {
	struct spinlock lock;
	uint32_t next;               /* [l] slots never used */
	uint32_t nr_free, nr_cached; /* [l] */
	uint32_t cached[CACHED_MAX]; /* [l] slots with their frames */
	uint64_t free[SLOTS / 64];   /* [l] bit: an unmapped slot */
	uintptr_t device;            /* [l] */
} stacks = { .lock = SPINLOCK_INIT("kstack", LOCK_KSTACK), .device = DEVICE_BASE };

static inline uintptr_t slot_base(uint32_t slot)
{
	return KERNEL_HEAP + (uintptr_t)slot * SLOT_SIZE;
}

static uint32_t slot_take_free(void)
{
	for (uint32_t i = 0; i < SLOTS / 64; i++) {
		if (!stacks.free[i])
			continue;
		uint32_t slot = i * 64 + __builtin_ctzl(stacks.free[i]);

		stacks.free[i] &= stacks.free[i] - 1;
		stacks.nr_free--;
		return slot;
	}
	panic("kstack: free slots are miscounted");
}

static void slot_unmap(uint32_t slot)
{
	uintptr_t base = slot_base(slot) + PAGE_SIZE;
	uint64_t pages[STACK_PAGES];

	for (unsigned i = 0; i < STACK_PAGES; i++)
		pages[i] = pt_kernel_unmap(base + i * PAGE_SIZE) & PTE_ADDR;
	tlb_flush(NULL, base, base + KSTACK_SIZE);
	for (unsigned i = 0; i < STACK_PAGES; i++) {
		if (!pages[i])
			continue;
		pmm_free(pages[i], 0);
		__atomic_fetch_sub(&kernel_pages, 1, __ATOMIC_RELAXED);
	}
	spin_lock(&stacks.lock);
	stacks.free[slot / 64] |= BIT(slot % 64);
	stacks.nr_free++;
	spin_unlock(&stacks.lock);
}

static bool slot_map(uint32_t slot)
{
	uintptr_t base = slot_base(slot) + PAGE_SIZE;

	for (unsigned i = 0; i < STACK_PAGES; i++) {
		uint64_t pa = pmm_alloc_clean(0);
		long error;

		if (!pa)
			return false;
		__atomic_fetch_add(&kernel_pages, 1, __ATOMIC_RELAXED);
		spin_lock(&stacks.lock);
		error = pt_kernel_map(base + i * PAGE_SIZE, pa, PTE_WRITE | PTE_NX | PTE_GLOBAL);
		spin_unlock(&stacks.lock);
		if (error) {
			__atomic_fetch_sub(&kernel_pages, 1, __ATOMIC_RELAXED);
			pmm_free(pa, 0);
			return false;
		}
	}
	return true;
}

void *kstack_alloc(void)
{
	uint32_t slot;
	bool mapped = false;

	spin_lock(&stacks.lock);
	if (stacks.nr_cached) {
		slot = stacks.cached[--stacks.nr_cached];
		mapped = true;
	} else if (stacks.nr_free) {
		slot = slot_take_free();
	} else if (stacks.next < SLOTS) {
		slot = stacks.next++;
	} else {
		spin_unlock(&stacks.lock);
		return NULL;
	}
	spin_unlock(&stacks.lock);
	if (!mapped && !slot_map(slot)) {
		slot_unmap(slot);
		return NULL;
	}
	return (void *)(slot_base(slot) + SLOT_SIZE);
}

void kstack_free(void *top)
{
	uint32_t slot = ((uintptr_t)top - KERNEL_HEAP) / SLOT_SIZE - 1;

	assert(slot_base(slot) + SLOT_SIZE == (uintptr_t)top);
	spin_lock(&stacks.lock);
	if (stacks.nr_cached < CACHED_MAX) {
		stacks.cached[stacks.nr_cached++] = slot;
		spin_unlock(&stacks.lock);
		return;
	}
	spin_unlock(&stacks.lock);
	slot_unmap(slot);
}

uint64_t kstack_cached_pages(void)
{
	return stacks.nr_cached * STACK_PAGES;
}

bool kstack_is_guard(uintptr_t addr)
{
	return addr >= KERNEL_HEAP && addr < slot_base(SLOTS) && (addr - KERNEL_HEAP) % SLOT_SIZE < PAGE_SIZE;
}

void *kernel_map_device(uint64_t pa, size_t size)
{
	uint64_t first = ALIGN_DOWN(pa, PAGE_SIZE);
	size_t bytes = ALIGN_UP(pa + size, PAGE_SIZE) - first;
	uintptr_t va;

	spin_lock(&stacks.lock);
	va = stacks.device;
	if (bytes > DEVICE_END - va) {
		spin_unlock(&stacks.lock);
		return NULL;
	}
	stacks.device += bytes;
	for (size_t done = 0; done < bytes; done += PAGE_SIZE) {
		if (pt_kernel_map(va + done, first + done,
				  PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_PCD | PTE_PWT)) {
			spin_unlock(&stacks.lock);
			return NULL;
		}
	}
	spin_unlock(&stacks.lock);
	return (void *)(va + (pa - first));
}
