/*
 * The treap of regions; see regiontree.h.
 *
 * A binary search tree by start, and a heap by a random priority, which keeps it balanced whatever
 * the order of insertions.
 */
#include "regiontree.h"

void region_tree_init(struct region_tree *tree)
{
	tree->root = tree->last = NULL;
	list_init(&tree->list);
	tree->count = 0;
	tree->seed = 0x9e3779b9;
}

static uint32_t next_priority(struct region_tree *tree)
{
	tree->seed ^= tree->seed << 13;
	tree->seed ^= tree->seed >> 17;
	tree->seed ^= tree->seed << 5;
	return tree->seed;
}

struct region *region_find_from(struct region_tree *tree, uintptr_t addr)
{
	struct region *region = tree->last, *found = NULL;

	if (region && addr >= region->start && addr < region->end)
		return region;
	for (region = tree->root; region;) {
		if (addr < region->end) {
			found = region;
			if (addr >= region->start)
				break;
			region = region->left;
		} else {
			region = region->right;
		}
	}
	tree->last = found;
	return found;
}

struct region *region_find(struct region_tree *tree, uintptr_t addr)
{
	struct region *region = region_find_from(tree, addr);

	return region && region->start <= addr ? region : NULL;
}

struct region *region_next(const struct region_tree *tree, const struct region *region)
{
	struct list_node *node = region->node.next;

	return node == &tree->list ? NULL : list_entry(node, struct region, node);
}

struct region *region_prev(const struct region_tree *tree, const struct region *region)
{
	struct list_node *node = region->node.prev;

	return node == &tree->list ? NULL : list_entry(node, struct region, node);
}

/* Puts replacement (or NULL) where region hangs. */
static void replace_child(struct region_tree *tree, struct region *region, struct region *replacement)
{
	struct region *parent = region->parent;

	if (replacement)
		replacement->parent = parent;
	if (!parent)
		tree->root = replacement;
	else if (parent->left == region)
		parent->left = replacement;
	else
		parent->right = replacement;
}

/* Moves region up, its parent down. */
static void rotate_up(struct region_tree *tree, struct region *region)
{
	struct region *parent = region->parent, *inner;

	replace_child(tree, parent, region);
	if (parent->left == region) {
		inner = region->right;
		region->right = parent;
		parent->left = inner;
	} else {
		inner = region->left;
		region->left = parent;
		parent->right = inner;
	}
	parent->parent = region;
	if (inner)
		inner->parent = parent;
}

void region_insert(struct region_tree *tree, struct region *region)
{
	struct region **link = &tree->root, *parent = NULL, *after = NULL;

	while (*link) {
		parent = *link;
		if (region->start < parent->start) {
			link = &parent->left;
		} else {
			after = parent;
			link = &parent->right;
		}
	}
	region->left = region->right = NULL;
	region->parent = parent;
	region->priority = next_priority(tree);
	*link = region;
	list_add_head(after ? &after->node : &tree->list, &region->node);
	while (region->parent && region->parent->priority < region->priority)
		rotate_up(tree, region);
	tree->count++;
	tree->last = region;
}

void region_remove(struct region_tree *tree, struct region *region)
{
	while (region->left && region->right)
		rotate_up(tree,
			  region->left->priority > region->right->priority ? region->left : region->right);
	replace_child(tree, region, region->left ? region->left : region->right);
	list_remove(&region->node);
	tree->count--;
	if (tree->last == region)
		tree->last = NULL;
}
