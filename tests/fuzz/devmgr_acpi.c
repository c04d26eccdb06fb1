// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/acpi.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
/*
 * Firmware's tables, as the supervisor reads them.  The input is all of memory there is, with the root
 * pointer at its start; each piece that is mapped is a block of its own.  Half of the inputs get right
 * checksums, which chance would not find.
 */
#include "fuzz.h"
#include "userland/servers/devmgr/devmgr.h"

#define BASE 0x1000u

static const uint8_t *memory;
static size_t memory_size;
static bool right_sums;
static int nr_mapped;

static void sum_to_zero(uint8_t *bytes, size_t len, size_t at)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[at] = (uint8_t)(bytes[at] - sum);
}

const void *physical_map(uint64_t address, size_t len)
{
	uint8_t *block;

	if (address < BASE || address - BASE > memory_size || len > memory_size - (address - BASE))
		return NULL;
	block = block_of(memory + (address - BASE), len);
	nr_mapped++;
	if (right_sums && address == BASE && len >= 20)
		sum_to_zero(block, 20, 8);
	else if (right_sums && len >= 36)
		sum_to_zero(block, len, 9);
	return block;
}

void physical_unmap(const void *mapped, size_t len)
{
	(void)len;
	nr_mapped -= mapped != NULL;
	free((void *)mapped);
}

const struct quoin_info *runtime_info(void)
{
	static const struct quoin_info info = { .acpi_rsdp = BASE };

	return &info;
}

void log_printf(const char *format, ...)
{
	(void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first, last;

	if (!size)
		return 0;
	right_sums = data[0] & 1;
	memory = data + 1;
	memory_size = size - 1;
	acpi_read();
	acpi_ecam_base(&first, &last);
	EXPECT(nr_mapped == 0);
	return 0;
}
