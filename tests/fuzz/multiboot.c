// SPDX-License-Identifier: MIT
// sources: kernel/arch/x86_64/multiboot.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include -fPIC
// libs: -no-pie -Wl,--defsym=image_start=0x100000 -Wl,--defsym=image_end=0xffffffff80180000
/*
 * What the boot loader says: nothing is read beyond it, and of memory only that is called free which is
 * whole pages, in order, once, and neither the image's nor the archive's.
 */
#include "fuzz.h"
#include "boot.h"

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <sys/mman.h>

#define INFO_PA  0x200000ul
#define INFO_MAX 65536u
#define MAGIC    0x36d76289
#define LOW_END  0x100000ul

/* The linker script's. */
extern char image_start[], image_end[];
char *host_ram;
static jmp_buf given_up;

void host_panic(const char *format, ...)
{
	(void)format;
	longjmp(given_up, 1);
}

static bool touches(const struct phys_range *range, uint64_t start, uint64_t end)
{
	return range->start < end && range->end > start;
}

static void check_ranges(size_t size)
{
	const struct boot_info *b = &boot_info;

	EXPECT(b->nr_free <= BOOT_MAX_RANGES);
	for (unsigned i = 0; i < b->nr_free; i++) {
		const struct phys_range *range = &b->free[i];

		EXPECT(range->start < range->end && range->end <= b->ram_top);
		EXPECT(page_aligned(range->start) && page_aligned(range->end));
		EXPECT(i == 0 || b->free[i - 1].end <= range->start);
		EXPECT(!touches(range, 0, LOW_END));
		EXPECT(!touches(range, (uintptr_t)image_start, (uintptr_t)image_end - KERNEL_IMAGE));
		EXPECT(!touches(range, INFO_PA, INFO_PA + size));
		EXPECT(!b->archive_bytes || !touches(range, b->archive_pa, b->archive_pa + b->archive_bytes));
	}
	EXPECT(b->trampoline_pa < 0xa0000 && page_aligned(b->trampoline_pa));
	EXPECT(memchr(b->command_line, 0, sizeof(b->command_line)));
}

/* The information and, behind it, memory that must not be read. */
static void info_place(const uint8_t *data, uint32_t size)
{
	char *info = host_ram + INFO_PA;

	__asan_unpoison_memory_region(info, INFO_MAX + 64);
	memcpy(info, data, size);
	memcpy(info, &size, sizeof(size));
	__asan_poison_memory_region(info + size, INFO_MAX + 64 - size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!host_ram)
		host_ram = mmap(NULL, 1ul << 32, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (size < 8 || size > INFO_MAX)
		return 0;
	memset(&boot_info, 0, sizeof(boot_info));
	info_place(data, (uint32_t)size);
	if (setjmp(given_up))
		return 0;
	boot_parse(MAGIC, INFO_PA);
	check_ranges(size);
	boot_option("panic");
	__asan_unpoison_memory_region(host_ram + INFO_PA, INFO_MAX + 64);
	for (unsigned pages = 0; pages < 4; pages++) {
		uint64_t pa = boot_alloc_page();

		EXPECT(pa >= LOW_END && page_aligned(pa));
		madvise(host_ram + pa, PAGE_SIZE, MADV_DONTNEED);
	}
	return 0;
}
