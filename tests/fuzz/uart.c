// SPDX-License-Identifier: MIT
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter
/*
 * The serial driver between a client that sends it anything and two ports that behave.  The input is a list of
 * steps: messages to the driver, bytes that come, bytes that leave, interrupts that arrive late.  Whatever the
 * client does, what it was told has been taken leaves in order, what came is read in order, and once the ports have
 * had their time every request but a read is answered.  A client may die while it waits for input.
 */
#include "fuzz.h"
#include "../unit/uart_host.h"

#include <setjmp.h>

#define TOKENS 512u

struct owed_request {
	bool waits, dead;
	uint8_t call;
	uint32_t line, len;
	uint8_t *data;
};

static struct input input;
static jmp_buf finished;
static struct flow accepted[NR_LINES]; /* what the driver said it has taken: bytes that must leave */
static struct owed_request requests[TOKENS];
static uint64_t next_token;

/* ---- the client ---- */

static void flow_append(struct flow *flow, const uint8_t *data, uint32_t len)
{
	EXPECT(len <= LOG_BYTES - flow->in);
	memcpy(flow->bytes + flow->in, data, len);
	flow->in += len;
}

static void check_read(struct flow *flow, const struct console_read_reply *reply)
{
	EXPECT(reply->data_len && reply->data_len <= flow->in - flow->out);
	EXPECT(!memcmp(reply->data, flow->bytes + flow->out, reply->data_len));
	flow->out += reply->data_len;
}

static void check_drained(uint32_t line)
{
	EXPECT(port_status(&ports[line]) & LSR_ALL_EMPTY);
	EXPECT(outward[line].in == accepted[line].in);
}

/* What was promised with the answer to a request that was well-formed. */
static void check_answer(const struct owed_request *request)
{
	const void *reply = page.msg.payload;

	switch (request->call) {
	case CONSOLE_WRITE:
		EXPECT(((const struct console_write_reply *)reply)->taken <= request->len);
		flow_append(&accepted[request->line], request->data,
			    ((const struct console_write_reply *)reply)->taken);
		break;
	case CONSOLE_READ:
		check_read(&inward[request->line], reply);
		break;
	case CONSOLE_DRAIN:
		check_drained(request->line);
	}
}

static void request_end(struct owed_request *request)
{
	free(request->data);
	*request = (struct owed_request){ 0 };
}

long quoin_endpoint_reply(uint64_t token)
{
	EXPECT(token < TOKENS && requests[token].waits && page.msg.label == 0);
	if (requests[token].dead) {
		request_end(&requests[token]);
		return -QERR_INVAL;
	}
	check_answer(&requests[token]);
	request_end(&requests[token]);
	return 0;
}

static void write_make(struct owed_request *request, uint8_t first)
{
	struct console_write_request *rq = (void *)page.msg.payload;
	uint8_t *data = page.msg.payload + offsetof(struct console_write_request, data);

	rq->data_len = request->len = take_u16(&input) % 3100; /* also more than it may be */
	for (uint32_t i = 0; i < request->len; i++)
		data[i] = (uint8_t)(first + i);
	request->data = block_of(data, request->len);
	page.msg.nr_bytes = (uint16_t)(offsetof(struct console_write_request, data) + request->len);
}

/* Mostly right: a line that exists, a length that is true. */
static void message_make(struct owed_request *request)
{
	struct quoin_msg *msg = &page.msg;
	struct console_set_line_request *rq = (void *)msg->payload; /* all begin with the line */
	uint8_t how = take_u8(&input);

	memset(msg, 0, sizeof(*msg));
	msg->label = request->call = how % 7;
	msg->nr_bytes = sizeof(*rq);
	rq->line = request->line = take_u8(&input) % (NR_LINES + 1);
	if (request->call == CONSOLE_WRITE)
		write_make(request, how);
	if (request->call == CONSOLE_SET_LINE) {
		rq->speed = take_u32(&input) % (1u << 18);
		take(&input, &rq->data_bits, 3);
	}
	if (how >= 240)
		msg->nr_bytes = take_u16(&input) % (QUOIN_MSG_BYTES + 1);
}

static void message(void)
{
	struct ipc_request rq = { .token = next_token++, .badge = 1 };
	struct owed_request *request = &requests[rq.token];
	long status;

	message_make(request);
	request->waits = true;
	status = console_dispatch(&ops, NULL, &rq, &page.msg);
	if (status == IPC_DEFERRED)
		return;
	if (status == 0)
		check_answer(request);
	request_end(request);
}

/* Who waits for input on a line goes. */
static void reader_dies(uint32_t line)
{
	for (uint64_t i = 1; i < next_token; i++)
		if (requests[i].waits && requests[i].call == CONSOLE_READ && requests[i].line == line)
			requests[i].dead = true;
}

/* ---- one run ---- */

static void step(const struct ipc_server *server)
{
	uint8_t what = take_u8(&input);

	switch (what % 8) {
	case 0:
	case 1:
	case 2:
		message();
		break;
	case 3:
	case 4:
		input_arrives(what >> 3 & 1, take_u8(&input));
		break;
	case 5:
		time_pass(server, what >> 3);
		break;
	case 6:
		reader_dies(what >> 3 & 1);
		break;
	default:
		interrupts_serve();
	}
}

static uint32_t nr_left(void)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < NR_LINES; i++)
		nr += outward[i].in;
	return nr;
}

/* All that is under way comes to its end: the ports have time until nothing leaves any more. */
static void settle(const struct ipc_server *server)
{
	for (uint32_t quiet = 0, before; quiet < 3; quiet = nr_left() == before ? quiet + 1 : 0) {
		before = nr_left();
		interrupts_serve();
		time_pass(server, FIFO_BYTES + 1);
	}
	for (uint64_t i = 1; i < next_token && i < TOKENS; i++)
		EXPECT(!requests[i].waits || requests[i].call == CONSOLE_READ);
	for (uint32_t i = 0; i < NR_LINES; i++) {
		EXPECT(outward[i].in == accepted[i].in);
		EXPECT(!memcmp(outward[i].bytes, accepted[i].bytes, accepted[i].in));
		EXPECT(!lines[i].reader || inward[i].in == inward[i].out);
	}
}

void driver_serve(const struct ipc_server *server)
{
	struct ipc_server copy = *server;

	while (input.left && next_token < TOKENS)
		step(&copy);
	settle(&copy);
	longjmp(finished, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct input){ data, size };
	ports_reset();
	for (uint32_t i = 0; i < NR_LINES; i++)
		accepted[i].in = 0;
	next_token = 1;
	if (!setjmp(finished))
		task_main(0);
	for (uint64_t i = 0; i < TOKENS; i++)
		request_end(&requests[i]);
	return 0;
}
