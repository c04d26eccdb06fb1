/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs.
 *
 * A pipe is a ring and two counts of open ends.  Its lock is held over copies to and from applications: a
 * fault there takes only locks that come after it.  The memory of the ring is allocated at the first
 * write.  Readers sleep while the ring is empty and there are writers, writers while there is no room (for
 * all of a write up to PIPE_BUF bytes, which must not be torn) and there are readers.
 *
 * A FIFO's pipe belongs to the inode and lives from the first open to the last close.
 */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/termios.h"
#include "lockrank.h"
#include "pipe.h"
#include "poll.h"
#include "process.h"
#include "ring.h"
#include "syscall.h"
#include "user.h"
#include "usercopy.h"

/* [l] lock; the counts may be read without it */
struct pipe {
	struct mutex lock;
	struct ring ring;                            /* [l] */
	size_t size;                                 /* [l] of the ring, also before it is there; charged to */
	uint32_t uid;                                /* [I] the user who made it */
	_Atomic unsigned readers, writers;           /* [l] open ends */
	_Atomic unsigned reader_opens, writer_opens; /* [l] ever: FIFO opens wait for a change */
	unsigned files;                              /* [l] of all open ends */
	_Atomic size_t used;                         /* [l] bytes in the ring, for the waits' conditions */
	struct wait_queue read_wait;                 /* something to read, or no writers */
	struct wait_queue write_wait;                /* room, or no readers */
};

/* How much capacity the caller's pipes may have together. */
static uint64_t pipes_limit(void)
{
	return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN) ? UINT64_MAX : user_pipes_limit();
}

/* As on Linux, who has a lot of pipes still gets more, but small ones. */
static bool pipe_charge(struct pipe *pipe)
{
	pipe->uid = current->cred->uid;
	pipe->size = PIPE_DEFAULT_BYTES;
	if (user_pipes_charge(pipe->uid, pipe->size, pipes_limit()))
		return true;
	pipe->size = PIPE_SMALL_BYTES;
	return user_pipes_charge(pipe->uid, pipe->size, UINT64_MAX);
}

static struct pipe *pipe_alloc(void)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));

	if (!pipe)
		return NULL;
	if (!pipe_charge(pipe)) {
		free(pipe);
		return NULL;
	}
	mutex_init(&pipe->lock, "pipe", LOCK_PIPE);
	wait_queue_init(&pipe->read_wait);
	wait_queue_init(&pipe->write_wait);
	return pipe;
}

static void pipe_free(struct pipe *pipe)
{
	user_pipes_uncharge(pipe->uid, pipe->size);
	ring_fini(&pipe->ring);
	free(pipe);
}

static inline bool file_nonblocking(const struct file *file)
{
	return atomic_load_explicit(&file->flags, memory_order_relaxed) & LINUX_O_NONBLOCK;
}

/* ---- reading ---- */

static long pipe_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct pipe *pipe = file->private;
	long result;

	(void)pos;
	if (!iter->count)
		return 0;
	for (;;) {
		mutex_lock(&pipe->lock);
		if (pipe->used) {
			result = (long)ring_read(&pipe->ring, iter, iter->count);
			pipe->used = ring_used(&pipe->ring);
			mutex_unlock(&pipe->lock);
			break;
		}
		result = pipe->writers ? -EAGAIN : 0;
		mutex_unlock(&pipe->lock);
		if (!result || file_nonblocking(file))
			return result;
		result = wait_event(&pipe->read_wait, pipe->used || !pipe->writers);
		if (result)
			return result;
	}
	wait_queue_wake_all(&pipe->write_wait);
	return result ? result : -EFAULT;
}

/* ---- writing ---- */

/* Room that a write needs at least: all of it up to PIPE_BUF, so that it isn't torn, else any. */
static inline size_t pipe_need(size_t count)
{
	return count <= LINUX_PIPE_BUF ? count : 1;
}

static bool pipe_has_room(const struct pipe *pipe, size_t need)
{
	return pipe->size - pipe->used >= need;
}

/* As much as there is room for: bytes, -EAGAIN, -EPIPE, -EFAULT, -ENOMEM. */
static long pipe_write_some(struct pipe *pipe, struct io_iter *iter, size_t need)
{
	long result;

	mutex_lock(&pipe->lock);
	if (!pipe->readers) {
		result = -EPIPE;
	} else if (!pipe_has_room(pipe, need)) {
		result = -EAGAIN;
	} else if (!pipe->ring.size && ring_init(&pipe->ring, pipe->size)) {
		result = -ENOMEM;
	} else {
		result = ring_write(&pipe->ring, iter, iter->count);
		pipe->used = ring_used(&pipe->ring);
		if (!result)
			result = -EFAULT;
	}
	mutex_unlock(&pipe->lock);
	return result;
}

static long pipe_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct pipe *pipe = file->private;
	size_t need = pipe_need(iter->count);
	long done = 0, result = 0;

	(void)pos;
	while (iter->count) {
		result = pipe_write_some(pipe, iter, need);
		if (result > 0) {
			done += result;
			wait_queue_wake_all(&pipe->read_wait);
			need = 1;
			continue;
		}
		if (result != -EAGAIN || file_nonblocking(file))
			break;
		result = wait_event(&pipe->write_wait, pipe_has_room(pipe, need) || !pipe->readers);
		if (result)
			break;
	}
	if (result == -EPIPE)
		signal_send_self(LINUX_SIGPIPE);
	return done ? done : result;
}

/* ---- the rest ---- */

static uint32_t pipe_poll(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = file->private;
	uint32_t events = 0;

	if (file_readable(file)) {
		poll_wait(table, &pipe->read_wait);
		if (pipe->used)
			events |= LINUX_POLLIN | LINUX_POLLRDNORM;
		if (!pipe->writers && pipe->writer_opens)
			events |= LINUX_POLLHUP;
	}
	if (file_writable(file)) {
		poll_wait(table, &pipe->write_wait);
		if (pipe_has_room(pipe, LINUX_PIPE_BUF))
			events |= LINUX_POLLOUT | LINUX_POLLWRNORM;
		if (!pipe->readers)
			events |= LINUX_POLLERR;
	}
	return events;
}

static long pipe_ioctl(struct file *file, unsigned request, uint64_t argument)
{
	struct pipe *pipe = file->private;

	if (request != LINUX_FIONREAD)
		return -ENOTTY;
	return put_user_u32(argument, (uint32_t)pipe->used);
}

/* One more end; the lock is held. */
static void pipe_open_end(struct pipe *pipe, const struct file *file)
{
	pipe->files++;
	if (file_readable(file)) {
		pipe->readers++;
		pipe->reader_opens++;
	}
	if (file_writable(file)) {
		pipe->writers++;
		pipe->writer_opens++;
	}
}

/* One less; whether it was the last. */
static bool pipe_close_end(struct pipe *pipe, const struct file *file)
{
	bool last;

	mutex_lock(&pipe->lock);
	if (file_readable(file))
		pipe->readers--;
	if (file_writable(file))
		pipe->writers--;
	last = --pipe->files == 0;
	mutex_unlock(&pipe->lock);
	wait_queue_wake_all(&pipe->read_wait);
	wait_queue_wake_all(&pipe->write_wait);
	return last;
}

/* The inode's lock guards inode->private against an open at the same time. */
static void pipe_release(struct file *file)
{
	struct inode *inode = file->inode;
	struct pipe *pipe = file->private;

	mutex_lock(&inode->lock);
	if (pipe_close_end(pipe, file)) {
		inode->private = NULL;
		pipe_free(pipe);
	}
	mutex_unlock(&inode->lock);
}

static const struct file_ops pipe_file_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};

/* ---- opening by name ---- */

/* What the other side was when an end joined it. */
struct pipe_partner {
	bool required; /* set by the caller: who finds no reader does not join, so that no reader meets it */
	bool there;
	unsigned opens; /* so far; the ends that come later are the difference */
};

/* This file's end is counted in the inode's pipe, and its partner noted as it is now.  inode->lock is held. */
static int pipe_join(struct inode *inode, struct file *file, struct pipe_partner *partner)
{
	struct pipe *pipe = inode->private;

	if (partner->required && !(pipe && pipe->readers))
		return -ENXIO;
	if (!pipe)
		pipe = inode->private = pipe_alloc();
	if (!pipe)
		return -ENOMEM;
	mutex_lock(&pipe->lock);
	partner->there = file_readable(file) ? pipe->writers : pipe->readers;
	partner->opens = file_readable(file) ? pipe->writer_opens : pipe->reader_opens;
	pipe_open_end(pipe, file);
	mutex_unlock(&pipe->lock);
	file->private = pipe;
	return 0;
}

/* The file becomes one more end of the inode's pipe. */
static int pipe_open(struct inode *inode, struct file *file, struct pipe_partner *partner)
{
	mutex_lock(&inode->lock);
	int error = pipe_join(inode, file, partner);
	mutex_unlock(&inode->lock);
	if (error)
		return error;
	struct pipe *pipe = file->private;
	file->mode |= FILE_STREAM;
	file->ops = &pipe_file_ops;
	wait_queue_wake_all(&pipe->read_wait);
	wait_queue_wake_all(&pipe->write_wait);
	return 0;
}

/* Through /proc/PID/fd: whether there is another end is known already, so nobody waits for one. */
static int pipe_reopen(struct inode *inode, struct file *file)
{
	struct pipe_partner partner = { .required = false };

	return pipe_open(inode, file, &partner);
}

static const struct file_ops pipe_inode_ops = { .open = pipe_reopen };

/* ---- creation ---- */

static struct file *pipe_file(struct inode *inode, struct pipe *pipe, int flags, unsigned mode)
{
	struct file *file =
		file_create_anonymous(inode_get(inode), &pipe_file_ops, flags, mode | FILE_STREAM, "pipe");

	if (file) {
		file->private = pipe;
		pipe_open_end(pipe, file);
	}
	return file;
}

static int pipe_create_ends(struct inode *inode, struct pipe *pipe, struct file *ends[2], int flags)
{
	ends[0] = pipe_file(inode, pipe, flags | LINUX_O_RDONLY, FILE_READ);
	if (!ends[0])
		return -ENOMEM;
	ends[1] = pipe_file(inode, pipe, flags | LINUX_O_WRONLY, FILE_WRITE);
	return ends[1] ? 0 : -ENOMEM;
}

int pipe_create(struct file *ends[2], int flags)
{
	struct inode *inode = inode_create_anonymous(LINUX_S_IFIFO | 0600);
	struct pipe *pipe = pipe_alloc();
	int error = -ENOMEM;

	ends[0] = ends[1] = NULL;
	if (inode && pipe) {
		inode->private = pipe;
		inode->file_ops = &pipe_inode_ops;
		error = pipe_create_ends(inode, pipe, ends, flags);
	}
	if (error && ends[0])
		file_put(ends[0]); /* frees the pipe */
	else if (error && pipe)
		pipe_free(pipe);
	inode_put(inode);
	return error;
}

/* ---- FIFOs ---- */

/*
 * POSIX: a reader waits for a writer and the other way round.  A partner that waits in its own open() is
 * there: it may write, close and be gone before this thread runs again, so what was there counts from the
 * moment of joining.
 */
static long fifo_wait_partner(struct pipe *pipe, struct file *file, const struct pipe_partner *partner)
{
	if ((file_readable(file) && file_writable(file)) || file_nonblocking(file) || partner->there)
		return 0;
	if (file_readable(file))
		return wait_event(&pipe->read_wait, pipe->writer_opens != partner->opens);
	return wait_event(&pipe->write_wait, pipe->reader_opens != partner->opens);
}

/* POSIX open(): O_NONBLOCK writers get ENXIO where there is no reader. */
static int fifo_open(struct inode *inode, struct file *file)
{
	struct pipe_partner partner = { .required = file_nonblocking(file) && !file_readable(file) };
	long error = pipe_open(inode, file, &partner);

	if (error)
		return (int)error;
	error = fifo_wait_partner(file->private, file, &partner);
	if (error)
		pipe_release(file);
	return (int)error;
}

const struct file_ops fifo_file_ops = { .open = fifo_open };

/* ---- size ---- */

long pipe_get_size(struct file *file)
{
	return file->ops == &pipe_file_ops ? (long)((struct pipe *)file->private)->size : -EBADF;
}

/* The difference of capacity is charged before, or given back after. */
static int pipe_resize_locked(struct pipe *pipe, size_t size)
{
	size_t old = pipe->size;
	int error = 0;

	if (size > old && !user_pipes_charge(pipe->uid, size - old, pipes_limit()))
		return -EPERM;
	if (pipe->ring.size)
		error = ring_resize(&pipe->ring, size);
	if (!error)
		pipe->size = size;
	if (error && size > old)
		user_pipes_uncharge(pipe->uid, size - old);
	else if (!error && size < old)
		user_pipes_uncharge(pipe->uid, old - size);
	return error;
}

long pipe_set_size(struct file *file, unsigned long bytes)
{
	struct pipe *pipe = file->private;
	size_t size = LINUX_PIPE_BUF;
	int error;

	if (file->ops != &pipe_file_ops)
		return -EBADF;
	if (bytes > (1ul << 31))
		return -EINVAL;
	while (size < bytes)
		size *= 2;
	if (size > PIPE_MAX_BYTES && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	mutex_lock(&pipe->lock);
	error = pipe_resize_locked(pipe, size);
	mutex_unlock(&pipe->lock);
	if (!error)
		wait_queue_wake_all(&pipe->write_wait);
	return error ? error : (long)size;
}

/* ---- system calls ---- */

static long pipe_install(struct file *ends[2], uint64_t user, bool close_on_exec)
{
	int fds[2];

	fds[0] = fd_reserve(close_on_exec);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = fd_reserve(close_on_exec);
	if (fds[1] < 0) {
		fd_release_reserved(fds[0]);
		return fds[1];
	}
	if (copy_to_user(user, fds, sizeof(fds))) {
		fd_release_reserved(fds[0]);
		fd_release_reserved(fds[1]);
		return -EFAULT;
	}
	fd_fill(fds[0], ends[0]);
	fd_fill(fds[1], ends[1]);
	return 0;
}

static long pipe_call(uint64_t user, int flags)
{
	struct file *ends[2];
	long error;

	if (flags & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK))
		return -EINVAL;
	error = pipe_create(ends, flags & LINUX_O_NONBLOCK);
	if (error)
		return error;
	error = pipe_install(ends, user, flags & LINUX_O_CLOEXEC);
	if (error) {
		file_put(ends[0]);
		file_put(ends[1]);
	}
	return error;
}

long sys_pipe(SYSCALL_ARGS)
{
	return pipe_call((uint64_t)a0, 0);
}

long sys_pipe2(SYSCALL_ARGS)
{
	return pipe_call((uint64_t)a0, (int)a1);
}
