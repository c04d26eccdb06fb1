/*
 * Interrupts as objects.
 *
 * An irq names one of arch's device vectors.  The interrupt finds it through irq_table, signals its
 * notification, and returns; a level-triggered line stays masked until irq_ack, so a driver that
 * does not clear the cause harms nobody else.  When the last handle goes, the line is masked and
 * free.
 *
 * Locks: table_lock (LOCK_IRQ) for the table and every irq's binding; interrupts are off.
 */
#include "irq.h"
#include "debug.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

static struct spinlock table_lock = SPINLOCK_INIT("irq", LOCK_IRQ);
static struct irq *irq_table[IRQ_VECTORS]; /* table_lock */

void irq_deliver(int vector)
{
	struct notification *notification = NULL;
	uint64_t bits = 0;
	struct irq *irq;

	assert(vector >= 0 && vector < IRQ_VECTORS);
	spin_lock(&table_lock);
	irq = irq_table[vector];
	if (irq && irq->notification) {
		notification = irq->notification;
		object_get(&notification->object);
		bits = irq->bits;
	}
	spin_unlock(&table_lock);
	if (notification) {
		notification_signal(notification, bits);
		object_put(&notification->object);
	}
}

void irq_destroy(struct object *object)
{
	struct irq *irq = container_of(object, struct irq, object);

	arch_irq_free(irq->vector);
	spin_lock(&table_lock);
	if (irq_table[irq->vector] == irq)
		irq_table[irq->vector] = NULL;
	spin_unlock(&table_lock);
	if (irq->notification)
		object_put(&irq->notification->object);
	object_free(object, sizeof(*irq));
}

/* The calls. */

static long lookup_irq(quoin_handle handle, uint32_t rights, struct irq **irq)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_IRQ, rights, &object);

	*irq = error ? NULL : container_of(object, struct irq, object);
	return error;
}

/* An irq object for a vector that arch has just given out. */
static long irq_create(int vector, int gsi)
{
	struct task *task = current_thread()->task;
	struct irq *irq;

	if (vector < 0)
		return vector;
	irq = object_new(OBJECT_IRQ, sizeof(*irq), task->account);
	if (!irq) {
		arch_irq_free(vector);
		return -QERR_NOMEM;
	}
	irq->vector = vector;
	irq->gsi = gsi;
	spin_lock(&table_lock);
	irq_table[vector] = irq;
	spin_unlock(&table_lock);
	return handle_insert_new(task, &irq->object);
}

long call_irq_create(quoin_handle hardware, uint32_t gsi, uint32_t flags)
{
	long error = handle_check_hardware(hardware);

	if (error)
		return error;
	if (flags & ~(IRQ_LEVEL | IRQ_LOW))
		return -QERR_INVAL;
	return irq_create(arch_irq_alloc_gsi(gsi, flags), gsi);
}

long call_irq_msi(quoin_handle hardware, uintptr_t out)
{
	long result = handle_check_hardware(hardware);
	struct quoin_msi msi = { 0 };

	if (result)
		return result;
	result = irq_create(arch_irq_alloc_msi(&msi), -1);
	if (result > 0 && copy_to_user(out, &msi, sizeof(msi))) {
		handle_remove(current_thread()->task, result);
		return -QERR_FAULT;
	}
	return result;
}

long call_irq_bind(quoin_handle handle, quoin_handle notification, uint64_t bits)
{
	struct object *object, *old = NULL;
	struct irq *irq;
	long result = lookup_irq(handle, QUOIN_RIGHT_WRITE, &irq);

	if (result)
		return result;
	result = handle_lookup(current_thread()->task, notification, OBJECT_NOTIFICATION, QUOIN_RIGHT_CALL,
			       &object);
	if (!result) {
		spin_lock(&table_lock);
		if (irq->notification)
			old = &irq->notification->object;
		irq->notification = container_of(object, struct notification, object);
		irq->bits = bits;
		spin_unlock(&table_lock);
		if (old)
			object_put(old);
		arch_irq_unmask(irq->vector);
	}
	object_put(&irq->object);
	return result;
}

long call_irq_ack(quoin_handle handle)
{
	struct irq *irq;
	long result = lookup_irq(handle, QUOIN_RIGHT_WRITE, &irq);

	if (result)
		return result;
	arch_irq_unmask(irq->vector);
	object_put(&irq->object);
	return 0;
}
