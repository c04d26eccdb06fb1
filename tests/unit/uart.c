// SPDX-License-Identifier: MIT
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter
/* The serial driver over ports that take their time: what waits for them is answered when it is true. */
#include "check.h"
#include "uart_host.h"

static const struct ipc_server *server;
static uint64_t answered; /* the token of the newest answer given later */
static uint64_t dead;     /* the token of a caller that has gone */

long quoin_endpoint_reply(uint64_t token)
{
	if (token == dead)
		return -QERR_INVAL;
	answered = token;
	return 0;
}

static long call(int32_t label, uint64_t token, size_t nr_bytes)
{
	struct ipc_request request = { .token = token };

	page.msg.label = label;
	page.msg.nr_bytes = (uint16_t)nr_bytes;
	page.msg.nr_handles = 0;
	return console_dispatch(&ops, NULL, &request, &page.msg);
}

static long call_write(uint64_t token, uint32_t len)
{
	struct console_write_request *rq = (void *)page.msg.payload;

	memset(rq, 0, sizeof(*rq));
	rq->data_len = len;
	return call(CONSOLE_WRITE, token, offsetof(struct console_write_request, data) + len);
}

static long call_drain(uint64_t token)
{
	memset(page.msg.payload, 0, sizeof(struct console_drain_request));
	return call(CONSOLE_DRAIN, token, sizeof(struct console_drain_request));
}

static long call_read(uint64_t token)
{
	memset(page.msg.payload, 0, sizeof(struct console_read_request));
	return call(CONSOLE_READ, token, sizeof(struct console_read_request));
}

/* Reads what is there: how many bytes. */
static uint32_t read_now(uint64_t token)
{
	answered = 0;
	CHECK_EQ(call_read(token), IPC_DEFERRED);
	CHECK_OR_STOP(answered == token);
	return ((struct console_read_reply *)page.msg.payload)->data_len;
}

/* No interrupt says that the last byte has left. */
static void drain_waits_for_the_last_byte(uint32_t len)
{
	uint32_t before = outward[0].in;

	answered = 0;
	CHECK_EQ(call_write(1, len), 0);
	CHECK_EQ(call_drain(2), IPC_DEFERRED);
	while (outward[0].in < before + len) {
		CHECK_EQ(answered, 0);
		time_pass(server, 1);
		interrupts_serve();
	}
	time_pass(server, 16);
	CHECK_OR_STOP(answered == 2);
	CHECK_EQ(call_drain(3), 0);
}

static void input_without_a_reader_is_held_back(void)
{
	uint32_t nr_read = 0;

	for (uint32_t i = 0; i < RING_BYTES / FIFO_BYTES + 2; i++) {
		input_arrives(0, FIFO_BYTES);
		interrupts_serve();
	}
	CHECK_EQ(inward[0].in, RING_BYTES + FIFO_BYTES);
	while (nr_read < inward[0].in) {
		nr_read += read_now(9);
		interrupts_serve();
	}
	CHECK_EQ(nr_read, inward[0].in);
}

/* A reader dies while it waits, or before it is told what is there. */
static void input_outlives_its_reader(void)
{
	dead = 20;
	CHECK_EQ(call_read(dead), IPC_DEFERRED);
	CHECK_EQ(call_read(21), -QERR_BUSY);
	input_arrives(0, 5);
	interrupts_serve();
	CHECK_EQ(call_read(dead), IPC_DEFERRED);
	CHECK_EQ(read_now(22), 5);
	CHECK_EQ(((struct console_read_reply *)page.msg.payload)->data[0], 5);
	dead = 0;
}

void driver_serve(const struct ipc_server *serving)
{
	server = serving;
	drain_waits_for_the_last_byte(1);
	drain_waits_for_the_last_byte(FIFO_BYTES);
	drain_waits_for_the_last_byte(3000);
	input_without_a_reader_is_held_back();
	input_outlives_its_reader();
	exit(check_result());
}

int main(void)
{
	ports_reset();
	return task_main(0);
}
