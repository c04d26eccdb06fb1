/*
 * Threads of a native task.
 *
 * A thread's slot (quoin/layout.h) holds its page, its control page and its stack.  Slots are carved from
 * the stack area one after the other and kept for reuse when a thread ends: the memory stays mapped,
 * so starting a thread again costs one kernel call.  A slot is reused only after its thread has left it,
 * which the kernel shows by unmapping the thread page: thread_finish parks the slot on the free list
 * and the next user retries while the page is still mapped (EXIST).
 */
#include <quoin/runtime.h>
#include <quoin/sync.h>

#define STACK_COMMITTED (2 * QUOIN_PAGE_SIZE)

void thread_entry(void);

struct free_slot {
	struct free_slot *next;
};

static struct mutex slots_lock = MUTEX_INIT("slots", 0);
static struct free_slot *free_slots;                                 /* in control pages; under slots_lock */
static uintptr_t next_slot = QUOIN_SERVER_STACKS + QUOIN_SLOT_BYTES; /* under slots_lock */

static uintptr_t slot_of(const void *control)
{
	return (uintptr_t)control - QUOIN_SLOT_CONTROL;
}

/* The pages that every thread uses; deeper ones of the stack come when they are touched. */
static bool slot_commit(uintptr_t slot)
{
	return pages_commit((void *)(slot + QUOIN_SLOT_CONTROL), QUOIN_PAGE_SIZE) &&
	       pages_commit((void *)(slot + QUOIN_SLOT_BYTES - STACK_COMMITTED), STACK_COMMITTED);
}

static bool slot_map(uintptr_t slot)
{
	uintptr_t control = slot + QUOIN_SLOT_CONTROL, stack = slot + QUOIN_SLOT_STACK;
	size_t stack_bytes = QUOIN_SLOT_BYTES - QUOIN_SLOT_STACK;
	uint64_t prot = QUOIN_PROT_READ | QUOIN_PROT_WRITE;

	if (quoin_aspace_map(QUOIN_SELF_ASPACE, control, QUOIN_PAGE_SIZE, prot, 0, 0) < 0)
		return false;
	if (quoin_aspace_map(QUOIN_SELF_ASPACE, stack, stack_bytes, prot, 0, 0) == 0) {
		if (slot_commit(slot))
			return true;
		quoin_aspace_unmap(QUOIN_SELF_ASPACE, stack, stack_bytes);
	}
	quoin_aspace_unmap(QUOIN_SELF_ASPACE, control, QUOIN_PAGE_SIZE);
	return false;
}

static uintptr_t slot_new_locked(void)
{
	uintptr_t slot = next_slot;

	if (slot + QUOIN_SLOT_BYTES > QUOIN_SERVER_HEAP || !slot_map(slot))
		return 0;
	next_slot += QUOIN_SLOT_BYTES;
	return slot;
}

static uintptr_t slot_get(void)
{
	mutex_lock(&slots_lock);
	struct free_slot *unused = free_slots;
	if (unused)
		free_slots = unused->next;
	uintptr_t slot = unused ? slot_of(unused) : slot_new_locked();
	mutex_unlock(&slots_lock);
	return slot;
}

static void slot_put(uintptr_t slot)
{
	struct free_slot *node = (struct free_slot *)(slot + QUOIN_SLOT_CONTROL);

	mutex_lock(&slots_lock);
	node->next = free_slots;
	free_slots = node;
	mutex_unlock(&slots_lock);
}

long thread_spawn(const struct thread_options *options, void (*entry)(void *), void *argument,
		  quoin_handle *handle)
{
	uintptr_t slot = slot_get();
	if (!slot)
		return -QERR_NOMEM;

	struct runtime_thread *thread = (struct runtime_thread *)(slot + QUOIN_SLOT_CONTROL);
	memset(thread, 0, sizeof(*thread));
	thread->entry = entry;
	thread->argument = argument;
	thread->user = options->user;

	struct quoin_thread_args args = {
		.entry = (uintptr_t)thread_entry,
		.stack = slot + QUOIN_SLOT_BYTES,
		.page = slot,
		.sched_class = options->sched_class,
		.weight = options->weight,
	};
	format_text(args.name, sizeof(args.name), "%s", options->name ? options->name : "thread");
	long result;
	while ((result = quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&args)) == -QERR_EXIST)
		quoin_thread_yield(); /* the slot's last thread is still leaving */
	if (result < 0) {
		slot_put(slot);
		return result;
	}
	if (handle)
		*handle = (quoin_handle)result;
	else
		quoin_handle_close((quoin_handle)result);
	return 0;
}

/* First C code of a further thread. */
void thread_begin(void)
{
	struct runtime_thread *self = runtime_self();

	self->entry(self->argument);
	thread_finish();
}

_Noreturn void thread_finish(void)
{
	slot_put((uintptr_t)ipc_thread_page());
	quoin_thread_exit();
	__builtin_unreachable();
}

/* First C code of the task. */
void runtime_start(uint64_t argument)
{
	quoin_task_kill(QUOIN_SELF_TASK, task_main(argument));
	__builtin_unreachable();
}
