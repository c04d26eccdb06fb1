/*
 * Kernel objects: a reference count, a type, and the account that pays.
 *
 * Every object that a handle can name begins with a struct object.  object_new() returns it with one
 * reference, which is the creator's; object_put() of the last one destroys it.  The types' table of
 * destructors is in object.c.
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include "base.h"

enum object_type {
	OBJECT_ANY = 0,
	OBJECT_TASK,
	OBJECT_THREAD,
	OBJECT_ASPACE,
	OBJECT_MEMOBJ,
	OBJECT_ENDPOINT,
	OBJECT_NOTIFICATION,
	OBJECT_IRQ,
	OBJECT_IOPORT,
	OBJECT_HARDWARE,
	OBJECT_NR_TYPES,
};

/*
 * An account counts the bytes of kernel memory and frames that a task has to answer for.
 *
 * It outlives its task while anything charged to it lives.  An account without a limit of its own
 * charges nobody else; one with a limit, or below one with a limit, charges its ancestors too.
 */
struct account {
	int64_t bytes;          /* [a] charged now, plus ACCOUNT_LIVE while the task lives */
	int64_t limit;          /* [I] bytes; INT64_MAX: none */
	struct account *parent; /* [I] the nearest account above that is limited; holds a charge on it */
};

/* 0, or -QERR_NOMEM over the limit.  account may be NULL (the kernel itself). */
int account_charge(struct account *account, int64_t bytes);
void account_uncharge(struct account *account, int64_t bytes);
/* limit_bytes 0: none of its own.  NULL when out of memory.  The caller drops it with account_drop. */
struct account *account_create(struct account *parent, int64_t limit_bytes);
void account_drop(struct account *account);
int64_t account_bytes(const struct account *account);

struct object {
	uint32_t refs;           /* [a] */
	uint32_t type;           /* [I] enum object_type */
	struct account *account; /* [I] who pays for it; may be NULL for the kernel's own */
};

/* A zeroed object of size bytes with one reference, charged to account; NULL: no memory or limit. */
void *object_new(enum object_type type, size_t size, struct account *account);
/* Frees what object_new made; destructors call it last. */
void object_free(struct object *object, size_t size);

static inline void object_get(struct object *object)
{
	__atomic_fetch_add(&object->refs, 1, __ATOMIC_RELAXED);
}

/* A reference, unless the last one has already gone. */
bool object_tryget(struct object *object);
void object_put(struct object *object);

/* Live objects, for system_stats. */
uint64_t object_count(void);

/* Destructors, called by the last object_put; defined beside each type. */
void task_destroy(struct object *object);
void thread_destroy(struct object *object);
void aspace_destroy(struct object *object);
void memobj_destroy(struct object *object);
void endpoint_destroy(struct object *object);
void notification_destroy(struct object *object);
void irq_destroy(struct object *object);
void ioport_destroy(struct object *object);

#endif
