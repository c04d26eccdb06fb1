/*
 * Intrusive balanced trees (red-black: Cormen et al., chapter 13).  The tree orders nothing by itself:
 * the user walks down, then links the node where it belongs:
 *
 *	struct rb_node **link = &tree->root, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < key_of(parent) ? &parent->left : &parent->right;
 *	}
 *	rb_insert(tree, node, parent, link);
 */
#ifndef QUOIN_RBTREE_H
#define QUOIN_RBTREE_H

#include <stdbool.h>
#include <stddef.h>

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};

struct rb_tree {
	struct rb_node *root;
};

#define rb_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

void rb_insert(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void rb_remove(struct rb_tree *tree, struct rb_node *node);
struct rb_node *rb_first(const struct rb_tree *tree);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_previous(const struct rb_node *node);

#endif
