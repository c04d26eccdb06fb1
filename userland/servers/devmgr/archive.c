/* The boot archive: cpio "newc", flat names, built by us but checked like anything from outside. */
#include "devmgr.h"

#define CPIO_HEADER 110 /* 6 magic + 13 fields of 8 hex digits */

static const char *archive;
static size_t archive_bytes;

void archive_open(quoin_handle memobj)
{
	long size = quoin_memobj_size(memobj);

	if (size <= 0)
		panic("there is no boot archive: GRUB must load it with module2");
	archive = memobj_map(memobj, 0, (size_t)size, QUOIN_PROT_READ, QUOIN_MAP_SHARED);
	if (!archive)
		panic("cannot map the boot archive");
	archive_bytes = (size_t)size;
}

static size_t hex_field(const char *header, unsigned index)
{
	size_t value = 0;

	for (const char *p = header + 6 + index * 8, *end = p + 8; p < end; p++) {
		unsigned digit = *p <= '9' ? (unsigned)(*p - '0') : (unsigned)((*p | 32) - 'a') + 10;
		value = value << 4 | (digit & 15);
	}
	return value;
}

const void *archive_find(const char *name, size_t *len_bytes)
{
	size_t at = 0, wanted = strlen(name) + 1;

	while (at + CPIO_HEADER <= archive_bytes && memcmp(archive + at, "07070", 5) == 0) {
		size_t file_bytes = hex_field(archive + at, 6), name_bytes = hex_field(archive + at, 11);
		size_t data = ALIGN_UP(at + CPIO_HEADER + name_bytes, 4);
		if (name_bytes > archive_bytes || data > archive_bytes || file_bytes > archive_bytes - data)
			break;
		if (name_bytes == wanted && memcmp(archive + at + CPIO_HEADER, name, wanted) == 0) {
			*len_bytes = file_bytes;
			return archive + data;
		}
		at = ALIGN_UP(data + file_bytes, 4);
	}
	return NULL;
}
