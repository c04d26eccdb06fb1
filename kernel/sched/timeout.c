/*
 * Time-outs: a heap of deadlines per CPU.
 *
 * A thread arms its own time-out on the CPU it is on, and cancels it when thread_block returns,
 * perhaps on another CPU.  The time-out wakes the thread with the queue's lock held; so when cancel has
 * had the lock, no late time-out can hit the thread's next sleep.
 */
#include "arch.h"
#include "percpu.h"
#include "sched.h"
#include "thread.h"

void timeout_arm(struct thread *t, uint64_t deadline_tsc)
{
	struct cpu *cpu = this_cpu();

	spin_lock(&cpu->timeouts.lock);
	t->timeout_cpu = cpu;
	pheap_insert(&cpu->timeouts.heap, &t->timeout, deadline_tsc);
	spin_unlock(&cpu->timeouts.lock);
	sched_timer_check();
}

void timeout_cancel(struct thread *t)
{
	struct cpu *cpu = t->timeout_cpu;

	spin_lock(&cpu->timeouts.lock);
	if (t->timeout.queued)
		pheap_remove(&cpu->timeouts.heap, &t->timeout);
	spin_unlock(&cpu->timeouts.lock);
}

void timeout_expire(struct cpu *cpu)
{
	struct pheap_node *first;
	uint64_t now = rdtsc();

	spin_lock(&cpu->timeouts.lock);
	while ((first = pheap_first(&cpu->timeouts.heap)) && first->key <= now) {
		pheap_remove(&cpu->timeouts.heap, first);
		thread_wake(container_of(first, struct thread, timeout), -QERR_TIMEDOUT);
	}
	spin_unlock(&cpu->timeouts.lock);
}
