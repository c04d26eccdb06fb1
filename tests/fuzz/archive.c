// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/archive.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
/* The boot archive: a file that is found lies in it, and the search ends. */
#include "fuzz.h"
#include "userland/servers/devmgr/devmgr.h"

static uint8_t *archive;
static size_t archive_size;

long quoin_memobj_size(quoin_handle memobj)
{
	return memobj ? (long)archive_size : 0;
}

void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags)
{
	(void)memobj, (void)prot, (void)flags;
	EXPECT(offset == 0 && len == archive_size);
	return archive;
}

void panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

static void look_for(const char *name)
{
	size_t len;
	const uint8_t *file = archive_find(name, &len);

	if (!file)
		return;
	EXPECT(file >= archive && file <= archive + archive_size);
	EXPECT(len <= (size_t)(archive + archive_size - file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	archive = block_of(data, size);
	archive_size = size;
	archive_open(1);
	look_for("posix");
	look_for("a");
	look_for("");
	look_for("TRAILER!!!");
	free(archive);
	return 0;
}
