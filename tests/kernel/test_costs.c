/* What the calls cost; under --icount a nanosecond is an instruction, and the limits mean
 * something. */
#include "child.h"

#define BASE   0x40000000ul
#define RW     (QUOIN_PROT_READ | QUOIN_PROT_WRITE)
#define ROUNDS 200

static void tell(const char *what, uint64_t start, uint64_t count)
{
	print("# %s: %lu ns\n", what, (now_ns() - start) / count);
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
	uint64_t start;

	*m = (struct quoin_msg){ .nr_bytes = 32 };
	quoin_endpoint_call(endpoint);
	start = now_ns();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_endpoint_call(endpoint);
	tell("endpoint call and reply", start, ROUNDS);
	m->label = 99;
	quoin_endpoint_call(endpoint);
	thread_join(&server);
	start = now_ns();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_thread_self_cpu();
	tell("null call", start, ROUNDS);
	start = now_ns();
	for (unsigned i = 0; i < ROUNDS; i++)
		quoin_notification_signal(n, 1);
	tell("notification signal", start, ROUNDS);
	need(quoin_handle_close(n));
	need(quoin_handle_close(endpoint));
}

KTEST(cost_of_memory)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST)), child;
	char *memory = memory_get(ROUNDS * PAGE);
	uint64_t start = now_ns();

	for (unsigned i = 0; i < ROUNDS; i++)
		((volatile char *)memory)[i * PAGE] = 1;
	tell("anonymous fault", start, ROUNDS);
	start = now_ns();
	memory_drop(memory, ROUNDS * PAGE);
	tell("unmap, per page", start, ROUNDS);

	for (unsigned i = 0; i < 12; i++) /* a small process: 12 regions, 300 pages */
		need(quoin_aspace_map(g, BASE + i * 64 * PAGE, 25 * PAGE, RW, 0, 0));
	for (unsigned i = 0; i < 12; i++)
		need(quoin_aspace_populate(g, BASE + i * 64 * PAGE, 25 * PAGE, QUOIN_PROT_WRITE));
	start = now_ns();
	child = need(quoin_aspace_clone(g));
	tell("clone of 12 regions, 300 pages", start, 1);
	start = now_ns();
	need(quoin_aspace_populate(child, BASE, 25 * PAGE, QUOIN_PROT_WRITE));
	tell("copy-on-write", start, 25);
	start = now_ns();
	need(quoin_handle_close(child));
	tell("end of the clone", start, 1);
	need(quoin_handle_close(g));
}
