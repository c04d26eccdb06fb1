// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/acpi.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
/* The supervisor's ACPI tables: the fields that it uses, by way of RSDT and XSDT; damaged tables count for nothing. */
#include "check.h"
#include "userland/servers/devmgr/devmgr.h"

#define BASE 0x1000u

static uint8_t memory[4096];
static struct quoin_info info;
static int nr_mapped;

const void *physical_map(uint64_t address, size_t len)
{
	uint8_t *block;

	if (address < BASE || address - BASE > sizeof(memory) || len > sizeof(memory) - (address - BASE))
		return NULL;
	block = malloc(len);
	memcpy(block, memory + (address - BASE), len);
	nr_mapped++;
	return block;
}

void physical_unmap(const void *mapped, size_t len)
{
	(void)len;
	nr_mapped--;
	free((void *)mapped);
}

const struct quoin_info *runtime_info(void)
{
	return &info;
}

void log_printf(const char *format, ...)
{
	(void)format;
}

static void put(uint32_t at, uint64_t value, unsigned bytes)
{
	memcpy(memory + at, &value, bytes);
}

static void sum_to_zero(uint32_t at, uint32_t len, uint32_t checksum)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + memory[at + i]);
	memory[at + checksum] = (uint8_t)(memory[at + checksum] - sum);
}

static void table(uint32_t at, const char *signature, uint32_t len)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, len, 4);
	sum_to_zero(at, len, 9);
}

enum { ROOT = 64, XROOT = 128, FADT = 256, DSDT = 512, MCFG = 1024 };

static void tables_make(unsigned revision, uint32_t fadt_bytes)
{
	static const uint8_t s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0, 0 };

	memset(memory, 0, sizeof(memory));
	memcpy(memory, "RSD PTR ", 8);
	memory[15] = (uint8_t)revision;
	put(16, BASE + ROOT, 4);
	put(24, revision >= 2 ? BASE + XROOT : 0, 8);
	sum_to_zero(0, 20, 8);
	put(ROOT + 36, BASE + FADT, 4);
	put(ROOT + 40, BASE + MCFG, 4);
	table(ROOT, "RSDT", 44);
	put(XROOT + 36, BASE + FADT, 8); /* the XSDT has no MCFG, to tell them apart */
	table(XROOT, "XSDT", 44);
	put(FADT + 40, BASE + DSDT, 4);
	put(FADT + 48, 0xb2, 4);
	put(FADT + 52, 0xf1, 1);
	put(FADT + 64, 0x604, 4);
	put(FADT + 68, 0x704, 4);
	put(FADT + 108, 0x32, 1);
	put(FADT + 112, 1 << 10, 4);
	put(FADT + 116, 1, 1);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 6, 1);
	table(FADT, "FACP", fadt_bytes);
	memcpy(memory + DSDT + 40, s5, sizeof(s5));
	table(DSDT, "DSDT", 100);
	put(MCFG + 44, 0xb0000000, 8);
	memory[MCFG + 54] = 1;
	memory[MCFG + 55] = 200;
	table(MCFG, "MCFG", 60);
}

static uint64_t ecam(void)
{
	uint8_t first, last;

	return acpi_ecam_base(&first, &last) + first * 1000 + last;
}

/* acpi_read adds to what it knows, so the poorest tables come first. */
int main(void)
{
	const struct acpi_power *power = acpi_power_get();

	acpi_read();
	info.acpi_rsdp = BASE;
	tables_make(0, 116);
	memory[3] ^= 1;
	acpi_read();
	tables_make(0, 116);
	memory[ROOT + 20] ^= 1;
	acpi_read();
	tables_make(0, 116);
	memory[FADT + 20] ^= 1;
	memory[MCFG + 20] ^= 1;
	acpi_read();
	CHECK_EQ(power->pm1a_control, 0);
	CHECK_EQ(ecam(), 0);
	CHECK(!power->has_s5 && !power->has_reset);

	tables_make(2, 116);
	acpi_read();
	CHECK_EQ(power->pm1a_control, 0x604);
	CHECK_EQ(power->pm1b_control, 0x704);
	CHECK_EQ(power->smi_command, 0xb2);
	CHECK_EQ(power->acpi_enable, 0xf1);
	CHECK_EQ(power->century_register, 0x32);
	CHECK(power->has_s5);
	CHECK_EQ(power->s5_type_a, 5);
	CHECK_EQ(power->s5_type_b, 1);
	CHECK(!power->has_reset); /* the table ends before it */
	CHECK_EQ(ecam(), 0);

	tables_make(0, 129);
	acpi_read();
	CHECK(power->has_reset);
	CHECK_EQ(power->reset_port, 0xcf9);
	CHECK_EQ(power->reset_value, 6);
	CHECK_EQ(ecam(), 0xb0000000 + 1000 + 200);
	CHECK_EQ(nr_mapped, 0);
	return check_result();
}
