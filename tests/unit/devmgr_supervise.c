// SPDX-License-Identifier: MIT
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter
/* Children are started, watched and started again; one that cannot be started leaves nothing behind. */
#include "check.h"
#include "userland/servers/devmgr/supervise.c"

enum step { NO_STEP, BADGE, SPAWN, WATCH };

#define SUPERVISOR 50
#define TASK       51

static const struct manifest driver = { .binary = "driver" };
static const struct manifest mount = { .binary = "mount", .once = true };
static enum step failing;
static unsigned nr_handles, nr_tasks; /* that are open, that live */
static uint64_t watched, now;
static bool declared;

static long next_handle(enum step step, long handle)
{
	if (failing == step)
		return -QERR_NOMEM;
	nr_handles++;
	return handle;
}

long quoin_endpoint_badge(quoin_handle of, uint64_t badge, uint32_t rights)
{
	return next_handle(BADGE, SUPERVISOR);
}

long quoin_handle_close(quoin_handle handle)
{
	CHECK(handle == SUPERVISOR || handle == TASK);
	nr_handles--;
	return 0;
}

long task_spawn(const void *elf, size_t elf_bytes, const char *name, uint64_t limit_pages,
		quoin_handle supervisor, quoin_handle *task)
{
	long handle = next_handle(SPAWN, TASK);

	if (handle < 0)
		return handle;
	nr_tasks++;
	*task = (quoin_handle)handle;
	return 0;
}

long quoin_task_watch(quoin_handle task, quoin_handle signalled, uint64_t bits)
{
	watched = failing == WATCH ? 0 : bits;
	return watched ? 0 : -QERR_NOMEM;
}

long quoin_task_kill(quoin_handle task, int64_t code)
{
	CHECK_EQ(task, TASK);
	nr_tasks--;
	return 0;
}

long quoin_task_status(quoin_handle task, uintptr_t status)
{
	int64_t *words = (int64_t *)status;

	words[1] = 9;
	words[2] = -1;
	return 0;
}

const void *archive_find(const char *name, size_t *len_bytes)
{
	*len_bytes = 0;
	return name;
}

void service_declare(const char *name)
{
	declared = true;
}

void service_gone(const char *name)
{
	declared = false;
}

void service_down(const char *name)
{
}

void pci_device_stop(struct pci_device *device)
{
}

void power_act(uint32_t mode)
{
	abort();
}

void log_printf(const char *format, ...)
{
}

uint64_t clock_ns(void)
{
	return now;
}

static void test_start_fails(enum step step)
{
	failing = step;
	CHECK(!child_start(&driver, NULL, "service"));
	CHECK(!nr_handles && !nr_tasks && !declared);
	CHECK_EQ(children_next_restart(), QUOIN_DEADLINE_NEVER);
}

/* It is tried again, until it works. */
static void test_restart_fails(struct child *child, enum step step)
{
	nr_tasks--;
	children_died(watched);
	failing = step;
	now = children_next_restart();
	children_restart_due();
	CHECK(!nr_handles && !nr_tasks && declared);
	CHECK_OR_STOP(child->state == CHILD_WAITING && children_next_restart() > now);
	failing = NO_STEP;
	now = children_next_restart();
	children_restart_due();
	CHECK(nr_handles == 1 && nr_tasks == 1 && child->state == CHILD_RUNNING);
}

/* Its client would not know the next one: it goes, and so does what it served. */
static void test_once(void)
{
	struct child *child = child_start(&mount, NULL, "fs");

	CHECK_OR_STOP(child && child->state == CHILD_RUNNING);
	nr_tasks--;
	children_died(watched);
	CHECK(child->state == CHILD_FREE && !declared && !nr_handles);
	CHECK_EQ(children_next_restart(), QUOIN_DEADLINE_NEVER);
}

int main(void)
{
	struct child *child;

	for (enum step step = BADGE; step <= WATCH; step++)
		test_start_fails(step);
	failing = NO_STEP;
	test_once();
	child = child_start(&driver, NULL, "service");
	CHECK_OR_STOP(child && watched == 1 && nr_handles == 1);
	for (enum step step = BADGE; step <= WATCH; step++)
		test_restart_fails(child, step);
	return check_result();
}
