// SPDX-License-Identifier: MIT
/* Heap sort: no memory, no recursion, no bad case. */
#include "ext4/internal.h"

static void pairs_sift(struct pair *pairs, size_t root, size_t count)
{
	struct pair value = pairs[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count && pairs[child + 1].key > pairs[child].key)
			child++;
		if (pairs[child].key <= value.key)
			break;
		pairs[root] = pairs[child];
		root = child;
	}
	pairs[root] = value;
}

void pairs_sort(struct pair *pairs, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		pairs_sift(pairs, i, count);
	for (size_t end = count; end-- > 1;) {
		struct pair last = pairs[end];

		pairs[end] = pairs[0];
		pairs[0] = last;
		pairs_sift(pairs, 0, end);
	}
}
