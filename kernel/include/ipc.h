/*
 * Endpoints and notifications.  The theory is at the head of ipc/endpoint.c and ipc/notification.c.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include "handle.h"
#include "list.h"

struct thread;
struct task;
struct endpoint;

enum ipc_state {
	IPC_IDLE,
	IPC_CALLING,   /* on endpoint.callers */
	IPC_AWAITING,  /* in server->replies, waits for the answer */
	IPC_RECEIVING, /* on endpoint.receivers */
	IPC_WAITING,   /* on notification.waiters or a futex bucket */
	IPC_DONE,      /* the waker has finished its part: result is set */
};

/*
 * A thread's part in IPC and waiting; embedded in struct thread as "ipc".
 *
 * Whoever completes a wait sets result and IPC_DONE and wakes the thread, all under the lock of the
 * queue.  So a thread that thread_block() returns 0 to reads its result without a lock, and one that
 * was woken for another reason takes the lock of the queue and finds out whether it was completed
 * meanwhile.
 *
 * [q] the lock of the queue that the thread is on: endpoint, task.reply_lock, notification or futex
 *     bucket   [o] the thread itself
 */
struct thread_ipc {
	struct list_node node; /* [q] */
	enum ipc_state state;  /* [q] */
	long result;           /* [q] set with IPC_DONE */
	uint64_t badge;        /* [o] of the handle it calls with */
	uint64_t token;        /* [q] AWAITING: its name in server->replies */
	struct task *server;   /* [q] AWAITING and after: reference, which the thread drops */
	struct thread *next;   /* [q] AWAITING: chain in server->replies */
	uintptr_t key;         /* [o] futex: address */
};

void thread_ipc_init(struct thread_ipc *ipc);

/* [l] lock   [I] immutable */
struct notification {
	struct object object;
	struct spinlock lock;
	uint64_t bits;            /* [l] */
	struct list_node waiters; /* [l] of thread.ipc.node */
	struct endpoint *bound;   /* [l] endpoint that listens to it; it unbinds itself before it goes */
};

/* Ors bits in and wakes a waiter.  Callable from interrupts; takes NOTIFICATION and ENDPOINT locks. */
void notification_signal(struct notification *notification, uint64_t bits);
/* Between a notification and the endpoint that listens to it: bind takes over a reference. */
long notification_bind(struct notification *notification, struct endpoint *endpoint);
void notification_unbind(struct notification *notification);
/* Hands the bits to a receiver of the endpoint, if one waits. */
void notification_signal_bound(struct endpoint *endpoint);
struct object *endpoint_object(struct endpoint *endpoint);
struct notification *notification_new(struct account *account);

/* Handles with the RECEIVE right come and go; with the last one the endpoint dies. */
void endpoint_receiver_added(struct object *object);
void endpoint_receiver_removed(struct object *object);
/* task ends: its callers get PEER_DEAD and the endpoints that it served are dead. */
void ipc_task_ended(struct task *task);

#endif
