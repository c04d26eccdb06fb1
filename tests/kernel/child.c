#include "child.h"

#define IMAGE QUOIN_SERVER_IMAGE

extern char image_rodata[], image_data[], image_end[];

static quoin_handle image_copy(uint64_t bytes)
{
	quoin_handle memobj = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, bytes));
	uintptr_t at = range_get(bytes);

	need(quoin_aspace_map(QUOIN_SELF_ASPACE, at, bytes,
			      QUOIN_PROT_READ | QUOIN_PROT_WRITE | QUOIN_MAP_SHARED << 8, memobj, 0));
	__builtin_memcpy((void *)at, (void *)IMAGE, image_end - (char *)IMAGE);
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, at, bytes));
	return memobj;
}

static void map_part(quoin_handle aspace, quoin_handle memobj, uintptr_t start, uintptr_t end, uint64_t prot)
{
	end = (end + PAGE - 1) & -PAGE;
	if (start < end)
		need(quoin_aspace_map(aspace, start, end - start, prot, memobj, start - IMAGE));
}

static void map_image(quoin_handle aspace)
{
	quoin_handle memobj = image_copy((image_end - (char *)IMAGE + PAGE - 1) & -PAGE);

	map_part(aspace, memobj, IMAGE, (uintptr_t)image_rodata, QUOIN_PROT_READ | QUOIN_PROT_EXEC);
	map_part(aspace, memobj, (uintptr_t)image_rodata, (uintptr_t)image_data, QUOIN_PROT_READ);
	map_part(aspace, memobj, (uintptr_t)image_data, (uintptr_t)image_end,
		 QUOIN_PROT_READ | QUOIN_PROT_WRITE);
	need(quoin_handle_close(memobj));
}

quoin_handle child_thread(struct child *child, unsigned number, void (*function)(uint64_t), uint64_t argument)
{
	uintptr_t slot = QUOIN_SERVER_STACKS + number * QUOIN_SLOT_BYTES;
	struct quoin_thread_args args = {
		.entry = (uintptr_t)function,
		.stack = slot + QUOIN_SLOT_BYTES - 8,
		.argument = argument,
		.page = slot,
		.sched_class = QUOIN_SCHED_SERVER,
		.name = "child",
	};

	need(quoin_aspace_map(child->aspace, slot + QUOIN_SLOT_CONTROL, QUOIN_SLOT_BYTES - QUOIN_SLOT_CONTROL,
			      QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0, 0));
	return need(quoin_thread_create(child->task, (uintptr_t)&args));
}

struct child child_start(void (*function)(uint64_t), uint64_t argument, uint64_t limit_pages, quoin_handle gift)
{
	struct child child;

	child.aspace = need(quoin_aspace_create(QUOIN_ASPACE_NATIVE));
	map_image(child.aspace);
	child.task = need(quoin_task_create(child.aspace, (uintptr_t) "child", limit_pages));
	child.ended = need(quoin_notification_create());
	need(quoin_task_watch(child.task, child.ended, 1));
	if (gift)
		need(quoin_handle_install(child.task, gift, QUOIN_RIGHT_ALL, CHILD_GIFT));
	child.thread = child_thread(&child, 0, function, argument);
	return child;
}

void child_wait(struct child *child, int64_t status[4])
{
	expect_eq(quoin_notification_wait(child->ended, now_ns() + 10000000000ul), 1);
	need(quoin_task_status(child->task, (uintptr_t)status));
	expect_eq(status[0], 1);
	need(quoin_handle_close(child->thread));
	need(quoin_handle_close(child->task));
	need(quoin_handle_close(child->aspace));
	need(quoin_handle_close(child->ended));
}

void child_kill(struct child *child)
{
	int64_t status[4];

	need(quoin_task_kill(child->task, 9));
	child_wait(child, status);
}
