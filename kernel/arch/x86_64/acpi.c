/*
 * The few ACPI tables the kernel itself needs: processors and I/O APICs (MADT), the timer (FADT).
 * Tables come from firmware; each is checked for length before a field is read.
 */
#include "boot.h"
#include "cpu.h"
#include "debug.h"

#define MAX_TABLE_BYTES 0x100000u

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
} __attribute__((packed));

struct table {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
} __attribute__((packed));

struct madt {
	struct table table;
	uint32_t lapic_pa, flags;
	uint8_t entries[];
} __attribute__((packed));

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };

#define LAPIC_ENABLED   1u
#define FADT_PM_TIMER   76
#define FADT_X_PM_TIMER 208 /* generic address: space, width, offset, size, address */

struct acpi_info acpi_info = { .lapic_pa = 0xfee00000 };

static bool direct_mapped(uint64_t pa, uint64_t len)
{
	uint64_t end = MAX(boot_info.ram_top, 1ul << 32);

	return pa < end && len <= end - pa;
}

static const struct table *table_at(uint64_t pa)
{
	const struct table *t;

	if (pa == 0 || !direct_mapped(pa, sizeof(*t)))
		return NULL;
	t = phys_to_virt(pa);
	if (t->length < sizeof(*t) || t->length > MAX_TABLE_BYTES || !direct_mapped(pa, t->length))
		return NULL;
	return t;
}

static uint32_t read32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint64_t read64(const uint8_t *p)
{
	return read32(p) | (uint64_t)read32(p + 4) << 32;
}

static void add_cpu(uint32_t apic, uint32_t flags)
{
	if ((flags & LAPIC_ENABLED) && acpi_info.nr_cpus < MAX_CPUS)
		acpi_info.apic_ids[acpi_info.nr_cpus++] = apic;
}

static void add_ioapic(uint32_t pa, uint32_t gsi_base)
{
	if (acpi_info.nr_ioapics == ARRAY_SIZE(acpi_info.ioapics))
		return;
	acpi_info.ioapics[acpi_info.nr_ioapics].pa = pa;
	acpi_info.ioapics[acpi_info.nr_ioapics++].gsi_base = gsi_base;
}

static void parse_madt(const struct table *t)
{
	const struct madt *madt = (const void *)t;
	const uint8_t *end = (const uint8_t *)t + t->length, *p = madt->entries;

	acpi_info.lapic_pa = madt->lapic_pa;
	for (; p + 2 <= end && p[1] >= 2 && p + p[1] <= end; p += p[1]) {
		if (p[0] == MADT_LAPIC && p[1] >= 8)
			add_cpu(p[3], read32(p + 4));
		else if (p[0] == MADT_X2APIC && p[1] >= 16 && read32(p + 4) < 255)
			add_cpu(read32(p + 4), read32(p + 8));
		else if (p[0] == MADT_IOAPIC && p[1] >= 12)
			add_ioapic(read32(p + 4), read32(p + 8));
		else if (p[0] == MADT_LAPIC_ADDRESS && p[1] >= 12)
			acpi_info.lapic_pa = read64(p + 4);
	}
}

static void parse_fadt(const struct table *t)
{
	const uint8_t *p = (const uint8_t *)t;

	if (t->length >= FADT_PM_TIMER + 4)
		acpi_info.pm_timer_port = read32(p + FADT_PM_TIMER);
	if (t->length >= FADT_X_PM_TIMER + 12 && p[FADT_X_PM_TIMER] == 1 && read64(p + FADT_X_PM_TIMER + 4))
		acpi_info.pm_timer_port = read64(p + FADT_X_PM_TIMER + 4);
}

static void parse_table(const struct table *t)
{
	if (!t)
		return;
	if (memcmp(t->signature, "APIC", 4) == 0 && t->length >= sizeof(struct madt))
		parse_madt(t);
	else if (memcmp(t->signature, "FACP", 4) == 0)
		parse_fadt(t);
}

/* The RSDT has 32-bit addresses, the XSDT 64-bit ones, both behind a header of 36 bytes. */
static void parse_root(const struct table *root, unsigned width)
{
	for (uint32_t at = 36; at + width <= root->length; at += width) {
		const uint8_t *p = (const uint8_t *)root + at;

		parse_table(table_at(width == 8 ? read64(p) : read32(p)));
	}
}

void acpi_init(void)
{
	const struct rsdp *rsdp = phys_to_virt(boot_info.rsdp_pa);
	const struct table *root = NULL;

	if (!boot_info.rsdp_pa) {
		kprintf("acpi: none; one CPU\n");
		return;
	}
	if (rsdp->revision >= 2)
		root = table_at(rsdp->xsdt);
	if (root)
		parse_root(root, 8);
	else if ((root = table_at(rsdp->rsdt)))
		parse_root(root, 4);
}
