/*
 * The kernel's surroundings for unit tests on the host: one CPU, locks that only check that they
 * are taken and released in pairs, and RAM that is an array.  Force-included before kernel files;
 * it takes the place of the headers whose guards it defines.
 */
#ifndef TESTS_KERNEL_HOST_H
#define TESTS_KERNEL_HOST_H

#define KERNEL_ARCH_H
#define KERNEL_DEBUG_H
#define KERNEL_PERCPU_H
#define KERNEL_SCHED_H
#define KERNEL_SPINLOCK_H
#define KERNEL_THREAD_H
#define phys_to_virt host_phys_to_virt
#define virt_to_phys host_virt_to_phys

#include "kernel/include/base.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST_RAM_BYTES (64ul << 20)

extern char *host_ram; /* physical address 0 */

/* A test may bring its own memory. */
#ifdef HOST_OWN_RAM
void *host_phys_to_virt(uint64_t pa);
#else
static inline void *host_phys_to_virt(uint64_t pa)
{
	return host_ram + pa;
}
#endif

static inline uint64_t host_virt_to_phys(const void *va)
{
	return (const char *)va - host_ram;
}

#define kprintf printf
#define panic   host_panic

/* Prints and aborts, unless a test defines another. */
void host_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define assert(condition)                                                   \
	do {                                                                \
		if (!(condition))                                           \
			panic("%s:%d: %s", __FILE__, __LINE__, #condition); \
	} while (0)

struct spinlock {
	const char *name;
	int held;
};

#define SPINLOCK_INIT(name, rank) \
	{                         \
		(name), 0         \
	}
#define spin_init(lock, text, rank) (*(lock) = (struct spinlock){ (text), 0 })

static inline void spin_lock(struct spinlock *lock)
{
	assert(lock->held++ == 0);
}

static inline void spin_unlock(struct spinlock *lock)
{
	assert(--lock->held == 0);
}

static inline void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_lock(a);
	spin_lock(b);
}

static inline void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(b);
	spin_unlock(a);
}

struct thread {
	struct task *task;
	struct quoin_thread_page *page;
};

struct cpu {
	uint32_t index;
	struct {
		uint64_t page_faults, tlb_shootdowns, allocations, frame_allocations;
	} stats;
};

extern struct cpu host_cpu;
extern struct thread host_thread;

static inline struct cpu *this_cpu(void)
{
	return &host_cpu;
}

static inline struct thread *current_thread(void)
{
	return &host_thread;
}

static inline bool thread_dying(const struct thread *thread)
{
	return thread != &host_thread; /* the one there is lives */
}

static inline void preempt_point(void)
{
}

/* Gives the RAM to the page allocator and starts the slabs; returns the free pages. */
uint64_t host_boot(void);

#endif
