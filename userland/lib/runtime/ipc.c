/* The server side of IPC; see quoin/ipc.h. */
#include <quoin/runtime.h>
#include <proto/task.h>

void ipc_close_after_reply(struct ipc_request *request, quoin_handle handle)
{
	assert(request->nr_close < QUOIN_MSG_HANDLES);
	request->close[request->nr_close++] = handle;
}

/* Handles of a message that no handler took belong to nobody: drop them. */
static void close_untaken(const quoin_handle *received, uint32_t count, uint32_t nr_taken)
{
	for (uint32_t i = nr_taken; i < count; i++)
		if (received[i])
			quoin_handle_close(received[i]);
}

static long handle_heap(void *server, struct ipc_request *request, const struct task_heap_request *rq,
			struct task_heap_reply *rp)
{
	rp->bytes = malloc_bytes_in_use();
	return 0;
}

/* What every server answers. */
static const struct task_ops task_ops = { .heap = handle_heap };

/* Runs one request; true if the message in the page is its reply now. */
static bool serve_one(const struct ipc_server *server, struct ipc_request *request, struct quoin_msg *msg)
{
	quoin_handle received[QUOIN_MSG_HANDLES];
	uint32_t count = MIN(msg->nr_handles, QUOIN_MSG_HANDLES);

	for (uint32_t i = 0; i < count; i++)
		received[i] = msg->handles[i].handle;
	long status = server->dispatch(server->ops, server->server, request, msg);
	if (status == -QERR_NOSYS)
		status = task_dispatch(&task_ops, NULL, request, msg);
	close_untaken(received, count, request->nr_taken);
	if (status == IPC_DEFERRED)
		return false;
	msg->label = (int32_t)status;
	if (status < 0 && !request->reply_on_error) {
		msg->nr_bytes = 0;
		msg->nr_handles = 0;
	}
	return true;
}

/* Sends the reply at once when handles must be closed behind it; true if it is still to be sent. */
static bool reply_pending(struct ipc_request *request)
{
	if (!request->nr_close)
		return true;
	quoin_endpoint_reply(request->token);
	for (uint32_t i = 0; i < request->nr_close; i++)
		quoin_handle_close(request->close[i]);
	return false;
}

/* What else receive returns: notification bits, the deadline, an interruption, or an error. */
static long serve_event(const struct ipc_server *server, struct quoin_msg *msg, long event)
{
	uint64_t bits;

	switch (event) {
	case 0:
		memcpy(&bits, msg->payload, sizeof(bits));
		if (server->notified)
			server->notified(server->server, bits);
		return 0;
	case -QERR_TIMEDOUT:
		server->expired(server->server);
		return 0;
	case -QERR_INTR:
		return 0;
	}
	return event;
}

long ipc_serve(const struct ipc_server *server)
{
	struct quoin_msg *msg = &ipc_thread_page()->msg;
	uint64_t reply_token = 0;

	for (;;) {
		uint64_t deadline = server->deadline ? server->deadline(server->server) : QUOIN_DEADLINE_NEVER;
		long token = quoin_endpoint_reply_receive(reply_token, server->endpoint, deadline);
		bool replied = reply_token;
		reply_token = 0;
		if (token == -QERR_INVAL && replied)
			continue; /* the caller has gone; nothing was received */
		if (token <= 0) {
			long error = serve_event(server, msg, token);
			if (error < 0)
				return error;
			continue;
		}
		struct ipc_request request = { .token = (uint64_t)token, .badge = msg->badge };
		if (serve_one(server, &request, msg) && reply_pending(&request))
			reply_token = request.token;
	}
}
