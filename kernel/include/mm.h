/*
 * Physical memory and the kernel's own.
 *
 * Every page frame of RAM has a struct frame.  Frames come from a buddy allocator with per-CPU caches
 * of single frames (mm/pmm.c); kernel objects from slabs over it (mm/slab.c); kernel stacks with a
 * guard page from mm/kstack.c.  All RAM is reachable through the direct map.
 */
#ifndef KERNEL_MM_H
#define KERNEL_MM_H

#include "base.h"

#define KERNEL_DIRECT 0xffffc00000000000ul
#define KERNEL_HEAP   0xffffe00000000000ul /* kernel stacks and device mappings */
#define KERNEL_IMAGE  0xffffffff80000000ul

#define PMM_MAX_ORDER 10 /* 4 MiB */

struct account;

#define FRAME_FREE  (1u << 0) /* head of a free block of the buddy allocator */
#define FRAME_USED  (1u << 1) /* allocated */
#define FRAME_SLAB  (1u << 2)
#define FRAME_LARGE (1u << 3) /* head of a kmalloc beyond the slabs' sizes */
#define FRAME_RAM   (1u << 4) /* the allocator manages it */

/* One frame.  [P] zone lock  [a] atomic  [u] the user of the frame */
struct frame {
	uint32_t refs; /* [a] mappings and objects that hold it; of a page table: entries + 1 */
	uint8_t flags; /* [P] */
	uint8_t order; /* [P] of the block that it heads */
	uint16_t reserved;
	union {
		struct {
			uint32_t next, prev; /* [P] free list, as frame numbers */
		};
		struct account *account; /* [u] who is charged */
		void *cache;             /* [u] slab */
	};
};

_Static_assert(sizeof(struct frame) == 16, "frames are many");

extern struct frame *frame_table; /* by frame number */
extern uint64_t frame_limit;      /* frame numbers below it are in the table */

struct phys_range {
	uint64_t start, end; /* bytes */
};

/*
 * Takes over the free RAM in ranges (sorted, disjoint, not yet used by anything; the frame table is
 * carved out of them).  The direct map must reach them.
 */
void pmm_init(const struct phys_range *ranges, unsigned nr_ranges);
/* Marks RAM that the kernel uses for ever (its image): nobody can map it as device memory. */
void pmm_reserve(uint64_t start, uint64_t end);
/* Gives a range back later (boot modules, trampolines). */
void pmm_add_range(uint64_t start, uint64_t end);

#ifndef phys_to_virt
static inline void *phys_to_virt(uint64_t pa)
{
	return (void *)(KERNEL_DIRECT + pa);
}

static inline uint64_t virt_to_phys(const void *va)
{
	return (uintptr_t)va - KERNEL_DIRECT;
}
#endif

static inline struct frame *frame_of(uint64_t pa)
{
	return &frame_table[pa >> PAGE_SHIFT];
}

static inline uint64_t frame_pa(const struct frame *frame)
{
	return (uint64_t)(frame - frame_table) << PAGE_SHIFT;
}

/* True if pa is RAM that the allocator manages, so has a live struct frame. */
static inline bool frame_managed(uint64_t pa)
{
	return (pa >> PAGE_SHIFT) < frame_limit && (frame_of(pa)->flags & FRAME_RAM);
}

/*
 * 2^order frames for the kernel, contents undefined; physical address, 0 when out of memory.
 * pmm_alloc_below: all of it below limit.
 */
uint64_t pmm_alloc(unsigned order);
uint64_t pmm_alloc_below(unsigned order, uint64_t limit);
void pmm_free(uint64_t pa, unsigned order);

/*
 * 2^order zeroed frames, for the kernel's own data.  Beside the usual reasons: an emulator that has
 * translated code of the boot loader in a frame takes a slow path for each store to the frame until all
 * of that code has been overwritten.
 */
uint64_t pmm_alloc_clean(unsigned order);
/* One zeroed page for the kernel (page tables); 0 when out of memory. */
uint64_t pmm_alloc_zeroed(void);

/*
 * A user frame with one reference, charged to account; 0: out of memory or over the limit.
 * frame_alloc_zeroed may come from the stock that idle CPUs zero ahead.
 */
uint64_t frame_alloc(struct account *account);
uint64_t frame_alloc_zeroed(struct account *account);
/* nr zeroed frames in a row below limit, each with a reference of its own; the first one's address. */
uint64_t frame_alloc_contiguous(struct account *account, uint64_t nr, uint64_t limit);

/*
 * The last pages are for servers and the kernel: a server that finds no memory dies, and every process with
 * it, while an application is told (QUOIN_FAULT_NOMEM) and it is the server's choice who has to go.
 */
bool pmm_only_reserve_left(void);
bool pmm_fits_beside_reserve(uint64_t nr_pages);

static inline void frame_get(uint64_t pa)
{
	__atomic_fetch_add(&frame_of(pa)->refs, 1, __ATOMIC_RELAXED);
}

/* Frees and uncharges it with the last reference.  frame_put_many is one pass over an array. */
void frame_put(uint64_t pa);
/* Frees a frame with one reference whose contents are all zero; saves who gets it the zeroing. */
void frame_put_zeroed(uint64_t pa);
void frame_put_many(const uint64_t *pas, unsigned nr);

/* For idle CPUs: zeroes one page ahead; false when there is nothing to do. */
bool pmm_idle_zero(void);

uint64_t pmm_free_pages(void);
uint64_t pmm_total_pages(void);
/* Pages in use by slabs, page tables and stacks. */
extern uint64_t kernel_pages; /* [a] */

void zero_page(void *page);
void copy_page(void *dst, const void *src);

/* Kernel memory.  kmalloc'd blocks are aligned to 16 bytes; kfree(NULL) is allowed. */
void slab_init(void);
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void kfree(void *ptr);
/* Gives back what the slabs hold in reserve, as far as this CPU can. */
void slab_trim(void);

/* Kernel stacks: returns the top (16-byte aligned), below it KSTACK_SIZE bytes and a guard page. */
#define KSTACK_SIZE (3 * PAGE_SIZE)
void *kstack_alloc(void);
void kstack_free(void *top);
/* Pages of the stacks that lie ready for the next thread. */
uint64_t kstack_cached_pages(void);
/* True if addr lies in the guard page of a kernel stack. */
bool kstack_is_guard(uintptr_t addr);

/* Maps device registers for the kernel (APIC, HPET) uncached; never unmapped. NULL: no memory. */
void *kernel_map_device(uint64_t pa, size_t size);

#endif
