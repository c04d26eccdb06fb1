/* Memory objects and address spaces. */
#include "ktest.h"

#define BASE   0x40000000ul
#define RW     (QUOIN_PROT_READ | QUOIN_PROT_WRITE)
#define SHARED (QUOIN_MAP_SHARED << 8)

static uint64_t peek(quoin_handle aspace, uintptr_t addr)
{
	uint64_t value = 0x5555;

	expect_eq(quoin_aspace_read(aspace, addr, (uintptr_t)&value, 8), 8);
	return value;
}

static void poke(quoin_handle aspace, uintptr_t addr, uint64_t value)
{
	expect_eq(quoin_aspace_write(aspace, addr, (uintptr_t)&value, 8), 8);
}

KTEST(memobj_anonymous_is_zero_and_shared)
{
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 4 * PAGE));
	uint64_t *a = (void *)range_get(4 * PAGE), *b = (void *)range_get(4 * PAGE);

	expect_eq(quoin_memobj_size(m), 4 * PAGE);
	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)a, 4 * PAGE, RW | SHARED, m, 0));
	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)b, 2 * PAGE, RW | SHARED, m, 2 * PAGE));
	expect_eq(a[1024], 0);
	b[0] = 7;
	expect_eq(a[1024], 7);
	need(quoin_memobj_decommit(m, 2 * PAGE, 1));
	expect_eq(b[0], 0);
	expect_eq(quoin_memobj_resize(m, PAGE + 1), -QERR_INVAL);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)a, 4 * PAGE));
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)b, 2 * PAGE));
	need(quoin_handle_close(m));
}

KTEST(memobj_arguments)
{
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 4 * PAGE));
	uint64_t frames[4];

	expect_eq(quoin_memobj_create(3, PAGE), -QERR_INVAL);
	expect_eq(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 100), -QERR_INVAL);
	expect_eq(quoin_memobj_create(QUOIN_MEMOBJ_ANON, -PAGE), -QERR_INVAL);
	expect_eq(quoin_memobj_create(QUOIN_MEMOBJ_DMA, 0), -QERR_INVAL);
	expect_eq(quoin_memobj_create(QUOIN_MEMOBJ_DMA, 1ul << 30), -QERR_NOMEM);
	expect_eq(quoin_memobj_commit(m, 1, 1), -QERR_INVAL);
	expect_eq(quoin_memobj_commit(m, 0, ~0ul), -QERR_INVAL);
	expect_eq(quoin_memobj_commit(m, -PAGE, 2), -QERR_INVAL);
	expect_eq(quoin_memobj_commit(m, 3 * PAGE, 2), -QERR_RANGE);
	expect_eq(quoin_memobj_evict(m, 0, 1), -QERR_INVAL);
	expect_eq(quoin_memobj_clean(m, 0, 1), -QERR_INVAL);
	expect_eq(quoin_memobj_supply(m, 0, m, 0, 1, 0), -QERR_INVAL);
	expect_eq(quoin_memobj_frames(m, 0, 5, (uintptr_t)frames), -QERR_RANGE);
	expect_eq(quoin_memobj_frames(m, 0, 4, 0x1000), -QERR_FAULT);
	expect_eq(quoin_memobj_frames(m, 0, 4, (uintptr_t)frames), 0);
	expect(frames[0] && frames[1] && !(frames[2] % PAGE));
	need(quoin_handle_close(m));
}

KTEST(memobj_dma_is_contiguous_and_zeroed)
{
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_DMA, 5 * PAGE));
	uint64_t *a = (void *)range_get(5 * PAGE), frames[5];

	need(quoin_memobj_frames(m, 0, 5, (uintptr_t)frames));
	for (unsigned i = 0; i < 5; i++)
		expect_eq(frames[i], frames[0] + i * PAGE);
	expect(frames[4] < 1ul << 32);
	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)a, 5 * PAGE, RW | SHARED, m, 0));
	for (unsigned i = 0; i < 5; i++)
		expect_eq(a[i * 512 + 9], 0);
	a[0] = 1;
	expect_eq(quoin_memobj_physical(QUOIN_HARDWARE, frames[0], PAGE), -QERR_PERM);
	expect_eq(quoin_memobj_resize(m, PAGE), -QERR_INVAL);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)a, 5 * PAGE));
	need(quoin_handle_close(m));
}

KTEST(memobj_physical_maps_devices)
{
	quoin_handle m = need(quoin_memobj_physical(QUOIN_HARDWARE, 0xfec00000, PAGE));
	volatile uint32_t *ioapic = (void *)range_get(PAGE);

	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)ioapic, PAGE, RW | SHARED | QUOIN_MAP_UNCACHED << 8,
			      m, 0));
	ioapic[0] = 1;
	expect_eq(ioapic[4] & 0xff, 0x20); /* the version register of QEMU's I/O APIC */
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)ioapic, PAGE));
	expect_eq(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)ioapic, PAGE, RW, m, 0), -QERR_PERM);
	expect_eq(quoin_memobj_physical(QUOIN_SELF_TASK, 0xfec00000, PAGE), -QERR_BADF);
	expect_eq(quoin_memobj_physical(QUOIN_HARDWARE, 0x100000, PAGE), -QERR_PERM); /* the kernel */
	expect_eq(quoin_memobj_physical(QUOIN_HARDWARE, 0xfec00001, PAGE), -QERR_INVAL);
	expect_eq(quoin_memobj_physical(QUOIN_HARDWARE, -PAGE, PAGE), -QERR_INVAL);
	need(quoin_handle_close(m));
}

KTEST(aspace_map_arguments)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 4 * PAGE));
	quoin_handle ro = need(quoin_handle_dup(m, QUOIN_RIGHT_READ));
	uintptr_t here = range_get(16 * PAGE);

	expect_eq(quoin_aspace_create(2), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, 0, PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, BASE, 0, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, BASE, -PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, QUOIN_GUEST_MAX, PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, here, PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(g, QUOIN_KERNEL_MIN, PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(QUOIN_SELF_ASPACE, BASE, PAGE, RW, 0, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_map(QUOIN_SELF_ASPACE, here, PAGE, 7, 0, 0), -QERR_PERM);
	expect_eq(quoin_aspace_map(g, BASE, PAGE, RW | SHARED, ro, 0), -QERR_PERM);
	expect_eq(quoin_aspace_map(g, BASE, PAGE, QUOIN_PROT_EXEC, ro, 0), -QERR_PERM);
	expect_eq(quoin_aspace_map(g, BASE, PAGE, RW, m, 17), -QERR_INVAL);
	expect_eq(quoin_aspace_map(m, BASE, PAGE, RW, m, 0), -QERR_BADF);
	expect_eq(quoin_aspace_map(g, BASE, PAGE, RW, g, 0), -QERR_BADF);
	need(quoin_aspace_map(g, BASE, 2 * PAGE, RW, ro, 0)); /* private: may be written */
	expect_eq(quoin_aspace_map(g, BASE + PAGE, PAGE, RW, 0, 0), -QERR_EXIST);
	need(quoin_aspace_map(g, BASE + PAGE, PAGE, RW | QUOIN_MAP_REPLACE << 8, 0, 0));
	expect_eq(quoin_aspace_clone(QUOIN_SELF_ASPACE), -QERR_INVAL);
	expect_eq(quoin_aspace_populate(g, BASE, PAGE, 0), -QERR_INVAL);
	expect_eq(quoin_aspace_populate(g, BASE, 4 * PAGE, 1), QUOIN_FAULT_UNMAPPED);
	expect_eq(my_page()->vcpu.fault_addr, BASE + 2 * PAGE);
	need(quoin_handle_close(ro));
	need(quoin_handle_close(m));
	need(quoin_handle_close(g));
}

KTEST(aspace_clone_copies_on_write)
{
	quoin_handle parent = need(quoin_aspace_create(QUOIN_ASPACE_GUEST)), child, grandchild;
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, PAGE));
	struct quoin_aspace_stat stat;

	need(quoin_aspace_map(parent, BASE, 64 * PAGE, RW, 0, 0));
	need(quoin_aspace_map(parent, BASE + 64 * PAGE, PAGE, RW | SHARED, m, 0));
	need(quoin_aspace_map(parent, BASE + 65 * PAGE, PAGE, RW | QUOIN_MAP_NOFORK << 8, 0, 0));
	need(quoin_aspace_map(parent, BASE + 66 * PAGE, PAGE, RW | QUOIN_MAP_WIPEFORK << 8, 0, 0));
	for (unsigned i = 0; i < 67; i++)
		poke(parent, BASE + i * PAGE, i);
	child = need(quoin_aspace_clone(parent));
	grandchild = need(quoin_aspace_clone(child));
	poke(parent, BASE, 100);
	poke(child, BASE + PAGE, 101);
	poke(grandchild, BASE + 64 * PAGE, 102);
	expect_eq(peek(parent, BASE), 100);
	expect_eq(peek(child, BASE), 0);
	expect_eq(peek(grandchild, BASE), 0);
	expect_eq(peek(parent, BASE + PAGE), 1);
	expect_eq(peek(child, BASE + PAGE), 101);
	expect_eq(peek(grandchild, BASE + PAGE), 1);
	expect_eq(peek(parent, BASE + 64 * PAGE), 102);
	expect_eq(quoin_aspace_read(child, BASE + 65 * PAGE, (uintptr_t)&stat, 8), 0);
	expect_eq(peek(child, BASE + 66 * PAGE), 0);
	need(quoin_aspace_stat(parent, (uintptr_t)&stat));
	expect_eq(stat.mapped_pages, 67);
	expect_eq(stat.private_pages, 66);
	need(quoin_handle_close(parent));
	expect_eq(peek(child, BASE + 63 * PAGE), 63);
	need(quoin_handle_close(child));
	expect_eq(peek(grandchild, BASE + 63 * PAGE), 63);
	need(quoin_handle_close(grandchild));
	need(quoin_handle_close(m));
}

KTEST(aspace_protect_discard_move)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	uint8_t states[8];

	need(quoin_aspace_map(g, BASE, 8 * PAGE, RW, 0, 0));
	for (unsigned i = 0; i < 8; i++)
		poke(g, BASE + i * PAGE, i + 1);
	need(quoin_aspace_protect(g, BASE + 2 * PAGE, 2 * PAGE, QUOIN_PROT_READ));
	expect_eq(quoin_aspace_populate(g, BASE, 8 * PAGE, QUOIN_PROT_WRITE), QUOIN_FAULT_ACCESS);
	expect_eq(my_page()->vcpu.fault_addr, BASE + 2 * PAGE);
	expect_eq(quoin_aspace_protect(g, BASE + 6 * PAGE, 4 * PAGE, 0), -QERR_NOENT);
	expect_eq(quoin_aspace_populate(g, BASE + 6 * PAGE, PAGE, QUOIN_PROT_READ), QUOIN_FAULT_ACCESS);
	need(quoin_aspace_discard(g, BASE + PAGE, PAGE));
	expect_eq(peek(g, BASE + PAGE), 0);
	need(quoin_aspace_discard(g, BASE, PAGE));
	need(quoin_aspace_resident(g, BASE, 8, (uintptr_t)states));
	expect_eq(states[0], 0);
	expect_eq(states[3] & 1, 1);
	expect_eq(quoin_aspace_resident(g, BASE, 1ul << 60, (uintptr_t)states), -QERR_INVAL);
	need(quoin_aspace_move(g, BASE + 3 * PAGE, 3 * PAGE, 2 * BASE, 5 * PAGE));
	expect_eq(peek(g, 2 * BASE), 4);
	expect_eq(peek(g, 2 * BASE + PAGE), 5);
	expect_eq(peek(g, 2 * BASE + 4 * PAGE), 0);
	expect_eq(quoin_aspace_read(g, BASE + 3 * PAGE, (uintptr_t)states, 1), 0);
	expect_eq(quoin_aspace_move(g, BASE, PAGE, 2 * BASE, PAGE), -QERR_EXIST);
	expect_eq(quoin_aspace_move(g, BASE + 3 * PAGE, PAGE, 3 * BASE, PAGE), -QERR_NOENT);
	expect_eq(quoin_aspace_read(g, BASE, 0x1000, 8), -QERR_INVAL);
	expect_eq(quoin_aspace_read(g, -8ul, (uintptr_t)states, 16), -QERR_INVAL);
	need(quoin_handle_close(g));
}

KTEST(aspace_move_within_one_table)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	uintptr_t from = BASE + 100 * PAGE, to = BASE + 700 * PAGE;

	/* The first piece empties the table that the last one moves into. */
	need(quoin_aspace_map(g, from, 600 * PAGE, RW, 0, 0));
	poke(g, from, 1);
	poke(g, from + 599 * PAGE, 2);
	need(quoin_aspace_move(g, from, 600 * PAGE, to, 600 * PAGE));
	expect_eq(peek(g, to), 1);
	expect_eq(peek(g, to + 599 * PAGE), 2);
	need(quoin_aspace_move(g, to, 600 * PAGE, from, 600 * PAGE));
	expect_eq(peek(g, from), 1);
	expect_eq(peek(g, from + 599 * PAGE), 2);
	need(quoin_handle_close(g));
}

KTEST(aspace_file_pages_come_from_the_pager)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	quoin_handle file = need(quoin_memobj_create(QUOIN_MEMOBJ_FILE, 64 * PAGE));
	quoin_handle buffer = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 64 * PAGE));
	uint64_t *bytes = (void *)range_get(64 * PAGE);
	struct quoin_aspace_stat stat;

	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)bytes, 64 * PAGE, RW | SHARED, buffer, 0));
	for (unsigned i = 0; i < 64; i++)
		bytes[i * 512] = i;
	need(quoin_aspace_map(g, BASE, 65 * PAGE, RW | SHARED, file, 0));
	expect_eq(quoin_aspace_populate(g, BASE, PAGE, 1), QUOIN_FAULT_MISSING);
	need(quoin_memobj_supply(file, 0, buffer, 0, 64, 0));
	expect_eq(peek(g, BASE + 5 * PAGE), 5);
	need(quoin_aspace_stat(g, (uintptr_t)&stat));
	expect_eq(stat.resident_pages, 16);
	expect_eq(quoin_aspace_populate(g, BASE, 65 * PAGE, 1), QUOIN_FAULT_RANGE);
	expect_eq(quoin_aspace_populate(g, BASE, PAGE, 2), QUOIN_FAULT_READONLY);
	need(quoin_memobj_supply(file, 0, buffer, 0, 1, QUOIN_SUPPLY_WRITABLE));
	expect_eq(quoin_aspace_populate(g, BASE, 2 * PAGE, 2), QUOIN_FAULT_READONLY);
	expect_eq(my_page()->vcpu.fault_addr, BASE + PAGE);
	poke(g, BASE, 1234);
	expect_eq(bytes[0], 1234); /* one frame */
	need(quoin_memobj_clean(file, 0, 64));
	expect_eq(quoin_aspace_populate(g, BASE, PAGE, 2), QUOIN_FAULT_READONLY);
	need(quoin_memobj_evict(file, 0, 64));
	expect_eq(quoin_aspace_populate(g, BASE, PAGE, 1), QUOIN_FAULT_MISSING);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)bytes, 64 * PAGE));
	need(quoin_handle_close(buffer));
	need(quoin_handle_close(file));
	need(quoin_handle_close(g));
}

KTEST(aspace_populate_until_memory_is_out)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	struct quoin_stats stats;

	need(quoin_aspace_map(g, BASE, 8ul << 30, RW, 0, 0));
	expect_eq(quoin_aspace_populate(g, BASE, 8ul << 30, QUOIN_PROT_WRITE), QUOIN_FAULT_NOMEM);
	need(quoin_system_stats((uintptr_t)&stats));
	expect(stats.free_pages < 1000);
	expect_eq(quoin_aspace_clone(g), -QERR_NOMEM);
	need(quoin_handle_close(g));
}

/* One thread reads, the other takes pages away and gives them back, on all CPUs. */
static uint64_t *volatile shared_page;
static volatile uint32_t stop;

static void reader(void *argument)
{
	(void)argument;
	while (!stop)
		for (unsigned i = 0; i < 64; i++)
			expect(shared_page[i * 512] <= 1);
}

KTEST(aspace_shootdown_under_fire)
{
	quoin_handle m = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 64 * PAGE));
	struct ktest_thread readers[3];

	shared_page = (void *)range_get(64 * PAGE);
	stop = 0;
	need(quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)shared_page, 64 * PAGE, RW | SHARED, m, 0));
	for (unsigned i = 0; i < 3; i++)
		readers[i] = thread_run(reader, NULL);
	for (unsigned i = 0; i < 300; i++) {
		for (unsigned j = 0; j < 64; j += 7)
			shared_page[j * 512] = 1;
		need(quoin_memobj_decommit(m, (i % 32) * PAGE, 1 + i % 32));
		expect_eq(shared_page[(i % 32) * 512], 0);
		if (i % 8 == 0)
			nap();
	}
	stop = 1;
	for (unsigned i = 0; i < 3; i++)
		thread_join(&readers[i]);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)shared_page, 64 * PAGE));
	need(quoin_handle_close(m));
}

/* Threads write to a guest's memory while it is cloned again and again: no write may be lost. */
#define FORK_PAGES 24

static quoin_handle forked;

static void writer(void *argument)
{
	volatile uint64_t *first = (void *)(BASE + (uintptr_t)argument * FORK_PAGES * PAGE);
	uint64_t wanted[FORK_PAGES] = { 0 };

	need(quoin_vcpu_attach(forked));
	while (!stop) {
		for (unsigned i = 0; i < FORK_PAGES; i++) {
			if (first[i * 512] != wanted[i])
				expect_eq(first[i * 512], wanted[i]);
			first[i * 512] = ++wanted[i];
		}
	}
	need(quoin_vcpu_attach(0));
}

KTEST(aspace_clone_under_fire)
{
	struct ktest_thread writers[3];
	uint64_t earlier[3] = { 0 };

	stop = 0;
	forked = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	need(quoin_aspace_map(forked, BASE, 3 * FORK_PAGES * PAGE, RW, 0, 0));
	for (uintptr_t i = 0; i < 3; i++)
		writers[i] = thread_run(writer, (void *)i);
	for (unsigned round = 0; round < 60; round++) {
		quoin_handle child = need(quoin_aspace_clone(forked));

		for (unsigned i = 0; i < 3; i++) {
			uint64_t value = peek(child, BASE + i * FORK_PAGES * PAGE);

			expect(value >= earlier[i]); /* what the child sees does not go back */
			expect_eq(peek(child, BASE + i * FORK_PAGES * PAGE), value); /* nor change */
			earlier[i] = value;
		}
		need(quoin_handle_close(child));
		if (round % 4 == 0)
			nap();
	}
	stop = 1;
	for (unsigned i = 0; i < 3; i++)
		thread_join(&writers[i]);
	need(quoin_handle_close(forked));
}

/* The same memory mapped and unmapped by two threads at once, with faults in between. */
static uintptr_t contested;

static void remapper(void *argument)
{
	uint64_t seed = (uintptr_t)argument;

	while (!stop) {
		uintptr_t at = contested + (seed = seed * 6364136223846793005 + 1) % 61 * PAGE;

		quoin_aspace_map(QUOIN_SELF_ASPACE, at, 3 * PAGE, RW | QUOIN_MAP_REPLACE << 8, 0, 0);
		quoin_aspace_populate(QUOIN_SELF_ASPACE, at, 2 * PAGE, QUOIN_PROT_WRITE);
		quoin_aspace_protect(QUOIN_SELF_ASPACE, at + PAGE, PAGE, QUOIN_PROT_READ);
		quoin_aspace_move(QUOIN_SELF_ASPACE, at, PAGE, contested + 70 * PAGE, 2 * PAGE);
		quoin_aspace_unmap(QUOIN_SELF_ASPACE, contested + 70 * PAGE, 2 * PAGE);
		quoin_aspace_discard(QUOIN_SELF_ASPACE, at, 2 * PAGE);
		quoin_aspace_unmap(QUOIN_SELF_ASPACE, at, PAGE);
	}
}

KTEST(aspace_changes_under_fire)
{
	struct ktest_thread threads[4];
	uint64_t end = now_ns() + 300000000;

	contested = range_get(80 * PAGE);
	stop = 0;
	for (uintptr_t i = 0; i < 4; i++)
		threads[i] = thread_run(remapper, (void *)(i + 1));
	while (now_ns() < end)
		nap();
	stop = 1;
	for (unsigned i = 0; i < 4; i++)
		thread_join(&threads[i]);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, contested, 80 * PAGE));
}
