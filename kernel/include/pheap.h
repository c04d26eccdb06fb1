/*
 * A pairing heap with the node inside the element: smallest key first; insertion is constant,
 * removal logarithmic on average.
 */
#ifndef KERNEL_PHEAP_H
#define KERNEL_PHEAP_H

#include "base.h"

struct pheap_node {
	uint64_t key;
	struct pheap_node *child, *next;
	struct pheap_node *prev; /* the parent, if first child */
	bool queued;
};

struct pheap {
	struct pheap_node *root;
};

static inline struct pheap_node *pheap_first(const struct pheap *heap)
{
	return heap->root;
}

void pheap_insert(struct pheap *heap, struct pheap_node *node, uint64_t key);
void pheap_remove(struct pheap *heap, struct pheap_node *node);

#endif
