/* SPDX-License-Identifier: MIT */
/*
 * epoll: a set of files to wait for.
 *
 * An item stands in its file's wait queues for as long as it is in the set, with a token of its own: a
 * token that was woken means that something happened since the item was looked at last, which is what
 * edge-triggered items report.  A thread that waits looks at all items, then stands in their queues with its
 * own token as well, like poll, and looks again when it is woken.
 *
 * An item holds no reference to its file: the file's last close takes it out.  Whoever looks at items
 * collects them first, with references to item and file, under epoll_lock, and asks the files without it.
 *
 * Legend: [I] immutable, [a] atomic, [e] epoll_lock, [w] epoll->wait_lock.
 */
#include <quoin/runtime.h>

#include "clock.h"
#include "epoll.h"
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "poll.h"
#include "poll_table.h"
#include "process.h"
#include "syscall.h"
#include "usercopy.h"

struct epoll {
	struct list items;         /* [e] */
	unsigned nr_items;         /* [e] */
	struct mutex wait_lock;    /* one thread at a time looks at the items */
	struct wait_queue changed; /* an item was added or changed */
};

struct epoll_item {
	struct list set_link;    /* [e] in epoll->items */
	struct list file_link;   /* [e] in file->epoll_links */
	struct epoll *epoll;     /* [e] NULL: taken out */
	struct file *file;       /* [e] no reference */
	int fd;                  /* [I] */
	atomic_uint refs;        /* [a] the set's, and the looking thread's */
	uint32_t events;         /* [e] wanted, with the EPOLL* flags */
	uint64_t data;           /* [e] */
	bool disarmed;           /* [e] one-shot, and it was */
	struct poll_table edges; /* [w] stands in the file's queues */
};

static struct mutex epoll_lock = MUTEX_INIT("epoll", LOCK_RECORDS);
static const struct file_ops epoll_file_ops;

#define EPOLL_FLAGS (LINUX_EPOLLET | LINUX_EPOLLONESHOT | LINUX_EPOLLEXCLUSIVE | LINUX_EPOLLWAKEUP)

static void item_put(struct epoll_item *item)
{
	if (atomic_fetch_sub(&item->refs, 1) != 1)
		return;
	poll_table_clear(&item->edges);
	free(item);
}

/* Out of set and file; the set's reference is the caller's. epoll_lock is held. */
static void item_unlink(struct epoll_item *item)
{
	list_remove(&item->set_link);
	list_remove(&item->file_link);
	item->epoll->nr_items--;
	item->epoll = NULL;
}

static void items_drop(struct list *gone)
{
	struct list *node;

	while ((node = list_pop(gone)))
		item_put(list_entry(node, struct epoll_item, set_link));
}

/* The file's queues go with it: items leave them here, before its release. */
void epoll_file_gone(struct file *file)
{
	struct list gone = LIST_INIT(gone), *node;

	mutex_lock(&epoll_lock);
	while ((node = list_pop(&file->epoll_links))) {
		struct epoll_item *item = list_entry(node, struct epoll_item, file_link);

		poll_table_clear(&item->edges);
		item_unlink(item);
		list_add_tail(&gone, &item->set_link);
	}
	mutex_unlock(&epoll_lock);
	items_drop(&gone);
}

static void epoll_release(struct file *file)
{
	struct epoll *epoll = file->private;
	struct list gone = LIST_INIT(gone);

	mutex_lock(&epoll_lock);
	while (!list_empty(&epoll->items)) {
		struct epoll_item *item = list_entry(epoll->items.next, struct epoll_item, set_link);

		poll_table_clear(&item->edges);
		item_unlink(item);
		list_add_tail(&gone, &item->set_link);
	}
	mutex_unlock(&epoll_lock);
	items_drop(&gone);
	free(epoll);
}

/* ---- looking ---- */

struct look {
	struct epoll_item *item; /* with a reference */
	struct file *file;       /* with a reference */
};

static bool file_try_get(struct file *file)
{
	unsigned refs = atomic_load(&file->refs);

	while (refs)
		if (atomic_compare_exchange_weak(&file->refs, &refs, refs + 1))
			return true;
	return false;
}

/* All items whose file is alive, with references. */
static struct look *looks_collect(struct epoll *epoll, unsigned *count)
{
	struct epoll_item *item;
	struct look *looks;

	mutex_lock(&epoll_lock);
	looks = malloc((epoll->nr_items + 1) * sizeof(*looks));
	*count = 0;
	if (looks)
		list_for_each_entry (item, &epoll->items, set_link) {
			if (item->disarmed || !file_try_get(item->file))
				continue;
			atomic_fetch_add(&item->refs, 1);
			looks[(*count)++] = (struct look){ item, item->file };
		}
	mutex_unlock(&epoll_lock);
	return looks;
}

static void looks_release(struct look *looks, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		item_put(looks[i].item);
		file_put(looks[i].file);
	}
	free(looks);
}

/* Did anything happen since the last look? Then stand in the queues again: wakers take us out. */
static bool item_edge(struct epoll_item *item, struct file *file)
{
	if (!atomic_exchange(&item->edges.token.woken, 0))
		return false;
	mutex_lock(&epoll_lock);
	poll_table_clear(&item->edges);
	mutex_unlock(&epoll_lock);
	file_poll(file, &item->edges);
	return true;
}

/* The events to report for an item now. */
static uint32_t item_look(struct epoll_item *item, struct file *file, struct poll_table *table)
{
	bool edge = item_edge(item, file);
	uint32_t events = file_poll(file, table) & (item->events | LINUX_EPOLLERR | LINUX_EPOLLHUP);

	if ((item->events & LINUX_EPOLLET) && !edge)
		return 0;
	return events & ~EPOLL_FLAGS;
}

static bool item_is_armed(struct epoll *epoll, struct epoll_item *item)
{
	bool armed;

	mutex_lock(&epoll_lock);
	armed = item->epoll == epoll && !item->disarmed;
	mutex_unlock(&epoll_lock);
	return armed;
}

/* Reported items move to the end of the set, so that none starves when there are more than room. */
static void item_reported(struct epoll *epoll, struct epoll_item *item)
{
	mutex_lock(&epoll_lock);
	if (item->events & LINUX_EPOLLONESHOT)
		item->disarmed = true;
	if (item->epoll == epoll) {
		list_remove(&item->set_link);
		list_add_tail(&epoll->items, &item->set_link);
	}
	mutex_unlock(&epoll_lock);
}

static unsigned epoll_look(struct epoll *epoll, struct look *looks, unsigned count, struct poll_table *table,
			   struct linux_epoll_event *out, unsigned max)
{
	unsigned found = 0;

	mutex_lock(&epoll->wait_lock);
	for (unsigned i = 0; i < count && found < max; i++) {
		struct epoll_item *item = looks[i].item;
		uint32_t events = 0;

		/* Since it was collected another thread may have reported it, the last time, or taken it out. */
		if (item_is_armed(epoll, item))
			events = item_look(item, looks[i].file, table);
		if (!events)
			continue;
		if (table)
			table->registering = false;
		out[found++] = (struct linux_epoll_event){ .events = events, .data = item->data };
		item_reported(epoll, item);
	}
	mutex_unlock(&epoll->wait_lock);
	return found;
}

/* ---- waiting ---- */

/* One look at everything; with table, this thread stands in all queues afterwards. */
static long epoll_round(struct epoll *epoll, struct poll_table *table, struct linux_epoll_event *out,
			unsigned max, struct look **looks, unsigned *count)
{
	poll_wait(table, &epoll->changed);
	*looks = looks_collect(epoll, count);
	return *looks ? (long)epoll_look(epoll, *looks, *count, table, out, max) : -ENOMEM;
}

/* The files are held while the thread sleeps in their queues. */
static long epoll_run(struct epoll *epoll, struct linux_epoll_event *out, unsigned max, uint64_t deadline)
{
	struct poll_table table;
	long found, slept = 0;
	bool last;

	poll_table_init(&table);
	do {
		struct look *looks;
		unsigned count = 0;

		last = !deadline || slept;
		found = epoll_round(epoll, last ? NULL : &table, out, max, &looks, &count);
		if (!found && table.error)
			found = table.error;
		if (!found && !last)
			slept = wait_block(&table.token, deadline, WAIT_INTERRUPTIBLE);
		poll_table_clear(&table);
		if (looks)
			looks_release(looks, count);
	} while (!found && !last);
	return !found && slept && slept != -ETIMEDOUT ? -EINTR : found;
}

#define EVENTS_MAX 256

static long epoll_wait_call(int fd, uint64_t user, int max, uint64_t deadline)
{
	struct linux_epoll_event *events;
	struct fd_ref ref;
	long result;

	if (max <= 0 || (uint64_t)max > INT32_MAX / sizeof(*events))
		return -EINVAL;
	if (!user_range_ok(user, (uint64_t)max * sizeof(*events)))
		return -EFAULT;
	ref = fd_get(fd);
	if (!ref.file || ref.file->ops != &epoll_file_ops) {
		result = ref.file ? -EINVAL : -EBADF;
		fd_put(ref);
		return result;
	}
	if (max > EVENTS_MAX)
		max = EVENTS_MAX;
	events = malloc((size_t)max * sizeof(*events));
	result = events ? epoll_run(ref.file->private, events, (unsigned)max, deadline) : -ENOMEM;
	if (result > 0 && copy_to_user(user, events, (size_t)result * sizeof(*events)))
		result = -EFAULT;
	free(events);
	fd_put(ref);
	return result;
}

static uint64_t deadline_of_ms(int timeout_ms)
{
	if (timeout_ms < 0)
		return QUOIN_DEADLINE_NEVER;
	return timeout_ms ? deadline_after((uint64_t)timeout_ms * 1000000) : 0;
}

long sys_epoll_wait(SYSCALL_ARGS)
{
	return epoll_wait_call((int)a0, (uint64_t)a1, (int)a2, deadline_of_ms((int)a3));
}

static long epoll_pwait_until(int fd, uint64_t user, int max, uint64_t deadline, uint64_t mask,
			      uint64_t mask_size)
{
	long result = signal_mask_push(mask, mask_size);

	if (result)
		return result;
	result = epoll_wait_call(fd, user, max, deadline);
	signal_mask_pop(result);
	return result;
}

long sys_epoll_pwait(SYSCALL_ARGS)
{
	return epoll_pwait_until((int)a0, (uint64_t)a1, (int)a2, deadline_of_ms((int)a3), (uint64_t)a4,
				 (uint64_t)a5);
}

long sys_epoll_pwait2(SYSCALL_ARGS)
{
	uint64_t ns = 0;
	long error = a3 ? timespec_from_user((uint64_t)a3, &ns) : 0;

	if (error)
		return error;
	return epoll_pwait_until((int)a0, (uint64_t)a1, (int)a2,
				 a3 ? (ns ? deadline_after(ns) : 0) : QUOIN_DEADLINE_NEVER, (uint64_t)a4,
				 (uint64_t)a5);
}

/* ---- the set ---- */

static struct epoll_item *item_find_locked(struct epoll *epoll, struct file *file, int fd)
{
	struct epoll_item *item;

	list_for_each_entry (item, &epoll->items, set_link)
		if (item->file == file && item->fd == fd)
			return item;
	return NULL;
}

static long item_add(struct epoll *epoll, struct file *file, int fd, const struct linux_epoll_event *event)
{
	struct epoll_item *item = calloc(1, sizeof(*item));
	long error = 0;

	if (!item)
		return -ENOMEM;
	poll_table_init(&item->edges);
	atomic_init(&item->edges.token.woken, 1); /* what holds already is news */
	atomic_init(&item->refs, 1);
	item->epoll = epoll;
	item->file = file;
	item->fd = fd;
	item->events = event->events;
	item->data = event->data;
	mutex_lock(&epoll_lock);
	if (item_find_locked(epoll, file, fd)) {
		error = -EEXIST;
	} else {
		list_add_tail(&epoll->items, &item->set_link);
		list_add_tail(&file->epoll_links, &item->file_link);
		epoll->nr_items++;
	}
	mutex_unlock(&epoll_lock);
	if (error)
		free(item);
	return error;
}

static long item_change(struct epoll *epoll, struct file *file, int fd, const struct linux_epoll_event *event)
{
	struct epoll_item *item;

	mutex_lock(&epoll_lock);
	item = item_find_locked(epoll, file, fd);
	if (item) {
		item->events = event->events;
		item->data = event->data;
		item->disarmed = false;
		atomic_store(&item->edges.token.woken, 1);
	}
	mutex_unlock(&epoll_lock);
	return item ? 0 : -ENOENT;
}

static long item_delete(struct epoll *epoll, struct file *file, int fd)
{
	struct epoll_item *item;

	mutex_lock(&epoll->wait_lock); /* nobody enters the item into queues meanwhile */
	mutex_lock(&epoll_lock);
	item = item_find_locked(epoll, file, fd);
	if (item) {
		poll_table_clear(&item->edges);
		item_unlink(item);
	}
	mutex_unlock(&epoll_lock);
	mutex_unlock(&epoll->wait_lock);
	if (!item)
		return -ENOENT;
	item_put(item);
	return 0;
}

static long epoll_ctl_files(struct file *set, struct file *file, int operation, int fd,
			    const struct linux_epoll_event *event)
{
	struct epoll *epoll = set->private;
	long result;

	/* A set within a set could wait for itself; and what is always ready can't be waited for. */
	if (set->ops != &epoll_file_ops || set == file || file->ops == &epoll_file_ops)
		return -EINVAL;
	if (!file->ops->poll)
		return -EPERM;
	switch (operation) {
	case LINUX_EPOLL_CTL_ADD:
		result = item_add(epoll, file, fd, event);
		break;
	case LINUX_EPOLL_CTL_MOD:
		result = item_change(epoll, file, fd, event);
		break;
	case LINUX_EPOLL_CTL_DEL:
		return item_delete(epoll, file, fd);
	default:
		return -EINVAL;
	}
	if (!result)
		wait_queue_wake_all(&epoll->changed);
	return result;
}

long sys_epoll_ctl(SYSCALL_ARGS)
{
	struct linux_epoll_event event = {};
	struct fd_ref set, file;
	long result = 0;

	if ((int)a1 != LINUX_EPOLL_CTL_DEL)
		result = copy_from_user(&event, (uint64_t)a3, sizeof(event));
	if (result)
		return result;
	set = fd_get((int)a0);
	file = fd_get((int)a2);
	if (!set.file || !file.file)
		result = -EBADF;
	else
		result = epoll_ctl_files(set.file, file.file, (int)a1, (int)a2, &event);
	fd_put(file);
	fd_put(set);
	return result;
}

/* ---- creation ---- */

/* A set is readable when one of its items is; looked at without taking anything away. */
static uint32_t epoll_poll(struct file *file, struct poll_table *table)
{
	struct epoll *epoll = file->private;
	uint32_t ready = 0;
	struct look *looks;
	unsigned count;

	poll_wait(table, &epoll->changed);
	looks = looks_collect(epoll, &count);
	if (!looks)
		return LINUX_POLLERR;
	for (unsigned i = 0; i < count; i++)
		if (file_poll(looks[i].file, table) & (looks[i].item->events | LINUX_EPOLLERR | LINUX_EPOLLHUP))
			ready = LINUX_POLLIN | LINUX_POLLRDNORM;
	looks_release(looks, count);
	return ready;
}

static const struct file_ops epoll_file_ops = { .poll = epoll_poll, .release = epoll_release };

static long epoll_create_call(int flags)
{
	struct epoll *epoll = calloc(1, sizeof(*epoll));
	struct inode *inode = epoll ? inode_create_anonymous(0600) : NULL;
	struct file *file =
		inode ? file_create_anonymous(inode, &epoll_file_ops, LINUX_O_RDWR,
					      FILE_READ | FILE_WRITE | FILE_STREAM, "anon_inode:[eventpoll]")
		      : NULL;

	if (!file) {
		free(epoll);
		return -ENOMEM;
	}
	list_init(&epoll->items);
	mutex_init(&epoll->wait_lock, "epoll wait", LOCK_EPOLL);
	wait_queue_init(&epoll->changed);
	file->private = epoll;
	return fd_install(file, flags & LINUX_EPOLL_CLOEXEC);
}

long sys_epoll_create(SYSCALL_ARGS)
{
	return (int)a0 <= 0 ? -EINVAL : epoll_create_call(0);
}

long sys_epoll_create1(SYSCALL_ARGS)
{
	return (int)a0 & ~LINUX_EPOLL_CLOEXEC ? -EINVAL : epoll_create_call((int)a0);
}
