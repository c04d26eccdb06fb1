// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/vfs/ring.c userland/servers/posix/vfs/iter.c tests/unit/posix/host.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
// flags: -Wno-missing-field-initializers
/* The pipes' ring against a plain model, with copies that stop in the middle. */
#undef snprintf
#undef vsnprintf
#include "check.h"
#include "file.h"
#include "page_pool.h"
#include "pagecache.h"
#include "ring.h"

static size_t user_limit = SIZE_MAX; /* a copy to the user faults behind so many bytes */

static size_t user_copy(void *to, const void *from, size_t len)
{
	size_t good = len < user_limit ? len : user_limit;

	memcpy(to, from, good);
	user_limit -= good;
	return len - good;
}

size_t copy_from_user_partial(void *dst, uint64_t src, size_t len)
{
	return user_copy(dst, (void *)src, len);
}

size_t copy_to_user_partial(uint64_t dst, const void *src, size_t len)
{
	return user_copy((void *)dst, src, len);
}

/* The pool: pages[i]'s memory is arena[i]. */
#define NR_PAGES 64

static char arena[NR_PAGES][QUOIN_PAGE_SIZE];
static struct page pages[NR_PAGES];
static bool taken[NR_PAGES];
static unsigned nr_taken, pages_limit = NR_PAGES;

char *arena_base = arena[0];
struct page *arena_pages = pages;

struct page *page_alloc(bool zeroed)
{
	(void)zeroed;
	for (unsigned i = 0; i < NR_PAGES && nr_taken < pages_limit; i++) {
		if (taken[i])
			continue;
		taken[i] = true;
		nr_taken++;
		memset(arena[i], 0xee, QUOIN_PAGE_SIZE);
		return &pages[i];
	}
	return NULL;
}

/* By its count only: a late lookup in a file may hold a page of the ring for a moment. */
void page_put(struct page *page)
{
	CHECK_OR_STOP(taken[page - pages]);
	taken[page - pages] = false;
	memset(arena[page - pages], 0xdd, QUOIN_PAGE_SIZE);
	nr_taken--;
}

long clear_user(uint64_t dst, size_t len)
{
	memset((void *)dst, 0, len);
	return 0;
}

#define SIZE  (4 * QUOIN_PAGE_SIZE)
#define TOTAL 10000000

static void test_against_counter(void)
{
	struct ring ring;
	static unsigned char in[SIZE], out[SIZE];
	unsigned written = 0, read = 0;

	srand(1);
	CHECK_OR_STOP(ring_init(&ring, SIZE) == 0);
	while (read < TOTAL) {
		size_t want = (size_t)rand() % SIZE, got;
		struct io_iter iter;

		for (size_t i = 0; i < want; i++)
			in[i] = (unsigned char)(written + i);
		user_limit = rand() % 4 ? SIZE_MAX : (size_t)rand() % SIZE;
		iter_init_user(&iter, (uintptr_t)in, want);
		got = ring_write(&ring, &iter, want);
		CHECK_OR_STOP(got <= want && ring_used(&ring) <= SIZE);
		CHECK_OR_STOP(nr_taken <= SIZE / QUOIN_PAGE_SIZE);
		written += got;
		want = (size_t)rand() % SIZE;
		user_limit = rand() % 4 ? SIZE_MAX : (size_t)rand() % SIZE;
		iter_init_user(&iter, (uintptr_t)out, want);
		got = ring_read(&ring, &iter, want);
		for (size_t i = 0; i < got; i++)
			CHECK_OR_STOP(out[i] == (unsigned char)(read + i));
		read += got;
		CHECK_OR_STOP(ring_used(&ring) == written - read);
	}
	ring_fini(&ring);
}

static void test_resize_keeps_bytes(void)
{
	static char in[3 * QUOIN_PAGE_SIZE], out[SIZE];
	struct io_iter iter;
	struct ring ring;

	enum { PAGE = QUOIN_PAGE_SIZE };

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7 + (i >> 8));
	CHECK_OR_STOP(ring_init(&ring, 2 * PAGE) == 0);
	iter_init_kernel(&iter, in, 2 * PAGE);
	CHECK_EQ(ring_write(&ring, &iter, 2 * PAGE), 2 * PAGE);
	iter_init_kernel(&iter, out, PAGE + 100);
	CHECK_EQ(ring_read(&ring, &iter, PAGE + 100), PAGE + 100);
	iter_init_kernel(&iter, in + 2 * PAGE, PAGE); /* goes round the end */
	CHECK_EQ(ring_write(&ring, &iter, PAGE), PAGE);
	CHECK_EQ(ring_resize(&ring, PAGE), -EBUSY);
	CHECK_EQ(ring_resize(&ring, 4 * PAGE), 0);
	CHECK_EQ(nr_taken, 2);
	iter_init_kernel(&iter, out, sizeof(out));
	CHECK_EQ(ring_read(&ring, &iter, sizeof(out)), 2 * PAGE - 100);
	CHECK(memcmp(out, in + PAGE + 100, 2 * PAGE - 100) == 0);
	ring_fini(&ring);
	CHECK_EQ(nr_taken, 0);
}

static void test_many_pieces(void)
{
	char a[3], b[1], c[8] = "";
	struct linux_iovec pieces[] = { { (uintptr_t)b, 0 }, { (uintptr_t)b, 1 }, { (uintptr_t)c, 8 } };
	struct io_iter iter = { .base = (uintptr_t)a, .len = 3, .count = 9, .next = pieces, .nr_next = 3 };

	user_limit = SIZE_MAX;
	CHECK_EQ(iter_copy_out(&iter, "0123456789", 10), 9);
	CHECK(memcmp(a, "012", 3) == 0 && b[0] == '3' && memcmp(c, "45678", 6) == 0);
	CHECK_EQ(iter.count, 0);
}

/* What fits into memory is written; what is there stays. */
static void test_memory_ends(void)
{
	static char in[3 * QUOIN_PAGE_SIZE], out[3 * QUOIN_PAGE_SIZE];
	struct io_iter iter;
	struct ring ring;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7);
	CHECK_OR_STOP(ring_init(&ring, 4 * QUOIN_PAGE_SIZE) == 0);
	pages_limit = 1;
	iter_init_kernel(&iter, in, sizeof(in));
	CHECK_EQ(ring_write(&ring, &iter, sizeof(in)), QUOIN_PAGE_SIZE);
	CHECK_EQ(ring_write(&ring, &iter, 1), -ENOMEM);
	CHECK_EQ(ring_resize(&ring, 2 * QUOIN_PAGE_SIZE), -ENOMEM);
	pages_limit = NR_PAGES;
	CHECK_EQ(ring_write(&ring, &iter, 2 * QUOIN_PAGE_SIZE), 2 * QUOIN_PAGE_SIZE);
	iter_init_kernel(&iter, out, sizeof(out));
	CHECK_EQ(ring_read(&ring, &iter, sizeof(out)), (long)sizeof(out));
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	CHECK_EQ(nr_taken, 1); /* an empty ring keeps one */
	pages_limit = 1;
	iter_init_kernel(&iter, in, 1);
	CHECK_EQ(ring_write(&ring, &iter, 1), 1);
	pages_limit = NR_PAGES;
	ring_fini(&ring);
	CHECK_EQ(nr_taken, 0);
}

int main(void)
{
	test_memory_ends();
	test_against_counter();
	test_resize_keeps_bytes();
	test_many_pieces();
	return check_result();
}
