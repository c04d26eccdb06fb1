/* SPDX-License-Identifier: MIT */
/* The arithmetic of advisory locks: conflicts, splitting, joining. No locks, no waiting: record_calls.c. */
#include <quoin/runtime.h>

#include "linux/errno.h"
#include "record_lock.h"

static bool same_owner(const struct record_lock *a, const struct record_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

/* flock stands apart; POSIX and open-file-description locks exclude each other. */
static bool same_world(const struct record_lock *a, const struct record_lock *b)
{
	return (a->kind == RECORD_FLOCK) == (b->kind == RECORD_FLOCK);
}

static bool overlap(const struct record_lock *a, const struct record_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

struct record_lock *record_conflict(struct list *locks, const struct record_lock *wanted)
{
	struct record_lock *lock;

	list_for_each_entry (lock, locks, link)
		if (same_world(lock, wanted) && !same_owner(lock, wanted) && overlap(lock, wanted) &&
		    (lock->exclusive || wanted->exclusive))
			return lock;
	return NULL;
}

static struct record_lock *record_copy(const struct record_lock *from)
{
	struct record_lock *copy = malloc(sizeof(*copy));

	if (copy) {
		*copy = *from;
		list_init(&copy->link);
	}
	return copy;
}

/* lock loses [start, end]; *spare serves for the second half if it is cut in two. */
static void record_cut(struct record_lock *lock, int64_t start, int64_t end, struct record_lock **spare)
{
	if (lock->start < start && lock->end > end) {
		struct record_lock *upper = *spare;
		struct list link = upper->link;

		*upper = *lock;
		upper->link = link;
		upper->start = end + 1;
		list_add_head(&lock->link, &upper->link);
		lock->end = start - 1;
		*spare = NULL;
	} else if (lock->start < start) {
		lock->end = start - 1;
	} else if (lock->end > end) {
		lock->start = end + 1;
	} else {
		list_remove(&lock->link);
		free(lock);
	}
}

/* Adjacent locks of one owner and type become one: what F_GETLK shows, and no growth without end. */
static void record_join(struct list *locks, struct record_lock *mine)
{
	list_for_each_safe (node, after, locks) {
		struct record_lock *lock = list_entry(node, struct record_lock, link);

		if (lock == mine || !same_owner(lock, mine) || lock->exclusive != mine->exclusive)
			continue;
		if (lock->end != INT64_MAX && lock->end + 1 == mine->start)
			mine->start = lock->start;
		else if (mine->end != INT64_MAX && mine->end + 1 == lock->start)
			mine->end = lock->end;
		else
			continue;
		list_remove(&lock->link);
		free(lock);
	}
}

int record_apply(struct list *locks, const struct record_lock *wanted, bool unlock)
{
	struct record_lock *spare = record_copy(wanted), *mine = NULL;

	if (!unlock)
		mine = record_copy(wanted);
	if (!spare || (!unlock && !mine)) {
		free(spare);
		free(mine);
		return -ENOMEM;
	}
	list_for_each_safe (node, after, locks) {
		struct record_lock *lock = list_entry(node, struct record_lock, link);

		if (same_owner(lock, wanted) && overlap(lock, wanted))
			record_cut(lock, wanted->start, wanted->end, &spare);
	}
	free(spare);
	if (mine) {
		list_add_tail(locks, &mine->link);
		record_join(locks, mine);
	}
	return 0;
}
