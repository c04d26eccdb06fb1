// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/*
 * Power cuts.  A run's writes are recorded; then for many moments the disk is made as it was at
 * that moment, also with writes since the last flush missing at random, as a disk's cache loses
 * them. Recovered by the library, or by e2fsck, each such disk is consistent, and holds all that
 * was synced before.  And the other way: what debugfs wrote to a journal, the library recovers.
 */
#include "ext4_disk.h"
#include "ext4/journal.h"

#define MAX_WRITES 60000
#define NR_FILES   300

static struct {
	uint64_t offset;
	uint32_t len; /* 0: a flush */
	uint8_t *data;
} writes[MAX_WRITES];

static unsigned nr_writes;
static unsigned nr_recovered; /* disks with something in the journal */
static unsigned flushes_until_failure;

/* moments, as numbers of writes; 0: never */
static struct {
	unsigned created, created_synced; /* before, and certainly after */
	unsigned removed, removed_synced;
	uint32_t size;
} files[NR_FILES];

/* a block each, since a cut may come between two of them, and one be lost without the other */
static int record_write(void *ctx, uint64_t offset, const void *buf, size_t len)
{
	const struct ext4_super *sb = (const void *)(((struct disk *)ctx)->data + EXT4_SUPER_OFFSET);
	uint32_t piece = 0, block_size = 1024u << sb->s_log_block_size;

	for (size_t at = 0; at < len; at += piece) {
		piece = (uint32_t)MIN(len - at, block_size);
		CHECK_OR_STOP(nr_writes < MAX_WRITES);
		writes[nr_writes].offset = offset + at;
		writes[nr_writes].len = piece;
		writes[nr_writes].data = malloc(piece);
		memcpy(writes[nr_writes++].data, (const uint8_t *)buf + at, piece);
	}
	return disk_write(ctx, offset, buf, len);
}

static int record_flush(void *ctx)
{
	(void)ctx;
	if (flushes_until_failure && !--flushes_until_failure)
		return -ENOMEM;
	CHECK_OR_STOP(nr_writes < MAX_WRITES);
	writes[nr_writes++].len = 0;
	return 0;
}

static void file_name(char *name, unsigned i)
{
	sprintf(name, "file-%u", i);
}

static void file_fill(uint8_t *data, unsigned i, uint32_t size)
{
	for (uint32_t at = 0; at < size; at++)
		data[at] = (uint8_t)(i * 31 + at % 251 + 1);
}

static void file_make(struct disk *disk, struct ext4_fs *fs, struct ext4_id dir, unsigned i)
{
	static uint8_t data[128 * 1024];
	uint32_t bs = disk_block_size(fs);
	struct ext4_id id = { 0, 0 };
	char name[32];

	files[i].size = random_below(4) ? random_below(9000) : random_below(100000);
	memset(data, 0, sizeof(data));
	file_fill(data, i, files[i].size);
	file_name(name, i);
	files[i].created = nr_writes + 1;
	CHECK_EQ(name_create(fs, dir, name, S_IFREG | 0644, &id), 0);
	CHECK_EQ(file_write_blocks(disk, fs, id, 0, data, (files[i].size + bs - 1) / bs, files[i].size), 0);
}

static void synced(void)
{
	for (unsigned i = 0; i < NR_FILES; i++) {
		if (files[i].created && !files[i].created_synced)
			files[i].created_synced = nr_writes;
		if (files[i].removed && !files[i].removed_synced)
			files[i].removed_synced = nr_writes;
	}
}

static void run(struct disk *disk)
{
	struct ext4_fs *fs;
	struct ext4_id dir = { 0, 0 };
	char name[32];

	disk->env.write = record_write;
	disk->env.flush = record_flush;
	disk->env.cache_blocks = 128;
	fs = disk_mount(disk);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR | 0755, &dir), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	for (unsigned i = 0; i < NR_FILES; i++) {
		unsigned old = random_below(i + 1);

		file_make(disk, fs, dir, i);
		if (random_below(2) && files[old].created && !files[old].removed) {
			file_name(name, old);
			files[old].removed = nr_writes + 1;
			CHECK_EQ(name_remove(fs, dir, name), 0);
		}
		if (random_below(15) == 0) {
			CHECK_EQ(ext4_sync(fs), 0);
			synced();
		}
	}
	CHECK_EQ(ext4_unmount(fs), 0);
	synced();
	disk->env.write = disk_write;
	disk->env.flush = disk_flush;
}

/* the disk at the moment before write number `cut` */
static void disk_cut(struct disk *disk, const uint8_t *before, unsigned cut, bool lossy)
{
	unsigned nr_flushed = 0;

	memcpy(disk->data, before, disk->size);
	for (unsigned i = 0; i < cut; i++)
		if (!writes[i].len)
			nr_flushed = i + 1;
	for (unsigned i = 0; i < cut; i++) {
		if (!writes[i].len || (lossy && i >= nr_flushed && random_below(2)))
			continue;
		memcpy(disk->data + writes[i].offset, writes[i].data, writes[i].len);
	}
}

static void file_check(struct disk *disk, struct ext4_fs *fs, struct ext4_id dir, unsigned i, unsigned cut)
{
	static uint8_t want[128 * 1024], have[128 * 1024];
	struct ext4_attr attr;
	char name[32];
	int err;

	file_name(name, i);
	err = ext4_lookup(fs, dir, name, strlen(name), &attr);
	if (files[i].created_synced && files[i].created_synced <= cut &&
	    (!files[i].removed || files[i].removed > cut)) {
		CHECK_EQ(err, 0);
		CHECK_EQ(attr.size, files[i].size);
	}
	if (!files[i].created || files[i].created > cut + 1 ||
	    (files[i].removed_synced && files[i].removed_synced <= cut))
		CHECK_EQ(err, -ENOENT);
	if (err)
		return;
	CHECK_OR_STOP(attr.size <= files[i].size);
	file_fill(want, i, (uint32_t)attr.size);
	CHECK_EQ(file_read(disk, fs, attr.id, 0, have, attr.size), 0);
	CHECK(!memcmp(want, have, attr.size)); /* never somebody else's old data */
}

static void recover_and_check(struct disk *disk, unsigned cut)
{
	struct ext4_fs *fs;
	struct ext4_attr attr;

	disk->last_log[0] = 0;
	fs = disk_mount(disk);
	nr_recovered += !strncmp(disk->last_log, "recovered", 9);
	if (path_find(fs, "dir", &attr) == 0)
		for (unsigned i = 0; i < NR_FILES; i++)
			file_check(disk, fs, attr.id, i, cut);
	else
		CHECK(!files[0].created_synced || files[0].created_synced > cut);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(disk);
}

static void cuts_end(struct disk *disk, uint8_t *before)
{
	for (unsigned i = 0; i < nr_writes; i++)
		free(writes[i].len ? writes[i].data : NULL);
	free(before);
	disk_destroy(disk);
}

static void test_cuts(const char *options, unsigned cuts)
{
	struct disk disk;
	uint8_t *before;

	nr_writes = 0;
	memset(files, 0, sizeof(files));
	disk_make(&disk, "24M", options);
	disk.quiet = true;
	before = malloc(disk.size);
	memcpy(before, disk.data, disk.size);
	run(&disk);
	disk_check(&disk);
	for (unsigned i = 0; i < cuts && !check_failures; i++) {
		unsigned cut = random_below(nr_writes + 1);

		disk_cut(&disk, before, cut, random_below(2));
		if (i % 3 == 0) /* e2fsck's own recovery must understand it, too */
			CHECK_OR_STOP(!shell("e2fsck -E journal_only -y %s >/dev/null 2>&1", disk.path));
		recover_and_check(&disk, cut);
		if (check_failures)
			fprintf(stderr, "%s: cut at %u of %u\n", options, cut, nr_writes);
	}
	cuts_end(&disk, before);
}

/* What the cut at `cut` left, after an in-place write-back of `b`: clean only if it is consistent. */
static void oversized_check(struct disk *disk, unsigned cut, unsigned end)
{
	bool clean = disk->data[1024 + 0x3a] & EXT4_STATE_VALID;
	struct ext4_fs *fs = disk_mount(disk);
	struct ext4_attr attr;

	CHECK_EQ(path_find(fs, "dir/a", &attr), 0);
	if (cut == end)
		CHECK_EQ(path_find(fs, "dir/b", &attr), 0);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(clean || cut < end);
	if (clean)
		disk_check(disk);
}

/* Changes that are larger than the log are written in place, and recovery does not undo them. */
static void test_oversized(const char *options)
{
	struct ext4_id dir = { 0, 0 }, file = { 0, 0 };
	struct disk disk;
	struct ext4_fs *fs;
	uint8_t *before;
	unsigned end;

	nr_writes = 0;
	fs = disk_make_mounted(&disk, "24M", options);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR | 0755, &dir), 0);
	CHECK_EQ(name_create(fs, dir, "a", S_IFREG | 0644, &file), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	before = malloc(disk.size);
	memcpy(before, disk.data, disk.size);
	fs->journal->max_len = fs->journal->first + 2;
	disk.env.write = fs->env.write = record_write;
	disk.env.flush = fs->env.flush = record_flush;
	CHECK_EQ(name_create(fs, dir, "b", S_IFREG | 0644, &file), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	end = nr_writes;
	CHECK_OR_STOP(end);
	disk.env.write = fs->env.write = disk_write;
	disk.env.flush = fs->env.flush = disk_flush;
	CHECK_EQ(ext4_unmount(fs), 0);
	for (unsigned i = 0; i < 4 * end && !check_failures; i++) {
		unsigned cut = end - i / 4;

		disk_cut(&disk, before, cut, i % 4);
		oversized_check(&disk, cut, end);
		if (check_failures)
			fprintf(stderr, "%s: oversized: cut at %u of %u\n", options, cut, end);
	}
	cuts_end(&disk, before);
}

/*
 * A transaction of which the log had a part, or all of it but for the certainty, when memory ran out.  What is written
 * again is another one, of the same blocks: recovery never takes the end of the first for the end of the second.
 */
static void test_written_again(const char *options, unsigned failing_flush)
{
	struct ext4_id dir = { 0, 0 }, file = { 0, 0 };
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_attr attr;
	uint8_t *before;

	nr_writes = 0;
	fs = disk_make_mounted(&disk, "24M", options);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR | 0755, &dir), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	before = malloc(disk.size);
	memcpy(before, disk.data, disk.size);
	disk.env.write = fs->env.write = record_write;
	disk.env.flush = fs->env.flush = record_flush;
	CHECK_EQ(name_create(fs, dir, "a", S_IFREG | 0644, &file), 0);
	flushes_until_failure = failing_flush;
	CHECK_EQ(ext4_sync(fs), -ENOMEM);
	CHECK_EQ(name_create(fs, dir, "b", S_IFREG | 0644, &file), 0);
	CHECK_EQ(ext4_sync(fs), 0);
	CHECK_EQ(ext4_committed(fs) + 1, ext4_transaction(fs));
	disk.env.write = fs->env.write = disk_write;
	disk.env.flush = fs->env.flush = disk_flush;
	CHECK_EQ(ext4_unmount(fs), 0);
	for (unsigned i = 0; i < 3 * nr_writes && !check_failures; i++) {
		disk_cut(&disk, before, nr_writes - i / 3, i % 3);
		fs = disk_mount(&disk);
		CHECK_EQ(path_find(fs, "dir", &attr), 0);
		if (i < 3)
			CHECK_EQ(path_find(fs, "dir/b", &attr), 0);
		CHECK_EQ(ext4_unmount(fs), 0);
		disk_check(&disk);
		if (check_failures)
			fprintf(stderr, "%s: written again: cut at %u of %u\n", options, nr_writes - i / 3,
				nr_writes);
	}
	cuts_end(&disk, before);
}

/* what debugfs wrote to a journal: two blocks of 'y's, and that the first of them is revoked */
static void test_foreign_journal(const char *options, const char *open_options)
{
	struct disk disk;
	struct ext4_fs *fs;
	uint8_t block[1024];

	disk_make(&disk, "24M", options);
	memset(block, 'y', sizeof(block));
	CHECK(!shell("head -c 2048 /dev/zero | tr '\\0' y >%s.data && "
		     "printf 'jo %s\\njw -b 15000,15001 %s.data\\njw -r 15000\\njc\\n' | "
		     "debugfs -w -f - %s >/dev/null 2>&1; rm %s.data",
		     disk.path, open_options, disk.path, disk.path, disk.path));
	CHECK(disk.data[1024 + 0x60] & EXT4_INCOMPAT_RECOVER);
	disk.quiet = true;
	fs = disk_mount(&disk);
	CHECK(strstr(disk.last_log, "recovered: 1 blocks"));
	CHECK(memcmp(disk.data + 15000 * 1024, block, 1024)); /* revoked */
	CHECK(!memcmp(disk.data + 15001 * 1024, block, 1024));
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK(!(disk.data[1024 + 0x60] & EXT4_INCOMPAT_RECOVER));
	disk_check(&disk);
	disk_destroy(&disk);
}

int main(int argc, char **argv)
{
	unsigned cuts = argc > 1 ? (unsigned)atoi(argv[1]) : 40;

	random_state += argc > 2 ? strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ull : 0;
	test_foreign_journal("-t ext4 -b 1024", "");
	test_foreign_journal("-t ext4 -b 1024", "-c -v 2");
	test_foreign_journal("-t ext4 -b 1024", "-c -v 3");
	test_foreign_journal("-t ext4 -b 1024 -O ^64bit", "-c -v 3");
	test_cuts("-t ext4 -b 1024 -J size=4", cuts);
	test_cuts("-t ext4 -b 4096 -J size=4", cuts);
	test_cuts("-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit", cuts);
	CHECK(nr_recovered > cuts);
	for (unsigned flush = 1; flush <= 2; flush++) {
		test_written_again("-t ext4 -b 1024 -J size=1", flush);
		test_written_again("-t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit", flush);
	}
	test_oversized("-t ext4 -b 1024 -J size=1");
	test_oversized("-t ext4 -b 4096 -J size=4");
	return check_result();
}
