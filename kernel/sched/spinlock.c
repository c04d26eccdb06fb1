/*
 * Spinlocks; see spinlock.h.
 *
 * Each CPU keeps a stack of the locks it holds.  What goes right takes the short way: the rank is above
 * the innermost one's, the lock is free, and the lock to drop is the innermost.
 */
#include "spinlock.h"

#include "debug.h"
#include "percpu.h"
#include "print.h"
#include "tlb.h"

/* A panic prints under any lock. */
static __attribute__((noinline)) void order_broken(const struct spinlock *lock, const struct spinlock *inner)
{
	if (!panicking)
		panic("lock %s taken inside %s", lock->name, inner->name);
}

static __attribute__((noinline)) void acquire_contended(struct spinlock *lock)
{
	do {
		while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED)) {
			tlb_serve();
			cpu_relax();
		}
	} while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE));
}

static inline void push(struct cpu *cpu, struct spinlock *lock)
{
	if (unlikely(cpu->nr_locks == SPINLOCK_DEPTH))
		panic("too many locks held");
	cpu->locks[cpu->nr_locks++] = lock;
}

/* above: 1 if lock has to be of a higher rank than the innermost one, 0 if the same will do. */
static inline void acquire(struct spinlock *lock, uint32_t above)
{
	struct cpu *cpu = this_cpu();
	uint32_t n = cpu->nr_locks;

	if (n && unlikely(lock->rank < cpu->locks[n - 1]->rank + above))
		order_broken(lock, cpu->locks[n - 1]);
	if (unlikely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)))
		acquire_contended(lock);
	push(cpu, lock);
}

void spin_lock(struct spinlock *lock)
{
	acquire(lock, 1);
}

/* Locks are not always dropped in reverse order. */
static __attribute__((noinline)) void pop_inner(struct cpu *cpu, const struct spinlock *lock)
{
	uint32_t i = cpu->nr_locks;

	while (i > 0 && cpu->locks[i - 1] != lock)
		i--;
	if (i == 0)
		panic("unlock of %s, which is not held", lock->name);
	for (; i < cpu->nr_locks; i++)
		cpu->locks[i - 1] = cpu->locks[i];
	cpu->nr_locks--;
}

void spin_unlock(struct spinlock *lock)
{
	struct cpu *cpu = this_cpu();
	uint32_t n = cpu->nr_locks - 1;

	if (likely(n < SPINLOCK_DEPTH && cpu->locks[n] == lock))
		cpu->nr_locks = n;
	else
		pop_inner(cpu, lock);
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	acquire(a < b ? a : b, 1);
	if (a != b)
		acquire(a < b ? b : a, 0);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}
