/* SPDX-License-Identifier: MIT */
/* Scattered buffers, and the limits of one transfer. */
#ifndef ABI_LINUX_UIO_H
#define ABI_LINUX_UIO_H

#include <stdint.h>

struct linux_iovec {
	uint64_t iov_base;
	uint64_t iov_len;
};

#define LINUX_UIO_MAXIOV   1024
#define LINUX_MAX_RW_COUNT 0x7ffff000 /* one call transfers at most this many bytes */

/* Flags of preadv2() and pwritev2(). */
#define LINUX_RWF_HIPRI  0x01
#define LINUX_RWF_DSYNC  0x02
#define LINUX_RWF_SYNC   0x04
#define LINUX_RWF_NOWAIT 0x08
#define LINUX_RWF_APPEND 0x10

_Static_assert(sizeof(struct linux_iovec) == 16, "struct linux_iovec");

#endif
