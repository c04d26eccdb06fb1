// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/vfs/record_lock.c tests/unit/posix/host.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
/* Record locks against an array that says who holds each byte, and how. */
#undef snprintf
#undef vsnprintf
#include "check.h"
#include "record_lock.h"

#define BYTES  32
#define OWNERS 4

static struct list locks = LIST_INIT(locks);
static int held[OWNERS][BYTES]; /* 0, 1 shared, 2 exclusive */

static struct record_lock lock_of(int owner, int start, int end, bool exclusive)
{
	return (struct record_lock){
		.kind = RECORD_POSIX,
		.exclusive = exclusive,
		.owner = &held[owner],
		.start = start,
		.end = end,
	};
}

static bool model_conflict(int owner, int start, int end, bool exclusive)
{
	for (int other = 0; other < OWNERS; other++)
		for (int at = start; at <= end && other != owner; at++)
			if (held[other][at] == 2 || (held[other][at] && exclusive))
				return true;
	return false;
}

/* Each byte is in exactly the locks that the model says; neighbours of one kind are joined. */
static void check_list(void)
{
	int found[OWNERS][BYTES] = { { 0 } };
	struct record_lock *lock, *other;

	list_for_each_entry (lock, &locks, link) {
		int owner = (int)((int(*)[BYTES])lock->owner - held);

		for (int64_t at = lock->start; at <= lock->end; at++) {
			CHECK_OR_STOP(!found[owner][at]);
			found[owner][at] = lock->exclusive ? 2 : 1;
		}
		list_for_each_entry (other, &locks, link)
			CHECK_OR_STOP(other->owner != lock->owner || other->exclusive != lock->exclusive ||
				      other->end + 1 != lock->start);
	}
	CHECK_OR_STOP(memcmp(found, held, sizeof(held)) == 0);
}

static void test_random(void)
{
	srand(2);
	for (int step = 0; step < 20000; step++) {
		int owner = rand() % OWNERS, start = rand() % BYTES;
		int end = start + rand() % (BYTES - start), kind = rand() % 3;
		struct record_lock wanted = lock_of(owner, start, end, kind == 2);

		if (kind) {
			bool conflict = record_conflict(&locks, &wanted) != NULL;

			CHECK_OR_STOP(conflict == model_conflict(owner, start, end, kind == 2));
			if (conflict)
				continue;
		}
		CHECK_OR_STOP(record_apply(&locks, &wanted, !kind) == 0);
		for (int at = start; at <= end; at++)
			held[owner][at] = kind;
		check_list();
	}
}

static void test_flock_stands_apart(void)
{
	struct record_lock whole = lock_of(0, 0, 0, true), other = lock_of(1, 0, 0, true);

	for (int owner = 0; owner < OWNERS; owner++) {
		struct record_lock all = lock_of(owner, 0, BYTES, false);

		CHECK_EQ(record_apply(&locks, &all, true), 0);
	}
	CHECK(list_empty(&locks));
	whole.kind = RECORD_FLOCK;
	whole.end = INT64_MAX;
	CHECK_EQ(record_apply(&locks, &whole, false), 0);
	CHECK(!record_conflict(&locks, &other));
	other.kind = RECORD_FLOCK;
	CHECK(record_conflict(&locks, &other));
	other.kind = RECORD_OFD;
	CHECK(!record_conflict(&locks, &other));
	CHECK_EQ(record_apply(&locks, &whole, true), 0);
	CHECK(list_empty(&locks));
}

int main(void)
{
	test_random();
	test_flock_stands_apart();
	return check_result();
}
