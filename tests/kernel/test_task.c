/* Tasks: life, death, limits. */
#include "child.h"

static void exit_at_once(uint64_t argument)
{
	(void)argument;
	quoin_thread_exit();
}

static void spin(uint64_t argument)
{
	(void)argument;
	for (;;)
		__asm__ volatile("pause");
}

static void wait_for_ever(uint64_t argument)
{
	(void)argument;
	quoin_notification_wait(quoin_notification_create(), QUOIN_DEADLINE_NEVER);
	quoin_thread_exit();
}

static void touch(uint64_t address)
{
	*(volatile char *)address = 1;
	quoin_thread_exit();
}

static void kill_self(uint64_t code)
{
	quoin_task_kill(QUOIN_SELF_TASK, code);
	for (;;)
		;
}

KTEST(task_ends_with_its_last_thread)
{
	struct child child = child_start(exit_at_once, 0, 0, 0);
	int64_t status[4];

	child_wait(&child, status);
	expect_eq(status[1], 0);
	expect_eq(status[2], -1);
}

KTEST(task_kill_ends_running_and_waiting_threads)
{
	struct child child = child_start(spin, 0, 0, 0);
	int64_t status[4];
	quoin_handle more[3];

	for (unsigned i = 0; i < 3; i++)
		more[i] = child_thread(&child, i + 1, i ? wait_for_ever : spin, 0);
	nap();
	need(quoin_task_kill(child.task, 42));
	child_wait(&child, status);
	expect_eq(status[1], 42);
	for (unsigned i = 0; i < 3; i++)
		need(quoin_handle_close(more[i]));
}

KTEST(task_can_kill_itself)
{
	struct child child = child_start(kill_self, 7, 0, 0);
	int64_t status[4];

	child_wait(&child, status);
	expect_eq(status[1], 7);
}

KTEST(task_fault_is_reported)
{
	static const uint64_t bad[] = {
		0x1000,           QUOIN_KERNEL_MIN, QUOIN_SERVER_INFO, QUOIN_SERVER_IMAGE, 0xffffffff80000000,
		QUOIN_SERVER_MMAP
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct child child = child_start(touch, bad[i], 0, 0);
		int64_t status[4];

		child_wait(&child, status);
		expect_eq(status[2], 14);
		expect_eq(status[3], bad[i]);
	}
}

KTEST(task_watch_after_the_end_signals_at_once)
{
	struct child child = child_start(exit_at_once, 0, 0, 0);
	quoin_handle n = need(quoin_notification_create()), task;
	int64_t status[4];

	task = need(quoin_handle_dup(child.task, QUOIN_RIGHT_ALL));
	child_wait(&child, status);
	need(quoin_task_watch(task, n, 8));
	expect_eq(quoin_notification_wait(n, 0), 8);
	expect_eq(quoin_task_kill(task, 1), 0);
	expect_eq(quoin_handle_install(task, n, 1, 0), -QERR_NFILE);
	need(quoin_handle_close(task));
	need(quoin_handle_close(n));
}

KTEST(task_without_threads_goes_with_its_last_name)
{
	quoin_handle aspace = need(quoin_aspace_create(QUOIN_ASPACE_NATIVE));
	quoin_handle task = need(quoin_task_create(aspace, (uintptr_t) "nobody", 0));

	need(quoin_handle_close(aspace));
	need(quoin_handle_close(task));
}

/* Each holds the only handle to the next: the kernel must not need stack for each that ends. */
KTEST(task_chain_of_names_goes_with_the_first)
{
	quoin_handle aspace = need(quoin_aspace_create(QUOIN_ASPACE_NATIVE)), next = 0;

	for (unsigned i = 0; i < 300; i++) {
		quoin_handle task = need(quoin_task_create(aspace, (uintptr_t) "link", 0));

		if (next) {
			need(quoin_handle_install(task, next, QUOIN_RIGHT_ALL, 0));
			need(quoin_handle_close(next));
		}
		next = task;
	}
	expect_eq(quoin_system_tasks(0, 0), 301);
	need(quoin_handle_close(next));
	expect_eq(quoin_system_tasks(0, 0), 1);
	need(quoin_handle_close(aspace));
}

KTEST(task_thread_in_a_dead_task)
{
	quoin_handle aspace = need(quoin_aspace_create(QUOIN_ASPACE_NATIVE));
	quoin_handle task = need(quoin_task_create(aspace, (uintptr_t) "nobody", 0));
	struct quoin_thread_args args = { .entry = QUOIN_SERVER_IMAGE,
					  .stack = QUOIN_SERVER_STACKS + PAGE,
					  .page = QUOIN_SERVER_STACKS };

	need(quoin_task_kill(task, 0));
	expect_eq(quoin_thread_create(task, (uintptr_t)&args), -QERR_BADF);
	need(quoin_handle_close(aspace));
	need(quoin_handle_close(task));
}

KTEST(task_create_arguments)
{
	quoin_handle guest = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));

	expect_eq(quoin_task_create(guest, (uintptr_t) "x", 0), -QERR_INVAL);
	expect_eq(quoin_task_create(QUOIN_SELF_TASK, (uintptr_t) "x", 0), -QERR_BADF);
	expect_eq(quoin_task_create(QUOIN_SELF_ASPACE, 0, 0), -QERR_FAULT);
	expect_eq(quoin_task_set_fixup(5, 4, 0), -QERR_INVAL);
	expect_eq(quoin_task_set_fixup(0x1000, 0x2000, 0x3000), -QERR_INVAL);
	need(quoin_handle_close(guest));
}

/* A guest with as many small regions as a table has pages, so that a clone of it runs out in their midst. */
static quoin_handle patchwork(void)
{
	quoin_handle guest = quoin_aspace_create(QUOIN_ASPACE_GUEST);

	quoin_aspace_map(guest, 512 * PAGE, 512 * PAGE, 3, 0, 0);
	quoin_aspace_populate(guest, 512 * PAGE, 512 * PAGE, QUOIN_PROT_WRITE);
	for (unsigned i = 0; i < 512; i += 2)
		quoin_aspace_protect(guest, (512 + i) * PAGE, PAGE, QUOIN_PROT_READ);
	return guest;
}

#define GREEDY_WAYS 5

/* Takes memory in one of the ways; an error when there is none. */
static long take_more(uint64_t way, quoin_handle guest)
{
	long h;

	switch (way) {
	case 0:
		return quoin_endpoint_create();
	case 1:
		h = quoin_memobj_create(QUOIN_MEMOBJ_ANON, 16 * PAGE);
		return h < 0 ? h : quoin_memobj_commit(h, 0, 16);
	case 2:
		h = quoin_aspace_create(QUOIN_ASPACE_GUEST);
		if (h < 0 || quoin_aspace_map(h, PAGE, 8 * PAGE, 3, 0, 0))
			return -QERR_NOMEM;
		return quoin_aspace_populate(h, PAGE, 8 * PAGE, 2) == QUOIN_FAULT_NOMEM ? -QERR_NOMEM : 0;
	case 3:
		return quoin_memobj_create(QUOIN_MEMOBJ_DMA, 4 * PAGE);
	default:
		return quoin_aspace_clone(guest);
	}
}

/* Takes memory until there is none for it, though the machine has plenty, then ends; all of it has to come back. */
static void glutton(uint64_t way)
{
	quoin_handle guest = way == GREEDY_WAYS - 1 ? patchwork() : 0;
	struct quoin_stats stats;
	long result;

	do
		result = take_more(way, guest);
	while (result >= 0);
	quoin_system_stats((uintptr_t)&stats);
	quoin_task_kill(QUOIN_SELF_TASK,
			result == -QERR_NOMEM && stats.free_pages > stats.total_pages / 2 ? 77 : -result);
	for (;;)
		;
}

KTEST(task_limit_holds_for_everything)
{
	for (uint64_t way = 0; way < GREEDY_WAYS; way++) {
		struct child child = child_start(glutton, way, 700, 0);
		int64_t status[4];

		child_wait(&child, status);
		expect_eq(status[1], 77);
	}
}

KTEST(task_list_shows_it)
{
	static struct quoin_task_info infos[8];
	struct child child = child_start(spin, 0, 100, 0);
	long count = need(quoin_system_tasks((uintptr_t)infos, 8));
	bool found = false;

	expect_eq(count, 2);
	for (long i = 0; i < count; i++)
		if (infos[i].limit_pages == 100)
			found = infos[i].nr_threads == 1 && infos[i].name[0] == 'c';
	expect(found);
	expect_eq(quoin_system_tasks(0, 0), 2);
	child_kill(&child);
}
