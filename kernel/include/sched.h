/*
 * Scheduling: run queues, time-outs, the clock.  The theory is at the heads of sched/sched.c and
 * sched/thread.c.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "list.h"
#include "pheap.h"
#include "spinlock.h"

struct thread;
struct cpu;

#define SCHED_NR_CLASSES 3 /* enum quoin_sched_class; the idle threads are below */
#define SCHED_IDLE       3

/* [q] lock */
struct runqueue {
	struct spinlock lock;
	struct list_node round_robin[2]; /* [q] DRIVER and SERVER, by thread.run_node */
	struct pheap fair;               /* [q] by virtual run time */
	uint64_t min_vruntime;           /* [q] never goes back */
	uint32_t nr_ready;               /* [q] read without the lock as a hint */
	struct thread *handoff;          /* [q] to run next, if it is still here */
};

/* [t] lock */
struct timeout_queue {
	struct spinlock lock;
	struct pheap heap; /* [t] of thread.timeout, by TSC */
};

/* Takes the next thread; the current one is in a queue already, blocked, or dead. */
void schedule(void);
/* Puts the current thread back into its queue and takes the next. */
void sched_preempt(void);
/* In long loops, no lock held: lets interrupts in, gives way to others.  See also thread_dying. */
void preempt_point(void);

/* Puts a thread that has just become READY into a queue; its lock is held. */
void sched_enqueue(struct thread *thread, bool handoff);
/* Interrupts: another CPU wants this one to look at its queues; the timer has fired. */
void sched_reschedule(void);
void sched_timer(void);

/* thread_yield: to the end of the queue. */
void sched_yield(void);
/* Changes class, weight and affinity of a thread whose lock is held. */
void sched_change(struct thread *thread, uint32_t sched_class, uint32_t weight, uint64_t affinity);
/* The first thing on a thread's stack after it was switched to. */
void sched_finish_switch(void);

void sched_init(void); /* after clock_init */
void sched_init_cpu(struct cpu *cpu);
void sched_idle_loop(void) __attribute__((noreturn));

/* Time-outs of thread_block; deadline in TSC ticks. */
void timeout_arm(struct thread *thread, uint64_t deadline_tsc);
void timeout_cancel(struct thread *thread);
void timeout_expire(struct cpu *cpu);
/* The nearest time-out of this CPU may have changed. */
void sched_timer_check(void);

/* The clock: nanoseconds since boot, and its ticks. */
uint64_t clock_ns(void);
uint64_t clock_tsc_to_ns(uint64_t tsc);
uint64_t clock_ticks_to_ns(uint64_t ticks);
uint64_t clock_ns_to_ticks(uint64_t ns);
uint64_t clock_deadline_tsc(uint64_t ns);

/* Hooks of arch. */
void arch_timer_arm(uint64_t tsc);
void arch_reschedule_ipi(struct cpu *cpu);
void arch_thread_switch(struct cpu *cpu, struct thread *prev, struct thread *next);

#endif
