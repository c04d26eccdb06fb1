/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "linux/errno.h"
#include "vma.h"

long vma_list_reserve(struct vma_list *list, uint32_t extra)
{
	uint32_t need = list->nr + extra;
	uint32_t capacity = list->capacity ? list->capacity : 16;

	if (need <= list->capacity)
		return 0;
	if (need > VMA_LIST_MAX)
		return -ENOMEM;
	while (capacity < need)
		capacity *= 2;
	struct vma *array = realloc(list->array, capacity * sizeof(*array));
	if (!array)
		return -ENOMEM;
	list->array = array;
	list->capacity = capacity;
	return 0;
}

void vma_list_free(struct vma_list *list)
{
	for (uint32_t i = 0; i < list->nr; i++)
		vma_put(&list->array[i]);
	free(list->array);
	*list = (struct vma_list){ 0 };
}

uint32_t vma_list_lower(const struct vma_list *list, uint64_t addr)
{
	uint32_t low = 0, high = list->nr;

	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (list->array[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct vma *vma_list_find(const struct vma_list *list, uint64_t addr)
{
	uint32_t i = vma_list_lower(list, addr);

	return i < list->nr && list->array[i].start <= addr ? &list->array[i] : NULL;
}

bool vma_list_is_free(const struct vma_list *list, uint64_t start, uint64_t end)
{
	uint32_t i = vma_list_lower(list, start);

	return i == list->nr || list->array[i].start >= end;
}

bool vma_list_is_covered(const struct vma_list *list, uint64_t start, uint64_t end)
{
	for (uint32_t i = vma_list_lower(list, start); start < end; i++) {
		if (i == list->nr || list->array[i].start > start)
			return false;
		start = list->array[i].end;
	}
	return true;
}

static void entry_open(struct vma_list *list, uint32_t i)
{
	memmove(&list->array[i + 1], &list->array[i], (list->nr - i) * sizeof(list->array[0]));
	list->nr++;
}

static void entries_close(struct vma_list *list, uint32_t i, uint32_t count)
{
	memmove(&list->array[i], &list->array[i + count], (list->nr - i - count) * sizeof(list->array[0]));
	list->nr -= count;
}

static bool has_offset(const struct vma *vma)
{
	return vma->file || vma->memory;
}

static bool continues(const struct vma *low, const struct vma *high)
{
	if (low->end != high->start || low->flags != high->flags || low->file != high->file ||
	    low->memory != high->memory)
		return false;
	return !has_offset(low) || low->offset + (low->end - low->start) == high->offset;
}

/* Joins entry i with the one behind it if they belong together. */
static bool join_next(struct vma_list *list, uint32_t i)
{
	if (i + 1 >= list->nr || !continues(&list->array[i], &list->array[i + 1]))
		return false;
	list->array[i].end = list->array[i + 1].end;
	vma_put(&list->array[i + 1]);
	entries_close(list, i + 1, 1);
	return true;
}

void vma_list_insert(struct vma_list *list, const struct vma *vma)
{
	uint32_t i = vma_list_lower(list, vma->start);

	entry_open(list, i);
	list->array[i] = *vma;
	join_next(list, i);
	if (i > 0)
		join_next(list, i - 1);
}

void vma_list_split(struct vma_list *list, uint64_t addr)
{
	uint32_t i = vma_list_lower(list, addr);

	if (i == list->nr || list->array[i].start >= addr)
		return;
	entry_open(list, i);
	struct vma *low = &list->array[i], *high = low + 1;
	low->end = high->start = addr;
	if (has_offset(high))
		high->offset += addr - low->start;
	vma_get(high);
}

void vma_list_remove(struct vma_list *list, uint64_t start, uint64_t end)
{
	uint32_t first = vma_list_lower(list, start), last;

	if (first == list->nr || list->array[first].start >= end)
		return;
	if (list->array[first].start < start && list->array[first].end > end) {
		vma_list_split(list, start); /* a hole in the middle: the only case that adds an entry */
		first++;
	} else if (list->array[first].start < start) {
		list->array[first].end = start;
		first++;
	}
	for (last = first; last < list->nr && list->array[last].end <= end; last++)
		vma_put(&list->array[last]);
	entries_close(list, first, last - first);
	if (first < list->nr && list->array[first].start < end) {
		struct vma *rest = &list->array[first];
		if (has_offset(rest))
			rest->offset += end - rest->start;
		rest->start = end;
	}
}

void vma_list_merge(struct vma_list *list, uint64_t start, uint64_t end)
{
	uint32_t i = vma_list_lower(list, start);

	if (i > 0)
		i--;
	while (i < list->nr && list->array[i].start <= end)
		if (!join_next(list, i))
			i++;
}

uint64_t vma_list_gap(const struct vma_list *list, uint64_t len, uint64_t low, uint64_t high)
{
	uint32_t i = vma_list_lower(list, high);

	if (i < list->nr && list->array[i].start < high)
		high = list->array[i].start;
	for (;;) {
		uint64_t floor = i > 0 && list->array[i - 1].end > low ? list->array[i - 1].end : low;
		if (high > floor && high - floor >= len)
			return high - len;
		if (i == 0 || list->array[i - 1].start <= low)
			return 0;
		high = list->array[--i].start;
	}
}
