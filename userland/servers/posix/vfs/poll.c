/* SPDX-License-Identifier: MIT */
/*
 * poll, ppoll, select, pselect6.
 *
 * One thread stands in many wait queues with one token.  A round asks each file for its events; the first
 * round registers as well.  No wake-up is lost: a waiter stands in the queue before the file looks at its
 * state, and whoever changes the state wakes after the change.
 */
#include <quoin/runtime.h>

#include "clock.h"
#include "file.h"
#include "inode.h"
#include "poll.h"
#include "poll_table.h"
#include "process.h"
#include "rlimit.h"
#include "syscall.h"
#include "usercopy.h"

/* ---- the table of registrations ---- */

#define BLOCK_ENTRIES 62

struct poll_block {
	struct poll_block *next;
	unsigned used;
	struct waiter waiters[BLOCK_ENTRIES];
};

void poll_table_init(struct poll_table *table)
{
	memset(table, 0, sizeof(*table));
	wait_token_init(&table->token);
	table->registering = true;
}

static struct waiter *table_waiter(struct poll_table *table)
{
	if (table->used < POLL_INLINE)
		return &table->waiters[table->used++];
	if (!table->blocks || table->blocks->used == BLOCK_ENTRIES) {
		struct poll_block *block = malloc(sizeof(*block));

		if (!block) {
			table->error = -ENOMEM;
			return NULL;
		}
		block->used = 0;
		block->next = table->blocks;
		table->blocks = block;
	}
	return &table->blocks->waiters[table->blocks->used++];
}

void poll_wait(struct poll_table *table, struct wait_queue *queue)
{
	struct waiter *waiter;

	if (!table || !table->registering)
		return;
	waiter = table_waiter(table);
	if (!waiter)
		return;
	memset(waiter, 0, sizeof(*waiter));
	wait_queue_add(queue, waiter, &table->token);
}

/*
 * Out of all queues.  Also before each further round: a waker takes the waiters it wakes out of their
 * queue, so the next round registers anew.
 */
void poll_table_clear(struct poll_table *table)
{
	for (unsigned i = 0; i < table->used; i++)
		wait_queue_remove(&table->waiters[i]);
	table->used = 0;
	while (table->blocks) {
		struct poll_block *block = table->blocks;

		for (unsigned i = 0; i < block->used; i++)
			wait_queue_remove(&block->waiters[i]);
		table->blocks = block->next;
		free(block);
	}
	table->registering = true;
}

/* ---- poll ---- */

struct poll_set {
	struct linux_pollfd *fds;
	struct file **files; /* references, so that no queue goes while we stand in it */
	unsigned nr;
};

static int poll_set_open(struct poll_set *set)
{
	set->files = calloc(set->nr ? set->nr : 1, sizeof(*set->files));
	if (!set->files)
		return -ENOMEM;
	for (unsigned i = 0; i < set->nr; i++)
		if (set->fds[i].fd >= 0)
			set->files[i] = fd_get_file(set->fds[i].fd);
	return 0;
}

static void poll_set_close(struct poll_set *set)
{
	for (unsigned i = 0; i < set->nr; i++)
		file_put(set->files[i]);
	free(set->files);
}

static unsigned poll_round(struct poll_set *set, struct poll_table *table)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < set->nr; i++) {
		struct linux_pollfd *fd = &set->fds[i];
		uint32_t events = LINUX_POLLNVAL;

		fd->revents = 0;
		if (fd->fd < 0)
			continue;
		if (set->files[i])
			events = file_poll(set->files[i], table) &
				 ((uint16_t)fd->events | LINUX_POLLERR | LINUX_POLLHUP);
		fd->revents = (int16_t)events;
		if (!fd->revents)
			continue;
		ready++;
		table->registering = false; /* no need to wait any more */
	}
	return ready;
}

/* Number of ready descriptors, 0 at the deadline, -errno. */
static long poll_run(struct poll_set *set, uint64_t deadline)
{
	struct poll_table table;
	long result = poll_set_open(set), slept = 0;

	if (result)
		return result;
	poll_table_init(&table);
	for (;;) {
		result = poll_round(set, &table);
		if (result || slept)
			break;
		if (table.error) {
			result = table.error;
			break;
		}
		if (!deadline)
			break;
		slept = wait_block(&table.token, deadline, WAIT_INTERRUPTIBLE);
		poll_table_clear(&table);
	}
	poll_table_clear(&table);
	poll_set_close(set);
	if (!result && slept && slept != -ETIMEDOUT)
		result = -ERESTARTNOHAND;
	return result;
}

#define POLL_FEW 16

static long poll_user(uint64_t user, unsigned nr, uint64_t deadline)
{
	struct linux_pollfd few[POLL_FEW];
	struct poll_set set = { .fds = few, .nr = nr };
	size_t bytes = nr * sizeof(*set.fds);
	long result;

	if (nr > rlimit_get(LINUX_RLIMIT_NOFILE))
		return -EINVAL;
	if (nr > POLL_FEW) {
		set.fds = malloc(bytes);
		if (!set.fds)
			return -ENOMEM;
	}
	result = copy_from_user(set.fds, user, bytes);
	if (!result)
		result = poll_run(&set, deadline);
	if (result >= 0)
		for (unsigned i = 0; i < nr; i++)
			if (copy_to_user(user + i * sizeof(*set.fds) + offsetof(struct linux_pollfd, revents),
					 &set.fds[i].revents, sizeof(int16_t)))
				result = -EFAULT;
	if (set.fds != few)
		free(set.fds);
	return result;
}

/* A relative timeout; a null pointer waits for ever, zero doesn't wait. */
static uint64_t poll_deadline(bool given, uint64_t ns)
{
	if (!given)
		return QUOIN_DEADLINE_NEVER;
	return ns ? deadline_after(ns) : 0;
}

long sys_poll(SYSCALL_ARGS)
{
	int timeout_ms = (int)a2;

	return poll_user((uint64_t)a0, (unsigned)a1,
			 poll_deadline(timeout_ms >= 0, (uint64_t)(unsigned)timeout_ms * 1000000));
}

/* What is left of a timeout, as Linux writes it back. */
static void timeout_update(uint64_t user, uint64_t deadline, bool timeval)
{
	uint64_t now = clock_monotonic_ns();
	int64_t left = deadline > now ? (int64_t)(deadline - now) : 0;

	if (!user)
		return;
	if (timeval)
		timeval_to_user(user, left);
	else
		timespec_to_user(user, left);
}

long sys_ppoll(SYSCALL_ARGS)
{
	uint64_t ns = 0, deadline;
	long result = a2 ? timespec_from_user((uint64_t)a2, &ns) : 0;

	if (result)
		return result;
	deadline = poll_deadline(a2, ns);
	result = signal_mask_push((uint64_t)a3, (uint64_t)a4);
	if (result)
		return result;
	result = poll_user((uint64_t)a0, (unsigned)a1, deadline);
	signal_mask_pop(result);
	timeout_update((uint64_t)a2, deadline, false);
	return result;
}

/* ---- select ---- */

#define SELECT_IN  (LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDBAND | LINUX_POLLHUP | LINUX_POLLERR)
#define SELECT_OUT (LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND | LINUX_POLLERR)
#define SELECT_EX  LINUX_POLLPRI

static const uint16_t select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

static long select_copy_in(struct linux_fd_set *set, uint64_t user, unsigned nr)
{
	memset(set, 0, sizeof(*set));
	return user ? copy_from_user(set, user, ALIGN_UP(nr, 64) / 8) : 0;
}

static bool select_bit(const struct linux_fd_set *set, unsigned fd)
{
	return set->fds_bits[fd / 64] >> (fd % 64) & 1;
}

/* One pollfd per descriptor that stands in any set; -EBADF if one isn't open. */
static long select_collect(struct linux_fd_set sets[3], unsigned nr, struct poll_set *set)
{
	for (unsigned fd = 0; fd < nr; fd++) {
		uint16_t events = 0;
		struct fd_ref ref;

		for (unsigned s = 0; s < 3; s++)
			if (select_bit(&sets[s], fd))
				events |= select_events[s];
		if (!events)
			continue;
		ref = fd_get((int)fd);
		if (!ref.file)
			return -EBADF;
		fd_put(ref);
		set->fds[set->nr++] = (struct linux_pollfd){ .fd = (int)fd, .events = (int16_t)events };
	}
	return 0;
}

static long select_distribute(struct linux_fd_set sets[3], const struct poll_set *set)
{
	struct linux_fd_set old[3];
	long count = 0;

	memcpy(old, sets, sizeof(old));
	memset(sets, 0, 3 * sizeof(*sets));
	for (unsigned i = 0; i < set->nr; i++) {
		unsigned fd = (unsigned)set->fds[i].fd;

		for (unsigned s = 0; s < 3; s++) {
			if (!select_bit(&old[s], fd) || !((uint16_t)set->fds[i].revents & select_events[s]))
				continue;
			sets[s].fds_bits[fd / 64] |= 1ull << (fd % 64);
			count++;
		}
	}
	return count;
}

static long select_sets(struct linux_fd_set sets[3], unsigned nr, uint64_t deadline)
{
	struct poll_set set = { .fds = calloc(nr ? nr : 1, sizeof(struct linux_pollfd)) };
	long result;

	if (!set.fds)
		return -ENOMEM;
	result = select_collect(sets, nr, &set);
	if (!result)
		result = poll_run(&set, deadline);
	if (result >= 0)
		result = select_distribute(sets, &set);
	free(set.fds);
	return result;
}

static long select_user(int nfds, const uint64_t user[3], uint64_t deadline)
{
	struct linux_fd_set sets[3];
	unsigned nr = nfds > LINUX_FD_SETSIZE ? LINUX_FD_SETSIZE : (unsigned)nfds;
	long result = 0;

	if (nfds < 0)
		return -EINVAL;
	for (unsigned s = 0; s < 3 && !result; s++)
		result = select_copy_in(&sets[s], user[s], nr);
	if (!result)
		result = select_sets(sets, nr, deadline);
	for (unsigned s = 0; s < 3 && result >= 0; s++)
		if (user[s] && copy_to_user(user[s], &sets[s], ALIGN_UP(nr, 64) / 8))
			result = -EFAULT;
	return result;
}

long sys_select(SYSCALL_ARGS)
{
	const uint64_t user[3] = { (uint64_t)a1, (uint64_t)a2, (uint64_t)a3 };
	uint64_t ns = 0, deadline;
	long result = a4 ? timeval_from_user((uint64_t)a4, &ns) : 0;

	if (result)
		return result;
	deadline = poll_deadline(a4, ns);
	result = select_user((int)a0, user, deadline);
	timeout_update((uint64_t)a4, deadline, true);
	return result;
}

long sys_pselect6(SYSCALL_ARGS)
{
	const uint64_t user[3] = { (uint64_t)a1, (uint64_t)a2, (uint64_t)a3 };
	struct linux_sigset_argument mask = {};
	uint64_t ns = 0, deadline;
	long result = a4 ? timespec_from_user((uint64_t)a4, &ns) : 0;

	if (!result && a5)
		result = copy_from_user(&mask, (uint64_t)a5, sizeof(mask));
	if (result)
		return result;
	deadline = poll_deadline(a4, ns);
	result = signal_mask_push(mask.sigset, mask.sigset_size);
	if (result)
		return result;
	result = select_user((int)a0, user, deadline);
	signal_mask_pop(result);
	timeout_update((uint64_t)a4, deadline, false);
	return result;
}
