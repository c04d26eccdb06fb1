/* SPDX-License-Identifier: MIT */
/*
 * fcntl record locks and flock.  Waiters sleep on the inode's queue and try again when a lock goes.  A
 * deadlock of POSIX locks is found by following who waits for whom, as far as eight steps.
 */
#include <quoin/runtime.h>

#include "file.h"
#include "inode.h"
#include "linux/fcntl.h"
#include "lockrank.h"
#include "process.h"
#include "record_lock.h"
#include "usercopy.h"

static struct mutex records_lock = MUTEX_INIT("records", LOCK_RECORDS);

/* Threads that wait for a POSIX lock: [records_lock]. */
struct record_wait {
	struct list link;
	const void *owner;
	const void *blocker;
};
static struct list record_waits = LIST_INIT(record_waits);

#define DEADLOCK_STEPS 8

/* The inode's locks for as long as the caller works with them; NULL: there are none, and no memory for any. */
static struct record_locks *records_get(struct inode *inode, bool create)
{
	struct record_locks *locks;

	mutex_lock(&records_lock);
	locks = inode->locks;
	if (!locks && create) {
		locks = calloc(1, sizeof(*locks));
		if (locks) {
			list_init(&locks->locks);
			wait_queue_init(&locks->freed);
			__atomic_store_n(&inode->locks, locks, __ATOMIC_RELEASE);
		}
	}
	if (locks)
		locks->nr_users++;
	mutex_unlock(&records_lock);
	return locks;
}

static void records_put(struct inode *inode)
{
	struct record_locks *locks = inode->locks; /* stays: the caller is a user */

	mutex_lock(&records_lock);
	if (--locks->nr_users == 0 && list_empty(&locks->locks)) {
		__atomic_store_n(&inode->locks, NULL, __ATOMIC_RELAXED);
		free(locks);
	}
	mutex_unlock(&records_lock);
}

static const void *owner_waits_for(const void *owner)
{
	struct record_wait *wait;

	list_for_each_entry (wait, &record_waits, link)
		if (wait->owner == owner)
			return wait->blocker;
	return NULL;
}

static bool would_deadlock(const void *owner, const void *blocker)
{
	for (int step = 0; blocker && step < DEADLOCK_STEPS; step++) {
		if (blocker == owner)
			return true;
		blocker = owner_waits_for(blocker);
	}
	return false;
}

/* One attempt: 0, -EAGAIN with the blocker's owner, -EDEADLK, -ENOMEM. */
static int record_try(struct record_locks *locks, const struct record_lock *wanted, bool unlock,
		      struct record_wait *wait)
{
	struct record_lock *conflict;
	int error;

	mutex_lock(&records_lock);
	conflict = unlock ? NULL : record_conflict(&locks->locks, wanted);
	if (conflict) {
		error = -EAGAIN;
		if (wait && wanted->kind == RECORD_POSIX && conflict->kind == RECORD_POSIX) {
			if (would_deadlock(wanted->owner, conflict->owner)) {
				error = -EDEADLK;
			} else {
				wait->owner = wanted->owner;
				wait->blocker = conflict->owner;
				list_remove(&wait->link);
				list_add_tail(&record_waits, &wait->link);
			}
		}
	} else {
		error = record_apply(&locks->locks, wanted, unlock);
	}
	mutex_unlock(&records_lock);
	return error;
}

static bool record_is_free(struct record_locks *locks, const struct record_lock *wanted)
{
	bool is_free;

	mutex_lock(&records_lock);
	is_free = !record_conflict(&locks->locks, wanted);
	mutex_unlock(&records_lock);
	return is_free;
}

static long record_wait_and_try(struct record_locks *locks, const struct record_lock *wanted)
{
	struct record_wait wait = { .link = LIST_INIT(wait.link) };
	long error;

	while ((error = record_try(locks, wanted, false, &wait)) == -EAGAIN) {
		error = wait_event(&locks->freed, record_is_free(locks, wanted));
		if (error)
			break;
	}
	mutex_lock(&records_lock);
	list_remove(&wait.link);
	mutex_unlock(&records_lock);
	return error;
}

static long record_set(struct inode *inode, const struct record_lock *wanted, bool unlock, bool may_wait)
{
	struct record_locks *locks = records_get(inode, !unlock);
	long error;

	if (!locks)
		return unlock ? 0 : -ENOMEM;
	error = may_wait && !unlock ? record_wait_and_try(locks, wanted)
				    : record_try(locks, wanted, unlock, NULL);
	/* Also a downgrade or a replaced range may let others in. */
	if (!error)
		wait_queue_wake_all(&locks->freed);
	records_put(inode);
	return error;
}

/* ---- fcntl ---- */

static long flock_range(struct file *file, const struct linux_flock *from, struct record_lock *out)
{
	int64_t base, len = from->l_len;

	switch (from->l_whence) {
	case LINUX_SEEK_SET:
		base = 0;
		break;
	case LINUX_SEEK_CUR:
		base = file->pos;
		break;
	case LINUX_SEEK_END:
		base = file->inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, from->l_start, &base))
		return -EOVERFLOW;
	if (base < 0)
		return -EINVAL;
	if (len < 0) {
		out->start = base + len;
		out->end = base - 1;
	} else {
		out->start = base;
		if (!len)
			out->end = INT64_MAX;
		else if (__builtin_add_overflow(base, len - 1, &out->end))
			return -EOVERFLOW;
	}
	return out->start < 0 ? -EINVAL : 0;
}

static long flock_to_lock(struct file *file, const struct linux_flock *from, bool ofd, struct record_lock *out)
{
	if (from->l_type != LINUX_F_RDLCK && from->l_type != LINUX_F_WRLCK && from->l_type != LINUX_F_UNLCK)
		return -EINVAL;
	*out = (struct record_lock){
		.kind = ofd ? RECORD_OFD : RECORD_POSIX,
		.exclusive = from->l_type == LINUX_F_WRLCK,
		.owner = ofd ? (const void *)file : (const void *)current->files,
		.pid = ofd ? -1 : current->process->pid,
	};
	return flock_range(file, from, out);
}

static long record_get(struct file *file, struct linux_flock *flock, const struct record_lock *wanted)
{
	struct record_lock *conflict = NULL;

	if (flock->l_type == LINUX_F_UNLCK)
		return -EINVAL;
	mutex_lock(&records_lock);
	if (file->inode->locks)
		conflict = record_conflict(&file->inode->locks->locks, wanted);
	if (conflict) {
		flock->l_type = conflict->exclusive ? LINUX_F_WRLCK : LINUX_F_RDLCK;
		flock->l_whence = LINUX_SEEK_SET;
		flock->l_start = conflict->start;
		flock->l_len = conflict->end == INT64_MAX ? 0 : conflict->end - conflict->start + 1;
		flock->l_pid = conflict->pid;
	} else {
		flock->l_type = LINUX_F_UNLCK;
	}
	mutex_unlock(&records_lock);
	return 0;
}

static void records_release(struct inode *inode, enum record_kind kind, const void *owner);

/*
 * A lock that was granted after another thread had closed the descriptor: close() let go of those that there
 * were, and nobody would of this one.
 */
static long record_keep(int fd, struct file *file)
{
	struct file *now = fdtable_file(current->files, fd, NULL);
	bool open = now == file;

	file_put(now);
	if (!open)
		records_release(file->inode, RECORD_POSIX, current->files);
	return open ? 0 : -EBADF;
}

long record_fcntl(int fd, struct file *file, int command, uint64_t user_flock)
{
	bool ofd = command >= LINUX_F_OFD_GETLK;
	struct linux_flock flock;
	struct record_lock wanted;
	long error = copy_from_user(&flock, user_flock, sizeof(flock));

	if (!error && ofd && flock.l_pid)
		error = -EINVAL;
	if (!error)
		error = flock_to_lock(file, &flock, ofd, &wanted);
	if (error)
		return error;
	if (command == LINUX_F_GETLK || command == LINUX_F_OFD_GETLK) {
		error = record_get(file, &flock, &wanted);
		return error ? error : copy_to_user(user_flock, &flock, sizeof(flock));
	}
	if ((flock.l_type == LINUX_F_RDLCK && !file_readable(file)) ||
	    (flock.l_type == LINUX_F_WRLCK && !file_writable(file)))
		return -EBADF;
	error = record_set(file->inode, &wanted, flock.l_type == LINUX_F_UNLCK,
			   command == LINUX_F_SETLKW || command == LINUX_F_OFD_SETLKW);
	return !error && !ofd && flock.l_type != LINUX_F_UNLCK ? record_keep(fd, file) : error;
}

/* ---- flock ---- */

long record_flock(struct file *file, int operation)
{
	bool may_wait = !(operation & LINUX_LOCK_NB);
	struct record_lock wanted = {
		.kind = RECORD_FLOCK,
		.owner = file,
		.pid = current->process->pid,
		.end = INT64_MAX,
	};

	switch (operation & ~LINUX_LOCK_NB) {
	case LINUX_LOCK_SH:
		break;
	case LINUX_LOCK_EX:
		wanted.exclusive = true;
		break;
	case LINUX_LOCK_UN:
		return record_set(file->inode, &wanted, true, false);
	default:
		return -EINVAL;
	}
	/* A conversion gives the old lock up first: flock(2) says that it isn't atomic. */
	if (may_wait)
		records_release(file->inode, RECORD_FLOCK, file);
	return record_set(file->inode, &wanted, false, may_wait);
}

/* ---- the end of owners ---- */

static void records_release(struct inode *inode, enum record_kind kind, const void *owner)
{
	struct record_locks *locks;
	bool any = false;

	if (!__atomic_load_n(&inode->locks, __ATOMIC_ACQUIRE) || !(locks = records_get(inode, false)))
		return;
	mutex_lock(&records_lock);
	list_for_each_safe (node, after, &locks->locks) {
		struct record_lock *lock = list_entry(node, struct record_lock, link);

		if (lock->kind != kind || lock->owner != owner)
			continue;
		list_remove(node);
		free(lock);
		any = true;
	}
	mutex_unlock(&records_lock);
	if (any)
		wait_queue_wake_all(&locks->freed);
	records_put(inode);
}

void record_locks_release_table(struct file *file, struct fdtable *table)
{
	records_release(file->inode, RECORD_POSIX, table);
}

void record_locks_release_file(struct file *file)
{
	records_release(file->inode, RECORD_OFD, file);
	records_release(file->inode, RECORD_FLOCK, file);
}
