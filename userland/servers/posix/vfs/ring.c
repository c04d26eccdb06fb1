/* SPDX-License-Identifier: MIT */
#include <quoin/runtime.h>

#include "file.h"
#include "linux/errno.h"
#include "ring.h"

int ring_init(struct ring *ring, size_t size)
{
	char *bytes = malloc(size);

	if (!bytes)
		return -ENOMEM;
	*ring = (struct ring){ .bytes = bytes, .size = size };
	return 0;
}

void ring_fini(struct ring *ring)
{
	free(ring->bytes);
	*ring = (struct ring){};
}

/* The piece of the ring at position, up to its end: where it is, and at most len of it. */
static char *ring_piece(const struct ring *ring, uint64_t position, size_t *len)
{
	size_t at = position & (ring->size - 1);

	if (*len > ring->size - at)
		*len = ring->size - at;
	return ring->bytes + at;
}

size_t ring_write(struct ring *ring, struct io_iter *from, size_t len)
{
	size_t done = 0;

	if (len > ring_room(ring))
		len = ring_room(ring);
	while (done < len) {
		size_t piece = len - done, copied;
		char *at = ring_piece(ring, ring->head, &piece);

		copied = iter_copy_in(from, at, piece);
		ring->head += copied;
		done += copied;
		if (copied < piece)
			break;
	}
	return done;
}

size_t ring_read(struct ring *ring, struct io_iter *to, size_t len)
{
	size_t done = 0;

	if (len > ring_used(ring))
		len = ring_used(ring);
	while (done < len) {
		size_t piece = len - done, copied;
		char *at = ring_piece(ring, ring->tail, &piece);

		copied = iter_copy_out(to, at, piece);
		ring->tail += copied;
		done += copied;
		if (copied < piece)
			break;
	}
	if (ring->head == ring->tail)
		ring->head = ring->tail = 0; /* the next bytes use the same, warm, memory */
	return done;
}

int ring_resize(struct ring *ring, size_t size)
{
	size_t used = ring_used(ring), first = used;
	char *bytes, *at;

	if (used > size)
		return -EBUSY;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	if (used) {
		at = ring_piece(ring, ring->tail, &first);
		memcpy(bytes, at, first);
		memcpy(bytes + first, ring->bytes, used - first);
	}
	free(ring->bytes);
	*ring = (struct ring){ .bytes = bytes, .size = size, .head = used };
	return 0;
}
