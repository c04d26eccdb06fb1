/*
 * The Multiboot2 information: a list of tags, each with a type and a size, padded to 8 bytes.  It is
 * copied out before the allocator exists; the memory it lies in is never given to the allocator,
 * because the ACPI root pointer that others see is the copy in there.
 */
#include "boot.h"
#include "debug.h"

#define MULTIBOOT2_MAGIC 0x36d76289

enum {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

#define MEMORY_AVAILABLE 1
#define PHYSICAL_MAX     (1ul << 52)
#define RSDP_BYTES       20u /* of revisions 0 and 1 */
#define RSDP_BYTES_V2    36u
#define RSDP_REVISION    15
#define LOW_END          0x100000ul /* below: firmware's, but for the trampoline */

struct tag {
	uint32_t type, size;
};

struct tag_module {
	struct tag tag;
	uint32_t start, end;
};

struct memory_entry {
	uint64_t start, length;
	uint32_t type, reserved;
};

struct tag_memory_map {
	struct tag tag;
	uint32_t entry_size, entry_version;
	uint8_t entries[];
};

struct boot_info boot_info;
extern char image_start[], image_end[];

static void range_add(uint64_t start, uint64_t end)
{
	struct boot_info *b = &boot_info;
	unsigned i = b->nr_free;

	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start >= end || i == BOOT_MAX_RANGES)
		return;
	for (; i > 0 && b->free[i - 1].start > start; i--)
		b->free[i] = b->free[i - 1];
	b->free[i] = (struct phys_range){ start, end };
	b->nr_free++;
}

static void range_drop(unsigned i)
{
	boot_info.nr_free--;
	for (; i < boot_info.nr_free; i++)
		boot_info.free[i] = boot_info.free[i + 1];
}

/* Takes [start, end), rounded outwards, out of the free ranges. */
static void range_reserve(uint64_t start, uint64_t end)
{
	struct boot_info *b = &boot_info;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (unsigned i = 0; i < b->nr_free; i++) {
		struct phys_range r = b->free[i];

		if (r.end <= start || r.start >= end)
			continue;
		range_drop(i--);
		if (r.start < start)
			range_add(r.start, start);
		if (r.end > end)
			range_add(end, r.end);
		if (r.start < start)
			i++;
	}
}

/* Firmware may describe a page twice. */
static void ranges_make_disjoint(void)
{
	struct boot_info *b = &boot_info;

	for (unsigned i = 1; i < b->nr_free; i++) {
		if (b->free[i].start > b->free[i - 1].end)
			continue;
		b->free[i - 1].end = MAX(b->free[i - 1].end, b->free[i].end);
		range_drop(i--);
	}
}

static void parse_memory_map(const struct tag_memory_map *map)
{
	const uint8_t *end = (const uint8_t *)map + map->tag.size;
	struct memory_entry e;

	if (map->entry_size < sizeof(struct memory_entry))
		panic("multiboot: memory map entries of %u bytes", map->entry_size);
	for (const uint8_t *p = map->entries; p + sizeof(e) <= end; p += map->entry_size) {
		memcpy(&e, p, sizeof(e));
		if (e.type == MEMORY_AVAILABLE && e.start < PHYSICAL_MAX && e.length <= PHYSICAL_MAX - e.start)
			range_add(e.start, e.start + e.length);
	}
}

static void parse_command_line(const char *text, size_t size)
{
	size_t n = 0;

	for (; n < size && n < sizeof(boot_info.command_line) - 1 && text[n]; n++)
		boot_info.command_line[n] = text[n];
	boot_info.command_line[n] = 0;
}

static bool holds_rsdp(const struct tag *tag)
{
	size_t room = tag->size - sizeof(*tag);
	const uint8_t *rsdp = (const uint8_t *)(tag + 1);

	return room >= RSDP_BYTES && (rsdp[RSDP_REVISION] < 2 || room >= RSDP_BYTES_V2);
}

/* Is the tag as large as what is read of it? */
static bool tag_whole(const struct tag *tag)
{
	switch (tag->type) {
	case TAG_MODULE:
		return tag->size >= sizeof(struct tag_module);
	case TAG_MEMORY_MAP:
		return tag->size >= sizeof(struct tag_memory_map);
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		return holds_rsdp(tag);
	}
	return true;
}

static void parse_tag(const struct tag *tag)
{
	const struct tag_module *module = (const void *)tag;

	switch (tag->type) {
	case TAG_COMMAND_LINE:
		parse_command_line((const char *)(tag + 1), tag->size - sizeof(*tag));
		break;
	case TAG_MODULE:
		if (boot_info.archive_bytes == 0 && module->end > module->start) {
			boot_info.archive_pa = module->start;
			boot_info.archive_bytes = module->end - module->start;
		}
		break;
	case TAG_MEMORY_MAP:
		parse_memory_map((const void *)tag);
		break;
	case TAG_ACPI_OLD:
		if (!boot_info.rsdp_pa)
			boot_info.rsdp_pa = virt_to_phys(tag + 1);
		break;
	case TAG_ACPI_NEW:
		boot_info.rsdp_pa = virt_to_phys(tag + 1);
		break;
	}
}

/* A free page below 640 KiB, not the first, for the processors' real-mode start. */
static void choose_trampoline(uint64_t info_pa, uint64_t info_end)
{
	for (unsigned i = 0; i < boot_info.nr_free; i++) {
		uint64_t pa = MAX(boot_info.free[i].start, PAGE_SIZE);

		for (; pa + PAGE_SIZE <= MIN(boot_info.free[i].end, 0xa0000ul); pa += PAGE_SIZE) {
			if (pa + PAGE_SIZE > info_pa && pa < info_end)
				continue;
			boot_info.trampoline_pa = pa;
		}
	}
}

void boot_parse(uint64_t magic, uint64_t info_pa)
{
	const uint32_t *info = phys_to_virt(info_pa);
	uint32_t size;

	if (magic != MULTIBOOT2_MAGIC)
		panic("not started by a Multiboot2 loader (magic 0x%lx)", magic);
	size = info[0];
	for (uint32_t at = 8; at + sizeof(struct tag) <= size;) {
		const struct tag *tag = (const void *)((const uint8_t *)info + at);

		if (tag->type == TAG_END || tag->size < sizeof(*tag) || tag->size > size - at)
			break;
		if (tag_whole(tag))
			parse_tag(tag);
		at += ALIGN_UP(tag->size, 8);
	}
	ranges_make_disjoint();
	if (boot_info.nr_free == 0)
		panic("multiboot: no memory map");
	boot_info.ram_top = boot_info.free[boot_info.nr_free - 1].end;
	choose_trampoline(info_pa, info_pa + size);
	range_reserve(0, LOW_END);
	range_reserve((uintptr_t)image_start, (uintptr_t)image_end - KERNEL_IMAGE);
	range_reserve(info_pa, info_pa + size);
	range_reserve(boot_info.archive_pa, boot_info.archive_pa + boot_info.archive_bytes);
}

const char *boot_option(const char *key)
{
	size_t len = strlen(key);
	const char *p = boot_info.command_line;

	while (*p) {
		while (*p == ' ')
			p++;
		if (memcmp(p, key, MIN(len, strlen(p))) == 0 && strlen(p) > len && p[len] == '=')
			return p + len + 1;
		while (*p && *p != ' ')
			p++;
	}
	return NULL;
}

uint64_t boot_alloc_page(void)
{
	for (unsigned i = 0; i < boot_info.nr_free; i++) {
		struct phys_range *r = &boot_info.free[i];
		uint64_t pa = r->start;

		if (r->end - r->start < 2 * PAGE_SIZE || pa >= 1ul << 32)
			continue;
		r->start += PAGE_SIZE;
		memset(phys_to_virt(pa), 0, PAGE_SIZE);
		return pa;
	}
	panic("no memory for the kernel's page tables");
}
