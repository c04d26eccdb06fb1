/* SPDX-License-Identifier: MIT */
/* A binary heap of timers by deadline. Compiles on the host. */
#ifndef POSIX_TIMER_HEAP_H
#define POSIX_TIMER_HEAP_H

#include <stdbool.h>
#include <stdint.h>
#include "clock.h"

struct timer_heap {
	struct timer **array;
	uint32_t nr, capacity;
};

long timer_heap_insert(struct timer_heap *heap, struct timer *timer); /* 0 or -ENOMEM */
bool timer_heap_remove(struct timer_heap *heap, struct timer *timer); /* true if it was in */

static inline struct timer *timer_heap_first(const struct timer_heap *heap)
{
	return heap->nr ? heap->array[0] : NULL;
}

#endif
