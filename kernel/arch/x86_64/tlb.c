/*
 * TLB shootdown.
 *
 * aspace.cpus has a bit for each CPU that may hold translations of the address space: set before
 * the CPU loads a root that shows it, cleared after it has loaded one that does not.  Each CPU has
 * one request; it writes what to flush, sets its bit in tlb_pending of every target, interrupts
 * them, and waits until all have cleared their bit in request.waiting.
 *
 * Why no stale translation survives: the initiator changes the tables, executes a full fence, and
 * reads aspace.cpus.  A CPU that is not in the mask sets its bit with a locked operation before it
 * writes CR3, so it either was seen, or loads the root after the change.
 *
 * Why nobody waits for ever: targets serve requests in the interrupt, and where interrupts are off
 * for long, in every spin loop (spin_lock, and the wait below).  The initiator holds no lock, so a
 * target that spins is never waiting for it.
 *
 * Without PCIDs a write to CR3 flushes all that is not global; a flush of an address space that the
 * CPU has meanwhile left is only acknowledged.
 *
 * tlb.pml is this as a model, for Spin.
 */
#include "aspace.h"
#include "debug.h"
#include "pagetable.h"
#include "percpu.h"
#include "tlb.h"

#define FLUSH_SINGLE_MAX 32 /* more pages than that: all at once */

/* [i] the initiating CPU, before it publishes   [a] atomic */
static struct tlb_request {
	struct aspace *aspace; /* [i] NULL: the kernel half */
	uintptr_t start, end;  /* [i] */
	uint64_t waiting;      /* [a] CPUs that have not acknowledged */
} __attribute__((aligned(64))) requests[MAX_CPUS];

static uint64_t cpu_online_mask(void)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpus[i] && cpus[i]->online)
			mask |= BIT(i);
	return mask;
}

static void flush_here(uintptr_t start, uintptr_t end, bool kernel)
{
	struct cpu_stats *stats = &this_cpu()->stats;

	if (!kernel && (end - start) >> PAGE_SHIFT > FLUSH_SINGLE_MAX) {
		write_cr3(read_cr3());
		stats->tlb_invalidations++;
		return;
	}
	for (uintptr_t addr = start; addr < end; addr += PAGE_SIZE)
		invlpg(addr);
	stats->tlb_invalidations += (end - start) >> PAGE_SHIFT;
}

void tlb_serve(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t from;

	if (likely(!__atomic_load_n(&cpu->tlb_pending, __ATOMIC_RELAXED)))
		return;
	from = __atomic_exchange_n(&cpu->tlb_pending, 0, __ATOMIC_SEQ_CST);
	while (from) {
		struct tlb_request *request = &requests[__builtin_ctzl(from)];
		struct aspace *aspace = request->aspace;

		from &= from - 1;
		if (!aspace || aspace == cpu->native || aspace == cpu->guest)
			flush_here(request->start, request->end, !aspace);
		__atomic_fetch_and(&request->waiting, ~BIT(cpu->index), __ATOMIC_RELEASE);
	}
}

void tlb_flush(struct aspace *aspace, uintptr_t start, uintptr_t end)
{
	struct cpu *cpu = this_cpu();
	struct tlb_request *request = &requests[cpu->index];
	uint64_t targets;

	if (start >= end)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	targets = aspace ? __atomic_load_n(&aspace->cpus, __ATOMIC_RELAXED) : cpu_online_mask();
	if (!aspace || aspace == cpu->native || aspace == cpu->guest)
		flush_here(start, end, !aspace);
	targets &= ~BIT(cpu->index);
	if (!targets)
		return;
	assert(cpu->nr_locks == 0);
	cpu->stats.tlb_shootdowns++;
	request->aspace = aspace;
	request->start = start;
	request->end = end;
	__atomic_store_n(&request->waiting, targets, __ATOMIC_RELEASE);
	for (uint64_t rest = targets; rest; rest &= rest - 1)
		__atomic_fetch_or(&cpus[__builtin_ctzl(rest)]->tlb_pending, BIT(cpu->index), __ATOMIC_SEQ_CST);
	arch_tlb_ipi(targets);
	while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE)) {
		tlb_serve();
		cpu_relax();
	}
}

void tlb_flush_all(struct aspace *aspace)
{
	tlb_flush(aspace, 0, UINTPTR_MAX);
}

void tlb_batch_finish(struct tlb_batch *batch)
{
	tlb_flush(batch->aspace, batch->start, batch->end);
	if (batch->nr_frames)
		frame_put_many(batch->frames, batch->nr_frames);
	pt_release_chain(batch->tables);
	tlb_batch_init(batch, batch->aspace);
}

static void mask_enter(struct aspace *aspace, uint64_t bit)
{
	if (aspace && !(__atomic_load_n(&aspace->cpus, __ATOMIC_RELAXED) & bit))
		__atomic_fetch_or(&aspace->cpus, bit, __ATOMIC_SEQ_CST);
}

static void mask_leave(struct aspace *aspace, uint64_t bit)
{
	if (aspace)
		__atomic_fetch_and(&aspace->cpus, ~bit, __ATOMIC_RELEASE);
}

void tlb_switch(struct aspace *native, struct aspace *guest)
{
	struct cpu *cpu = this_cpu();
	struct aspace *old_native = cpu->native, *old_guest = cpu->guest;
	uint64_t bit = BIT(cpu->index);

	mask_enter(native, bit);
	mask_enter(guest, bit);
	cpu->native = native;
	cpu->guest = guest;
	arch_switch_root(guest ? guest->root[ROOT_SERVER] : native ? native->root[0] : kernel_root);
	if (old_native != native)
		mask_leave(old_native, bit);
	if (old_guest != guest)
		mask_leave(old_guest, bit);
}
