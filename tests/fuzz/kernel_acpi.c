// SPDX-License-Identifier: MIT
// sources: kernel/arch/x86_64/acpi.c
// flags: -include tests/unit/kernel/host.h -DHOST_OWN_RAM -iquote kernel/include -iquote kernel/arch/x86_64
/*
 * Firmware's tables, as the kernel reads them.  Where one is said to be, the input has it, in a block of its
 * own and as long as its header says.
 */
#include "fuzz.h"
#include "boot.h"
#include "cpu.h"

#define BASE    0x1000ul
#define HEADER  36u
#define LONGEST 4096u
#define BLOCKS  1100 /* the entries of the longest root, and a few */

struct boot_info boot_info;
char *host_ram;

static const uint8_t *memory;
static size_t memory_size;
static uint8_t *blocks[BLOCKS];
static unsigned nr_blocks;

void *host_phys_to_virt(uint64_t pa)
{
	uint32_t len = HEADER;
	struct input input = { NULL, 0 };
	bool root_pointer = nr_blocks == 0;

	if (pa >= BASE && pa - BASE < memory_size)
		input = (struct input){ memory + (pa - BASE), memory_size - (pa - BASE) };
	if (!root_pointer && input.left >= 8)
		memcpy(&len, input.at + 4, sizeof(len));
	len = len < HEADER || len > LONGEST ? HEADER : len;
	EXPECT(nr_blocks < BLOCKS);
	blocks[nr_blocks] = malloc(len);
	take(&input, blocks[nr_blocks], len);
	if (len == HEADER && !root_pointer) /* too long for us: as if there were nothing */
		memset(blocks[nr_blocks], 0, len);
	return blocks[nr_blocks++];
}

void host_panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memory = data;
	memory_size = size;
	boot_info.rsdp_pa = BASE;
	boot_info.ram_top = 1ul << 30;
	acpi_info = (struct acpi_info){ 0 };
	acpi_init();
	EXPECT(acpi_info.nr_cpus <= MAX_CPUS);
	EXPECT(acpi_info.nr_ioapics <= ARRAY_SIZE(acpi_info.ioapics));
	while (nr_blocks)
		free(blocks[--nr_blocks]);
	return 0;
}
