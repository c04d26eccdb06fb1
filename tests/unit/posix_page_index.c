// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/vfs/page_index.c tests/unit/posix/host.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
/* The pages of a file against a plain array: near indexes, far ones, and the dirty marks. */
#undef snprintf
#undef vsnprintf
#include "check.h"
#include "inode.h"
#include "page_index.h"
#include "pagecache.h"

#define SLOTS 300

static struct page_index tree;
static struct page pages[SLOTS];
static bool present[SLOTS], dirty[SLOTS];

/* Clusters far apart, so that the tree has gaps at every height. */
static uint64_t index_of(unsigned slot)
{
	static const uint64_t bases[] = { 0, 4000, 1ull << 20, 1ull << 33, (1ull << 51) - 61 };

	return bases[slot / 60] + slot % 60;
}

static struct page *model_next(uint64_t index, bool only_dirty)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (present[slot] && (!only_dirty || dirty[slot]) && index_of(slot) >= index)
			return &pages[slot];
	return NULL;
}

static void check_all(void)
{
	uint64_t nr_pages = 0, nr_dirty = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		CHECK_OR_STOP(page_index_peek(&tree, index_of(slot)) == (present[slot] ? &pages[slot] : NULL));
		nr_pages += present[slot];
		nr_dirty += dirty[slot];
	}
	CHECK_OR_STOP(tree.nr_pages == nr_pages && tree.nr_dirty == nr_dirty);
}

static void step(unsigned slot)
{
	uint64_t index = index_of(slot), from = index_of((unsigned)rand() % SLOTS);

	switch (rand() % 4) {
	case 0:
		CHECK_OR_STOP(page_index_insert(&tree, index, &pages[slot]) == (present[slot] ? -EEXIST : 0));
		present[slot] = true;
		break;
	case 1:
		page_index_remove(&tree, index);
		present[slot] = dirty[slot] = false;
		break;
	default:
		if (!present[slot])
			return;
		dirty[slot] = rand() % 2;
		page_index_set_dirty(&tree, index, dirty[slot]);
	}
	CHECK_OR_STOP(page_index_next(&tree, from, false) == model_next(from, false));
	CHECK_OR_STOP(page_index_next(&tree, from, true) == model_next(from, true));
}

int main(void)
{
	srand(3);
	CHECK(!page_index_peek(&tree, 0));
	CHECK(!page_index_next(&tree, 0, false));
	for (int i = 0; i < 30000; i++) {
		step((unsigned)rand() % SLOTS);
		if (i % 100 == 0)
			check_all();
	}
	for (unsigned slot = 0; slot < SLOTS; slot++)
		page_index_remove(&tree, index_of(slot));
	CHECK_EQ(tree.nr_pages, 0);
	page_index_free(&tree);
	return check_result();
}
