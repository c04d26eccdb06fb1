// SPDX-License-Identifier: MIT
// sources: userland/lib/runtime/pages.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
/* Address space that is given back is whole again, in whatever order its parts come. */
#include "check.h"

#define PART (16 * QUOIN_PAGE_SIZE)
#define NR   6

uintptr_t region_reserve(size_t len_bytes);
void region_release(uintptr_t start, size_t len_bytes);
uint64_t region_bytes_in_use(void);

static bool mapping_fails;

void mutex_lock(struct mutex *m)
{
	CHECK_EQ(m->held++, 0);
}

void mutex_unlock(struct mutex *m)
{
	CHECK_EQ(m->held--, 1);
}

long quoin_aspace_map(quoin_handle aspace, uint64_t address, uint64_t len, uint64_t prot_flags,
		      quoin_handle memobj, uint64_t offset)
{
	(void)memobj;
	(void)offset;
	(void)prot_flags;
	CHECK_EQ(aspace, QUOIN_SELF_ASPACE);
	CHECK(address >= QUOIN_SERVER_MMAP && len % QUOIN_PAGE_SIZE == 0);
	return mapping_fails ? -QERR_NOMEM : 0;
}

long quoin_aspace_unmap(quoin_handle aspace, uint64_t address, uint64_t len)
{
	(void)aspace;
	(void)address;
	(void)len;
	return 0;
}

long quoin_aspace_populate(quoin_handle aspace, uint64_t address, uint64_t len, uint32_t access)
{
	(void)aspace;
	(void)address;
	(void)len;
	(void)access;
	return 0;
}

/* Gives six neighbours back in an order; together they are one range then. */
static void test_order(const int order[NR])
{
	uintptr_t parts[NR];

	for (int i = 0; i < NR; i++)
		parts[i] = region_reserve(PART);
	for (int i = 0; i < NR; i++)
		region_release(parts[order[i]], PART);
	CHECK_EQ(region_reserve(NR * PART), parts[0]);
	region_release(parts[0], NR * PART);
}

static void test_every_order(int *order, int fixed)
{
	if (fixed == NR) {
		test_order(order);
		return;
	}
	for (int i = fixed; i < NR; i++) {
		int first = order[i];

		order[i] = order[fixed];
		order[fixed] = first;
		test_every_order(order, fixed + 1);
		order[fixed] = order[i];
		order[i] = first;
	}
}

int main(void)
{
	int order[NR] = { 0, 1, 2, 3, 4, 5 };

	CHECK_EQ(region_reserve(0), 0);
	CHECK_EQ(region_reserve(SIZE_MAX), 0);
	CHECK_EQ(region_reserve(QUOIN_SERVER_MAX - QUOIN_SERVER_MMAP + 1), 0);
	test_every_order(order, 0);
	mapping_fails = true;
	CHECK(!memobj_map(1, 0, PART, QUOIN_PROT_READ, 0));
	CHECK_EQ(region_bytes_in_use(), 0);
	return check_result();
}
