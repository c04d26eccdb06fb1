// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib -Wno-unused-function
/*
 * Hostile disks: damage to the metadata, then a visit of everything and a number of changes.  Any result is
 * right, except a crash, a hang, an access outside of the disk, a leak, or a write after a corruption was
 * found.
 *
 * The input says which disk, what is damaged, and how the visit goes.  Most of the disks have no checksums, so
 * that the damage is believed at first.
 */
#include "fuzz.h"
#include "../unit/ext4_disk.h"
#include "ext4/internal.h"

#define MAX_VISITS 24
#define DISK_SIZE  "4M"

static const char *const options[] = {
	"-t ext4 -b 1024 -O ^metadata_csum,^has_journal -N 256",
	"-t ext4 -b 1024 -O ^has_journal -N 256",
	"-t ext4 -b 1024 -O ^metadata_csum,^64bit,^has_journal -g 1024 -N 512",
	"-t ext4 -b 1024 -O ^metadata_csum -J size=1 -N 256", /* with a log to recover */
	"-t ext2 -b 1024 -N 256",
	"-t ext4 -b 4096 -O ^metadata_csum,uninit_bg,^has_journal -N 256",
	"-t ext4 -b 2048 -O ^has_journal -N 256",
};

#define NR_DISKS (sizeof(options) / sizeof(options[0]))

static struct disk disks[NR_DISKS];
static uint8_t *pristine[NR_DISKS];
static uint32_t *interesting[NR_DISKS]; /* pieces of 16 bytes that are not all zero */
static uint32_t nr_interesting[NR_DISKS];

static struct ext4_id visited[MAX_VISITS];
static unsigned nr_visited;

static void populate(struct disk *disk, uint8_t *snapshot)
{
	struct ext4_fs *fs = disk_mount(disk);
	struct ext4_id dir, id;
	char name[64];
	uint8_t block[4096] = { 0 };

	for (int d = 0; d < 3; d++) {
		snprintf(name, sizeof(name), "dir%d", d);
		CHECK_EQ(name_create(fs, EXT4_ROOT, name, S_IFDIR | 0755, &dir), 0);
		for (int i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "a-file-with-quite-some-name-%d", i);
			CHECK_EQ(name_create(fs, dir, name, S_IFREG | 0644, &id), 0);
			for (uint32_t at = 0; i < 3 && d == 0 && at < 400; at += 2)
				if (file_write_blocks(disk, fs, id, at, block, 1, 1 << 20))
					break;
		}
	}
	CHECK_EQ(ext4_sync(fs), 0);
	/* as after a power cut now: the log holds a transaction */
	memcpy(snapshot, disk->data, disk->size);
	CHECK_EQ(ext4_unmount(fs), 0);
}

static void interesting_find(unsigned which)
{
	static const uint8_t zeroes[16];
	uint32_t nr_pieces = (uint32_t)(disks[which].size / 16);

	interesting[which] = malloc(nr_pieces * sizeof(uint32_t));
	for (uint32_t i = 0; i < nr_pieces; i++)
		if (memcmp(pristine[which] + i * 16ul, zeroes, 16))
			interesting[which][nr_interesting[which]++] = i;
}

static void disks_make(void)
{
	char tree[] = "/tmp/ext4-tree-XXXXXX";
	char all[512];

	CHECK_OR_STOP(mkdtemp(tree));
	shell("cd %s && mkdir -p x/y/z && echo 1 >x/1 && ln -s $(printf '%%0100d' 7) x/link && "
	      "ln -s short x/short && mknod x/null c 1 3 && head -c 300000 /dev/zero >x/y/old; "
	      "for i in $(seq 60); do : >x/y/z/some-name-of-file-$i; done",
	      tree);
	for (unsigned i = 0; i < NR_DISKS; i++) {
		snprintf(all, sizeof(all), "%s -d %s", options[i], tree);
		disk_make(&disks[i], DISK_SIZE, all);
		shell("e2fsck -fyD %s >/dev/null 2>&1", disks[i].path);
		pristine[i] = malloc(disks[i].size);
		memcpy(pristine[i], disks[i].data, disks[i].size);
		if (!strstr(options[i], "ext2"))
			populate(&disks[i], pristine[i]);
		disks[i].quiet = true;
		disks[i].env.cache_blocks = 64;
		unlink(disks[i].path);
		interesting_find(i);
	}
	shell("rm -rf %s", tree);
}

static void damage_byte(struct disk *disk, uint64_t offset, uint8_t how, uint8_t value)
{
	static const uint8_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };

	switch (how % 3) {
	case 0:
		disk->data[offset] = value;
		break;
	case 1:
		disk->data[offset] = values[value % sizeof(values)];
		break;
	default:
		disk->data[offset] ^= (uint8_t)(1u << value % 8);
	}
}

/* a place where something is */
static uint64_t take_offset(struct input *input, unsigned which)
{
	uint32_t piece = take_u32(input);

	return interesting[which][piece % nr_interesting[which]] * 16ull + (piece >> 28);
}

/* a block takes the place of another */
static void damage_block(struct disk *disk, uint64_t from, uint64_t to)
{
	memmove(disk->data + (to & ~1023ull), disk->data + (from & ~1023ull), 1024);
}

static void damage(struct input *input, unsigned which)
{
	struct disk *disk = &disks[which];
	unsigned count = 1 + take_u8(input) % 12;

	while (count--) {
		uint8_t kind = take_u8(input), value = take_u8(input);

		if (kind % 20 == 0) /* the superblock */
			damage_byte(disk, 1024 + take_u16(input) % 1024, kind / 20, value);
		else if (kind % 20 == 1) /* the groups */
			damage_byte(disk, 2048 + take_u16(input) % 2048, kind / 20, value);
		else if (kind % 20 == 2)
			damage_block(disk, take_offset(input, which), take_offset(input, which));
		else
			damage_byte(disk, take_offset(input, which), kind / 20, value);
	}
}

static bool remember(void *ctx, const struct ext4_dirent *entry)
{
	struct ext4_fs *fs = ctx;

	(void)fs;
	if (nr_visited < MAX_VISITS)
		visited[nr_visited++] = (struct ext4_id){ entry->ino, 0 };
	return nr_visited < MAX_VISITS;
}

struct names {
	unsigned count;
	char name[16][256];
	uint8_t len[16];
};

static bool take_names(void *ctx, const struct ext4_dirent *entry)
{
	struct names *names = ctx;
	unsigned slot = names->count < 16 ? names->count : random_below(16);

	memcpy(names->name[slot], entry->name, entry->name_len);
	names->len[slot] = entry->name_len;
	names->count++;
	return names->count < 200;
}

static void visit_file(struct ext4_fs *fs, struct ext4_id id)
{
	struct ext4_run runs[8];
	char target[4096];
	uint32_t at = 0;

	ext4_readlink(fs, id, target, sizeof(target));
	for (int i = 0; i < 20; i++) {
		int count = ext4_map_read(fs, id, at, 1000, runs, 8);

		if (count <= 0)
			break;
		for (int r = 0; r < count; r++)
			at += runs[r].count;
	}
}

static void change_file(struct disk *disk, struct ext4_fs *fs, struct ext4_id id)
{
	static const uint8_t data[8 * 4096];
	struct ext4_attr attr = { .size = random_below(3) ? random_below(400000) : 0 };

	(void)disk;
	if (random_below(2))
		file_write_blocks(disk, fs, id, random_below(500), data, 1 + random_below(8), 500000);
	if (random_below(2))
		ext4_setattr(fs, id, EXT4_SET_SIZE, &attr, &attr);
}

static void change_dir(struct ext4_fs *fs, struct ext4_id dir, struct ext4_id other)
{
	struct names names = { 0 };
	struct ext4_attr attr;
	struct ext4_id id;
	char name[64];

	ext4_readdir(fs, dir, 0, take_names, &names);
	for (unsigned i = 0; i < 16 && i < names.count; i++) {
		if (ext4_lookup(fs, dir, names.name[i], names.len[i], &attr))
			continue;
		if (random_below(4) == 0 && !ext4_unlink(fs, dir, names.name[i], names.len[i], &attr) &&
		    !attr.nlink)
			ext4_forget(fs, attr.id);
		if (random_below(4) == 0)
			ext4_rmdir(fs, dir, names.name[i], names.len[i], &attr);
		if (random_below(4) == 0)
			ext4_rename(fs, dir, names.name[i], names.len[i], other, "moved", 5, random_below(3),
				    &attr);
	}
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "some-long-name-for-a-new-thing-%u", random_below(10000));
		name_create(fs, dir, name, random_below(3) ? S_IFREG : S_IFDIR, &id);
	}
}

static void visit(struct disk *disk, struct ext4_fs *fs)
{
	struct ext4_attr attr;

	nr_visited = 1;
	visited[0] = EXT4_ROOT;
	for (unsigned i = 0; i < nr_visited; i++) {
		/* the generation is the disk's secret: look into the table, as posix would get it
		 * from a lookup */
		struct ext4_id id = visited[i];
		struct inode inode;

		if (i && !inode_get(fs, id.ino, &inode)) {
			id.gen = inode.raw->i_generation;
			inode_put(&inode);
		}
		visited[i] = id;
		if (ext4_getattr(fs, id, &attr))
			continue;
		if (S_ISDIR(attr.mode))
			ext4_readdir(fs, id, random_below(2) ? 0 : random_next() >> 1, remember, fs);
		else
			visit_file(fs, id);
		if (random_below(3) == 0)
			S_ISDIR(attr.mode) ? change_dir(fs, id, visited[random_below(nr_visited)])
					   : change_file(disk, fs, id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	unsigned which = take_u8(&input) % NR_DISKS;
	struct disk *disk = &disks[which];
	struct ext4_fs *fs;

	if (!pristine[0])
		disks_make();
	memcpy(disk->data, pristine[which], disk->size);
	random_state = (take_u32(&input) + 1ull) * 0x9e3779b97f4a7c15ull;
	damage(&input, which);
	if (ext4_mount(&disk->env, random_below(8) ? 0 : EXT4_MOUNT_RDONLY, &fs) == 0) {
		visit(disk, fs);
		ext4_sync(fs);
		visit(disk, fs);
		ext4_unmount(fs);
	}
	EXPECT(disk->nr_allocated == 0);
	EXPECT(disk->nr_locked == 0);
	EXPECT(!check_failures);
	return 0;
}
