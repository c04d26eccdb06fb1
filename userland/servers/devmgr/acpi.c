/*
 * The ACPI tables that power and PCI need (ACPI 6.4, chapter 5): FADT, MCFG, and of the DSDT only the
 * package \_S5, which is found by its bytes, not by an interpreter: every firmware writes it as a plain
 * package of constants.
 */
#include "devmgr.h"

#define RSDP_BYTES 36

struct sdt_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[26];
} __attribute__((packed));

_Static_assert(sizeof(struct sdt_header) == 36, "ACPI 5.2.6");

static struct acpi_power power;
static uint64_t ecam_base;
static uint8_t ecam_first, ecam_last;

const struct acpi_power *acpi_power_get(void)
{
	return &power;
}

uint64_t acpi_ecam_base(uint8_t *first_bus, uint8_t *last_bus)
{
	*first_bus = ecam_first;
	*last_bus = ecam_last;
	return ecam_base;
}

static uint64_t read_le(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static bool sums_to_zero(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return sum == 0;
}

/* A whole table, checked; NULL if it is damaged. */
static const uint8_t *table_map(uint64_t address, uint32_t *length)
{
	const struct sdt_header *header = physical_map(address, sizeof(*header));

	if (!header)
		return NULL;
	*length = header->length;
	physical_unmap(header, sizeof(*header));
	if (*length < sizeof(*header) || *length > 4u << 20)
		return NULL;
	const uint8_t *table = physical_map(address, *length);
	if (table && !sums_to_zero(table, *length)) {
		physical_unmap(table, *length);
		return NULL;
	}
	return table;
}

static int s5_value(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;

	if (p < end && (*p == 0 || *p == 1)) { /* ZeroOp, OneOp */
		*at = p + 1;
		return *p;
	}
	if (p + 1 < end && *p == 0x0a) { /* BytePrefix */
		*at = p + 2;
		return p[1];
	}
	return -1;
}

/* NameOp "_S5_" PackageOp PkgLength NumElements SLP_TYPa SLP_TYPb ... (ACPI 20.2.5) */
static void dsdt_find_s5(const uint8_t *dsdt, uint32_t length)
{
	for (uint32_t i = sizeof(struct sdt_header); i + 12 < length; i++) {
		const uint8_t *p = dsdt + i, *end = dsdt + length;
		if (memcmp(p, "_S5_", 4) != 0 || p[4] != 0x12)
			continue;
		p += 5;
		p += 1 + (*p >> 6); /* PkgLength */
		p += 1;             /* NumElements */
		int a = s5_value(&p, end), b = s5_value(&p, end);
		if (a < 0)
			continue;
		power.has_s5 = true;
		power.s5_type_a = (uint8_t)a;
		power.s5_type_b = (uint8_t)(b < 0 ? 0 : b);
		return;
	}
}

static void fadt_read(const uint8_t *fadt, uint32_t length)
{
	uint32_t dsdt_length;

	if (length < 116)
		return;
	power.smi_command = (uint32_t)read_le(fadt + 48, 4);
	power.acpi_enable = fadt[52];
	power.pm1a_control = (uint32_t)read_le(fadt + 64, 4);
	power.pm1b_control = (uint32_t)read_le(fadt + 68, 4);
	power.century_register = fadt[108];
	if (length >= 129 && (read_le(fadt + 112, 4) >> 10 & 1) &&
	    fadt[116] == 1) { /* RESET_REG_SUP, system I/O */
		power.has_reset = true;
		power.reset_port = read_le(fadt + 120, 8);
		power.reset_value = fadt[128];
	}
	const uint8_t *dsdt = table_map(read_le(fadt + 40, 4), &dsdt_length);
	if (dsdt) {
		dsdt_find_s5(dsdt, dsdt_length);
		physical_unmap(dsdt, dsdt_length);
	}
}

/* The first segment group is enough: others have their own configuration space and no boot devices here. */
static void mcfg_read(const uint8_t *mcfg, uint32_t length)
{
	if (length < 60)
		return;
	ecam_base = read_le(mcfg + 44, 8);
	ecam_first = mcfg[54];
	ecam_last = mcfg[55];
}

static void table_visit(uint64_t address)
{
	uint32_t length;
	const uint8_t *table = table_map(address, &length);

	if (!table)
		return;
	if (memcmp(table, "FACP", 4) == 0)
		fadt_read(table, length);
	else if (memcmp(table, "MCFG", 4) == 0)
		mcfg_read(table, length);
	physical_unmap(table, length);
}

/* The root table, and how wide its entries are: 64-bit addresses from revision 2 on. */
static const uint8_t *root_map(uint32_t *length, unsigned *entry_bytes)
{
	uint64_t address = runtime_info()->acpi_rsdp;
	const uint8_t *rsdp = address ? physical_map(address, RSDP_BYTES) : NULL, *root = NULL;

	if (!rsdp)
		return NULL;
	if (memcmp(rsdp, "RSD PTR ", 8) == 0 && sums_to_zero(rsdp, 20)) {
		bool extended = rsdp[15] >= 2 && read_le(rsdp + 24, 8);
		*entry_bytes = extended ? 8 : 4;
		root = table_map(extended ? read_le(rsdp + 24, 8) : read_le(rsdp + 16, 4), length);
	}
	physical_unmap(rsdp, RSDP_BYTES);
	return root;
}

void acpi_read(void)
{
	uint32_t length;
	unsigned entry_bytes;
	const uint8_t *root = root_map(&length, &entry_bytes);

	if (!root) {
		log_printf("no ACPI tables: no PCI devices, no power-off");
		return;
	}
	for (uint32_t at = sizeof(struct sdt_header); at + entry_bytes <= length; at += entry_bytes)
		table_visit(read_le(root + at, entry_bytes));
	physical_unmap(root, length);
}
