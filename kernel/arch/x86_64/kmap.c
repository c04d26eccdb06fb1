/*
 * The kernel's page tables.
 *
 * The direct map covers all RAM and at least the first 4 GiB (where firmware keeps its tables), with
 * the largest pages the CPU has, writable and never executable.  The image is mapped page by page:
 * text executable and read-only, constants read-only, the rest writable.  All of it is global.  Built
 * before the allocator exists, from the boot tables, which reach the first 4 GiB.
 */
#include "arch.h"
#include "boot.h"
#include "debug.h"
#include "pagetable.h"
#include "percpu.h"
#include "tlb.h"

#define GIB  (1ul << 30)
#define MIB2 (1ul << 21)

extern char text_start[], text_end[], rodata_end[], image_end[];

static uint64_t *next_table(uint64_t *table, unsigned slot)
{
	if (!table[slot])
		table[slot] = boot_alloc_page() | PTE_PRESENT | PTE_WRITE;
	return phys_to_virt(table[slot] & PTE_ADDR);
}

static unsigned slot_of(uintptr_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & 511;
}

/* Maps one page of 4 KiB (level 0), 2 MiB (1) or 1 GiB (2). */
static void map_one(uintptr_t va, uint64_t pa, unsigned level, uint64_t flags)
{
	uint64_t *table = phys_to_virt(kernel_root);

	for (unsigned l = 3; l > level; l--)
		table = next_table(table, slot_of(va, l));
	table[slot_of(va, level)] = pa | flags | PTE_PRESENT | PTE_GLOBAL | (level ? PTE_LARGE : 0);
}

static bool has_gib_pages(void)
{
	uint32_t r[4];

	cpuid(0x80000001, 0, r);
	return r[3] & BIT(26);
}

static void map_direct(void)
{
	uint64_t end = ALIGN_UP(MAX(boot_info.ram_top, 4 * GIB), GIB);
	unsigned level = has_gib_pages() ? 2 : 1;
	uint64_t step = level == 2 ? GIB : MIB2;

	for (uint64_t pa = 0; pa < end; pa += step)
		map_one(KERNEL_DIRECT + pa, pa, level, PTE_WRITE | PTE_NX);
}

static void map_image(const char *start, const char *end, uint64_t flags)
{
	for (uintptr_t va = (uintptr_t)start; va < (uintptr_t)end; va += PAGE_SIZE)
		map_one(va, va - KERNEL_IMAGE, 0, flags);
}

void kmap_init(void)
{
	const char *rodata = (const char *)ALIGN_UP((uintptr_t)text_end, PAGE_SIZE);
	const char *data = (const char *)ALIGN_UP((uintptr_t)rodata_end, PAGE_SIZE);

	kernel_root = boot_alloc_page();
	map_direct();
	map_image(text_start, rodata, 0);
	map_image(rodata, data, PTE_NX);
	map_image(data, image_end, PTE_WRITE | PTE_NX);
	arch_switch_root(kernel_root);
}
