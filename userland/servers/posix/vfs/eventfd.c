/* SPDX-License-Identifier: MIT */
/* eventfd: a counter that can be waited for. The smallest complete kind of file; copy this one. */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "lockrank.h"
#include "poll.h"
#include "syscall.h"

/* [l] lock */
struct eventfd {
	struct mutex lock;
	_Atomic uint64_t count; /* [l] */
	bool semaphore;         /* [I] reads take one at a time */
	struct wait_queue wait; /* the count changed */
};

static long eventfd_take(struct eventfd *event, uint64_t *value)
{
	long result = -EAGAIN;

	mutex_lock(&event->lock);
	if (event->count) {
		*value = event->semaphore ? 1 : event->count;
		event->count -= *value;
		result = 0;
	}
	mutex_unlock(&event->lock);
	return result;
}

static long eventfd_add(struct eventfd *event, uint64_t value)
{
	long result = -EAGAIN;

	mutex_lock(&event->lock);
	if (event->count < UINT64_MAX - value) {
		event->count += value;
		result = 0;
	}
	mutex_unlock(&event->lock);
	return result;
}

static bool eventfd_nonblocking(struct file *file)
{
	return atomic_load(&file->flags) & LINUX_O_NONBLOCK;
}

static long eventfd_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct eventfd *event = file->private;
	uint64_t value;
	long result;

	(void)pos;
	if (iter->count < sizeof(value))
		return -EINVAL;
	while ((result = eventfd_take(event, &value)) == -EAGAIN && !eventfd_nonblocking(file)) {
		result = wait_event(&event->wait, event->count);
		if (result)
			return result;
	}
	if (result)
		return result;
	wait_queue_wake_all(&event->wait);
	return iter_copy_out(iter, &value, sizeof(value)) == sizeof(value) ? (long)sizeof(value) : -EFAULT;
}

static long eventfd_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct eventfd *event = file->private;
	uint64_t value;
	long result;

	(void)pos;
	if (iter->count < sizeof(value))
		return -EINVAL;
	if (iter_copy_in(iter, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	while ((result = eventfd_add(event, value)) == -EAGAIN && !eventfd_nonblocking(file)) {
		result = wait_event(&event->wait, event->count < UINT64_MAX - value);
		if (result)
			return result;
	}
	if (result)
		return result;
	wait_queue_wake_all(&event->wait);
	return sizeof(value);
}

static uint32_t eventfd_poll(struct file *file, struct poll_table *table)
{
	struct eventfd *event = file->private;
	uint32_t events = 0;

	poll_wait(table, &event->wait);
	if (event->count)
		events |= LINUX_POLLIN;
	if (event->count < UINT64_MAX - 1)
		events |= LINUX_POLLOUT;
	return events;
}

static void eventfd_release(struct file *file)
{
	free(file->private);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

static long eventfd_create(unsigned count, int flags)
{
	struct eventfd *event;
	struct inode *inode;
	struct file *file;

	if (flags & ~(LINUX_EFD_SEMAPHORE | LINUX_EFD_NONBLOCK | LINUX_EFD_CLOEXEC))
		return -EINVAL;
	event = calloc(1, sizeof(*event));
	inode = event ? inode_create_anonymous(0600) : NULL;
	file = inode ? file_create_anonymous(inode, &eventfd_ops, LINUX_O_RDWR | (flags & LINUX_EFD_NONBLOCK),
					     FILE_READ | FILE_WRITE | FILE_STREAM, "anon_inode:[eventfd]")
		     : NULL;
	if (!file) {
		free(event);
		return -ENOMEM;
	}
	mutex_init(&event->lock, "eventfd", LOCK_PIPE);
	wait_queue_init(&event->wait);
	event->count = count;
	event->semaphore = flags & LINUX_EFD_SEMAPHORE;
	file->private = event;
	return fd_install(file, flags & LINUX_EFD_CLOEXEC);
}

long sys_eventfd(SYSCALL_ARGS)
{
	return eventfd_create((unsigned)a0, 0);
}

long sys_eventfd2(SYSCALL_ARGS)
{
	return eventfd_create((unsigned)a0, (int)a1);
}
