/* Red-black trees; see quoin/rbtree.h. Compiles on the host. */
#include <quoin/rbtree.h>

static bool is_red(const struct rb_node *node)
{
	return node && node->red;
}

/* Puts `with` where `node` hangs. */
static void replace_child(struct rb_tree *tree, struct rb_node *node, struct rb_node *with)
{
	if (!node->parent)
		tree->root = with;
	else if (node->parent->left == node)
		node->parent->left = with;
	else
		node->parent->right = with;
	if (with)
		with->parent = node->parent;
}

static void rotate_left(struct rb_tree *tree, struct rb_node *node)
{
	struct rb_node *up = node->right;

	replace_child(tree, node, up);
	node->right = up->left;
	if (up->left)
		up->left->parent = node;
	up->left = node;
	node->parent = up;
}

static void rotate_right(struct rb_tree *tree, struct rb_node *node)
{
	struct rb_node *up = node->left;

	replace_child(tree, node, up);
	node->left = up->right;
	if (up->right)
		up->right->parent = node;
	up->right = node;
	node->parent = up;
}

/* A red node has a red parent: recolour upwards, or rotate once or twice. */
static void insert_repair(struct rb_tree *tree, struct rb_node *node)
{
	while (is_red(node->parent)) {
		struct rb_node *parent = node->parent, *grand = parent->parent;
		bool left = parent == grand->left;
		struct rb_node *uncle = left ? grand->right : grand->left;
		if (is_red(uncle)) {
			parent->red = uncle->red = false;
			grand->red = true;
			node = grand;
			continue;
		}
		if (node == (left ? parent->right : parent->left)) {
			left ? rotate_left(tree, parent) : rotate_right(tree, parent);
			parent = node;
		}
		parent->red = false;
		grand->red = true;
		left ? rotate_right(tree, grand) : rotate_left(tree, grand);
		break;
	}
	tree->root->red = false;
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->parent = parent;
	node->left = node->right = NULL;
	node->red = true;
	*link = node;
	insert_repair(tree, node);
}

/* The subtree at node (which may be NULL) has one black too few. */
static void remove_repair(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent)
{
	while (node != tree->root && !is_red(node)) {
		bool left = node == parent->left;
		struct rb_node *sibling = left ? parent->right : parent->left;
		if (sibling->red) {
			sibling->red = false;
			parent->red = true;
			left ? rotate_left(tree, parent) : rotate_right(tree, parent);
			sibling = left ? parent->right : parent->left;
		}
		struct rb_node *far = left ? sibling->right : sibling->left;
		struct rb_node *near = left ? sibling->left : sibling->right;
		if (!is_red(far) && !is_red(near)) {
			sibling->red = true;
			node = parent;
			parent = node->parent;
			continue;
		}
		if (!is_red(far)) {
			near->red = false;
			sibling->red = true;
			left ? rotate_right(tree, sibling) : rotate_left(tree, sibling);
			far = sibling;
			sibling = near;
		}
		sibling->red = parent->red;
		parent->red = far->red = false;
		left ? rotate_left(tree, parent) : rotate_right(tree, parent);
		node = tree->root;
	}
	if (node)
		node->red = false;
}

void rb_remove(struct rb_tree *tree, struct rb_node *node)
{
	struct rb_node *child, *parent;
	bool red = node->red;

	if (node->left && node->right) {
		struct rb_node *next = node->right;
		while (next->left)
			next = next->left;
		red = next->red;
		child = next->right;
		parent = next->parent == node ? next : next->parent;
		if (next->parent != node) {
			replace_child(tree, next, child);
			next->right = node->right;
			next->right->parent = next;
		}
		replace_child(tree, node, next);
		next->left = node->left;
		next->left->parent = next;
		next->red = node->red;
	} else {
		child = node->left ? node->left : node->right;
		parent = node->parent;
		replace_child(tree, node, child);
	}
	if (!red)
		remove_repair(tree, child, parent);
}

struct rb_node *rb_first(const struct rb_tree *tree)
{
	struct rb_node *node = tree->root;

	while (node && node->left)
		node = node->left;
	return node;
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
	struct rb_node *node = tree->root;

	while (node && node->right)
		node = node->right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct rb_node *)node;
	}
	while (node->parent && node == node->parent->right)
		node = node->parent;
	return node->parent;
}

struct rb_node *rb_previous(const struct rb_node *node)
{
	if (node->left) {
		node = node->left;
		while (node->right)
			node = node->right;
		return (struct rb_node *)node;
	}
	while (node->parent && node == node->parent->left)
		node = node->parent;
	return node->parent;
}
