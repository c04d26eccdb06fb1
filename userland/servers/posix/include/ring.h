/* SPDX-License-Identifier: MIT */
/*
 * A byte ring of whole pages; no locks of its own.  Positions count bytes.  Pages come from the page cache's
 * pool when bytes reach them and go back when they are read; one stays while the ring is empty, and since
 * positions begin anew then, whoever writes and reads little has the same warm page each time.
 */
#ifndef POSIX_RING_H
#define POSIX_RING_H

#include <stddef.h>
#include <stdint.h>

struct io_iter;
struct page;

struct ring {
	struct page **pages; /* size / QUOIN_PAGE_SIZE of them, NULL where there is none now */
	size_t size;         /* a power of two and at least a page; 0 before ring_init */
	uint64_t head;       /* written so far */
	uint64_t tail;       /* read so far */
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

/* At most len bytes: how many, or -ENOMEM if memory ended before the first. */
long ring_write(struct ring *ring, struct io_iter *from, size_t len);
/* At most len bytes: how many. */
size_t ring_read(struct ring *ring, struct io_iter *to, size_t len);

#endif
