/* SPDX-License-Identifier: MIT */
/*
 * Futexes of applications.
 *
 * A waiter stands in the bucket of its key.  The key of private memory is (address space, address);
 * of a shared mapping it is (object behind it, offset), so that two processes meet.  The word is
 * compared under the bucket's lock, and whoever wakes takes that lock after changing the word: so a
 * waiter either sees the new value, or is in the bucket when the waker looks.
 *
 * Words are read under the bucket's lock without resolving faults; when the page is not there the
 * lock is dropped, the page brought in, and all begins anew.
 */
#include "../mm/mm_internal.h"
#include "file.h"
#include "futex.h"
#include "inode.h"
#include "linux/futex.h"
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

#define FUTEX_BUCKETS 256
#define WAKE_BATCH    16

struct futex_key {
	const void *object; /* struct mm, inode or memory */
	uint64_t offset;
};

struct futex_waiter {
	struct list link;
	struct futex_key key;
	uint32_t bitset;
	bool queued;                         /* under the lock of bucket */
	struct futex_bucket *_Atomic bucket; /* changes with a requeue, under both locks */
	struct wait_token token;
};

struct futex_bucket {
	struct mutex lock;
	struct list waiters; /* of struct futex_waiter, oldest first */
};

static struct futex_bucket buckets[FUTEX_BUCKETS];

void futex_init(void)
{
	for (int i = 0; i < FUTEX_BUCKETS; i++) {
		mutex_init(&buckets[i].lock, "futex", LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

static struct futex_bucket *key_bucket(const struct futex_key *key)
{
	uint64_t hash = ((uintptr_t)key->object >> 4) + key->offset / 4;

	hash *= 0x9e3779b97f4a7c15ul;
	return &buckets[hash >> 56];
}

static long key_make(uint64_t addr, bool shared, struct futex_key *key)
{
	struct mm *mm = current->process->mm;

	if (addr & 3)
		return -EINVAL;
	if (!user_range_ok(addr, 4))
		return -EFAULT;
	*key = (struct futex_key){ mm, addr };
	if (!shared)
		return 0;
	mutex_lock(&mm->lock);
	const struct vma *vma = vma_list_find(&mm->vmas, addr);
	if (vma && (vma->flags & VMA_SHARED)) {
		key->object = vma->memory ? (const void *)vma->memory
			      : vma->file ? vma->file->inode
					  : key->object;
		key->offset = vma->offset + (addr - vma->start);
	}
	mutex_unlock(&mm->lock);
	return vma ? 0 : -EFAULT;
}

/* ---- wake ---- */

struct wake_list {
	_Atomic uint32_t *words[WAKE_BATCH];
	uint32_t nr;
};

/* Under the bucket's lock. The waiter's struct is not touched once it is no longer queued. */
static void waiter_release(struct futex_waiter *waiter, struct wake_list *list)
{
	_Atomic uint32_t *word = &waiter->token.woken;

	list_remove(&waiter->link);
	__atomic_store_n(&waiter->queued, false, __ATOMIC_RELAXED);
	atomic_store(word, 1);
	if (list->nr < WAKE_BATCH)
		list->words[list->nr++] = word;
	else
		quoin_futex_wake((uintptr_t)word, 1);
}

static void wake_list_finish(struct wake_list *list)
{
	for (uint32_t i = 0; i < list->nr; i++)
		quoin_futex_wake((uintptr_t)list->words[i], 1);
}

static uint32_t wake_locked(struct futex_bucket *bucket, const struct futex_key *key, uint32_t count,
			    uint32_t bitset, struct wake_list *list)
{
	uint32_t woken = 0;

	list_for_each_safe (node, next, &bucket->waiters) {
		struct futex_waiter *waiter = list_entry(node, struct futex_waiter, link);
		if (woken >= count)
			break;
		if (!key_equal(&waiter->key, key) || !(waiter->bitset & bitset))
			continue;
		waiter_release(waiter, list);
		woken++;
	}
	return woken;
}

static long wake_key(const struct futex_key *key, uint32_t count, uint32_t bitset)
{
	struct futex_bucket *bucket = key_bucket(key);
	struct wake_list list = { .nr = 0 };

	mutex_lock(&bucket->lock);
	uint32_t woken = wake_locked(bucket, key, count, bitset, &list);
	mutex_unlock(&bucket->lock);
	wake_list_finish(&list);
	return woken;
}

static long futex_wake(uint64_t addr, bool shared, uint32_t count, uint32_t bitset)
{
	struct futex_key key;
	long error = bitset ? key_make(addr, shared, &key) : -EINVAL;

	return error ? error : wake_key(&key, count, bitset);
}

long futex_wake_user(uint64_t addr, uint32_t count)
{
	return futex_wake(addr, true, count, LINUX_FUTEX_BITSET_MATCH_ANY);
}

/* ---- wait ---- */

/* Locks the bucket the waiter is in, which a requeue may change while we wait for the lock. */
static struct futex_bucket *waiter_lock(struct futex_waiter *waiter)
{
	for (;;) {
		struct futex_bucket *bucket = atomic_load(&waiter->bucket);
		mutex_lock(&bucket->lock);
		if (bucket == atomic_load(&waiter->bucket))
			return bucket;
		mutex_unlock(&bucket->lock);
	}
}

/* True if somebody has woken it. */
static bool waiter_dequeue(struct futex_waiter *waiter)
{
	struct futex_bucket *bucket = waiter_lock(waiter);
	bool woken = !waiter->queued;

	if (!woken)
		list_remove(&waiter->link);
	waiter->queued = false;
	mutex_unlock(&bucket->lock);
	return woken;
}

/* In the bucket if the word has the expected value: 0, -EAGAIN, -EFAULT. */
static long waiter_enqueue(struct futex_waiter *waiter, uint64_t addr, uint32_t expected)
{
	struct futex_bucket *bucket = key_bucket(&waiter->key);
	uint32_t value;

	for (;;) {
		mutex_lock(&bucket->lock);
		if (get_user_u32_nofault(addr, &value) == 0)
			break;
		mutex_unlock(&bucket->lock);
		if (get_user_u32(addr, &value))
			return -EFAULT;
	}
	if (value != expected) {
		mutex_unlock(&bucket->lock);
		return -EAGAIN;
	}
	atomic_store(&waiter->bucket, bucket);
	waiter->queued = true;
	list_add_tail(&bucket->waiters, &waiter->link);
	mutex_unlock(&bucket->lock);
	return 0;
}

struct futex_wait {
	uint64_t addr;
	bool shared;
	uint32_t expected, bitset;
	uint64_t deadline;
};

static long futex_wait(const struct futex_wait *wait)
{
	struct futex_waiter waiter = { .bitset = wait->bitset };
	long error = wait->bitset ? key_make(wait->addr, wait->shared, &waiter.key) : -EINVAL;

	if (error)
		return error;
	wait_token_init(&waiter.token);
	error = waiter_enqueue(&waiter, wait->addr, wait->expected);
	while (!error) {
		error = wait_block(&waiter.token, wait->deadline, WAIT_INTERRUPTIBLE);
		if (!__atomic_load_n(&waiter.queued, __ATOMIC_ACQUIRE))
			break;
	}
	if (error == -EAGAIN || error == -EFAULT)
		return error;
	return waiter_dequeue(&waiter) ? 0 : error;
}

/* ---- requeue ---- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock_nested(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

static uint32_t requeue_locked(struct futex_bucket *from, const struct futex_key *from_key,
			       struct futex_bucket *to, const struct futex_key *to_key, uint32_t count)
{
	uint32_t moved = 0;

	list_for_each_safe (node, next, &from->waiters) {
		struct futex_waiter *waiter = list_entry(node, struct futex_waiter, link);
		if (moved >= count)
			break;
		if (!key_equal(&waiter->key, from_key))
			continue;
		moved++;
		waiter->key = *to_key;
		if (from == to)
			continue;
		list_remove(&waiter->link);
		list_add_tail(&to->waiters, &waiter->link);
		atomic_store(&waiter->bucket, to);
	}
	return moved;
}

struct futex_pair {
	uint64_t addr, addr2;
	bool shared;
	uint32_t count, count2;
	const uint32_t *expected; /* null: not compared */
};

static long futex_requeue(const struct futex_pair *pair)
{
	struct futex_key key, key2;
	struct wake_list list = { .nr = 0 };
	uint32_t value;
	long error = key_make(pair->addr, pair->shared, &key);

	if (!error)
		error = key_make(pair->addr2, pair->shared, &key2);
	if ((int)pair->count < 0 || (int)pair->count2 < 0)
		error = -EINVAL;
	if (error)
		return error;
	struct futex_bucket *from = key_bucket(&key), *to = key_bucket(&key2);
	for (;;) {
		lock_two(from, to);
		if (!pair->expected || get_user_u32_nofault(pair->addr, &value) == 0)
			break;
		unlock_two(from, to);
		if (get_user_u32(pair->addr, &value))
			return -EFAULT;
	}
	if (pair->expected && value != *pair->expected) {
		unlock_two(from, to);
		return -EAGAIN;
	}
	uint32_t woken = wake_locked(from, &key, pair->count, LINUX_FUTEX_BITSET_MATCH_ANY, &list);
	uint32_t moved = key_equal(&key, &key2) ? 0 : requeue_locked(from, &key, to, &key2, pair->count2);
	unlock_two(from, to);
	wake_list_finish(&list);
	return woken + moved;
}

/* ---- wake with an operation ---- */

static int sign_extend_12(uint32_t value)
{
	return (int)(value << 20) >> 20;
}

static long wake_op_value(uint32_t op, uint32_t old_value, uint32_t *new_value)
{
	uint32_t operand = (uint32_t)sign_extend_12((op >> 12) & 0xfff);

	if ((op >> 28) & LINUX_FUTEX_OP_OPARG_SHIFT)
		operand = 1u << (operand & 31);
	switch ((op >> 28) & 7) {
	case LINUX_FUTEX_OP_SET:
		*new_value = operand;
		return 0;
	case LINUX_FUTEX_OP_ADD:
		*new_value = old_value + operand;
		return 0;
	case LINUX_FUTEX_OP_OR:
		*new_value = old_value | operand;
		return 0;
	case LINUX_FUTEX_OP_ANDN:
		*new_value = old_value & ~operand;
		return 0;
	case LINUX_FUTEX_OP_XOR:
		*new_value = old_value ^ operand;
		return 0;
	default:
		return -ENOSYS;
	}
}

static bool wake_op_compare(uint32_t op, uint32_t old_value)
{
	int operand = sign_extend_12(op & 0xfff), value = (int)old_value;

	switch ((op >> 24) & 15) {
	case LINUX_FUTEX_OP_CMP_EQ:
		return value == operand;
	case LINUX_FUTEX_OP_CMP_NE:
		return value != operand;
	case LINUX_FUTEX_OP_CMP_LT:
		return value < operand;
	case LINUX_FUTEX_OP_CMP_LE:
		return value <= operand;
	case LINUX_FUTEX_OP_CMP_GT:
		return value > operand;
	default:
		return value >= operand;
	}
}

/* The word changed atomically: 0, -EAGAIN if the page is not there at once, -ENOSYS. */
static long wake_op_apply(uint64_t addr, uint32_t op, uint32_t *old_value)
{
	uint32_t found, new_value = 0;

	if (get_user_u32_nofault(addr, &found))
		return -EAGAIN;
	do {
		*old_value = found;
		if (wake_op_value(op, found, &new_value))
			return -ENOSYS;
		if (cmpxchg_user_u32_nofault(addr, *old_value, new_value, &found))
			return -EAGAIN;
	} while (found != *old_value);
	return 0;
}

static long futex_wake_op(const struct futex_pair *pair, uint32_t op)
{
	struct futex_key key, key2;
	struct wake_list list = { .nr = 0 };
	uint32_t old_value;
	long error = key_make(pair->addr, pair->shared, &key);

	if (!error)
		error = key_make(pair->addr2, pair->shared, &key2);
	if (error)
		return error;
	if (((op >> 24) & 15) > LINUX_FUTEX_OP_CMP_GE)
		return -ENOSYS;
	struct futex_bucket *bucket = key_bucket(&key), *bucket2 = key_bucket(&key2);
	for (;;) {
		lock_two(bucket, bucket2);
		error = wake_op_apply(pair->addr2, op, &old_value);
		if (error != -EAGAIN)
			break;
		unlock_two(bucket, bucket2);
		if (user_fault_in(pair->addr2, 4, true))
			return -EFAULT;
	}
	long woken = error;
	if (!error) {
		woken = wake_locked(bucket, &key, pair->count, LINUX_FUTEX_BITSET_MATCH_ANY, &list);
		if (wake_op_compare(op, old_value))
			woken += wake_locked(bucket2, &key2, pair->count2, LINUX_FUTEX_BITSET_MATCH_ANY, &list);
	}
	unlock_two(bucket, bucket2);
	wake_list_finish(&list);
	return woken;
}

/* ---- the call ---- */

static long wait_restart(struct thread *thread)
{
	struct futex_wait wait = {
		.addr = thread->restart.user,
		.shared = thread->restart.clock,
		.expected = thread->restart.value,
		.bitset = LINUX_FUTEX_BITSET_MATCH_ANY,
		.deadline = thread->restart.deadline,
	};
	long result = futex_wait(&wait);

	if (result == -ERESTARTSYS) {
		thread->restart.function = wait_restart;
		return -ERESTART_RESTARTBLOCK;
	}
	return result;
}

static long wait_deadline(uint64_t user_timeout, bool absolute, bool realtime, uint64_t *deadline)
{
	uint64_t ns;
	long error;

	*deadline = QUOIN_DEADLINE_NEVER;
	if (!user_timeout)
		return 0;
	error = timespec_from_user(user_timeout, &ns);
	if (error)
		return error;
	if (!absolute)
		*deadline = deadline_after(ns);
	else if (realtime)
		*deadline = deadline_realtime(ns);
	else
		*deadline = ns;
	return 0;
}

static long sys_futex_wait(struct futex_wait *wait, uint64_t user_timeout, bool absolute, bool realtime)
{
	struct thread *self = current;
	long error = wait_deadline(user_timeout, absolute, realtime, &wait->deadline);
	long result = error ? error : futex_wait(wait);

	if (result != -ERESTARTSYS || !user_timeout || absolute)
		return result;
	self->restart.function = wait_restart;
	self->restart.user = wait->addr;
	self->restart.clock = wait->shared;
	self->restart.value = wait->expected;
	self->restart.deadline = wait->deadline;
	return -ERESTART_RESTARTBLOCK;
}

long sys_futex(SYSCALL_ARGS)
{
	uint32_t op = (uint32_t)a1, value = (uint32_t)a2, value3 = (uint32_t)a5;
	bool shared = !(op & LINUX_FUTEX_PRIVATE_FLAG), realtime = op & LINUX_FUTEX_CLOCK_REALTIME;
	struct futex_wait wait = {
		.addr = (uint64_t)a0,
		.shared = shared,
		.expected = value,
		.bitset = LINUX_FUTEX_BITSET_MATCH_ANY,
	};
	struct futex_pair pair = {
		.addr = (uint64_t)a0,
		.addr2 = (uint64_t)a4,
		.shared = shared,
		.count = value,
		.count2 = (uint32_t)a3,
	};

	switch ((int)op & LINUX_FUTEX_CMD_MASK) {
	case LINUX_FUTEX_WAIT:
		return sys_futex_wait(&wait, (uint64_t)a3, false, realtime);
	case LINUX_FUTEX_WAIT_BITSET:
		wait.bitset = value3;
		return sys_futex_wait(&wait, (uint64_t)a3, true, realtime);
	case LINUX_FUTEX_WAKE:
		return futex_wake((uint64_t)a0, shared, value, LINUX_FUTEX_BITSET_MATCH_ANY);
	case LINUX_FUTEX_WAKE_BITSET:
		return futex_wake((uint64_t)a0, shared, value, value3);
	case LINUX_FUTEX_REQUEUE:
		return futex_requeue(&pair);
	case LINUX_FUTEX_CMP_REQUEUE:
		pair.expected = &value3;
		return futex_requeue(&pair);
	case LINUX_FUTEX_WAKE_OP:
		return futex_wake_op(&pair, value3);
	default: /* priority inheritance is not there */
		return -ENOSYS;
	}
}

/* ---- robust lists ---- */

long sys_set_robust_list(SYSCALL_ARGS)
{
	if (a1 != sizeof(struct linux_robust_list_head))
		return -EINVAL;
	current->robust_list = (uint64_t)a0;
	return 0;
}

long sys_get_robust_list(SYSCALL_ARGS)
{
	uint64_t head = current->robust_list;

	if (a0 && (int)a0 != current->tid) {
		mutex_lock(&tasklist_lock);
		struct thread *thread = pid_thread((int)a0);
		bool same = thread && thread->process == current->process;
		head = same ? thread->robust_list : 0;
		mutex_unlock(&tasklist_lock);
		if (!thread)
			return -ESRCH;
		if (!same)
			return -EPERM;
	}
	if (put_user_u64((uint64_t)a1, head) ||
	    put_user_u64((uint64_t)a2, sizeof(struct linux_robust_list_head)))
		return -EFAULT;
	return 0;
}

/* The owner has died: mark the word, and wake one if somebody waits. */
static void robust_release(uint64_t addr, uint32_t tid)
{
	uint32_t value, found;

	if ((addr & 3) || get_user_u32(addr, &value))
		return;
	for (;;) {
		if ((value & LINUX_FUTEX_TID_MASK) != tid)
			return;
		uint32_t dead = (value & LINUX_FUTEX_WAITERS) | LINUX_FUTEX_OWNER_DIED;
		if (cmpxchg_user_u32_nofault(addr, value, dead, &found)) {
			if (user_fault_in(addr, 4, true))
				return;
			continue;
		}
		if (found == value)
			break;
		value = found;
	}
	if (value & LINUX_FUTEX_WAITERS)
		futex_wake_user(addr, 1);
}

/* The list is the application's and may be anything, also a circle: the walk is bounded. */
void futex_exit_robust(struct thread *thread)
{
	struct linux_robust_list_head head;
	uint64_t list = thread->robust_list, entry;
	uint32_t tid = (uint32_t)thread->tid;

	thread->robust_list = 0;
	if (!list || copy_from_user(&head, list, sizeof(head)))
		return;
	entry = head.list.next & ~1ul;
	for (int i = 0; entry != list && i < LINUX_ROBUST_LIST_LIMIT; i++) {
		uint64_t next;
		if (get_user_u64(entry, &next))
			return;
		if (entry != (head.list_op_pending & ~1ul))
			robust_release(entry + (uint64_t)head.futex_offset, tid);
		entry = next & ~1ul;
	}
	if (head.list_op_pending)
		robust_release((head.list_op_pending & ~1ul) + (uint64_t)head.futex_offset, tid);
}
