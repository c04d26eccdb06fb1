/*
 * The regions of an address space: a treap keyed by address, threaded into a list, with a cache of the
 * last hit.  Books only: no locks, no page tables, no reference counts.
 */
#ifndef KERNEL_REGIONTREE_H
#define KERNEL_REGIONTREE_H

#include "list.h"

struct memobj;
struct aspace;

/* All fields: the lock of the aspace; memobj_node: the lock of the memobj. */
struct region {
	struct region *left, *right, *parent;
	struct list_node node; /* in address order */
	uint32_t priority;
	uint16_t flags; /* QUOIN_MAP_*, REGION_COPIED */
	uint8_t prot, max_prot;
	uintptr_t start, end;
	struct aspace *aspace;
	struct account *account; /* charged for this struct */
	struct memobj *memobj;   /* NULL: anonymous */
	uint64_t offset;         /* of start in memobj */
	struct list_node memobj_node;
};

#define REGION_COPIED (1u << 8) /* private over an object, and has pages of its own */

struct region_tree {
	struct region *root, *last;
	struct list_node list;
	uint32_t count;
	uint32_t seed;
};

void region_tree_init(struct region_tree *tree);
/* The region that contains addr, or NULL. */
struct region *region_find(struct region_tree *tree, uintptr_t addr);
/* The first region whose end is above addr: contains addr or comes next; or NULL. */
struct region *region_find_from(struct region_tree *tree, uintptr_t addr);
struct region *region_next(const struct region_tree *tree, const struct region *region);
struct region *region_prev(const struct region_tree *tree, const struct region *region);
/* region must not overlap another. */
void region_insert(struct region_tree *tree, struct region *region);
void region_remove(struct region_tree *tree, struct region *region);

#endif
