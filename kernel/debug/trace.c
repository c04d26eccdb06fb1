/*
 * The trace ring; see trace.h.
 */
#include "trace.h"

#include "debug.h"
#include "percpu.h"

static const char *const event_names[TRACE_NR_EVENTS] = {
	[TRACE_NONE] = "none", [TRACE_SWITCH] = "switch", [TRACE_CALL] = "call",
	[TRACE_EXIT] = "exit", [TRACE_FAULT] = "fault",   [TRACE_INTERRUPT] = "interrupt",
	[TRACE_IPC] = "ipc",   [TRACE_WAKE] = "wake",     [TRACE_KICK] = "kick",
};

/* The newest record of cpu older than the back'th; NULL when there is none left. */
static const struct trace_record *record_back(const struct cpu *cpu, uint32_t back)
{
	const struct trace_record *r;

	if (back >= TRACE_RECORDS || back >= cpu->trace_next)
		return NULL;
	r = &cpu->trace[(cpu->trace_next - 1 - back) & (TRACE_RECORDS - 1)];
	return r->event == TRACE_NONE ? NULL : r;
}

/*
 * The next older record over all CPUs: back[] counts those already taken of each.  Records of other
 * CPUs may change meanwhile; a torn one is shown as it is.
 */
const struct trace_record *trace_next_older(uint32_t *back)
{
	const struct trace_record *best = NULL;
	unsigned from = 0;

	for (unsigned i = 0; i < nr_cpus; i++) {
		const struct trace_record *r = cpus[i] ? record_back(cpus[i], back[i]) : NULL;

		if (r && (!best || r->tsc > best->tsc)) {
			best = r;
			from = i;
		}
	}
	if (best)
		back[from]++;
	return best;
}

void trace_dump(unsigned count)
{
	uint32_t back[MAX_CPUS] = { 0 };
	const struct trace_record *r;

	kprintf("trace, newest first:\n");
	while (count-- && (r = trace_next_older(back))) {
		const char *name = r->event < TRACE_NR_EVENTS ? event_names[r->event] : "?";

		kprintf("    %012lu cpu %u %-9s %lx %lx\n", clock_tsc_to_ns(r->tsc), r->cpu, name, r->a, r->b);
	}
}
