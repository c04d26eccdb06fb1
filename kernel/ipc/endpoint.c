/*
 * Endpoints: synchronous call and reply.
 *
 * A caller finds a receiver waiting, or waits on endpoint.callers; a receiver likewise on
 * endpoint.receivers, so one of the two lists is always empty.  Whoever comes second moves the
 * message from page to page, under the endpoint's lock, and the caller then waits in the server
 * task's table of replies, under a token that only that task knows.  The reply moves a message the
 * other way, under the task's reply_lock.
 *
 *     caller    IDLE -> [CALLING ->] AWAITING -> DONE        receiver   IDLE -> RECEIVING -> DONE
 *
 * No wake-up is lost: a waiter is on its list, and BLOCKING, before the lock is dropped under which
 * its peer will look for it (see ipc.h for the way out).
 *
 * Death.  The task that received last serves the endpoint (endpoint.server).  When it ends, callers
 * that wait for its replies get PEER_DEAD, and the endpoint is dead: queued and new callers get
 * PEER_DEAD too, until a receiver of another task takes over.  Before its first receiver an
 * endpoint is not dead: callers wait.  Without any handle that could receive it is dead for good.
 * A caller that dies leaves its list or table; the reply to its token is then INVAL.
 *
 * A bound notification: the signaller sets the bits first and then looks for a receiver, under the
 * endpoint's lock; the receiver looks at the bits under the same lock before it queues itself.
 *
 * Locks: endpoint.lock, then served_lock, notification.lock, task.reply_lock, handle tables.
 */
#include "debug.h"
#include "ipc.h"
#include "message.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"

#include <quoin/dispatch.h>

/* [l] lock   [s] served_lock; set to a task only with both */
struct endpoint {
	struct object object;
	struct spinlock lock;
	struct list_node callers;   /* [l] */
	struct list_node receivers; /* [l] */
	bool dead;                  /* [l] */
	uint32_t nr_receive;        /* [a] handles with the RECEIVE right */
	struct notification *bound; /* [l] reference */
	struct task *server;        /* [s] */
	struct list_node served;    /* [s] server->served */
};

static struct spinlock served_lock = SPINLOCK_INIT("served", LOCK_SERVED);

static inline struct thread *thread_of(struct list_node *node)
{
	return container_of(node, struct thread, ipc.node);
}

static inline struct endpoint *endpoint_of(struct object *object)
{
	return container_of(object, struct endpoint, object);
}

struct object *endpoint_object(struct endpoint *endpoint)
{
	return &endpoint->object;
}

void thread_ipc_init(struct thread_ipc *ipc)
{
	memset(ipc, 0, sizeof(*ipc));
	list_init(&ipc->node);
}

/* The queue's lock is held. */
static void complete(struct thread *thread, long result, bool handoff)
{
	thread->ipc.result = result;
	thread->ipc.state = IPC_DONE;
	if (handoff)
		thread_wake_handoff(thread, 0);
	else
		thread_wake(thread, 0);
}

/* The table of replies. */

static inline struct thread **reply_bucket(struct task *task, uint64_t token)
{
	return &task->replies[token % TASK_REPLY_BUCKETS];
}

static uint64_t reply_register(struct task *server, struct thread *caller)
{
	struct thread **bucket;

	object_get(&server->object);
	spin_lock(&server->reply_lock);
	caller->ipc.server = server;
	caller->ipc.token = server->next_token++;
	caller->ipc.state = IPC_AWAITING;
	bucket = reply_bucket(server, caller->ipc.token);
	caller->ipc.next = *bucket;
	*bucket = caller;
	spin_unlock(&server->reply_lock);
	return caller->ipc.token;
}

/* Where the caller with token hangs, or NULL; reply_lock is held. */
static struct thread **reply_find(struct task *task, uint64_t token)
{
	for (struct thread **link = reply_bucket(task, token); *link; link = &(*link)->ipc.next)
		if ((*link)->ipc.token == token)
			return link;
	return NULL;
}

/*
 * The queue of callers.  Moves caller's message to receiver and registers caller for the reply; the
 * token, or an error that the caller gets.
 */
static long deliver(struct thread *caller, struct thread *receiver, struct message_handles *handles)
{
	long error = message_move(caller, receiver, handles);

	if (unlikely(error))
		return error;
	receiver->page->msg.badge = caller->ipc.badge;
	return reply_register(receiver->task, caller);
}

/* What is in the caller's page is its own request: not to be taken for a reply, nor its handles for gifts. */
static long no_reply(struct thread *caller, long result)
{
	caller->page->msg.nr_bytes = caller->page->msg.nr_handles = 0;
	return result;
}

static void fail_callers_locked(struct endpoint *endpoint, long error)
{
	struct list_node *node;

	while ((node = list_pop(&endpoint->callers)))
		complete(thread_of(node), no_reply(thread_of(node), error), false);
}

/* The caller was woken by its task's end; leaves whatever it is on. */
static long call_abandon(struct endpoint *endpoint, struct thread *self, long error)
{
	struct task *server;
	struct thread **link;

	spin_lock(&endpoint->lock);
	if (self->ipc.state == IPC_CALLING) {
		list_remove(&self->ipc.node);
		self->ipc.state = IPC_IDLE;
	}
	spin_unlock(&endpoint->lock);
	server = self->ipc.server;
	if (!server)
		return self->ipc.state == IPC_DONE ? self->ipc.result : error;
	spin_lock(&server->reply_lock);
	if (self->ipc.state == IPC_AWAITING) {
		link = reply_find(server, self->ipc.token);
		*link = self->ipc.next;
		self->ipc.state = IPC_IDLE;
	} else {
		error = self->ipc.result;
	}
	spin_unlock(&server->reply_lock);
	return error;
}

static long endpoint_call(struct endpoint *endpoint, struct thread *self)
{
	struct message_handles handles = { .nr = 0 };
	struct thread *receiver = NULL;
	long result;

	spin_lock(&endpoint->lock);
	if (unlikely(endpoint->dead)) {
		spin_unlock(&endpoint->lock);
		return no_reply(self, -QERR_PEER_DEAD);
	}
	thread_prepare_block();
	if (likely(!list_empty(&endpoint->receivers))) {
		receiver = thread_of(endpoint->receivers.next);
		result = deliver(self, receiver, &handles);
		if (unlikely(result < 0)) {
			thread_cancel_block();
			spin_unlock(&endpoint->lock);
			message_finish(&handles);
			return no_reply(self, result);
		}
		list_remove(&receiver->ipc.node);
		complete(receiver, result, true);
	} else {
		self->ipc.state = IPC_CALLING;
		list_add_tail(&endpoint->callers, &self->ipc.node);
	}
	spin_unlock(&endpoint->lock);
	result = thread_block(QUOIN_DEADLINE_NEVER, false);
	message_finish(&handles);
	if (likely(!result))
		result = self->ipc.result;
	else
		result = call_abandon(endpoint, self, result);
	if (self->ipc.server) {
		object_put(&self->ipc.server->object);
		self->ipc.server = NULL;
	}
	return result;
}

/* The task of a receiver takes the endpoint over; endpoint.lock is held. */
static void adopt(struct endpoint *endpoint, struct task *task)
{
	spin_lock(&served_lock);
	if (endpoint->server)
		list_remove(&endpoint->served);
	endpoint->server = task;
	list_add_tail(&task->served, &endpoint->served);
	spin_unlock(&served_lock);
	endpoint->dead = false;
}

static uint64_t take_bits(struct notification *notification)
{
	uint64_t bits;

	if (!notification || !__atomic_load_n(&notification->bits, __ATOMIC_RELAXED))
		return 0;
	spin_lock(&notification->lock);
	bits = notification->bits;
	notification->bits = 0;
	spin_unlock(&notification->lock);
	return bits;
}

static void put_bits(struct thread *thread, uint64_t bits)
{
	struct quoin_msg *msg = &thread->page->msg;

	memcpy(msg->payload, &bits, sizeof(bits));
	msg->nr_bytes = sizeof(bits);
	msg->nr_handles = 0;
}

/* A waiting caller's message, if there is one: its token, or 0.  endpoint.lock is held. */
static long receive_queued(struct endpoint *endpoint, struct thread *self, struct message_handles *handles)
{
	struct list_node *node;

	while ((node = list_pop(&endpoint->callers))) {
		struct thread *caller = thread_of(node);
		long token = deliver(caller, self, handles);

		if (likely(token > 0))
			return token;
		complete(caller, no_reply(caller, token), false);
		if (handles->nr) {
			/* Their references can only go without the lock. */
			spin_unlock(&endpoint->lock);
			message_finish(handles);
			spin_lock(&endpoint->lock);
		}
	}
	return 0;
}

static long endpoint_receive(struct endpoint *endpoint, struct thread *self, uint64_t deadline)
{
	struct message_handles handles = { .nr = 0 };
	uint64_t bits;
	long result = 0;

	spin_lock(&endpoint->lock);
	if (unlikely(endpoint->server != self->task || endpoint->dead))
		adopt(endpoint, self->task);
	bits = take_bits(endpoint->bound);
	if (bits)
		put_bits(self, bits);
	else
		result = receive_queued(endpoint, self, &handles);
	if (bits || result) {
		spin_unlock(&endpoint->lock);
		message_finish(&handles);
		return result;
	}
	thread_prepare_block();
	self->ipc.state = IPC_RECEIVING;
	list_add_tail(&endpoint->receivers, &self->ipc.node);
	spin_unlock(&endpoint->lock);
	result = thread_block(deadline, false);
	if (likely(!result))
		return self->ipc.result;
	spin_lock(&endpoint->lock);
	if (self->ipc.state == IPC_RECEIVING) {
		list_remove(&self->ipc.node);
		self->ipc.state = IPC_IDLE;
	} else {
		result = self->ipc.result;
	}
	spin_unlock(&endpoint->lock);
	return result;
}

static long endpoint_reply(struct thread *self, uint64_t token)
{
	struct task *task = self->task;
	struct message_handles handles = { .nr = 0 };
	struct thread **link, *caller;
	long result;

	spin_lock(&task->reply_lock);
	link = reply_find(task, token);
	if (unlikely(!link)) {
		spin_unlock(&task->reply_lock);
		return -QERR_INVAL;
	}
	caller = *link;
	result = message_move(self, caller, &handles);
	if (likely(!result) || result == -QERR_NFILE || result == -QERR_NOMEM) {
		*link = caller->ipc.next;
		complete(caller, result ? no_reply(caller, result) : caller->page->msg.label, true);
		result = 0;
	}
	spin_unlock(&task->reply_lock);
	message_finish(&handles);
	return result;
}

void notification_signal_bound(struct endpoint *endpoint)
{
	uint64_t bits;

	spin_lock(&endpoint->lock);
	if (!list_empty(&endpoint->receivers) && (bits = take_bits(endpoint->bound))) {
		struct thread *receiver = thread_of(list_pop(&endpoint->receivers));

		put_bits(receiver, bits);
		complete(receiver, 0, false);
	}
	spin_unlock(&endpoint->lock);
}

/* Life and death. */

void endpoint_receiver_added(struct object *object)
{
	__atomic_fetch_add(&endpoint_of(object)->nr_receive, 1, __ATOMIC_RELAXED);
}

void endpoint_receiver_removed(struct object *object)
{
	struct endpoint *endpoint = endpoint_of(object);

	if (__atomic_sub_fetch(&endpoint->nr_receive, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	spin_lock(&endpoint->lock);
	endpoint->dead = true;
	fail_callers_locked(endpoint, -QERR_PEER_DEAD);
	spin_unlock(&endpoint->lock);
}

static struct endpoint *served_pop(struct task *task)
{
	struct endpoint *endpoint = NULL;
	struct list_node *node;

	spin_lock(&served_lock);
	while (!endpoint && (node = list_pop(&task->served))) {
		endpoint = list_entry(node, struct endpoint, served);
		endpoint->server = NULL;
		if (!object_tryget(&endpoint->object))
			endpoint = NULL;
	}
	spin_unlock(&served_lock);
	return endpoint;
}

void ipc_task_ended(struct task *task)
{
	struct endpoint *endpoint;

	while ((endpoint = served_pop(task))) {
		spin_lock(&endpoint->lock);
		if (!endpoint->server) {
			endpoint->dead = true;
			fail_callers_locked(endpoint, -QERR_PEER_DEAD);
		}
		spin_unlock(&endpoint->lock);
		object_put(&endpoint->object);
	}
	spin_lock(&task->reply_lock);
	for (unsigned i = 0; i < TASK_REPLY_BUCKETS; i++) {
		struct thread *caller, *next;

		for (caller = task->replies[i]; caller; caller = next) {
			next = caller->ipc.next;
			complete(caller, no_reply(caller, -QERR_PEER_DEAD), false);
		}
		task->replies[i] = NULL;
	}
	spin_unlock(&task->reply_lock);
}

void endpoint_destroy(struct object *object)
{
	struct endpoint *endpoint = endpoint_of(object);

	spin_lock(&served_lock);
	if (endpoint->server)
		list_remove(&endpoint->served);
	spin_unlock(&served_lock);
	if (endpoint->bound)
		notification_unbind(endpoint->bound);
	object_free(object, sizeof(*endpoint));
}

/* The calls. */

static long lookup_endpoint(quoin_handle handle, uint32_t rights, struct endpoint **endpoint)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_ENDPOINT, rights, &object);

	*endpoint = error ? NULL : endpoint_of(object);
	return error;
}

long call_endpoint_create(void)
{
	struct task *task = current_thread()->task;
	struct endpoint *endpoint = object_new(OBJECT_ENDPOINT, sizeof(*endpoint), task->account);

	if (!endpoint)
		return -QERR_NOMEM;
	spin_init(&endpoint->lock, "endpoint", LOCK_ENDPOINT);
	list_init(&endpoint->callers);
	list_init(&endpoint->receivers);
	list_init(&endpoint->served);
	return handle_insert_new(task, &endpoint->object);
}

long call_endpoint_badge(quoin_handle handle, uint64_t badge, uint32_t rights)
{
	struct task *task = current_thread()->task;
	struct handle_ref ref;
	long result = handle_lookup_ref(task, handle, OBJECT_ENDPOINT, QUOIN_RIGHT_RECEIVE, &ref);

	if (result)
		return result;
	ref.badge = badge;
	ref.rights &= rights;
	result = handle_insert(task, &ref);
	object_put(ref.object);
	return result;
}

long call_endpoint_call(quoin_handle handle)
{
	struct thread *self = current_thread();
	struct handle_ref ref;
	long result = handle_lookup_ref(self->task, handle, OBJECT_ENDPOINT, QUOIN_RIGHT_CALL, &ref);

	if (unlikely(result))
		return no_reply(self, result);
	this_cpu()->stats.ipc_calls++;
	self->ipc.badge = ref.badge;
	result = endpoint_call(endpoint_of(ref.object), self);
	object_put(ref.object);
	return result;
}

long call_endpoint_receive(quoin_handle handle, uint64_t deadline)
{
	return call_endpoint_reply_receive(0, handle, deadline);
}

long call_endpoint_reply(uint64_t token)
{
	return endpoint_reply(current_thread(), token);
}

long call_endpoint_reply_receive(uint64_t token, quoin_handle handle, uint64_t deadline)
{
	struct thread *self = current_thread();
	struct endpoint *endpoint;
	long result = lookup_endpoint(handle, QUOIN_RIGHT_RECEIVE, &endpoint);

	if (unlikely(result))
		return result;
	if (token)
		result = endpoint_reply(self, token);
	if (likely(!result))
		result = endpoint_receive(endpoint, self, deadline);
	object_put(&endpoint->object);
	return result;
}

long call_endpoint_bind(quoin_handle handle, quoin_handle notification_handle)
{
	struct notification *notification, *old = NULL;
	struct endpoint *endpoint;
	struct object *object;
	long result = lookup_endpoint(handle, QUOIN_RIGHT_RECEIVE, &endpoint);

	if (result)
		return result;
	result = handle_lookup(current_thread()->task, notification_handle, OBJECT_NOTIFICATION,
			       QUOIN_RIGHT_RECEIVE, &object);
	if (result)
		goto out;
	notification = container_of(object, struct notification, object);
	spin_lock(&endpoint->lock);
	result = notification_bind(notification, endpoint);
	if (!result) {
		old = endpoint->bound;
		endpoint->bound = notification;
		object = NULL;
	}
	spin_unlock(&endpoint->lock);
	if (old)
		notification_unbind(old);
	if (object)
		object_put(object);
	else
		notification_signal_bound(endpoint); /* bits that were there before */
out:
	object_put(&endpoint->object);
	return result;
}
