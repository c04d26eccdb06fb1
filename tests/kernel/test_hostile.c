/*
 * A task that calls the kernel with everything wrong: every number, with arguments that are
 * handles, addresses, huge or nothing.  Whatever it gets, the kernel stands, and when it is killed
 * all is back.
 */
#include "child.h"

#include <quoin/calls.h>

#define THREADS 3

static uint64_t roll(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static uint64_t argument(uint64_t *seed)
{
	static const uint64_t edges[] = { 0,
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
					  64 * PAGE };
	uint64_t r = roll(seed);

	switch (r >> 8 & 7) {
	case 0 ... 2:
		return r >> 16 & 31; /* a handle, a small number */
	case 3:
		return edges[(r >> 16) % (sizeof(edges) / sizeof(edges[0]))];
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
	return number == QUOIN_CALL_debug_panic || number == QUOIN_CALL_debug_write ||
	       number == QUOIN_CALL_thread_exit || number == QUOIN_CALL_task_kill ||
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

KTEST(hostile_calls)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
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
