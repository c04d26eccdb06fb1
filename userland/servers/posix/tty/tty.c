/* SPDX-License-Identifier: MIT */
/* Terminals as files: reading, writing, polling. See tty.h. */
#include "tty.h"

#include <quoin/runtime.h>
#include "clock.h"
#include "cred.h"
#include "file.h"
#include "inode.h"
#include "jobcontrol.h"
#include "lockrank.h"
#include "poll.h"
#include "signal.h"

#define CHUNK 256

void tty_init(struct tty *tty, const struct tty_device_ops *device, const char *name, uint32_t rdev)
{
	memset(tty, 0, sizeof(*tty));
	tty->device = device;
	tty->rdev = rdev;
	snprintf(tty->name, sizeof(tty->name), "%s", name);
	atomic_init(&tty->refs, 1);
	mutex_init(&tty->lock, "tty", LOCK_TTY);
	ldisc_init(&tty->ldisc);
	wait_queue_init(&tty->readers);
	wait_queue_init(&tty->writers);
	wait_queue_init(&tty->senders);
}

void tty_put(struct tty *tty)
{
	if (atomic_fetch_sub(&tty->refs, 1) == 1 && tty->device->free)
		tty->device->free(tty);
}

/* ---- open files ---- */

/*
 * file->private of a terminal.  After a hang-up reads find the end and all else fails (POSIX 11.1.10): nobody
 * who was left behind reads what the next one types.  As on Linux /dev/console survives: it is the system's.
 */
struct tty_opening {
	struct tty *tty;     /* [I] with a reference */
	unsigned nr_hangups; /* [I] of the terminal when it was opened */
	bool survives;       /* [I] */
};

static bool hung_up(const struct tty_opening *opening)
{
	return atomic_load(&opening->tty->nr_hangups) != opening->nr_hangups && !opening->survives;
}

struct tty *tty_of(const struct file *file)
{
	const struct tty_opening *opening = file->private;

	return opening ? opening->tty : NULL;
}

void tty_disconnect(struct tty *tty)
{
	mutex_lock_nested(&tty->lock);
	atomic_fetch_add(&tty->nr_hangups, 1);
	ldisc_flush_input(&tty->ldisc);
	tty->ldisc.stopped = false;
	tty->output_head = tty->output_tail;
	mutex_unlock(&tty->lock);
	wait_queue_wake_all(&tty->readers);
	wait_queue_wake_all(&tty->writers);
	wait_queue_wake_all(&tty->senders);
}

/* ---- output ---- */

static uint32_t output_room(const struct tty *tty)
{
	return TTY_OUTPUT_BYTES - (tty->output_tail - tty->output_head);
}

static void output_add(struct tty *tty, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && output_room(tty); i++)
		tty->output[tty->output_tail++ % TTY_OUTPUT_BYTES] = bytes[i];
}

/* The contiguous front of the ring, copied, so that the device may take its time without the lock. */
static size_t output_front(const struct tty *tty, uint8_t chunk[CHUNK])
{
	size_t len = MIN(tty->output_tail - tty->output_head, CHUNK);

	for (size_t i = 0; i < len; i++)
		chunk[i] = tty->output[(tty->output_head + i) % TTY_OUTPUT_BYTES];
	return len;
}

void tty_carry(struct tty *tty)
{
	uint8_t chunk[CHUNK];

	mutex_lock(&tty->lock);
	if (tty->carrying) {
		mutex_unlock(&tty->lock);
		return;
	}
	tty->carrying = true;
	while (!tty->ldisc.stopped) {
		size_t len = output_front(tty, chunk);
		uint32_t head = tty->output_head;
		if (!len)
			break;
		mutex_unlock(&tty->lock);
		size_t taken = tty->device->write(tty, chunk, len);
		mutex_lock(&tty->lock);
		if (tty->output_head == head) /* else it was flushed meanwhile, and what is there now is new */
			tty->output_head += (uint32_t)taken;
		if (!taken)
			break;
		if (atomic_load(&tty->writers.nr_waiters))
			wait_queue_wake_all(&tty->writers);
	}
	tty->carrying = false;
	mutex_unlock(&tty->lock);
}

static bool output_possible(const struct tty_opening *opening)
{
	return hung_up(opening) || output_room(opening->tty) >= LDISC_EXPANSION;
}

static bool output_empty(const struct tty *tty)
{
	return tty->output_head == tty->output_tail;
}

/* As much as fits; under the lock. */
static size_t output_process(struct tty *tty, const uint8_t *bytes, size_t len)
{
	uint8_t out[LDISC_EXPANSION];
	size_t done = 0;

	while (done < len && output_room(tty) >= LDISC_EXPANSION)
		output_add(tty, out, ldisc_output(&tty->ldisc, bytes[done++], out));
	return done;
}

static long write_bytes(const struct tty_opening *opening, const uint8_t *bytes, size_t len, bool nonblock)
{
	struct tty *tty = opening->tty;
	size_t done = 0;

	while (done < len) {
		mutex_lock(&tty->lock);
		bool gone = hung_up(opening);
		if (!gone)
			done += output_process(tty, bytes + done, len - done);
		mutex_unlock(&tty->lock);
		if (gone)
			return done ? (long)done : -EIO;
		tty_carry(tty);
		if (done == len)
			break;
		if (nonblock)
			return done ? (long)done : -EAGAIN;
		long error = wait_event(&tty->writers, output_possible(opening));
		if (error)
			return done ? (long)done : error;
	}
	return (long)done;
}

static bool is_nonblock(const struct file *file)
{
	return atomic_load(&file->flags) & LINUX_O_NONBLOCK;
}

static long tty_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	const struct tty_opening *opening = file->private;
	uint8_t chunk[CHUNK];
	long done = 0;

	(void)pos;
	if (hung_up(opening))
		return -EIO;
	long error = job_control_check(opening->tty, LINUX_SIGTTOU);
	if (error)
		return error;
	while (iter->count) {
		size_t len = iter_copy_in(iter, chunk, MIN(iter->count, CHUNK));
		if (!len)
			return done ? done : -EFAULT;
		long written = write_bytes(opening, chunk, len, is_nonblock(file));
		if (written < 0)
			return done ? done : written;
		done += written;
		inode_touch_mtime(file->inode);
		if ((size_t)written < len)
			break;
	}
	return done;
}

/* ---- input ---- */

static void on_output(void *owner, const uint8_t *bytes, size_t len)
{
	output_add(owner, bytes, len);
}

static void on_signal(void *owner, int sig)
{
	struct tty *tty = owner;

	signal_send_pgrp(tty->foreground, sig, NULL);
}

static const struct ldisc_ops ldisc_ops = { on_output, on_signal };

/* Without the lock: who sleeps on it looks again after each wake-up, which comes after the change. */
bool tty_input_room(struct tty *tty)
{
	const struct ldisc *ld = &tty->ldisc;

	return ldisc_is_canonical(ld) || LDISC_BYTES - (ld->tail - ld->head) > TTY_RECEIVE_BYTES;
}

void tty_receive(struct tty *tty, const uint8_t *bytes, size_t len)
{
	job_control_lock(); /* the foreground group stays while signals go to it */
	mutex_lock_nested(&tty->lock);
	ldisc_input(&tty->ldisc, &ldisc_ops, tty, bytes, len);
	bool readable = ldisc_readable(&tty->ldisc);
	mutex_unlock(&tty->lock);
	job_control_unlock();
	if (readable)
		wait_queue_wake_all(&tty->readers);
	tty_carry(tty);
}

/*
 * Reads wait on ring and termios without the lock: each change is followed by a wake-up, after which the
 * sleeper looks again, and what is taken is decided under the lock (input_take).
 */

/* How many bytes a read waits for (POSIX 11.1.7): in canonical mode a line, else VMIN. */
static bool input_ready(const struct tty_opening *opening, size_t least)
{
	const struct ldisc *ld = &opening->tty->ldisc;

	return hung_up(opening) ||
	       (ldisc_readable(ld) && (ldisc_is_canonical(ld) || ldisc_available(ld) >= least));
}

/*
 * Waits as VMIN and VTIME say: 0 when the read is to go on with what there is.  VTIME counts tenths of a
 * second, from the start with VMIN 0, else from the first byte on and anew with each.
 */
static long input_wait(const struct tty_opening *opening, size_t size)
{
	struct tty *tty = opening->tty;
	const uint8_t *cc = tty->ldisc.termios.c_cc;
	uint64_t pause = cc[LINUX_VTIME] * (NSEC_PER_SEC / 10);
	size_t least = MIN((size_t)cc[LINUX_VMIN], size);

	if (ldisc_is_canonical(&tty->ldisc))
		return wait_event(&tty->readers, input_ready(opening, 1));
	if (!pause)
		return least ? wait_event(&tty->readers, input_ready(opening, least)) : 0;
	if (!least) {
		long error = wait_event_deadline(&tty->readers, input_ready(opening, 1), deadline_after(pause));
		return error == -ETIMEDOUT ? 0 : error;
	}
	long error = wait_event(&tty->readers, input_ready(opening, 1));
	for (size_t have = 1; !error && have < least; have = ldisc_available(&tty->ldisc)) {
		error = wait_event_deadline(&tty->readers, input_ready(opening, have + 1),
					    deadline_after(pause));
		if (error == -ETIMEDOUT)
			return 0;
	}
	return error;
}

/* One piece of input; *wait is set when there is none yet. */
static long input_take(const struct tty_opening *opening, uint8_t *buffer, size_t size, bool *wait)
{
	struct tty *tty = opening->tty;
	long len = 0;

	mutex_lock(&tty->lock);
	bool gone = hung_up(opening);
	*wait = !gone && !ldisc_readable(&tty->ldisc);
	if (!gone && !*wait)
		len = (long)ldisc_read(&tty->ldisc, buffer, size);
	mutex_unlock(&tty->lock);
	wait_queue_wake_all(&tty->senders);
	return len;
}

static long tty_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	const struct tty_opening *opening = file->private;
	struct tty *tty = opening->tty;
	uint8_t buffer[LDISC_BYTES];
	size_t size = MIN(iter->count, sizeof(buffer));
	bool wait, polled = !ldisc_is_canonical(&tty->ldisc) && !tty->ldisc.termios.c_cc[LINUX_VMIN];
	long len;

	(void)pos;
	do {
		if (hung_up(opening))
			return 0;
		long error = job_control_check(tty, LINUX_SIGTTIN);
		if (!error && !is_nonblock(file))
			error = input_wait(opening, size);
		if (error)
			return error;
		len = input_take(opening, buffer, size, &wait);
		if (wait && is_nonblock(file))
			return -EAGAIN;
	} while (wait && !polled);
	if (len > 0 && iter_copy_out(iter, buffer, (size_t)len) != (size_t)len)
		return -EFAULT;
	if (len > 0)
		inode_touch_atime(file);
	return len;
}

/* As Linux's n_tty_poll: with VTIME 0, what makes a read wait is no input to poll either. */
static size_t input_least_polled(const struct tty *tty)
{
	const uint8_t *cc = tty->ldisc.termios.c_cc;

	return cc[LINUX_VMIN] && !cc[LINUX_VTIME] ? cc[LINUX_VMIN] : 1;
}

static uint32_t tty_poll(struct file *file, struct poll_table *table)
{
	const struct tty_opening *opening = file->private;
	struct tty *tty = opening->tty;
	uint32_t events = 0;

	poll_wait(table, &tty->readers);
	poll_wait(table, &tty->writers);
	mutex_lock(&tty->lock);
	if (hung_up(opening)) {
		events = LINUX_POLLHUP | LINUX_POLLERR | LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLOUT |
			 LINUX_POLLWRNORM;
	} else {
		if (input_ready(opening, input_least_polled(tty)))
			events |= LINUX_POLLIN | LINUX_POLLRDNORM;
		if (output_possible(opening))
			events |= LINUX_POLLOUT | LINUX_POLLWRNORM;
	}
	mutex_unlock(&tty->lock);
	return events;
}

/* ---- opening and closing ---- */

int tty_file_open(struct tty *tty, struct file *file, enum tty_open_how how)
{
	struct tty_opening *opening = malloc(sizeof(*opening));
	int error = opening ? 0 : -ENOMEM;

	mutex_lock(&tty->lock);
	if (!error && tty->device_closed)
		error = -EIO;
	if (!error && tty->exclusive && atomic_load(&tty->nr_open) && !capable(CAP_SYS_ADMIN))
		error = -EBUSY;
	unsigned nr_hangups = atomic_load(&tty->nr_hangups);
	mutex_unlock(&tty->lock);
	if (error) {
		free(opening);
		tty_put(tty);
		return error;
	}
	*opening = (struct tty_opening){ tty, nr_hangups, .survives = how == TTY_OPEN_CONSOLE };
	atomic_fetch_add(&tty->nr_open, 1);
	file->private = opening;
	/* who may only write (mode 0620) does not get what the owner of a terminal may do with it */
	if (how == TTY_OPEN_LINE && file_readable(file) && !(atomic_load(&file->flags) & LINUX_O_NOCTTY))
		job_control_open(tty);
	return 0;
}

static void tty_release(struct file *file)
{
	struct tty_opening *opening = file->private;

	if (!opening)
		return;
	if (atomic_fetch_sub(&opening->tty->nr_open, 1) == 1)
		opening->tty->exclusive = false;
	tty_put(opening->tty);
	free(opening);
}

/* ---- settings ---- */

static long termios_get(struct tty *tty, struct linux_termios *termios)
{
	mutex_lock(&tty->lock);
	*termios = tty->ldisc.termios;
	mutex_unlock(&tty->lock);
	return 0;
}

static long drain(struct tty *tty)
{
	tty_carry(tty);
	long error = wait_event(&tty->writers, output_empty(tty));
	if (!error && tty->device->drain)
		tty->device->drain(tty);
	return error;
}

enum termios_when { SET_NOW, SET_AFTER_DRAIN, SET_AFTER_FLUSH };

static long termios_set(struct tty *tty, uint64_t address, enum termios_when when, size_t size)
{
	struct linux_termios2 termios2;
	struct linux_termios termios;

	if (copy_from_user(&termios2, address, size))
		return -EFAULT;
	memcpy(&termios, &termios2, sizeof(termios));
	long error = job_control_check(tty, LINUX_SIGTTOU | JOB_CONTROL_ALWAYS);
	if (!error && when != SET_NOW)
		error = drain(tty);
	if (error)
		return error;
	mutex_lock(&tty->lock);
	if (when == SET_AFTER_FLUSH)
		ldisc_flush_input(&tty->ldisc);
	ldisc_set_termios(&tty->ldisc, &termios);
	if (!(termios.c_iflag & LINUX_IXON))
		tty->ldisc.stopped = false;
	mutex_unlock(&tty->lock);
	if (tty->device->set_line)
		tty->device->set_line(tty, &termios);
	wait_queue_wake_all(&tty->readers); /* what is readable may have changed */
	wait_queue_wake_all(&tty->senders);
	tty_carry(tty);
	return 0;
}

static uint32_t speed_of(uint32_t cflag)
{
	static const uint32_t speeds[] = { 0,   50,   75,   110,  134,  150,  200,   300,
					   600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const uint32_t fast[] = { 57600, 115200, 230400, 460800 };
	uint32_t code = cflag & LINUX_CBAUD;

	if (code < array_length(speeds))
		return speeds[code];
	code -= 010001;
	return code < array_length(fast) ? fast[code] : 38400;
}

static long termios2_get(struct tty *tty, uint64_t address)
{
	struct linux_termios2 termios2 = { 0 };
	struct linux_termios termios;

	termios_get(tty, &termios);
	memcpy(&termios2, &termios, sizeof(termios));
	termios2.c_ispeed = termios2.c_ospeed = speed_of(termios.c_cflag);
	return copy_to_user(address, &termios2, sizeof(termios2));
}

static long winsize_set(struct tty *tty, uint64_t address)
{
	struct linux_winsize winsize;

	if (copy_from_user(&winsize, address, sizeof(winsize)))
		return -EFAULT;
	job_control_lock();
	mutex_lock_nested(&tty->lock);
	bool changed = memcmp(&winsize, &tty->winsize, sizeof(winsize)) != 0;
	tty->winsize = winsize;
	mutex_unlock(&tty->lock);
	if (changed)
		signal_send_pgrp(tty->foreground, LINUX_SIGWINCH, NULL);
	job_control_unlock();
	return 0;
}

static long flush(struct tty *tty, uint64_t which)
{
	if (which > LINUX_TCIOFLUSH)
		return -EINVAL;
	mutex_lock(&tty->lock);
	if (which != LINUX_TCOFLUSH)
		ldisc_flush_input(&tty->ldisc);
	if (which != LINUX_TCIFLUSH)
		tty->output_head = tty->output_tail;
	mutex_unlock(&tty->lock);
	wait_queue_wake_all(&tty->writers);
	wait_queue_wake_all(&tty->senders);
	return 0;
}

static long flow(struct tty *tty, uint64_t action)
{
	if (action > LINUX_TCION)
		return -EINVAL;
	if (action <= LINUX_TCOON) {
		mutex_lock(&tty->lock);
		tty->ldisc.stopped = action == LINUX_TCOOFF;
		mutex_unlock(&tty->lock);
		tty_carry(tty);
		return 0;
	}
	const struct tty_opening opening = { .tty = tty, .survives = true };
	uint8_t byte = tty->ldisc.termios.c_cc[action == LINUX_TCIOFF ? LINUX_VSTOP : LINUX_VSTART];
	return byte ? MIN(write_bytes(&opening, &byte, 1, false), 0) : 0;
}

static long count_to_user(uint64_t address, size_t count)
{
	return put_user_u32(address, (uint32_t)count);
}

long tty_request(struct tty *tty, unsigned request, uint64_t argument, bool readable)
{
	struct linux_termios termios;

	switch (request) {
	case LINUX_TCGETS:
		termios_get(tty, &termios);
		return copy_to_user(argument, &termios, sizeof(termios));
	case LINUX_TCSETS:
	case LINUX_TCSETSW:
	case LINUX_TCSETSF:
		return termios_set(tty, argument, request - LINUX_TCSETS, sizeof(struct linux_termios));
	case LINUX_TCGETS2:
		return termios2_get(tty, argument);
	case LINUX_TCSETS2:
	case LINUX_TCSETSW2:
	case LINUX_TCSETSF2:
		return termios_set(tty, argument, request - LINUX_TCSETS2, sizeof(struct linux_termios2));
	case LINUX_TCSBRK:
	case LINUX_TCSBRKP:
		return drain(tty);
	case LINUX_TCXONC:
		return flow(tty, argument);
	case LINUX_TCFLSH:
		return flush(tty, argument);
	case LINUX_TIOCGWINSZ:
		return copy_to_user(argument, &tty->winsize, sizeof(tty->winsize));
	case LINUX_TIOCSWINSZ:
		return winsize_set(tty, argument);
	case LINUX_FIONREAD:
		return count_to_user(argument, ldisc_readable(&tty->ldisc) ? ldisc_available(&tty->ldisc) : 0);
	case LINUX_TIOCOUTQ:
		return count_to_user(argument, tty->output_tail - tty->output_head);
	case LINUX_TIOCEXCL:
	case LINUX_TIOCNXCL:
		tty->exclusive = request == LINUX_TIOCEXCL;
		return 0;
	case LINUX_TIOCGETD:
		return put_user_u32(argument, 0); /* N_TTY */
	case LINUX_TIOCGDEV:
		return put_user_u32(argument, tty->rdev);
	}
	return job_control_ioctl(tty, request, argument, readable);
}

static long tty_ioctl(struct file *file, unsigned request, uint64_t argument)
{
	const struct tty_opening *opening = file->private;

	if (hung_up(opening))
		return request == LINUX_TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_request(opening->tty, request, argument, file_readable(file));
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};
