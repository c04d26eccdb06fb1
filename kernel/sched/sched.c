/*
 * The scheduler.
 *
 * Each CPU has a run queue with three classes (enum quoin_sched_class): DRIVER and SERVER round robin,
 * FAIR by virtual run time, which grows by CPU time over weight.  A higher class runs first.  A thread
 * that becomes ready goes to an idle CPU if there is one (its last one first), else to its last
 * CPU or one that runs a lower class; a CPU without work takes some from the others before it idles.
 *
 * A queue's minimum of virtual run time follows its threads, the running one included.  It is what a thread
 * that comes is measured by: so one that has long been alone on its CPU need not wait until the others
 * have made up for it.
 *
 * The timer is set only for what is needed: the end of the time slice if another thread of the CPU
 * waits, and the nearest time-out.
 *
 * Locks: rq.lock protects a queue and the READY <-> RUNNING change of its threads.  Two of them are
 * never held at once: a thread that is stolen, or moved, is in no queue for a moment.  A thread's
 * registers are saved after its CPU has dropped the lock; thread.on_cpu says that this is still going
 * on, and until it is 0 the thread may be queued only at that same CPU, which cannot pick it before it
 * has finished.  Whoever adds to the queue of another CPU interrupts it, so no CPU sleeps on work.
 * sched.pml is this as a model, for Spin.
 */
#include "sched.h"

#include "arch.h"
#include "debug.h"
#include "mm.h"
#include "percpu.h"
#include "thread.h"

#define SLICE_RR_NS    10000000ul
#define SLICE_FAIR_NS  4000000ul
#define GRANULARITY_NS 1000000ul /* a FAIR thread this far behind preempts */

static _Atomic uint64_t idle_cpus;
static uint64_t slice_rr, slice_fair, granularity; /* in ticks; [I] after start-up */

static uint64_t cpu_bit(const struct cpu *cpu)
{
	return BIT(cpu->index);
}

/* The queue itself; lock held. */

static void rq_insert(struct runqueue *rq, struct thread *t, bool front)
{
	t->queued = true;
	rq->nr_ready++;
	if (t->sched_class == QUOIN_SCHED_FAIR)
		pheap_insert(&rq->fair, &t->fair_node, t->vruntime);
	else if (front)
		list_add_head(&rq->round_robin[t->sched_class], &t->run_node);
	else
		list_add_tail(&rq->round_robin[t->sched_class], &t->run_node);
}

static void rq_remove(struct runqueue *rq, struct thread *t)
{
	t->queued = false;
	rq->nr_ready--;
	if (rq->handoff == t)
		rq->handoff = NULL;
	if (t->sched_class == QUOIN_SCHED_FAIR)
		pheap_remove(&rq->fair, &t->fair_node);
	else
		list_remove(&t->run_node);
}

static struct thread *rq_first(const struct runqueue *rq)
{
	for (unsigned class = 0; class < ARRAY_SIZE(rq->round_robin); class ++) {
		const struct list_node *head = &rq->round_robin[class];

		if (!list_empty(head))
			return list_entry(head->next, struct thread, run_node);
	}
	if (!pheap_first(&rq->fair))
		return NULL;
	return container_of(pheap_first(&rq->fair), struct thread, fair_node);
}

/* The virtual run time of what cpu runs, UINT64_MAX if that is not FAIR.  Another CPU may see it too low. */
static uint64_t running_vruntime(const struct cpu *cpu)
{
	uint64_t vruntime = __atomic_load_n(&cpu->running_vruntime, __ATOMIC_ACQUIRE);
	int64_t ticks = rdtsc() - cpu->switched;

	if (vruntime == UINT64_MAX || ticks <= 0)
		return vruntime;
	return vruntime + ticks * QUOIN_WEIGHT_DEFAULT / cpu->running_weight;
}

static void rq_advance(struct cpu *cpu)
{
	const struct pheap_node *first = pheap_first(&cpu->rq.fair);
	uint64_t min = running_vruntime(cpu);

	if (first && first->key < min)
		min = first->key;
	if (min != UINT64_MAX && min > cpu->rq.min_vruntime)
		cpu->rq.min_vruntime = min;
}

/* Takes the thread to run next out of the queue: the handoff, unless a higher class waits. */
static struct thread *rq_take(struct runqueue *rq)
{
	struct thread *t = rq_first(rq);

	if (t && rq->handoff && rq->handoff->sched_class <= t->sched_class)
		t = rq->handoff;
	rq->handoff = NULL;
	if (!t)
		return NULL;
	rq_remove(rq, t);
	return t;
}

/* CPU time. */

/* Ends the stretch of time that t has run in its mode. */
static void charge(struct thread *t, uint64_t now)
{
	uint64_t total;

	*(t->in_guest ? &t->guest_ticks : &t->server_ticks) += now - t->started;
	t->started = now;
	total = t->guest_ticks + t->server_ticks;
	if (t->sched_class == QUOIN_SCHED_FAIR)
		t->vruntime += (total - t->charged) * QUOIN_WEIGHT_DEFAULT / t->weight;
	t->charged = total;
}

/* Should t, which waits on cpu, take the place of the thread that runs there? */
static bool preempts(const struct cpu *cpu, const struct thread *t, const struct thread *running)
{
	if (t->sched_class != running->sched_class)
		return t->sched_class < running->sched_class;
	return t->sched_class == QUOIN_SCHED_FAIR && t->vruntime + granularity < running_vruntime(cpu);
}

/* This CPU's alarm. */

static void timer_update(struct cpu *cpu)
{
	const struct pheap_node *timeout = pheap_first(&cpu->timeouts.heap);
	uint64_t next = cpu->slice_end;

	if (timeout && timeout->key < next)
		next = timeout->key;
	if (next >= cpu->timer_armed)
		return;
	cpu->timer_armed = next;
	arch_timer_arm(next);
}

/* The running thread gets a slice as soon as somebody else waits. */
static void slice_update(struct cpu *cpu, const struct thread *t)
{
	if (cpu->rq.nr_ready == 0 || t->sched_class == SCHED_IDLE)
		cpu->slice_end = UINT64_MAX;
	else if (cpu->slice_end == UINT64_MAX)
		cpu->slice_end = rdtsc() + (t->sched_class == QUOIN_SCHED_FAIR ? slice_fair : slice_rr);
	timer_update(cpu);
}

void sched_timer(void)
{
	struct cpu *cpu = this_cpu();

	cpu->timer_armed = UINT64_MAX;
	timeout_expire(cpu);
	if (rdtsc() >= cpu->slice_end)
		cpu->need_resched = 1;
	else
		timer_update(cpu);
}

void sched_timer_check(void)
{
	timer_update(this_cpu());
}

/* Placement. */

/* Claims an idle CPU out of mask; NULL if there is none. */
static struct cpu *claim_idle(uint64_t mask, const struct cpu *preferred)
{
	uint64_t idle;

	while ((idle = idle_cpus & mask)) {
		uint64_t bit = idle & cpu_bit(preferred) ? cpu_bit(preferred) : idle & -idle;

		if (__atomic_fetch_and(&idle_cpus, ~bit, __ATOMIC_SEQ_CST) & bit)
			return cpus[__builtin_ctzl(bit)];
	}
	return NULL;
}

static struct cpu *choose_cpu(struct thread *t, bool handoff)
{
	struct cpu *last = t->cpu, *self = this_cpu(), *cpu;
	uint64_t mask = t->affinity;

	if (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
		return last;
	if (handoff && (mask & cpu_bit(self)))
		return self;
	cpu = claim_idle(mask, last);
	if (cpu)
		return cpu;
	if ((mask & cpu_bit(last)) && t->sched_class < last->running_class)
		return last;
	for (unsigned i = 0; i < nr_cpus; i++)
		if ((mask & BIT(i)) && t->sched_class < cpus[i]->running_class)
			return cpus[i];
	return mask & cpu_bit(last) ? last : cpus[__builtin_ctzl(mask)];
}

/*
 * Virtual run time counts from the queue's minimum.  A sleeper gets a small lead, so that it runs soon; a newcomer
 * gets none, so that whoever made it goes on first.
 */
static void adjust_vruntime(struct thread *t, const struct cpu *from, const struct cpu *to)
{
	uint64_t lead = t->vruntime > from->rq.min_vruntime ? t->vruntime - from->rq.min_vruntime : 0;
	uint64_t min = to->rq.min_vruntime;

	if (from != to)
		t->vruntime = min + MIN(lead, slice_fair);
	if (t->newcomer) {
		t->newcomer = false;
		t->vruntime = min;
	}
	if (t->vruntime + granularity < min)
		t->vruntime = min - granularity;
}

static void enqueue_at(struct thread *t, struct cpu *cpu, bool handoff)
{
	trace(TRACE_WAKE, t->id, cpu->index);
	spin_lock(&cpu->rq.lock);
	rq_advance(cpu);
	adjust_vruntime(t, t->cpu, cpu);
	t->cpu = cpu;
	rq_insert(&cpu->rq, t, false);
	if (handoff && cpu == this_cpu())
		cpu->rq.handoff = t;
	if (cpu != this_cpu()) {
		spin_unlock(&cpu->rq.lock);
		arch_reschedule_ipi(cpu); /* it sees for itself what to do */
		return;
	}
	if (handoff || preempts(cpu, t, cpu->current))
		cpu->need_resched = 1;
	else
		slice_update(cpu, cpu->current);
	spin_unlock(&cpu->rq.lock);
}

void sched_enqueue(struct thread *t, bool handoff)
{
	enqueue_at(t, choose_cpu(t, handoff), handoff);
}

void sched_reschedule(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *first;

	spin_lock(&cpu->rq.lock);
	first = rq_first(&cpu->rq);
	if ((first && preempts(cpu, first, cpu->current)) || !(cpu->current->affinity & cpu_bit(cpu)))
		cpu->need_resched = 1;
	else
		slice_update(cpu, cpu->current);
	spin_unlock(&cpu->rq.lock);
}

/* Switching. */

/* A thread of victim's queue that cpu may run now. */
static struct thread *steal_from(struct cpu *victim, const struct cpu *cpu)
{
	struct thread *t = NULL;

	spin_lock(&victim->rq.lock);
	t = rq_first(&victim->rq);
	if (t && !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) && (t->affinity & cpu_bit(cpu))) {
		rq_remove(&victim->rq, t);
		adjust_vruntime(t, victim, cpu);
	} else {
		t = NULL;
	}
	spin_unlock(&victim->rq.lock);
	return t;
}

static struct thread *steal(const struct cpu *cpu)
{
	for (unsigned i = 1; i < nr_cpus; i++) {
		struct cpu *victim = cpus[(cpu->index + i) % nr_cpus];
		struct thread *t = victim->rq.nr_ready ? steal_from(victim, cpu) : NULL;

		if (t)
			return t;
	}
	return NULL;
}

static struct thread *take_next(struct cpu *cpu)
{
	struct thread *t;

	spin_lock(&cpu->rq.lock);
	rq_advance(cpu);
	t = rq_take(&cpu->rq);
	spin_unlock(&cpu->rq.lock);
	return t ? t : steal(cpu);
}

/*
 * On the new thread's stack: what was to be done once the old one's registers are saved.  It may be
 * freed here, or, if it may not run on this CPU any more, find another one.
 */
void sched_finish_switch(void)
{
	struct thread *prev = this_cpu()->previous;
	bool dead = prev->state == THREAD_DEAD;
	bool move = prev->state == THREAD_READY && prev == this_cpu()->moving;

	this_cpu()->moving = NULL;
	__atomic_store_n(&prev->on_cpu, 0, __ATOMIC_RELEASE);
	if (dead)
		object_put(&prev->object);
	if (move) {
		spin_lock(&prev->lock);
		sched_enqueue(prev, false);
		spin_unlock(&prev->lock);
	}
}

static void begin_run(struct cpu *cpu, struct thread *t)
{
	t->state = THREAD_RUNNING;
	t->cpu = cpu;
	cpu->running_class = t->sched_class;
	t->on_cpu = 1; /* sequentially consistent: a kicker that misses it is seen by us */
	cpu->slice_end = UINT64_MAX;
	cpu->switched = t->started = rdtsc();
	cpu->running_weight = t->weight;
	__atomic_store_n(&cpu->running_vruntime, t->sched_class == QUOIN_SCHED_FAIR ? t->vruntime : UINT64_MAX,
			 __ATOMIC_RELEASE);
	if (t == cpu->idle)
		__atomic_fetch_or(&idle_cpus, cpu_bit(cpu), __ATOMIC_SEQ_CST);
	else if (!(t->affinity & cpu_bit(cpu)))
		cpu->need_resched = 1;
}

void schedule(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *prev = cpu->current, *next;

	assert(cpu->nr_locks == 0);
	assert(!arch_irq_enabled());
	assert(prev->state != THREAD_RUNNING || prev == cpu->idle);
	assert(prev->on_cpu);
	cpu->need_resched = 0;
	charge(prev, rdtsc());
	next = take_next(cpu);
	if (!next)
		next = cpu->idle;
	if (prev == cpu->idle && next != prev)
		__atomic_fetch_and(&idle_cpus, ~cpu_bit(cpu), __ATOMIC_SEQ_CST);
	begin_run(cpu, next);
	slice_update(cpu, next);
	if (next == prev)
		return;
	trace(TRACE_SWITCH, next->id, (uintptr_t)next);
	cpu->stats.context_switches++;
	cpu->previous = prev;
	arch_thread_switch(cpu, prev, next);
	sched_finish_switch(); /* of next's CPU; a new thread does it in first_steps */
}

/* A handoff that did not come to pass: the waker goes on, so another CPU had better run it. */
static struct thread *take_unused_handoff(struct cpu *cpu, struct cpu **target)
{
	struct thread *t = cpu->rq.handoff;

	cpu->rq.handoff = NULL;
	if (!t || t->on_cpu)
		return NULL;
	*target = claim_idle(t->affinity & ~cpu_bit(cpu), cpu);
	if (!*target)
		return NULL;
	rq_remove(&cpu->rq, t);
	return t;
}

/*
 * True if the current thread has to give way; it is in the queue then, or marked as moving.  If its slice has
 * ended, and only threads of lower classes wait, it begins a new one.
 */
static bool put_back(struct cpu *cpu, struct thread *t)
{
	const struct thread *first = rq_first(&cpu->rq);
	bool expired = rdtsc() >= cpu->slice_end;

	if (!(t->affinity & cpu_bit(cpu))) {
		t->state = THREAD_READY;
		cpu->moving = t;
		return true;
	}
	if (!first || (!preempts(cpu, first, t) && !(expired && first->sched_class <= t->sched_class))) {
		if (expired)
			cpu->slice_end = UINT64_MAX;
		return false;
	}
	charge(t, rdtsc());
	t->state = THREAD_READY;
	rq_insert(&cpu->rq, t, !expired);
	return true;
}

void sched_preempt(void)
{
	struct cpu *cpu = this_cpu(), *target = NULL;
	struct thread *t = cpu->current, *spare;
	bool give_way;

	cpu->need_resched = 0;
	spin_lock(&cpu->rq.lock);
	spare = take_unused_handoff(cpu, &target);
	give_way = put_back(cpu, t);
	if (!give_way)
		slice_update(cpu, cpu->current);
	spin_unlock(&cpu->rq.lock);
	if (spare)
		enqueue_at(spare, target, false);
	if (!give_way)
		return;
	t->involuntary++;
	schedule();
}

void sched_yield(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *t = cpu->current;

	spin_lock(&cpu->rq.lock);
	charge(t, rdtsc());
	if (t->sched_class == QUOIN_SCHED_FAIR && pheap_first(&cpu->rq.fair) &&
	    t->vruntime <= pheap_first(&cpu->rq.fair)->key)
		t->vruntime = pheap_first(&cpu->rq.fair)->key + 1;
	t->state = THREAD_READY;
	rq_insert(&cpu->rq, t, false);
	spin_unlock(&cpu->rq.lock);
	t->voluntary++;
	schedule();
}

void preempt_point(void)
{
	assert(this_cpu()->nr_locks == 0);
	assert(current_thread()->state == THREAD_RUNNING); /* not about to block */
	arch_irq_window();
	if (this_cpu()->need_resched && this_cpu()->current != this_cpu()->idle)
		sched_preempt();
}

/* Changes what the queues depend on; t's lock is held. */
void sched_change(struct thread *t, uint32_t class, uint32_t weight, uint64_t affinity)
{
	struct cpu *cpu;
	bool queued;

	for (;;) {
		cpu = t->cpu;
		spin_lock(&cpu->rq.lock);
		if (t->cpu == cpu)
			break;
		spin_unlock(&cpu->rq.lock);
	}
	queued = t->queued;
	if (queued)
		rq_remove(&cpu->rq, t);
	t->sched_class = class;
	t->weight = weight;
	t->affinity = affinity;
	spin_unlock(&cpu->rq.lock);
	if (queued)
		sched_enqueue(t, false);
	else /* another CPU than `cpu` may have taken t out of its queue and begun to run it */
		thread_interrupt(t);
	if (t == current_thread())
		this_cpu()->need_resched = 1;
}

void sched_init(void)
{
	slice_rr = clock_ns_to_ticks(SLICE_RR_NS);
	slice_fair = clock_ns_to_ticks(SLICE_FAIR_NS);
	granularity = clock_ns_to_ticks(GRANULARITY_NS);
}

void sched_init_cpu(struct cpu *cpu)
{
	spin_init(&cpu->rq.lock, "run queue", LOCK_RUNQUEUE);
	spin_init(&cpu->timeouts.lock, "time-outs", LOCK_TIMEOUT);
	list_init(&cpu->rq.round_robin[0]);
	list_init(&cpu->rq.round_robin[1]);
	cpu->timer_armed = cpu->slice_end = UINT64_MAX;
	cpu->running_vruntime = UINT64_MAX;
	cpu->running_weight = QUOIN_WEIGHT_DEFAULT;
	cpu->idle = thread_new_idle(cpu);
	cpu->current = cpu->idle;
}

void sched_idle_loop(void)
{
	struct cpu *cpu = this_cpu();

	cpu->switched = cpu->idle->started = rdtsc();
	__atomic_fetch_or(&idle_cpus, cpu_bit(cpu), __ATOMIC_SEQ_CST);
	for (;;) {
		if (cpu->need_resched || cpu->rq.nr_ready)
			schedule();
		else if (pmm_idle_zero())
			arch_irq_window();
		else
			arch_idle_wait();
	}
}
