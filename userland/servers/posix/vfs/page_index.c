/* SPDX-License-Identifier: MIT */
#include <quoin/runtime.h>

#include "inode.h"
#include "linux/errno.h"
#include "page_index.h"

#define NODE_BITS  6
#define NODE_SLOTS 64
#define NODE_MASK  63

struct page_node {
	unsigned shift;                    /* [I] of the index, for this node's slots; 0: the slots are pages */
	uint64_t used;                     /* [p] slots with something below */
	uint64_t dirty;                    /* [p] slots with a dirty page below */
	_Atomic(void *) slots[NODE_SLOTS]; /* [p] to write; children stay for good once there */
};

static struct page_node *node_create(unsigned shift)
{
	struct page_node *node = calloc(1, sizeof(*node));

	if (node)
		node->shift = shift;
	return node;
}

static inline bool node_covers(const struct page_node *node, uint64_t index)
{
	unsigned top = node->shift + NODE_BITS;

	return top >= 64 || index >> top == 0;
}

static inline unsigned node_slot(const struct page_node *node, uint64_t index)
{
	return index >> node->shift & NODE_MASK;
}

static inline void *node_child(const struct page_node *node, unsigned slot)
{
	return atomic_load_explicit(&node->slots[slot], memory_order_acquire);
}

struct page *page_index_peek(const struct page_index *pages, uint64_t index)
{
	const struct page_node *node = atomic_load_explicit(&pages->root, memory_order_acquire);

	if (!node || !node_covers(node, index))
		return NULL;
	while (node->shift) {
		node = node_child(node, node_slot(node, index));
		if (!node)
			return NULL;
	}
	return node_child(node, index & NODE_MASK);
}

/* A taller tree: the old root becomes the first child of a new one. */
static int index_grow(struct page_index *pages, uint64_t index)
{
	struct page_node *root = pages->root;

	if (!root) {
		unsigned shift = 0;

		while (shift + NODE_BITS < 64 && index >> (shift + NODE_BITS))
			shift += NODE_BITS;
		root = node_create(shift);
		if (!root)
			return -ENOMEM;
		atomic_store_explicit(&pages->root, root, memory_order_release);
	}
	while (!node_covers(root, index)) {
		struct page_node *top = node_create(root->shift + NODE_BITS);

		if (!top)
			return -ENOMEM;
		top->slots[0] = root;
		top->used = root->used ? 1 : 0;
		top->dirty = root->dirty ? 1 : 0;
		atomic_store_explicit(&pages->root, top, memory_order_release);
		root = top;
	}
	return 0;
}

int page_index_insert(struct page_index *pages, uint64_t index, struct page *page)
{
	struct page_node *path[64 / NODE_BITS + 1], *node;
	unsigned depth = 0;
	int error = index_grow(pages, index);

	if (error)
		return error;
	for (node = pages->root; node->shift; node = path[depth++]->slots[node_slot(node, index)]) {
		unsigned slot = node_slot(node, index);

		path[depth] = node;
		if (!node->slots[slot]) {
			struct page_node *child = node_create(node->shift - NODE_BITS);

			if (!child)
				return -ENOMEM;
			atomic_store_explicit(&node->slots[slot], child, memory_order_release);
		}
	}
	if (node->slots[index & NODE_MASK])
		return -EEXIST;
	atomic_store_explicit(&node->slots[index & NODE_MASK], page, memory_order_release);
	node->used |= 1ull << (index & NODE_MASK);
	while (depth--)
		path[depth]->used |= 1ull << node_slot(path[depth], index);
	pages->nr_pages++;
	return 0;
}

/* The nodes from the root to the leaf of index; how many, 0 if there is no leaf. */
static unsigned index_path(struct page_index *pages, uint64_t index, struct page_node **path)
{
	struct page_node *node = pages->root;
	unsigned depth = 0;

	if (!node || !node_covers(node, index))
		return 0;
	for (;;) {
		path[depth++] = node;
		if (!node->shift)
			return depth;
		node = node->slots[node_slot(node, index)];
		if (!node)
			return 0;
	}
}

void page_index_set_dirty(struct page_index *pages, uint64_t index, bool dirty)
{
	struct page_node *path[64 / NODE_BITS + 1];
	unsigned depth = index_path(pages, index, path);

	if (depth && !!(path[depth - 1]->dirty >> (index & NODE_MASK) & 1) != dirty)
		pages->nr_dirty += dirty ? 1 : (uint64_t)-1;
	while (depth--) {
		uint64_t bit = 1ull << node_slot(path[depth], index);

		if (dirty) {
			path[depth]->dirty |= bit;
			continue;
		}
		path[depth]->dirty &= ~bit;
		if (path[depth]->dirty)
			break;
	}
}

void page_index_remove(struct page_index *pages, uint64_t index)
{
	struct page_node *path[64 / NODE_BITS + 1];
	unsigned depth = index_path(pages, index, path);

	if (!depth || !path[depth - 1]->slots[index & NODE_MASK])
		return;
	page_index_set_dirty(pages, index, false);
	atomic_store_explicit(&path[depth - 1]->slots[index & NODE_MASK], NULL, memory_order_release);
	pages->nr_pages--;
	while (depth--) {
		path[depth]->used &= ~(1ull << node_slot(path[depth], index));
		if (path[depth]->used)
			break;
	}
}

static struct page *node_next(const struct page_node *node, uint64_t index, bool dirty)
{
	unsigned slot = node_slot(node, index);
	uint64_t map = (dirty ? node->dirty : node->used) & ~0ull << slot;

	for (; map; map &= map - 1) {
		unsigned found = (unsigned)__builtin_ctzll(map);
		struct page *page;

		if (!node->shift)
			return node->slots[found];
		page = node_next(node->slots[found], found == slot ? index : 0, dirty);
		if (page)
			return page;
	}
	return NULL;
}

struct page *page_index_next(const struct page_index *pages, uint64_t index, bool dirty)
{
	const struct page_node *root = pages->root;

	return root && node_covers(root, index) ? node_next(root, index, dirty) : NULL;
}

static void node_free(struct page_node *node)
{
	if (!node)
		return;
	for (unsigned i = 0; node->shift && i < NODE_SLOTS; i++)
		node_free(node->slots[i]);
	free(node);
}

void page_index_free(struct page_index *pages)
{
	node_free(pages->root);
	pages->root = NULL;
}
