/* SPDX-License-Identifier: MIT */
/*
 * What the ext4 library asks of the program around it.
 *
 * The library does no I/O, takes no memory and reads no clock of its own: all of that goes through
 * this table, so that the same source runs inside the ext4 server (freestanding) and in the host's
 * unit tests (in memory, under sanitizers).
 *
 * The library calls read/write/flush for metadata only, with the file system's lock held.  File
 * data never passes through here; see ext4_map_read() and ext4_map_write().
 */
#ifndef EXT4_ENV_H
#define EXT4_ENV_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct ext4_time {
	int64_t sec;
	uint32_t nsec;
};

struct ext4_env {
	void *ctx; /* handed back to every call */
	uint64_t device_bytes;
	uint32_t cache_blocks; /* soft bound of the metadata cache; 0: the default */

	void *(*alloc)(void *ctx, size_t len); /* NULL: no memory */
	void (*free)(void *ctx, void *ptr);
	void (*log)(void *ctx, const char *fmt, va_list ap);
	void (*now)(void *ctx, struct ext4_time *out);
	void (*lock)(void *ctx); /* one mutex per file system */
	void (*unlock)(void *ctx);

	/* 0 or -errno; offset and len are multiples of 512 */
	int (*read)(void *ctx, uint64_t offset, void *buf, size_t len);
	int (*write)(void *ctx, uint64_t offset, const void *buf, size_t len);
	int (*flush)(void *ctx);
};

#endif
