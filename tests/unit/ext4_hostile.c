// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/* Disks made wrong on purpose, in one place each, that the fuzzer would take long to come upon. */
#include "ext4_disk.h"
#include "ext4/internal.h"

#define NR_NAMES 200
#define OPTIONS  "-t ext4 -b 1024 -O ^metadata_csum,^has_journal -N 512"

static struct disk disk;

static uint8_t *disk_block(struct ext4_fs *fs, const char *path, uint32_t logical)
{
	struct ext4_attr attr;
	struct ext4_run run;
	struct inode inode;

	CHECK_EQ(path_find(fs, path, &attr), 0);
	CHECK_OR_STOP(!inode_get(fs, attr.id.ino, &inode));
	CHECK_OR_STOP(!map_lookup(&inode, logical, &run) && !run.flags);
	inode_put(&inode);
	return disk.data + run.physical * 1024;
}

static struct ext4_id dir_make(struct ext4_fs *fs, unsigned nr_names)
{
	struct ext4_id dir = { 0, 0 }, id;
	char name[64];

	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR, &dir), 0);
	for (unsigned i = 0; i < nr_names; i++) {
		snprintf(name, sizeof(name), "a-name-of-some-length-%u", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFREG, &id), 0);
	}
	CHECK_EQ(ext4_sync(fs), 0);
	ext4_shrink(fs);
	return dir;
}

static bool ignore(void *ctx, const struct ext4_dirent *entry)
{
	(void)ctx;
	(void)entry;
	return true;
}

/* a name of no characters in the last bytes of a block: nothing behind it is looked at */
static void test_empty_name(void)
{
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id dir;
	struct dirent_head *entry;
	uint8_t *block;
	uint32_t at = 0;

	fs = disk_make_mounted(&disk, "4M", OPTIONS);
	dir = dir_make(fs, 1);
	block = disk_block(fs, "dir", 0);
	ext4_shrink(fs);
	for (entry = (void *)block; at + entry->rec_len < 1024; entry = (void *)(block + at))
		at += entry->rec_len;
	entry->rec_len = (uint16_t)(1024 - 8 - at);
	*(struct dirent_head *)(block + 1024 - 8) = (struct dirent_head){ 2, 8, 0, 2 };
	CHECK_EQ(ext4_lookup(fs, dir, "none", 4, &attr), -ENOENT);
	CHECK_EQ(ext4_readdir(fs, dir, 0, ignore, NULL), -EUCLEAN);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

/* an index whose entries all lead to one leaf, each as if it went on with the hash of the name sought */
static void test_maze(void)
{
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id dir;
	struct dx_entry *entries;
	struct dx_hash hash;
	uint8_t *block;

	fs = disk_make_mounted(&disk, "4M", OPTIONS);
	dir = dir_make(fs, NR_NAMES);
	block = disk_block(fs, "dir", 0);
	entries = (void *)(block + DX_ROOT_OFFSET);
	CHECK_EQ(dx_hash(fs, dx_effective_version(fs, dx_default_version(fs)), "none", 4, &hash), 0);
	ext4_shrink(fs);
	dx_set_count(entries, dx_limit(entries));
	for (uint32_t i = 1; i < dx_limit(entries); i++)
		entries[i] = (struct dx_entry){ hash.major | 1, 1 };
	CHECK_EQ(ext4_lookup(fs, dir, "none", 4, &attr), -EUCLEAN);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

/* a size whose last block would have the number 2^32 */
static void test_size(void)
{
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id id;

	fs = disk_make_mounted(&disk, "4M", OPTIONS);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "f", S_IFREG, &id), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!shell("debugfs -w -R 'sif f size 4398046510080' %s 2>/dev/null >&2", disk.path));
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "f", &attr), 0);
	CHECK_EQ(attr.size, UINT32_MAX * 1024ull);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!shell("debugfs -w -R 'sif f size 4398046510081' %s 2>/dev/null >&2", disk.path));
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "f", &attr), -EUCLEAN);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

/* an index that is none any more: its blocks take no names, which would cost them their checksums */
static void test_index_without_feature(void)
{
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id dir, id;
	char name[64];

	disk_make(&disk, "4M", "-t ext4 -b 1024 -O ^has_journal -N 512");
	fs = disk_mount(&disk);
	dir_make(fs, NR_NAMES);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!shell("debugfs -w -R 'feature -dir_index' %s >/dev/null 2>&1", disk.path));
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "dir", &attr), 0);
	dir = attr.id;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "new-name-%d", i);
		CHECK_EQ(name_create(fs, dir, name, S_IFREG, &id), 0);
	}
	CHECK_EQ(ext4_unmount(fs), 0);
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "dir/new-name-19", &attr), 0);
	CHECK_EQ(path_find(fs, "dir/a-name-of-some-length-7", &attr), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_destroy(&disk);
}

/* the entry of a name in the root: somebody writes to it behind the library's back */
static struct dirent_head *root_entry(struct ext4_fs *fs, const char *name)
{
	uint8_t *block = disk_block(fs, "", 0);
	struct dirent_head *entry = (void *)block;

	ext4_shrink(fs);
	while (strncmp(entry->name, name, strlen(name)))
		entry = (void *)((uint8_t *)entry + entry->rec_len);
	return entry;
}

/* A superblock that somebody wrote over a mounted one: what is computed with stays what was checked. */
static void test_superblock_changes(const char *options, bool sealed)
{
	struct ext4_super *sb, other;
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id id;

	fs = disk_make_mounted(&disk, "4M", options);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "f", S_IFREG, &id), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	root_entry(fs, "f")->inode = UINT32_MAX;
	sb = (void *)(disk.data + 1024);
	sb->s_inodes_count = UINT32_MAX;
	sb->s_log_block_size = 2;
	other = *sb;
	CHECK_EQ(path_find(fs, "f", &attr), -EUCLEAN);
	CHECK_EQ(ext4_getattr(fs, (struct ext4_id){ 1 << 30, 0 }, &attr), -ESTALE);
	CHECK_EQ(ext4_getattr(fs, EXT4_ROOT, &attr), 0);
	if (sealed)
		CHECK(!memcmp(sb, &other, sizeof(other))); /* not made right by a new checksum */
	else
		CHECK(sb->s_state & EXT4_STATE_ERROR && sb->s_error_count == 1);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

/* The mark that a disk needs e2fsck is there also after the recovery of what went before, whoever recovers. */
static void test_mark_survives_recovery(bool by_e2fsck)
{
	const struct ext4_super *sb;
	struct ext4_attr attr;
	struct ext4_fs *fs;
	struct ext4_id id;

	fs = disk_make_mounted(&disk, "24M", "-t ext4 -b 1024");
	CHECK_EQ(name_create(fs, EXT4_ROOT, "f", S_IFREG, &id), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	root_entry(fs, "f")->inode = UINT32_MAX;
	CHECK_EQ(path_find(fs, "f", &attr), -EUCLEAN);
	CHECK(ext4_unmount(fs) < 0);
	sb = (const void *)(disk.data + 1024);
	CHECK(sb->s_state & EXT4_STATE_ERROR && sb->s_error_count == 1);
	CHECK(sb->s_feature_incompat & EXT4_INCOMPAT_RECOVER);
	if (by_e2fsck)
		shell("e2fsck -E journal_only -p %s >/dev/null", disk.path);
	else
		CHECK_EQ(ext4_unmount(disk_mount(&disk)), 0);
	CHECK(!(sb->s_feature_incompat & EXT4_INCOMPAT_RECOVER));
	CHECK(sb->s_state & EXT4_STATE_ERROR);
	CHECK(by_e2fsck || sb->s_error_count == 1);
	CHECK_EQ(shell("e2fsck -p %s >/dev/null", disk.path), 0);
	CHECK(!(sb->s_state & EXT4_STATE_ERROR));
	disk_check(&disk);
	disk_destroy(&disk);
}

/* Orphans that have names and no blocks: what lies in the place of their map stays. */
static void test_named_orphans(void)
{
	struct ext4_new node = { .mode = S_IFCHR | 0600, .major = 1, .minor = 200 };
	struct ext4_attr attr;
	struct ext4_fs *fs;
	char target[80];

	fs = disk_make_mounted(&disk, "4M", OPTIONS);
	CHECK_EQ(ext4_create(fs, EXT4_ROOT, "node", 4, &node, &attr), 0);
	CHECK_EQ(ext4_create(fs, EXT4_ROOT, "link", 4,
			     &(struct ext4_new){ .mode = S_IFLNK | 0777, .target = "here", .target_len = 4 },
			     &attr),
		 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!shell("printf 'sif link size 0\nsif node dtime @%u\nssv last_orphan %u\n' |"
		     "debugfs -w -f - %s >/dev/null 2>&1",
		     attr.id.ino, attr.id.ino - 1, disk.path));
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "node", &attr), 0);
	CHECK(attr.major == 1 && attr.minor == 200);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!shell("debugfs -w -R 'sif link size 4' %s >/dev/null 2>&1", disk.path));
	fs = disk_mount(&disk);
	CHECK_EQ(path_find(fs, "link", &attr), 0);
	CHECK_EQ(ext4_readlink(fs, attr.id, target, sizeof(target)), 4);
	CHECK(!memcmp(target, "here", 4));
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* Counts that would outgrow their group: found when they would, not when the disk is read again. */
static void test_counts(void)
{
	struct ext4_group_desc *desc;
	struct ext4_fs *fs = NULL;
	struct ext4_id id;

	fs = disk_make_mounted(&disk, "4M",
			       "-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg,^has_journal,^64bit -N 512");
	CHECK_EQ(fs->nr_groups, 1);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "f", S_IFREG, &id), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	desc = (void *)(disk.data + 2048);
	CHECK_EQ(desc->bg_used_dirs_lo, 2);
	desc->bg_free_inodes_lo = 511;
	CHECK_EQ(ext4_mount(&disk.env, 0, &fs), -EUCLEAN); /* with the directories, more than there are */
	desc->bg_free_inodes_lo = 510;
	fs = disk_mount(&disk);
	CHECK_EQ(name_remove(fs, EXT4_ROOT, "f"), -EUCLEAN);
	CHECK(fs->groups[0].free_inodes == 510);
	CHECK(ext4_unmount(fs) < 0);
	disk_destroy(&disk);
}

int main(void)
{
	test_superblock_changes(OPTIONS, false);
	test_superblock_changes("-t ext4 -b 1024 -O ^has_journal -N 512", true);
	test_mark_survives_recovery(false);
	test_mark_survives_recovery(true);
	test_named_orphans();
	test_counts();
	test_index_without_feature();
	test_empty_name();
	test_maze();
	test_size();
	return check_result();
}
