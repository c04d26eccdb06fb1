/*
 * What each CPU has of its own.  GS points to it while the CPU is in the kernel.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

/* Offsets for assembly; asserted in arch/x86_64/cpu.c. */
#define CPU_SELF     0x00
#define CPU_CURRENT  0x08
#define CPU_USER_RSP 0x10
#define CPU_RESCHED  0x18
#define CPU_CANARY   0x28

#ifndef __ASSEMBLER__

#include "arch.h"
#include "sched.h"
#include "spinlock.h"
#include "trace.h"

struct thread;
struct cpu_tables;

/* Counters for system_stats, summed over the CPUs. */
struct cpu_stats {
	uint64_t context_switches, interrupts;
	uint64_t ipc_calls, notifications;
	uint64_t vcpu_exits, kernel_calls, page_faults;
	uint64_t root_switches, tlb_shootdowns, ipis;
	uint64_t tlb_invalidations, allocations, frame_allocations;
};

/* [c] only this CPU   [I] immutable after its start   [a] atomic   [q] the run queue's lock */
struct cpu {
	struct cpu *self;       /* [I] */
	struct thread *current; /* [c] */
	uint64_t user_rsp;      /* [c] scratch of the system-call entry */
	uint32_t need_resched;  /* [c] set by its own interrupts and wake-ups */
	uint32_t reserved;
	uint64_t reserved2;
	uint64_t canary;     /* [I] stack protector: GCC reads %gs:0x28 */
	uint32_t index;      /* [I] */
	uint32_t apic_id;    /* [I] */
	_Atomic bool online; /* [a] */

	uint64_t root;                /* [c] what CR3 holds */
	struct aspace *native;        /* [c] tlb.c: address spaces that are loaded */
	struct aspace *guest;         /* [c] */
	_Atomic uint64_t tlb_pending; /* [a] tlb.c: CPUs that wait for this one */

	uint32_t nr_locks;                      /* [c] held, innermost last */
	struct spinlock *locks[SPINLOCK_DEPTH]; /* [c] */

	struct runqueue rq;
	struct thread *idle;            /* [I] */
	struct thread *previous;        /* [c] what the running thread was switched to from */
	struct thread *moving;          /* [c] previous may not run here any more */
	_Atomic uint32_t running_class; /* [a] of current */
	uint64_t switched;              /* [c] TSC at the last switch */
	uint64_t running_weight;        /* [c] of current */
	_Atomic uint64_t
		running_vruntime; /* [a] of current at the last switch, stored last; UINT64_MAX: not FAIR */
	struct timeout_queue timeouts;
	uint64_t timer_armed; /* [c] TSC value the timer is set to, UINT64_MAX: not */
	uint64_t slice_end;   /* [c] TSC, UINT64_MAX: the current thread is alone */

	struct thread *fpu_owner; /* [c] whose vector state is in the registers, NULL: nobody's */
	bool fpu_trap;            /* [c] CR0.TS is set */

	struct cpu_stats stats;                   /* [c] written here, read anywhere */
	struct cpu_tables *tables;                /* [I] GDT, TSS, IST stacks */
	_Atomic uint32_t panicked;                /* [a] it has stopped for a panic */
	uint32_t trace_next;                      /* [c] */
	struct trace_record trace[TRACE_RECORDS]; /* [c] */
};

extern struct cpu *cpus[MAX_CPUS]; /* [I] after start-up; NULL beyond nr_cpus */
extern unsigned nr_cpus;

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static inline struct thread *current_thread(void)
{
	struct thread *thread;

	__asm__ volatile("mov %%gs:8, %0" : "=r"(thread));
	return thread;
}

static inline void trace_at(uint64_t tsc, enum trace_event event, uint64_t a, uint64_t b)
{
	struct cpu *cpu = this_cpu();
	struct trace_record *r = &cpu->trace[cpu->trace_next++ & (TRACE_RECORDS - 1)];

	r->tsc = tsc;
	r->event = event;
	r->cpu = cpu->index;
	r->a = a;
	r->b = b;
}

static inline void trace(enum trace_event event, uint64_t a, uint64_t b)
{
	trace_at(rdtsc(), event, a, b);
}

#endif
#endif
