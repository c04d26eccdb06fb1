/*
 * What the calls cost.  The times are only told (under --icount a nanosecond is an instruction); what is
 * checked is what must not depend on the machine: faults, frames, and allocations of the kernel.
 */
#include "child.h"

#define BASE   0x40000000ul
#define RW     (QUOIN_PROT_READ | QUOIN_PROT_WRITE)
#define ROUNDS 200
#define TABLES 3 /* for up to 2 MiB that cross no table's boundary */

struct cost {
	struct quoin_stats stats;
	uint64_t ns;
};

static struct cost cost_begin(void)
{
	struct cost begin;

	need(quoin_system_stats((uintptr_t)&begin.stats));
	begin.ns = now_ns();
	return begin;
}

/* Tells what one of count times something took, and returns what they counted together. */
static struct quoin_stats cost_end(const char *what, const struct cost *begin, uint64_t count)
{
	uint64_t end = now_ns();
	struct quoin_stats s;

	print("# %s: %lu ns\n", what, (end - begin->ns) / count);
	need(quoin_system_stats((uintptr_t)&s));
	s.ipc_calls -= begin->stats.ipc_calls;
	s.notifications -= begin->stats.notifications;
	s.page_faults -= begin->stats.page_faults;
	s.allocations -= begin->stats.allocations;
	s.frame_allocations -= begin->stats.frame_allocations;
	return s;
}

static void reply_loop(void *argument)
{
	long token = 0;

	while ((token = quoin_endpoint_reply_receive(token, (uintptr_t)argument, QUOIN_DEADLINE_NEVER)) > 0)
		if (my_page()->msg.label == 99)
			break;
	quoin_endpoint_reply(token);
}

KTEST(cost_of_calls)
{
	quoin_handle endpoint = need(quoin_endpoint_create());
	quoin_handle n = need(quoin_notification_create());
	struct ktest_thread server = thread_run(reply_loop, (void *)(uintptr_t)endpoint);
	struct quoin_msg *m = &my_page()->msg;
	struct quoin_stats did;
	struct cost begin;

	*m = (struct quoin_msg){ .nr_bytes = 32 };
	quoin_endpoint_call(endpoint);
	begin = cost_begin();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_endpoint_call(endpoint);
	did = cost_end("endpoint call and reply", &begin, ROUNDS);
	expect_eq(did.ipc_calls, ROUNDS);
	expect_eq(did.allocations + did.frame_allocations + did.page_faults, 0);
	m->label = 99;
	quoin_endpoint_call(endpoint);
	thread_join(&server);
	begin = cost_begin();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_thread_self_cpu();
	cost_end("null call", &begin, ROUNDS);
	begin = cost_begin();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_notification_signal(n, 1);
	did = cost_end("notification signal", &begin, ROUNDS);
	expect_eq(did.notifications, ROUNDS);
	expect_eq(did.allocations + did.frame_allocations + did.page_faults, 0);
	need(quoin_handle_close(n));
	need(quoin_handle_close(endpoint));
}

KTEST(cost_of_memory)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST)), child;
	char *memory = memory_get(ROUNDS * PAGE);
	struct cost begin = cost_begin();
	struct quoin_stats did;

	for (unsigned i = 0; i < ROUNDS; i++)
		((volatile char *)memory)[i * PAGE] = 1;
	did = cost_end("anonymous fault", &begin, ROUNDS);
	expect_eq(did.page_faults, ROUNDS);
	expect(did.frame_allocations >= ROUNDS && did.frame_allocations <= ROUNDS + 2 * TABLES);
	expect_eq(did.allocations, 0);
	begin = cost_begin();
	memory_drop(memory, ROUNDS * PAGE);
	did = cost_end("unmap, per page", &begin, ROUNDS);
	expect_eq(did.allocations + did.frame_allocations + did.page_faults, 0);

	for (unsigned i = 0; i < 12; i++) /* a small process: 12 regions, 300 pages */
		need(quoin_aspace_map(g, BASE + i * 64 * PAGE, 25 * PAGE, RW, 0, 0));
	for (unsigned i = 0; i < 12; i++)
		need(quoin_aspace_populate(g, BASE + i * 64 * PAGE, 25 * PAGE, QUOIN_PROT_WRITE));
	begin = cost_begin();
	child = need(quoin_aspace_clone(g));
	did = cost_end("clone of 12 regions, 300 pages", &begin, 1);
	expect(did.frame_allocations <= 2 + TABLES + 1); /* roots and tables (two last ones), no page */
	expect_eq(did.allocations, 1 + 12);              /* the aspace and its regions */
	begin = cost_begin();
	need(quoin_aspace_populate(child, BASE, 25 * PAGE, QUOIN_PROT_WRITE));
	did = cost_end("copy-on-write", &begin, 25);
	expect_eq(did.frame_allocations, 25);
	expect_eq(did.allocations, 0);
	begin = cost_begin();
	need(quoin_handle_close(child));
	did = cost_end("end of the clone", &begin, 1);
	expect_eq(did.allocations + did.frame_allocations, 0);
	need(quoin_handle_close(g));
}
