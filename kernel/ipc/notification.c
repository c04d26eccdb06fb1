/*
 * Notifications: a word of bits that collects events.
 *
 * A signal ors bits in; a waiter takes them all at once.  A notification that is bound to an
 * endpoint is also heard by the endpoint's receivers: the bits are set first, then the endpoint is
 * asked for one (see endpoint.c).  Signalling is allowed in interrupts: the kernel runs with
 * interrupts off, so no interrupt finds the locks taken on its own CPU.
 */
#include "debug.h"
#include "ipc.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"

#include <quoin/dispatch.h>

#define NOTIFICATION_BITS (~0ul >> 1) /* the result of a wait must not look like an error */

struct notification *notification_new(struct account *account)
{
	struct notification *notification = object_new(OBJECT_NOTIFICATION, sizeof(*notification), account);

	if (!notification)
		return NULL;
	spin_init(&notification->lock, "notification", LOCK_NOTIFICATION);
	list_init(&notification->waiters);
	return notification;
}

void notification_destroy(struct object *object)
{
	object_free(object, sizeof(struct notification));
}

void notification_signal(struct notification *notification, uint64_t bits)
{
	struct endpoint *endpoint = NULL;
	struct list_node *node;

	this_cpu()->stats.notifications++;
	spin_lock(&notification->lock);
	notification->bits |= bits & NOTIFICATION_BITS;
	if (notification->bits && (node = list_pop(&notification->waiters))) {
		struct thread *thread = container_of(node, struct thread, ipc.node);

		thread->ipc.result = notification->bits;
		thread->ipc.state = IPC_DONE;
		notification->bits = 0;
		thread_wake(thread, 0);
	} else if (notification->bits && notification->bound &&
		   object_tryget(endpoint_object(notification->bound))) {
		endpoint = notification->bound;
	}
	spin_unlock(&notification->lock);
	if (endpoint) {
		notification_signal_bound(endpoint);
		object_put(endpoint_object(endpoint));
	}
}

long notification_bind(struct notification *notification, struct endpoint *endpoint)
{
	long result = 0;

	spin_lock(&notification->lock);
	if (notification->bound)
		result = -QERR_BUSY;
	else
		notification->bound = endpoint;
	spin_unlock(&notification->lock);
	return result;
}

void notification_unbind(struct notification *notification)
{
	spin_lock(&notification->lock);
	notification->bound = NULL;
	spin_unlock(&notification->lock);
	object_put(&notification->object);
}

static long notification_wait(struct notification *notification, uint64_t deadline)
{
	struct thread *self = current_thread();
	long result;

	spin_lock(&notification->lock);
	if (notification->bits) {
		result = notification->bits;
		notification->bits = 0;
		spin_unlock(&notification->lock);
		return result;
	}
	thread_prepare_block();
	self->ipc.state = IPC_WAITING;
	list_add_tail(&notification->waiters, &self->ipc.node);
	spin_unlock(&notification->lock);
	result = thread_block(deadline, false);
	if (!result)
		return self->ipc.result;
	spin_lock(&notification->lock);
	if (self->ipc.state == IPC_WAITING) {
		list_remove(&self->ipc.node);
		self->ipc.state = IPC_IDLE;
	} else {
		result = self->ipc.result;
	}
	spin_unlock(&notification->lock);
	return result;
}

/* The calls. */

static long lookup_notification(quoin_handle handle, uint32_t rights, struct notification **notification)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_NOTIFICATION, rights, &object);

	*notification = error ? NULL : container_of(object, struct notification, object);
	return error;
}

long call_notification_create(void)
{
	struct task *task = current_thread()->task;
	struct notification *notification = notification_new(task->account);

	if (!notification)
		return -QERR_NOMEM;
	return handle_insert_new(task, &notification->object);
}

long call_notification_signal(quoin_handle handle, uint64_t bits)
{
	struct notification *notification;
	long result = lookup_notification(handle, QUOIN_RIGHT_CALL, &notification);

	if (result)
		return result;
	notification_signal(notification, bits);
	object_put(&notification->object);
	return 0;
}

long call_notification_wait(quoin_handle handle, uint64_t deadline)
{
	struct notification *notification;
	long result = lookup_notification(handle, QUOIN_RIGHT_RECEIVE, &notification);

	if (result)
		return result;
	result = notification_wait(notification, deadline);
	object_put(&notification->object);
	return result;
}
