// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c userland/lib/block/*.c userland/servers/ext4/*.c
// flags: -include tests/unit/native.h -Iuserland/lib -Iuserland/lib/runtime/include
// flags: -Iuserland/lib/driver/include -Iuserland/lib/block/include -Wno-unused-parameter
/*
 * The ext4 server on the host: its requests through the real protocols, over a disk driver that
 * lives here, keeps count of what it is asked, and dies now and then.
 */

#include "ext4_host.h"
#include "ext4/internal.h"
#include "../../userland/servers/ext4/server.h"

/* ---- the client ---- */

#define NR_ARENA 64

static char *arena;
static quoin_handle arena_handle;

static char *page_at(uint32_t number)
{
	return arena + (size_t)number * 4096;
}

static long mount(uint32_t read_only, struct fs_mount_reply *rp)
{
	struct fs_mount_request rq = { .block = EP_BLOCK, .arena = arena_handle, .read_only = read_only };

	return fs_mount(EP_FS, &rq, rp);
}

static const struct fs_attr root = { .ino = 2 };

static struct fs_attr file_create(const struct fs_attr *dir, const char *name, uint32_t mode,
				  const char *target)
{
	struct fs_create_request rq = {
		.dir = dir->ino, .generation = dir->generation, .mode = mode, .time_ns = 1700000000123456789
	};
	struct fs_create_reply rp;

	rq.name_len = (uint32_t)strlen(name);
	rq.target_len = (uint32_t)strlen(target);
	rq.target_page = NR_ARENA - 1;
	memcpy(rq.name, name, rq.name_len);
	memcpy(arena_page(NR_ARENA - 1), target, rq.target_len);
	CHECK_EQ(fs_create(EP_FS, &rq, &rp), 0);
	CHECK_EQ(rp.attr.mtime_ns, rq.time_ns);
	return rp.attr;
}

/* random pages of the arena, each once */
static void pages_pick(uint32_t *numbers, uint32_t count)
{
	uint32_t start = random_below(NR_ARENA), step = random_below(2) ? 1 : 7;

	for (uint32_t i = 0; i < count; i++)
		numbers[i] = (start + i * step) % NR_ARENA;
}

static void pages_write(const struct fs_attr *file, uint64_t index, uint32_t count, const uint8_t *data,
			uint64_t size)
{
	struct fs_write_pages_request rq = { .ino = file->ino,
					     .generation = file->generation,
					     .nr_pages = count,
					     .index = index,
					     .size = size,
					     .mtime_ns = 1234567890123 };
	struct fs_write_pages_reply rp;

	pages_pick(rq.pages, count);
	for (uint32_t i = 0; i < count; i++)
		memcpy(page_at(rq.pages[i]), data + (index + i) * 4096, 4096);
	CHECK_EQ(fs_write_pages(EP_FS, &rq, &rp), 0);
	CHECK_EQ(rp.nr_pages, count);
	CHECK_EQ(rp.attr.mtime_ns, rq.mtime_ns);
	CHECK(rp.attr.size >= size);
}

static void pages_compare(const struct fs_attr *file, uint64_t index, uint32_t count, const uint8_t *data)
{
	struct fs_read_pages_request rq = {
		.ino = file->ino, .generation = file->generation, .nr_pages = count, .index = index
	};
	struct fs_read_pages_reply rp;

	pages_pick(rq.pages, count);
	for (uint32_t i = 0; i < count; i++)
		memset(page_at(rq.pages[i]), 0xee, 4096);
	CHECK_EQ(fs_read_pages(EP_FS, &rq, &rp), 0);
	CHECK_EQ(rp.nr_pages, count);
	for (uint32_t i = 0; i < count; i++)
		CHECK(!memcmp(page_at(rq.pages[i]), data + (index + i) * 4096, 4096));
}

static void size_set(const struct fs_attr *file, uint64_t size)
{
	struct fs_setattr_request rq = { .valid = 8, .attr = *file };
	struct fs_setattr_reply rp;

	rq.attr.size = size;
	CHECK_EQ(fs_setattr(EP_FS, &rq, &rp), 0);
	CHECK_EQ(rp.attr.size, size);
}

/* Half a second after a second of this number; what it is then. */
static void time_set(const struct fs_attr *file, int64_t sec, int64_t want_ns)
{
	struct fs_setattr_request rq = { .valid = 1 << 4, .attr = *file };
	struct fs_setattr_reply rp;

	rq.attr.atime_ns = sec * 1000000000 + 500000000;
	CHECK_EQ(fs_setattr(EP_FS, &rq, &rp), 0);
	CHECK_EQ(rp.attr.atime_ns, want_ns);
}

/* ext4 holds the years from 1901 to 2446. */
static void test_times(void)
{
	struct fs_attr file = file_create(&root, "times", 0100644, "");
	const int64_t first = INT32_MIN;

	time_set(&file, 9000000000, 9000000000500000000);
	time_set(&file, first, first * 1000000000 + 500000000);
	time_set(&file, first - 1, first * 1000000000);
	time_set(&file, -9000000000, first * 1000000000);
}

#define FILE_PAGES 100

/* random writes, reads and truncations, with a copy beside */
static void test_pages(int steps)
{
	struct fs_attr file = file_create(&root, "pages", 0100644, "");
	uint8_t *data = calloc(FILE_PAGES, 4096);
	uint64_t size = 0;

	while (steps-- && !check_failures) {
		uint64_t index = random_below(FILE_PAGES - 20);
		uint32_t count = 1 + random_below(20);
		uint64_t end = (index + count) * 4096 - random_below(4096);

		if (random_below(10) == 0) {
			uint64_t cut = random_below(FILE_PAGES * 4096);

			if (cut < size)
				memset(data + cut, 0, size - cut);
			size_set(&file, cut);
			if (cut < size && cut % 4096) /* the client's page, zeroed behind the end */
				pages_write(&file, cut / 4096, 1, data, cut);
			size = cut;
		} else if (random_below(2)) {
			if (end > size)
				size = end;
			for (uint64_t i = index * 4096; i < end; i++)
				data[i] = (uint8_t)random_next();
			pages_write(&file, index, count, data, size);
		}
		pages_compare(&file, random_below(FILE_PAGES - 20), 1 + random_below(20), data);
	}
	free(data);
}

static void test_names(void)
{
	struct fs_attr dir = file_create(&root, "dir", 040755, "");
	struct fs_attr link = file_create(&dir, "link", 0120777, "some/where/else");
	struct fs_readlink_request readlink_rq = { .ino = link.ino, .generation = link.generation };
	struct fs_readlink_reply readlink_rp;
	struct fs_readdir_request readdir_rq = { .dir = dir.ino, .generation = dir.generation };
	struct fs_readdir_reply readdir_rp;
	struct fs_lookup_request lookup_rq = {
		.dir = dir.ino, .generation = dir.generation, .name_len = 4, .name = "none"
	};
	struct fs_unlink_request unlink_rq = {
		.dir = dir.ino, .generation = dir.generation, .name_len = 4, .name = "link"
	};
	struct fs_unlink_reply unlink_rp;
	struct fs_forget_request forget_rq = { .ino = link.ino, .generation = link.generation };
	struct fs_rename_request rename_rq = {
		.old_dir = 2, .new_dir = 2, .old_len = 3, .new_len = 5, .text_len = 8, .text = "dirother"
	};
	unsigned count = 0;
	char name[64];

	CHECK_EQ(fs_readlink(EP_FS, &readlink_rq, &readlink_rp), 0);
	CHECK_EQ(readlink_rp.len, 15);
	CHECK(!memcmp(arena_page(0), "some/where/else", 15));
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "a-file-to-be-listed-%d", i);
		file_create(&dir, name, 0100600, "");
	}
	do {
		CHECK_EQ(fs_readdir(EP_FS, &readdir_rq, &readdir_rp), 0);
		for (uint32_t at = 0; at < readdir_rp.entries_len;) {
			const uint8_t *entry = readdir_rp.entries + at;

			memcpy(&readdir_rq.cookie, entry + 8, 8);
			at += ALIGN_UP(18u + entry[17], 8);
			if (entry[17] == 4 && !memcmp(entry + 18, "link", 4))
				CHECK_EQ(entry[16], 10);
			count++;
		}
	} while (readdir_rp.entries_len);
	CHECK_EQ(count, 203);
	CHECK_EQ(fs_lookup(EP_FS, &lookup_rq, NULL), -ENOENT);
	CHECK_EQ(fs_unlink(EP_FS, &unlink_rq, &unlink_rp), 0);
	CHECK_EQ(unlink_rp.attr.nlink, 0);
	CHECK_EQ(fs_readlink(EP_FS, &readlink_rq, &readlink_rp), 0); /* until it is forgotten */
	CHECK_EQ(fs_forget(EP_FS, &forget_rq, NULL), 0);
	CHECK_EQ(fs_readlink(EP_FS, &readlink_rq, &readlink_rp), -ESTALE);
	CHECK_EQ(fs_rename(EP_FS, &rename_rq, NULL), 0);
	rename_rq.new_len = 500;
	CHECK_EQ(fs_rename(EP_FS, &rename_rq, NULL), -QERR_PROTO);
}

static void test_hostile(void)
{
	struct fs_read_pages_request rq = { .ino = 2, .nr_pages = 129 };
	struct fs_write_pages_request write_rq = { .ino = 12, .nr_pages = 1, .index = UINT64_MAX };
	struct fs_getattr_request getattr_rq = { .ino = 0x100000002 };
	struct fs_readlink_request readlink_rq = { .ino = 2 };
	struct fs_lookup_request lookup_rq = { .dir = 2, .name_len = 3, .name = "a/b" };
	struct fs_setattr_request setattr_rq = { .valid = 0x100, .attr = root };
	struct fs_create_request create_rq = {
		.dir = 2, .mode = 0120777, .target_len = 1, .target_page = NR_ARENA, .name_len = 1, .name = "l"
	};

	CHECK_EQ(fs_read_pages(EP_FS, &rq, NULL), -EINVAL);
	rq.nr_pages = 1;
	rq.pages[0] = NR_ARENA;
	CHECK_EQ(fs_read_pages(EP_FS, &rq, NULL), -EINVAL);
	rq.pages[0] = 0;
	CHECK_EQ(fs_read_pages(EP_FS, &rq, NULL), -EINVAL); /* a directory */
	CHECK_EQ(fs_write_pages(EP_FS, &write_rq, NULL), -EFBIG);
	CHECK_EQ(fs_getattr(EP_FS, &getattr_rq, NULL), -ESTALE);
	CHECK_EQ(fs_setattr(EP_FS, &setattr_rq, NULL), -EINVAL);
	CHECK_EQ(fs_lookup(EP_FS, &lookup_rq, NULL), -EINVAL);
	lookup_rq.name[1] = 0;
	CHECK_EQ(fs_lookup(EP_FS, &lookup_rq, NULL), -EINVAL);
	lookup_rq.name_len = 0;
	CHECK_EQ(fs_lookup(EP_FS, &lookup_rq, NULL), -ENOENT);
	CHECK_EQ(fs_create(EP_FS, &create_rq, NULL), -EINVAL);
	create_rq.target_page = 0;
	create_rq.target_len = 4097;
	CHECK_EQ(fs_create(EP_FS, &create_rq, NULL), -EINVAL);
	CHECK_EQ(fs_readlink(EP_FS, &readlink_rq, NULL), -EINVAL); /* a directory */
	readlink_rq.page = NR_ARENA;
	CHECK_EQ(fs_readlink(EP_FS, &readlink_rq, NULL), -EINVAL);
}

static void test_disk(const char *options, unsigned deaths)
{
	const struct fs_sync_request sync_rq = { 0 };
	const struct fs_unmount_request unmount_rq = {};
	struct fs_mount_reply rp;

	disk_make(&disk, "24M", options);
	CHECK_EQ(mount(0, &rp), 0);
	CHECK_EQ(rp.root_ino, 2);
	CHECK_EQ(mount(0, &rp), -EBUSY);
	CHECK(rp.message[0]);
	die_every = deaths;
	test_names();
	test_times();
	test_pages(300);
	test_hostile();
	CHECK_EQ(fs_sync(EP_FS, &sync_rq, NULL), 0);
	disk_check(&disk);
	die_every = 0;
	nr_ends = 0;
	CHECK_EQ(fs_unmount(EP_FS, &unmount_rq, NULL), 0);
	CHECK_EQ(nr_ends, 1);
	CHECK_EQ(fs_sync(EP_FS, &sync_rq, NULL), -ENODEV);
	CHECK_EQ(fs_unmount(EP_FS, &unmount_rq, NULL), -ENODEV); /* it ends, whatever it had */
	CHECK_EQ(nr_ends, 2);
	disk_check(&disk);
	CHECK_EQ(server_locked, 0);
	disk_destroy(&disk);
}

static void *alloc_nothing(void *ctx, size_t len)
{
	return NULL;
}

/* A write-back that had no memory is due again. */
static void test_timer(void)
{
	const struct fs_unmount_request unmount_rq = {};
	struct fs_mount_reply rp;

	disk_make(&disk, "24M", "-t ext4");
	CHECK_EQ(mount(0, &rp), 0);
	file_create(&root, "file", 0100600, "");
	server.fs->env.alloc = alloc_nothing;
	now_ns += WRITEBACK_NS;
	fs_server->expired(NULL);
	CHECK(ext4_is_dirty(server.fs));
	CHECK(fs_server->deadline(NULL) != QUOIN_DEADLINE_NEVER);
	server.fs->env.alloc = server.env.alloc;
	now_ns += WRITEBACK_NS;
	fs_server->expired(NULL);
	CHECK(!ext4_is_dirty(server.fs));
	CHECK(fs_server->deadline(NULL) == QUOIN_DEADLINE_NEVER);
	CHECK_EQ(fs_unmount(EP_FS, &unmount_rq, NULL), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

static void test_refusal(void)
{
	struct fs_mount_reply rp = { 0 };

	disk_make(&disk, "24M", "-t ext4 -O inline_data");
	nr_ends = 0;
	CHECK_EQ(mount(0, &rp), -EOPNOTSUPP);
	CHECK_EQ(nr_ends, 1);
	CHECK(strstr(rp.message, "unsupported incompatible features"));
	disk_destroy(&disk);
}

int main(void)
{
	if (!setjmp(served))
		task_main(0);
	arena_handle = (quoin_handle)quoin_memobj_create(QUOIN_MEMOBJ_ANON, NR_ARENA * 4096);
	arena = memory[arena_handle - FIRST_MEMORY].address;
	test_disk("-t ext4 -b 4096", 0);
	test_disk("-t ext4 -b 1024", 0);
	test_disk("-t ext4 -b 1024", 13);
	CHECK(nr_deaths > 10);
	test_timer();
	test_refusal();
	for (unsigned i = 0; i < nr_memory; i++)
		free(memory[i].address);
	return check_result();
}
