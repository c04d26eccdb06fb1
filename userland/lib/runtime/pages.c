/*
 * Address space of the task's region above QUOIN_SERVER_MMAP: a bump pointer and a small list of freed
 * ranges, first fit.  Ranges are few and large; small allocations are malloc's.
 */
#include <quoin/runtime.h>
#include <quoin/sync.h>

struct free_range {
	uintptr_t start;
	size_t len;
};

static struct mutex region_lock = MUTEX_INIT("region", 0);
static uintptr_t region_next = QUOIN_SERVER_MMAP; /* under region_lock */
static struct free_range free_ranges[256];        /* under region_lock; len 0: unused */

static uintptr_t range_take(size_t len)
{
	for (size_t i = 0; i < array_length(free_ranges); i++) {
		struct free_range *range = &free_ranges[i];
		if (range->len < len)
			continue;
		uintptr_t start = range->start;
		range->start += len;
		range->len -= len;
		return start;
	}
	return 0;
}

/*
 * Joined with the neighbours on both sides.  When the list is full the range is lost: address space is plentiful,
 * memory is not held by it.
 */
static void range_give(uintptr_t start, size_t len)
{
	struct free_range *unused = NULL;

	for (size_t i = 0; i < array_length(free_ranges); i++) {
		struct free_range *range = &free_ranges[i];
		bool before = range->start + range->len == start, after = start + len == range->start;
		if (range->len && !before && !after)
			continue;
		if (range->len && before)
			start = range->start;
		len += range->len;
		range->len = 0;
		unused = range;
	}
	if (unused)
		*unused = (struct free_range){ start, len };
}

uintptr_t region_reserve(size_t len_bytes)
{
	size_t len = ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE);

	if (!len || len < len_bytes || len > QUOIN_SERVER_MAX - QUOIN_SERVER_MMAP)
		return 0;
	mutex_lock(&region_lock);
	uintptr_t start = range_take(len);
	if (!start && region_next + len <= QUOIN_SERVER_MAX) {
		start = region_next;
		region_next += len;
	}
	mutex_unlock(&region_lock);
	return start;
}

void region_release(uintptr_t start, size_t len_bytes)
{
	mutex_lock(&region_lock);
	range_give(start, ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE));
	mutex_unlock(&region_lock);
}

uint64_t region_bytes_in_use(void)
{
	mutex_lock(&region_lock);
	uint64_t bytes = region_next - QUOIN_SERVER_MMAP;
	for (size_t i = 0; i < array_length(free_ranges); i++)
		bytes -= free_ranges[i].len;
	mutex_unlock(&region_lock);
	return bytes;
}

static void *map_at_reserved(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags)
{
	uintptr_t start = region_reserve(len);
	if (!start)
		return NULL;
	if (quoin_aspace_map(QUOIN_SELF_ASPACE, start, len, prot | (uint64_t)flags << 8, memobj, offset) < 0) {
		region_release(start, len);
		return NULL;
	}
	return (void *)start;
}

void *pages_alloc(size_t len_bytes)
{
	return map_at_reserved(0, 0, ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE), QUOIN_PROT_READ | QUOIN_PROT_WRITE,
			       0);
}

void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len_bytes, uint32_t prot, uint32_t flags)
{
	return map_at_reserved(memobj, offset, ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE), prot, flags);
}

bool pages_commit(const void *address, size_t len_bytes)
{
	uintptr_t start = ALIGN_DOWN((uintptr_t)address, QUOIN_PAGE_SIZE);
	uintptr_t end = ALIGN_UP((uintptr_t)address + len_bytes, QUOIN_PAGE_SIZE);

	return quoin_aspace_populate(QUOIN_SELF_ASPACE, start, end - start,
				     QUOIN_PROT_READ | QUOIN_PROT_WRITE) == 0;
}

void pages_free(void *address, size_t len_bytes)
{
	size_t len = ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE);

	if (!address)
		return;
	quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)address, len);
	region_release((uintptr_t)address, len);
}
