/*
 * Children: started, watched, and started again.
 *
 *   FREE -> RUNNING -> (death) WAITING -> (back-off) RUNNING
 *            |                `-> FAILED after MAX_CRASHES in a row
 *            `-> (its work is done, or lost) FREE
 *
 * A child that ends with code 0 has done its work, as a file system's server at the unmount.  One that crashes
 * before that is not started again either: its mount is lost, and nobody would ask the next one for anything.
 * When a driver dies its device is stopped first, only then the memory it did DMA with is let go; the next
 * one resets the device before it asks for DMA, which until then would go by the queues of the dead one.
 * The POSIX server holds all processes; when it dies nothing is left to restart for, so the machine goes down.
 */
#include "devmgr.h"

#define BACKOFF_FIRST_NS 10000000UL    /* doubles with each crash in a row */
#define STABLE_NS        10000000000UL /* a child that ran so long starts counting anew */
#define MAX_CRASHES      8

static struct child children[MAX_CHILDREN];
static quoin_handle endpoint, notification;

void supervisor_set_endpoint(quoin_handle e, quoin_handle n)
{
	endpoint = e;
	notification = n;
}

/* The kernel sets badges, so one that devmgr did not make is a bug here. */
struct child *child_of_badge(uint64_t badge)
{
	assert(badge >= 1 && badge <= MAX_CHILDREN);
	return &children[badge - 1];
}

static uint64_t badge_of(const struct child *child)
{
	return (uint64_t)(child - children) + 1;
}

/* A child that cannot be watched is not let live. */
static long child_watch(struct child *child)
{
	long status = quoin_task_watch(child->task, notification, 1UL << (badge_of(child) - 1));

	if (status < 0) {
		quoin_task_kill(child->task, 9);
		quoin_handle_close(child->task);
		child->task = 0;
	}
	return status;
}

static long child_launch(struct child *child)
{
	size_t elf_bytes;
	const void *elf = archive_find(child->manifest->binary, &elf_bytes);

	if (!elf) {
		log_printf("%s is not in the boot archive", child->manifest->binary);
		return -QERR_NOENT;
	}
	long supervisor = quoin_endpoint_badge(endpoint, badge_of(child), QUOIN_RIGHT_CALL | QUOIN_RIGHT_DUP);
	if (supervisor < 0)
		return supervisor;
	if (child->device)
		pci_device_stop(child->device);
	long status = task_spawn(elf, elf_bytes, child->name, child->manifest->limit_pages,
				 (quoin_handle)supervisor, &child->task);
	quoin_handle_close((quoin_handle)supervisor);
	if (status >= 0)
		status = child_watch(child);
	if (status < 0) {
		log_printf("cannot start %s: error %ld", child->name, -status);
		return status;
	}
	child->state = CHILD_RUNNING;
	child->started_ns = clock_ns();
	return 0;
}

/* "virtio-blk" for block/vda becomes "virtio-blk-vda", so that tasks differ by name. */
static void child_name(struct child *child)
{
	const char *slash = strrchr(child->service, '/');

	if (slash)
		snprintf(child->name, sizeof(child->name), "%s-%s", child->manifest->binary, slash + 1);
	else
		snprintf(child->name, sizeof(child->name), "%s", child->manifest->binary);
}

struct child *child_start(const struct manifest *manifest, struct pci_device *device, const char *service)
{
	struct child *child = NULL;

	for (size_t i = 0; i < MAX_CHILDREN && !child; i++)
		if (children[i].state == CHILD_FREE)
			child = &children[i];
	if (!child)
		return NULL;
	*child = (struct child){ .manifest = manifest, .device = device };
	snprintf(child->service, sizeof(child->service), "%s", service);
	child_name(child);
	if (*service)
		service_declare(service);
	if (child_launch(child) < 0) {
		service_gone(service);
		child->state = CHILD_FREE;
		return NULL;
	}
	return child;
}

static void child_release(struct child *child)
{
	if (child->device)
		pci_device_stop(child->device);
	for (uint32_t i = 0; i < child->nr_memory; i++)
		quoin_handle_close(child->memory[i]);
	child->nr_memory = 0;
	quoin_handle_close(child->task);
	child->task = 0;
	service_down(child->service);
}

/* Says how it ended; true if that is as it should be. */
static bool child_is_done(const struct child *child)
{
	int64_t status[4] = { 0 };

	quoin_task_status(child->task, (uintptr_t)status);
	if (status[2] >= 0)
		log_printf("%s died: exception %ld at address 0x%lx", child->name, status[2],
			   (uint64_t)status[3]);
	else if (status[1])
		log_printf("%s ended with code %ld", child->name, status[1]);
	return status[2] < 0 && status[1] == 0;
}

static void child_died(struct child *child)
{
	uint64_t now = clock_ns();
	bool done = child_is_done(child) || child->manifest->once;

	child_release(child);
	if (child->manifest->connects) {
		log_printf("the POSIX server is gone, and every process with it: powering off");
		power_act(0);
	}
	if (done) {
		service_gone(child->service);
		child->state = CHILD_FREE;
		return;
	}
	if (now - child->started_ns > STABLE_NS)
		child->nr_crashes = 0;
	if (++child->nr_crashes > MAX_CRASHES) {
		log_printf("%s keeps failing: given up", child->name);
		child->state = CHILD_FAILED;
		service_gone(child->service);
		return;
	}
	child->state = CHILD_WAITING;
	child->restart_ns = now + (BACKOFF_FIRST_NS << (child->nr_crashes - 1));
}

long child_end(const char *name)
{
	for (size_t i = 0; i < MAX_CHILDREN; i++) {
		const struct child *child = &children[i];

		if (child->state == CHILD_RUNNING && !child->manifest->connects &&
		    strcmp(child->name, name) == 0)
			return quoin_task_kill(child->task, 9);
	}
	return -QERR_NOENT;
}

void children_died(uint64_t bits)
{
	for (size_t i = 0; i < MAX_CHILDREN; i++)
		if (bits >> i & 1 && children[i].state == CHILD_RUNNING)
			child_died(&children[i]);
}

uint64_t children_next_restart(void)
{
	uint64_t next = QUOIN_DEADLINE_NEVER;

	for (size_t i = 0; i < MAX_CHILDREN; i++)
		if (children[i].state == CHILD_WAITING)
			next = MIN(next, children[i].restart_ns);
	return next;
}

void children_restart_due(void)
{
	uint64_t now = clock_ns();

	for (size_t i = 0; i < MAX_CHILDREN; i++)
		if (children[i].state == CHILD_WAITING && children[i].restart_ns <= now &&
		    child_launch(&children[i]) < 0)
			children[i].restart_ns = now + STABLE_NS;
}
