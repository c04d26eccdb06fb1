/* SPDX-License-Identifier: MIT */
/* System calls that move bytes: the read and write families, lseek. */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "syscall.h"
#include "usercopy.h"

/* One piece: the common case, without copying an iovec. */
static inline long iter_user(struct io_iter *iter, uint64_t base, uint64_t len)
{
	if (unlikely(!user_range_ok(base, len)))
		return -EFAULT;
	if (len > LINUX_MAX_RW_COUNT)
		len = LINUX_MAX_RW_COUNT;
	iter_init_user(iter, base, len);
	return 0;
}

long sys_read(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	struct io_iter iter;
	long result;

	if (unlikely(!ref.file))
		return -EBADF;
	result = file_readable(ref.file) ? iter_user(&iter, (uint64_t)a1, (uint64_t)a2) : -EBADF;
	if (likely(!result))
		result = file_read(ref.file, &iter);
	fd_put(ref);
	return result;
}

long sys_write(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	struct io_iter iter;
	long result;

	if (unlikely(!ref.file))
		return -EBADF;
	result = file_writable(ref.file) ? iter_user(&iter, (uint64_t)a1, (uint64_t)a2) : -EBADF;
	if (likely(!result))
		result = file_write(ref.file, &iter);
	fd_put(ref);
	return result;
}

static bool file_has_position(const struct file *file)
{
	return !(file->mode & FILE_STREAM);
}

static long positioned_call(int fd, uint64_t user, uint64_t count, int64_t pos, bool write)
{
	struct fd_ref ref;
	struct io_iter iter;
	long result;

	if (pos < 0)
		return -EINVAL;
	ref = fd_get(fd);
	if (!ref.file)
		return -EBADF;
	result = file_has_position(ref.file) ? iter_user(&iter, user, count) : -ESPIPE;
	if (!result)
		result = write ? file_write_iter(ref.file, &iter, &pos) : file_read_iter(ref.file, &iter, &pos);
	fd_put(ref);
	return result;
}

long sys_pread64(SYSCALL_ARGS)
{
	return positioned_call((int)a0, (uint64_t)a1, (uint64_t)a2, a3, false);
}

long sys_pwrite64(SYSCALL_ARGS)
{
	return positioned_call((int)a0, (uint64_t)a1, (uint64_t)a2, a3, true);
}

/* ---- many pieces ---- */

#define VECTOR_INLINE 8

struct vector {
	struct linux_iovec few[VECTOR_INLINE];
	struct linux_iovec *pieces;
	struct io_iter iter;
};

static void vector_fini(struct vector *vector)
{
	if (vector->pieces != vector->few)
		free(vector->pieces);
}

static long vector_check(struct vector *vector, unsigned count)
{
	size_t total = 0;

	for (unsigned i = 0; i < count; i++) {
		struct linux_iovec *piece = &vector->pieces[i];

		if ((int64_t)piece->iov_len < 0)
			return -EINVAL;
		if (!user_range_ok(piece->iov_base, piece->iov_len))
			return -EFAULT;
		if (piece->iov_len > LINUX_MAX_RW_COUNT - total)
			piece->iov_len = LINUX_MAX_RW_COUNT - total;
		total += piece->iov_len;
	}
	vector->iter = (struct io_iter){ .count = total, .next = vector->pieces, .nr_next = count };
	while (!vector->iter.len && vector->iter.nr_next) {
		vector->iter.base = vector->iter.next->iov_base;
		vector->iter.len = vector->iter.next->iov_len;
		vector->iter.next++;
		vector->iter.nr_next--;
	}
	return 0;
}

static long vector_init(struct vector *vector, uint64_t user, uint64_t count)
{
	long error;

	vector->pieces = vector->few;
	if (count > LINUX_UIO_MAXIOV)
		return -EINVAL;
	if (count > VECTOR_INLINE) {
		vector->pieces = malloc(count * sizeof(*vector->pieces));
		if (!vector->pieces)
			return -ENOMEM;
	}
	error = copy_from_user(vector->pieces, user, count * sizeof(*vector->pieces));
	if (!error)
		error = vector_check(vector, (unsigned)count);
	if (error)
		vector_fini(vector);
	return error;
}

/* Moves the pieces; pos null: at the file's own position. */
static long vector_transfer(struct file *file, struct io_iter *iter, int64_t *pos, bool write)
{
	if (write)
		return pos ? file_write_iter(file, iter, pos) : file_write(file, iter);
	return pos ? file_read_iter(file, iter, pos) : file_read(file, iter);
}

/* flags: LINUX_RWF_*; the sync flags are for writes, as if the file had O_DSYNC or O_SYNC. */
static long vector_call(int fd, uint64_t user, uint64_t count, int64_t *pos, bool write, int flags)
{
	struct fd_ref ref = fd_get(fd);
	struct vector vector;
	long result;

	if (!ref.file)
		return -EBADF;
	if (!(write ? file_writable(ref.file) : file_readable(ref.file)))
		result = -EBADF;
	else if (pos && !file_has_position(ref.file))
		result = -ESPIPE;
	else
		result = vector_init(&vector, user, count);
	if (!result) {
		result = vector_transfer(ref.file, &vector.iter, pos, write);
		vector_fini(&vector);
	}
	if (result > 0 && write && (flags & (LINUX_RWF_DSYNC | LINUX_RWF_SYNC))) {
		int error = file_sync_written(ref.file, !(flags & LINUX_RWF_SYNC));

		result = error ? error : result;
	}
	fd_put(ref);
	return result;
}

long sys_readv(SYSCALL_ARGS)
{
	return vector_call((int)a0, (uint64_t)a1, (uint64_t)a2, NULL, false, 0);
}

long sys_writev(SYSCALL_ARGS)
{
	return vector_call((int)a0, (uint64_t)a1, (uint64_t)a2, NULL, true, 0);
}

long sys_preadv(SYSCALL_ARGS)
{
	int64_t pos = a3;

	return pos < 0 ? -EINVAL : vector_call((int)a0, (uint64_t)a1, (uint64_t)a2, &pos, false, 0);
}

long sys_pwritev(SYSCALL_ARGS)
{
	int64_t pos = a3;

	return pos < 0 ? -EINVAL : vector_call((int)a0, (uint64_t)a1, (uint64_t)a2, &pos, true, 0);
}

/* RWF_HIPRI is harmless; flags that are not here would change the meaning. */
#define RWF_KNOWN (LINUX_RWF_HIPRI | LINUX_RWF_DSYNC | LINUX_RWF_SYNC)

/* Position -1: the file's own. */
static long vector_call_flags(int fd, uint64_t user, uint64_t count, int64_t pos, int flags, bool write)
{
	if (flags & ~RWF_KNOWN)
		return -EOPNOTSUPP;
	if (pos < -1)
		return -EINVAL;
	return vector_call(fd, user, count, pos == -1 ? NULL : &pos, write, flags);
}

long sys_preadv2(SYSCALL_ARGS)
{
	return vector_call_flags((int)a0, (uint64_t)a1, (uint64_t)a2, a3, (int)a5, false);
}

long sys_pwritev2(SYSCALL_ARGS)
{
	return vector_call_flags((int)a0, (uint64_t)a1, (uint64_t)a2, a3, (int)a5, true);
}

long sys_lseek(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get((int)a0);
	long result = ref.file ? file_seek(ref.file, a1, (int)a2) : -EBADF;

	fd_put(ref);
	return result;
}
