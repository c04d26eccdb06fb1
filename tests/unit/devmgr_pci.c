// SPDX-License-Identifier: MIT
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter
/* The supervisor programs a device's interrupt: only where the device's own memory is, whatever the device says. */
#include "check.h"
#include "userland/servers/devmgr/pci.c"

#define ECAM    0xb0000000u
#define BAR     0xfe000000u
#define MSIX    0x98u
#define IRQ     60
#define CONFIG  ((uint8_t *)config_space)
#define VECTORS 4u

enum { CONFIG_MEMORY = 1, BAR_MEMORY };

static uint32_t config_space[BUS_BYTES / 4], bar_space[2 * QUOIN_PAGE_SIZE / 4];
static struct pci_device card = {
	.msix_cap = MSIX,
	.bar_address = { BAR },
	.bar_bytes = { sizeof(bar_space) },
};
static bool irq_open, no_memory;
static uint64_t bar_offset; /* of the window that is mapped */

uint64_t acpi_ecam_base(uint8_t *first_bus, uint8_t *last_bus)
{
	*first_bus = *last_bus = 0;
	return ECAM;
}

long quoin_memobj_physical(quoin_handle hardware, uint64_t address, uint64_t size)
{
	if (address == ECAM)
		return CONFIG_MEMORY;
	CHECK_OR_STOP(address >= BAR && address + size <= BAR + sizeof(bar_space));
	bar_offset = address - BAR;
	return BAR_MEMORY;
}

void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags)
{
	if (memobj == CONFIG_MEMORY)
		return config_space;
	return no_memory ? NULL : (uint8_t *)bar_space + bar_offset;
}

void pages_free(void *start, size_t len)
{
}

long quoin_irq_msi(quoin_handle hardware, uintptr_t msi)
{
	*(struct quoin_msi *)msi = (struct quoin_msi){ .address = 0xfee01000, .data = 0x55 };
	irq_open = true;
	return IRQ;
}

long quoin_handle_close(quoin_handle handle)
{
	if (handle == IRQ)
		irq_open = false;
	return 0;
}

/* A card whose table is at `offset` of a BAR: the answer to a request for one of its vectors. */
static long request(uint32_t bar, uint32_t offset, uint32_t entry)
{
	quoin_handle irq = 0;
	long status;

	write16(CONFIG, MSIX + 2, VECTORS - 1);
	write32(CONFIG, MSIX + 4, offset | bar);
	memset(bar_space, 0xff, sizeof(bar_space));
	irq_open = false;
	status = pci_device_irq(&card, entry, &irq);
	CHECK_EQ(irq_open, status == 0);
	CHECK_EQ(irq, status == 0 ? IRQ : 0);
	CHECK_EQ(read16(CONFIG, MSIX + 2) >> 15, status == 0);
	return status;
}

static void test_programs_the_entry(uint32_t offset, uint32_t entry)
{
	const uint32_t *slot = bar_space + (offset + entry * 16) / 4;

	CHECK_EQ(request(0, offset, entry), 0);
	CHECK(slot[0] == 0xfee01000 && slot[1] == 0 && slot[2] == 0x55 && slot[3] == 0);
}

int main(void)
{
	test_programs_the_entry(0, 0);
	test_programs_the_entry(0x800, VECTORS - 1);
	test_programs_the_entry(QUOIN_PAGE_SIZE - 8, 0);
	test_programs_the_entry(sizeof(bar_space) - 32, 1);
	CHECK_EQ(request(0, 0, VECTORS), -QERR_INVAL);
	CHECK_EQ(request(0, sizeof(bar_space) - 32, 2), -QERR_NODEV);
	CHECK_EQ(request(0, 0xfffffff8, 0), -QERR_NODEV);
	CHECK_EQ(request(1, 0, 0), -QERR_NODEV); /* it has no such BAR */
	CHECK_EQ(request(6, 0, 0), -QERR_NODEV);
	CHECK_EQ(request(7, 0, 0), -QERR_NODEV);
	no_memory = true;
	CHECK_EQ(request(0, 0, 0), -QERR_NOMEM);
	return check_result();
}
