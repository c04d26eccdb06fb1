// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib -Wno-unused-parameter
/*
 * Memory that runs out in the middle of each operation, at every place where it can.  The operation is done or
 * not, never by half: e2fsck finds nothing, and once there is memory again, the same operation succeeds.
 */
#include "ext4_disk.h"
#include "ext4/internal.h"

#define NR_NAMES   60
#define NR_PIECES  40
#define NR_FREEING 8   /* allocations, at least, while orphans are freed */
#define NR_BIG     600 /* blocks: more than two groups */

static struct disk disk;
static uint8_t *pristine;
static uint8_t block[1024];

static struct ext4_attr attr_of(struct ext4_fs *fs, const char *path)
{
	struct ext4_attr attr;

	CHECK_EQ(path_find(fs, path, &attr), 0);
	return attr;
}

static int file_write(struct ext4_fs *fs, struct ext4_id id, uint32_t at)
{
	return file_write_blocks(&disk, fs, id, at, block, 1, (at + 1) * 1024ull);
}

/* every second block: the extents fill some nodes */
static void fragments_make(struct ext4_fs *fs, const char *name)
{
	struct ext4_id id = { 0, 0 };

	CHECK_EQ(name_create(fs, EXT4_ROOT, name, S_IFREG, &id), 0);
	for (uint32_t at = 0; at < NR_PIECES; at++)
		CHECK_EQ(file_write(fs, id, at * 2), 0);
}

static void disk_populate(void)
{
	struct ext4_fs *fs = disk_mount(&disk);
	struct ext4_id dir = { 0, 0 }, id;
	char name[64];

	CHECK_EQ(name_create(fs, EXT4_ROOT, "other", S_IFDIR, &dir), 0);
	CHECK_EQ(name_create(fs, dir, "empty", S_IFDIR, &id), 0);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "full", S_IFDIR, &dir), 0); /* one block, without room */
	for (int i = 0; i < 15; i++) {
		snprintf(name, sizeof(name), "a-name-that-takes-quite-some-of-the-room-%06d", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFREG, &id), 0);
	}
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR, &dir), 0); /* with an index */
	for (int i = 0; i < NR_NAMES; i++) {
		snprintf(name, sizeof(name), "a-name-that-takes-quite-some-of-the-room-%06d", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFREG, &id), 0);
	}
	CHECK_EQ(name_create(fs, dir, "a", S_IFREG, &id), 0);
	CHECK_EQ(file_write(fs, id, 0), 0);
	CHECK_EQ(name_create(fs, dir, "b", S_IFREG, &id), 0);
	CHECK_EQ(name_create(fs, dir, "sub", S_IFDIR, &id), 0);
	fragments_make(fs, "fragments");
	CHECK_EQ(name_create(fs, EXT4_ROOT, "unwritten", S_IFREG, &id), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	shell("debugfs -w -R 'fallocate unwritten 0 99' %s 2>/dev/null >&2;"
	      "debugfs -w -R 'sif unwritten size 102400' %s 2>/dev/null >&2",
	      disk.path, disk.path);
	disk_check(&disk);
}

/* ---- the operations ---- */

struct operation {
	const char *name;
	int (*run)(struct ext4_fs *fs);
	void (*prepare)(struct ext4_fs *fs); /* or NULL */
};

static struct ext4_id dir, other, full, fragments, big, unwritten, a;

static void ids_find(struct ext4_fs *fs)
{
	dir = attr_of(fs, "dir").id;
	other = attr_of(fs, "other").id;
	full = attr_of(fs, "full").id;
	fragments = attr_of(fs, "fragments").id;
	a = attr_of(fs, "dir/a").id;
}

static int create(struct ext4_fs *fs, struct ext4_id parent, uint32_t mode, const char *target)
{
	struct ext4_new new = { .mode = mode, .target = target, .target_len = strlen(target) };
	const char name[] = "some-new-name-that-takes-a-lot-of-the-room-and-more-of-it";
	struct ext4_attr attr;

	return ext4_create(fs, parent, name, sizeof(name) - 1, &new, &attr);
}

static int make_file(struct ext4_fs *fs)
{
	return create(fs, dir, S_IFREG, "");
}

static int make_dir(struct ext4_fs *fs)
{
	return create(fs, dir, S_IFDIR, "");
}

static int make_index(struct ext4_fs *fs)
{
	return create(fs, full, S_IFREG, "");
}

static int make_link(struct ext4_fs *fs)
{
	return create(fs, other, S_IFLNK,
		      "a/target/that/is/too/long/for/the/inode/and/needs/a/block/of/its/own/to/lie/in");
}

static int hard_link(struct ext4_fs *fs)
{
	struct ext4_attr attr;

	return ext4_link(fs, a, full, "hard-link-with-a-name-that-is-not-short-at-all-but-long", 55, &attr);
}

static int rename_to(struct ext4_fs *fs, struct ext4_id from, const char *name, struct ext4_id to,
		     const char *to_name, unsigned flags)
{
	struct ext4_attr attr;

	return ext4_rename(fs, from, name, strlen(name), to, to_name, strlen(to_name), flags, &attr);
}

static int rename_within(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "a", dir, "another-name-in-here-so-long-that-a-block-may-well-be-split", 0);
}

static int rename_file(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "a", full, "another-name-that-is-so-long-that-an-index-is-made-of-it", 0);
}

static int rename_over_file(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "a", dir, "b", 0);
}

static int rename_dir(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "sub", other, "sub", 0);
}

static int rename_over_dir(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "sub", other, "empty", 0);
}

static int exchange(struct ext4_fs *fs)
{
	return rename_to(fs, dir, "a", other, "empty", EXT4_RENAME_EXCHANGE);
}

static int remove_file(struct ext4_fs *fs)
{
	struct ext4_attr attr;

	return ext4_unlink(fs, dir, "a", 1, &attr);
}

static int remove_dir(struct ext4_fs *fs)
{
	struct ext4_attr attr;

	return ext4_rmdir(fs, dir, "sub", 3, &attr);
}

static void orphans_make(struct ext4_fs *fs)
{
	struct ext4_attr attr;

	CHECK_EQ(ext4_unlink(fs, EXT4_ROOT, "fragments", 9, &attr), 0);
	CHECK_EQ(ext4_unlink(fs, dir, "a", 1, &attr), 0);
}

static int forget(struct ext4_fs *fs)
{
	return ext4_forget(fs, fragments);
}

static int cut(struct ext4_fs *fs)
{
	struct ext4_attr attr = { .size = 5000 };

	return ext4_setattr(fs, fragments, EXT4_SET_SIZE, &attr, &attr);
}

/* memory is short: what is clean goes before the write is committed */
static int fill_hole(struct ext4_fs *fs)
{
	struct ext4_run run;
	int count = ext4_map_write(fs, fragments, 2 * NR_PIECES + 10, 1, &run, 1);

	if (count < 0)
		return count;
	ext4_shrink(fs);
	return ext4_commit_write(fs, fragments, &run, 1, (2 * NR_PIECES + 11) * 1024);
}

/* one extent, through several groups */
static void big_make(struct ext4_fs *fs)
{
	struct ext4_id id = { 0, 0 };

	CHECK_EQ(name_create(fs, EXT4_ROOT, "big", S_IFREG, &id), 0);
	for (uint32_t at = 0; at < NR_BIG; at++)
		CHECK_EQ(file_write(fs, id, at), 0);
	big = id;
}

static int cut_big(struct ext4_fs *fs)
{
	struct ext4_attr attr = { .size = 0 };

	return ext4_setattr(fs, big, EXT4_SET_SIZE, &attr, &attr);
}

static void unwritten_make(struct ext4_fs *fs)
{
	unwritten = attr_of(fs, "unwritten").id;
	for (uint32_t at = 2; at <= 82; at += 2)
		CHECK_EQ(file_write(fs, unwritten, at), 0);
}

/* the middle of an unwritten extent, whose node has room for one more only */
static int write_unwritten(struct ext4_fs *fs)
{
	struct ext4_run run;
	int count = ext4_map_write(fs, unwritten, 90, 1, &run, 1);

	if (count < 0)
		return count;
	ext4_shrink(fs);
	return ext4_commit_write(fs, unwritten, &run, 1, 0);
}

static bool ignore(void *ctx, const struct ext4_dirent *entry)
{
	return true;
}

static int list(struct ext4_fs *fs)
{
	return ext4_readdir(fs, dir, 0, ignore, NULL);
}

static const struct operation operations[] = {
	{ "make_file", make_file, NULL },
	{ "make_dir", make_dir, NULL },
	{ "make_index", make_index, NULL },
	{ "make_link", make_link, NULL },
	{ "hard_link", hard_link, NULL },
	{ "rename_within", rename_within, NULL },
	{ "rename_file", rename_file, NULL },
	{ "rename_over_file", rename_over_file, NULL },
	{ "rename_dir", rename_dir, NULL },
	{ "rename_over_dir", rename_over_dir, NULL },
	{ "exchange", exchange, NULL },
	{ "remove_file", remove_file, NULL },
	{ "remove_dir", remove_dir, NULL },
	{ "forget", forget, orphans_make },
	{ "cut", cut, NULL },
	{ "cut_big", cut_big, big_make },
	{ "write_unwritten", write_unwritten, unwritten_make },
	{ "fill_hole", fill_hole, NULL },
	{ "list", list, NULL },
};

/* The operation with memory for so many allocations; was that enough? */
static bool attempt(const struct operation *operation, long allocations, bool retry)
{
	int failures = check_failures;
	struct ext4_fs *fs;
	int err;

	memcpy(disk.data, pristine, disk.size);
	fs = disk_mount(&disk);
	ids_find(fs);
	if (operation->prepare)
		operation->prepare(fs);
	CHECK_EQ(ext4_sync(fs), 0);
	ext4_shrink(fs);
	disk.out_of_memory_after = allocations;
	err = operation->run(fs);
	disk.out_of_memory_after = -1;
	CHECK(err == 0 || err == -ENOMEM);
	if (err && retry)
		CHECK_EQ(operation->run(fs), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK_EQ(shell("e2fsck -fn %s >/dev/null 2>&1", disk.path), 0);
	if (check_failures > failures)
		fprintf(stderr, "%s: wrong after %ld allocations, retry: %d\n", operation->name, allocations,
			retry);
	return err == 0;
}

static unsigned nr_kept;  /* mounts that ended with an orphan */
static long failing = -1; /* after so many allocations one fails; negative: none */

static void *alloc_but_one(void *ctx, size_t len)
{
	return failing >= 0 && failing-- == 0 ? NULL : disk_alloc(ctx, len);
}

/* An orphan that cannot be freed at the end, for want of one allocation, does not keep the rest from the disk. */
static void unmount_but_one(long allocations)
{
	struct ext4_attr attr;
	struct ext4_fs *fs;
	int err;

	memcpy(disk.data, pristine, disk.size);
	fs = disk_mount(&disk);
	ids_find(fs);
	orphans_make(fs);
	CHECK_EQ(make_file(fs), 0);
	ext4_shrink(fs);
	failing = allocations;
	err = ext4_unmount(fs);
	CHECK(err == 0 || err == -ENOMEM);
	nr_kept += err != 0;
	CHECK_EQ(failing, -1);
	fs = disk_mount(&disk);
	CHECK_EQ(make_file(fs), -EEXIST);
	CHECK_EQ(ext4_lookup(fs, dir, "a", 1, &attr), -ENOENT);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
}

static void test_unmount(void)
{
	nr_kept = 0;
	disk.env.alloc = alloc_but_one;
	for (long n = 0; n < NR_FREEING; n++)
		unmount_but_one(n);
	CHECK(nr_kept);
}

/* With memory for so many allocations, one that makes a write-back due; was that enough for all? */
static bool make_pressed(long allocations)
{
	struct ext4_attr attr;
	struct ext4_id id;
	struct ext4_fs *fs;
	char name[16];
	bool all;
	int err;

	memcpy(disk.data, pristine, disk.size);
	disk.env.cache_blocks = 64;
	fs = disk_mount(&disk);
	ids_find(fs);
	for (unsigned i = 0; fs->cache.nr_dirty < fs->cache.max / 2; i++) {
		snprintf(name, sizeof(name), "full-%u", i);
		CHECK_OR_STOP(name_create(fs, dir, name, S_IFREG | 0644, &id) == 0);
	}
	disk.out_of_memory_after = allocations;
	err = name_create(fs, dir, "pressed", S_IFDIR | 0755, &id);
	disk.out_of_memory_after = -1;
	all = fs->cache.nr_dirty == 0;
	CHECK_EQ(ext4_lookup(fs, dir, "pressed", 7, &attr), err ? -ENOENT : 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk.env.cache_blocks = 0;
	return all;
}

/* A transaction that is not all the way through is not one that a sync may build upon. */
static void test_sync(void)
{
	struct ext4_id id = { 0, 0 };
	struct disk journaled;
	struct ext4_fs *fs;
	uint64_t transaction;
	long n = 0;
	int err;

	fs = disk_make_mounted(&journaled, "8M", "-t ext4 -b 1024 -J size=1");
	CHECK_EQ(name_create(fs, EXT4_ROOT, "file", S_IFREG | 0644, &id), 0);
	transaction = ext4_transaction(fs);
	do {
		CHECK_EQ(ext4_transaction(fs), transaction);
		journaled.out_of_memory_after = n++;
		err = ext4_sync(fs);
		journaled.out_of_memory_after = -1;
		CHECK(err == 0 || err == -ENOMEM);
	} while (err && !check_failures);
	CHECK(ext4_transaction(fs) > transaction);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&journaled);
	disk_destroy(&journaled);
}

int main(void)
{
	disk_make(&disk, "2M",
		  "-t ext4 -b 1024 -O ^has_journal -g 256 -N 512 -U 01234567-89ab-cdef-0123-456789abcdef "
		  "-E hash_seed=01234567-89ab-cdef-0123-456789abcdef");
	disk_populate();
	disk.quiet = true;
	pristine = malloc(disk.size);
	memcpy(pristine, disk.data, disk.size);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		for (long n = 0; !attempt(&operations[i], n, false); n++)
			attempt(&operations[i], n, true);
	for (long n = 0; !make_pressed(n) && !check_failures; n++)
		;
	test_sync();
	test_unmount();
	free(pristine);
	disk_destroy(&disk);
	return check_result();
}
