/* SPDX-License-Identifier: MIT */
/*
 * The arena's free pages.
 *
 * A free page is warm (it has a frame, with stale bytes in it) or cold (no frame; the first touch gives it
 * a zeroed one).  A few warm ones are kept for speed, the rest goes back to the kernel, so that what the
 * cache doesn't use is there for programs: many at a time, since taking a page out of the server's page
 * table interrupts the other CPUs.  Cold pages are handed out in ascending order as long as
 * fresh ones remain: neighbours in a file tend to be neighbours in the arena, and DMA and mappings come in
 * long runs.
 */
#include <stdlib.h>
#include <quoin/runtime.h>
#include <quoin/sync.h>

#include "linux/errno.h"
#include "lockrank.h"
#include "page_pool.h"
#include "pagecache.h"

#define WARM_MAX     512
#define TRIM_PAGES   128 /* that go back together */
#define CHECK_PERIOD 32  /* allocations between looks at the machine's free memory */

char *arena_base;
struct page *arena_pages;
quoin_handle arena_memobj;

/* [q] pool_lock */
static struct mutex pool_lock = MUTEX_INIT("page pool", LOCK_POOL);
static uint64_t nr_pages;           /* [I] */
static _Atomic uint64_t next_fresh; /* [q] pages from here on were never used */
static struct page *warm, *cold;    /* [q] */
static unsigned nr_warm;            /* [q] */
static atomic_ulong nr_used;
static atomic_uint nr_allocations;
static uint64_t low_pages, min_pages; /* [I] */
static _Atomic uint32_t pressure;     /* futex word: rises when memory runs low */

int page_pool_init(uint64_t pages)
{
	long memobj = quoin_memobj_create(QUOIN_MEMOBJ_ANON, pages << QUOIN_PAGE_SHIFT);
	uint64_t total = runtime_info()->total_pages;

	if (memobj < 0)
		return (int)memobj;
	arena_memobj = (quoin_handle)memobj;
	arena_base = memobj_map(arena_memobj, 0, pages << QUOIN_PAGE_SHIFT, QUOIN_PROT_READ | QUOIN_PROT_WRITE,
				QUOIN_MAP_SHARED);
	arena_pages = pages_alloc(ALIGN_UP(pages * sizeof(struct page), QUOIN_PAGE_SIZE));
	if (!arena_base || !arena_pages)
		return -ENOMEM;
	nr_pages = pages;
	next_fresh = 1; /* number 0 stays unused: nobody takes it for a page by mistake */
	low_pages = MAX(total / 24, 768UL);
	min_pages = MAX(total / 128, 256UL);
	return 0;
}

uint64_t page_pool_size(void)
{
	return nr_pages;
}

uint64_t page_pool_touched(void)
{
	return atomic_load_explicit(&next_fresh, memory_order_relaxed);
}

uint64_t page_pool_used(void)
{
	return atomic_load(&nr_used);
}

uint64_t page_pool_frames(void)
{
	mutex_lock(&pool_lock);
	uint64_t frames = page_pool_used() + nr_warm;
	mutex_unlock(&pool_lock);
	return frames;
}

uint64_t memory_free_pages(void)
{
	struct quoin_stats stats;

	return quoin_system_stats((uintptr_t)&stats) < 0 ? UINT64_MAX : stats.free_pages;
}

uint64_t memory_low_pages(void)
{
	return low_pages;
}

static void pressure_signal(void)
{
	atomic_fetch_add(&pressure, 1);
	quoin_futex_wake((uintptr_t)&pressure, 1);
}

void page_pool_wait_pressure(uint64_t deadline_ns)
{
	uint32_t seen = atomic_load(&pressure);

	if (memory_free_pages() >= low_pages)
		quoin_futex_wait((uintptr_t)&pressure, seen, deadline_ns, 0);
}

/* false: the machine is so short of memory that the cache must not grow. */
static bool pool_check_memory(void)
{
	uint64_t free_pages;

	if (atomic_fetch_add_explicit(&nr_allocations, 1, memory_order_relaxed) % CHECK_PERIOD)
		return true;
	free_pages = memory_free_pages();
	if (free_pages < low_pages)
		pressure_signal();
	if (free_pages >= min_pages)
		return true;
	pagecache_reclaim(2 * CHECK_PERIOD);
	return memory_free_pages() >= min_pages / 2;
}

static struct page *pool_pop(struct page **list)
{
	struct page *page = *list;

	if (page)
		*list = page->next_free;
	return page;
}

struct page *page_alloc(bool zeroed)
{
	struct page *page;
	bool stale;

	if (!pool_check_memory())
		return NULL;
	mutex_lock(&pool_lock);
	page = pool_pop(&warm);
	stale = page != NULL;
	if (page)
		nr_warm--;
	else if (next_fresh < nr_pages)
		page = &arena_pages[next_fresh++];
	else
		page = pool_pop(&cold);
	mutex_unlock(&pool_lock);
	if (!page)
		return NULL;
	atomic_fetch_add_explicit(&nr_used, 1, memory_order_relaxed);
	if (zeroed && stale)
		memset(page_address(page), 0, QUOIN_PAGE_SIZE);
	else if (zeroed)
		*(volatile uint64_t *)page_address(page) = 0; /* gets its frame: only then can it be mapped */
	atomic_store_explicit(&page->state, 0, memory_order_relaxed);
	page->inode = NULL;
	atomic_store_explicit(&page->refs, 1, memory_order_release);
	return page;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct page *x = *(struct page *const *)a, *y = *(struct page *const *)b;

	return (x > y) - (x < y);
}

/* Pages that nobody knows of any more become cold; neighbours go back in one call. */
static void pages_cool(struct page **pages, unsigned nr)
{
	qsort(pages, nr, sizeof(*pages), compare_numbers);
	for (unsigned first = 0, end; first < nr; first = end) {
		end = first + 1;
		while (end < nr && pages[end] == pages[end - 1] + 1)
			end++;
		quoin_memobj_decommit(arena_memobj, (uint64_t)page_number(pages[first]) << QUOIN_PAGE_SHIFT,
				      end - first);
	}
	mutex_lock(&pool_lock);
	while (nr--) {
		pages[nr]->next_free = cold;
		cold = pages[nr];
	}
	mutex_unlock(&pool_lock);
}

void page_free(struct page *page)
{
	struct page *surplus[TRIM_PAGES];
	unsigned nr = 0;

	atomic_fetch_sub_explicit(&nr_used, 1, memory_order_relaxed);
	mutex_lock(&pool_lock);
	page->next_free = warm;
	warm = page;
	if (++nr_warm == WARM_MAX + TRIM_PAGES) {
		while (nr < TRIM_PAGES)
			surplus[nr++] = pool_pop(&warm);
		nr_warm -= TRIM_PAGES;
	}
	mutex_unlock(&pool_lock);
	if (nr)
		pages_cool(surplus, nr);
}
