// clang-format off
// sources: tests/unit/kernel/host.c kernel/mm/pageindex.c kernel/mm/pmm.c kernel/mm/slab.c kernel/object/account.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include
// clang-format on
// The radix tree of memory objects against a plain array.
#include "check.h"
#include "mm.h"
#include "object.h"
#include "pageindex.h"

#define PAGES 9000

static uint64_t model[PAGES];
static uint64_t dropped;

static void drop(const uint64_t *values, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		dropped += values[i];
}

static uint64_t model_next(uint64_t page, uint64_t end)
{
	while (page < end && !model[page])
		page++;
	return page;
}

/* nr is at most what is left of the model. */
static void check_row(const struct page_index *index, uint64_t page, unsigned nr)
{
	uint64_t values[PAGE_INDEX_FAN];
	unsigned got = page_index_row(index, page, nr, values);

	CHECK(got >= 1 && got <= nr && got <= PAGE_INDEX_FAN);
	for (unsigned i = 0; i < got; i++)
		CHECK_EQ(values[i], model[page + i]);
}

int main(void)
{
	struct page_index index;
	struct account *account;
	uint64_t sum = 0, count = 0, value;

	host_boot();
	account = account_create(NULL, 0);
	page_index_init(&index, account);
	srand(7);
	for (int round = 0; round < 200000; round++) {
		/* Bursts of small and large numbers, so that the tree grows and empties. */
		uint64_t page = rand() % (round / 20000 % 2 ? PAGES : 70);
		uint64_t end = page + rand() % (PAGES - page);

		if (rand() % 3) {
			CHECK_EQ(page_index_remove(&index, page), model[page]);
			model[page] = 0;
		} else {
			model[page] = rand() + 1ul;
			CHECK_EQ(page_index_set(&index, page, model[page]), 0);
		}
		CHECK_EQ(page_index_get(&index, page), model[page]);
		page = rand() % PAGES;
		CHECK_EQ(page_index_get(&index, page), model[page]);
		CHECK_EQ(page_index_next(&index, page, end, &value), page < end ? model_next(page, end) : end);
		check_row(&index, page, 1 + rand() % (PAGES - page));
	}
	for (uint64_t i = 0; i < PAGES; i++) {
		sum += model[i];
		count += model[i] != 0;
	}
	CHECK_EQ(index.nr_pages, count);
	page_index_clear(&index, drop);
	CHECK_EQ(dropped, sum);
	CHECK_EQ(account_bytes(account), 0);

	CHECK_EQ(page_index_set(&index, PAGE_INDEX_MAX_PAGES - 1, 5), 0);
	CHECK_EQ(page_index_set(&index, 0, 6), 0);
	CHECK_EQ(page_index_next(&index, 1, PAGE_INDEX_MAX_PAGES, &value), PAGE_INDEX_MAX_PAGES - 1);
	CHECK_EQ(page_index_remove(&index, PAGE_INDEX_MAX_PAGES - 1), 5);
	CHECK_EQ(page_index_remove(&index, 0), 6);
	CHECK_EQ(account_bytes(account), 0);
	account_drop(account);
	return check_result();
}
