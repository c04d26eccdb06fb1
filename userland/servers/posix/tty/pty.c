/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals: opening /dev/ptmx makes a pair.  The slave is a terminal, /dev/pts/N; what is written
 * to it the master reads, what is written to the master the slave receives.
 *
 * The pair lives as long as either side is in use.  When the master closes, the slave hangs up and its node
 * goes.  When the last slave file closes, the master reads EIO until the slave is opened again.
 *
 * Locks: table_lock guards pairs[]; the bytes on the way to the master are under the slave's tty->lock.
 */
#include <quoin/runtime.h>
#include "device.h"
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "poll.h"
#include "tty.h"
#include "usercopy.h"

#define MAX_PTYS   256
#define PIPE_BYTES 4096u /* on the way to the master */

struct pty {
	struct tty slave;
	unsigned index;            /* [I] */
	bool locked;               /* [l] until TIOCSPTLCK: the slave cannot be opened */
	bool slave_was_open;       /* [l] */
	uint8_t bytes[PIPE_BYTES]; /* [l] ring: the slave's output */
	uint32_t head, tail;       /* [l] */
	struct wait_queue readers; /* of the master */
};

static struct mutex table_lock = MUTEX_INIT("ptys", LOCK_LEAF);
static struct pty *pairs[MAX_PTYS];
static struct file_ops slave_ops;

/* ---- the slave's device ---- */

static size_t pty_output(struct tty *tty, const uint8_t *bytes, size_t len)
{
	struct pty *pty = tty->private;
	size_t done = 0;

	mutex_lock(&tty->lock);
	if (pty->slave.device_closed)
		done = len;
	while (done < len && pty->tail - pty->head < PIPE_BYTES)
		pty->bytes[pty->tail++ % PIPE_BYTES] = bytes[done++];
	mutex_unlock(&tty->lock);
	if (done)
		wait_queue_wake_all(&pty->readers);
	return done;
}

static void pty_free(struct tty *tty)
{
	struct pty *pty = tty->private;

	mutex_lock(&table_lock);
	pairs[pty->index] = NULL;
	mutex_unlock(&table_lock);
	free(pty);
}

static const struct tty_device_ops pty_ops = { .write = pty_output, .free = pty_free };

static struct pty *pty_find(unsigned index)
{
	mutex_lock(&table_lock);
	struct pty *pty = index < MAX_PTYS ? pairs[index] : NULL;
	if (pty && pty->slave.device_closed)
		pty = NULL;
	if (pty)
		tty_get(&pty->slave);
	mutex_unlock(&table_lock);
	return pty;
}

static int slave_open(struct inode *inode, struct file *file)
{
	struct pty *pty = pty_find((inode->rdev & 0xff) | (inode->rdev >> 12 & 0xfff00));

	if (!pty)
		return -ENXIO;
	if (pty->locked) {
		tty_put(&pty->slave);
		return -EIO;
	}
	int error = tty_file_open(&pty->slave, file, TTY_OPEN_LINE);
	if (!error)
		pty->slave_was_open = true;
	return error;
}

static void slave_release(struct file *file)
{
	struct tty *tty = tty_of(file);

	if (!tty)
		return;
	struct pty *pty = tty->private;
	tty_get(tty);
	tty_file_ops.release(file);
	wait_queue_wake_all(&pty->readers); /* the master may see the end */
	tty_put(tty);
}

/* ---- the master ---- */

static bool slave_gone(const struct pty *pty)
{
	return pty->slave_was_open && !atomic_load(&pty->slave.nr_open);
}

static bool master_readable(const struct pty *pty)
{
	return pty->head != pty->tail || slave_gone(pty);
}

static size_t master_take(struct pty *pty, uint8_t *buffer, size_t size)
{
	size_t len = 0;

	mutex_lock(&pty->slave.lock);
	while (len < size && pty->head != pty->tail)
		buffer[len++] = pty->bytes[pty->head++ % PIPE_BYTES];
	mutex_unlock(&pty->slave.lock);
	return len;
}

static long master_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct pty *pty = file->private;
	uint8_t buffer[512];
	size_t len;

	(void)pos;
	if (!iter->count)
		return 0;
	while (!(len = master_take(pty, buffer, MIN(iter->count, sizeof(buffer))))) {
		if (slave_gone(pty))
			return -EIO;
		if (atomic_load(&file->flags) & LINUX_O_NONBLOCK)
			return -EAGAIN;
		long error = wait_event(&pty->readers, master_readable(pty));
		if (error)
			return error;
	}
	tty_carry(&pty->slave); /* there is room again */
	return iter_copy_out(iter, buffer, len) == len ? (long)len : -EFAULT;
}

static long master_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct pty *pty = file->private;
	uint8_t buffer[TTY_RECEIVE_BYTES];
	long done = 0;

	(void)pos;
	while (iter->count) {
		if (!tty_input_room(&pty->slave) && atomic_load(&file->flags) & LINUX_O_NONBLOCK)
			return done ? done : -EAGAIN;
		long error = wait_event(&pty->slave.senders, tty_input_room(&pty->slave));
		if (error)
			return done ? done : error;
		size_t len = iter_copy_in(iter, buffer, MIN(iter->count, sizeof(buffer)));
		if (!len)
			return done ? done : -EFAULT;
		tty_receive(&pty->slave, buffer, len);
		done += (long)len;
	}
	return done;
}

static uint32_t master_poll(struct file *file, struct poll_table *table)
{
	struct pty *pty = file->private;
	uint32_t events = 0;

	poll_wait(table, &pty->readers);
	poll_wait(table, &pty->slave.senders);
	if (tty_input_room(&pty->slave))
		events |= LINUX_POLLOUT | LINUX_POLLWRNORM;
	if (pty->head != pty->tail)
		events |= LINUX_POLLIN | LINUX_POLLRDNORM;
	if (slave_gone(pty))
		events |= LINUX_POLLHUP;
	return events;
}

static long lock_set(struct pty *pty, uint64_t argument)
{
	uint32_t locked;

	if (get_user_u32(argument, &locked))
		return -EFAULT;
	pty->locked = locked;
	return 0;
}

static long master_ioctl(struct file *file, unsigned request, uint64_t argument)
{
	struct pty *pty = file->private;

	switch (request) {
	case LINUX_TIOCGPTN:
		return put_user_u32(argument, pty->index);
	case LINUX_TIOCSPTLCK:
		return lock_set(pty, argument);
	case LINUX_FIONREAD:
		return put_user_u32(argument, pty->tail - pty->head);
	}
	/* settings and window size are the terminal's, whichever side asks */
	return tty_request(&pty->slave, request, argument, file_readable(file));
}

static void master_release(struct file *file)
{
	struct pty *pty = file->private;

	if (!pty)
		return;
	mutex_lock(&pty->slave.lock);
	pty->slave.device_closed = true;
	mutex_unlock(&pty->slave.lock);
	device_unregister_char(PTS_MAJOR, pty->index);
	tty_hangup(&pty->slave);
	tty_put(&pty->slave);
}

/* ---- the pair ---- */

static void pty_init(struct pty *pty, unsigned index)
{
	char name[16];

	snprintf(name, sizeof(name), "pts/%u", index);
	tty_init(&pty->slave, &pty_ops, name, PTS_MAJOR << 8 | index);
	pty->slave.private = pty;
	pty->index = index;
	pty->locked = true;
	wait_queue_init(&pty->readers);
}

/* Under a free number, whose node may be there already (mknod, an old O_PATH): it is whole when it is found. */
static int pty_publish(struct pty *pty)
{
	int error = -ENOSPC;

	mutex_lock(&table_lock);
	for (unsigned i = 0; i < MAX_PTYS && error; i++) {
		if (pairs[i])
			continue;
		pty_init(pty, i);
		pairs[i] = pty;
		error = 0;
	}
	mutex_unlock(&table_lock);
	return error;
}

static int ptmx_open(struct inode *inode, struct file *file)
{
	struct pty *pty = calloc(1, sizeof(*pty));

	(void)inode;
	if (!pty)
		return -ENOMEM;
	int error = pty_publish(pty);
	if (error) {
		free(pty);
		return error;
	}
	error = device_register_char(PTS_MAJOR, pty->index, pty->slave.name, 0620, &slave_ops);
	if (error) {
		tty_put(&pty->slave);
		return error;
	}
	file->private = pty;
	return 0;
}

static const struct file_ops master_ops = {
	.open = ptmx_open,
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

void pty_start(void)
{
	slave_ops = tty_file_ops;
	slave_ops.open = slave_open;
	slave_ops.release = slave_release;
	device_register_char(TTYAUX_MAJOR, 2, "ptmx", 0666, &master_ops);
}
