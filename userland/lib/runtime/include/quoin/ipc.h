/*
 * Calls between tasks.
 *
 * A message lives in the calling thread's page; the protocol headers (build/gen/proto) copy requests
 * and replies to and from it.  A server thread runs ipc_serve on an endpoint: it receives, hands the
 * message to the protocol's dispatcher, and answers, until its endpoint goes.  What the protocol doesn't have may
 * be a call of the protocol "task", which ipc_serve answers itself.
 */
#ifndef QUOIN_IPC_H
#define QUOIN_IPC_H

#include <stdint.h>
#include <stdbool.h>
#include <quoin/types.h>
#include <quoin/errors.h>
#include <quoin/layout.h>
#include <quoin/stubs.h>

/* A handler returns this to answer later with <protocol>_<call>_finish(request->token, ...). */
#define IPC_DEFERRED 1

/* One request while its handler runs. */
struct ipc_request {
	uint64_t token;      /* names the waiting caller */
	uint64_t badge;      /* of the handle that was called */
	uint32_t nr_taken;   /* handles that the handler owns; the rest are closed for it */
	bool reply_on_error; /* set by a handler whose reply holds a message also on failure */
	uint32_t nr_close;   /* handles to close once the reply is sent, below */
	quoin_handle close[QUOIN_MSG_HANDLES];
};

typedef long (*ipc_dispatcher)(const void *ops, void *server, struct ipc_request *request,
			       struct quoin_msg *msg);
typedef void (*ipc_notified)(void *server, uint64_t bits);

struct ipc_server {
	quoin_handle endpoint;
	ipc_dispatcher dispatch;            /* <protocol>_dispatch */
	const void *ops;                    /* struct <protocol>_ops */
	void *server;                       /* passed through */
	ipc_notified notified;              /* the bound notification had bits; may be NULL */
	uint64_t (*deadline)(void *server); /* when `expired` is due, monotonic ns; may be NULL */
	void (*expired)(void *server);
};

/* The calling thread's page: found by masking the stack pointer (quoin/layout.h). */
static inline struct quoin_thread_page *ipc_thread_page(void)
{
	uintptr_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct quoin_thread_page *)((sp - 1) & ~(QUOIN_SLOT_BYTES - 1));
}

/* Serves until receiving fails (the endpoint was closed); returns that error. Any number of threads may. */
long ipc_serve(const struct ipc_server *server);

/* For a handler that puts a handle of its own into the reply: close it once the copy is sent. */
void ipc_close_after_reply(struct ipc_request *request, quoin_handle handle);

#endif
