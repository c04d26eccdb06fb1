/*
 * Mutexes, reader-writer locks and conditions on futexes; see quoin/sync.h.
 *
 * No wake-up is lost because each sleeper passes the kernel the value it saw, and whoever changes the
 * state changes that word first and wakes after: a change between look and sleep makes futex_wait return
 * AGAIN.  The mutex is the three-state one of Drepper, "Futexes Are Tricky".
 * mutex.pml and rwlock.pml are models of all this, for Spin.
 */
#include <quoin/runtime.h>
#include <quoin/sync.h>

#define RWLOCK_WRITER UINT32_MAX

/* ---- order check ---- */

#ifndef QUOIN_NO_ASSERT
static _Noreturn __attribute__((noinline)) void order_broken(const char *name, uint16_t rank, uint16_t top)
{
	panic("lock order: %s (rank %u) taken while rank %u is held", name, rank, top);
}

static inline void rank_push(const void *lock, uint16_t rank, const char *name, bool nested)
{
	struct runtime_thread *self = runtime_self();
	uint32_t n = self->nr_held;

	if (!rank)
		return;
	if (n && unlikely(self->held[n - 1].rank + !nested > rank))
		order_broken(name, rank, self->held[n - 1].rank);
	assert(n < array_length(self->held));
	self->held[n].rank = rank;
	self->held[n].lock = lock;
	self->nr_held = n + 1;
}

/* The lock to release is not the innermost one: take its entry out wherever it stands. */
static __attribute__((noinline)) void rank_pop_inner(struct runtime_thread *self, const void *lock,
						     const char *name)
{
	uint32_t i = self->nr_held;

	while (i > 0 && self->held[i - 1].lock != lock)
		i--;
	if (i == 0)
		panic("lock order: %s released by a thread that does not hold it", name);
	for (; i < self->nr_held; i++)
		self->held[i - 1] = self->held[i];
	self->nr_held--;
}

static inline void rank_pop(const void *lock, uint16_t rank, const char *name)
{
	struct runtime_thread *self = runtime_self();
	uint32_t n = self->nr_held - 1;

	if (!rank)
		return;
	if (likely(n < array_length(self->held) && self->held[n].lock == lock))
		self->nr_held = n;
	else
		rank_pop_inner(self, lock, name);
}
#else
#define rank_push(lock, rank, name, nested) ((void)(nested))
#define rank_pop(lock, rank, name)          ((void)0)
#endif

static void futex_sleep(_Atomic uint32_t *word, uint32_t value)
{
	quoin_futex_wait((uintptr_t)word, value, QUOIN_DEADLINE_NEVER, 0);
}

static void futex_rouse(_Atomic uint32_t *word, uint32_t count)
{
	quoin_futex_wake((uintptr_t)word, count);
}

/* ---- mutex ---- */

void mutex_init(struct mutex *m, const char *name, unsigned rank)
{
	*m = (struct mutex)MUTEX_INIT(name, (uint16_t)rank);
}

static void mutex_acquire(struct mutex *m)
{
	uint32_t free_state = 0;

	if (likely(atomic_compare_exchange_strong_explicit(&m->state, &free_state, 1, memory_order_acquire,
							   memory_order_relaxed)))
		return;
	while (atomic_exchange_explicit(&m->state, 2, memory_order_acquire) != 0)
		futex_sleep(&m->state, 2);
}

void mutex_lock(struct mutex *m)
{
	rank_push(m, m->rank, m->name, false);
	mutex_acquire(m);
}

void mutex_lock_nested(struct mutex *m)
{
	rank_push(m, m->rank, m->name, true);
	mutex_acquire(m);
}

bool mutex_trylock(struct mutex *m)
{
	uint32_t free_state = 0;

	if (!atomic_compare_exchange_strong_explicit(&m->state, &free_state, 1, memory_order_acquire,
						     memory_order_relaxed))
		return false;
	rank_push(m, m->rank, m->name, true);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	rank_pop(m, m->rank, m->name);
	if (atomic_exchange_explicit(&m->state, 0, memory_order_release) == 2)
		futex_rouse(&m->state, 1);
}

bool mutex_is_locked(const struct mutex *m)
{
	return atomic_load_explicit(&m->state, memory_order_relaxed) != 0;
}

/* ---- reader-writer lock ---- */

void rwlock_init(struct rwlock *l, const char *name, unsigned rank)
{
	*l = (struct rwlock){ .rank = (uint16_t)rank, .name = name };
}

static bool reader_enters(struct rwlock *l)
{
	uint32_t readers = atomic_load(&l->state);

	while (readers < RWLOCK_WRITER - 1 && !atomic_load(&l->waiters))
		if (atomic_compare_exchange_weak(&l->state, &readers, readers + 1))
			return true;
	return false;
}

static bool writer_enters(struct rwlock *l)
{
	uint32_t free_state = 0;

	return atomic_compare_exchange_strong(&l->state, &free_state, RWLOCK_WRITER);
}

static void rwlock_released(struct rwlock *l)
{
	atomic_fetch_add(&l->sequence, 1);
	futex_rouse(&l->sequence, UINT32_MAX);
}

void rwlock_read_lock(struct rwlock *l)
{
	rank_push(l, l->rank, l->name, false);
	for (;;) {
		uint32_t seen = atomic_load(&l->sequence);
		if (reader_enters(l))
			return;
		futex_sleep(&l->sequence, seen);
	}
}

void rwlock_read_unlock(struct rwlock *l)
{
	rank_pop(l, l->rank, l->name);
	if (atomic_fetch_sub(&l->state, 1) == 1 && atomic_load(&l->waiters))
		rwlock_released(l);
}

void rwlock_write_lock(struct rwlock *l)
{
	rank_push(l, l->rank, l->name, false);
	if (writer_enters(l))
		return;
	atomic_fetch_add(&l->waiters, 1);
	for (;;) {
		uint32_t seen = atomic_load(&l->sequence);
		if (writer_enters(l))
			break;
		futex_sleep(&l->sequence, seen);
	}
	atomic_fetch_sub(&l->waiters, 1);
}

void rwlock_write_unlock(struct rwlock *l)
{
	rank_pop(l, l->rank, l->name);
	atomic_store(&l->state, 0);
	rwlock_released(l);
}

/* ---- condition ---- */

long condition_wait_until(struct condition *c, struct mutex *m, uint64_t deadline_ns)
{
	uint32_t seen = atomic_load(&c->sequence);

	mutex_unlock(m);
	long result = quoin_futex_wait((uintptr_t)&c->sequence, seen, deadline_ns, 0);
	mutex_lock(m);
	return result == -QERR_TIMEDOUT ? result : 0;
}

void condition_wait(struct condition *c, struct mutex *m)
{
	condition_wait_until(c, m, QUOIN_DEADLINE_NEVER);
}

void condition_wake_one(struct condition *c)
{
	atomic_fetch_add(&c->sequence, 1);
	futex_rouse(&c->sequence, 1);
}

void condition_wake_all(struct condition *c)
{
	atomic_fetch_add(&c->sequence, 1);
	futex_rouse(&c->sequence, UINT32_MAX);
}
