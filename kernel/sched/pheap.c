/*
 * Pairing heap: a node's key is not above its children's.  Children are a list through next; prev leads
 * to the elder sibling, or from the first child to the parent.
 */
#include "pheap.h"

/* The root with the smaller key takes the other as its first child. */
static struct pheap_node *meld(struct pheap_node *a, struct pheap_node *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->key < a->key) {
		struct pheap_node *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

/* Melds a list of siblings: in pairs from the left, then the pairs from the right. */
static struct pheap_node *meld_siblings(struct pheap_node *list)
{
	struct pheap_node *pairs = NULL, *root = NULL;

	while (list) {
		struct pheap_node *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct pheap_node *next = pairs->next;

		pairs->next = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

void pheap_insert(struct pheap *heap, struct pheap_node *node, uint64_t key)
{
	node->key = key;
	node->child = node->next = node->prev = NULL;
	node->queued = true;
	heap->root = meld(heap->root, node);
}

void pheap_remove(struct pheap *heap, struct pheap_node *node)
{
	struct pheap_node *children = meld_siblings(node->child);

	node->queued = false;
	if (heap->root == node) {
		heap->root = children;
		return;
	}
	if (node->prev->child == node)
		node->prev->child = node->next;
	else
		node->prev->next = node->next;
	if (node->next)
		node->next->prev = node->prev;
	heap->root = meld(heap->root, children);
}
