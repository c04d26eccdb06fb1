/*
 * The calls about threads, time and the system as a whole.
 */
#include "arch.h"
#include "aspace.h"
#include "debug.h"
#include "handle.h"
#include "mm.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

#define DEBUG_WRITE_MAX 512u
#define TASKS_MAX       4096u
#define MAX_WEIGHT      (1u << 20)

static bool in_server_region(uint64_t addr)
{
	return addr >= QUOIN_SERVER_MIN && addr < QUOIN_SERVER_MAX;
}

static bool args_ok(const struct quoin_thread_args *args)
{
	return in_server_region(args->entry) && in_server_region(args->page) &&
	       in_server_region(args->stack - 1) && page_aligned(args->page) &&
	       args->sched_class < SCHED_NR_CLASSES && args->weight <= MAX_WEIGHT;
}

/* Starts the thread and gives the caller a handle to it. */
static long start(struct task *caller, struct thread *t)
{
	struct handle_ref ref = { .object = &t->object, .rights = QUOIN_RIGHT_ALL };
	long handle = handle_insert(caller, &ref), err;

	if (handle < 0)
		return handle;
	err = thread_start(t);
	if (err == 0)
		return handle;
	handle_remove(caller, handle);
	return err;
}

long call_thread_create(quoin_handle handle, uintptr_t user_args)
{
	struct task *caller = current_thread()->task, *task;
	struct quoin_thread_args args;
	struct thread *t;
	long result;

	if (copy_from_user(&args, user_args, sizeof(args)) != 0)
		return -QERR_FAULT;
	if (!args_ok(&args))
		return -QERR_INVAL;
	result = handle_lookup(caller, handle, OBJECT_TASK, QUOIN_RIGHT_MANAGE, (struct object **)&task);
	if (result)
		return result;
	if (args.sched_class == QUOIN_SCHED_FAIR && pmm_only_reserve_left())
		result = -QERR_NOMEM; /* the reserve is for those that serve */
	else
		result = thread_new(task, &args, &t);
	if (result == 0) {
		result = start(caller, t);
		object_put(&t->object);
	}
	object_put(&task->object);
	return result;
}

long call_thread_exit(void)
{
	thread_exit();
}

long call_thread_yield(void)
{
	sched_yield();
	return 0;
}

static long lookup(quoin_handle handle, uint32_t rights, struct thread **t)
{
	return handle_lookup(current_thread()->task, handle, OBJECT_THREAD, rights, (struct object **)t);
}

long call_thread_sched(quoin_handle handle, uint32_t class, uint32_t weight)
{
	struct thread *t;
	long err;

	if (class >= SCHED_NR_CLASSES || weight > MAX_WEIGHT)
		return -QERR_INVAL;
	err = lookup(handle, QUOIN_RIGHT_MANAGE, &t);
	if (err)
		return err;
	t->newcomer = true;
	spin_lock(&t->lock);
	sched_change(t, class, weight ? weight : QUOIN_WEIGHT_DEFAULT, t->affinity);
	spin_unlock(&t->lock);
	object_put(&t->object);
	return 0;
}

long call_thread_affinity(quoin_handle handle, uint64_t cpu_mask)
{
	struct thread *t;
	long err;

	cpu_mask &= nr_cpus == MAX_CPUS ? UINT64_MAX : BIT(nr_cpus) - 1;
	if (cpu_mask == 0)
		return -QERR_INVAL;
	err = lookup(handle, QUOIN_RIGHT_MANAGE, &t);
	if (err)
		return err;
	spin_lock(&t->lock);
	sched_change(t, t->sched_class, t->weight, cpu_mask);
	spin_unlock(&t->lock);
	object_put(&t->object);
	return 0;
}

static uint32_t public_state(const struct thread *t)
{
	switch (t->state) {
	case THREAD_DEAD:
		return 2;
	case THREAD_BLOCKED:
		return 1;
	default:
		return 0;
	}
}

long call_thread_info(quoin_handle handle, uintptr_t user_info)
{
	struct quoin_thread_info info = { 0 };
	struct thread *t;
	long err = lookup(handle, QUOIN_RIGHT_READ, &t);

	if (err)
		return err;
	thread_times(t, &info.guest_ns, &info.server_ns);
	info.state = public_state(t);
	info.cpu = t->cpu->index;
	info.voluntary = t->voluntary;
	info.involuntary = t->involuntary;
	object_put(&t->object);
	return copy_to_user(user_info, &info, sizeof(info));
}

long call_thread_self_cpu(void)
{
	return this_cpu()->index;
}

long call_clock_monotonic(void)
{
	return clock_ns();
}

static void add_cpu(struct quoin_stats *s, const struct cpu *cpu)
{
	uint64_t guest_ns, idle_ns;

	s->context_switches += cpu->stats.context_switches;
	s->interrupts += cpu->stats.interrupts;
	s->ipc_calls += cpu->stats.ipc_calls;
	s->notifications += cpu->stats.notifications;
	s->vcpu_exits += cpu->stats.vcpu_exits;
	s->kernel_calls += cpu->stats.kernel_calls;
	s->page_faults += cpu->stats.page_faults;
	s->root_switches += cpu->stats.root_switches;
	s->tlb_shootdowns += cpu->stats.tlb_shootdowns;
	s->ipis += cpu->stats.ipis;
	s->tlb_invalidations += cpu->stats.tlb_invalidations;
	s->allocations += cpu->stats.allocations;
	s->frame_allocations += cpu->stats.frame_allocations;
	thread_times(cpu->idle, &guest_ns, &idle_ns);
	s->idle_ns += idle_ns;
}

long call_system_stats(uintptr_t user_stats)
{
	struct quoin_stats s = { 0 };

	slab_trim(); /* so that two looks differ only by what is in use */
	s.free_pages = pmm_free_pages() + kstack_cached_pages();
	s.total_pages = pmm_total_pages();
	s.kernel_pages = kernel_pages - kstack_cached_pages();
	s.objects = object_count();
	s.uptime_ns = clock_ns();
	for (unsigned i = 0; i < nr_cpus; i++)
		add_cpu(&s, cpus[i]);
	return copy_to_user(user_stats, &s, sizeof(s));
}

long call_system_tasks(uintptr_t user_infos, uint32_t count)
{
	struct quoin_task_info *infos = NULL;
	uint32_t wanted = MIN(count, TASKS_MAX), found;
	long err = 0;

	if (wanted > 0) {
		infos = kmalloc(wanted * sizeof(*infos));
		if (!infos)
			return -QERR_NOMEM;
	}
	found = task_list(infos, wanted);
	if (wanted > 0)
		err = copy_to_user(user_infos, infos, MIN(found, wanted) * sizeof(*infos));
	kfree(infos);
	return err ? err : (long)found;
}

long call_debug_write(uintptr_t text, uint32_t len)
{
	char buffer[DEBUG_WRITE_MAX];

	if (len > sizeof(buffer))
		return -QERR_INVAL;
	if (copy_from_user(buffer, text, len) != 0)
		return -QERR_FAULT;
	kwrite(buffer, len);
	return len;
}

long call_trace_read(uintptr_t buffer, uint64_t len)
{
	uint32_t back[MAX_CPUS] = { 0 };
	const struct trace_record *r;
	uint64_t done = 0;

	while (len - done >= sizeof(*r) && (r = trace_next_older(back))) {
		struct trace_record copy = *r;

		if (copy_to_user(buffer + done, &copy, sizeof(copy)) != 0)
			return -QERR_FAULT;
		done += sizeof(copy);
	}
	return done;
}
