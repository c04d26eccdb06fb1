/* SPDX-License-Identifier: MIT */
/*
 * Open files: creation, the last reference, transfers.
 *
 * A transfer at the file's own position holds pos_lock, so that two processes that share the description
 * never write over each other; only the one thread that holds the only reference goes without.
 */
#include <quoin/runtime.h>

#include "dentry.h"
#include "epoll.h"
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "mount.h"
#include "poll.h"
#include "process.h"
#include "record_lock.h"
#include "rlimit.h"

static struct file *file_alloc(struct inode *inode, int flags, unsigned mode)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->inode = inode;
	file->ops = inode->file_ops;
	file->mode = mode;
	atomic_init(&file->refs, 1);
	atomic_init(&file->flags,
		    flags & ~(LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_CLOEXEC));
	mutex_init(&file->pos_lock, "file", LOCK_FILE);
	list_init(&file->epoll_links);
	return file;
}

static unsigned file_mode_of(int flags)
{
	if (flags & LINUX_O_PATH)
		return FILE_PATH;
	switch (flags & LINUX_O_ACCMODE) {
	case LINUX_O_RDONLY:
		return FILE_READ;
	case LINUX_O_WRONLY:
		return FILE_WRITE;
	case LINUX_O_RDWR:
		return FILE_READ | FILE_WRITE;
	default:
		return 0; /* Linux: neither, for ioctl only */
	}
}

struct file *file_create_anonymous(struct inode *inode, const struct file_ops *ops, int flags, unsigned mode,
				   const char *label)
{
	struct file *file = file_alloc(inode, flags, mode);

	if (!file) {
		inode_put(inode);
		return NULL;
	}
	file->ops = ops;
	file->label = label;
	return file;
}

static void file_free(struct file *file)
{
	if (file->mode & FILE_WRITER)
		inode_put_write(file->inode);
	if (file->mode & FILE_EXEC)
		inode_allow_write(file->inode);
	if (file->path.dentry)
		path_put(&file->path);
	inode_put(file->inode);
	free(file);
}

static const struct file_ops file_path_ops;

int file_create(const struct path *path, int flags, struct file **out)
{
	struct inode *inode = path_inode(path);
	struct file *file = file_alloc(inode, flags, file_mode_of(flags));
	int error = 0;

	if (!file)
		return -ENOMEM;
	file->path = *path;
	path_get(path);
	inode_get(inode);
	if (flags & LINUX_O_PATH) {
		file->ops = &file_path_ops;
		*out = file;
		return 0;
	}
	if (!file->ops)
		error = -ENXIO; /* an event counter and its kin, by way of /proc: there is only the one file */
	if (!error && file_writable(file) && inode_is_regular(inode)) {
		error = inode_get_write(inode);
		if (!error)
			file->mode |= FILE_WRITER;
	}
	if (!error && file->ops->open)
		error = file->ops->open(inode, file);
	if (error) {
		file_free(file);
		return error;
	}
	*out = file;
	return 0;
}

/*
 * A file without a name gets a dentry of its own for each who asks: enough to be opened again, or named,
 * through /proc/PID/fd.
 */
static int anonymous_path(struct file *file, struct path *out)
{
	struct dentry *dentry;
	char label[LINUX_NAME_MAX + sizeof(" (deleted)")];

	if (file->label && strncmp(file->label, "anon_inode:", 11) == 0)
		snprintf(label, sizeof(label), "%s", file->label);
	else if (file->label && file->label[0] == '/')
		snprintf(label, sizeof(label), "%s (deleted)", file->label);
	else
		snprintf(label, sizeof(label), "%s:[%lu]", file->label ? file->label : "file",
			 file->inode->ino);
	dentry = dentry_create_nameless(file->inode->sb, inode_get(file->inode), label);
	if (!dentry) {
		inode_put(file->inode);
		return -ENOMEM;
	}
	*out = (struct path){ mount_get(mount_nameless()), dentry };
	return 0;
}

int file_path(struct file *file, struct path *out)
{
	if (!file->path.mnt)
		return anonymous_path(file, out);
	*out = file->path;
	path_get(out);
	return 0;
}

struct file *file_get(struct file *file)
{
	atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
	return file;
}

void file_put(struct file *file)
{
	if (!file || atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (!list_empty(&file->epoll_links))
		epoll_file_gone(file);
	if (!(file->mode & FILE_PATH)) {
		record_locks_release_file(file);
		if (file->ops->release)
			file->ops->release(file);
	}
	file_free(file);
}

/* ---- transfers ---- */

long file_read_iter(struct file *file, struct io_iter *iter, int64_t *pos)
{
	long result;

	if (!file_readable(file))
		return -EBADF;
	if (!file->ops->read)
		return -EINVAL;
	if (!iter->count && inode_is_regular(file->inode))
		return 0;
	result = file->ops->read(file, iter, pos);
	return result;
}

/* RLIMIT_FSIZE: -EFBIG and a signal if a regular file may not reach beyond size. */
int file_limit_check(int64_t size)
{
	uint64_t limit = current ? rlimit_get(LINUX_RLIMIT_FSIZE) : LINUX_RLIM_INFINITY;

	if (limit == LINUX_RLIM_INFINITY || (uint64_t)size <= limit)
		return 0;
	signal_send_self(LINUX_SIGXFSZ);
	return -EFBIG;
}

/* What fits is written; a signal when not even one byte does. */
static long file_limit_size(struct file *file, struct io_iter *iter, int64_t pos)
{
	uint64_t limit;

	if (!current || !inode_is_regular(file->inode))
		return 0;
	limit = rlimit_get(LINUX_RLIMIT_FSIZE);
	if (limit == LINUX_RLIM_INFINITY)
		return 0;
	if (atomic_load(&file->flags) & LINUX_O_APPEND)
		pos = file->inode->size;
	if ((uint64_t)pos >= limit)
		return file_limit_check(pos + 1);
	if (iter->count > limit - pos) {
		iter->count = limit - pos;
		if (iter->len > iter->count)
			iter->len = iter->count;
	}
	return 0;
}

long file_write_iter(struct file *file, struct io_iter *iter, int64_t *pos)
{
	long result;

	if (!file_writable(file))
		return -EBADF;
	if (!file->ops->write)
		return -EINVAL;
	if (!iter->count && inode_is_regular(file->inode))
		return 0;
	result = file_limit_size(file, iter, *pos);
	if (result)
		return result;
	result = file->ops->write(file, iter, pos);
	if (result > 0 && (atomic_load_explicit(&file->flags, memory_order_relaxed) & LINUX_O_DSYNC)) {
		int error = file_sync_written(file, !(file->flags & (LINUX_O_SYNC & ~LINUX_O_DSYNC)));

		if (error)
			return error;
	}
	return result;
}

static inline bool file_pos_lock(struct file *file)
{
	if (atomic_load_explicit(&file->refs, memory_order_relaxed) == 1)
		return false;
	mutex_lock(&file->pos_lock);
	return true;
}

typedef long transfer(struct file *file, struct io_iter *iter, int64_t *pos);

static inline long file_transfer(struct file *file, struct io_iter *iter, transfer *move)
{
	int64_t pos = 0;
	bool locked;
	long result;

	if (file->mode & FILE_STREAM)
		return move(file, iter, &pos);
	locked = file_pos_lock(file);
	pos = file->pos;
	result = move(file, iter, &pos);
	file->pos = pos;
	if (locked)
		mutex_unlock(&file->pos_lock);
	return result;
}

long file_read(struct file *file, struct io_iter *iter)
{
	return file_transfer(file, iter, file_read_iter);
}

long file_write(struct file *file, struct io_iter *iter)
{
	return file_transfer(file, iter, file_write_iter);
}

long file_read_at(struct file *file, int64_t offset, void *buffer, size_t len)
{
	struct io_iter iter;

	iter_init_kernel(&iter, buffer, len);
	return file_read_iter(file, &iter, &offset);
}

long file_write_at(struct file *file, int64_t offset, const void *buffer, size_t len)
{
	struct io_iter iter;

	iter_init_kernel(&iter, (void *)(uintptr_t)buffer, len);
	return file_write_iter(file, &iter, &offset);
}

uint32_t file_poll(struct file *file, struct poll_table *table)
{
	if (file->mode & FILE_PATH)
		return LINUX_POLLNVAL;
	if (!file->ops->poll)
		return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
	return file->ops->poll(file, table);
}

int file_sync(struct file *file, bool data_only)
{
	if (!file->ops->fsync)
		return -EINVAL;
	return file->ops->fsync(file, data_only);
}

int file_sync_written(struct file *file, bool data_only)
{
	return file->ops->fsync ? file->ops->fsync(file, data_only) : 0;
}

/* ---- position ---- */

int64_t file_seek_size(struct file *file, int64_t offset, int whence, int64_t size)
{
	int64_t base = 0;

	switch (whence) {
	case LINUX_SEEK_SET:
		break;
	case LINUX_SEEK_CUR:
		base = file->pos;
		break;
	case LINUX_SEEK_END:
		base = size;
		break;
	case LINUX_SEEK_DATA:
	case LINUX_SEEK_HOLE:
		if (offset < 0 || offset >= size)
			return -ENXIO;
		return file->pos = whence == LINUX_SEEK_DATA ? offset : size;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &offset))
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	return file->pos = offset;
}

int64_t file_seek(struct file *file, int64_t offset, int whence)
{
	bool locked;
	int64_t result;

	if ((file->mode & FILE_STREAM) || !file->ops->llseek)
		return -ESPIPE;
	locked = file_pos_lock(file);
	result = file->ops->llseek(file, offset, whence);
	if (locked)
		mutex_unlock(&file->pos_lock);
	return result;
}
