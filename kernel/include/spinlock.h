/*
 * Spinlocks with a rank.
 *
 * The kernel runs with interrupts off, so a lock needs no variant that saves them.  Locks are taken in
 * the order of enum lock_rank, outermost first; spin_lock panics, naming both, when a CPU takes one of
 * lower or equal rank than the innermost it holds.  A CPU that spins serves TLB shootdowns meanwhile,
 * so a holder may wait for acknowledgements of flushes it started before it took the lock.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include "base.h"

enum lock_rank {
	LOCK_TASK_LIST,
	LOCK_TASK,
	LOCK_ASPACE,
	LOCK_MEMOBJ,
	LOCK_IRQ,
	LOCK_ENDPOINT,
	LOCK_SERVED, /* which task serves which endpoint */
	LOCK_NOTIFICATION,
	LOCK_REPLY,
	LOCK_FUTEX,
	LOCK_HANDLE,
	LOCK_KSTACK,
	LOCK_SLAB,
	LOCK_PMM,
	LOCK_TIMEOUT,
	LOCK_THREAD,
	LOCK_RUNQUEUE,
	LOCK_ARCH,   /* I/O APIC, calibration: leaf locks of arch */
	LOCK_SERIAL, /* kprintf: always allowed */
};

#define SPINLOCK_DEPTH 12 /* locks that one CPU can hold at once */

struct spinlock {
	uint32_t locked; /* [a] */
	uint32_t rank;
	const char *name;
};

#define SPINLOCK_INIT(name, rank) \
	{                         \
		0, (rank), (name) \
	}

static inline void spin_init(struct spinlock *lock, const char *name, enum lock_rank rank)
{
	*lock = (struct spinlock)SPINLOCK_INIT(name, rank);
}

void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
/* Two locks of one rank, in the order of their addresses. */
void spin_lock_pair(struct spinlock *a, struct spinlock *b);
void spin_unlock_pair(struct spinlock *a, struct spinlock *b);

#endif
