/* SPDX-License-Identifier: MIT */
/* The random generator: ChaCha20 with fast key erasure, seeded by RDRAND and timing jitter. */
#ifndef POSIX_RANDOM_H
#define POSIX_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_init(void);
void random_bytes(void *buffer, size_t len);
uint64_t random_u64(void);
void random_stir(const void *data, size_t len); /* what a program wrote to /dev/urandom */

#endif
