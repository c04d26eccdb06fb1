// clang-format off
// sources: tests/unit/kernel/host.c kernel/mm/pmm.c kernel/mm/slab.c kernel/object/account.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include
// clang-format on
// The page allocator and the slabs: nothing is handed out twice, all of it comes back, and accounts are
// right.
#include "check.h"
#include "mm.h"
#include "object.h"

#define BLOCKS 4000

static uint32_t seed = 1;

static uint32_t roll(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

/* Each block is filled with its own number, which must be there when it is freed. */
static void fill(uint64_t pa, unsigned order, uint64_t tag)
{
	for (uint64_t i = 0; i < 1ul << order; i++)
		*(uint64_t *)phys_to_virt(pa + i * PAGE_SIZE) = tag;
}

static bool filled(uint64_t pa, unsigned order, uint64_t tag)
{
	for (uint64_t i = 0; i < 1ul << order; i++)
		if (*(uint64_t *)phys_to_virt(pa + i * PAGE_SIZE) != tag)
			return false;
	return true;
}

static void test_blocks(uint64_t free_pages)
{
	static struct {
		uint64_t pa;
		unsigned order;
	} blocks[BLOCKS];

	for (int round = 0; round < 40000; round++) {
		unsigned i = roll(BLOCKS);

		if (blocks[i].pa) {
			CHECK(filled(blocks[i].pa, blocks[i].order, i));
			pmm_free(blocks[i].pa, blocks[i].order);
			blocks[i].pa = 0;
			continue;
		}
		blocks[i].order = roll(8) ? roll(3) : roll(PMM_MAX_ORDER + 1);
		blocks[i].pa = pmm_alloc(blocks[i].order);
		CHECK_EQ(blocks[i].pa & ((PAGE_SIZE << blocks[i].order) - 1), 0);
		if (blocks[i].pa)
			fill(blocks[i].pa, blocks[i].order, i);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i].pa)
			pmm_free(blocks[i].pa, blocks[i].order);
	CHECK_EQ(pmm_free_pages(), free_pages);
}

static void test_exhaustion(uint64_t free_pages)
{
	uint64_t chain = 0, count = 0, pa;

	while ((pa = pmm_alloc(0))) {
		*(uint64_t *)phys_to_virt(pa) = chain;
		chain = pa;
		count++;
	}
	CHECK_EQ(count, free_pages);
	CHECK_EQ(pmm_free_pages(), 0);
	CHECK_EQ(kmalloc(4096 * 4), NULL);
	while (chain) {
		pa = chain;
		chain = *(uint64_t *)phys_to_virt(pa);
		pmm_free(pa, 0);
	}
	CHECK_EQ(pmm_free_pages(), free_pages);
}

static void test_frames(uint64_t free_pages)
{
	struct account *account = account_create(NULL, 3 * PAGE_SIZE);
	uint64_t a = frame_alloc_zeroed(account), b = frame_alloc(account), c = frame_alloc(account);
	uint64_t row, both[2];

	CHECK(a && b && c);
	CHECK_EQ(frame_alloc(account), 0);
	CHECK_EQ(account_bytes(account), 3 * PAGE_SIZE);
	frame_get(a);
	frame_put(a);
	CHECK_EQ(account_bytes(account), 3 * PAGE_SIZE);
	both[0] = a;
	both[1] = b;
	frame_put_many(both, 2);
	CHECK_EQ(account_bytes(account), PAGE_SIZE);
	CHECK_EQ(frame_alloc_contiguous(account, 3, 1ul << 32), 0);
	frame_put(c);
	row = frame_alloc_contiguous(account, 3, 1ul << 32);
	CHECK(row);
	account_drop(account); /* its last frame frees the account */
	for (unsigned i = 0; i < 3; i++)
		frame_put(row + i * PAGE_SIZE);
	CHECK(pmm_idle_zero());
	account = account_create(NULL, 0);
	a = frame_alloc_zeroed(account);
	b = frame_alloc_zeroed(account);
	CHECK(b);
	frame_put_zeroed(a);
	CHECK_EQ(account_bytes(account), PAGE_SIZE);
	c = frame_alloc_zeroed(account);
	CHECK_EQ(c, a); /* it comes from the stock */
	frame_put(b);
	frame_put(c);
	account_drop(account);
	slab_trim();
	CHECK_EQ(pmm_free_pages(), free_pages);
}

static void test_accounts(void)
{
	struct account *top = account_create(NULL, 10 * PAGE_SIZE);
	struct account *middle = account_create(top, 0), *low = account_create(middle, 100 * PAGE_SIZE);

	CHECK_EQ(account_charge(low, 20 * PAGE_SIZE), -QERR_NOMEM);
	CHECK_EQ(account_bytes(low), 0);
	CHECK_EQ(account_charge(low, 8 * PAGE_SIZE), 0);
	CHECK_EQ(account_charge(middle, 8 * PAGE_SIZE), -QERR_NOMEM);
	CHECK_EQ(account_bytes(middle), 0);
	account_drop(middle);
	account_uncharge(low, 8 * PAGE_SIZE);
	account_drop(low);
	CHECK_EQ(account_bytes(top), 0);
	account_drop(top);
}

static void test_slabs(uint64_t free_pages)
{
	static void *blocks[BLOCKS];
	static size_t sizes[BLOCKS];

	for (int round = 0; round < 100000; round++) {
		unsigned i = roll(BLOCKS);

		if (blocks[i]) {
			CHECK_EQ(((uint8_t *)blocks[i])[0], (uint8_t)i);
			CHECK_EQ(((uint8_t *)blocks[i])[sizes[i] - 1], (uint8_t)i);
			kfree(blocks[i]);
			blocks[i] = NULL;
			continue;
		}
		sizes[i] = 1 + (roll(20) ? roll(2100) : roll(20000));
		blocks[i] = kmalloc(sizes[i]);
		if (blocks[i]) {
			CHECK_EQ((uintptr_t)blocks[i] % (sizes[i] >= 64 ? 64 : 16), 0);
			memset(blocks[i], i, sizes[i]);
		}
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		kfree(blocks[i]);
	slab_trim();
	CHECK_EQ(pmm_free_pages(), free_pages);
	CHECK_EQ(kmalloc(~0ul), NULL);
}

int main(void)
{
	uint64_t free_pages = host_boot();

	test_blocks(free_pages);
	test_exhaustion(free_pages);
	test_frames(free_pages);
	test_accounts();
	test_slabs(free_pages);
	return check_result();
}
