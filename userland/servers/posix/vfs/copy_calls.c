/* SPDX-License-Identifier: MIT */
/* Copies inside the server (sendfile, copy_file_range), and making files durable or longer. */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "mount.h"
#include "namei.h"
#include "pagecache.h"
#include "process.h"
#include "signal.h"
#include "syscall.h"
#include "usercopy.h"

#define COPY_CHUNK 16384

struct copy {
	struct file *in, *out;
	int64_t *in_pos, *out_pos; /* NULL: the file's own position */
	char *buffer;
};

static long copy_transfer(struct file *file, void *buffer, size_t len, int64_t *pos, bool write)
{
	struct io_iter iter;

	iter_init_kernel(&iter, buffer, len);
	if (write)
		return pos ? file_write_iter(file, &iter, pos) : file_write(file, &iter);
	return pos ? file_read_iter(file, &iter, pos) : file_read(file, &iter);
}

/* What was read but could not be written goes back: the reader's position is moved. */
static void copy_give_back(struct copy *copy, int64_t bytes)
{
	if (copy->in_pos)
		*copy->in_pos -= bytes;
	else
		file_seek(copy->in, -bytes, LINUX_SEEK_CUR);
}

static long copy_chunk(struct copy *copy, size_t len)
{
	long got = copy_transfer(copy->in, copy->buffer, len, copy->in_pos, false), put;

	if (got <= 0)
		return got;
	put = copy_transfer(copy->out, copy->buffer, (size_t)got, copy->out_pos, true);
	if (put < got)
		copy_give_back(copy, got - (put > 0 ? put : 0));
	return put;
}

static long copy_run(struct copy *copy, uint64_t len)
{
	uint64_t done = 0;
	long step = 0;

	copy->buffer = malloc(COPY_CHUNK);
	if (!copy->buffer)
		return -ENOMEM;
	while (done < len) {
		size_t chunk = len - done < COPY_CHUNK ? len - done : COPY_CHUNK;

		step = copy_chunk(copy, chunk);
		if (step <= 0)
			break;
		done += (uint64_t)step;
		if ((size_t)step < chunk || signal_pending())
			break;
	}
	free(copy->buffer);
	return done ? (long)done : step;
}

/* An optional offset in user memory. */
static long offset_get(uint64_t user, int64_t *value, int64_t **pos)
{
	long error;

	*pos = NULL;
	if (!user)
		return 0;
	error = get_user_u64(user, (uint64_t *)value);
	if (!error && *value < 0)
		error = -EINVAL;
	*pos = value;
	return error;
}

static long offset_put(uint64_t user, int64_t value)
{
	return user ? put_user_u64(user, (uint64_t)value) : 0;
}

static long sendfile_files(struct file *in, struct file *out, uint64_t user_offset, uint64_t len)
{
	struct copy copy = { .in = in, .out = out };
	int64_t offset = 0;
	long result = offset_get(user_offset, &offset, &copy.in_pos);

	if (result)
		return result;
	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (in->mode & FILE_STREAM)
		return copy.in_pos ? -ESPIPE : -EINVAL;
	if (atomic_load(&out->flags) & LINUX_O_APPEND)
		return -EINVAL;
	if (len > LINUX_MAX_RW_COUNT)
		len = LINUX_MAX_RW_COUNT;
	result = copy_run(&copy, len);
	if (result >= 0 && offset_put(user_offset, offset))
		result = -EFAULT;
	return result;
}

long sys_sendfile(SYSCALL_ARGS)
{
	struct fd_ref out = fd_get((int)a0), in = fd_get((int)a1);
	long result = -EBADF;

	if (in.file && out.file)
		result = sendfile_files(in.file, out.file, (uint64_t)a2, (uint64_t)a3);
	fd_put(out);
	fd_put(in);
	return result;
}

/* May *len bytes be copied? No more than there are to read count. */
static long copy_range_check(struct file *in, struct file *out, int64_t in_pos, int64_t out_pos, uint64_t *len)
{
	uint64_t left = in_pos < in->inode->size ? (uint64_t)(in->inode->size - in_pos) : 0;
	uint64_t from = (uint64_t)in_pos, to = (uint64_t)out_pos;

	if (inode_is_dir(in->inode) || inode_is_dir(out->inode))
		return -EISDIR;
	if (!inode_is_regular(in->inode) || !inode_is_regular(out->inode))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (atomic_load(&out->flags) & LINUX_O_APPEND))
		return -EBADF;
	if (from + *len < from || to + *len < to)
		return -EOVERFLOW;
	*len = MIN(*len, MIN(left, (uint64_t)LINUX_MAX_RW_COUNT));
	return in->inode == out->inode && from < to + *len && to < from + *len ? -EINVAL : 0;
}

static long copy_range_files(struct file *in, struct file *out, uint64_t user_in, uint64_t user_out,
			     uint64_t len)
{
	struct copy copy = { .in = in, .out = out };
	int64_t in_pos = in->pos, out_pos = out->pos;
	long result = offset_get(user_in, &in_pos, &copy.in_pos);

	if (!result)
		result = offset_get(user_out, &out_pos, &copy.out_pos);
	if (!result)
		result = copy_range_check(in, out, in_pos, out_pos, &len);
	if (result)
		return result;
	result = copy_run(&copy, len);
	if (result >= 0 && (offset_put(user_in, in_pos) || offset_put(user_out, out_pos)))
		result = -EFAULT;
	return result;
}

long sys_copy_file_range(SYSCALL_ARGS)
{
	struct fd_ref in, out;
	long result = -EBADF;

	if (a5)
		return -EINVAL;
	in = fd_get((int)a0);
	out = fd_get((int)a2);
	if (in.file && out.file)
		result = copy_range_files(in.file, out.file, (uint64_t)a1, (uint64_t)a3, (uint64_t)a4);
	fd_put(in);
	fd_put(out);
	return result;
}

/* ---- durability ---- */

static long fsync_call(int fd, bool data_only)
{
	struct fd_ref ref = fd_get(fd);
	long result = ref.file ? file_sync(ref.file, data_only) : -EBADF;

	fd_put(ref);
	return result;
}

long sys_fsync(SYSCALL_ARGS)
{
	return fsync_call((int)a0, false);
}

long sys_fdatasync(SYSCALL_ARGS)
{
	return fsync_call((int)a0, true);
}

long sys_sync(SYSCALL_ARGS)
{
	pagecache_sync(NULL);
	return 0;
}

long sys_syncfs(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = ref.file ? pagecache_sync(ref.file->inode->sb) : -EBADF;

	fd_put(ref);
	return result;
}

long sys_sync_file_range(SYSCALL_ARGS)
{
	struct fd_ref ref;
	int64_t end;
	long result;

	if (((unsigned)a3 & ~7u) || a1 < 0 || a2 < 0 || __builtin_add_overflow(a1, a2, &end))
		return -EINVAL;
	ref = fd_get((int)a0);
	if (!ref.file)
		result = -EBADF;
	else if (!inode_is_regular(ref.file->inode))
		result = -ESPIPE;
	else
		result = pagecache_flush(ref.file->inode, a1, a2 ? end : INT64_MAX);
	fd_put(ref);
	return result;
}

/* ---- space and advice ---- */

static long fallocate_file(struct file *file, int mode, int64_t offset, int64_t len)
{
	struct inode *inode = file->inode;
	int64_t end;

	if (!file_writable(file))
		return -EBADF;
	if (file->mode & FILE_STREAM)
		return -ESPIPE;
	if (inode_is_dir(inode))
		return -EISDIR;
	if (!inode_is_regular(inode))
		return -ENODEV;
	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(offset, len, &end))
		return -EFBIG;
	return inode_allocate(inode, mode, offset, len);
}

long sys_fallocate(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = ref.file ? fallocate_file(ref.file, (int)a1, a2, a3) : -EBADF;

	fd_put(ref);
	return result;
}

long sys_fadvise64(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = 0;

	if (!ref.file)
		return -EBADF;
	if (ref.file->mode & FILE_STREAM)
		result = -ESPIPE;
	else if ((unsigned)a3 > LINUX_POSIX_FADV_NOREUSE || a2 < 0)
		result = -EINVAL;
	else if ((unsigned)a3 == LINUX_POSIX_FADV_WILLNEED && inode_is_regular(ref.file->inode) && a1 >= 0)
		pagecache_prefetch(ref.file->inode, (uint64_t)a1,
				   a2 ? (uint64_t)a2 : (uint64_t)ref.file->inode->size);
	fd_put(ref);
	return result;
}

long sys_readahead(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = 0;

	if (!ref.file || !file_readable(ref.file))
		result = -EBADF;
	else if (!inode_is_regular(ref.file->inode) || a1 < 0)
		result = -EINVAL;
	else
		pagecache_prefetch(ref.file->inode, (uint64_t)a1, (uint64_t)a2);
	fd_put(ref);
	return result;
}
