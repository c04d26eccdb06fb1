/*
 * Page tables of x86-64: four levels of 512 entries.
 *
 * frame.refs of a table is one more than the number of its entries that are not 0, so a table that
 * has become empty is recognised without looking at it.  Tables are charged to the aspace's
 * account.
 *
 * A native aspace has one root; the 16 upper tables of its server region are there from the start
 * and stay until its end, so guests' server roots can point to them.  A guest aspace has two roots
 * whose lower halves point to the same tables; in the server root those entries are no-execute, so
 * the server cannot run the guest's code.  The kernel half is the same in every root and its upper
 * tables are made once at boot.
 *
 * Another CPU may still walk a table that has been unlinked, until its TLB is flushed: tables go on
 * a chain (through their first word, a page address, so not present to the walker) and are freed
 * later.
 */
#include "aspace.h"
#include "debug.h"
#include "pagetable.h"

uint64_t kernel_root;

#define TABLE_FLAGS  (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define SHIFT(level) (12 + 9 * (level)) /* level 0: last */

static inline uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

static inline unsigned slot_of(uintptr_t addr, unsigned level)
{
	return (addr >> SHIFT(level)) & 511;
}

uint64_t *pt_walk(const struct aspace *aspace, uintptr_t addr)
{
	uint64_t *table = phys_to_virt(aspace->root[0]);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t entry = __atomic_load_n(&table[slot_of(addr, level)], __ATOMIC_RELAXED);

		if (!(entry & PTE_PRESENT))
			return NULL;
		table = table_of(entry);
	}
	return &table[slot_of(addr, 0)];
}

static uint64_t table_alloc(struct aspace *aspace)
{
	uint64_t pa = frame_alloc_zeroed(aspace->object.account);

	if (pa) {
		aspace->table_pages++;
		__atomic_fetch_add(&kernel_pages, 1, __ATOMIC_RELAXED);
	}
	return pa;
}

/* All its entries are empty: the frame is as it was allocated. */
static void table_free(uint64_t pa)
{
	assert(frame_of(pa)->refs == 1);
	__atomic_fetch_sub(&kernel_pages, 1, __ATOMIC_RELAXED);
	frame_put_zeroed(pa);
}

uint64_t *pt_walk_create(struct aspace *aspace, uintptr_t addr)
{
	uint64_t *table = phys_to_virt(aspace->root[0]);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = &table[slot_of(addr, level)];

		if (!(*entry & PTE_PRESENT)) {
			uint64_t pa = table_alloc(aspace);

			if (!pa)
				return NULL;
			pt_count(entry, 1);
			__atomic_store_n(entry, pa | TABLE_FLAGS, __ATOMIC_RELEASE);
			if (level == 3 && aspace->root[ROOT_SERVER]) {
				uint64_t *server = phys_to_virt(aspace->root[ROOT_SERVER]);

				server[slot_of(addr, 3)] = pa | TABLE_FLAGS | PTE_NX;
			}
		}
		table = table_of(*entry);
	}
	return &table[slot_of(addr, 0)];
}

uintptr_t pt_next_table(const struct aspace *aspace, uintptr_t addr, uintptr_t end)
{
	while (addr < end) {
		uint64_t *table = phys_to_virt(aspace->root[0]);
		unsigned level;

		for (level = 3; level > 0; level--) {
			uint64_t entry = table[slot_of(addr, level)];

			if (!(entry & PTE_PRESENT))
				break;
			table = table_of(entry);
		}
		if (level == 0)
			return addr;
		addr = ALIGN_DOWN(addr, 1ul << SHIFT(level)) + (1ul << SHIFT(level));
	}
	return end;
}

void pt_prune(struct aspace *aspace, uintptr_t addr, uint64_t *freed)
{
	uint64_t *entries[4]; /* the one of each level that leads to addr */
	uint64_t *table = phys_to_virt(aspace->root[0]);
	/* A native aspace keeps its upper tables: guests' roots point to them. */
	unsigned top = aspace->root[ROOT_SERVER] ? 4 : 3;

	for (unsigned level = 3; level > 0; level--) {
		entries[level] = &table[slot_of(addr, level)];
		if (!(*entries[level] & PTE_PRESENT))
			return;
		table = table_of(*entries[level]);
	}
	for (unsigned level = 1; level < top; level++) {
		uint64_t pa = *entries[level] & PTE_ADDR;

		if (frame_of(pa)->refs != 1)
			return;
		__atomic_store_n(entries[level], 0, __ATOMIC_RELEASE);
		pt_count(entries[level], -1);
		if (level == 3) {
			uint64_t *server = phys_to_virt(aspace->root[ROOT_SERVER]);

			server[slot_of(addr, 3)] = 0;
		}
		*(uint64_t *)phys_to_virt(pa) = *freed;
		*freed = pa;
		aspace->table_pages--;
	}
}

void pt_release_chain(uint64_t freed)
{
	while (freed) {
		uint64_t *link = phys_to_virt(freed), next = *link;

		*link = 0;
		table_free(freed);
		freed = next;
	}
}

static void root_copy_kernel(uint64_t *root)
{
	const uint64_t *kernel = phys_to_virt(kernel_root);

	memcpy(root + ROOT_SLOT_KERNEL, kernel + ROOT_SLOT_KERNEL,
	       (ROOT_SLOTS - ROOT_SLOT_KERNEL) * sizeof(uint64_t));
}

long pt_roots_create(struct aspace *aspace, const struct aspace *server)
{
	uint64_t *root;

	for (unsigned i = 0; i < (server ? 2 : 1); i++) {
		aspace->root[i] = table_alloc(aspace);
		if (!aspace->root[i])
			goto no_memory;
		root_copy_kernel(phys_to_virt(aspace->root[i]));
	}
	if (server) {
		const uint64_t *from = phys_to_virt(server->root[0]);

		root = phys_to_virt(aspace->root[ROOT_SERVER]);
		memcpy(root + ROOT_SLOT_SERVER, from + ROOT_SLOT_SERVER, ROOT_NR_SERVER * sizeof(uint64_t));
		return 0;
	}
	root = phys_to_virt(aspace->root[0]);
	for (unsigned i = 0; i < ROOT_NR_SERVER; i++) {
		uint64_t pa = table_alloc(aspace);

		if (!pa)
			goto no_memory;
		root[ROOT_SLOT_SERVER + i] = pa | TABLE_FLAGS;
	}
	return 0;
no_memory:
	pt_roots_destroy(aspace);
	return -QERR_NOMEM;
}

static void table_destroy(uint64_t pa, unsigned level);

/* Frees the tables behind slots [first, end) of a table, and empties these. */
static void slots_destroy(uint64_t *table, unsigned first, unsigned end, unsigned level)
{
	for (unsigned i = first; i < end; i++) {
		if (!(table[i] & PTE_PRESENT))
			continue;
		table_destroy(table[i] & PTE_ADDR, level - 1);
		table[i] = 0;
	}
}

/* Frees the table at pa and those below it; last-level entries are empty by now. */
static void table_destroy(uint64_t pa, unsigned level)
{
	if (level > 0 && frame_of(pa)->refs > 1) {
		slots_destroy(phys_to_virt(pa), 0, 512, level);
		frame_of(pa)->refs = 1;
	}
	table_free(pa);
}

/* Empties the first nr slots and the kernel's; the others are empty already. */
static void root_free(uint64_t pa, unsigned nr)
{
	uint64_t *root = phys_to_virt(pa);

	memset(root, 0, nr * sizeof(*root));
	memset(root + ROOT_SLOT_KERNEL, 0, (ROOT_SLOTS - ROOT_SLOT_KERNEL) * sizeof(*root));
	frame_of(pa)->refs = 1;
	table_free(pa);
}

void pt_roots_destroy(struct aspace *aspace)
{
	bool guest = aspace->root[ROOT_SERVER] != 0;
	unsigned first = guest ? 0 : ROOT_SLOT_SERVER;
	unsigned end = guest ? ROOT_SLOT_SERVER : ROOT_SLOT_SERVER + ROOT_NR_SERVER;

	if (!aspace->root[0])
		return;
	slots_destroy(phys_to_virt(aspace->root[0]), first, end, 3);
	root_free(aspace->root[0], 0);
	if (guest)
		root_free(aspace->root[ROOT_SERVER], ROOT_SLOT_SERVER + ROOT_NR_SERVER);
	aspace->root[0] = aspace->root[ROOT_SERVER] = 0;
}

/* The kernel half, whose tables are nobody's and are never freed. */

static uint64_t *kernel_walk(uintptr_t va, bool create)
{
	uint64_t *table = phys_to_virt(kernel_root);

	for (unsigned level = 3; level > 0; level--) {
		uint64_t *entry = &table[slot_of(va, level)];

		if (!(*entry & PTE_PRESENT)) {
			uint64_t pa = create ? pmm_alloc_zeroed() : 0;

			if (!pa)
				return NULL;
			__atomic_fetch_add(&kernel_pages, 1, __ATOMIC_RELAXED);
			*entry = pa | PTE_PRESENT | PTE_WRITE;
		}
		assert(!(*entry & PTE_LARGE));
		table = table_of(*entry);
	}
	return &table[slot_of(va, 0)];
}

long pt_kernel_map(uintptr_t va, uint64_t pa, uint64_t flags)
{
	uint64_t *pte = kernel_walk(va, true);

	if (!pte)
		return -QERR_NOMEM;
	*pte = pa | flags | PTE_PRESENT;
	return 0;
}

uint64_t pt_kernel_unmap(uintptr_t va)
{
	uint64_t *pte = kernel_walk(va, false);
	uint64_t old = pte ? *pte : 0;

	if (pte)
		*pte = 0;
	return old;
}

void pt_kernel_init(void)
{
	uint64_t *root = phys_to_virt(kernel_root);

	for (unsigned i = ROOT_SLOT_KERNEL; i < ROOT_SLOTS; i++) {
		uint64_t pa;

		if (root[i] & PTE_PRESENT)
			continue;
		pa = pmm_alloc_zeroed();
		if (!pa)
			panic("no memory for the kernel's page tables");
		kernel_pages++;
		root[i] = pa | PTE_PRESENT | PTE_WRITE;
	}
}
