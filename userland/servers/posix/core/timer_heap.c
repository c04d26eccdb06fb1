/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "linux/errno.h"
#include "timer_heap.h"

static void place(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
	heap->array[i] = timer;
	timer->slot = i + 1;
}

static void sift_up(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
	while (i && heap->array[(i - 1) / 2]->deadline > timer->deadline) {
		place(heap, i, heap->array[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	place(heap, i, timer);
}

static void sift_down(struct timer_heap *heap, uint32_t i, struct timer *timer)
{
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child + 1 < heap->nr && heap->array[child + 1]->deadline < heap->array[child]->deadline)
			child++;
		if (child >= heap->nr || heap->array[child]->deadline >= timer->deadline)
			break;
		place(heap, i, heap->array[child]);
		i = child;
	}
	place(heap, i, timer);
}

long timer_heap_insert(struct timer_heap *heap, struct timer *timer)
{
	if (heap->nr == heap->capacity) {
		uint32_t capacity = heap->capacity ? 2 * heap->capacity : 64;
		struct timer **array = realloc(heap->array, capacity * sizeof(*array));
		if (!array)
			return -ENOMEM;
		heap->array = array;
		heap->capacity = capacity;
	}
	sift_up(heap, heap->nr++, timer);
	return 0;
}

bool timer_heap_remove(struct timer_heap *heap, struct timer *timer)
{
	uint32_t i = timer->slot;

	if (!i)
		return false;
	timer->slot = 0;
	struct timer *last = heap->array[--heap->nr];
	if (last == timer)
		return true;
	i--;
	if (i && heap->array[(i - 1) / 2]->deadline > last->deadline)
		sift_up(heap, i, last);
	else
		sift_down(heap, i, last);
	return true;
}
