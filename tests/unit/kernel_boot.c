// SPDX-License-Identifier: MIT
// sources: kernel/arch/x86_64/multiboot.c kernel/arch/x86_64/acpi.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include -iquote kernel/arch/x86_64 -fPIC
// libs: -no-pie -Wl,--defsym=image_start=0x100000 -Wl,--defsym=image_end=0xffffffff80180000
/* What the kernel learns at boot: free memory is what nobody uses, and processors come out of firmware's tables. */
#include "check.h"
#include "boot.h"
#include "cpu.h"

#include <stdarg.h>
#include <setjmp.h>

#define MAGIC   0x36d76289
#define INFO_PA 0x300000u

char *host_ram;
static jmp_buf panicked;
static uint32_t info_bytes;

void host_panic(const char *format, ...)
{
	(void)format;
	longjmp(panicked, 1);
}

static void tag(uint32_t type, const void *body, uint32_t len)
{
	char *at = host_ram + INFO_PA + info_bytes;
	uint32_t head[] = { type, 8 + len };

	memcpy(at, head, sizeof(head));
	if (len)
		memcpy(at + 8, body, len);
	info_bytes += ALIGN_UP(8 + len, 8);
}

static void info_begin(void)
{
	memset(&boot_info, 0, sizeof(boot_info));
	memset(host_ram + INFO_PA, 0, 4096);
	info_bytes = 8;
}

static bool parse(uint64_t magic)
{
	tag(0, NULL, 0);
	memcpy(host_ram + INFO_PA, &info_bytes, sizeof(info_bytes));
	if (setjmp(panicked))
		return false;
	boot_parse(magic, INFO_PA);
	return true;
}

struct memory_tag {
	uint32_t entry_size, version;
	struct {
		uint64_t start, length;
		uint32_t type, reserved;
	} entries[8];
};

static void test_memory_nobody_uses_is_free(void)
{
	const struct memory_tag map = {
		.entry_size = 24,
		.entries = {
			{ 0x100800, 0x6ff800, 1, 0 },      /* not from a page's start */
			{ 0, 0x9fc00, 1, 0 },
			{ 0x700000, 0x200000, 1, 0 },      /* overlaps the first */
			{ 0x900000, 0x100000, 2, 0 },      /* not ours */
			{ -0x800ul, 0x7ff, 1, 0 },         /* no such address */
			{ 0x40000000, ~0ul, 1, 0 },
			{ 0x80000000, 0x1000, 1, 0 },
		},
	};
	const uint32_t module[] = { 0x400000, 0x400123, 'a' }, second[] = { 0x500000, 0x500001, 'b' };

	info_begin();
	tag(1, "panic=exit quiet", 17);
	tag(3, module, sizeof(module));
	tag(3, second, sizeof(second));
	tag(6, &map, sizeof(map));
	CHECK(parse(MAGIC));
	CHECK_EQ(boot_info.ram_top, 0x80001000);
	CHECK_EQ(boot_info.archive_pa, 0x400000);
	CHECK_EQ(boot_info.archive_bytes, 0x123);
	CHECK_EQ(boot_info.nr_free, 4);
	CHECK_EQ(boot_info.free[0].start, 0x180000); /* behind the image */
	CHECK_EQ(boot_info.free[0].end, INFO_PA);
	CHECK_EQ(boot_info.free[1].start, INFO_PA + 0x1000);
	CHECK_EQ(boot_info.free[1].end, 0x400000);
	CHECK_EQ(boot_info.free[2].start, 0x401000);
	CHECK_EQ(boot_info.free[2].end, 0x900000);
	CHECK_EQ(boot_info.free[3].start, 0x80000000);
	CHECK_EQ(boot_info.trampoline_pa, 0x9e000);
	CHECK(memcmp(boot_option("panic"), "exit ", 5) == 0);
	CHECK(!boot_option("quiet") && !boot_option("pani"));
	CHECK_EQ(boot_alloc_page(), 0x180000);
	CHECK_EQ(boot_alloc_page(), 0x181000);
}

/* Their fields would lie in the next tag. */
static void test_tags_that_are_too_short_are_passed_over(void)
{
	const struct memory_tag map = { .entry_size = 24, .entries = { { 0x200000, 0x800000, 1, 0 } } };
	const uint32_t number = 7;

	info_begin();
	tag(3, &number, 4);
	tag(6, &number, 4);
	tag(14, "RSD PTR 0123456", 16);
	tag(15, "RSD PTR 0123456\2.......", 24); /* its revision promises more */
	tag(6, &map, sizeof(map));
	CHECK(parse(MAGIC));
	CHECK_EQ(boot_info.archive_bytes, 0);
	CHECK_EQ(boot_info.rsdp_pa, 0);
	CHECK_EQ(boot_info.nr_free, 2);
}

static void test_without_memory_or_loader_is_a_panic(void)
{
	const struct memory_tag map = { .entry_size = 20, .entries = { { 0x200000, 0x800000, 1, 0 } } };

	info_begin();
	CHECK(!parse(MAGIC));
	CHECK(!parse(MAGIC + 1));
	info_begin();
	tag(6, &map, sizeof(map));
	CHECK(!parse(MAGIC));
}

/* ---- ACPI ---- */

static void put(uint64_t pa, const void *data, size_t len)
{
	memcpy(host_ram + pa, data, len);
}

static void table(uint64_t pa, const char *signature, const void *body, uint32_t len)
{
	uint32_t bytes = 36 + len;

	memset(host_ram + pa, 0, 36);
	put(pa, signature, 4);
	put(pa + 4, &bytes, 4);
	put(pa + 36, body, len);
}

static void test_processors_are_counted(void)
{
	static const uint8_t madt[] = {
		0, 0,  0xe0, 0xfe, 0, 0,    0,    0,                             /* local APIC, flags */
		0, 8,  0,    3,    1, 0,    0,    0,                             /* processor 3 */
		0, 8,  0,    4,    0, 0,    0,    0,                             /* not enabled */
		9, 16, 0,    0,    5, 0,    0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* processor 5 */
		9, 16, 0,    0,    0, 1,    0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* 256: out of reach */
		1, 12, 0,    0,    0, 0,    0xc0, 0xfe, 16, 0, 0, 0,             /* I/O APIC */
		5, 12, 0,    0,    0, 0x10, 0xe0, 0xfe, 1,  0, 0, 0,             /* the address in 64 bits */
		0, 8,  0,    6,                                                  /* cut off */
	};
	const uint64_t entries[] = { 0, -16ul, 0x10000, 1ul << 40 };
	uint8_t rsdp[36] = "RSD PTR ";
	uint64_t xsdt = 0x11000;

	rsdp[15] = 2;
	memcpy(rsdp + 24, &xsdt, sizeof(xsdt));
	put(0x12000, rsdp, sizeof(rsdp));
	table(0x10000, "APIC", madt, sizeof(madt));
	table(0x11000, "XSDT", entries, sizeof(entries));
	boot_info.rsdp_pa = 0x12000;
	boot_info.ram_top = HOST_RAM_BYTES;
	acpi_init();
	CHECK_EQ(acpi_info.nr_cpus, 2);
	CHECK_EQ(acpi_info.apic_ids[0], 3);
	CHECK_EQ(acpi_info.apic_ids[1], 5);
	CHECK_EQ(acpi_info.nr_ioapics, 1);
	CHECK_EQ(acpi_info.ioapics[0].pa, 0xfec00000);
	CHECK_EQ(acpi_info.ioapics[0].gsi_base, 16);
	CHECK_EQ(acpi_info.lapic_pa, 0x1fee01000);
}

int main(void)
{
	host_ram = calloc(1, HOST_RAM_BYTES);
	test_memory_nobody_uses_is_free();
	test_tags_that_are_too_short_are_passed_over();
	test_without_memory_or_loader_is_a_panic();
	test_processors_are_counted();
	free(host_ram);
	return check_result();
}
