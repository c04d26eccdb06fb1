/*
 * The base of all objects; see object.h.
 */
#include "object.h"
#include "debug.h"
#include "mm.h"

static uint64_t live_objects; /* [a] */

/* It is nothing but the right it stands for. */
static void hardware_destroy(struct object *object)
{
	object_free(object, sizeof(*object));
}

static void (*const destructors[OBJECT_NR_TYPES])(struct object *) = {
	[OBJECT_TASK] = task_destroy,         [OBJECT_THREAD] = thread_destroy,
	[OBJECT_ASPACE] = aspace_destroy,     [OBJECT_MEMOBJ] = memobj_destroy,
	[OBJECT_ENDPOINT] = endpoint_destroy, [OBJECT_NOTIFICATION] = notification_destroy,
	[OBJECT_IRQ] = irq_destroy,           [OBJECT_IOPORT] = ioport_destroy,
	[OBJECT_HARDWARE] = hardware_destroy,
};

void *object_new(enum object_type type, size_t size, struct account *account)
{
	struct object *object;

	if (account_charge(account, size))
		return NULL;
	object = kzalloc(size);
	if (!object) {
		account_uncharge(account, size);
		return NULL;
	}
	object->refs = 1;
	object->type = type;
	object->account = account;
	__atomic_fetch_add(&live_objects, 1, __ATOMIC_RELAXED);
	return object;
}

void object_free(struct object *object, size_t size)
{
	struct account *account = object->account;

	__atomic_fetch_sub(&live_objects, 1, __ATOMIC_RELAXED);
	kfree(object);
	account_uncharge(account, size);
}

bool object_tryget(struct object *object)
{
	uint32_t refs = __atomic_load_n(&object->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&object->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void object_put(struct object *object)
{
	uint32_t before = __atomic_fetch_sub(&object->refs, 1, __ATOMIC_ACQ_REL);

	assert(before != 0);
	if (before == 1)
		destructors[object->type](object);
}

uint64_t object_count(void)
{
	return __atomic_load_n(&live_objects, __ATOMIC_RELAXED);
}
