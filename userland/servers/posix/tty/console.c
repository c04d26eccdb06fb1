/* SPDX-License-Identifier: MIT */
/*
 * The lines of the console driver as terminals: /dev/ttyS0 ..., /dev/console (the first line) and
 * /dev/tty (the caller's controlling terminal).  One thread per line waits for input.
 */
#include <quoin/runtime.h>
#include <proto/console.h>
#include "device.h"
#include "file.h"
#include "inode.h"
#include "pid.h"
#include "process.h"
#include "service.h"
#include "tty.h"

#define MAX_LINES 4

struct console_line {
	struct tty tty;
	uint32_t number; /* [I] */
};

static quoin_handle console;                  /* [I] after start */
static struct console_line *lines[MAX_LINES]; /* [I] after start */

/* ---- the device ---- */

static size_t line_write(struct tty *tty, const uint8_t *bytes, size_t len)
{
	const struct console_line *line = tty->private;
	struct console_write_request rq = { .line = line->number, .data_len = (uint32_t)len };
	struct console_write_reply rp;

	memcpy(rq.data, bytes, len);
	/* A dead driver's output is lost, not waited for: the console must not stop the system. */
	return console_write(console, &rq, &rp) == 0 ? MIN(rp.taken, len) : len;
}

static void line_drain(struct tty *tty)
{
	const struct console_line *line = tty->private;
	const struct console_drain_request rq = { .line = line->number };

	console_drain(console, &rq, NULL);
}

static const struct tty_device_ops line_ops = {
	.write = line_write,
	.drain = line_drain,
	.ends_with_session = true,
};

static void line_feed(struct tty *tty, const uint8_t *bytes, size_t len)
{
	for (size_t done = 0, part; done < len; done += part) {
		part = MIN(len - done, TTY_RECEIVE_BYTES);
		wait_event_uninterruptible(&tty->senders, tty_input_room(tty));
		tty_receive(tty, bytes + done, part);
	}
}

static void line_reader(void *argument)
{
	struct console_line *line = argument;
	const struct console_read_request rq = { .line = line->number };
	struct console_read_reply *rp = malloc(sizeof(*rp));

	if (!rp)
		panic("no memory for the console");
	for (;;) {
		if (console_read(console, &rq, rp) == 0)
			line_feed(&line->tty, rp->data, rp->data_len);
		else /* the driver is being restarted */
			quoin_futex_wait((uintptr_t)&line->number, line->number, clock_ns() + 100000000, 0);
	}
}

/* ---- opening ---- */

static unsigned minor_of(const struct inode *inode)
{
	return (inode->rdev & 0xff) | (inode->rdev >> 12 & 0xfff00);
}

static int ttys_open(struct inode *inode, struct file *file)
{
	unsigned number = minor_of(inode) - TTYS_MINOR;

	if (number >= MAX_LINES || !lines[number])
		return -ENXIO;
	return tty_file_open(tty_get(&lines[number]->tty), file, TTY_OPEN_LINE);
}

static int console_open(struct inode *inode, struct file *file)
{
	(void)inode;
	if (!lines[0])
		return -ENXIO;
	return tty_file_open(tty_get(&lines[0]->tty), file, TTY_OPEN_CONSOLE);
}

static int current_open(struct inode *inode, struct file *file)
{
	(void)inode;
	struct tty *tty = tty_session_get();
	return tty ? tty_file_open(tty, file, TTY_OPEN_CURRENT) : -ENXIO;
}

static struct file_ops ttys_ops, console_ops_, current_ops;

static const struct file_ops *with_open(struct file_ops *ops, int (*open)(struct inode *, struct file *))
{
	*ops = tty_file_ops;
	ops->open = open;
	return ops;
}

/* ---- start ---- */

static void line_start(uint32_t number)
{
	struct console_line *line = calloc(1, sizeof(*line));
	char name[16];

	if (!line)
		return;
	snprintf(name, sizeof(name), "ttyS%u", number);
	tty_init(&line->tty, &line_ops, name, TTY_MAJOR << 8 | (TTYS_MINOR + number));
	line->tty.private = line;
	line->number = number;
	lines[number] = line;
	device_register_char(TTY_MAJOR, TTYS_MINOR + number, name, 0620, with_open(&ttys_ops, ttys_open));
	const struct thread_options options = { .name = name, .sched_class = QUOIN_SCHED_SERVER };
	thread_spawn(&options, line_reader, line, NULL);
}

void tty_start(void)
{
	struct console_info_request rq = {};
	struct console_info_reply info;

	if (service_connect("console", &console) && console_info(console, &rq, &info) == 0)
		for (uint32_t i = 0; i < MIN(info.nr_lines, MAX_LINES); i++)
			line_start(i);
	device_register_char(TTYAUX_MAJOR, 0, "tty", 0666, with_open(&current_ops, current_open));
	device_register_char(TTYAUX_MAJOR, 1, "console", 0600, with_open(&console_ops_, console_open));
}
