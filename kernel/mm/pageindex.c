/*
 * The radix tree of memory objects; see pageindex.h.
 *
 * The height grows when a page number does not fit and never shrinks before the tree is empty.
 */
#include "pageindex.h"
#include "mm.h"
#include "object.h"

static inline unsigned slot_at(uint64_t page, unsigned height)
{
	return (page >> (PAGE_INDEX_BITS * (height - 1))) & (PAGE_INDEX_FAN - 1);
}

static inline bool fits(uint64_t page, unsigned height)
{
	return height * PAGE_INDEX_BITS >= 64 || page >> (height * PAGE_INDEX_BITS) == 0;
}

void page_index_init(struct page_index *index, struct account *account)
{
	index->root = 0;
	index->height = 0;
	index->nr_pages = 0;
	index->account = account;
}

static struct page_node *node_create(struct page_index *index)
{
	struct page_node *node;

	if (account_charge(index->account, sizeof(*node)))
		return NULL;
	node = kzalloc(sizeof(*node));
	if (!node)
		account_uncharge(index->account, sizeof(*node));
	return node;
}

static void node_destroy(struct page_index *index, struct page_node *node)
{
	kfree(node);
	account_uncharge(index->account, sizeof(*node));
}

uint64_t *page_index_slot(struct page_index *index, uint64_t page)
{
	uint64_t *slot = &index->root;

	if (!fits(page, index->height))
		return NULL;
	for (unsigned height = index->height; height > 0; height--) {
		if (!*slot)
			return NULL;
		slot = &((struct page_node *)*slot)->slots[slot_at(page, height)];
	}
	return *slot ? slot : NULL;
}

uint64_t page_index_get(const struct page_index *index, uint64_t page)
{
	uint64_t *slot = page_index_slot((struct page_index *)index, page);

	return slot ? *slot : 0;
}

/* Makes the tree high enough for page. */
static long grow(struct page_index *index, uint64_t page)
{
	while (!fits(page, index->height)) {
		struct page_node *node;

		if (!index->root) {
			index->height++;
			continue;
		}
		node = node_create(index);
		if (!node)
			return -QERR_NOMEM;
		node->slots[0] = index->root;
		node->used = 1;
		index->root = (uintptr_t)node;
		index->height++;
	}
	return 0;
}

/* Takes back nodes on the way to page that have nothing in them. */
static void prune(struct page_index *index, uint64_t page)
{
	struct page_node *path[64 / PAGE_INDEX_BITS + 1];
	unsigned depth = 0;
	uint64_t entry = index->root;

	for (unsigned height = index->height; height > 0 && entry; height--) {
		path[depth++] = (struct page_node *)entry;
		entry = path[depth - 1]->slots[slot_at(page, height)];
	}
	while (depth > 0 && path[depth - 1]->used == 0) {
		unsigned height = index->height - depth + 1;

		node_destroy(index, path[--depth]);
		if (depth == 0) {
			index->root = 0;
			index->height = 0;
			return;
		}
		path[depth - 1]->slots[slot_at(page, height + 1)] = 0;
		path[depth - 1]->used--;
	}
}

long page_index_set(struct page_index *index, uint64_t page, uint64_t value)
{
	struct page_node *parent = NULL;
	uint64_t *slot = &index->root;

	if (grow(index, page))
		return -QERR_NOMEM;
	for (unsigned height = index->height; height > 0; height--) {
		if (!*slot) {
			struct page_node *node = node_create(index);

			if (!node) {
				prune(index, page);
				return -QERR_NOMEM;
			}
			*slot = (uintptr_t)node;
			if (parent)
				parent->used++;
		}
		parent = (struct page_node *)*slot;
		slot = &parent->slots[slot_at(page, height)];
	}
	if (!*slot) {
		index->nr_pages++;
		if (parent)
			parent->used++;
	}
	*slot = value;
	return 0;
}

uint64_t page_index_remove(struct page_index *index, uint64_t page)
{
	uint64_t *slot = page_index_slot(index, page);
	uint64_t value;

	if (!slot)
		return 0;
	value = *slot;
	*slot = 0;
	index->nr_pages--;
	if (index->height == 0)
		return value;
	container_of(slot - slot_at(page, 1), struct page_node, slots[0])->used--;
	prune(index, page);
	return value;
}

unsigned page_index_row(const struct page_index *index, uint64_t page, unsigned nr, uint64_t *values)
{
	uint64_t entry = fits(page, index->height) ? index->root : 0;
	unsigned first = page % PAGE_INDEX_FAN;

	nr = MIN(nr, PAGE_INDEX_FAN - first);
	for (unsigned height = index->height; height > 1 && entry; height--)
		entry = ((struct page_node *)entry)->slots[slot_at(page, height)];
	if (index->height && entry) {
		memcpy(values, &((struct page_node *)entry)->slots[first], nr * sizeof(*values));
	} else {
		memset(values, 0, nr * sizeof(*values));
		values[0] = entry; /* page 0, if the tree has no node */
	}
	return nr;
}

uint64_t page_index_next(const struct page_index *index, uint64_t page, uint64_t end, uint64_t *value)
{
	while (page < end && index->root && fits(page, index->height)) {
		uint64_t entry = index->root;
		unsigned height = index->height;

		while (height > 0 && entry) {
			entry = ((struct page_node *)entry)->slots[slot_at(page, height)];
			height--;
		}
		if (entry) {
			*value = entry;
			return page;
		}
		/* Nothing below this slot: step over all that it spans. */
		page = ((page >> (height * PAGE_INDEX_BITS)) + 1) << (height * PAGE_INDEX_BITS);
	}
	return end;
}

static void node_clear(struct page_index *index, struct page_node *node, unsigned height,
		       void (*drop)(const uint64_t *values, unsigned nr))
{
	if (height > 1) {
		for (unsigned i = 0; i < PAGE_INDEX_FAN; i++)
			if (node->slots[i])
				node_clear(index, (struct page_node *)node->slots[i], height - 1, drop);
	} else {
		unsigned nr = 0;

		for (unsigned i = 0; i < PAGE_INDEX_FAN; i++)
			if (node->slots[i])
				node->slots[nr++] = node->slots[i];
		drop(node->slots, nr);
	}
	node_destroy(index, node);
}

void page_index_clear(struct page_index *index, void (*drop)(const uint64_t *values, unsigned nr))
{
	if (index->root && index->height)
		node_clear(index, (struct page_node *)index->root, index->height, drop);
	else if (index->root)
		drop(&index->root, 1);
	page_index_init(index, index->account);
}
