// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/vfs/ring.c userland/servers/posix/vfs/iter.c tests/unit/posix/host.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
// flags: -Wno-missing-field-initializers
/* The pipes' ring against a plain model, with copies that stop in the middle. */
#undef snprintf
#undef vsnprintf
#include "check.h"
#include "file.h"
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

long clear_user(uint64_t dst, size_t len)
{
	memset((void *)dst, 0, len);
	return 0;
}

#define SIZE  64
#define TOTAL 100000

static void test_against_counter(void)
{
	struct ring ring;
	unsigned char in[SIZE], out[SIZE];
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
	struct io_iter iter;
	struct ring ring;
	char out[SIZE] = "";

	CHECK_OR_STOP(ring_init(&ring, 8) == 0);
	iter_init_kernel(&iter, "abcdef", 6);
	CHECK_EQ(ring_write(&ring, &iter, 6), 6);
	iter_init_kernel(&iter, out, 4);
	CHECK_EQ(ring_read(&ring, &iter, 4), 4);
	iter_init_kernel(&iter, "ghijk", 5); /* goes round the end */
	CHECK_EQ(ring_write(&ring, &iter, 5), 5);
	CHECK_EQ(ring_resize(&ring, 4), -EBUSY);
	CHECK_EQ(ring_resize(&ring, 16), 0);
	iter_init_kernel(&iter, out, sizeof(out));
	CHECK_EQ(ring_read(&ring, &iter, sizeof(out)), 7);
	CHECK(memcmp(out, "efghijk", 7) == 0);
	ring_fini(&ring);
}

static void test_many_pieces(void)
{
	char a[3], b[1], c[8] = "";
	struct linux_iovec pieces[] = {{(uintptr_t)b, 0}, {(uintptr_t)b, 1}, {(uintptr_t)c, 8}};
	struct io_iter iter = {.base = (uintptr_t)a, .len = 3, .count = 9, .next = pieces, .nr_next = 3};

	user_limit = SIZE_MAX;
	CHECK_EQ(iter_copy_out(&iter, "0123456789", 10), 9);
	CHECK(memcmp(a, "012", 3) == 0 && b[0] == '3' && memcmp(c, "45678", 6) == 0);
	CHECK_EQ(iter.count, 0);
}

int main(void)
{
	test_against_counter();
	test_resize_keeps_bytes();
	test_many_pieces();
	return check_result();
}
