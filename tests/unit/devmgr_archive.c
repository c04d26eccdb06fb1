// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/archive.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include -Wno-unused-parameter
/* The boot archive: files are found by their whole names, as cpio packed them; a cut archive ends where it is cut. */
#include "check.h"
#include "userland/servers/devmgr/devmgr.h"

static char *archive;
static size_t archive_size;

long quoin_memobj_size(quoin_handle memobj)
{
	return (long)archive_size;
}

void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags)
{
	return archive;
}

void panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

static void add(const char *name, const char *data)
{
	size_t name_bytes = strlen(name) + 1, data_bytes = strlen(data);
	char *at = archive + archive_size;

	at += sprintf(at, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zX%08x", 1, 0100644, 0, 0, 1,
		      0, data_bytes, 0, 0, 0, 0, name_bytes, 0);
	memcpy(at, name, name_bytes);
	at = archive + ALIGN_UP((size_t)(at + name_bytes - archive), 4);
	memcpy(at, data, data_bytes);
	archive_size = ALIGN_UP((size_t)(at + data_bytes - archive), 4);
}

static void check_file(const char *name, const char *data)
{
	size_t len = 0;
	const char *file = archive_find(name, &len);

	if (!data) {
		CHECK(!file);
		return;
	}
	CHECK_EQ(len, strlen(data));
	CHECK(file && memcmp(file, data, strlen(data)) == 0);
}

int main(void)
{
	char *whole = archive = calloc(1, 4096);
	size_t size;

	add("a", "1");
	add("ab", "22");
	add("empty", "");
	add("posix-server", "the longest of them all");
	add("last", "4444");
	add("TRAILER!!!", "");
	archive_open(1);
	check_file("a", "1");
	check_file("ab", "22");
	check_file("empty", "");
	check_file("posix-server", "the longest of them all");
	check_file("last", "4444");
	check_file("posix", NULL);
	check_file("", NULL);
	check_file("b", NULL);

	/* At each length, in a block of just that: what is there is found, and nothing else is looked at. */
	for (size = archive_size; size > 0; size--) {
		archive = malloc(size);
		memcpy(archive, whole, size);
		archive_size = size;
		archive_open(1);
		check_file("none", NULL);
		if (size >= 500)
			check_file("ab", "22");
		free(archive);
	}
	free(whole);
	return check_result();
}
