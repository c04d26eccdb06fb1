/* SPDX-License-Identifier: MIT */
#include "lockrank.h"
#include "process.h"
#include "user.h"

#define USER_BUCKETS    64
#define PIPE_SOFT_BYTES (16384ul * QUOIN_PAGE_SIZE)

/* There while it is charged with anything. */
struct user {
	struct user *next;
	uint32_t uid;
	uint32_t nr_threads;
	uint64_t pipe_bytes;
};

static struct mutex users_lock = MUTEX_INIT("users", LOCK_LEAF);
static struct user *users[USER_BUCKETS]; /* under users_lock */
static uint32_t nr_threads_all;          /* under users_lock */

static struct user *user_find_locked(uint32_t uid)
{
	struct user **bucket = &users[uid % USER_BUCKETS];
	struct user *user;

	for (user = *bucket; user; user = user->next)
		if (user->uid == uid)
			return user;
	user = calloc(1, sizeof(*user));
	if (user) {
		user->uid = uid;
		user->next = *bucket;
		*bucket = user;
	}
	return user;
}

/* Frees it if nothing is charged to it. */
static void user_settle_locked(struct user *user)
{
	struct user **link = &users[user->uid % USER_BUCKETS];

	if (user->nr_threads || user->pipe_bytes)
		return;
	while (*link != user)
		link = &(*link)->next;
	*link = user->next;
	free(user);
}

bool user_threads_charge(uint32_t uid, uint64_t limit, uint32_t limit_all)
{
	mutex_lock(&users_lock);
	struct user *user = user_find_locked(uid);
	bool ok = user && user->nr_threads < limit && nr_threads_all < limit_all;
	if (ok) {
		user->nr_threads++;
		nr_threads_all++;
	}
	if (user)
		user_settle_locked(user);
	mutex_unlock(&users_lock);
	return ok;
}

void user_threads_uncharge(uint32_t uid)
{
	mutex_lock(&users_lock);
	struct user *user = user_find_locked(uid);
	assert(user && user->nr_threads);
	user->nr_threads--;
	nr_threads_all--;
	user_settle_locked(user);
	mutex_unlock(&users_lock);
}

bool user_pipes_charge(uint32_t uid, uint64_t bytes, uint64_t limit)
{
	mutex_lock(&users_lock);
	struct user *user = user_find_locked(uid);
	bool ok = user && user->pipe_bytes <= limit && bytes <= limit - user->pipe_bytes;
	if (ok)
		user->pipe_bytes += bytes;
	if (user)
		user_settle_locked(user);
	mutex_unlock(&users_lock);
	return ok;
}

void user_pipes_uncharge(uint32_t uid, uint64_t bytes)
{
	mutex_lock(&users_lock);
	struct user *user = user_find_locked(uid);
	assert(user && user->pipe_bytes >= bytes);
	user->pipe_bytes -= bytes;
	user_settle_locked(user);
	mutex_unlock(&users_lock);
}

uint64_t user_pipes_limit(void)
{
	return MIN(PIPE_SOFT_BYTES, runtime_info()->total_pages / 16 * QUOIN_PAGE_SIZE);
}
