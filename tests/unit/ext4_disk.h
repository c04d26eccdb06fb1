/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the ext4 library: disks in memory-mapped files, made by mke2fs and judged by
 * e2fsck, and file data moved as the server does it.
 */
#ifndef EXT4_DISK_H
#define EXT4_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "ext4/ext4.h"

#define UNUSED __attribute__((unused))

struct disk {
	char path[256];
	uint8_t *data;
	uint64_t size;
	struct ext4_env env;
	bool quiet;
	unsigned nr_locked;
	long nr_allocated;
	long fail_after;          /* writes until they fail; negative: never */
	long out_of_memory_after; /* the same for allocations */
	uint64_t clock;
	char last_log[256];
};

static void *disk_alloc(void *ctx, size_t len)
{
	struct disk *disk = ctx;

	if (disk->out_of_memory_after == 0)
		return NULL;
	if (disk->out_of_memory_after > 0)
		disk->out_of_memory_after--;
	disk->nr_allocated++;
	return malloc(len);
}

static void disk_free(void *ctx, void *ptr)
{
	((struct disk *)ctx)->nr_allocated--;
	free(ptr);
}

static void disk_log(void *ctx, const char *fmt, va_list ap)
{
	struct disk *disk = ctx;

	vsnprintf(disk->last_log, sizeof(disk->last_log), fmt, ap);
	if (!disk->quiet)
		fprintf(stderr, "%s: %s\n", disk->path, disk->last_log);
}

static void disk_now(void *ctx, struct ext4_time *out)
{
	struct disk *disk = ctx;

	out->sec = 1700000000 + (int64_t)(disk->clock / 1000);
	out->nsec = (uint32_t)(disk->clock++ % 1000);
}

static void disk_lock(void *ctx)
{
	CHECK_EQ(((struct disk *)ctx)->nr_locked++, 0);
}

static void disk_unlock(void *ctx)
{
	CHECK_EQ(((struct disk *)ctx)->nr_locked--, 1);
}

static bool disk_range_ok(const struct disk *disk, uint64_t offset, size_t len)
{
	return offset % 512 == 0 && len % 512 == 0 && offset <= disk->size && len <= disk->size - offset;
}

static int disk_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	struct disk *disk = ctx;

	CHECK_OR_STOP(disk_range_ok(disk, offset, len));
	memcpy(buf, disk->data + offset, len);
	return 0;
}

static int disk_write(void *ctx, uint64_t offset, const void *buf, size_t len)
{
	struct disk *disk = ctx;

	CHECK_OR_STOP(disk_range_ok(disk, offset, len));
	if (disk->fail_after == 0)
		return -EIO;
	if (disk->fail_after > 0)
		disk->fail_after--;
	memcpy(disk->data + offset, buf, len);
	return 0;
}

static int disk_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

static UNUSED int shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static void disk_map(struct disk *disk)
{
	int fd = open(disk->path, O_RDWR);
	struct stat st;

	CHECK_OR_STOP(fd >= 0 && !fstat(fd, &st));
	disk->size = (uint64_t)st.st_size;
	disk->data = mmap(NULL, disk->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_OR_STOP(disk->data != MAP_FAILED);
	close(fd);
	disk->env = (struct ext4_env){
		.ctx = disk,
		.device_bytes = disk->size,
		.alloc = disk_alloc,
		.free = disk_free,
		.log = disk_log,
		.now = disk_now,
		.lock = disk_lock,
		.unlock = disk_unlock,
		.read = disk_read,
		.write = disk_write,
		.flush = disk_flush,
	};
	disk->fail_after = disk->out_of_memory_after = -1;
}

/* a disk of size (as truncate takes it), formatted with these options of mke2fs */
static UNUSED void disk_make(struct disk *disk, const char *size, const char *options)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	memset(disk, 0, sizeof(*disk));
	snprintf(disk->path, sizeof(disk->path), "%s/ext4-unit-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(disk->path);
	CHECK_OR_STOP(fd >= 0);
	close(fd);
	CHECK_OR_STOP(!shell("truncate -s %s %s && mke2fs -q -F %s %s 2>&1 >/dev/null", size, disk->path,
			     options, disk->path));
	disk_map(disk);
}

static UNUSED void disk_destroy(struct disk *disk)
{
	munmap(disk->data, disk->size);
	unlink(disk->path);
	CHECK_EQ(disk->nr_allocated, 0);
}

/* what e2fsck says of the disk, which must be nothing */
static UNUSED void disk_check(struct disk *disk)
{
	CHECK_OR_STOP(!shell("said=$(e2fsck -fn %s 2>&1) || { echo \"$said\"; exit 1; }", disk->path));
}

static UNUSED struct ext4_fs *disk_mount(struct disk *disk)
{
	struct ext4_fs *fs = NULL;

	CHECK_EQ(ext4_mount(&disk->env, 0, &fs), 0);
	CHECK_OR_STOP(fs != NULL);
	return fs;
}

/* a new disk, mounted; what the library says of it is not shown */
static UNUSED struct ext4_fs *disk_make_mounted(struct disk *disk, const char *size, const char *options)
{
	disk_make(disk, size, options);
	disk->quiet = true;
	return disk_mount(disk);
}

/* unmounted, checked by e2fsck, mounted again */
static UNUSED struct ext4_fs *disk_remount(struct disk *disk, struct ext4_fs *fs)
{
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(disk);
	return disk_mount(disk);
}

static UNUSED int name_create(struct ext4_fs *fs, struct ext4_id dir, const char *name, uint32_t mode,
			      struct ext4_id *out)
{
	struct ext4_new new = { .mode = mode, .uid = 1, .gid = 70000 };
	struct ext4_attr attr;
	int err = ext4_create(fs, dir, name, strlen(name), &new, &attr);

	if (!err)
		*out = attr.id;
	return err;
}

static UNUSED int name_remove(struct ext4_fs *fs, struct ext4_id dir, const char *name)
{
	struct ext4_attr attr;
	int err = ext4_unlink(fs, dir, name, strlen(name), &attr);

	if (!err && !attr.nlink)
		err = ext4_forget(fs, attr.id);
	return err;
}

/* the inode at a path below the root */
static UNUSED int path_find(struct ext4_fs *fs, const char *path, struct ext4_attr *out)
{
	int err = ext4_getattr(fs, EXT4_ROOT, out);

	while (!err && *path) {
		size_t len = strcspn(path, "/");

		err = ext4_lookup(fs, out->id, path, len, out);
		path += len + (path[len] == '/');
	}
	return err;
}

static uint32_t disk_block_size(struct ext4_fs *fs)
{
	struct ext4_statfs st;

	ext4_statfs(fs, &st);
	return st.block_size;
}

/* as a page cache reads: whole blocks by map_read; len bytes from offset, below the size */
static UNUSED int file_read(struct disk *disk, struct ext4_fs *fs, struct ext4_id id, uint64_t offset,
			    uint8_t *buf, size_t len)
{
	uint32_t bs = disk_block_size(fs);

	while (len) {
		struct ext4_run runs[3];
		size_t within = offset % bs, part = 0;
		int count = ext4_map_read(fs, id, (uint32_t)(offset / bs),
					  (uint32_t)((within + len + bs - 1) / bs), runs, 3);

		if (count <= 0)
			return count ? count : -EIO;
		for (int i = 0; i < count && len; i++, within = 0) {
			part = (size_t)runs[i].count * bs - within;
			if (part > len)
				part = len;
			CHECK_EQ(runs[i].logical, offset / bs);
			if (runs[i].flags & EXT4_MAP_HOLE)
				memset(buf, 0, part);
			else
				memcpy(buf, disk->data + runs[i].physical * bs + within, part);
			buf += part;
			offset += part;
			len -= part;
		}
	}
	return 0;
}

/* writes whole blocks, given as a buffer that begins at a block's start and is zero behind size */
static UNUSED int file_write_blocks(struct disk *disk, struct ext4_fs *fs, struct ext4_id id, uint32_t logical,
				    const uint8_t *buf, uint32_t count, uint64_t size)
{
	uint32_t bs = disk_block_size(fs);

	while (count) {
		struct ext4_run runs[4];
		int nr = ext4_map_write(fs, id, logical, count, runs, 4);
		int err;

		if (nr <= 0)
			return nr ? nr : -EIO;
		for (int i = 0; i < nr; i++) {
			CHECK_EQ(runs[i].logical, logical);
			CHECK_OR_STOP(runs[i].count && runs[i].count <= count);
			CHECK_OR_STOP(disk_range_ok(disk, runs[i].physical * bs, (size_t)runs[i].count * bs));
			CHECK_EQ(disk->env.write(disk, runs[i].physical * bs, buf, (size_t)runs[i].count * bs),
				 0);
			buf += (size_t)runs[i].count * bs;
			logical += runs[i].count;
			count -= runs[i].count;
		}
		err = ext4_commit_write(fs, id, runs, (unsigned)nr,
					size < (uint64_t)logical * bs ? size : (uint64_t)logical * bs);
		if (err)
			return err;
	}
	return 0;
}

/* a reproducible stream of numbers */
static uint64_t random_state = 88172645463325252ull;

static UNUSED uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static UNUSED uint32_t random_below(uint32_t bound)
{
	return (uint32_t)(random_next() >> 16) % bound;
}

#endif
