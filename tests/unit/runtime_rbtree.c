// sources: userland/lib/runtime/rbtree.c
// flags: -Iuserland/lib/runtime/include
/* Red-black trees: order and balance over random insertions and removals. */
#include <stdlib.h>
#include "check.h"
#include <quoin/rbtree.h>

struct item {
	struct rb_node node;
	int key;
	bool in_tree;
};

static struct item items[500];
static struct rb_tree tree;

static void insert(struct item *item)
{
	struct rb_node **link = &tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item->key < rb_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
	}
	rb_insert(&tree, &item->node, parent, link);
	item->in_tree = true;
}

/* Returns the black height; checks colours and parents. */
static int check_subtree(const struct rb_node *node, const struct rb_node *parent)
{
	if (!node)
		return 1;
	CHECK(node->parent == parent);
	CHECK(!(node->red && parent && parent->red));
	int left = check_subtree(node->left, node), right = check_subtree(node->right, node);
	CHECK_EQ(left, right);
	return left + !node->red;
}

static void check_order(int expected)
{
	int count = 0, last = -1;

	for (struct rb_node *n = rb_first(&tree); n; n = rb_next(n), count++) {
		CHECK(rb_entry(n, struct item, node)->key > last);
		last = rb_entry(n, struct item, node)->key;
	}
	CHECK_EQ(count, expected);
	count = 0;
	for (struct rb_node *n = rb_last(&tree); n; n = rb_previous(n))
		count++;
	CHECK_EQ(count, expected);
}

int main(void)
{
	int nr = 0;

	srand(1);
	for (int i = 0; i < 500; i++)
		items[i].key = i;
	for (int round = 0; round < 20000; round++) {
		struct item *item = &items[rand() % 500];
		if (item->in_tree) {
			rb_remove(&tree, &item->node);
			item->in_tree = false;
			nr--;
		} else {
			insert(item);
			nr++;
		}
		if (round % 50 == 0) {
			check_subtree(tree.root, NULL);
			check_order(nr);
		}
	}
	return check_result();
}
