// clang-format off
// sources: tests/unit/kernel/host.c kernel/mm/pmm.c kernel/mm/slab.c kernel/mm/pageindex.c kernel/mm/regiontree.c kernel/mm/aspace.c kernel/mm/fault.c kernel/mm/memobj.c kernel/mm/protect.c kernel/mm/clone.c kernel/mm/transfer.c kernel/arch/x86_64/pagetable.c kernel/object/account.c kernel/object/object.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include
// clang-format on
// Address spaces over a model: what a process reads is what it wrote, across fork, copy-on-write, moves,
// discards and protection; page tables agree with the books; all pages come back.
#include "check.h"
#include "aspace.h"
#include "pagetable.h"
#include "usercopy.h"

/* The window that the test plays in straddles tables of two levels. */
#define BASE  (0x40000000ul - 300 * PAGE_SIZE)
#define PAGES 700u
#define PROCS 4u

/* The other half of the kernel. */
static uint64_t flushes;
static uint64_t *stale_word; /* another CPU writes to it before its translation goes */

void tlb_flush(struct aspace *aspace, uintptr_t start, uintptr_t end)
{
	if (stale_word)
		*stale_word = 77;
	stale_word = NULL;
	CHECK(!aspace || !aspace->lock.held);
	flushes += start < end;
}

void tlb_flush_all(struct aspace *aspace)
{
	tlb_flush(aspace, 0, UINTPTR_MAX);
}

void tlb_batch_finish(struct tlb_batch *batch)
{
	CHECK(batch->nr_frames == 0 || batch->start < batch->end);
	tlb_flush(batch->aspace, batch->start, batch->end);
	frame_put_many(batch->frames, batch->nr_frames);
	pt_release_chain(batch->tables);
	tlb_batch_init(batch, batch->aspace);
}

int copy_from_user(void *dst, uintptr_t src, size_t n)
{
	memcpy(dst, (void *)src, n);
	return 0;
}

int copy_to_user(uintptr_t dst, const void *src, size_t n)
{
	memcpy((void *)dst, src, n);
	return 0;
}

void task_destroy(struct object *object)
{
	(void)object;
}
void thread_destroy(struct object *object) __attribute__((alias("task_destroy")));
void endpoint_destroy(struct object *object) __attribute__((alias("task_destroy")));
void notification_destroy(struct object *object) __attribute__((alias("task_destroy")));
void irq_destroy(struct object *object) __attribute__((alias("task_destroy")));
void ioport_destroy(struct object *object) __attribute__((alias("task_destroy")));

/* The CPU: an access that goes through the page tables, faulting as often as it takes. */
static unsigned cpu_access(struct aspace *aspace, uintptr_t addr, unsigned access, uint64_t **word)
{
	unsigned kind = 0;

	for (int tries = 0; tries < 3; tries++) {
		uint64_t *pte = pt_walk(aspace, addr);
		uint64_t entry = pte ? *pte : 0;

		if ((entry & PTE_PRESENT) && (entry & PTE_USER) &&
		    (!(access & ACCESS_WRITE) || (entry & PTE_WRITE)) &&
		    (!(access & ACCESS_EXEC) || !(entry & PTE_NX))) {
			*word = (uint64_t *)((char *)phys_to_virt(entry & PTE_ADDR) + (addr & PAGE_MASK));
			return 0;
		}
		if (aspace_fault(aspace, addr, access, &kind))
			return kind;
	}
	CHECK(!"the fault was resolved");
	return 99;
}

static unsigned cpu_read(struct aspace *aspace, uintptr_t addr, uint64_t *value)
{
	uint64_t *word = NULL;
	unsigned kind = cpu_access(aspace, addr, ACCESS_READ, &word);

	if (!kind)
		*value = *word;
	return kind;
}

static unsigned cpu_write(struct aspace *aspace, uintptr_t addr, uint64_t value)
{
	uint64_t *word = NULL;
	unsigned kind = cpu_access(aspace, addr, ACCESS_WRITE, &word);

	if (!kind)
		*word = value;
	return kind;
}

/* The model: per process and page, what is mapped and what it holds. */
enum what { NONE, ANON, SHARED, PRIVATE };

struct page {
	enum what what;
	unsigned prot;
	uint64_t index; /* in the object */
	bool own;       /* PRIVATE, ANON: written to */
	uint64_t value;
};

static struct process {
	struct aspace *aspace;
	struct page pages[PAGES];
} procs[PROCS];

static struct aspace *server;
static struct memobj *object;
static uint64_t object_values[PAGES];
static struct account *account;

static uintptr_t addr_of(unsigned page)
{
	return BASE + page * PAGE_SIZE;
}

static void verify(struct process *proc)
{
	uint64_t mapped = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		struct page *page = &proc->pages[i];
		uint64_t value = ~0ul, want;
		unsigned kind = cpu_read(proc->aspace, addr_of(i), &value);

		mapped += page->what != NONE;
		if (page->what == NONE) {
			CHECK_EQ(kind, QUOIN_FAULT_UNMAPPED);
		} else if (!page->prot) {
			CHECK_EQ(kind, QUOIN_FAULT_ACCESS);
		} else {
			want = page->own ? page->value : page->what == ANON ? 0 : object_values[page->index];
			CHECK_EQ(kind, 0);
			CHECK_EQ(value, want);
		}
	}
	CHECK_EQ(proc->aspace->mapped_pages, mapped);
}

/* Counts the entries under a table and compares with what it believes. */
static uint64_t count_table(uint64_t pa, unsigned level, uint64_t *tables)
{
	uint64_t *table = phys_to_virt(pa), entries = 0, pages = 0;

	(*tables)++;
	for (unsigned i = 0; i < (level == 3 ? 256 : 512); i++) {
		if (!table[i])
			continue;
		entries++;
		pages += level ? count_table(table[i] & PTE_ADDR, level - 1, tables) : 1;
	}
	CHECK_EQ(frame_of(pa)->refs, entries + 1);
	return pages;
}

static void verify_tables(struct aspace *aspace)
{
	uint64_t tables = 1; /* the server root */

	CHECK_EQ(count_table(aspace->root[0], 3, &tables), aspace->resident_pages);
	CHECK_EQ(tables, aspace->table_pages);
	for (unsigned i = 0; i < 256; i++) {
		uint64_t *guest = phys_to_virt(aspace->root[0]), *full = phys_to_virt(aspace->root[1]);

		CHECK_EQ(full[i], guest[i] ? guest[i] | PTE_NX : 0);
	}
}

static bool range_free(const struct process *proc, unsigned first, unsigned nr)
{
	for (unsigned i = first; i < first + nr; i++)
		if (proc->pages[i].what != NONE)
			return false;
	return true;
}

static bool range_mapped(const struct process *proc, unsigned first, unsigned nr)
{
	for (unsigned i = first; i < first + nr; i++)
		if (proc->pages[i].what == NONE)
			return false;
	return true;
}

static void do_map(struct process *proc, unsigned first, unsigned nr)
{
	enum what what = ANON + rand() % 3;
	unsigned prot = rand() % 4;
	uint64_t flags = (what == SHARED ? QUOIN_MAP_SHARED : 0) | (rand() % 2 ? QUOIN_MAP_POPULATE : 0);
	bool replace = rand() % 2;
	uint64_t index = what == ANON ? 0 : rand() % (PAGES - nr);
	bool fits = replace || range_free(proc, first, nr);
	long error;

	prot = prot == 2 ? 3 : prot;
	error = aspace_map(proc->aspace, addr_of(first), nr * PAGE_SIZE,
			   prot | (flags | (replace ? QUOIN_MAP_REPLACE : 0)) << 8,
			   what == ANON ? NULL : object, 7, index * PAGE_SIZE);
	CHECK_EQ(error, fits ? 0 : -QERR_EXIST);
	for (unsigned i = first; fits && i < first + nr; i++)
		proc->pages[i] = (struct page){ .what = what, .prot = prot, .index = index + i - first };
}

static void do_protect(struct process *proc, unsigned first, unsigned nr)
{
	unsigned prot = rand() % 4;
	long error;

	prot = prot == 2 ? 3 : prot;
	error = aspace_protect(proc->aspace, addr_of(first), nr * PAGE_SIZE, prot);
	CHECK_EQ(error, range_mapped(proc, first, nr) ? 0 : -QERR_NOENT);
	for (unsigned i = first; i < first + nr && proc->pages[i].what != NONE; i++)
		proc->pages[i].prot = prot;
}

static void do_move(struct process *proc, unsigned first, unsigned nr)
{
	unsigned to = rand() % (PAGES - nr);
	bool overlap = to < first + nr && first < to + nr;
	long error = aspace_move(proc->aspace, addr_of(first), nr * PAGE_SIZE, addr_of(to), nr * PAGE_SIZE);

	if (overlap) {
		CHECK_EQ(error, -QERR_INVAL);
	} else if (!range_free(proc, to, nr)) {
		CHECK_EQ(error, -QERR_EXIST);
	} else if (!range_mapped(proc, first, nr)) {
		CHECK_EQ(error, -QERR_NOENT);
	} else {
		CHECK_EQ(error, 0);
		memcpy(&proc->pages[to], &proc->pages[first], nr * sizeof(struct page));
		memset(&proc->pages[first], 0, nr * sizeof(struct page));
	}
}

static void do_write(struct process *proc, unsigned i)
{
	struct page *page = &proc->pages[i];
	uint64_t value = rand();
	bool force = rand() % 4 == 0;
	unsigned kind = 0;

	if (force) {
		uint64_t done = aspace_copy_in(proc->aspace, addr_of(i), &value, sizeof(value));

		CHECK_EQ(done,
			 page->what == NONE || (page->what == SHARED && page->prot != 3) ? 0 : sizeof(value));
		if (!done)
			return;
	} else {
		kind = cpu_write(proc->aspace, addr_of(i), value);
		CHECK_EQ(kind, page->what == NONE ? QUOIN_FAULT_UNMAPPED
			       : page->prot == 3  ? 0
						  : QUOIN_FAULT_ACCESS);
	}
	if (kind)
		return;
	if (page->what == SHARED) {
		object_values[page->index] = value;
	} else {
		page->own = true;
		page->value = value;
	}
}

static void do_fork(struct process *proc)
{
	struct process *child = &procs[rand() % PROCS];

	if (child == proc)
		return;
	object_put(&child->aspace->object);
	CHECK_EQ(aspace_clone(proc->aspace, account, &child->aspace), 0);
	memcpy(child->pages, proc->pages, sizeof(child->pages));
	CHECK_EQ(proc->aspace->clones_running, 0);
}

static void step(struct process *proc)
{
	unsigned first = rand() % PAGES, nr = 1 + rand() % (rand() % 4 ? 20 : 300);

	nr = MIN(nr, PAGES - first);
	switch (rand() % 40) {
	case 0:
		do_fork(proc);
		break;
	case 1 ... 4:
		if (nr < PAGES)
			do_map(proc, first, nr);
		break;
	case 5 ... 6:
		CHECK_EQ(aspace_unmap(proc->aspace, addr_of(first), nr * PAGE_SIZE), 0);
		memset(&proc->pages[first], 0, nr * sizeof(struct page));
		break;
	case 7 ... 8:
		do_protect(proc, first, nr);
		break;
	case 9:
		CHECK_EQ(aspace_discard(proc->aspace, addr_of(first), nr * PAGE_SIZE), 0);
		for (unsigned i = first; i < first + nr; i++)
			proc->pages[i].own = false;
		break;
	case 10:
		if (nr < PAGES)
			do_move(proc, first, nr);
		break;
	case 11:
		CHECK_EQ(memobj_take_out(object, first, nr), 0);
		memset(&object_values[first], 0, nr * sizeof(uint64_t));
		break;
	default:
		do_write(proc, first);
	}
}

static void test_random(void)
{
	for (unsigned i = 0; i < PROCS; i++)
		CHECK_OR_STOP(aspace_new(QUOIN_ASPACE_GUEST, server, account, &procs[i].aspace) == 0);
	for (int round = 0; round < 30000 && !check_failures; round++) {
		step(&procs[rand() % PROCS]);
		if (round % 500 == 0) {
			for (unsigned i = 0; i < PROCS; i++)
				verify(&procs[i]);
			for (unsigned i = 0; i < PROCS; i++)
				verify_tables(procs[i].aspace);
		}
	}
	CHECK(flushes > 1000);
	for (unsigned i = 0; i < PROCS; i++)
		object_put(&procs[i].aspace->object);
}

/* A FILE object: pages are missing until supplied, and clean until made writable. */
static void test_file(void)
{
	struct memobj *file, *source;
	struct aspace *a, *b;
	uintptr_t stopped;
	uint64_t value;

	CHECK_EQ(memobj_new(QUOIN_MEMOBJ_FILE, 8 * PAGE_SIZE, account, &file), 0);
	CHECK_EQ(memobj_new(QUOIN_MEMOBJ_ANON, 8 * PAGE_SIZE, account, &source), 0);
	CHECK_EQ(aspace_new(QUOIN_ASPACE_GUEST, server, account, &a), 0);
	CHECK_EQ(aspace_new(QUOIN_ASPACE_GUEST, server, account, &b), 0);
	CHECK_EQ(aspace_map(a, BASE, 16 * PAGE_SIZE, 3 | QUOIN_MAP_SHARED << 8, file, 7, 0), 0);
	CHECK_EQ(aspace_map(b, BASE, 8 * PAGE_SIZE, 3, file, QUOIN_PROT_READ, 0), 0);
	CHECK_EQ(
		aspace_map(b, BASE - PAGE_SIZE, PAGE_SIZE, 3 | QUOIN_MAP_SHARED << 8, file, QUOIN_PROT_READ, 0),
		-QERR_PERM);

	CHECK_EQ(cpu_read(a, BASE, &value), QUOIN_FAULT_MISSING);
	CHECK_EQ(memobj_supply(file, 0, source, 0, 1, 0), -QERR_NOENT);
	CHECK_EQ(memobj_commit(source, 0, 8), 0);
	CHECK_EQ(memobj_supply(file, 0, source, 0, 4, 0), 0);
	CHECK_EQ(memobj_supply(file, 6, source, 4, 4, 0), -QERR_RANGE);
	CHECK_EQ(cpu_read(a, BASE, &value), 0);
	CHECK_EQ(a->resident_pages, 6); /* all that are there, by fault-around */
	CHECK_EQ(cpu_read(a, BASE + 5 * PAGE_SIZE, &value), QUOIN_FAULT_MISSING);
	CHECK_EQ(cpu_read(a, BASE + 8 * PAGE_SIZE, &value), QUOIN_FAULT_RANGE);
	CHECK_EQ(cpu_write(a, BASE, 1), QUOIN_FAULT_READONLY);
	CHECK_EQ(memobj_supply(file, 0, source, 0, 1, QUOIN_SUPPLY_WRITABLE), 0);
	CHECK_EQ(cpu_write(a, BASE, 1), 0);
	CHECK_EQ(cpu_read(b, BASE, &value), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(cpu_write(b, BASE, 2), 0);
	memobj_clean(file, 0, 8);
	CHECK_EQ(cpu_write(a, BASE, 3), QUOIN_FAULT_READONLY);
	CHECK_EQ(cpu_write(b, BASE, 4), 0);
	CHECK_EQ(cpu_read(a, BASE, &value), 0);
	CHECK_EQ(value, 1);

	CHECK_EQ(memobj_take_out(file, 0, 8), 0);
	CHECK_EQ(cpu_read(a, BASE, &value), QUOIN_FAULT_MISSING);
	CHECK_EQ(cpu_read(b, BASE, &value), 0); /* the copy stays */
	CHECK_EQ(value, 4);
	CHECK_EQ(cpu_read(b, BASE + PAGE_SIZE, &value), QUOIN_FAULT_MISSING);
	CHECK_EQ(memobj_supply(file, 0, source, 0, 8, 0), 0);
	CHECK_EQ(cpu_read(a, BASE + 7 * PAGE_SIZE, &value), 0);
	CHECK_EQ(memobj_resize(file, 4 * PAGE_SIZE), 0);
	CHECK_EQ(cpu_read(a, BASE + 7 * PAGE_SIZE, &value), QUOIN_FAULT_RANGE);
	CHECK_EQ(aspace_resolve_range(a, BASE, BASE + 5 * PAGE_SIZE, ACCESS_READ, &stopped), QUOIN_FAULT_RANGE);
	CHECK_EQ(stopped, BASE + 4 * PAGE_SIZE);
	object_put(&file->object);
	object_put(&source->object);
	object_put(&a->object);
	object_put(&b->object);
}

/* While a clone runs, a write from outside must not copy a page that another CPU can still write to. */
static void test_transfer_during_clone(void)
{
	struct aspace *parent, *child;
	uint64_t value = 1;

	CHECK_EQ(aspace_new(QUOIN_ASPACE_GUEST, server, account, &parent), 0);
	CHECK_EQ(aspace_map(parent, BASE, PAGE_SIZE, 3, NULL, 7, 0), 0);
	CHECK_EQ(cpu_write(parent, BASE, 1), 0);
	CHECK_EQ(aspace_clone(parent, account, &child), 0);
	parent->clones_running = 1;
	CHECK_EQ(cpu_access(parent, BASE, ACCESS_READ, &stale_word), 0);
	CHECK_EQ(aspace_copy_in(parent, BASE + 8, &value, 8), 8);
	parent->clones_running = 0;
	CHECK_EQ(cpu_read(parent, BASE, &value), 0);
	CHECK_EQ(value, 77);
	object_put(&parent->object);
	object_put(&child->object);
}

static void test_arguments(void)
{
	struct aspace *a;

	CHECK_EQ(aspace_new(QUOIN_ASPACE_GUEST, server, account, &a), 0);
	CHECK_EQ(aspace_map(a, 0, PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, QUOIN_GUEST_MAX, PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, QUOIN_GUEST_MAX - PAGE_SIZE, 2 * PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, 0, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, -PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE + 1, PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, QUOIN_SERVER_MIN, PAGE_SIZE, 1, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, PAGE_SIZE, 8, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, PAGE_SIZE, 1 | 1 << 20, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, PAGE_SIZE, 1 | QUOIN_MAP_UNCACHED << 8, object, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_map(a, BASE, PAGE_SIZE, 1, object, 7, -PAGE_SIZE), -QERR_INVAL);
	CHECK_EQ(aspace_map(server, QUOIN_SERVER_MMAP, PAGE_SIZE, 6, NULL, 7, 0), -QERR_PERM);
	CHECK_EQ(aspace_map(server, BASE, PAGE_SIZE, 3, NULL, 7, 0), -QERR_INVAL);
	CHECK_EQ(aspace_unmap(a, 0, ~0ul), -QERR_INVAL);
	CHECK_EQ(aspace_protect(a, BASE, PAGE_SIZE, 9), -QERR_INVAL);
	CHECK_EQ(aspace_protect(a, BASE, PAGE_SIZE, 1), -QERR_NOENT);
	CHECK_EQ(aspace_move(a, BASE, PAGE_SIZE, BASE + 9 * PAGE_SIZE, 0), -QERR_INVAL);
	object_put(&a->object);
}

/* Every failure for lack of memory leaves the books whole; the limit is raised until all succeeds.
 */
static void test_out_of_memory(void)
{
	for (uint64_t limit = 1;; limit++) {
		struct account *poor = account_create(NULL, limit * 2048);
		struct aspace *a, *child;
		unsigned done = 0;

		if (aspace_new(QUOIN_ASPACE_GUEST, server, poor, &a) == 0) {
			done += aspace_map(a, BASE, 600 * PAGE_SIZE, 3, NULL, 7, 0) == 0;
			done += aspace_map(a, BASE + 600 * PAGE_SIZE, 9 * PAGE_SIZE, 3, object, 7, 0) == 0;
			for (unsigned i = 0; i < 609; i += 58)
				done += cpu_write(a, addr_of(i), i) == 0;
			done += aspace_protect(a, addr_of(100), 10 * PAGE_SIZE, 1) == 0;
			if (aspace_clone(a, poor, &child) == 0) {
				done += 1 + (cpu_write(child, addr_of(0), 1) == 0);
				object_put(&child->object);
			}
			done += aspace_move(a, addr_of(50), 200 * PAGE_SIZE, addr_of(3000), 200 * PAGE_SIZE) ==
				0;
			verify_tables(a);
			object_put(&a->object);
		}
		CHECK_EQ(account_bytes(poor), 0);
		account_drop(poor);
		if (done == 17)
			break;
		CHECK_OR_STOP(limit < 1000);
	}
}

int main(void)
{
	uint64_t free_pages, objects;

	host_boot();
	kernel_root = pmm_alloc_zeroed();
	pt_kernel_init();
	aspace_init();
	account = account_create(NULL, 0);
	CHECK_OR_STOP(aspace_new(QUOIN_ASPACE_NATIVE, NULL, NULL, &server) == 0);
	slab_trim();
	free_pages = pmm_free_pages();
	objects = object_count();
	CHECK_OR_STOP(memobj_new(QUOIN_MEMOBJ_ANON, PAGES * PAGE_SIZE, account, &object) == 0);
	srand(getenv("SEED") ? atoi(getenv("SEED")) : 11);
	test_arguments();
	test_random();
	test_file();
	test_transfer_during_clone();
	test_out_of_memory();
	object_put(&object->object);
	CHECK_EQ(object_count(), objects);
	CHECK_EQ(account_bytes(account), 0);
	slab_trim();
	CHECK_EQ(pmm_free_pages(), free_pages);
	return check_result();
}
