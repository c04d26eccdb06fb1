/*
 * TLB shootdown.  The theory is at the head of arch/x86_64/tlb.c.
 *
 * A batch collects what a change of page tables has made stale: the range, the frames that were
 * mapped and the tables that were emptied.  The caller fills it under the aspace's lock, drops the
 * lock, and then finishes: flush here and on every CPU that may have the translations, wait, free.
 */
#ifndef KERNEL_TLB_H
#define KERNEL_TLB_H

#include "base.h"

struct aspace;

#define TLB_BATCH_FRAMES 128

struct tlb_batch {
	struct aspace *aspace;
	uintptr_t start, end; /* empty if start >= end */
	uint64_t tables;      /* chain of page tables to free */
	unsigned nr_frames;
	uint64_t frames[TLB_BATCH_FRAMES];
};

static inline void tlb_batch_init(struct tlb_batch *batch, struct aspace *aspace)
{
	batch->aspace = aspace;
	batch->start = UINTPTR_MAX;
	batch->end = 0;
	batch->tables = 0;
	batch->nr_frames = 0;
}

static inline void tlb_batch_range(struct tlb_batch *batch, uintptr_t start, uintptr_t end)
{
	if (start < batch->start)
		batch->start = start;
	if (end > batch->end)
		batch->end = end;
}

static inline bool tlb_batch_full(const struct tlb_batch *batch)
{
	return batch->nr_frames == TLB_BATCH_FRAMES;
}

/* Flushes, waits for the acknowledgements, frees, and leaves the batch empty.  No lock may be held. */
void tlb_batch_finish(struct tlb_batch *batch);

/* Flushes [start, end) of aspace (NULL: the kernel half) on every CPU and waits.  No lock held. */
void tlb_flush(struct aspace *aspace, uintptr_t start, uintptr_t end);
void tlb_flush_all(struct aspace *aspace);

/* Flushes what others asked this CPU to; called by the IPI handler and by everyone who spins. */
void tlb_serve(void);

/*
 * Switches this CPU to native's address space, under guest's server root if guest is not NULL; both
 * NULL: the kernel root.  Called by the context switch and vcpu_attach, interrupts off.  Whoever is
 * switched to holds references on both.
 */
void tlb_switch(struct aspace *native, struct aspace *guest);

/* Hook of arch: interrupts the CPUs in mask; their handler calls tlb_serve() and acknowledges. */
void arch_tlb_ipi(uint64_t cpu_mask);
/* Hook of arch: writes CR3 only if it differs from what is loaded on this CPU, and counts it. */
void arch_switch_root(uint64_t root);

#endif
