/* SPDX-License-Identifier: MIT */
/*
 * The serial driver on the host: its two ports behave as a 16550 does (PC16550D data sheet), slowly and with
 * edge-triggered interrupts.  Nothing moves by itself: time_pass lets bytes leave, input_arrives lets them come,
 * interrupts_serve brings the driver the interrupts that have risen.  The test defines quoin_endpoint_reply and
 * driver_serve.
 */
#ifndef TESTS_UNIT_UART_HOST_H
#define TESTS_UNIT_UART_HOST_H

#include "check.h"
#include "userland/drivers/char/uart/uart.c"

#define LOG_BYTES (1u << 19)

/* One direction of a line: the bytes that were put in on one side, how many came out, in order, on the other. */
struct flow {
	uint8_t bytes[LOG_BYTES];
	uint32_t in, out;
};

struct port {
	uint8_t received[FIFO_BYTES], sending[FIFO_BYTES];
	uint32_t nr_received, nr_sending;
	bool shifting, emptied; /* a byte is on its way out; the cause "room for output" */
	uint8_t enabled, control, scratch, shift;
	bool high, edge; /* the interrupt line, and a rise of it that nobody has served */
};

static struct quoin_thread_page page;
static struct port ports[NR_LINES];
static struct flow inward[NR_LINES], outward[NR_LINES];
static uint64_t now_ns;

static void ports_reset(void)
{
	memset(lines, 0, sizeof(lines));
	memset(ports, 0, sizeof(ports));
	for (uint32_t i = 0; i < NR_LINES; i++)
		inward[i].in = inward[i].out = outward[i].in = 0;
	now_ns = 0;
}

/* ---- the ports ---- */

static uint8_t port_cause(const struct port *port)
{
	if (port->enabled & IER_INPUT && port->nr_received)
		return 0x04;
	if (port->enabled & IER_OUTPUT && port->emptied)
		return 0x02;
	return 0x01;
}

static void port_update(struct port *port)
{
	bool high = port_cause(port) != 0x01;

	port->edge |= high && !port->high;
	port->high = high;
}

static void port_receive(struct port *port, struct flow *flow, uint8_t byte)
{
	if (port->nr_received == FIFO_BYTES || flow->in == LOG_BYTES)
		return; /* held back at the other end */
	port->received[port->nr_received++] = byte;
	flow->bytes[flow->in++] = byte;
}

static uint8_t port_take_received(struct port *port)
{
	uint8_t byte = port->received[0];

	CHECK_OR_STOP(port->nr_received);
	memmove(port->received, port->received + 1, --port->nr_received);
	return byte;
}

/* A byte's time: what was on its way is out, the next one begins. */
static void port_send(struct port *port, struct flow *flow)
{
	if (port->shifting) {
		CHECK_OR_STOP(flow->in < LOG_BYTES);
		flow->bytes[flow->in++] = port->shift;
	}
	port->shifting = port->nr_sending;
	if (!port->shifting)
		return;
	port->shift = port->sending[0];
	memmove(port->sending, port->sending + 1, --port->nr_sending);
	port->emptied |= !port->nr_sending;
}

static uint8_t port_status(const struct port *port)
{
	return (uint8_t)((port->nr_received ? LSR_INPUT : 0) | (port->nr_sending ? 0 : LSR_OUT_EMPTY) |
			 (port->nr_sending || port->shifting ? 0 : LSR_ALL_EMPTY));
}

static struct port *port_of(quoin_handle handle)
{
	CHECK_OR_STOP(handle >= 1 && handle <= NR_LINES);
	return &ports[handle - 1];
}

long quoin_ioport_read(quoin_handle handle, uint32_t reg, uint32_t width)
{
	struct port *port = port_of(handle);
	long value = 0;

	CHECK_OR_STOP(width == 1 && reg < 8);
	switch (reg) {
	case DATA:
		CHECK_OR_STOP(!(port->control & LCR_DIVISOR));
		value = port_take_received(port);
		break;
	case INTERRUPT_ID:
		value = port_cause(port);
		if (value == 0x02)
			port->emptied = false;
		break;
	case LINE_STATUS:
		value = port_status(port);
		break;
	case SCRATCH:
		value = port->scratch;
	}
	port_update(port);
	return value;
}

static void port_enable(struct port *port, uint8_t enabled)
{
	if (enabled & ~port->enabled & IER_OUTPUT && !port->nr_sending)
		port->emptied = true;
	port->enabled = enabled;
}

long quoin_ioport_write(quoin_handle handle, uint32_t reg, uint32_t width, uint32_t value)
{
	struct port *port = port_of(handle);

	CHECK_OR_STOP(width == 1 && reg < 8 && value <= 0xff);
	if (reg == LINE_CONTROL)
		port->control = (uint8_t)value;
	else if (reg == SCRATCH)
		port->scratch = (uint8_t)value;
	else if (reg == INTERRUPT_ENABLE && !(port->control & LCR_DIVISOR))
		port_enable(port, (uint8_t)value);
	port_update(port);
	return 0;
}

long quoin_ioport_write_bytes(quoin_handle handle, uint32_t reg, uintptr_t buffer, uint32_t len)
{
	struct port *port = port_of(handle);

	CHECK_OR_STOP(reg == DATA && !(port->control & LCR_DIVISOR));
	CHECK_OR_STOP(len && len + port->nr_sending <= FIFO_BYTES);
	memcpy(port->sending + port->nr_sending, (const void *)buffer, len);
	port->nr_sending += len;
	port->emptied = false;
	port_update(port);
	return 0;
}

/* ---- kernel and supervisor ---- */

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

void panic(const char *format, ...)
{
	abort();
}

uint64_t clock_ns(void)
{
	return now_ns;
}

long quoin_notification_create(void)
{
	return 90;
}

long quoin_handle_close(quoin_handle handle)
{
	return 0;
}

long quoin_endpoint_call(quoin_handle endpoint)
{
	abort();
}

long driver_device(struct devmgr_device_reply *device)
{
	memset(device, 0, sizeof(*device));
	return 0;
}

quoin_handle driver_ports(uint32_t number)
{
	return number + 1;
}

long driver_legacy_irq(uint32_t number, quoin_handle notification, uint64_t bits)
{
	return 0;
}

quoin_handle driver_endpoint(const char *service, quoin_handle notification)
{
	return 91;
}

/* ---- time ---- */

static void interrupts_serve(void)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < NR_LINES; i++) {
		bits |= (uint64_t)ports[i].edge << i;
		ports[i].edge = false;
	}
	if (bits)
		on_interrupt(NULL, bits);
}

static void time_pass(const struct ipc_server *server, unsigned nr_bytes)
{
	uint64_t deadline;

	for (uint32_t i = 0; i < NR_LINES; i++) {
		for (unsigned n = 0; n < nr_bytes; n++)
			port_send(&ports[i], &outward[i]);
		port_update(&ports[i]);
	}
	deadline = server->deadline(server->server);
	now_ns += (nr_bytes + 1) * 100000ull;
	if (deadline <= now_ns)
		server->expired(server->server);
}

static void input_arrives(uint32_t line, uint8_t count)
{
	for (uint8_t i = 0; i < count; i++)
		port_receive(&ports[line], &inward[line], (uint8_t)(count + i));
	port_update(&ports[line]);
}

#endif
