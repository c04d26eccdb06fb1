/* SPDX-License-Identifier: MIT */
#include <quoin/runtime.h>

#include "file.h"
#include "linux/errno.h"
#include "page_pool.h"
#include "pagecache.h"
#include "ring.h"

static size_t nr_pages(const struct ring *ring)
{
	return ring->size >> QUOIN_PAGE_SHIFT;
}

int ring_init(struct ring *ring, size_t size)
{
	struct page **pages = calloc(size >> QUOIN_PAGE_SHIFT, sizeof(struct page *));

	if (!pages)
		return -ENOMEM;
	*ring = (struct ring){ .pages = pages, .size = size };
	return 0;
}

void ring_fini(struct ring *ring)
{
	for (size_t i = 0; i < nr_pages(ring); i++)
		if (ring->pages[i])
			page_put(ring->pages[i]);
	free(ring->pages);
	*ring = (struct ring){};
}

static struct page **slot_of(const struct ring *ring, uint64_t position)
{
	return &ring->pages[(position & (ring->size - 1)) >> QUOIN_PAGE_SHIFT];
}

/* Of len bytes at position, those in the first page. */
static size_t piece_of(uint64_t position, size_t len)
{
	return MIN(len, QUOIN_PAGE_SIZE - (position & (QUOIN_PAGE_SIZE - 1)));
}

static char *address_of(const struct ring *ring, uint64_t position)
{
	return (char *)page_address(*slot_of(ring, position)) + (position & (QUOIN_PAGE_SIZE - 1));
}

long ring_write(struct ring *ring, struct io_iter *from, size_t len)
{
	size_t done = 0;

	len = MIN(len, ring_room(ring));
	while (done < len) {
		size_t piece = piece_of(ring->head, len - done), copied;
		struct page **slot = slot_of(ring, ring->head);

		if (!*slot && !(*slot = page_alloc(false)))
			return done ? (long)done : -ENOMEM;
		copied = iter_copy_in(from, address_of(ring, ring->head), piece);
		ring->head += copied;
		done += copied;
		if (copied < piece)
			break;
	}
	return (long)done;
}

/*
 * What was in the page before tail has been read.  In a ring that is almost full the writer has come round to
 * its beginning; else it goes, or takes the first place, if that is free.
 */
static void page_done(struct ring *ring)
{
	struct page **slot = slot_of(ring, ring->tail - 1);
	struct page *page = *slot;

	if (ring->head > ALIGN_UP(ring->tail, QUOIN_PAGE_SIZE) - QUOIN_PAGE_SIZE + ring->size)
		return;
	*slot = NULL;
	if (ring->head == ring->tail && !ring->pages[0])
		ring->pages[0] = page;
	else
		page_put(page);
}

size_t ring_read(struct ring *ring, struct io_iter *to, size_t len)
{
	size_t done = 0;

	len = MIN(len, ring_used(ring));
	while (done < len) {
		size_t piece = piece_of(ring->tail, len - done), copied;

		copied = iter_copy_out(to, address_of(ring, ring->tail), piece);
		ring->tail += copied;
		done += copied;
		if (copied && ring->tail % QUOIN_PAGE_SIZE == 0)
			page_done(ring);
		if (copied < piece)
			break;
	}
	if (done && ring->head == ring->tail) {
		if (ring->tail % QUOIN_PAGE_SIZE)
			page_done(ring);
		ring->head = ring->tail = 0;
	}
	return done;
}

int ring_resize(struct ring *ring, size_t size)
{
	size_t used = ring_used(ring), done;
	struct ring new;
	int error;

	if (used > size)
		return -EBUSY;
	error = ring_init(&new, size);
	if (error)
		return error;
	for (done = 0; done < used;) {
		size_t piece = MIN(piece_of(ring->tail + done, used - done), piece_of(new.head, used - done));
		struct page **slot = slot_of(&new, new.head);

		if (!*slot && !(*slot = page_alloc(false))) {
			ring_fini(&new);
			return -ENOMEM;
		}
		memcpy(address_of(&new, new.head), address_of(ring, ring->tail + done), piece);
		new.head += piece;
		done += piece;
	}
	ring_fini(ring);
	*ring = new;
	return 0;
}
