// SPDX-License-Identifier: MIT
/* The environment, wrapped; and what happens when a structure on the disk makes no sense. */
#include "ext4/internal.h"

void *mem_alloc(struct ext4_fs *fs, size_t len)
{
	return fs->env.alloc(fs->env.ctx, len);
}

void *mem_zalloc(struct ext4_fs *fs, size_t len)
{
	void *ptr = mem_alloc(fs, len);

	if (ptr)
		memset(ptr, 0, len);
	return ptr;
}

void mem_free(struct ext4_fs *fs, void *ptr)
{
	if (ptr)
		fs->env.free(fs->env.ctx, ptr);
}

void env_log(const struct ext4_env *env, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	env->log(env->ctx, fmt, ap);
	va_end(ap);
}

void fs_log(struct ext4_fs *fs, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fs->env.log(fs->env.ctx, fmt, ap);
	va_end(ap);
}

/*
 * Says what is wrong, and makes the file system read-only.  What is dirty in memory is never
 * written after this: it may be half of an operation.  Always returns -EUCLEAN.
 */
int fs_corrupt(struct ext4_fs *fs, const char *fmt, ...)
{
	va_list ap;

	if (!fs->failed)
		fs_log(fs, "corrupt file system; read-only from here on:");
	va_start(ap, fmt);
	fs->env.log(fs->env.ctx, fmt, ap);
	va_end(ap);
	fs->failed = true;
	return -EUCLEAN;
}

/* xorshift32: generations and hash seeds need variety, not secrecy */
uint32_t fs_random(struct ext4_fs *fs)
{
	uint32_t x = fs->random ? fs->random : 0x9e3779b9;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	fs->random = x;
	return x;
}

uint32_t fs_now(struct ext4_fs *fs)
{
	struct ext4_time now;

	fs->env.now(fs->env.ctx, &now);
	return (uint32_t)now.sec;
}
