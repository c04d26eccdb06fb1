/*
 * Kernel memory in small pieces.
 *
 * A cache serves one size.  A slab is a block of frames with a header at its start and objects
 * behind it; every frame of it points to the header (frame.cache).  Slabs with a free object are on
 * the cache's list; one that has become empty goes back to the frame allocator unless it is the
 * only one on the list.  In front of each cache lies a magazine per CPU, used without a lock.
 *
 * Sizes from 64 bytes on are multiples of 64, so those objects are aligned to 64 bytes.
 *
 * Locks: cache.lock (LOCK_SLAB), taken for a magazine at a time.
 */
#include "debug.h"
#include "list.h"
#include "mm.h"
#include "percpu.h"
#include "spinlock.h"

#define MAGAZINE    16u
#define SLAB_MAX    2048u
#define SLAB_HEADER 64u

struct slab {
	struct list_node node; /* [l] on cache.partial, or alone */
	struct slab_cache *cache;
	void *free;           /* [l] chain through the objects' first word */
	uint32_t used, total; /* [l] */
};

_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "the header fits before the first object");

/* [l] lock  [I] immutable  [c] the CPU of that index */
struct slab_cache {
	uint32_t size, order; /* [I] */
	struct spinlock lock;
	struct list_node partial; /* [l] */
	struct {
		uint32_t nr;
		void *objects[MAGAZINE];
	} magazines[MAX_CPUS]; /* [c] */
};

static const uint16_t cache_sizes[] = { 32,  64,  128, 192,  256,  320,  384,
					512, 640, 768, 1024, 1280, 1536, SLAB_MAX };
static struct slab_cache caches[ARRAY_SIZE(cache_sizes)];
static uint8_t cache_index[SLAB_MAX / 32 + 1]; /* [I] by size in units of 32, rounded up */

void slab_init(void)
{
	unsigned index = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
		caches[i].size = cache_sizes[i];
		caches[i].order = cache_sizes[i] <= 256 ? 0 : 2;
		spin_init(&caches[i].lock, "slab", LOCK_SLAB);
		list_init(&caches[i].partial);
	}
	for (unsigned units = 0; units < ARRAY_SIZE(cache_index); units++) {
		if (units * 32 > cache_sizes[index])
			index++;
		cache_index[units] = index;
	}
}

static struct slab *slab_create(struct slab_cache *cache)
{
	uint64_t pa = pmm_alloc_clean(cache->order);
	struct slab *slab;
	char *object;

	if (!pa)
		return NULL;
	__atomic_fetch_add(&kernel_pages, 1ul << cache->order, __ATOMIC_RELAXED);
	slab = phys_to_virt(pa);
	for (unsigned i = 0; i < (1u << cache->order); i++) {
		frame_of(pa)[i].flags = FRAME_RAM | FRAME_USED | FRAME_SLAB;
		frame_of(pa)[i].cache = slab;
	}
	slab->cache = cache;
	slab->free = NULL;
	slab->used = 0;
	slab->total = ((PAGE_SIZE << cache->order) - SLAB_HEADER) / cache->size;
	object = (char *)slab + SLAB_HEADER + (slab->total - 1) * cache->size;
	for (unsigned i = 0; i < slab->total; i++, object -= cache->size) {
		*(void **)object = slab->free;
		slab->free = object;
	}
	list_add_head(&cache->partial, &slab->node);
	return slab;
}

static void slab_destroy(struct slab *slab)
{
	unsigned order = slab->cache->order;

	list_remove(&slab->node);
	__atomic_fetch_sub(&kernel_pages, 1ul << order, __ATOMIC_RELAXED);
	pmm_free(virt_to_phys(slab), order);
}

/* Takes up to nr objects out of the slabs; returns how many. */
static unsigned cache_take(struct slab_cache *cache, void **objects, unsigned nr)
{
	unsigned taken = 0;

	spin_lock(&cache->lock);
	while (taken < nr) {
		struct slab *slab;

		if (list_empty(&cache->partial) && !slab_create(cache))
			break;
		slab = list_entry(cache->partial.next, struct slab, node);
		while (slab->free && taken < nr) {
			objects[taken++] = slab->free;
			slab->free = *(void **)slab->free;
			slab->used++;
		}
		if (!slab->free)
			list_remove(&slab->node);
	}
	spin_unlock(&cache->lock);
	return taken;
}

static void cache_give(struct slab_cache *cache, void **objects, unsigned nr)
{
	spin_lock(&cache->lock);
	for (unsigned i = 0; i < nr; i++) {
		struct slab *slab = frame_of(virt_to_phys(objects[i]))->cache;

		if (!slab->free)
			list_add_tail(&cache->partial, &slab->node);
		*(void **)objects[i] = slab->free;
		slab->free = objects[i];
		if (--slab->used == 0 && cache->partial.next != cache->partial.prev)
			slab_destroy(slab);
	}
	spin_unlock(&cache->lock);
}

static void *large_alloc(size_t size)
{
	unsigned order = 0;
	uint64_t pa;

	while ((PAGE_SIZE << order) < size)
		if (++order > PMM_MAX_ORDER)
			return NULL;
	pa = pmm_alloc_clean(order);
	if (!pa)
		return NULL;
	frame_of(pa)->flags |= FRAME_LARGE;
	__atomic_fetch_add(&kernel_pages, 1ul << order, __ATOMIC_RELAXED);
	return phys_to_virt(pa);
}

void *kmalloc(size_t size)
{
	struct slab_cache *cache;
	unsigned cpu = this_cpu()->index;

	this_cpu()->stats.allocations++;
	if (size > SLAB_MAX)
		return large_alloc(size);
	cache = &caches[cache_index[(size + 31) / 32]];
	if (!cache->magazines[cpu].nr) {
		cache->magazines[cpu].nr = cache_take(cache, cache->magazines[cpu].objects, MAGAZINE / 2);
		if (!cache->magazines[cpu].nr)
			return NULL;
	}
	return cache->magazines[cpu].objects[--cache->magazines[cpu].nr];
}

void *kzalloc(size_t size)
{
	void *ptr = kmalloc(size);

	if (ptr)
		memset(ptr, 0, size);
	return ptr;
}

void kfree(void *ptr)
{
	unsigned cpu = this_cpu()->index;
	struct slab_cache *cache;
	struct frame *frame;

	if (!ptr)
		return;
	frame = frame_of(virt_to_phys(ptr));
	if (frame->flags & FRAME_LARGE) {
		__atomic_fetch_sub(&kernel_pages, 1ul << frame->order, __ATOMIC_RELAXED);
		pmm_free(virt_to_phys(ptr), frame->order);
		return;
	}
	assert(frame->flags & FRAME_SLAB);
	cache = ((struct slab *)frame->cache)->cache;
	if (cache->magazines[cpu].nr == MAGAZINE) {
		cache_give(cache, cache->magazines[cpu].objects, MAGAZINE / 2);
		cache->magazines[cpu].nr -= MAGAZINE / 2;
		memcpy(cache->magazines[cpu].objects, cache->magazines[cpu].objects + MAGAZINE / 2,
		       cache->magazines[cpu].nr * sizeof(void *));
	}
	cache->magazines[cpu].objects[cache->magazines[cpu].nr++] = ptr;
}

void slab_trim(void)
{
	unsigned cpu = this_cpu()->index;

	for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
		struct slab_cache *cache = &caches[i];
		struct list_node *node, *next;

		cache_give(cache, cache->magazines[cpu].objects, cache->magazines[cpu].nr);
		cache->magazines[cpu].nr = 0;
		spin_lock(&cache->lock);
		list_for_each_safe (node, next, &cache->partial) {
			struct slab *slab = list_entry(node, struct slab, node);

			if (slab->used == 0)
				slab_destroy(slab);
		}
		spin_unlock(&cache->lock);
	}
}
