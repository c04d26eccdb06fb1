/*
 * Tasks that call the kernel with everything wrong.  Which calls there are and what arguments they take
 * comes from the call table, so a new call is attacked as soon as it has a line there.
 *
 * One task has handles to an object of every kind, without any right, and nothing else: no call may do
 * anything with them.  The others have all rights to themselves and call at random; whatever they get,
 * the kernel stands, and when they are killed all is back.
 */
#include "child.h"

#include <quoin/calls.h>

#define THREADS 3

static const struct quoin_call_info calls[QUOIN_NR_CALLS] = QUOIN_CALL_INFO;

static uint64_t roll(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static const uint64_t edges[] = {
	0,
	1,
	~0ul,
	1ul << 63,
	PAGE,
	PAGE - 1,
	-PAGE,
	0x40000000,
	QUOIN_GUEST_MAX,
	QUOIN_GUEST_MAX - PAGE,
	QUOIN_SERVER_MIN,
	QUOIN_SERVER_MAX - 8,
	QUOIN_SERVER_MMAP,
	QUOIN_SERVER_INFO,
	QUOIN_KERNEL_MIN,
	0xffffffff80000000,
	1ul << 31,
	1ul << 40,
	0x800000000000,
	64 * PAGE,
};
#define NR_EDGES (sizeof(edges) / sizeof(edges[0]))

static uint64_t argument(uint64_t *seed)
{
	uint64_t r = roll(seed);

	switch (r >> 8 & 7) {
	case 0 ... 2:
		return r >> 16 & 31; /* a handle, a small number */
	case 3:
		return edges[(r >> 16) % NR_EDGES];
	case 4:
		return (r >> 16 & 15) * PAGE;
	case 5:
		return QUOIN_SERVER_MMAP + (r >> 16 & 0xffff) * (r & 1 ? 8 : PAGE);
	case 6:
		return 0x40000000 + (r >> 16 & 0xff) * PAGE;
	default:
		return roll(seed);
	}
}

static long call(uint64_t number, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static bool spared(uint64_t number)
{
	return number == QUOIN_CALL_debug_write || number == QUOIN_CALL_thread_exit ||
	       number == QUOIN_CALL_task_kill ||
	       number == QUOIN_CALL_thread_sched; /* it would take the CPU for good */
}

/* Its first two handles are gone soon; it makes itself new ones all the time. */
static void attack(uint64_t seed)
{
	uint64_t a[6];

	for (uint64_t round = 0;; round++) {
		uint64_t number = roll(&seed) % (QUOIN_NR_CALLS + 2);

		for (unsigned i = 0; i < 6; i++)
			a[i] = argument(&seed);
		if (spared(number))
			continue;
		if (number == QUOIN_CALL_handle_close && a[0] < 4 && round % 512)
			continue;
		/* Waits are short, or none would ever come back. */
		if (number == QUOIN_CALL_futex_wait || number == QUOIN_CALL_endpoint_reply_receive)
			a[2] = 0;
		if (number == QUOIN_CALL_notification_wait || number == QUOIN_CALL_endpoint_receive)
			a[1] = 0;
		if (number == QUOIN_CALL_endpoint_call && round % 64)
			continue;
		call(number, a);
	}
}

/* ---- without any right ---- */

/* Where the child finds its handles. */
#define OBJECTS_SLOT 200

#define NR_VICTIMS 13

struct victims {
	quoin_handle of[NR_VICTIMS];
	quoin_handle anon, notification;
};

static struct victims victims_make(const struct child *other)
{
	struct victims v = {
		.anon = need(quoin_memobj_create(QUOIN_MEMOBJ_ANON, 4 * PAGE)),
		.notification = need(quoin_notification_create()),
	};
	struct quoin_msi msi;
	const quoin_handle all[NR_VICTIMS] = {
		other->task,
		other->aspace,
		other->thread,
		v.anon,
		v.notification,
		need(quoin_memobj_create(QUOIN_MEMOBJ_FILE, 4 * PAGE)),
		need(quoin_memobj_create(QUOIN_MEMOBJ_DMA, PAGE)),
		need(quoin_endpoint_create()),
		need(quoin_aspace_create(QUOIN_ASPACE_GUEST)),
		need(quoin_memobj_physical(QUOIN_HARDWARE, 0xfec00000, PAGE)),
		need(quoin_irq_msi(QUOIN_HARDWARE, (uintptr_t)&msi)),
		need(quoin_ioport_create(QUOIN_HARDWARE, 0x80, 1)),
		need(quoin_handle_dup(QUOIN_HARDWARE, QUOIN_RIGHT_ALL)),
	};

	__builtin_memcpy(v.of, all, sizeof(all));
	return v;
}

static void victims_drop(const struct victims *v)
{
	for (unsigned i = 3; i < NR_VICTIMS; i++)
		need(quoin_handle_close(v->of[i]));
}

/* What goes on without a handle, or with any; what ends or stops the caller; what only makes a noise. */
static bool is_let_off(uint64_t number)
{
	return spared(number) || number == QUOIN_CALL_handle_close;
}

static uint64_t wrong_argument(uint64_t *seed, enum quoin_arg_kind kind)
{
	uint64_t r = roll(seed);

	if (kind != QUOIN_ARG_handle)
		return r & 1 ? edges[(r >> 8) % NR_EDGES] : argument(seed);
	switch (r & 7) {
	case 0:
		return edges[(r >> 8) % NR_EDGES];
	case 1:
		return r >> 8 & 255;
	default:
		return OBJECTS_SLOT + (r >> 8) % NR_VICTIMS;
	}
}

/* A call with a handle may succeed with none at all (aspace 0, memobj 0), never with one of these. */
static bool names_victim(const struct quoin_call_info *info, const uint64_t a[6])
{
	for (unsigned i = 0; i < info->nr_args; i++)
		if (info->args[i] == QUOIN_ARG_handle && (uint32_t)a[i] >= OBJECTS_SLOT)
			return true;
	return false;
}

/* The child has no way to tell anybody anything: the address of its last fault is the answer. */
#define REPORT (QUOIN_SERVER_MAX - 0x100000)

static void report(uint64_t number)
{
	*(volatile char *)(REPORT + number) = 0;
}

static void call_wrongly(uint64_t *seed, uint64_t number)
{
	const struct quoin_call_info *info = &calls[number];
	uint64_t a[6] = { 0 };

	for (unsigned i = 0; i < info->nr_args; i++)
		a[i] = wrong_argument(seed, info->args[i]);
	if (number == QUOIN_CALL_futex_wait)
		a[2] = 0;
	long result = call(number, a);
	if (result >= 0 && names_victim(info, a))
		report(number);
	if (result >= QUOIN_FIRST_FREE && result < OBJECTS_SLOT)
		quoin_handle_close((quoin_handle)result);
}

#define WRONG_CALLS 1500 /* of each */

/* The gift says when all is prepared. */
static void attack_without_rights(uint64_t seed)
{
	quoin_notification_wait(CHILD_GIFT, QUOIN_DEADLINE_NEVER);
	quoin_handle_close(CHILD_GIFT);
	quoin_handle_close(QUOIN_SELF_TASK);
	quoin_handle_close(QUOIN_SELF_ASPACE);
	quoin_handle_close(QUOIN_SELF_THREAD);
	for (uint64_t number = 0; number < QUOIN_NR_CALLS; number++)
		for (unsigned i = 0; calls[number].name && !is_let_off(number) && i < WRONG_CALLS; i++)
			call_wrongly(&seed, number);
	report(QUOIN_NR_CALLS);
}

static void sleep_forever(uint64_t unused)
{
	static uint32_t word;

	for (;;)
		quoin_futex_wait((uintptr_t)&word, 0, QUOIN_DEADLINE_NEVER, (uint32_t)unused);
}

KTEST(no_right_no_effect)
{
	struct child other = child_start(sleep_forever, 0, 1000, 0);
	struct victims v = victims_make(&other);
	quoin_handle prepared = need(quoin_notification_create());
	struct child child = child_start(attack_without_rights, 0x9e3779b97f4a7c15, 2000, prepared);
	int64_t status[4];

	for (unsigned i = 0; i < NR_VICTIMS; i++)
		need(quoin_handle_install(child.task, v.of[i], 0, OBJECTS_SLOT + i));
	need(quoin_notification_signal(prepared, 1));
	need(quoin_handle_close(prepared));
	child_wait(&child, status);
	if (status[3] >= (int64_t)REPORT && status[3] < (int64_t)REPORT + QUOIN_NR_CALLS)
		print("# granted without a right: %s\n", calls[status[3] - REPORT].name);
	expect_eq(status[3], REPORT + QUOIN_NR_CALLS);
	need(quoin_task_status(other.task, (uintptr_t)status));
	expect_eq(status[0], 0);
	expect_eq(quoin_memobj_size(v.anon), 4 * PAGE);
	expect_eq(quoin_notification_wait(v.notification, 0), -QERR_TIMEDOUT);
	victims_drop(&v);
	child_kill(&other);
}

/* ---- at random ---- */

KTEST(hostile_calls)
{
	uint64_t end = now_ns() + option_number("seconds", 3) * 1000000000;

	/* Most of them soon do something to themselves that ends them. */
	for (uint64_t seed = option_number("seed", 1); now_ns() < end; seed++) {
		quoin_handle endpoint = need(quoin_endpoint_create());
		struct child child = child_start(attack, seed * 0x9e3779b97f4a7c15, 2000, endpoint);
		quoin_handle more[THREADS];
		int64_t status[4];

		for (unsigned i = 0; i < THREADS; i++)
			more[i] = child_thread(&child, i + 1, attack, seed * 77 + i + 1);
		quoin_notification_wait(child.ended, now_ns() + 300000000);
		quoin_notification_signal(child.ended, 1);
		need(quoin_task_kill(child.task, 9));
		for (;;) {
			need(quoin_task_status(child.task, (uintptr_t)status));
			if (status[0])
				break;
			nap();
		}
		child_wait(&child, status);
		for (unsigned i = 0; i < THREADS; i++)
			need(quoin_handle_close(more[i]));
		need(quoin_handle_close(endpoint));
	}
}
