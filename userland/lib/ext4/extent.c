// SPDX-License-Identifier: MIT
/*
 * Extents: the map from a file's blocks to the disk's, as a tree.
 *
 * The root lies in the inode, with room for four entries; all other nodes fill a block.  A node
 * holds a header and entries sorted by logical block: leaves hold extents, the others point to
 * nodes below, each with the first logical block that is found there.  A node is checked whole
 * when it enters the cache; after that only its header is looked at.
 *
 * This file reads the tree and changes leaves; extent_tree.c changes its shape.
 */
#include "ext4/internal.h"

uint32_t extent_capacity(const struct inode *inode, bool root)
{
	size_t room = root ? EXT4_I_BLOCK_BYTES : inode->fs->block_size;

	return (uint32_t)((room - sizeof(struct extent_header)) / sizeof(struct extent_leaf));
}

void extent_init(struct inode *inode)
{
	struct extent_header *head = (void *)inode->raw->i_block;

	memset(inode->raw->i_block, 0, EXT4_I_BLOCK_BYTES);
	head->magic = EXT4_EXTENT_MAGIC;
	head->max = (uint16_t)extent_capacity(inode, true);
	inode->raw->i_flags |= EXT4_INODE_EXTENTS;
	inode_dirty(inode);
}

static uint64_t leaf_start(const struct extent_leaf *leaf)
{
	return (uint64_t)leaf->start_hi << 32 | leaf->start_lo;
}

static bool leaf_unwritten(const struct extent_leaf *leaf)
{
	return leaf->len > EXT4_EXTENT_MAX_LEN;
}

static uint32_t leaf_len(const struct extent_leaf *leaf)
{
	return leaf_unwritten(leaf) ? leaf->len - EXT4_EXTENT_MAX_LEN : leaf->len;
}

static void leaf_set_len(struct extent_leaf *leaf, uint32_t len, bool unwritten)
{
	leaf->len = (uint16_t)(unwritten ? len + EXT4_EXTENT_MAX_LEN : len);
}

static bool leaves_are_sane(struct inode *inode, struct extent_header *head)
{
	const struct extent_leaf *leaf = extent_leaves(head);
	uint64_t end = 0;

	for (uint32_t i = 0; i < head->entries; i++, leaf++) {
		if (!leaf_len(leaf) || leaf->block < end ||
		    !blocks_valid(inode->fs, leaf_start(leaf), leaf_len(leaf)))
			return false;
		end = (uint64_t)leaf->block + leaf_len(leaf);
	}
	return end <= UINT32_MAX;
}

static bool indices_are_sane(struct inode *inode, struct extent_header *head)
{
	const struct extent_index *index = extent_indices(head);

	for (uint32_t i = 0; i < head->entries; i++)
		if ((i && index[i].block <= index[i - 1].block) ||
		    !blocks_valid(inode->fs, (uint64_t)index[i].leaf_hi << 32 | index[i].leaf_lo, 1))
			return false;
	return head->entries > 0;
}

static int node_check(struct inode *inode, struct extent_node *node, int depth)
{
	struct extent_header *head = node->head;
	bool sane = head->magic == EXT4_EXTENT_MAGIC && head->entries <= head->max &&
		    head->max <= extent_capacity(inode, !node->buf) && head->depth == depth;

	if (sane && !(node->buf && node->buf->verified)) {
		sane = depth ? indices_are_sane(inode, head) : leaves_are_sane(inode, head);
		if (node->buf)
			node->buf->verified = 1;
	}
	return sane ? 0 : fs_corrupt(inode->fs, "inode %u: its extents make no sense", inode->ino);
}

/* the last entry at or before logical; both kinds of entries begin with the logical block */
static int node_search(const struct extent_node *node, uint32_t logical)
{
	const struct extent_index *entries = extent_indices(node->head);
	int low = 0, high = node->head->entries;

	while (low < high) {
		int middle = (low + high) / 2;

		if (entries[middle].block <= logical)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

void extent_path_put(struct extent_path *path)
{
	for (int i = 0; i <= path->depth; i++)
		buf_put(path->nodes[i].buf);
	path->depth = -1;
}

static int path_descend(struct inode *inode, struct extent_path *path, int level)
{
	struct extent_node *parent = &path->nodes[level - 1];
	struct extent_node *node = &path->nodes[level];
	const struct extent_index *index = extent_indices(parent->head) + parent->at;
	int err = buf_get(inode->fs, (uint64_t)index->leaf_hi << 32 | index->leaf_lo, BUF_EXTENT, inode->seed,
			  &node->buf);

	if (err)
		return err;
	path->depth = level;
	node->head = (void *)node->buf->data;
	return node_check(inode, node, parent->head->depth - 1);
}

/* The nodes from the root to the leaf where logical is, or belongs. */
int extent_path_get(struct inode *inode, uint32_t logical, struct extent_path *path)
{
	struct extent_node *node = &path->nodes[0];
	int depth, err;

	path->depth = 0;
	node->buf = NULL;
	node->head = (void *)inode->raw->i_block;
	depth = node->head->depth;
	if (depth > EXT4_EXTENT_MAX_DEPTH)
		return fs_corrupt(inode->fs, "inode %u: extent tree too deep", inode->ino);
	err = node_check(inode, node, depth);
	for (int level = 0; !err; level++) {
		node = &path->nodes[level];
		node->at = node_search(node, logical);
		if (level == depth)
			return 0;
		node->at = MAX(node->at, 0);
		err = path_descend(inode, path, level + 1);
	}
	extent_path_put(path);
	return err;
}

/* the first logical block behind the leaf's position that may be mapped */
static uint32_t path_next_block(const struct extent_path *path)
{
	for (int level = path->depth; level >= 0; level--) {
		const struct extent_node *node = &path->nodes[level];

		if (node->at + 1 < node->head->entries)
			return extent_indices(node->head)[node->at + 1].block;
	}
	return UINT32_MAX;
}

int extent_lookup(struct inode *inode, uint32_t logical, struct ext4_run *out)
{
	struct extent_path path;
	const struct extent_node *node;
	const struct extent_leaf *leaf;
	uint32_t next;
	int err = extent_path_get(inode, logical, &path);

	if (err)
		return err;
	node = &path.nodes[path.depth];
	leaf = extent_leaves(node->head) + node->at;
	*out = (struct ext4_run){ .logical = logical };
	if (node->at >= 0 && logical - leaf->block < leaf_len(leaf)) {
		out->physical = leaf_start(leaf) + (logical - leaf->block);
		out->count = leaf_len(leaf) - (logical - leaf->block);
		out->flags = leaf_unwritten(leaf) ? RUN_UNWRITTEN : 0;
	} else {
		next = path_next_block(&path);
		out->count = next > logical ? next - logical : 1;
		out->flags = EXT4_MAP_HOLE;
	}
	extent_path_put(&path);
	return 0;
}

static void node_dirty(struct inode *inode, struct extent_node *node)
{
	if (node->buf)
		buf_dirty(inode->fs, node->buf);
	else
		inode_dirty(inode);
}

/* joins the run to the extent before or behind, if it continues there */
static bool leaf_merge(struct extent_node *node, const struct ext4_run *run, bool unwritten)
{
	uint32_t max = EXT4_EXTENT_MAX_LEN - unwritten;
	struct extent_leaf *left = extent_leaves(node->head) + node->at;
	struct extent_leaf *right = left + 1;

	if (node->at < 0)
		return false;
	if (leaf_unwritten(left) == unwritten && left->block + leaf_len(left) == run->logical &&
	    leaf_start(left) + leaf_len(left) == run->physical && leaf_len(left) + run->count <= max) {
		leaf_set_len(left, leaf_len(left) + run->count, unwritten);
		return true;
	}
	if (node->at + 1 < node->head->entries && leaf_unwritten(right) == unwritten &&
	    run->logical + run->count == right->block && run->physical + run->count == leaf_start(right) &&
	    leaf_len(right) + run->count <= max) {
		leaf_set_len(right, leaf_len(right) + run->count, unwritten);
		right->block = run->logical;
		right->start_lo = (uint32_t)run->physical;
		right->start_hi = (uint16_t)(run->physical >> 32);
		return true;
	}
	return false;
}

/* the leaf begins earlier now: so do the nodes above, as far as it is their first */
static void path_lower_keys(struct inode *inode, struct extent_path *path, uint32_t logical)
{
	for (int level = path->depth - 1; level >= 0; level--) {
		struct extent_node *node = &path->nodes[level];

		extent_indices(node->head)[node->at].block = logical;
		node_dirty(inode, node);
		if (node->at)
			break;
	}
}

static void leaf_insert(struct inode *inode, struct extent_path *path, const struct ext4_run *run,
			bool unwritten)
{
	struct extent_node *node = &path->nodes[path->depth];
	uint32_t at = (uint32_t)(node->at + 1);
	struct extent_leaf *leaf = extent_leaves(node->head) + at;

	memmove(leaf + 1, leaf, (node->head->entries - at) * sizeof(*leaf));
	leaf->block = run->logical;
	leaf_set_len(leaf, run->count, unwritten);
	leaf->start_lo = (uint32_t)run->physical;
	leaf->start_hi = (uint16_t)(run->physical >> 32);
	node->head->entries++;
	if (at == 0)
		path_lower_keys(inode, path, run->logical);
}

/* The path to where logical belongs, with a leaf that has room for so many more extents. */
static int path_get_room(struct inode *inode, uint32_t logical, int room, struct extent_path *path)
{
	for (int tries = 0; tries <= 2 * EXT4_EXTENT_MAX_DEPTH; tries++) {
		const struct extent_header *head;
		int err = extent_path_get(inode, logical, path);

		if (err)
			return err;
		head = path->nodes[path->depth].head;
		if (head->max - head->entries >= room)
			return 0;
		err = extent_make_room(inode, path);
		extent_path_put(path);
		if (err)
			return err;
	}
	return fs_corrupt(inode->fs, "inode %u: no room for an extent", inode->ino);
}

/* Maps run, which must be a hole; RUN_UNWRITTEN in its flags makes an unwritten extent. */
int extent_insert(struct inode *inode, const struct ext4_run *run)
{
	bool unwritten = run->flags & RUN_UNWRITTEN;
	struct extent_path path;
	bool merged;
	int err = extent_path_get(inode, run->logical, &path);

	if (err)
		return err;
	merged = leaf_merge(&path.nodes[path.depth], run, unwritten);
	if (!merged) {
		extent_path_put(&path);
		err = path_get_room(inode, run->logical, 1, &path);
		if (err)
			return err;
		leaf_insert(inode, &path, run, unwritten);
	}
	node_dirty(inode, &path.nodes[path.depth]);
	extent_path_put(&path);
	return 0;
}

/*
 * Part of an unwritten extent was written.  The extent is cut back to what lies before, and the
 * written part and the rest behind are put in after it.  Room for both is made first, because a
 * failure half-way would lose the rest.
 */
int extent_mark_written(struct inode *inode, uint32_t logical, uint32_t count)
{
	struct ext4_run part, rest;
	struct extent_path path;
	struct extent_node *node;
	struct extent_leaf *leaf;
	uint32_t before;
	int err = path_get_room(inode, logical, 2, &path);

	if (err)
		return err;
	node = &path.nodes[path.depth];
	leaf = extent_leaves(node->head) + node->at;
	before = logical - leaf->block;
	part = (struct ext4_run){ leaf_start(leaf) + before, logical, MIN(count, leaf_len(leaf) - before), 0 };
	rest = (struct ext4_run){ part.physical + part.count, logical + part.count,
				  leaf_len(leaf) - before - part.count, RUN_UNWRITTEN };
	leaf_set_len(leaf, before ? before : part.count, before);
	if (before) {
		leaf_insert(inode, &path, &part, false);
		node->at++;
	}
	if (rest.count)
		leaf_insert(inode, &path, &rest, true);
	node_dirty(inode, node);
	extent_path_put(&path);
	return 0;
}

/* frees the part of the leaf's last extent that lies at or behind first, as far as it is in one group */
static int leaf_cut(struct inode *inode, struct extent_node *node, uint32_t first)
{
	struct ext4_fs *fs = inode->fs;
	struct extent_leaf *leaf = extent_leaves(node->head) + node->head->entries - 1;
	uint64_t last = leaf_start(leaf) + leaf_len(leaf) - 1 - fs->sb.s_first_data_block;
	uint32_t beyond = leaf->block < first ? leaf->block + leaf_len(leaf) - first : leaf_len(leaf);
	uint32_t cut = MIN(beyond, (uint32_t)(last % fs->blocks_per_group) + 1);
	uint32_t keep = leaf_len(leaf) - cut;
	int err = blocks_free(fs, leaf_start(leaf) + keep, cut);

	if (err)
		return err;
	if (keep)
		leaf_set_len(leaf, keep, leaf_unwritten(leaf));
	else
		node->head->entries--;
	inode_blocks_add(inode, -(int64_t)cut);
	node_dirty(inode, node);
	return 0;
}

/* frees the empty nodes at the end of the path */
static int path_prune(struct inode *inode, struct extent_path *path)
{
	for (int level = path->depth; level > 0; level--) {
		struct extent_node *node = &path->nodes[level];
		struct extent_node *parent = &path->nodes[level - 1];
		uint64_t block = node->buf->block;
		int err;

		if (node->head->entries)
			return 0;
		err = blocks_free(inode->fs, block, 1);
		if (err)
			return err;
		buf_put(node->buf);
		buf_drop(inode->fs, block);
		path->depth = level - 1;
		parent->head->entries--;
		inode_blocks_add(inode, -1);
		node_dirty(inode, parent);
	}
	if (!path->nodes[0].head->entries)
		path->nodes[0].head->depth = 0;
	return 0;
}

/* The last extent of a leaf takes the leaf with it, and maybe nodes above: an empty one must not stay behind. */
static int path_prune_prepare(struct inode *inode, struct extent_path *path)
{
	int err = 0;

	for (int level = path->depth; level > 0 && !err; level--)
		err = blocks_free_prepare(inode->fs, path->nodes[level].buf->block);
	return err;
}

/* frees the leaf's blocks from first on */
static int leaf_truncate(struct inode *inode, struct extent_path *path, uint32_t first)
{
	struct extent_node *node = &path->nodes[path->depth];
	int err = 0;

	while (node->head->entries && !err) {
		const struct extent_leaf *leaf = extent_leaves(node->head) + node->head->entries - 1;

		if (leaf->block + leaf_len(leaf) <= first)
			break;
		if (node->head->entries == 1)
			err = path_prune_prepare(inode, path);
		if (!err)
			err = leaf_cut(inode, node, first);
	}
	return err;
}

/* Unmaps and frees every block from first on. */
int extent_truncate(struct inode *inode, uint32_t first)
{
	struct extent_path path;
	bool more = true;

	while (more) {
		struct extent_node *node;
		int err = extent_path_get(inode, UINT32_MAX, &path);

		if (err)
			return err;
		node = &path.nodes[path.depth];
		err = leaf_truncate(inode, &path, first);
		more = !node->head->entries; /* the leaf before may be concerned, too */
		if (!err)
			err = path_prune(inode, &path);
		if (!path.nodes[0].head->entries)
			more = false;
		extent_path_put(&path);
		if (err)
			return err;
	}
	return 0;
}
