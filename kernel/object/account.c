/*
 * Accounts: who pays for memory.
 *
 * While the task lives, bytes carries ACCOUNT_LIVE on top.  What is still charged when the task
 * goes (frames and objects that others share) keeps the account; the charge that brings bytes to
 * zero frees it.  A charge on an account below a limited one is a charge on that one too.
 */
#include "debug.h"
#include "mm.h"
#include "object.h"

#define ACCOUNT_LIVE (1l << 62)

static int charge_one(struct account *account, int64_t bytes)
{
	int64_t now = __atomic_add_fetch(&account->bytes, bytes, __ATOMIC_RELAXED);

	if (likely((now & ~ACCOUNT_LIVE) <= account->limit))
		return 0;
	__atomic_fetch_sub(&account->bytes, bytes, __ATOMIC_RELAXED);
	return -QERR_NOMEM;
}

static void account_free(struct account *account)
{
	struct account *parent = account->parent;

	kfree(account);
	account_uncharge(parent, sizeof(*account));
}

static void uncharge_one(struct account *account, int64_t bytes)
{
	int64_t now = __atomic_sub_fetch(&account->bytes, bytes, __ATOMIC_ACQ_REL);

	assert(now >= 0);
	if (now == 0)
		account_free(account);
}

int account_charge(struct account *account, int64_t bytes)
{
	for (struct account *a = account; a; a = a->parent) {
		if (!charge_one(a, bytes))
			continue;
		for (struct account *undo = account; undo != a; undo = undo->parent)
			__atomic_fetch_sub(&undo->bytes, bytes, __ATOMIC_RELAXED);
		return -QERR_NOMEM;
	}
	return 0;
}

void account_uncharge(struct account *account, int64_t bytes)
{
	while (account) {
		struct account *parent = account->parent;

		uncharge_one(account, bytes);
		account = parent;
	}
}

struct account *account_create(struct account *parent, int64_t limit_bytes)
{
	struct account *account, *above = parent;

	if (above && above->limit == INT64_MAX)
		above = above->parent;
	if (account_charge(above, sizeof(*account)))
		return NULL;
	account = kzalloc(sizeof(*account));
	if (!account) {
		account_uncharge(above, sizeof(*account));
		return NULL;
	}
	account->bytes = ACCOUNT_LIVE;
	account->limit = limit_bytes ? limit_bytes : INT64_MAX;
	account->parent = above;
	return account;
}

void account_drop(struct account *account)
{
	uncharge_one(account, ACCOUNT_LIVE);
}

int64_t account_bytes(const struct account *account)
{
	return __atomic_load_n(&account->bytes, __ATOMIC_RELAXED) & ~ACCOUNT_LIVE;
}
