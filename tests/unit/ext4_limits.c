// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/*
 * Large structures and their ends: deep trees of extents, directories with two levels of index,
 * full disks, no inodes left, too many links, failing writes.  After each, e2fsck finds nothing.
 */
#include "ext4_disk.h"
#include "ext4/internal.h"

static struct ext4_id file_make(struct ext4_fs *fs, const char *name)
{
	struct ext4_id id = { 0, 0 };

	CHECK_EQ(name_create(fs, EXT4_ROOT, name, S_IFREG | 0644, &id), 0);
	return id;
}

/* every second block of a file: each extent is one block long */
static void test_fragmented(const char *options, uint32_t count)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id;
	struct ext4_attr attr;
	uint32_t bs;
	uint8_t *block, *read;

	disk_make(&disk, "96M", options);
	disk.env.cache_blocks = 128;
	fs = disk_mount(&disk);
	bs = disk_block_size(fs);
	block = calloc(1, bs);
	read = calloc(1, bs);
	id = file_make(fs, "fragments");
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)((uint64_t)i * 7919 % count) * 2; /* in no order */

		memcpy(block, &at, sizeof(at));
		CHECK_EQ(file_write_blocks(&disk, fs, id, at, block, 1, (at + 1ull) * bs), 0);
	}
	fs = disk_remount(&disk, fs);
	for (uint32_t at = 0; at < 2 * count - 1; at++) {
		uint32_t want = at % 2 ? 0 : at, have;

		CHECK_EQ(file_read(&disk, fs, id, (uint64_t)at * bs, read, bs), 0);
		memcpy(&have, read, sizeof(have));
		CHECK_EQ(have, want);
	}
	for (uint32_t left = 2 * count; left; left = left > 400 ? left - 399 : 0) {
		attr.size = (uint64_t)left * bs;
		CHECK_EQ(ext4_setattr(fs, id, EXT4_SET_SIZE, &attr, &attr), 0);
		if (left % 5 == 0)
			fs = disk_remount(&disk, fs);
	}
	attr.size = 0;
	CHECK_EQ(ext4_setattr(fs, id, EXT4_SET_SIZE, &attr, &attr), 0);
	CHECK_EQ(attr.sectors, 0);
	CHECK_EQ(name_remove(fs, EXT4_ROOT, "fragments"), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	free(block);
	free(read);
	disk_destroy(&disk);
}

struct seen {
	uint8_t *names;
	uint32_t limit;
	uint64_t cookie;
	unsigned left;
};

static bool see(void *ctx, const struct ext4_dirent *entry)
{
	struct seen *seen = ctx;
	unsigned number;
	char name[256];

	if (!seen->left--)
		return false;
	seen->cookie = entry->cookie;
	memcpy(name, entry->name, entry->name_len);
	name[entry->name_len] = 0;
	if (sscanf(name, "file-with-some-name-%u", &number) == 1 && number < seen->limit)
		CHECK_EQ(seen->names[number]++, 0);
	return true;
}

/* lists while names come and go: those that stay are seen exactly once */
static void list_while_changing(struct ext4_fs *fs, struct ext4_id dir, uint32_t stay)
{
	struct seen seen = { calloc(1, stay), stay, 0, 0 };
	static unsigned extra;
	unsigned last = extra + 2 * stay;
	struct ext4_id id;
	char name[64];

	do {
		seen.left = 50;
		CHECK_EQ(ext4_readdir(fs, dir, seen.cookie, see, &seen), 0);
		for (int i = 0; i < 20 && extra < last; i++, extra++) {
			snprintf(name, sizeof(name), "extra-file-with-some-name-%u", extra);
			CHECK_EQ(name_create(fs, dir, name, S_IFREG, &id), 0);
			if (extra % 3 == 0)
				CHECK_EQ(name_remove(fs, dir, name), 0);
		}
	} while (seen.left == (unsigned)-1);
	for (uint32_t i = 0; i < stay; i++)
		CHECK_EQ(seen.names[i], 1);
	free(seen.names);
}

static bool take_name(void *ctx, const struct ext4_dirent *entry)
{
	if (entry->name[0] == '.')
		return true;
	memcpy(ctx, entry->name, entry->name_len);
	((char *)ctx)[entry->name_len] = 0;
	return false;
}

/* removes whatever the first listed name is, until there is none */
static void clear(struct ext4_fs *fs, struct ext4_id dir)
{
	char name[256];

	for (;;) {
		name[0] = 0;
		CHECK_EQ(ext4_readdir(fs, dir, 0, take_name, name), 0);
		if (!name[0])
			break;
		CHECK_EQ(name_remove(fs, dir, name), 0);
	}
}

static void test_directory(const char *options, const char *hash, uint32_t count)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id dir = { 0, 0 }, id;
	struct ext4_attr attr;
	char name[64];

	disk_make(&disk, "96M", options);
	CHECK(!shell("tune2fs -E hash_alg=%s %s >/dev/null", hash, disk.path));
	disk.env.cache_blocks = 256;
	fs = disk_mount(&disk);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR | 0755, &dir), 0);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-with-some-name-%u", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFREG | 0600, &id), 0);
		if (i == 10)
			list_while_changing(fs, dir, 10); /* one block becomes an index */
	}
	fs = disk_remount(&disk, fs);
	list_while_changing(fs, dir, count);
	fs = disk_remount(&disk, fs);
	CHECK_EQ(ext4_rmdir(fs, EXT4_ROOT, "dir", 3, &attr), -ENOTEMPTY);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-with-some-name-%u", i);
		CHECK_EQ(name_remove(fs, dir, name), 0);
	}
	clear(fs, dir);
	fs = disk_remount(&disk, fs);
	CHECK_EQ(ext4_rmdir(fs, EXT4_ROOT, "dir", 3, &attr), 0);
	CHECK_EQ(ext4_forget(fs, attr.id), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* fills the disk, with data and with directories; afterwards all of it comes back */
static void test_full(const char *options)
{
	struct ext4_statfs before, after;
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id, dir = { 0, 0 };
	uint8_t *data = calloc(1, 1 << 20);
	char name[300];
	int err = 0;
	unsigned files = 0;

	disk_make(&disk, "8M", options);
	fs = disk_mount(&disk);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "d", S_IFDIR, &dir), 0);
	ext4_statfs(fs, &before);
	id = file_make(fs, "fill");
	for (uint32_t at = 0; !err; at += (64 << 10) / before.block_size)
		err = file_write_blocks(&disk, fs, id, at, data, (64 << 10) / before.block_size,
					UINT64_MAX >> 16);
	CHECK_EQ(err, -ENOSPC);
	for (err = 0; !err; files++) {
		snprintf(name, sizeof(name), "%0240u", files);
		err = name_create(fs, dir, name, S_IFREG, &id);
	}
	CHECK_EQ(err, -ENOSPC);
	ext4_statfs(fs, &after);
	CHECK(after.blocks_free < 2 || !after.inodes_free);
	fs = disk_remount(&disk, fs);
	while (files--) {
		snprintf(name, sizeof(name), "%0240u", files);
		err = name_remove(fs, dir, name);
		CHECK(!err || err == -ENOENT);
	}
	CHECK_EQ(name_remove(fs, EXT4_ROOT, "fill"), 0);
	/* what was freed can be used at once */
	id = file_make(fs, "again");
	CHECK_EQ(file_write_blocks(&disk, fs, id, 0, data, (1 << 20) / before.block_size, 1 << 20), 0);
	CHECK_EQ(name_remove(fs, EXT4_ROOT, "again"), 0);
	ext4_statfs(fs, &after);
	CHECK(before.blocks_free - after.blocks_free < 200); /* the directory keeps its blocks */
	CHECK_EQ(after.inodes_free, before.inodes_free);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	free(data);
	disk_destroy(&disk);
}

static void test_links(void)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id = { 0, 0 }, dir = { 0, 0 };
	struct ext4_attr attr;
	char name[64];

	disk_make(&disk, "400M", "-t ext4 -N 70000");
	fs = disk_mount(&disk);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "links", S_IFDIR, &dir), 0);
	id = file_make(fs, "file");
	for (int i = 1; i < EXT4_LINK_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_EQ(ext4_link(fs, id, dir, name, strlen(name), &attr), 0);
	}
	CHECK_EQ(ext4_link(fs, id, dir, "more", 4, &attr), -EMLINK);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dirs", S_IFDIR, &dir), 0);
	for (int i = 0; i < EXT4_LINK_MAX + 10; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFDIR | 0755, &id), 0);
	}
	CHECK_EQ(ext4_getattr(fs, dir, &attr), 0);
	CHECK_EQ(attr.nlink, 1); /* too many to count */
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* a device that stops taking writes: an error, no more writes, and still readable */
static void test_write_error(void)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id;
	struct ext4_attr attr;
	char name[16];

	fs = disk_make_mounted(&disk, "8M", "-t ext4");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_EQ(name_create(fs, EXT4_ROOT, name, S_IFREG, &id), 0);
	}
	disk.fail_after = 1;
	CHECK_EQ(ext4_sync(fs), -EIO);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "more", S_IFREG, &id), -EROFS);
	CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, "7", 1, &attr), 0);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

/* no memory while it writes back: it says so, and the next time all is there */
static void test_no_memory(const char *options)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id;
	struct ext4_attr attr;
	char name[16];
	int err;

	fs = disk_make_mounted(&disk, "8M", options);
	for (int round = 0; round < 10; round++) {
		snprintf(name, sizeof(name), "%d", round);
		CHECK_EQ(name_create(fs, EXT4_ROOT, name, S_IFREG, &id), 0);
		disk.out_of_memory_after = round % 5;
		err = ext4_sync(fs);
		CHECK(err == -ENOMEM || err == 0);
		CHECK(err == -ENOMEM || round % 5); /* it does need memory */
		disk.out_of_memory_after = -1;
		CHECK_EQ(ext4_sync(fs), 0);
		disk_check(&disk);
		CHECK_EQ(ext4_lookup(fs, EXT4_ROOT, name, strlen(name), &attr), 0);
	}
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* two files that grow in turns: each stays in few pieces */
static void test_contiguous(void)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id a, b;
	struct ext4_run runs[64];
	uint8_t *block = calloc(1, 4096);

	disk_make(&disk, "64M", "-t ext4 -b 4096");
	fs = disk_mount(&disk);
	a = file_make(fs, "a");
	b = file_make(fs, "b");
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK_EQ(file_write_blocks(&disk, fs, a, i, block, 1, (i + 1) * 4096), 0);
		CHECK_EQ(file_write_blocks(&disk, fs, b, i, block, 1, (i + 1) * 4096), 0);
	}
	CHECK(ext4_map_read(fs, a, 0, 1000, runs, 64) < 16);
	CHECK(ext4_map_read(fs, b, 0, 1000, runs, 64) < 16);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	free(block);
	disk_destroy(&disk);
}

/* a file with preallocated, unwritten blocks, as fallocate makes under Linux */
static void test_unwritten(void)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_attr attr;
	uint8_t block[4096], read[4096];

	disk_make(&disk, "16M", "-t ext4 -b 4096");
	shell("echo x >/tmp/ext4-unit-x; debugfs -w -R 'write /tmp/ext4-unit-x f' %s 2>/dev/null >&2;"
	      "debugfs -w -R 'fallocate f 1 300' %s 2>/dev/null >&2;"
	      "debugfs -w -R 'sif f size 1232896' %s 2>/dev/null >&2; rm /tmp/ext4-unit-x",
	      disk.path, disk.path, disk.path);
	disk_check(&disk);
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "f", &attr), 0);
	CHECK_EQ(attr.size, 301 * 4096);
	for (uint32_t at = 2; at <= 300; at += 3) {
		memset(block, (int)at, sizeof(block));
		CHECK_EQ(file_write_blocks(&disk, fs, attr.id, at, block, 1, attr.size), 0);
	}
	fs = disk_remount(&disk, fs);
	for (uint32_t at = 1; at <= 300; at++) {
		CHECK_EQ(file_read(&disk, fs, attr.id, at * 4096ull, read, sizeof(read)), 0);
		CHECK_EQ(read[9], at % 3 == 2 ? (uint8_t)at : 0);
	}
	CHECK_EQ(name_remove(fs, EXT4_ROOT, "f"), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* a file of more than 2 GiB says so in the superblock, whether it was written or cut to that size */
static void test_large_file(bool write)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_id id;
	struct ext4_attr attr = { .size = 1ull << 31 };
	uint8_t block[1024] = { 1 };

	disk_make(&disk, "4M", "-t ext4 -b 1024 -O ^large_file,^has_journal,^resize_inode");
	fs = disk_mount(&disk);
	id = file_make(fs, "large");
	if (write)
		CHECK_EQ(file_write_blocks(&disk, fs, id, (1u << 21) - 1, block, 1, 1ull << 31), 0);
	else
		CHECK_EQ(ext4_setattr(fs, id, EXT4_SET_SIZE, &attr, &attr), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

int main(void)
{
	test_large_file(true);
	test_large_file(false);
	test_fragmented("-t ext4 -b 1024", 30000);
	test_fragmented("-t ext4 -b 4096", 5000);
	test_directory("-t ext4 -b 1024 -N 60000", "half_md4", 12000);
	test_directory("-t ext4 -b 4096 -N 60000", "half_md4", 12000);
	test_directory("-t ext4 -b 1024 -O ^dir_index -N 8000", "half_md4", 1000);
	test_directory("-t ext4 -b 1024 -O ^metadata_csum -N 60000", "tea", 5000);
	test_full("-t ext4 -b 1024 -N 512");
	test_full("-t ext4 -b 1024 -N 20000");
	test_full("-t ext4 -b 4096 -O ^has_journal");
	test_links();
	test_write_error();
	test_no_memory("-t ext4");
	test_no_memory("-t ext4 -O ^has_journal");
	test_contiguous();
	test_unwritten();
	return check_result();
}
