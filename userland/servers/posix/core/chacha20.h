/* SPDX-License-Identifier: MIT */
/* The ChaCha20 block function (RFC 8439, 2.3). Compiles on the host. */
#ifndef POSIX_CHACHA20_H
#define POSIX_CHACHA20_H

#include <stdint.h>

#define CHACHA20_BLOCK_BYTES 64

/* One block of key stream for (key, counter, nonce), little-endian words. */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16]);

#endif
