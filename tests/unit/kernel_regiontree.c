// clang-format off
// sources: kernel/mm/regiontree.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include
// clang-format on
// The tree of regions against a plain array.
#include "check.h"
#include "regiontree.h"

#define SLOTS 3000

static struct region regions[SLOTS];
static bool there[SLOTS];

static struct region *model_from(uintptr_t addr)
{
	for (unsigned i = addr / 16; i < SLOTS; i++)
		if (there[i] && addr < regions[i].end)
			return &regions[i];
	return NULL;
}

static unsigned depth_of(const struct region *region)
{
	unsigned left, right;

	if (!region)
		return 0;
	CHECK(!region->left || region->left->parent == region);
	CHECK(!region->right || region->right->parent == region);
	left = depth_of(region->left);
	right = depth_of(region->right);
	return 1 + MAX(left, right);
}

int main(void)
{
	struct region_tree tree;
	uintptr_t last = 0;
	unsigned count = 0;

	region_tree_init(&tree);
	srand(3);
	for (int round = 0; round < 100000; round++) {
		unsigned i = round < SLOTS ? round : rand() % SLOTS; /* in order first */
		uintptr_t addr = rand() % (SLOTS * 16);
		struct region *found;

		if (there[i]) {
			region_remove(&tree, &regions[i]);
		} else {
			regions[i].start = i * 16 + rand() % 8;
			regions[i].end = regions[i].start + 1 + rand() % 8;
			region_insert(&tree, &regions[i]);
		}
		there[i] = !there[i];
		found = model_from(addr);
		CHECK(region_find_from(&tree, addr) == found);
		CHECK(region_find(&tree, addr) == (found && found->start <= addr ? found : NULL));
		if (round == SLOTS)
			CHECK(depth_of(tree.root) < 60);
	}
	for (struct region *r = region_find_from(&tree, 0); r; r = region_next(&tree, r)) {
		CHECK(r->start >= last);
		last = r->end;
		count++;
	}
	CHECK_EQ(count, tree.count);
	CHECK(depth_of(tree.root) < 60);
	return check_result();
}
