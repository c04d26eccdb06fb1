// SPDX-License-Identifier: MIT
/*
 * Making room in a tree of extents.
 *
 * One step at a time: the lowest full node whose parent has room is split; if all nodes up to the
 * root are full, the root's entries move into a new node, and the tree is one level deeper.  The
 * caller looks its path up again and repeats until the leaf has room.
 */
#include "ext4/internal.h"

static int node_create(struct inode *inode, uint64_t goal, struct buf **out)
{
	struct extent_header *head;
	uint64_t block;
	int err = block_alloc(inode->fs, goal, &block);

	if (err)
		return err;
	err = buf_new(inode->fs, block, BUF_EXTENT, inode->seed, out);
	if (err) {
		blocks_free(inode->fs, block, 1);
		return err;
	}
	inode_blocks_add(inode, 1);
	(*out)->verified = 1;
	head = (void *)(*out)->data;
	head->magic = EXT4_EXTENT_MAGIC;
	head->max = (uint16_t)extent_capacity(inode, false);
	return 0;
}

static void index_set(struct extent_index *index, uint32_t logical, uint64_t block)
{
	index->block = logical;
	index->leaf_lo = (uint32_t)block;
	index->leaf_hi = (uint16_t)(block >> 32);
	index->unused = 0;
}

static int tree_grow(struct inode *inode, struct extent_path *path)
{
	struct extent_header *root = path->nodes[0].head;
	struct extent_header *head;
	struct buf *buf;
	int err;

	if (root->depth >= EXT4_EXTENT_MAX_DEPTH)
		return -EFBIG;
	err = node_create(inode, inode_goal(inode), &buf);
	if (err)
		return err;
	head = (void *)buf->data;
	head->entries = root->entries;
	head->depth = root->depth;
	memcpy(extent_leaves(head), extent_leaves(root), root->entries * sizeof(struct extent_leaf));
	root->depth++;
	root->entries = 1;
	root->max = (uint16_t)extent_capacity(inode, true);
	index_set(extent_indices(root), extent_indices(head)[0].block, buf->block);
	inode_dirty(inode);
	buf_put(buf);
	return 0;
}

static void node_insert_index(struct extent_node *node, uint32_t logical, uint64_t block)
{
	struct extent_index *index = extent_indices(node->head) + node->at + 1;
	size_t behind = (size_t)(node->head->entries - (node->at + 1));

	memmove(index + 1, index, behind * sizeof(*index));
	index_set(index, logical, block);
	node->head->entries++;
}

/* Moves the upper half into a new node; at the end only the last entry, so that a file that grows
 * leaves full nodes behind. */
static int node_split(struct inode *inode, struct extent_path *path, int level)
{
	struct extent_node *node = &path->nodes[level];
	struct extent_node *parent = &path->nodes[level - 1];
	uint32_t entries = node->head->entries;
	uint32_t keep = node->at + 1 >= (int)entries ? entries - 1 : entries / 2;
	struct extent_index *moved = extent_indices(node->head) + keep;
	struct extent_header *head;
	struct buf *buf;
	int err;

	if (entries < 2)
		return fs_corrupt(inode->fs, "inode %u: tiny extent node", inode->ino);
	err = node_create(inode, node->buf->block, &buf);
	if (err)
		return err;
	head = (void *)buf->data;
	head->depth = node->head->depth;
	head->entries = (uint16_t)(entries - keep);
	memcpy(extent_indices(head), moved, (entries - keep) * sizeof(*moved));
	node->head->entries = (uint16_t)keep;
	buf_dirty(inode->fs, node->buf);
	node_insert_index(parent, extent_indices(head)[0].block, buf->block);
	if (parent->buf)
		buf_dirty(inode->fs, parent->buf);
	else
		inode_dirty(inode);
	buf_put(buf);
	return 0;
}

int extent_make_room(struct inode *inode, struct extent_path *path)
{
	int level = path->depth;

	while (level > 0 && path->nodes[level - 1].head->entries >= path->nodes[level - 1].head->max)
		level--;
	return level ? node_split(inode, path, level) : tree_grow(inode, path);
}
