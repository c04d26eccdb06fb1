// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/*
 * What mke2fs -d, debugfs and e2fsck -D wrote reads back equal: trees, links, devices, large and
 * sparse files, indexed directories, files with the old block map; with all block sizes.
 */
#include "ext4_disk.h"
#include "ext4/internal.h"

#include <dirent.h>
#include <sys/sysmacros.h>

static char tree[] = "/tmp/ext4-tree-XXXXXX";

static void tree_make(void)
{
	CHECK_OR_STOP(mkdtemp(tree));
	CHECK_OR_STOP(
		!shell("cd %s && mkdir -p a/b/c empty many && echo hello >a/b/c/hello && : >a/nothing && "
		       "head -c 3000000 /dev/urandom >a/large && ln a/large a/hard && "
		       "ln -s hello a/b/c/fast && ln -s $(printf '%%0200d' 7) a/slow && "
		       "ln -s $(printf '%%059d' 7) a/fast59 && ln -s $(printf '%%060d' 7) a/slow60 && "
		       "dd if=/dev/urandom of=a/sparse bs=1 count=100 seek=5000000 2>/dev/null && "
		       "truncate -s 9000000 a/sparse && mkfifo a/fifo && chmod 4711 a/fifo && "
		       "for i in $(seq 1500); do echo $i >many/a-rather-long-name-$i; done; "
		       "mknod a/null c 1 3; mknod a/big b 300 70000; touch -d '2040-05-06 07:08:09.123456789' "
		       "a/nothing; touch -d '1960-01-01' a/fifo; chown 100000:200000 a/large; true",
		       tree));
}

static void compare_file(struct disk *disk, struct ext4_fs *fs, const struct ext4_attr *attr, const char *path)
{
	FILE *file = fopen(path, "r");
	uint8_t *want = calloc(1, attr->size + 1), *have = calloc(1, attr->size + 1);

	CHECK_OR_STOP(file && fread(want, 1, attr->size + 1, file) == attr->size);
	CHECK_EQ(file_read(disk, fs, attr->id, 0, have, attr->size), 0);
	CHECK(!memcmp(want, have, attr->size));
	fclose(file);
	free(want);
	free(have);
}

static void compare_link(struct ext4_fs *fs, const struct ext4_attr *attr, const char *path)
{
	char want[4096], have[4096];
	ssize_t len = readlink(path, want, sizeof(want));

	CHECK_EQ(ext4_readlink(fs, attr->id, have, sizeof(have)), len);
	CHECK(!memcmp(want, have, (size_t)len));
}

struct count {
	unsigned entries;
	uint64_t cookie;
};

static bool count_entry(void *ctx, const struct ext4_dirent *entry)
{
	struct count *count = ctx;

	CHECK(entry->cookie > count->cookie);
	count->entries++;
	count->cookie = entry->cookie;
	return count->entries % 100 != 0;
}

/* stops every hundred entries; an entry refused is offered again */
static unsigned count_dir(struct ext4_fs *fs, struct ext4_id dir)
{
	struct count count = { 0, 0 };
	unsigned before;

	do {
		before = count.entries;
		CHECK_EQ(ext4_readdir(fs, dir, count.cookie, count_entry, &count), 0);
	} while (count.entries != before);
	return count.entries;
}

static void compare_dir(struct disk *disk, struct ext4_fs *fs, struct ext4_id id, const char *path);

static void compare(struct disk *disk, struct ext4_fs *fs, struct ext4_id dir, const char *path,
		    const char *name)
{
	char full[4096];
	struct ext4_attr attr;
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	CHECK_OR_STOP(!lstat(full, &st));
	CHECK_EQ(ext4_lookup(fs, dir, name, strlen(name), &attr), 0);
	CHECK_EQ(attr.mode, st.st_mode);
	CHECK_EQ(attr.nlink, st.st_nlink);
	CHECK_EQ(attr.uid, st.st_uid);
	CHECK_EQ(attr.gid, st.st_gid);
	/* mke2fs does not write the bits beyond 2038 */
	CHECK_EQ((int32_t)attr.mtime.sec, (int32_t)st.st_mtim.tv_sec);
	if (!S_ISDIR(st.st_mode))
		CHECK_EQ(attr.size, st.st_size);
	if (S_ISDIR(st.st_mode))
		compare_dir(disk, fs, attr.id, full);
	else if (S_ISREG(st.st_mode))
		compare_file(disk, fs, &attr, full);
	else if (S_ISLNK(st.st_mode))
		compare_link(fs, &attr, full);
	else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		CHECK(attr.major == major(st.st_rdev) && attr.minor == minor(st.st_rdev));
}

static void compare_dir(struct disk *disk, struct ext4_fs *fs, struct ext4_id id, const char *path)
{
	DIR *host = opendir(path);
	struct dirent *entry;
	struct ext4_attr attr;
	unsigned entries = 0;

	CHECK_OR_STOP(host);
	while ((entry = readdir(host))) {
		entries++;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			compare(disk, fs, id, path, entry->d_name);
	}
	closedir(host);
	CHECK_EQ(count_dir(fs, id), entries + !strcmp(path, tree)); /* lost+found */
	CHECK_EQ(ext4_lookup(fs, id, "no such name", 12, &attr), -ENOENT);
}

static void test_tree(const char *options, bool index)
{
	struct disk disk;
	struct ext4_fs *fs = NULL;
	char all[512];

	snprintf(all, sizeof(all), "%s -d %s", options, tree);
	disk_make(&disk, "64M", all);
	if (index)
		shell("e2fsck -fyD %s >/dev/null 2>&1", disk.path);
	CHECK_EQ(ext4_mount(&disk.env, EXT4_MOUNT_RDONLY, &fs), 0);
	CHECK_OR_STOP(fs);
	compare_dir(&disk, fs, EXT4_ROOT, tree);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

/* a read-only mount changes no byte, a writable one leaves a clean disk */
static void test_mount(void)
{
	struct disk disk;
	struct ext4_fs *fs;
	struct ext4_new new = { .mode = 0100644 };
	struct ext4_attr attr;
	uint32_t before;

	disk_make(&disk, "8M", "-t ext4");
	before = crc32c(0, disk.data, disk.size);
	CHECK_EQ(ext4_mount(&disk.env, EXT4_MOUNT_RDONLY, &fs), 0);
	CHECK_EQ(ext4_create(fs, EXT4_ROOT, "x", 1, &new, &attr), -EROFS);
	CHECK_EQ(ext4_unmount(fs), 0);
	CHECK_EQ(crc32c(0, disk.data, disk.size), before);
	fs = disk_mount(&disk);
	disk_check(&disk); /* also while mounted */
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

static void test_refusals(void)
{
	struct disk disk;
	struct ext4_fs *fs = NULL;

	disk_make(&disk, "8M", "-t ext4");
	disk.quiet = true;
	disk.data[1024 + 0x38] ^= 1;
	CHECK_EQ(ext4_mount(&disk.env, 0, &fs), -EINVAL);
	CHECK(strstr(disk.last_log, "not an ext4"));
	disk_destroy(&disk);
	disk_make(&disk, "8M", "-t ext4 -O inline_data");
	disk.quiet = true;
	CHECK_EQ(ext4_mount(&disk.env, 0, &fs), -EOPNOTSUPP);
	disk_destroy(&disk);
	disk_make(&disk, "8M", "-t ext4");
	disk.quiet = true;
	disk.env.device_bytes = 4 << 20;
	CHECK_EQ(ext4_mount(&disk.env, 0, &fs), -EUCLEAN);
	disk_destroy(&disk);
}

/* a name's hash as debugfs computes it */
static void check_hash(struct ext4_fs *fs, struct disk *disk, const char *kind, uint8_t version,
		       const char *name)
{
	char command[512], line[512] = "";
	unsigned major = 0, minor = 0;
	struct dx_hash hash;
	FILE *pipe;

	snprintf(command, sizeof(command), "debugfs -R 'dx_hash -h %s -s %s %s' %s 2>/dev/null", kind,
		 "01020304-0506-0708-090a-0b0c0d0e0f10", name, disk->path);
	pipe = popen(command, "r");
	CHECK_OR_STOP(pipe && fgets(line, sizeof(line), pipe));
	pclose(pipe);
	CHECK_OR_STOP(sscanf(strstr(line, " is "), " is 0x%x (minor 0x%x)", &major, &minor) == 2);
	memcpy(fs->sb.s_hash_seed, "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16);
	CHECK_EQ(dx_hash(fs, version, name, strlen(name), &hash), 0);
	CHECK_EQ(hash.major, major);
	CHECK_EQ(hash.minor, minor);
}

static void test_hash(void)
{
	static const char *const names[] = { "a",
					     "hello",
					     "sixteen-letters!",
					     "thirty-two-letters-are-these-her",
					     "a-name-that-is-longer-than-thirty-two-letters-and-more",
					     "gr\xc3\xbc\xc3\x9f"
					     "e-aus-\xe6\x9d\xb1" };
	struct disk disk;
	struct ext4_fs *fs = NULL;

	CHECK_EQ(crc32c(0xffffffff, "123456789", 9), 0xe3069283 ^ 0xffffffff);
	CHECK_EQ(crc16(0, "123456789", 9), 0xbb3d);
	disk_make(&disk, "8M", "-t ext4");
	CHECK_EQ(ext4_mount(&disk.env, EXT4_MOUNT_RDONLY, &fs), 0);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		check_hash(fs, &disk, "legacy", DX_HASH_LEGACY, names[i]);
		check_hash(fs, &disk, "half_md4", DX_HASH_HALF_MD4, names[i]);
		check_hash(fs, &disk, "tea", DX_HASH_TEA, names[i]);
	}
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_destroy(&disk);
}

int main(void)
{
	static const char *const options[] = { "-t ext4 -b 4096",
					       "-t ext4 -b 2048",
					       "-t ext4 -b 1024 -g 2048",
					       "-t ext4 -O ^metadata_csum -b 1024",
					       "-t ext4 -O ^metadata_csum,uninit_bg,^64bit",
					       "-t ext4 -O metadata_csum_seed -I 128",
					       "-t ext4 -O meta_bg,^resize_inode -g 1024 -b 1024",
					       "-t ext3 -b 1024",
					       "-t ext2 -b 4096 -I 128" };

	tree_make();
	test_hash();
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		test_tree(options[i], false);
		test_tree(options[i], true);
	}
	test_mount();
	test_refusals();
	shell("rm -rf %s", tree);
	return check_result();
}
