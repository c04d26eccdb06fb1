// clang-format off
// sources: tests/unit/kernel/host.c kernel/mm/pmm.c kernel/mm/slab.c kernel/object/account.c kernel/object/object.c kernel/object/handle.c kernel/ipc/message.c
// flags: -include tests/unit/kernel/host.h -iquote kernel/include
// clang-format on
// Handle tables, and handles in messages, against an array: each handle names what it was given for, with its
// rights and no more; references, receivers and names of tasks are counted right; nothing is left over.
#include "check.h"
#include "kernel/ipc/message.h"
#include "ipc.h"
#include "mm.h"
#include "task.h"

#include <quoin/dispatch.h>

#define TASKS   3u
#define OBJECTS 24u
#define SLOTS   1024u /* what the model knows of a table */

static struct account *account;

/* The test's objects stand in for all types; each knows how often it is named. */
static struct thing {
	struct object *object;
	unsigned handles; /* the model's count */
	long receivers;   /* what the table told endpoint_receiver_* */
	bool gone;
} things[OBJECTS];

struct slot {
	int thing; /* -1: free */
	uint32_t rights;
	uint64_t badge;
};

static struct user {
	struct task *task;
	struct slot slots[SLOTS];
	unsigned used;
	struct quoin_thread_page page;
	struct thread thread;
} users[TASKS];

/* The rest of the kernel. */

static struct thing *thing_of(const struct object *object)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (things[i].object == object)
			return &things[i];
	return NULL;
}

static void check_no_lock(void)
{
	for (unsigned i = 0; i < TASKS; i++)
		CHECK_EQ(users[i].task->handles.lock.held, 0);
}

void endpoint_receiver_added(struct object *object)
{
	thing_of(object)->receivers++;
}

void endpoint_receiver_removed(struct object *object)
{
	check_no_lock(); /* it may destroy things */
	thing_of(object)->receivers--;
}

void task_named(struct task *task)
{
	task->names++;
}

void task_unnamed(struct task *task)
{
	check_no_lock();
	task->names--;
}

void notification_destroy(struct object *object)
{
	check_no_lock();
	if (thing_of(object))
		thing_of(object)->gone = true;
	object_free(object, sizeof(*object));
}

void endpoint_destroy(struct object *object) __attribute__((alias("notification_destroy")));
void thread_destroy(struct object *object) __attribute__((alias("notification_destroy")));
void aspace_destroy(struct object *object) __attribute__((alias("notification_destroy")));
void memobj_destroy(struct object *object) __attribute__((alias("notification_destroy")));
void irq_destroy(struct object *object) __attribute__((alias("notification_destroy")));
void ioport_destroy(struct object *object) __attribute__((alias("notification_destroy")));

void task_destroy(struct object *object)
{
	object_free(object, sizeof(struct task));
}

/* The model. */

static void slot_set(struct user *user, long handle, int thing, uint32_t rights, uint64_t badge)
{
	CHECK_OR_STOP(handle > 0 && handle < (long)SLOTS);
	CHECK_EQ(user->slots[handle].thing, -1);
	user->slots[handle] = (struct slot){ thing, rights, badge };
	user->used++;
	things[thing].handles++;
}

static void slot_clear(struct user *user, quoin_handle handle)
{
	things[user->slots[handle].thing].handles--;
	user->slots[handle].thing = -1;
	user->used--;
}

static struct slot *slot_of(struct user *user, quoin_handle handle)
{
	return handle < SLOTS && user->slots[handle].thing >= 0 ? &user->slots[handle] : NULL;
}

/* Mostly one that is in use. */
static quoin_handle random_handle(const struct user *user)
{
	quoin_handle handle = rand() % SLOTS;

	for (unsigned tries = 0; tries < SLOTS && user->slots[handle].thing < 0; tries++)
		handle = (handle + 1) % SLOTS;
	return rand() % 8 ? handle : (quoin_handle[]){ 0, 17, 999999, UINT32_MAX }[rand() % 4];
}

static uint32_t random_rights(void)
{
	return rand() % 3 ? (uint32_t)QUOIN_RIGHT_ALL : (uint32_t)rand() & QUOIN_RIGHT_ALL;
}

/* What a lookup of handle for rights has to say. */
static long model_lookup(struct user *user, quoin_handle handle, unsigned type, uint32_t rights)
{
	const struct slot *slot = slot_of(user, handle);

	if (!slot || (type != OBJECT_ANY && things[slot->thing].object->type != type))
		return -QERR_BADF;
	return (slot->rights & rights) == rights ? 0 : -QERR_PERM;
}

static void verify(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		long receivers = 0, names = 0;

		for (unsigned u = 0; u < TASKS; u++) {
			for (unsigned h = 0; h < SLOTS; h++) {
				const struct slot *slot = &users[u].slots[h];

				if (slot->thing != (int)i)
					continue;
				receivers += (slot->rights & QUOIN_RIGHT_RECEIVE) != 0;
				names += things[i].object != &users[u].task->object;
			}
			CHECK_EQ(users[u].task->handles.used, users[u].used);
			CHECK_EQ(users[u].task->handles.reserved, 0);
		}
		CHECK(!things[i].gone);
		CHECK_EQ(things[i].object->refs, things[i].handles + 1);
		if (things[i].object->type == OBJECT_ENDPOINT)
			CHECK_EQ(things[i].receivers, receivers);
		if (things[i].object->type == OBJECT_TASK)
			CHECK_EQ(container_of(things[i].object, struct task, object)->names, names);
	}
}

/* The steps. */

static struct handle_ref random_ref(int *thing)
{
	*thing = rand() % OBJECTS;
	return (struct handle_ref){ things[*thing].object, (uint64_t)rand(), random_rights() };
}

static void do_insert(struct user *user)
{
	int thing;
	struct handle_ref ref = random_ref(&thing);
	long handle = handle_insert(user->task, &ref);

	CHECK(handle >= QUOIN_FIRST_FREE);
	slot_set(user, handle, thing, ref.rights, ref.badge);
}

static void do_insert_at(struct user *user)
{
	int thing;
	struct handle_ref ref = random_ref(&thing);
	uint32_t slot = rand() % (rand() % 2 ? QUOIN_FIRST_FREE : SLOTS);
	long result = handle_insert_at(user->task, slot, &ref);

	if (slot == 0) {
		CHECK_EQ(result, -QERR_INVAL);
	} else if (slot_of(user, slot)) {
		CHECK_EQ(result, -QERR_EXIST);
	} else {
		CHECK_EQ(result, slot);
		slot_set(user, slot, thing, ref.rights, ref.badge);
	}
}

static void do_lookup(struct user *user)
{
	quoin_handle handle = random_handle(user);
	enum object_type type = rand() % 2 ? OBJECT_ANY : rand() % OBJECT_NR_TYPES;
	uint32_t rights = rand() % 2 ? 0 : 1u << rand() % 8;
	struct handle_ref ref = { 0 };
	long result = handle_lookup_ref(user->task, handle, type, rights, &ref);

	CHECK_EQ(result, model_lookup(user, handle, type, rights));
	if (result)
		return;
	CHECK(ref.object == things[slot_of(user, handle)->thing].object);
	CHECK_EQ(ref.rights, slot_of(user, handle)->rights);
	CHECK_EQ(ref.badge, slot_of(user, handle)->badge);
	object_put(ref.object);
}

static void do_close(struct user *user)
{
	quoin_handle handle = random_handle(user);

	host_thread.task = user->task;
	CHECK_EQ(call_handle_close(handle), slot_of(user, handle) ? 0 : -QERR_BADF);
	if (slot_of(user, handle))
		slot_clear(user, handle);
}

static void do_dup(struct user *user)
{
	quoin_handle handle = random_handle(user);
	uint32_t rights = random_rights();
	long want = model_lookup(user, handle, OBJECT_ANY, QUOIN_RIGHT_DUP), result;

	host_thread.task = user->task;
	result = call_handle_dup(handle, rights);
	if (want) {
		CHECK_EQ(result, want);
		return;
	}
	slot_set(user, result, slot_of(user, handle)->thing, slot_of(user, handle)->rights & rights,
		 slot_of(user, handle)->badge);
}

/* Into the table of the task that another handle names. */
static void do_install(struct user *user)
{
	quoin_handle to = random_handle(user), handle = random_handle(user);
	uint32_t rights = random_rights(), slot = rand() % 2 ? 0 : rand() % SLOTS;
	long want = model_lookup(user, to, OBJECT_TASK, QUOIN_RIGHT_MANAGE), result;
	struct user *target = NULL;
	struct slot source;

	if (!want)
		want = model_lookup(user, handle, OBJECT_ANY, QUOIN_RIGHT_DUP);
	host_thread.task = user->task;
	if (want) {
		CHECK_EQ(call_handle_install(to, handle, rights, slot), want);
		return;
	}
	for (unsigned u = 0; u < TASKS; u++)
		if (&users[u].task->object == things[slot_of(user, to)->thing].object)
			target = &users[u];
	source = *slot_of(user, handle);
	result = call_handle_install(to, handle, rights, slot);
	if (slot && slot_of(target, slot))
		CHECK_EQ(result, -QERR_EXIST);
	else if (CHECK(result > 0 && (!slot || result == slot)))
		slot_set(target, result, source.thing, source.rights & rights, source.badge);
}

/* The first handle of a message that may not be sent decides; none of the others arrives then. */
static long model_message(struct user *from, const struct quoin_msg *msg)
{
	if (msg->nr_bytes > QUOIN_MSG_BYTES || msg->nr_handles > QUOIN_MSG_HANDLES)
		return -QERR_PROTO;
	for (unsigned i = 0; i < msg->nr_handles; i++) {
		long error = model_lookup(from, msg->handles[i].handle, OBJECT_ANY, QUOIN_RIGHT_DUP);

		if (error && msg->handles[i].handle)
			return error;
	}
	return 0;
}

static void check_arrived(struct user *from, struct user *to)
{
	const struct quoin_msg *src = &from->page.msg, *dst = &to->page.msg;

	CHECK_EQ(dst->label, src->label);
	CHECK_EQ(dst->nr_bytes, src->nr_bytes);
	CHECK_EQ(dst->nr_handles, src->nr_handles);
	CHECK(memcmp(dst->payload, src->payload, src->nr_bytes) == 0);
	for (unsigned i = 0; i < src->nr_handles; i++) {
		struct slot slot;

		if (!src->handles[i].handle) {
			CHECK_EQ(dst->handles[i].handle, 0);
			continue;
		}
		slot = *slot_of(from, src->handles[i].handle);
		slot.rights &= src->handles[i].rights;
		CHECK_EQ(dst->handles[i].rights, slot.rights);
		slot_set(to, dst->handles[i].handle, slot.thing, slot.rights, slot.badge);
	}
}

static void do_message(struct user *from)
{
	struct user *to = &users[(from - users + 1) % TASKS];
	struct quoin_msg *msg = &from->page.msg;
	struct message_handles handles = { 0 };
	long want;

	for (size_t i = 0; i < sizeof(*msg); i += 97)
		((uint8_t *)msg)[i] = (uint8_t)rand();
	msg->nr_bytes = rand() % 8 ? rand() % (QUOIN_MSG_BYTES + 1) : rand();
	msg->nr_handles = rand() % 8 ? rand() % (QUOIN_MSG_HANDLES + 1) : rand();
	for (unsigned i = 0; i < QUOIN_MSG_HANDLES; i++) {
		msg->handles[i].handle = rand() % 4 ? random_handle(from) : 0;
		msg->handles[i].rights = random_rights();
	}
	want = model_message(from, msg);
	CHECK_EQ(message_move(&from->thread, &to->thread, &handles), want);
	message_finish(&handles);
	if (!want)
		check_arrived(from, to);
}

static void do_reserved(struct user *user)
{
	uint32_t nr = 1 + rand() % 4;

	CHECK_EQ(handle_reserve(user->task, nr), 0);
	do_insert(user); /* what comes in between does not take the room away */
	while (nr--) {
		int thing;
		struct handle_ref ref = random_ref(&thing);

		object_get(ref.object);
		slot_set(user, handle_insert_reserved(user->task, &ref), thing, ref.rights, ref.badge);
	}
}

static void close_all(struct user *user)
{
	for (quoin_handle h = 1; h < SLOTS; h++) {
		if (!slot_of(user, h))
			continue;
		CHECK_EQ(handle_remove(user->task, h), 0);
		slot_clear(user, h);
	}
}

static void test_random(void)
{
	for (int round = 0; round < 100000 && !check_failures; round++) {
		struct user *user = &users[rand() % TASKS];

		if (user->used > 200)
			close_all(user);
		switch (rand() % 12) {
		case 0 ... 1:
			do_insert(user);
			break;
		case 2:
			do_insert_at(user);
			break;
		case 3 ... 4:
			do_lookup(user);
			break;
		case 5 ... 7:
			do_close(user);
			break;
		case 8:
			do_dup(user);
			break;
		case 9:
			do_install(user);
			break;
		case 10:
			do_message(user);
			break;
		default:
			do_reserved(user);
		}
		if (round % 200 == 0)
			verify();
	}
}

/* A table grows to its end and no further; then a message with a handle does not arrive. */
static void test_full(struct user *user, struct user *from)
{
	struct handle_ref ref = { things[0].object, 0, QUOIN_RIGHT_ALL };
	struct message_handles handles = { 0 };
	long handle, nr = 0;

	while ((handle = handle_insert(user->task, &ref)) > 0)
		nr++;
	CHECK_EQ(handle, -QERR_NFILE);
	CHECK(nr > (long)HANDLE_MAX - 2 * QUOIN_FIRST_FREE && nr < (long)HANDLE_MAX);
	CHECK_EQ(handle_reserve(user->task, 1), -QERR_NFILE);
	from->page.msg = (struct quoin_msg){ .nr_handles = 1 };
	from->page.msg.handles[0].handle = (quoin_handle)handle_insert(from->task, &ref);
	user->page.msg.label = 77;
	CHECK_EQ(message_move(&from->thread, &user->thread, &handles), -QERR_NFILE);
	message_finish(&handles);
	CHECK_EQ(user->page.msg.label, 77);
	CHECK_EQ(handle_remove(user->task, from->page.msg.handles[0].handle), 0);
	CHECK_EQ(handle_remove(from->task, from->page.msg.handles[0].handle), 0);
	CHECK(handle_insert(user->task, &ref) > 0);
}

/* A limit on memory stops the table from growing, and what it has goes on to work. */
static void test_no_memory(void)
{
	struct account *poor = account_create(NULL, 3 * 64 * sizeof(struct handle_entry));
	struct handle_ref ref = { things[0].object, 0, QUOIN_RIGHT_ALL };
	struct task task = { 0 };
	long handle, nr = 0;

	handle_table_init(&task.handles, poor);
	while ((handle = handle_insert(&task, &ref)) > 0)
		nr++;
	CHECK_EQ(handle, -QERR_NOMEM);
	CHECK(nr >= 64 - QUOIN_FIRST_FREE);
	CHECK_EQ(handle_reserve(&task, 1), -QERR_NOMEM);
	CHECK_EQ(handle_insert_at(&task, 5000, &ref), -QERR_NOMEM);
	CHECK_EQ(handle_insert_at(&task, 1, &ref), -QERR_NOMEM);
	handle_table_close(&task);
	CHECK_EQ(account_bytes(poor), 0);
	account_drop(poor);
}

/* Nothing enters a closed table, also not what it had promised room for. */
static void test_closed(struct user *user)
{
	struct handle_ref ref = { things[1].object, 0, QUOIN_RIGHT_ALL };
	struct handle_ref kept = ref;

	CHECK_EQ(handle_reserve(user->task, 1), 0);
	handle_table_close(user->task);
	CHECK_EQ(handle_insert(user->task, &ref), -QERR_NFILE);
	CHECK_EQ(handle_insert_at(user->task, 20, &ref), -QERR_NFILE);
	CHECK_EQ(handle_reserve(user->task, 1), -QERR_NFILE);
	CHECK_EQ(handle_insert_reserved(user->task, &kept), 0);
	CHECK_EQ(handle_remove(user->task, QUOIN_FIRST_FREE), -QERR_BADF);
}

static void objects_make(void)
{
	/* The first few are the tasks themselves. */
	for (unsigned i = 0; i < TASKS; i++) {
		struct user *user = &users[i];

		user->task = object_new(OBJECT_TASK, sizeof(struct task), account);
		CHECK_OR_STOP(user->task);
		handle_table_init(&user->task->handles, account);
		user->thread = (struct thread){ user->task, &user->page };
		things[i].object = &user->task->object;
		for (unsigned h = 0; h < SLOTS; h++)
			user->slots[h].thing = -1;
	}
	for (unsigned i = TASKS; i < OBJECTS; i++) {
		unsigned type = OBJECT_THREAD + i % (OBJECT_HARDWARE - OBJECT_THREAD);

		things[i].object = object_new(type, sizeof(struct object), account);
		CHECK_OR_STOP(things[i].object);
	}
}

int main(void)
{
	uint64_t free_pages = host_boot(), objects = object_count();

	account = account_create(NULL, 0);
	srand(getenv("SEED") ? atoi(getenv("SEED")) : 5);
	objects_make();
	test_random();
	for (unsigned i = 0; i < TASKS; i++)
		close_all(&users[i]);
	verify();
	test_full(&users[0], &users[1]);
	test_no_memory();
	handle_table_close(users[0].task);
	for (unsigned i = 1; i < TASKS; i++)
		test_closed(&users[i]);
	for (unsigned i = OBJECTS; i-- > 0;) {
		CHECK_EQ(things[i].object->refs, 1);
		object_put(things[i].object);
	}
	CHECK_EQ(object_count(), objects);
	CHECK_EQ(account_bytes(account), 0);
	account_drop(account);
	slab_trim();
	CHECK_EQ(pmm_free_pages(), free_pages);
	return check_result();
}
