// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/*
 * Long random sequences of operations against a model in memory: every result is predicted, and
 * every few hundred operations the disk is unmounted, judged by e2fsck -fn, mounted again and
 * compared with the model, file by file.
 */
#include "ext4_disk.h"
#include "ext4/internal.h"

#define MAX_NODES 400
#define MAX_SIZE  (200 * 1024)

struct node {
	struct ext4_id id;
	uint32_t mode;
	unsigned nlink; /* names; a directory's own are not counted */
	uint64_t size;
	uint8_t *data; /* MAX_SIZE bytes, zero behind size */
	char target[300];
};

struct entry {
	struct entry *next;
	struct node *node;
	struct node *dir;
	char name[256];
};

static struct node root;
static struct entry *entries;
static unsigned nr_nodes, nr_entries;
static struct node *orphans[MAX_NODES]; /* in use after their last name went */
static unsigned nr_orphans;

static struct entry *entry_find(struct node *dir, const char *name)
{
	for (struct entry *entry = entries; entry; entry = entry->next)
		if (entry->dir == dir && !strcmp(entry->name, name))
			return entry;
	return NULL;
}

static void entry_add(struct node *dir, const char *name, struct node *node)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	*entry = (struct entry){ .next = entries, .node = node, .dir = dir };
	strcpy(entry->name, name);
	entries = entry;
	node->nlink++;
	nr_entries++;
}

static void entry_del(struct entry *entry)
{
	struct entry **link = &entries;

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	entry->node->nlink--;
	nr_entries--;
	free(entry);
}

static void node_free(struct node *node)
{
	nr_nodes--;
	free(node->data);
	free(node);
}

static struct entry *entry_random(void)
{
	struct entry *entry = entries;

	if (!nr_entries)
		return NULL;
	for (unsigned skip = random_below(nr_entries); skip; skip--)
		entry = entry->next;
	return entry;
}

static struct node *dir_random(void)
{
	for (int tries = 0; tries < 10; tries++) {
		struct entry *entry = entry_random();

		if (entry && S_ISDIR(entry->node->mode))
			return entry->node;
	}
	return &root;
}

static bool dir_empty(const struct node *dir)
{
	for (struct entry *entry = entries; entry; entry = entry->next)
		if (entry->dir == dir)
			return false;
	return true;
}

static bool dir_below(const struct node *node, const struct node *ancestor)
{
	while (node != ancestor) {
		struct entry *entry = entries;

		if (node == &root)
			return false;
		while (entry->node != node)
			entry = entry->next;
		node = entry->dir;
	}
	return true;
}

static void name_random(char name[256])
{
	unsigned len = random_below(20) ? 1 + random_below(30) : 200 + random_below(56);

	for (unsigned i = 0; i < len; i++)
		name[i] = (char)("abcdefgh\xc3\xbc-_."[random_below(13)]);
	name[len] = 0;
	if (name[0] == '.')
		name[0] = 'x';
}

static void op_create(struct ext4_fs *fs)
{
	static const uint32_t types[] = { S_IFREG, S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFDIR,
					  S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK };
	struct node *dir = dir_random(), *node;
	struct ext4_new new = { .mode = types[random_below(11)] | random_below(010000) };
	struct ext4_attr attr;
	char name[256], target[300];
	int err;

	if (nr_nodes >= MAX_NODES)
		return;
	name_random(name);
	if (S_ISLNK(new.mode)) {
		new.target_len = 1 + random_below(290);
		memset(target, 'a' + (int)random_below(26), sizeof(target));
		new.target = target;
	}
	new.major = random_below(2) ? 5 : 700;
	new.minor = random_below(100000);
	err = ext4_create(fs, dir->id, name, strlen(name), &new, &attr);
	CHECK_EQ(err, entry_find(dir, name) ? -EEXIST : 0);
	if (err)
		return;
	node = calloc(1, sizeof(*node));
	node->id = attr.id;
	node->mode = new.mode;
	node->data = S_ISREG(new.mode) ? calloc(1, MAX_SIZE + 4096) : NULL;
	if (S_ISLNK(new.mode)) {
		memcpy(node->target, target, new.target_len);
		node->size = new.target_len;
	}
	if (S_ISCHR(new.mode) || S_ISBLK(new.mode))
		CHECK(attr.major == new.major &&attr.minor == new.minor);
	nr_nodes++;
	entry_add(dir, name, node);
}

static void op_write(struct disk *disk, struct ext4_fs *fs, struct node *node)
{
	uint32_t bs = disk_block_size(fs);
	uint64_t offset = random_below(3) ? random_below(MAX_SIZE) : node->size;
	uint64_t len = 1 + random_below(random_below(5) ? 5000 : 60000);
	uint64_t first, last;

	if (offset + len > MAX_SIZE)
		return;
	for (uint64_t i = 0; i < len; i++)
		node->data[offset + i] = (uint8_t)random_next();
	if (offset + len > node->size)
		node->size = offset + len;
	first = offset / bs;
	last = (offset + len + bs - 1) / bs;
	CHECK_EQ(file_write_blocks(disk, fs, node->id, (uint32_t)first, node->data + first * bs,
				   (uint32_t)(last - first), node->size),
		 0);
}

static void op_truncate(struct disk *disk, struct ext4_fs *fs, struct node *node)
{
	uint64_t size = random_below(2) ? random_below(MAX_SIZE) : random_below((uint32_t)node->size + 1);
	struct ext4_attr attr = { .size = size };
	uint32_t bs = disk_block_size(fs);

	if (size < node->size)
		memset(node->data + size, 0, node->size - size);
	CHECK_EQ(ext4_setattr(fs, node->id, EXT4_SET_SIZE, &attr, &attr), 0);
	CHECK_EQ(attr.size, size);
	if (size < node->size && size % bs) { /* the page cache's duty */
		struct ext4_run run;

		CHECK_EQ(ext4_map_read(fs, node->id, (uint32_t)(size / bs), 1, &run, 1), 1);
		if (!(run.flags & EXT4_MAP_HOLE))
			memset(disk->data + run.physical * bs + size % bs, 0, bs - size % bs);
	}
	node->size = size;
}

static bool disk_has_wide_times;

static void op_attr(struct ext4_fs *fs, struct node *node)
{
	struct ext4_attr attr = { .mode = random_below(010000),
				  .uid = (uint32_t)random_next(),
				  .mtime = { (int64_t)random_below(1u << 30) * 8, 999999999 } };
	struct ext4_attr out;

	CHECK_EQ(ext4_setattr(fs, node->id, EXT4_SET_MODE | EXT4_SET_UID | EXT4_SET_MTIME, &attr, &out), 0);
	node->mode = (node->mode & S_IFMT) | attr.mode;
	CHECK(out.mode == node->mode && out.uid == attr.uid);
	if (disk_has_wide_times)
		CHECK(out.mtime.sec == attr.mtime.sec && out.mtime.nsec == 999999999);
}

static void node_dropped(struct ext4_fs *fs, struct node *node)
{
	if (node->nlink)
		return;
	if (random_below(2) == 0) {
		orphans[nr_orphans++] = node;
		return;
	}
	CHECK_EQ(ext4_forget(fs, node->id), 0);
	node_free(node);
}

static void op_forget(struct ext4_fs *fs)
{
	unsigned i = nr_orphans ? random_below(nr_orphans) : 0;
	struct ext4_attr attr;

	if (!nr_orphans)
		return;
	CHECK_EQ(ext4_getattr(fs, orphans[i]->id, &attr), 0);
	CHECK_EQ(attr.nlink, 0);
	CHECK_EQ(ext4_forget(fs, orphans[i]->id), 0);
	CHECK_EQ(ext4_getattr(fs, orphans[i]->id, &attr), -ESTALE);
	node_free(orphans[i]);
	orphans[i] = orphans[--nr_orphans];
}

/* an unmount freed them */
static void orphans_gone(struct ext4_fs *fs)
{
	struct ext4_attr attr;

	while (nr_orphans) {
		struct node *node = orphans[--nr_orphans];

		if (fs)
			CHECK_EQ(ext4_getattr(fs, node->id, &attr), -ESTALE);
		node_free(node);
	}
}

static void op_remove(struct ext4_fs *fs)
{
	struct entry *entry = entry_random();
	bool rmdir = random_below(8) ? entry && S_ISDIR(entry->node->mode) : random_below(2);
	struct ext4_attr attr;
	struct node *node;
	int want = 0, err;

	if (!entry)
		return;
	node = entry->node;
	if (rmdir != !!S_ISDIR(node->mode))
		want = rmdir ? -ENOTDIR : -EISDIR;
	else if (rmdir && !dir_empty(node))
		want = -ENOTEMPTY;
	err = (rmdir ? ext4_rmdir : ext4_unlink)(fs, entry->dir->id, entry->name, strlen(entry->name), &attr);
	CHECK_EQ(err, want);
	if (err)
		return;
	CHECK_EQ(attr.id.ino, node->id.ino);
	entry_del(entry);
	CHECK_EQ(attr.nlink, node->nlink);
	node_dropped(fs, node);
}

static void op_link(struct ext4_fs *fs)
{
	struct entry *entry = entry_random();
	struct node *dir = dir_random();
	struct ext4_attr attr;
	char name[256];
	int err;

	if (!entry)
		return;
	name_random(name);
	err = ext4_link(fs, entry->node->id, dir->id, name, strlen(name), &attr);
	CHECK_EQ(err, S_ISDIR(entry->node->mode) ? -EPERM : entry_find(dir, name) ? -EEXIST : 0);
	if (!err)
		entry_add(dir, name, entry->node);
}

static int rename_want(struct entry *from, struct node *dir, struct entry *to, unsigned flags)
{
	struct node *node = from->node;

	if (flags & EXT4_RENAME_EXCHANGE) {
		if (!to)
			return -ENOENT;
		if (to->node == node)
			return 0;
		if (S_ISDIR(node->mode) && dir != from->dir && dir_below(dir, node))
			return -EINVAL;
		return S_ISDIR(to->node->mode) && dir != from->dir && dir_below(from->dir, to->node) ? -EINVAL
												     : 0;
	}
	if (to && to->node == node)
		return flags & EXT4_RENAME_NOREPLACE ? -EEXIST : 0;
	if (S_ISDIR(node->mode) && dir != from->dir && dir_below(dir, node))
		return -EINVAL;
	if (!to)
		return 0;
	if (flags & EXT4_RENAME_NOREPLACE)
		return -EEXIST;
	if (!S_ISDIR(node->mode) != !S_ISDIR(to->node->mode))
		return S_ISDIR(node->mode) ? -ENOTDIR : -EISDIR;
	return S_ISDIR(node->mode) && !dir_empty(to->node) ? -ENOTEMPTY : 0;
}

static void rename_model(struct ext4_fs *fs, struct entry *from, struct node *dir, const char *name,
			 struct entry *to, unsigned flags)
{
	struct node *moved = from->node, *old = to ? to->node : NULL;

	if (old == moved)
		return;
	if (flags & EXT4_RENAME_EXCHANGE) {
		from->node = old;
		to->node = moved;
		return;
	}
	if (to)
		entry_del(to);
	entry_add(dir, name, moved);
	entry_del(from);
	if (old)
		node_dropped(fs, old);
}

static void op_rename(struct ext4_fs *fs)
{
	struct entry *from = entry_random(), *to = random_below(2) ? entry_random() : NULL;
	struct node *dir = to ? to->dir : dir_random();
	unsigned flags = random_below(3) ? 0 : 1 + random_below(2);
	struct ext4_attr attr;
	char name[256];
	int want, err;

	if (!from)
		return;
	if (to)
		strcpy(name, to->name);
	else
		name_random(name);
	to = entry_find(dir, name);
	want = rename_want(from, dir, to, flags);
	err = ext4_rename(fs, from->dir->id, from->name, strlen(from->name), dir->id, name, strlen(name), flags,
			  &attr);
	CHECK_EQ(err, want);
	if (!err)
		rename_model(fs, from, dir, name, to, flags);
}

static void op_random(struct disk *disk, struct ext4_fs *fs)
{
	struct entry *entry = entry_random();
	unsigned kind = random_below(100);

	if (kind < 25)
		op_create(fs);
	else if (kind < 40)
		op_remove(fs);
	else if (kind < 46)
		op_link(fs);
	else if (kind < 58)
		op_rename(fs);
	else if (kind < 59)
		op_forget(fs);
	else if (kind < 60)
		CHECK_EQ(ext4_sync(fs), 0);
	else if (kind < 61)
		ext4_shrink(fs);
	else if (!entry)
		return;
	else if (kind < 65)
		op_attr(fs, entry->node);
	else if (S_ISREG(entry->node->mode) && kind < 90)
		op_write(disk, fs, entry->node);
	else if (S_ISREG(entry->node->mode))
		op_truncate(disk, fs, entry->node);
}

static void entry_compare(struct disk *disk, struct ext4_fs *fs, struct entry *entry)
{
	struct node *node = entry->node;
	struct ext4_attr attr;
	uint8_t *data;
	char target[300];

	CHECK_EQ(ext4_lookup(fs, entry->dir->id, entry->name, strlen(entry->name), &attr), 0);
	CHECK(attr.id.ino == node->id.ino && attr.id.gen == node->id.gen);
	CHECK_EQ(attr.mode, node->mode);
	if (S_ISREG(node->mode)) {
		CHECK_EQ(attr.nlink, node->nlink);
		CHECK_EQ(attr.size, node->size);
		data = malloc(node->size + 1);
		CHECK_EQ(file_read(disk, fs, node->id, 0, data, node->size), 0);
		CHECK(!memcmp(data, node->data, node->size));
		free(data);
	} else if (S_ISLNK(node->mode)) {
		CHECK_EQ(ext4_readlink(fs, node->id, target, sizeof(target)), node->size);
		CHECK(!memcmp(target, node->target, node->size));
	}
}

static bool count_one(void *ctx, const struct ext4_dirent *entry)
{
	(void)entry;
	++*(unsigned *)ctx;
	return true;
}

static void model_compare(struct disk *disk, struct ext4_fs *fs)
{
	unsigned listed = 0, dirs = 1;

	for (struct entry *entry = entries; entry; entry = entry->next) {
		entry_compare(disk, fs, entry);
		if (S_ISDIR(entry->node->mode)) {
			CHECK_EQ(ext4_readdir(fs, entry->node->id, 0, count_one, &listed), 0);
			dirs++;
		}
	}
	CHECK_EQ(ext4_readdir(fs, root.id, 0, count_one, &listed), 0);
	CHECK_EQ(listed, nr_entries + 2 * dirs + 1); /* lost+found */
}

static void model_clear(void)
{
	while (entries) {
		struct node *node = entries->node;

		entry_del(entries);
		if (!node->nlink)
			node_free(node);
	}
}

static void test_random(const char *size, const char *options, uint64_t seed, int rounds)
{
	struct disk disk;
	struct ext4_fs *fs;

	fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, options);
	random_state = seed * 0x9e3779b97f4a7c15ull + 1;
	root = (struct node){ .id = EXT4_ROOT, .mode = S_IFDIR };
	disk_make(&disk, size, options);
	disk.env.cache_blocks = 64;
	disk_has_wide_times = !strstr(options, "-I 128");
	fs = disk_mount(&disk);
	for (int round = 0; round < rounds && !check_failures; round++) {
		for (int i = 0; i < 400; i++)
			op_random(&disk, fs);
		CHECK_EQ(ext4_sync(fs), 0);
		ext4_shrink(fs);
		CHECK_EQ(fs->cache.count, 0);
		fs = disk_remount(&disk, fs);
		orphans_gone(fs);
		model_compare(&disk, fs);
	}
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	orphans_gone(NULL);
	model_clear();
	disk_destroy(&disk);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	int rounds = argc > 2 ? atoi(argv[2]) : 8;

	test_random("96M", "-t ext4 -b 1024 -g 1024 -N 4096", seed, rounds);
	test_random("96M", "-t ext4 -b 4096", seed + 1, rounds);
	test_random("96M", "-t ext4 -b 2048 -I 128", seed + 2, rounds);
	test_random("96M", "-t ext4 -b 1024 -O ^metadata_csum,^64bit -G 1", seed + 3, rounds);
	test_random("96M", "-t ext4 -b 1024 -O ^metadata_csum,uninit_bg,^dir_index", seed + 4, rounds);
	test_random("96M", "-t ext4 -b 4096 -O ^flex_bg,^extra_isize,^has_journal", seed + 5, rounds);
	return check_result();
}
