// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c
// flags: -Iuserland/lib
/*
 * Directories listed a few names at a time, while other names come and go, with each of the hashes, and with names that
 * hash alike.  What is there from beginning to end is listed once, and nothing twice.
 */
#include "ext4_disk.h"
#include "ext4/internal.h"

#define NR_NAMES 2000
#define NR_TRIED 300000 /* names looked at for some of the same hash */

static struct disk disk;

static struct {
	unsigned number; /* what it is called by */
	unsigned listed;
	bool removed;
} names[NR_NAMES];

static unsigned name_make(char *text, unsigned number)
{
	return (unsigned)sprintf(text, "name-%u", number);
}

static int pair_compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Chooses the names: first those that share the major hash with another, as many as there are. */
static unsigned names_choose(struct ext4_fs *fs)
{
	struct pair *pairs = malloc(NR_TRIED * sizeof(*pairs));
	unsigned count = 0, alike;
	char text[32];

	for (unsigned i = 0; i < NR_TRIED; i++) {
		unsigned len = name_make(text, i);
		struct dx_hash hash;

		CHECK_EQ(dx_hash(fs, dx_effective_version(fs, dx_default_version(fs)), text, len, &hash), 0);
		pairs[i] = (struct pair){ hash.major, i };
	}
	qsort(pairs, NR_TRIED, sizeof(*pairs), pair_compare);
	memset(names, 0, sizeof(names));
	for (unsigned i = 1; i < NR_TRIED && count < NR_NAMES / 2; i++) {
		if (pairs[i].key != pairs[i - 1].key)
			continue;
		names[count++].number = (unsigned)pairs[i - 1].value;
		if (i + 1 == NR_TRIED || pairs[i + 1].key != pairs[i].key)
			names[count++].number = (unsigned)pairs[i].value;
	}
	alike = count;
	while (count < NR_NAMES)
		names[count].number = NR_TRIED + count, count++;
	free(pairs);
	return alike;
}

static void names_create(struct ext4_fs *fs, struct ext4_id dir)
{
	struct ext4_id id;
	char text[32];

	for (unsigned i = 0; i < NR_NAMES; i++) {
		name_make(text, names[i].number);
		CHECK_EQ(name_create(fs, dir, text, S_IFREG, &id), 0);
	}
}

struct piece {
	uint64_t cookie;
	unsigned room;
};

static bool piece_add(void *ctx, const struct ext4_dirent *entry)
{
	struct piece *piece = ctx;
	unsigned number, found = 0;
	char text[300];

	if (!piece->room--)
		return false;
	piece->cookie = entry->cookie;
	snprintf(text, sizeof(text), "%.*s", entry->name_len, entry->name);
	if (sscanf(text, "name-%u", &number) != 1)
		return true;
	for (unsigned i = 0; i < NR_NAMES; i++) {
		if (names[i].number != number)
			continue;
		names[i].listed++;
		found++;
	}
	CHECK_EQ(found, 1);
	return true;
}

/* some names go, and some come that are not looked for */
static void names_change(struct ext4_fs *fs, struct ext4_id dir, unsigned *nr_new)
{
	unsigned i = random_below(NR_NAMES);
	struct ext4_id id;
	char text[32];

	if (!names[i].removed && random_below(3) == 0) {
		name_make(text, names[i].number);
		CHECK_EQ(name_remove(fs, dir, text), 0);
		names[i].removed = true;
	}
	if (random_below(3) == 0) {
		sprintf(text, "new-name-%u", (*nr_new)++);
		CHECK_EQ(name_create(fs, dir, text, S_IFREG, &id), 0);
	}
}

static void test_listing(const char *options, const char *hash, bool alike)
{
	struct ext4_fs *fs;
	struct ext4_id dir = { 0, 0 };
	uint64_t cookie = 0;
	unsigned nr_new = 0;

	disk_make(&disk, "24M", options);
	CHECK(!shell("tune2fs -E hash_alg=%s %s >/dev/null", hash, disk.path));
	fs = disk_mount(&disk);
	CHECK(names_choose(fs) > 20 || !alike);
	CHECK_EQ(name_create(fs, EXT4_ROOT, "dir", S_IFDIR, &dir), 0);
	names_create(fs, dir);
	for (bool more = true; more && !check_failures;) {
		struct piece piece = { cookie, 1 + random_below(4) };

		CHECK_EQ(ext4_readdir(fs, dir, cookie, piece_add, &piece), 0);
		more = piece.cookie != cookie;
		cookie = piece.cookie;
		names_change(fs, dir, &nr_new);
	}
	for (unsigned i = 0; i < NR_NAMES; i++)
		CHECK(names[i].listed == 1 || (names[i].removed && !names[i].listed));
	if (check_failures)
		fprintf(stderr, "%s, %s\n", options, hash);
	CHECK_EQ(ext4_unmount(fs), 0);
	disk_check(&disk);
	disk_destroy(&disk);
}

int main(void)
{
	test_listing("-t ext4 -b 1024 -N 8192", "half_md4", false);
	test_listing("-t ext4 -b 1024 -N 8192", "tea", false);
	test_listing("-t ext4 -b 1024 -N 8192", "legacy", true);
	test_listing("-t ext4 -b 4096 -N 8192 -O ^dir_index", "half_md4", false);
	return check_result();
}
