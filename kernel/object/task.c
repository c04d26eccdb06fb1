/*
 * Tasks; see task.h for their states.
 *
 * References: a task is held by the handles that name it, by each of its threads, and by callers
 * that wait for its reply.  Its own table holds it too (QUOIN_SELF_TASK), so a task that nobody
 * else can name and that has no threads would never go: task_unnamed ends it.
 *
 * The end, by whoever takes the last thread out: requests that wait for replies fail with
 * PEER_DEAD, endpoints that the task served are dead, all handles are dropped, the address space is
 * let go, and last the watchers hear of it, so that what they count is back.
 *
 * Locks: task_list_lock, then task.lock; task.lock is held while threads are marked.
 */
#include "task.h"
#include "aspace.h"
#include "debug.h"
#include "ipc.h"
#include "mm.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

struct task_watch {
	struct list_node node;
	struct notification *notification; /* reference */
	struct account *account;           /* of the watcher, charged */
	uint64_t bits;
};

static struct spinlock task_list_lock;
static struct list_node task_all = LIST_INIT(task_all); /* task_list_lock */
static uint32_t task_count;                             /* task_list_lock */
static uint64_t next_task_id;                           /* task_list_lock */

void task_init(void)
{
	spin_init(&task_list_lock, "task list", LOCK_TASK_LIST);
}

static void list_enter(struct task *task)
{
	spin_lock(&task_list_lock);
	task->id = ++next_task_id;
	task_count++;
	list_add_tail(&task_all, &task->all);
	spin_unlock(&task_list_lock);
}

static void list_leave(struct task *task)
{
	spin_lock(&task_list_lock);
	list_remove(&task->all);
	task_count--;
	spin_unlock(&task_list_lock);
}

static long install_self(struct task *task)
{
	struct handle_ref self = { .object = &task->object, .rights = QUOIN_RIGHT_ALL };
	struct handle_ref aspace = { .object = &task->aspace->object, .rights = QUOIN_RIGHT_ALL };
	long result = handle_insert_at(task, QUOIN_SELF_TASK, &self);

	return result < 0 ? result : handle_insert_at(task, QUOIN_SELF_ASPACE, &aspace);
}

long task_create(struct task *parent, struct aspace *aspace, const char *name, uint64_t limit_pages,
		 struct task **created)
{
	struct account *payer = parent ? parent->account : NULL;
	struct task *task = object_new(OBJECT_TASK, sizeof(*task), payer);
	int64_t limit = limit_pages < BIT(40) ? limit_pages << PAGE_SHIFT : 0;
	long result;

	if (!task)
		return -QERR_NOMEM;
	task->account = account_create(payer, limit);
	if (!task->account) {
		object_free(&task->object, sizeof(*task));
		return -QERR_NOMEM;
	}
	memcpy(task->name, name, MIN(strlen(name), sizeof(task->name) - 1));
	handle_table_init(&task->handles, task->account);
	spin_init(&task->lock, "task", LOCK_TASK);
	spin_init(&task->reply_lock, "replies", LOCK_REPLY);
	list_init(&task->threads);
	list_init(&task->watchers);
	list_init(&task->served);
	task->fault_vector = -1;
	task->next_token = 1;
	object_get(&aspace->object);
	task->aspace = aspace;
	task->aspace_id = aspace->id;
	aspace_adopt(aspace, task->account);
	list_enter(task);
	result = install_self(task);
	if (result < 0) {
		task_kill(task, 0);
		object_put(&task->object);
		return result;
	}
	*created = task;
	return 0;
}

struct task *task_create_first(const char *name, uint64_t archive_pa, uint64_t archive_bytes)
{
	struct handle_ref hardware, archive = { 0 };
	struct memobj *memobj;
	struct aspace *aspace;
	struct task *task;

	if (aspace_new(QUOIN_ASPACE_NATIVE, NULL, NULL, &aspace) || task_create(NULL, aspace, name, 0, &task) ||
	    memobj_new_physical(archive_pa, ALIGN_UP(archive_bytes, PAGE_SIZE), NULL, &memobj))
		panic("no memory for the first task");
	object_put(&aspace->object);
	hardware.object = object_new(OBJECT_HARDWARE, sizeof(struct object), NULL);
	hardware.rights = QUOIN_RIGHT_ALL;
	hardware.badge = 0;
	archive.object = &memobj->object;
	archive.rights = QUOIN_RIGHT_READ | QUOIN_RIGHT_DUP;
	if (!hardware.object || handle_insert_at(task, QUOIN_HARDWARE, &hardware) < 0 ||
	    handle_insert_at(task, QUOIN_ARCHIVE, &archive) < 0)
		panic("no memory for the first task's handles");
	object_put(hardware.object);
	object_put(archive.object);
	return task;
}

struct aspace *task_aspace_get(struct task *task)
{
	struct aspace *aspace;

	spin_lock(&task->lock);
	aspace = task->aspace;
	if (aspace)
		object_get(&aspace->object);
	spin_unlock(&task->lock);
	return aspace;
}

long task_thread_add(struct task *task, struct thread *thread)
{
	struct handle_ref ref = { .object = &thread->object, .rights = QUOIN_RIGHT_ALL };

	spin_lock(&task->lock);
	if (task->state != TASK_ALIVE) {
		spin_unlock(&task->lock);
		return -QERR_BADF;
	}
	object_get(&thread->object);
	list_add_tail(&task->threads, &thread->task_node);
	task->nr_threads++;
	spin_unlock(&task->lock);
	/* Only the first finds the slot free; without it the task runs all the same. */
	handle_insert_at(task, QUOIN_SELF_THREAD, &ref);
	return 0;
}

static void watchers_signal(struct task *task)
{
	struct list_node watchers, *node;

	list_init(&watchers);
	spin_lock(&task->lock);
	list_splice_tail(&watchers, &task->watchers);
	spin_unlock(&task->lock);
	while ((node = list_pop(&watchers))) {
		struct task_watch *watch = list_entry(node, struct task_watch, node);
		struct account *account = watch->account;

		notification_signal(watch->notification, watch->bits);
		object_put(&watch->notification->object);
		kfree(watch);
		account_uncharge(account, sizeof(*watch));
	}
}

static void end_one(struct task *task)
{
	struct aspace *aspace;

	ipc_task_ended(task);
	handle_table_close(task);
	spin_lock(&task->lock);
	aspace = task->aspace;
	task->aspace = NULL;
	spin_unlock(&task->lock);
	object_put(&aspace->object);
	list_leave(task);
	spin_lock(&task->lock);
	task->state = TASK_ENDED;
	spin_unlock(&task->lock);
	watchers_signal(task);
}

/*
 * The task has no threads and can get none.  Its handles may be the last names of other tasks without threads:
 * these end after it, not inside its end, for a chain of them can be longer than the kernel stack.
 */
static void task_end(struct task *task)
{
	struct thread *self = current_thread();
	struct list_node ending, *node;

	object_get(&task->object);
	if (self->ending) {
		list_add_tail(self->ending, &task->ending);
		return;
	}
	list_init(&ending);
	list_add_tail(&ending, &task->ending);
	self->ending = &ending;
	while ((node = list_pop(&ending))) {
		task = list_entry(node, struct task, ending);
		end_one(task);
		object_put(&task->object);
	}
	self->ending = NULL;
}

static void kill_with(struct task *task, int64_t code, int64_t vector, uint64_t addr)
{
	struct list_node *node;
	bool empty;

	spin_lock(&task->lock);
	if (task->state != TASK_ALIVE) {
		spin_unlock(&task->lock);
		return;
	}
	task->state = TASK_DYING;
	task->exit_code = code;
	task->fault_vector = vector;
	task->fault_addr = addr;
	list_for_each (node, &task->threads)
		thread_kill(list_entry(node, struct thread, task_node));
	empty = task->nr_threads == 0;
	spin_unlock(&task->lock);
	if (empty)
		task_end(task);
}

void task_kill(struct task *task, int64_t code)
{
	kill_with(task, code, -1, 0);
}

void task_kill_fault(struct task *task, int64_t vector, uint64_t addr)
{
	kill_with(task, -1, vector, addr);
}

void task_thread_exit(struct task *task, struct thread *thread)
{
	uint64_t guest_ns, server_ns;
	bool last;

	thread_times(thread, &guest_ns, &server_ns);
	spin_lock(&task->lock);
	task->dead_cpu_ns += guest_ns + server_ns;
	list_remove(&thread->task_node);
	last = --task->nr_threads == 0;
	if (last)
		task->state = TASK_DYING;
	spin_unlock(&task->lock);
	object_put(&thread->object);
	if (last)
		task_end(task);
}

void task_named(struct task *task)
{
	__atomic_fetch_add(&task->names, 1, __ATOMIC_RELAXED);
}

void task_unnamed(struct task *task)
{
	bool orphan;

	if (__atomic_sub_fetch(&task->names, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	spin_lock(&task->lock);
	orphan = task->nr_threads == 0;
	spin_unlock(&task->lock);
	if (orphan)
		task_kill(task, -1);
}

void task_destroy(struct object *object)
{
	struct task *task = container_of(object, struct task, object);

	assert(task->state == TASK_ENDED);
	/* Someone may have asked to watch it after its end. */
	watchers_signal(task);
	account_drop(task->account);
	object_free(object, sizeof(*task));
}

static void task_describe(struct task *task, struct quoin_task_info *info)
{
	struct list_node *node;

	memset(info, 0, sizeof(*info));
	info->id = task->id;
	memcpy(info->name, task->name, sizeof(info->name));
	info->aspace_id = task->aspace_id;
	info->pages = account_bytes(task->account) >> PAGE_SHIFT;
	info->limit_pages = task->account->limit == INT64_MAX ? 0 : task->account->limit >> PAGE_SHIFT;
	info->nr_handles = task->handles.used;
	spin_lock(&task->lock);
	info->nr_threads = task->nr_threads;
	info->cpu_ns = task->dead_cpu_ns;
	list_for_each (node, &task->threads) {
		uint64_t guest_ns, server_ns;

		thread_times(list_entry(node, struct thread, task_node), &guest_ns, &server_ns);
		info->cpu_ns += guest_ns + server_ns;
	}
	spin_unlock(&task->lock);
}

uint32_t task_list(struct quoin_task_info *infos, uint32_t count)
{
	struct list_node *node;
	uint32_t total, i = 0;

	spin_lock(&task_list_lock);
	list_for_each (node, &task_all) {
		if (i >= count)
			break;
		task_describe(list_entry(node, struct task, all), &infos[i++]);
	}
	total = task_count;
	spin_unlock(&task_list_lock);
	return total;
}

/* The calls. */

static long lookup_task(quoin_handle handle, uint32_t rights, struct task **task)
{
	struct object *object;
	long error = handle_lookup(current_thread()->task, handle, OBJECT_TASK, rights, &object);

	*task = error ? NULL : container_of(object, struct task, object);
	return error;
}

long call_task_create(quoin_handle aspace_handle, uintptr_t name, uint64_t limit_pages)
{
	struct task *self = current_thread()->task, *task;
	char text[sizeof(task->name)];
	struct aspace *aspace;
	struct object *object;
	long result;

	if (copy_string_from_user(text, name, sizeof(text)))
		return -QERR_FAULT;
	result = handle_lookup(self, aspace_handle, OBJECT_ASPACE, QUOIN_RIGHT_WRITE, &object);
	if (result)
		return result;
	aspace = container_of(object, struct aspace, object);
	if (aspace->kind != QUOIN_ASPACE_NATIVE)
		result = -QERR_INVAL;
	else
		result = task_create(self, aspace, text, limit_pages, &task);
	object_put(object);
	if (result)
		return result;
	object_get(&task->object);
	result = handle_insert_new(self, &task->object);
	if (result < 0)
		task_kill(task, -1);
	object_put(&task->object);
	return result;
}

long call_task_kill(quoin_handle handle, int64_t code)
{
	struct task *task;
	long result = lookup_task(handle, QUOIN_RIGHT_MANAGE, &task);

	if (result)
		return result;
	task_kill(task, code);
	object_put(&task->object);
	return 0;
}

long call_task_watch(quoin_handle handle, quoin_handle notification, uint64_t bits)
{
	struct account *account = current_thread()->task->account;
	struct task_watch *watch;
	struct object *object;
	struct task *task;
	bool ended;
	long result = lookup_task(handle, QUOIN_RIGHT_READ, &task);

	if (result)
		return result;
	result = handle_lookup(current_thread()->task, notification, OBJECT_NOTIFICATION, QUOIN_RIGHT_CALL,
			       &object);
	if (result)
		goto put_task;
	result = -QERR_NOMEM;
	if (account_charge(account, sizeof(*watch)))
		goto put_notification;
	watch = kmalloc(sizeof(*watch));
	if (!watch) {
		account_uncharge(account, sizeof(*watch));
		goto put_notification;
	}
	watch->account = account;
	watch->notification = container_of(object, struct notification, object);
	watch->bits = bits;
	spin_lock(&task->lock);
	ended = task->state == TASK_ENDED;
	list_add_tail(&task->watchers, &watch->node);
	spin_unlock(&task->lock);
	if (ended)
		watchers_signal(task);
	object_put(&task->object);
	return 0;
put_notification:
	object_put(object);
put_task:
	object_put(&task->object);
	return result;
}

long call_task_status(quoin_handle handle, uintptr_t status)
{
	int64_t values[4];
	struct task *task;
	long result = lookup_task(handle, QUOIN_RIGHT_READ, &task);

	if (result)
		return result;
	spin_lock(&task->lock);
	values[0] = task->state == TASK_ENDED;
	values[1] = task->exit_code;
	values[2] = task->fault_vector;
	values[3] = task->fault_addr;
	spin_unlock(&task->lock);
	object_put(&task->object);
	return copy_to_user(status, values, sizeof(values));
}

long call_task_set_fixup(uint64_t start, uint64_t end, uint64_t resume)
{
	struct task *task = current_thread()->task;

	if (start > end || (start != end && (!user_range_ok(start, end - start) || !user_range_ok(resume, 1))))
		return -QERR_INVAL;
	task->fixup_start = start;
	task->fixup_end = end;
	task->fixup_resume = resume;
	return 0;
}
