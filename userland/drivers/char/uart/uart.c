/*
 * The 16550 serial ports of the PC (PC16550D data sheet): the smallest complete driver.
 *
 * One thread.  Each line has an input ring, filled by its interrupt and emptied by the one outstanding
 * read, whose answer tells whether the reader still lives; while it is full, the input interrupt is off and
 * input stays in the port, where it holds back a sender that can be held back (QEMU's).  The output ring is
 * filled by writes and emptied by the interrupt, 16 bytes at a time.  A read that finds no input, and a write
 * or drain that finds no room, is answered later (IPC_DEFERRED); that the last byte has left is seen by
 * looking now and then.
 */
#include <quoin/driver.h>
#include <proto/console.h>

const char task_name[] = "uart";

#define NR_LINES    2
#define RING_BYTES  8192u /* a power of two */
#define FIFO_BYTES  16
#define MAX_WAITERS 16
#define LEAVING_NS  1000000u /* between two looks whether the FIFO is empty, which takes 1.4 ms at 115200 */

enum uart_register {
	DATA = 0,
	DIVISOR_LOW = 0,
	INTERRUPT_ENABLE = 1,
	DIVISOR_HIGH = 1,
	INTERRUPT_ID = 2,
	FIFO_CONTROL = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
	SCRATCH = 7,
};

#define IER_INPUT     0x01
#define IER_OUTPUT    0x02
#define IER_LINE      0x04
#define FCR_ENABLE    0xc7 /* FIFOs on and cleared, interrupt at 14 bytes or after a pause */
#define LCR_8N1       0x03
#define LCR_DIVISOR   0x80
#define MCR_ON        0x0b /* DTR RTS OUT2: OUT2 lets the interrupt out */
#define LSR_INPUT     0x01
#define LSR_OUT_EMPTY 0x20
#define LSR_ALL_EMPTY 0x40

struct ring {
	uint8_t bytes[RING_BYTES];
	uint32_t head, tail; /* free-running: tail - head bytes are in it */
};

struct waiter {
	uint64_t token;
	bool drain; /* else a write that waits for room */
	uint32_t len;
	uint8_t *data;
};

struct line {
	quoin_handle ports; /* 0: there is no such port */
	struct ring input, output;
	uint8_t enabled; /* IER_*: the interrupts that are on */
	uint64_t reader; /* token of the waiting read, 0: none */
	struct waiter waiters[MAX_WAITERS];
	uint32_t nr_waiters;
};

static struct line lines[NR_LINES];

static uint32_t ring_used(const struct ring *ring)
{
	return ring->tail - ring->head;
}

static uint32_t ring_put(struct ring *ring, const uint8_t *data, uint32_t len)
{
	uint32_t room = RING_BYTES - ring_used(ring), taken = MIN(len, room);

	for (uint32_t i = 0; i < taken; i++)
		ring->bytes[ring->tail++ % RING_BYTES] = data[i];
	return taken;
}

/* The oldest bytes, at most len of them; they stay in the ring. */
static uint32_t ring_peek(const struct ring *ring, uint8_t *data, uint32_t len)
{
	uint32_t given = MIN(len, ring_used(ring));

	for (uint32_t i = 0; i < given; i++)
		data[i] = ring->bytes[(ring->head + i) % RING_BYTES];
	return given;
}

static uint32_t ring_get(struct ring *ring, uint8_t *data, uint32_t len)
{
	uint32_t given = ring_peek(ring, data, len);

	ring->head += given;
	return given;
}

static uint8_t port_in(const struct line *line, uint32_t reg)
{
	return (uint8_t)quoin_ioport_read(line->ports, reg, 1);
}

static void port_out(const struct line *line, uint32_t reg, uint8_t value)
{
	quoin_ioport_write(line->ports, reg, 1, value);
}

/* ---- the device ---- */

/* Those of which something can come: input while there is room for it, output while there is any. */
static void line_interrupts(struct line *line)
{
	uint8_t wanted = IER_LINE | (ring_used(&line->input) < RING_BYTES ? IER_INPUT : 0) |
			 (ring_used(&line->output) ? IER_OUTPUT : 0);

	if (line->enabled == wanted)
		return;
	line->enabled = wanted;
	port_out(line, INTERRUPT_ENABLE, wanted);
}

static void line_send(struct line *line)
{
	uint8_t chunk[FIFO_BYTES];

	while (ring_used(&line->output) && port_in(line, LINE_STATUS) & LSR_OUT_EMPTY) {
		uint32_t len = ring_get(&line->output, chunk, FIFO_BYTES);
		quoin_ioport_write_bytes(line->ports, DATA, (uintptr_t)chunk, len);
	}
	line_interrupts(line);
}

static void line_receive(struct line *line)
{
	/* the status is read in any case: that ends the interrupt of a break or an overrun */
	while (port_in(line, LINE_STATUS) & LSR_INPUT && ring_used(&line->input) < RING_BYTES) {
		uint8_t byte = port_in(line, DATA);
		ring_put(&line->input, &byte, 1);
	}
	line_interrupts(line);
}

static void line_configure(struct line *line, uint32_t speed, uint8_t control)
{
	uint32_t divisor = 115200 / speed;

	port_out(line, LINE_CONTROL, control | LCR_DIVISOR);
	port_out(line, DIVISOR_LOW, (uint8_t)divisor);
	port_out(line, DIVISOR_HIGH, (uint8_t)(divisor >> 8));
	port_out(line, LINE_CONTROL, control);
}

static void line_start(struct line *line, uint32_t number, quoin_handle notification)
{
	quoin_handle ports = driver_ports(number);

	if (!ports)
		return;
	line->ports = ports;
	port_out(line, SCRATCH, 0x5a);
	if (port_in(line, SCRATCH) != 0x5a) { /* nothing answers there */
		line->ports = 0;
		quoin_handle_close(ports);
		return;
	}
	line_configure(line, 115200, LCR_8N1);
	port_out(line, FIFO_CONTROL, FCR_ENABLE);
	port_out(line, MODEM_CONTROL, MCR_ON);
	if (driver_legacy_irq(number, notification, 1UL << number) < 0)
		panic("no interrupt for line %u", number);
	line_interrupts(line);
}

/* ---- deferred answers ---- */

/* A reader that has died gets nothing: what has come stays for the next one. */
static void reader_answer(struct line *line)
{
	struct console_read_reply reply;

	if (!line->reader || !ring_used(&line->input))
		return;
	reply.data_len = ring_peek(&line->input, reply.data, sizeof(reply.data));
	if (console_read_finish(line->reader, 0, &reply) == 0)
		line->input.head += reply.data_len;
	line->reader = 0;
	line_interrupts(line);
}

static bool line_sent(const struct line *line)
{
	return !ring_used(&line->output) && port_in(line, LINE_STATUS) & LSR_ALL_EMPTY;
}

static bool waiter_answer(struct line *line, struct waiter *waiter)
{
	if (waiter->drain) {
		if (!line_sent(line))
			return false;
		console_drain_finish(waiter->token, 0, NULL);
		return true;
	}
	struct console_write_reply reply = { .taken = ring_put(&line->output, waiter->data, waiter->len) };
	if (!reply.taken)
		return false;
	console_write_finish(waiter->token, 0, &reply);
	free(waiter->data);
	return true;
}

static void waiters_answer(struct line *line)
{
	uint32_t done = 0;

	while (done < line->nr_waiters && waiter_answer(line, &line->waiters[done]))
		done++;
	line->nr_waiters -= done;
	memmove(line->waiters, line->waiters + done, line->nr_waiters * sizeof(line->waiters[0]));
	line_send(line);
}

static long waiter_add(struct line *line, const struct waiter *waiter)
{
	if (line->nr_waiters == MAX_WAITERS)
		return -QERR_BUSY;
	line->waiters[line->nr_waiters++] = *waiter;
	return IPC_DEFERRED;
}

/* ISA lines are edge-triggered: serve until no cause is left, else the next edge never comes. */
static void on_interrupt(void *server, uint64_t bits)
{
	for (uint32_t i = 0; i < NR_LINES; i++) {
		struct line *line = &lines[i];
		if (!(bits >> i & 1) || !line->ports)
			continue;
		while (!(port_in(line, INTERRUPT_ID) & 1)) {
			line_receive(line);
			line_send(line);
		}
		reader_answer(line);
		waiters_answer(line);
	}
}

/* A drain that waits for the FIFO only: there is no interrupt when the last byte has left. */
static bool line_leaving(const struct line *line)
{
	return line->nr_waiters && line->waiters[0].drain && !ring_used(&line->output);
}

static uint64_t on_deadline(void *server)
{
	for (uint32_t i = 0; i < NR_LINES; i++)
		if (line_leaving(&lines[i]))
			return clock_ns() + LEAVING_NS;
	return QUOIN_DEADLINE_NEVER;
}

static void on_expired(void *server)
{
	for (uint32_t i = 0; i < NR_LINES; i++)
		if (line_leaving(&lines[i]))
			waiters_answer(&lines[i]);
}

/* ---- requests ---- */

static struct line *line_find(uint32_t number)
{
	return number < NR_LINES && lines[number].ports ? &lines[number] : NULL;
}

static long handle_info(void *server, struct ipc_request *request, const struct console_info_request *rq,
			struct console_info_reply *rp)
{
	for (uint32_t i = 0; i < NR_LINES; i++)
		if (lines[i].ports)
			rp->nr_lines = i + 1;
	snprintf(rp->name, sizeof(rp->name), "ttyS");
	return 0;
}

static long handle_write(void *server, struct ipc_request *request, const struct console_write_request *rq,
			 struct console_write_reply *rp)
{
	struct line *line = line_find(rq->line);

	if (!line)
		return -QERR_NODEV;
	if (!rq->data_len)
		return 0;
	rp->taken = line->nr_waiters ? 0 : ring_put(&line->output, rq->data, rq->data_len);
	line_send(line);
	if (rp->taken)
		return 0;
	struct waiter waiter = { .token = request->token, .len = rq->data_len, .data = malloc(rq->data_len) };
	if (!waiter.data)
		return -QERR_NOMEM;
	memcpy(waiter.data, rq->data, rq->data_len);
	long status = waiter_add(line, &waiter);
	if (status != IPC_DEFERRED)
		free(waiter.data);
	return status;
}

static long handle_read(void *server, struct ipc_request *request, const struct console_read_request *rq,
			struct console_read_reply *rp)
{
	struct line *line = line_find(rq->line);

	if (!line)
		return -QERR_NODEV;
	if (line->reader)
		return -QERR_BUSY;
	line->reader = request->token;
	reader_answer(line);
	return IPC_DEFERRED;
}

static long handle_drain(void *server, struct ipc_request *request, const struct console_drain_request *rq,
			 struct console_drain_reply *rp)
{
	struct line *line = line_find(rq->line);
	struct waiter waiter = { .token = request->token, .drain = true };

	if (!line)
		return -QERR_NODEV;
	line_send(line);
	if (!line->nr_waiters && line_sent(line))
		return 0;
	return waiter_add(line, &waiter);
}

static long handle_set_line(void *server, struct ipc_request *request,
			    const struct console_set_line_request *rq, struct console_set_line_reply *rp)
{
	struct line *line = line_find(rq->line);

	if (!line)
		return -QERR_NODEV;
	if (rq->speed < 50 || rq->speed > 115200 || rq->data_bits < 5 || rq->data_bits > 8 || rq->parity > 2 ||
	    rq->stop_bits < 1 || rq->stop_bits > 2)
		return -QERR_INVAL;
	uint8_t parity = rq->parity == 0 ? 0 : rq->parity == 1 ? 0x08 : 0x18;
	line_configure(line, rq->speed, (uint8_t)((rq->data_bits - 5) | (rq->stop_bits - 1) << 2 | parity));
	return 0;
}

static const struct console_ops ops = {
	.info = handle_info,
	.write = handle_write,
	.read = handle_read,
	.drain = handle_drain,
	.set_line = handle_set_line,
};

int task_main(uint64_t argument)
{
	struct devmgr_device_reply device;
	long notification = quoin_notification_create();

	if (notification < 0 || driver_device(&device) < 0)
		panic("the supervisor does not answer");
	for (uint32_t i = 0; i < NR_LINES; i++)
		line_start(&lines[i], i, (quoin_handle)notification);
	const struct ipc_server server = {
		.endpoint = driver_endpoint(device.name, (quoin_handle)notification),
		.dispatch = console_dispatch,
		.ops = &ops,
		.notified = on_interrupt,
		.deadline = on_deadline,
		.expired = on_expired,
	};
	driver_serve(&server);
}
