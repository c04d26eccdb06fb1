/* Firmware tables and I/O ports, through the right to all hardware. */
#include "devmgr.h"

const void *physical_map(uint64_t address, size_t len_bytes)
{
	uint64_t start = ALIGN_DOWN(address, QUOIN_PAGE_SIZE);
	size_t len = ALIGN_UP(address + len_bytes - start, QUOIN_PAGE_SIZE);
	long memory = quoin_memobj_physical(QUOIN_HARDWARE, start, len);

	if (memory < 0)
		return NULL;
	char *mapped = memobj_map((quoin_handle)memory, 0, len, QUOIN_PROT_READ, QUOIN_MAP_SHARED);
	quoin_handle_close((quoin_handle)memory);
	return mapped ? mapped + (address - start) : NULL;
}

void physical_unmap(const void *mapped, size_t len_bytes)
{
	uintptr_t start = ALIGN_DOWN((uintptr_t)mapped, QUOIN_PAGE_SIZE);

	if (mapped)
		pages_free((void *)start, (uintptr_t)mapped + len_bytes - start);
}

quoin_handle ports_create(uint32_t base, uint32_t count)
{
	long handle = quoin_ioport_create(QUOIN_HARDWARE, base, count);

	return handle < 0 ? 0 : (quoin_handle)handle;
}
