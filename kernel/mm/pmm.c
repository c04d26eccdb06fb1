/*
 * Physical memory: a buddy allocator with a cache of single frames per CPU.
 *
 * Blocks of 2^order frames, aligned to their size.  The head of a free block carries FRAME_FREE and
 * the order and is on the list of that order; a freed block merges with its buddy as long as the
 * buddy is free and whole.  Lists are linked by frame numbers; frame 0 is never managed, so 0 ends
 * a list.
 *
 * Nearly all requests are for one frame and are served from the CPU's cache, without a lock: the
 * kernel runs with interrupts off and is not preempted.  A cache is refilled with one block of
 * PMM_BATCH frames and drained by as many.  Beside it lies a stock of zeroed frames: idle CPUs fill
 * it, and page tables, which are empty when they are freed, come back to it.
 *
 * Locks: zone.lock (LOCK_PMM), the innermost of memory.
 */
#include "mm.h"
#include "debug.h"
#include "object.h"
#include "percpu.h"
#include "spinlock.h"

#define PMM_BATCH_ORDER 5
#define PMM_BATCH       (1u << PMM_BATCH_ORDER)
#define PMM_CACHE       (2 * PMM_BATCH)
#define PMM_ZEROED      32u

struct frame *frame_table;
uint64_t frame_limit;
uint64_t kernel_pages;

/* [l] lock */
static struct {
	struct spinlock lock;
	uint32_t heads[PMM_MAX_ORDER + 1]; /* [l] */
	uint64_t free_pages;               /* [l] on the lists */
	uint64_t total_pages;              /* [l] */
	uint64_t reserve_pages;            /* [I] after pmm_init, see pmm_only_reserve_left */
} zone;

/* Of one CPU, touched by that CPU only (statistics read it from elsewhere). */
static struct pmm_cpu {
	uint32_t nr, nr_zeroed;
	uint32_t frames[PMM_CACHE];
	uint32_t zeroed[PMM_ZEROED];
} __attribute__((aligned(64))) pmm_cpus[MAX_CPUS];

static void block_push(uint32_t number, unsigned order)
{
	struct frame *frame = &frame_table[number];

	frame->flags = FRAME_RAM | FRAME_FREE;
	frame->order = order;
	frame->prev = 0;
	frame->next = zone.heads[order];
	if (frame->next)
		frame_table[frame->next].prev = number;
	zone.heads[order] = number;
}

static void block_unlink(uint32_t number)
{
	struct frame *frame = &frame_table[number];

	if (frame->prev)
		frame_table[frame->prev].next = frame->next;
	else
		zone.heads[frame->order] = frame->next;
	if (frame->next)
		frame_table[frame->next].prev = frame->prev;
	frame->flags = FRAME_RAM;
}

static void block_free_locked(uint32_t number, unsigned order)
{
	zone.free_pages += 1ul << order;
	while (order < PMM_MAX_ORDER) {
		uint32_t buddy = number ^ (1u << order);

		if (buddy >= frame_limit || !(frame_table[buddy].flags & FRAME_FREE) ||
		    frame_table[buddy].order != order)
			break;
		block_unlink(buddy);
		number &= ~(1u << order);
		order++;
	}
	block_push(number, order);
}

/* Cuts the block at number, which is off its list, down to order. */
static void block_split_locked(uint32_t number, unsigned have, unsigned order)
{
	while (have > order) {
		have--;
		block_push(number + (1u << have), have);
	}
	zone.free_pages -= 1ul << order;
}

static uint32_t block_alloc_locked(unsigned order)
{
	for (unsigned have = order; have <= PMM_MAX_ORDER; have++) {
		uint32_t number = zone.heads[have];

		if (!number)
			continue;
		block_unlink(number);
		block_split_locked(number, have, order);
		return number;
	}
	return 0;
}

void pmm_add_range(uint64_t start, uint64_t end)
{
	uint64_t number = ALIGN_UP(start, PAGE_SIZE) >> PAGE_SHIFT;
	uint64_t stop = MIN(end >> PAGE_SHIFT, frame_limit);

	if (number == 0)
		number = 1;
	spin_lock(&zone.lock);
	for (uint64_t i = number; i < stop; i++)
		frame_table[i].flags = FRAME_RAM;
	while (number < stop) {
		unsigned order = MIN((unsigned)__builtin_ctzl(number), PMM_MAX_ORDER);

		while (number + (1ul << order) > stop)
			order--;
		block_free_locked(number, order);
		zone.total_pages += 1ul << order;
		number += 1ul << order;
	}
	spin_unlock(&zone.lock);
}

void pmm_reserve(uint64_t start, uint64_t end)
{
	for (uint64_t i = start >> PAGE_SHIFT; i < MIN(end >> PAGE_SHIFT, frame_limit); i++)
		frame_table[i].flags = FRAME_RAM | FRAME_USED;
}

void pmm_init(const struct phys_range *ranges, unsigned nr_ranges)
{
	uint64_t table = 0, table_bytes;

	spin_init(&zone.lock, "pmm", LOCK_PMM);
	frame_limit = 0;
	for (unsigned i = 0; i < nr_ranges; i++)
		frame_limit = MAX(frame_limit, ranges[i].end >> PAGE_SHIFT);
	frame_limit = MIN(frame_limit, UINT32_MAX);
	table_bytes = ALIGN_UP(frame_limit * sizeof(struct frame), PAGE_SIZE);
	for (unsigned i = 0; i < nr_ranges && !table; i++) {
		uint64_t start = MAX(ALIGN_UP(ranges[i].start, PAGE_SIZE), PAGE_SIZE);

		if (ranges[i].end > start && ranges[i].end - start >= table_bytes)
			table = start;
	}
	if (!table)
		panic("no memory range holds the frame table (%lu KiB)", table_bytes >> 10);
	frame_table = phys_to_virt(table);
	memset(frame_table, 0, table_bytes);
	kernel_pages = table_bytes >> PAGE_SHIFT;
	pmm_reserve(table, table + table_bytes);
	for (unsigned i = 0; i < nr_ranges; i++) {
		uint64_t start = ranges[i].start;

		if (table >= start && table < ranges[i].end)
			start = table + table_bytes;
		if (start < ranges[i].end)
			pmm_add_range(start, ranges[i].end);
	}
	zone.reserve_pages = MIN(MAX(zone.total_pages / 64, 384ul), 4096ul);
}

static bool cache_refill(struct pmm_cpu *cpu)
{
	uint32_t block;

	spin_lock(&zone.lock);
	block = block_alloc_locked(PMM_BATCH_ORDER);
	while (!block && cpu->nr < PMM_BATCH) {
		uint32_t number = block_alloc_locked(0);

		if (!number)
			break;
		cpu->frames[cpu->nr++] = number;
	}
	spin_unlock(&zone.lock);
	for (uint32_t i = PMM_BATCH; block && i--;)
		cpu->frames[cpu->nr++] = block + i;
	return cpu->nr > 0;
}

static void cache_drain(struct pmm_cpu *cpu)
{
	spin_lock(&zone.lock);
	for (unsigned i = 0; i < PMM_BATCH; i++)
		block_free_locked(cpu->frames[i], 0);
	spin_unlock(&zone.lock);
	cpu->nr -= PMM_BATCH;
	memcpy(cpu->frames, cpu->frames + PMM_BATCH, cpu->nr * sizeof(cpu->frames[0]));
}

static uint32_t frame_number_alloc(void)
{
	struct pmm_cpu *cpu = &pmm_cpus[this_cpu()->index];

	if (likely(cpu->nr) || cache_refill(cpu))
		return cpu->frames[--cpu->nr];
	return cpu->nr_zeroed ? cpu->zeroed[--cpu->nr_zeroed] : 0;
}

static void frame_number_free(uint32_t number)
{
	struct pmm_cpu *cpu = &pmm_cpus[this_cpu()->index];

	if (unlikely(cpu->nr == PMM_CACHE))
		cache_drain(cpu);
	cpu->frames[cpu->nr++] = number;
}

uint64_t pmm_alloc(unsigned order)
{
	uint32_t number;

	if (order > PMM_MAX_ORDER)
		return 0;
	if (order == 0) {
		number = frame_number_alloc();
	} else {
		spin_lock(&zone.lock);
		number = block_alloc_locked(order);
		spin_unlock(&zone.lock);
	}
	if (!number)
		return 0;
	frame_table[number].flags = FRAME_RAM | FRAME_USED;
	frame_table[number].order = order;
	return (uint64_t)number << PAGE_SHIFT;
}

uint64_t pmm_alloc_below(unsigned order, uint64_t limit)
{
	uint32_t found = 0;

	spin_lock(&zone.lock);
	for (unsigned have = order; have <= PMM_MAX_ORDER && !found; have++) {
		uint32_t number = zone.heads[have];

		while (number && ((uint64_t)number + (1ul << order)) << PAGE_SHIFT > limit)
			number = frame_table[number].next;
		if (!number)
			continue;
		found = number;
		block_unlink(number);
		block_split_locked(number, have, order);
	}
	spin_unlock(&zone.lock);
	if (found) {
		frame_table[found].flags = FRAME_RAM | FRAME_USED;
		frame_table[found].order = order;
	}
	return (uint64_t)found << PAGE_SHIFT;
}

void pmm_free(uint64_t pa, unsigned order)
{
	uint32_t number = pa >> PAGE_SHIFT;

	assert(frame_table[number].flags & FRAME_USED);
	frame_table[number].flags = FRAME_RAM;
	if (order == 0) {
		frame_number_free(number);
		return;
	}
	spin_lock(&zone.lock);
	block_free_locked(number, order);
	spin_unlock(&zone.lock);
}

static uint32_t frame_number_alloc_zeroed(void)
{
	struct pmm_cpu *cpu = &pmm_cpus[this_cpu()->index];
	uint32_t number;

	if (cpu->nr_zeroed)
		return cpu->zeroed[--cpu->nr_zeroed];
	number = frame_number_alloc();
	if (number)
		zero_page(phys_to_virt((uint64_t)number << PAGE_SHIFT));
	return number;
}

uint64_t pmm_alloc_zeroed(void)
{
	uint32_t number = frame_number_alloc_zeroed();

	if (number) {
		frame_table[number].flags = FRAME_RAM | FRAME_USED;
		frame_table[number].order = 0;
	}
	return (uint64_t)number << PAGE_SHIFT;
}

uint64_t pmm_alloc_clean(unsigned order)
{
	uint64_t pa = pmm_alloc(order);

	for (uint64_t i = 0; pa && i < 1ul << order; i++)
		zero_page(phys_to_virt(pa + (i << PAGE_SHIFT)));
	return pa;
}

bool pmm_idle_zero(void)
{
	struct pmm_cpu *cpu = &pmm_cpus[this_cpu()->index];
	uint32_t number;

	if (cpu->nr_zeroed == PMM_ZEROED || zone.free_pages < 16 * PMM_ZEROED)
		return false;
	number = frame_number_alloc();
	if (!number)
		return false;
	zero_page(phys_to_virt((uint64_t)number << PAGE_SHIFT));
	cpu->zeroed[cpu->nr_zeroed++] = number;
	return true;
}

/* Makes frame number a user frame with one reference. */
static uint64_t frame_init(uint32_t number, struct account *account)
{
	struct frame *frame = &frame_table[number];

	frame->flags = FRAME_RAM | FRAME_USED;
	frame->order = 0;
	frame->account = account;
	__atomic_store_n(&frame->refs, 1, __ATOMIC_RELAXED);
	return (uint64_t)number << PAGE_SHIFT;
}

static uint64_t frame_alloc_with(struct account *account, uint32_t (*alloc)(void))
{
	uint32_t number;

	this_cpu()->stats.frame_allocations++;
	if (account_charge(account, PAGE_SIZE))
		return 0;
	number = alloc();
	if (!number) {
		account_uncharge(account, PAGE_SIZE);
		return 0;
	}
	return frame_init(number, account);
}

uint64_t frame_alloc(struct account *account)
{
	return frame_alloc_with(account, frame_number_alloc);
}

uint64_t frame_alloc_zeroed(struct account *account)
{
	return frame_alloc_with(account, frame_number_alloc_zeroed);
}

uint64_t frame_alloc_contiguous(struct account *account, uint64_t nr, uint64_t limit)
{
	unsigned order = 0;
	uint64_t pa;

	while ((1ul << order) < nr)
		order++;
	if (order > PMM_MAX_ORDER || account_charge(account, nr << PAGE_SHIFT))
		return 0;
	pa = pmm_alloc_below(order, limit);
	if (!pa) {
		account_uncharge(account, nr << PAGE_SHIFT);
		return 0;
	}
	for (uint64_t i = 0; i < (1ul << order); i++) {
		uint32_t number = (pa >> PAGE_SHIFT) + i;

		if (i < nr) {
			frame_init(number, account);
			zero_page(phys_to_virt(pa + (i << PAGE_SHIFT)));
		} else {
			frame_number_free(number);
		}
	}
	return pa;
}

/*
 * Drops one reference; true if it was the last.  Who finds 1 holds the only reference, so nobody
 * else can be taking another, and no atomic operation is needed.
 */
static inline bool frame_drop(struct frame *frame)
{
	if (__atomic_load_n(&frame->refs, __ATOMIC_ACQUIRE) == 1)
		return true;
	return __atomic_fetch_sub(&frame->refs, 1, __ATOMIC_ACQ_REL) == 1;
}

void frame_put(uint64_t pa)
{
	frame_put_many(&pa, 1);
}

void frame_put_zeroed(uint64_t pa)
{
	struct pmm_cpu *cpu = &pmm_cpus[this_cpu()->index];
	struct frame *frame = frame_of(pa);

	assert((frame->flags & FRAME_USED) && frame->refs == 1);
	if (cpu->nr_zeroed == PMM_ZEROED) {
		frame_put(pa);
		return;
	}
	account_uncharge(frame->account, PAGE_SIZE);
	frame->flags = FRAME_RAM;
	cpu->zeroed[cpu->nr_zeroed++] = pa >> PAGE_SHIFT;
}

void frame_put_many(const uint64_t *pas, unsigned nr)
{
	struct account *account = NULL;
	int64_t bytes = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct frame *frame = frame_of(pas[i]);

		if (!frame_drop(frame))
			continue;
		assert(frame->flags & FRAME_USED);
		if (frame->account != account) {
			if (bytes)
				account_uncharge(account, bytes);
			account = frame->account;
			bytes = 0;
		}
		bytes += PAGE_SIZE;
		frame->flags = FRAME_RAM;
		frame_number_free(pas[i] >> PAGE_SHIFT);
	}
	if (bytes)
		account_uncharge(account, bytes);
}

uint64_t pmm_free_pages(void)
{
	uint64_t pages = zone.free_pages;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		pages += pmm_cpus[i].nr + pmm_cpus[i].nr_zeroed;
	return pages;
}

bool pmm_only_reserve_left(void)
{
	return !pmm_fits_beside_reserve(0);
}

bool pmm_fits_beside_reserve(uint64_t nr_pages)
{
	return nr_pages < zone.free_pages && zone.free_pages - nr_pages >= zone.reserve_pages;
}

uint64_t pmm_total_pages(void)
{
	return zone.total_pages;
}

void zero_page(void *page)
{
	size_t words = PAGE_SIZE / 8;

	asm volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0ul) : "memory");
}

void copy_page(void *dst, const void *src)
{
	size_t words = PAGE_SIZE / 8;

	asm volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
}
