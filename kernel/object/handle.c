/*
 * Handle tables; see handle.h.
 *
 * Free entries are chained by index through their badge.  The table grows by doubling, up to
 * HANDLE_MAX; slots below QUOIN_FIRST_FREE are given out only by number.
 *
 * Two kinds of object want to know who can name them: an endpoint counts its handles with RECEIVE,
 * a task those in tables other than its own.  object_named and object_unnamed tell them; the latter
 * may destroy things, so it is called without the lock.
 */
#include "handle.h"
#include "debug.h"
#include "ipc.h"
#include "mm.h"
#include "percpu.h"
#include "task.h"
#include "thread.h"

#include <quoin/dispatch.h>

#define TABLE_FIRST 64u

static void object_named(struct task *owner, const struct handle_entry *entry)
{
	if (entry->object->type == OBJECT_ENDPOINT && (entry->rights & QUOIN_RIGHT_RECEIVE))
		endpoint_receiver_added(entry->object);
	else if (entry->object->type == OBJECT_TASK && entry->object != &owner->object)
		task_named(container_of(entry->object, struct task, object));
}

/* Drops the entry's reference. */
static void object_unnamed(struct task *owner, const struct handle_entry *entry)
{
	if (entry->object->type == OBJECT_ENDPOINT && (entry->rights & QUOIN_RIGHT_RECEIVE))
		endpoint_receiver_removed(entry->object);
	else if (entry->object->type == OBJECT_TASK && entry->object != &owner->object)
		task_unnamed(container_of(entry->object, struct task, object));
	object_put(entry->object);
}

void handle_table_init(struct handle_table *table, struct account *account)
{
	memset(table, 0, sizeof(*table));
	spin_init(&table->lock, "handles", LOCK_HANDLE);
	table->account = account;
}

static long table_grow(struct handle_table *table)
{
	uint32_t size = table->size ? 2 * table->size : TABLE_FIRST;
	size_t bytes = size * sizeof(struct handle_entry);
	struct handle_entry *entries;

	if (size > HANDLE_MAX)
		return -QERR_NFILE;
	if (account_charge(table->account, bytes))
		return -QERR_NOMEM;
	entries = kmalloc(bytes);
	if (!entries) {
		account_uncharge(table->account, bytes);
		return -QERR_NOMEM;
	}
	if (table->entries)
		memcpy(entries, table->entries, table->size * sizeof(*entries));
	memset(entries + table->size, 0, (size - table->size) * sizeof(*entries));
	for (uint32_t i = size; i-- > MAX(table->size, QUOIN_FIRST_FREE);) {
		entries[i].badge = table->free;
		table->free = i;
	}
	kfree(table->entries);
	account_uncharge(table->account, table->size * sizeof(*entries));
	table->entries = entries;
	table->size = size;
	return 0;
}

/* Takes over ref's reference. */
static void entry_fill(struct task *task, uint32_t index, const struct handle_ref *ref)
{
	struct handle_entry *entry = &task->handles.entries[index];

	entry->object = ref->object;
	entry->rights = ref->rights;
	entry->badge = ref->badge;
	task->handles.used++;
	object_named(task, entry);
}

long handle_insert(struct task *task, const struct handle_ref *ref)
{
	struct handle_table *table = &task->handles;
	long error = 0;
	uint32_t index;

	spin_lock(&table->lock);
	if (table->closed)
		error = -QERR_NFILE;
	else if (!table->free || table->size <= table->used + table->reserved + QUOIN_FIRST_FREE)
		error = table_grow(table);
	if (error) {
		spin_unlock(&table->lock);
		return error;
	}
	index = table->free;
	table->free = table->entries[index].badge;
	object_get(ref->object);
	entry_fill(task, index, ref);
	spin_unlock(&table->lock);
	return index;
}

long handle_reserve(struct task *task, uint32_t nr)
{
	struct handle_table *table = &task->handles;
	long error = 0;

	spin_lock(&table->lock);
	if (table->closed)
		error = -QERR_NFILE;
	while (!error && table->size < table->used + table->reserved + nr + QUOIN_FIRST_FREE)
		error = table_grow(table);
	if (!error)
		table->reserved += nr;
	spin_unlock(&table->lock);
	return error;
}

long handle_insert_reserved(struct task *task, const struct handle_ref *ref)
{
	struct handle_table *table = &task->handles;
	uint32_t index = 0;

	spin_lock(&table->lock);
	table->reserved--;
	if (likely(!table->closed)) {
		index = table->free;
		table->free = table->entries[index].badge;
		entry_fill(task, index, ref);
	}
	spin_unlock(&table->lock);
	return index;
}

/* Takes index off the chain of free entries. */
static void unchain(struct handle_table *table, uint32_t index)
{
	uint32_t at = table->free;

	if (index < QUOIN_FIRST_FREE)
		return;
	if (at == index) {
		table->free = table->entries[index].badge;
		return;
	}
	while (table->entries[at].badge != index)
		at = table->entries[at].badge;
	table->entries[at].badge = table->entries[index].badge;
}

long handle_insert_at(struct task *task, uint32_t slot, const struct handle_ref *ref)
{
	struct handle_table *table = &task->handles;
	long error;

	if (slot == 0 || slot >= HANDLE_MAX)
		return -QERR_INVAL;
	spin_lock(&table->lock);
	error = table->closed ? -QERR_NFILE : 0;
	while (!error &&
	       (slot >= table->size || table->size <= table->used + table->reserved + QUOIN_FIRST_FREE))
		error = table_grow(table);
	if (!error && table->entries[slot].object)
		error = -QERR_EXIST;
	if (!error) {
		unchain(table, slot);
		object_get(ref->object);
		entry_fill(task, slot, ref);
	}
	spin_unlock(&table->lock);
	return error ? error : slot;
}

long handle_insert_new(struct task *task, struct object *object)
{
	struct handle_ref ref = { .object = object, .rights = QUOIN_RIGHT_ALL };
	long handle = handle_insert(task, &ref);

	object_put(object);
	return handle;
}

long handle_lookup_ref(struct task *task, quoin_handle handle, enum object_type type, uint32_t rights,
		       struct handle_ref *ref)
{
	struct handle_table *table = &task->handles;
	const struct handle_entry *entry;
	long error = 0;

	spin_lock(&table->lock);
	entry = likely(handle < table->size) ? &table->entries[handle] : NULL;
	if (unlikely(!entry || !entry->object || (type != OBJECT_ANY && entry->object->type != type))) {
		error = -QERR_BADF;
	} else if (unlikely((entry->rights & rights) != rights)) {
		error = -QERR_PERM;
	} else {
		object_get(entry->object);
		ref->object = entry->object;
		ref->badge = entry->badge;
		ref->rights = entry->rights;
	}
	spin_unlock(&table->lock);
	return error;
}

long handle_lookup(struct task *task, quoin_handle handle, enum object_type type, uint32_t rights,
		   struct object **object)
{
	struct handle_ref ref;
	long error = handle_lookup_ref(task, handle, type, rights, &ref);

	*object = error ? NULL : ref.object;
	return error;
}

long handle_check_hardware(quoin_handle handle)
{
	struct object *object;
	long error =
		handle_lookup(current_thread()->task, handle, OBJECT_HARDWARE, QUOIN_RIGHT_MANAGE, &object);

	if (!error)
		object_put(object);
	return error;
}

long handle_remove(struct task *task, quoin_handle handle)
{
	struct handle_table *table = &task->handles;
	struct handle_entry old = { 0 };

	spin_lock(&table->lock);
	if (handle < table->size && table->entries[handle].object) {
		old = table->entries[handle];
		table->entries[handle].object = NULL;
		if (handle >= QUOIN_FIRST_FREE) {
			table->entries[handle].badge = table->free;
			table->free = handle;
		}
		table->used--;
	}
	spin_unlock(&table->lock);
	if (!old.object)
		return -QERR_BADF;
	object_unnamed(task, &old);
	return 0;
}

void handle_table_close(struct task *task)
{
	struct handle_table *table = &task->handles;

	spin_lock(&table->lock);
	table->closed = true;
	spin_unlock(&table->lock);
	for (uint32_t i = 0; i < table->size; i++)
		handle_remove(task, i);
	spin_lock(&table->lock);
	kfree(table->entries);
	account_uncharge(table->account, table->size * sizeof(struct handle_entry));
	table->entries = NULL;
	table->size = table->free = 0;
	spin_unlock(&table->lock);
}

/* The calls. */

long call_handle_close(quoin_handle h)
{
	return handle_remove(current_thread()->task, h);
}

long call_handle_dup(quoin_handle h, uint32_t rights)
{
	struct task *task = current_thread()->task;
	struct handle_ref ref;
	long result = handle_lookup_ref(task, h, OBJECT_ANY, QUOIN_RIGHT_DUP, &ref);

	if (result)
		return result;
	ref.rights &= rights;
	result = handle_insert(task, &ref);
	object_put(ref.object);
	return result;
}

long call_handle_install(quoin_handle task_handle, quoin_handle h, uint32_t rights, uint32_t slot)
{
	struct task *task = current_thread()->task;
	struct object *target;
	struct handle_ref ref;
	long result = handle_lookup(task, task_handle, OBJECT_TASK, QUOIN_RIGHT_MANAGE, &target);

	if (result)
		return result;
	result = handle_lookup_ref(task, h, OBJECT_ANY, QUOIN_RIGHT_DUP, &ref);
	if (!result) {
		struct task *to = container_of(target, struct task, object);

		ref.rights &= rights;
		result = slot ? handle_insert_at(to, slot, &ref) : handle_insert(to, &ref);
		object_put(ref.object);
	}
	object_put(target);
	return result;
}
