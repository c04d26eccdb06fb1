/*
 * Threads: their life, and sleeping.
 *
 *   RUNNING --prepare_block--> BLOCKING --block--> BLOCKED --wake--> READY --schedule--> RUNNING
 *      ^                          |                                    ^
 *      +------- wake, cancel -----+            RUNNING --preempted-----+
 *   RUNNING --thread_exit--> DEAD
 *
 * Why no wake-up is lost.  The condition a thread waits for changes only under the lock of an object
 * (endpoint, notification, futex bucket).  The waiter checks the condition, goes BLOCKING and enters
 * the object's list in one hold of that lock; so a waker, which changes the condition under the same
 * lock, either comes first, and the waiter sees the new condition; or finds the waiter in the list, and
 * BLOCKING or later.  thread_wake then turns BLOCKING into RUNNING or BLOCKED into READY under thread.lock,
 * under which thread_block turns BLOCKING into BLOCKED; so thread_block either finds RUNNING and does not
 * sleep, or has gone BLOCKED before, and the thread is put into a queue.  That its registers may
 * not be saved yet is the scheduler's business (thread.on_cpu).
 *
 * A thread is woken once per sleep: the first of waker, time-out, kick and kill finds it BLOCKING or
 * BLOCKED, the others do not.  Kick and kill set their flag before they look at the state, and
 * thread_block looks at the flags after it has taken thread.lock: one of the two sees the other.
 * sleep.pml is this as a model, for Spin.
 *
 * References: a started thread has one of its own, which sched_finish_switch drops when it is dead and
 * off its stack; its task's list has another.
 */
#include "thread.h"

#include "arch.h"
#include "aspace.h"
#include "debug.h"
#include "mm.h"
#include "task.h"
#include "tlb.h"
#include "trap.h"

static _Atomic uint64_t next_id;

/* What context_switch pops, and where it returns to. */
struct switch_frame {
	uint64_t registers[6];
	uint64_t rip;
	uint64_t end; /* 0: the backtrace ends here */
};

static void init_common(struct thread *t, const char *name)
{
	t->id = ++next_id;
	memcpy(t->name, name, sizeof(t->name));
	spin_init(&t->lock, "thread", LOCK_THREAD);
	t->affinity = nr_cpus == MAX_CPUS ? UINT64_MAX : BIT(nr_cpus) - 1;
	t->cpu = this_cpu();
	list_init(&t->run_node);
	list_init(&t->task_node);
	thread_ipc_init(&t->ipc);
}

/* A new thread's first steps, still in the kernel. */
static void __attribute__((noreturn)) first_steps(void)
{
	sched_finish_switch();
	entry_user(thread_call_frame(current_thread()));
}

static void build_stack(struct thread *t, const struct quoin_thread_args *args)
{
	struct trap_frame *f = thread_call_frame(t);
	struct switch_frame *s = (struct switch_frame *)f - 1;

	memset(f, 0, sizeof(*f));
	f->rip = args->entry;
	f->cs = USER_CS;
	f->rflags = RFLAGS_FIXED | RFLAGS_IF;
	f->rsp = args->stack;
	f->ss = USER_SS;
	f->rdi = args->argument;
	memset(s, 0, sizeof(*s));
	s->rip = (uintptr_t)first_steps;
	t->sp = (uintptr_t)s;
}

static long add_stack(struct thread *t)
{
	if (account_charge(t->object.account, KSTACK_SIZE))
		return -QERR_NOMEM;
	t->stack_top = (uintptr_t)kstack_alloc();
	if (t->stack_top)
		return 0;
	account_uncharge(t->object.account, KSTACK_SIZE);
	return -QERR_NOMEM;
}

/* The thread page: pinned, and mapped in the task. */
static long add_page(struct thread *t, uintptr_t addr)
{
	uint64_t pa = frame_alloc_zeroed(t->task->account);
	long err;

	if (!pa)
		return -QERR_NOMEM;
	t->page = phys_to_virt(pa);
	err = aspace_map_page(t->native, addr, pa);
	if (!err)
		t->user_page = addr;
	return err;
}

long thread_new(struct task *task, const struct quoin_thread_args *args, struct thread **thread)
{
	struct thread *t = object_new(OBJECT_THREAD, sizeof(*t), task->account);
	long err;

	if (!t)
		return -QERR_NOMEM;
	init_common(t, args->name);
	t->state = THREAD_BLOCKED;
	t->newcomer = true;
	t->sched_class = args->sched_class;
	t->weight = args->weight ? args->weight : QUOIN_WEIGHT_DEFAULT;
	object_get(&task->object);
	t->task = task;
	t->native = task_aspace_get(task);
	if (!t->native) {
		object_put(&t->object);
		return -QERR_BADF; /* the task has ended */
	}
	err = add_stack(t);
	if (!err)
		err = add_page(t, args->page);
	if (err) {
		object_put(&t->object);
		return err;
	}
	build_stack(t, args);
	*thread = t;
	return 0;
}

/* The boot CPU's runs on the boot stack, the others' on one of its own. */
struct thread *thread_new_idle(struct cpu *cpu)
{
	struct thread *t = object_new(OBJECT_THREAD, sizeof(*t), NULL);
	char name[16] = "idle";

	if (!t)
		panic("no memory for an idle thread");
	init_common(t, name);
	t->sched_class = SCHED_IDLE;
	t->weight = QUOIN_WEIGHT_DEFAULT;
	t->affinity = UINT64_MAX;
	t->state = THREAD_RUNNING;
	t->cpu = cpu;
	t->on_cpu = 1;
	if (cpu->index != 0) {
		t->stack_top = (uintptr_t)kstack_alloc();
		if (!t->stack_top)
			panic("no memory for an idle thread");
	}
	return t;
}

/* The thread's own reference comes before it is in the task's list, where a kill can find it. */
long thread_start(struct thread *t)
{
	long err;

	object_get(&t->object);
	err = task_thread_add(t->task, t);
	if (err)
		object_put(&t->object);
	else
		thread_wake(t, 0);
	return err;
}

static void leave_guest(struct thread *t)
{
	struct aspace *guest = t->guest;

	t->in_guest = 0;
	t->guest = NULL;
	t->native = NULL;
	tlb_switch(NULL, NULL);
	if (guest)
		object_put(&guest->object);
}

void thread_exit(void)
{
	struct thread *t = current_thread();
	struct aspace *native = t->native;

	assert(this_cpu()->nr_locks == 0);
	leave_guest(t);
	if (t->user_page)
		aspace_unmap(native, t->user_page, PAGE_SIZE);
	t->user_page = 0;
	object_put(&native->object);
	task_thread_exit(t->task, t);
	spin_lock(&t->lock);
	t->state = THREAD_DEAD;
	spin_unlock(&t->lock);
	schedule();
	panic("a dead thread runs");
}

void thread_destroy(struct object *object)
{
	struct thread *t = container_of(object, struct thread, object);

	if (t->user_page) /* never started */
		aspace_unmap(t->native, t->user_page, PAGE_SIZE);
	if (t->native)
		object_put(&t->native->object);
	if (t->page)
		frame_put(virt_to_phys(t->page));
	if (t->stack_top) {
		kstack_free((void *)t->stack_top);
		account_uncharge(t->object.account, KSTACK_SIZE);
	}
	fpu_destroy(t);
	object_put(&t->task->object);
	object_free(&t->object, sizeof(*t));
}

/* Sleeping. */

void thread_prepare_block(void)
{
	struct thread *t = current_thread();

	spin_lock(&t->lock);
	t->state = THREAD_BLOCKING;
	spin_unlock(&t->lock);
}

void thread_cancel_block(void)
{
	struct thread *t = current_thread();

	spin_lock(&t->lock);
	t->state = THREAD_RUNNING;
	spin_unlock(&t->lock);
}

/* Why t should not go to sleep; 0 if it should. */
static long reason_to_stay(const struct thread *t, uint64_t deadline_tsc, bool interruptible)
{
	if (thread_dying(t))
		return -QERR_CANCELED;
	if (interruptible && t->kick)
		return -QERR_INTR;
	if (deadline_tsc <= rdtsc())
		return -QERR_TIMEDOUT;
	return 0;
}

/* Goes BLOCKED, unless somebody has woken t already or there is another reason to go on. */
static bool go_blocked(struct thread *t, uint64_t deadline_tsc, bool interruptible)
{
	bool blocked = false;
	long reason;

	spin_lock(&t->lock);
	if (t->state == THREAD_BLOCKING) {
		reason = reason_to_stay(t, deadline_tsc, interruptible);
		blocked = reason == 0;
		t->interruptible = interruptible;
		t->wake_result = reason;
		t->state = blocked ? THREAD_BLOCKED : THREAD_RUNNING;
	}
	spin_unlock(&t->lock);
	return blocked;
}

long thread_block(uint64_t deadline_ns, bool interruptible)
{
	struct thread *t = current_thread();
	uint64_t deadline_tsc = clock_deadline_tsc(deadline_ns);

	if (!go_blocked(t, deadline_tsc, interruptible))
		return t->wake_result;
	if (deadline_tsc != UINT64_MAX)
		timeout_arm(t, deadline_tsc);
	t->voluntary++;
	schedule();
	if (deadline_tsc != UINT64_MAX)
		timeout_cancel(t);
	return t->wake_result;
}

static bool wake_locked(struct thread *t, long result, bool handoff)
{
	if (t->state == THREAD_BLOCKING) {
		t->wake_result = result;
		t->state = THREAD_RUNNING;
		return true;
	}
	if (t->state != THREAD_BLOCKED)
		return false;
	t->wake_result = result;
	t->state = THREAD_READY;
	sched_enqueue(t, handoff);
	return true;
}

bool thread_wake(struct thread *t, long result)
{
	bool woken;

	spin_lock(&t->lock);
	woken = wake_locked(t, result, false);
	spin_unlock(&t->lock);
	return woken;
}

bool thread_wake_handoff(struct thread *t, long result)
{
	bool woken;

	spin_lock(&t->lock);
	woken = wake_locked(t, result, true);
	spin_unlock(&t->lock);
	return woken;
}

void thread_interrupt(struct thread *t)
{
	struct cpu *cpu = t->cpu;

	if (t->state == THREAD_RUNNING && cpu != this_cpu())
		arch_reschedule_ipi(cpu);
}

void thread_kill(struct thread *t)
{
	__atomic_fetch_or(&t->work, THREAD_DYING, __ATOMIC_SEQ_CST);
	spin_lock(&t->lock);
	if (t->state == THREAD_BLOCKED)
		wake_locked(t, -QERR_CANCELED, false);
	else
		thread_interrupt(t);
	spin_unlock(&t->lock);
}

void thread_kick(struct thread *t)
{
	trace(TRACE_KICK, t->id, 0);
	if (__atomic_exchange_n(&t->kick, true, __ATOMIC_SEQ_CST))
		return;
	spin_lock(&t->lock);
	if (t->state == THREAD_BLOCKED && t->interruptible)
		wake_locked(t, -QERR_INTR, false);
	else
		thread_interrupt(t);
	spin_unlock(&t->lock);
}

void thread_times(const struct thread *t, uint64_t *guest_ns, uint64_t *server_ns)
{
	uint64_t guest = t->guest_ticks, server = t->server_ticks;

	if (t->state == THREAD_RUNNING) {
		int64_t stretch = rdtsc() - t->started;

		*(t->in_guest ? &guest : &server) += stretch > 0 ? stretch : 0;
	}
	*guest_ns = clock_ticks_to_ns(guest);
	*server_ns = clock_ticks_to_ns(server);
}
