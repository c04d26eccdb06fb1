/* SPDX-License-Identifier: MIT */
/* Moving bytes between the server and a caller's buffers: one piece, many pieces, or server memory. */
#include <string.h>

#include "file.h"
#include "usercopy.h"

void iter_init_user(struct io_iter *iter, uint64_t base, size_t len)
{
	*iter = (struct io_iter){ .base = base, .len = len, .count = len };
}

void iter_init_kernel(struct io_iter *iter, void *base, size_t len)
{
	*iter = (struct io_iter){
		.base = (uintptr_t)base,
		.len = len,
		.count = len,
		.kernel = true,
	};
}

/* Makes the next piece current once the current one is used up; pieces may be empty. */
static void iter_next_piece(struct io_iter *iter)
{
	while (!iter->len && iter->nr_next) {
		iter->base = iter->next->iov_base;
		iter->len = iter->next->iov_len;
		iter->next++;
		iter->nr_next--;
	}
	if (iter->len > iter->count)
		iter->len = iter->count;
}

static void iter_used(struct io_iter *iter, size_t len)
{
	iter->base += len;
	iter->len -= len;
	iter->count -= len;
	if (!iter->len && iter->nr_next)
		iter_next_piece(iter);
}

enum iter_direction { ITER_OUT, ITER_IN, ITER_ZERO };

/* Bytes of one piece that could be moved. */
static size_t iter_move(struct io_iter *iter, void *buffer, size_t len, enum iter_direction way)
{
	if (iter->kernel) {
		if (way == ITER_OUT)
			memcpy((void *)iter->base, buffer, len);
		else if (way == ITER_IN)
			memcpy(buffer, (void *)iter->base, len);
		else
			memset((void *)iter->base, 0, len);
		return len;
	}
	if (way == ITER_OUT)
		return len - copy_to_user_partial(iter->base, buffer, len);
	if (way == ITER_IN)
		return len - copy_from_user_partial(buffer, iter->base, len);
	return clear_user(iter->base, len) ? 0 : len;
}

static size_t iter_copy(struct io_iter *iter, void *buffer, size_t len, enum iter_direction way)
{
	size_t done = 0;

	while (done < len && iter->count) {
		size_t piece = len - done < iter->len ? len - done : iter->len;
		size_t moved = iter_move(iter, (char *)buffer + done, piece, way);

		iter_used(iter, moved);
		done += moved;
		if (moved < piece)
			break;
	}
	return done;
}

size_t iter_copy_out(struct io_iter *iter, const void *from, size_t len)
{
	return iter_copy(iter, (void *)(uintptr_t)from, len, ITER_OUT);
}

size_t iter_copy_in(struct io_iter *iter, void *to, size_t len)
{
	return iter_copy(iter, to, len, ITER_IN);
}

size_t iter_zero_out(struct io_iter *iter, size_t len)
{
	return iter_copy(iter, NULL, len, ITER_ZERO);
}
