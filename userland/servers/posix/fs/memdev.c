/* SPDX-License-Identifier: MIT */
/* Character devices of memory: null, zero, full, random, urandom, kmsg. */
#include <quoin/runtime.h>

#include "device.h"
#include "file.h"
#include "linux/errno.h"
#include "memdev.h"
#include "mm.h"
#include "poll.h"
#include "process.h"
#include "random.h"
#include "signal.h"

#define MEM_MAJOR 1
#define CHUNK     256

static long null_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	(void)iter;
	(void)pos;
	return 0;
}

static long null_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	*pos += (int64_t)iter->count;
	return (long)iter->count;
}

static int64_t mem_llseek(struct file *file, int64_t offset, int whence)
{
	(void)offset;
	(void)whence;
	return file->pos = 0;
}

static long zero_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	long done = 0;

	(void)file;
	(void)pos;
	while (iter->count) {
		size_t want = iter->count < 65536 ? iter->count : 65536, got = iter_zero_out(iter, want);

		done += (long)got;
		if (got < want)
			return done ? done : -EFAULT;
		if (signal_pending())
			break;
	}
	return done;
}

/* Mapping /dev/zero is anonymous memory; the file is not needed any more. */
static int zero_mmap(struct file *file, struct vma *vma)
{
	if (vma->flags & VMA_SHARED) {
		vma->memory = memory_create(vma->end - vma->start);
		if (!vma->memory)
			return -ENOMEM;
	}
	vma->file = NULL;
	vma->offset = 0;
	file_put(file);
	return 0;
}

static long full_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	(void)iter;
	(void)pos;
	return -ENOSPC;
}

static long random_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	uint8_t chunk[CHUNK];
	long done = 0;

	(void)file;
	(void)pos;
	while (iter->count && !(done && signal_pending())) {
		size_t want = iter->count < CHUNK ? iter->count : CHUNK, got;

		random_bytes(chunk, want);
		got = iter_copy_out(iter, chunk, want);
		done += (long)got;
		if (got < want)
			break;
	}
	memset(chunk, 0, sizeof(chunk));
	return done || !iter->count ? done : -EFAULT;
}

static long random_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	uint8_t chunk[CHUNK];
	long done = 0;

	(void)file;
	(void)pos;
	while (iter->count) {
		size_t got = iter_copy_in(iter, chunk, iter->count < CHUNK ? iter->count : CHUNK);

		if (!got)
			break;
		random_stir(chunk, got);
		done += (long)got;
	}
	return done || !iter->count ? done : -EFAULT;
}

/* What a program has to say to the log goes to the debug line; reading finds nothing. */
static long kmsg_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	char line[CHUNK];
	size_t len = iter->count, got;

	(void)file;
	(void)pos;
	if (!len)
		return 0;
	got = iter_copy_in(iter, line, len < CHUNK - 1 ? len : CHUNK - 1);
	if (!got)
		return -EFAULT;
	line[got] = '\0';
	if (line[got - 1] == '\n')
		line[got - 1] = '\0';
	log_printf("%s", line);
	return (long)len;
}

static long kmsg_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	(void)iter;
	(void)pos;
	return -EAGAIN;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .llseek = mem_llseek };
static const struct file_ops zero_ops = {
	.read = zero_read,
	.write = null_write,
	.llseek = mem_llseek,
	.mmap = zero_mmap,
};
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .llseek = mem_llseek };
static const struct file_ops random_ops = {
	.read = random_read,
	.write = random_write,
	.llseek = mem_llseek,
};
static const struct file_ops kmsg_ops = { .read = kmsg_read, .write = kmsg_write };

void memdev_init(void)
{
	device_register_char(MEM_MAJOR, 3, "null", 0666, &null_ops);
	device_register_char(MEM_MAJOR, 5, "zero", 0666, &zero_ops);
	device_register_char(MEM_MAJOR, 7, "full", 0666, &full_ops);
	device_register_char(MEM_MAJOR, 8, "random", 0666, &random_ops);
	device_register_char(MEM_MAJOR, 9, "urandom", 0666, &random_ops);
	device_register_char(MEM_MAJOR, 11, "kmsg", 0644, &kmsg_ops);
}
