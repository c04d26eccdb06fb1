/*
 * Locks of native tasks, on kernel futexes.
 *
 * Every lock has a rank; a thread takes locks in rising rank only.  The default build checks this at run
 * time and panics with both names.  Rank 0 is not checked (leaf locks inside the runtime).
 */
#ifndef QUOIN_SYNC_H
#define QUOIN_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mutex {
	_Atomic uint32_t state; /* 0 free, 1 held, 2 held and somebody may wait */
	uint16_t rank;
	uint16_t reserved;
	const char *name;
};

#define MUTEX_INIT(lock_name, lock_rank)                             \
	{                                                            \
		.state = 0, .rank = (lock_rank), .name = (lock_name) \
	}

void mutex_init(struct mutex *m, const char *name, unsigned rank);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_locked(const struct mutex *m);

/* Two locks of one rank (two inodes, two processes): the second is taken in address order with this. */
void mutex_lock_nested(struct mutex *m);

/* Many readers or one writer; writers are preferred, so readers do not nest. */
struct rwlock {
	_Atomic uint32_t state;    /* number of readers, or RWLOCK_WRITER */
	_Atomic uint32_t waiters;  /* writers that wait: new readers stay out */
	_Atomic uint32_t sequence; /* the futex word: rises at each release that may let somebody in */
	uint16_t rank;
	uint16_t reserved;
	const char *name;
};

void rwlock_init(struct rwlock *l, const char *name, unsigned rank);
void rwlock_read_lock(struct rwlock *l);
void rwlock_read_unlock(struct rwlock *l);
void rwlock_write_lock(struct rwlock *l);
void rwlock_write_unlock(struct rwlock *l);

/* Condition: wait releases the mutex, sleeps, takes it again. Spurious returns are allowed. */
struct condition {
	_Atomic uint32_t sequence;
};

void condition_wait(struct condition *c, struct mutex *m);
/* 0, or -QERR_TIMEDOUT at the deadline (monotonic ns). */
long condition_wait_until(struct condition *c, struct mutex *m, uint64_t deadline_ns);
void condition_wake_one(struct condition *c);
void condition_wake_all(struct condition *c);

#endif
