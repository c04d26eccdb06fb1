/* SPDX-License-Identifier: MIT */
/* A byte ring of any power-of-two size; no locks of its own. Positions count bytes for ever. */
#ifndef POSIX_RING_H
#define POSIX_RING_H

#include <stddef.h>
#include <stdint.h>

struct io_iter;

struct ring {
	char *bytes;
	size_t size;    /* a power of two, 0 before ring_init */
	uint64_t head;  /* written so far */
	uint64_t tail;  /* read so far */
};

int ring_init(struct ring *ring, size_t size);
void ring_fini(struct ring *ring);
/* Keeps what is in it; -EBUSY if that doesn't fit. */
int ring_resize(struct ring *ring, size_t size);

static inline size_t ring_used(const struct ring *ring)
{
	return (size_t)(ring->head - ring->tail);
}

static inline size_t ring_room(const struct ring *ring)
{
	return ring->size - ring_used(ring);
}

/* At most len bytes; how many. */
size_t ring_write(struct ring *ring, struct io_iter *from, size_t len);
size_t ring_read(struct ring *ring, struct io_iter *to, size_t len);

#endif
