/*
 * Messages lie in the thread pages, which the threads' tasks can write at any time: every field is
 * read once, then checked, then used.
 */
#include "message.h"
#include "debug.h"
#include "task.h"

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))

static long handles_take(struct thread *from, uint32_t nr, struct message_handles *handles)
{
	const struct quoin_msg *msg = &from->page->msg;

	for (uint32_t i = 0; i < nr; i++) {
		struct handle_ref *ref = &handles->refs[i];
		quoin_handle handle = READ_ONCE(msg->handles[i].handle);
		long error;

		ref->object = NULL;
		handles->nr = i + 1;
		if (!handle)
			continue;
		error = handle_lookup_ref(from->task, handle, OBJECT_ANY, QUOIN_RIGHT_DUP, ref);
		if (error) {
			ref->object = NULL;
			return error;
		}
		ref->rights &= READ_ONCE(msg->handles[i].rights);
	}
	return 0;
}

/*
 * Rights of endpoints and tasks count in their table, and taking one away can end things; so
 * handles that did not fit are only found out about before the first is put in: the table is asked
 * for room.
 */
static long handles_give(struct thread *to, struct message_handles *handles, quoin_handle *names)
{
	uint32_t wanted = 0;
	long error;

	for (uint32_t i = 0; i < handles->nr; i++)
		wanted += handles->refs[i].object != NULL;
	if (!wanted)
		return 0;
	error = handle_reserve(to->task, wanted);
	for (uint32_t i = 0; i < handles->nr && !error; i++) {
		struct handle_ref *ref = &handles->refs[i];

		names[i] = ref->object ? handle_insert_reserved(to->task, ref) : 0;
		if (names[i])
			ref->object = NULL;
	}
	return error;
}

long message_move(struct thread *from, struct thread *to, struct message_handles *handles)
{
	const struct quoin_msg *src = &from->page->msg;
	struct quoin_msg *dst = &to->page->msg;
	uint32_t nr_bytes = READ_ONCE(src->nr_bytes), nr_handles = READ_ONCE(src->nr_handles);
	quoin_handle names[QUOIN_MSG_HANDLES] = { 0 };

	if (nr_bytes > QUOIN_MSG_BYTES || nr_handles > QUOIN_MSG_HANDLES)
		return -QERR_PROTO;
	if (nr_handles) {
		long error = handles_take(from, nr_handles, handles);

		if (!error)
			error = handles_give(to, handles, names);
		if (error)
			return error;
		for (uint32_t i = 0; i < nr_handles; i++) {
			dst->handles[i].handle = names[i];
			dst->handles[i].rights = names[i] ? handles->refs[i].rights : 0;
		}
	}
	dst->label = READ_ONCE(src->label);
	dst->nr_bytes = nr_bytes;
	dst->nr_handles = nr_handles;
	memcpy(dst->payload, src->payload, ALIGN_UP(nr_bytes, 8));
	return 0;
}

void message_finish(struct message_handles *handles)
{
	for (uint32_t i = 0; i < handles->nr; i++)
		if (handles->refs[i].object)
			object_put(handles->refs[i].object);
	handles->nr = 0;
}
