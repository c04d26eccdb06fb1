/* SPDX-License-Identifier: MIT */
/*
 * Scheduling calls.  All threads of processes are in the kernel's fair class; nice values become
 * weights, 1.25 times per step as on Linux, and the policy SCHED_IDLE another, which is less than any.
 * Realtime policies are refused, except in what only asks.
 */
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

static const uint32_t nice_weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
	3906,  3121,  2501,  1991,  1586,  1277,  1024,  820,   655,   526,   423,  335,  272,  215,
	172,   137,   110,   87,    70,    56,    45,    36,    29,    23,    18,   15,
};

#define IDLE_WEIGHT    3
#define POLICY(policy) ((policy) & ~LINUX_SCHED_RESET_ON_FORK)

/* A thread by number with a reference; 0 is the caller. */
static struct thread *thread_find(int tid)
{
	if (!tid)
		return thread_get(current);
	mutex_lock(&tasklist_lock);
	struct thread *thread = pid_thread(tid);
	if (thread)
		thread_get(thread);
	mutex_unlock(&tasklist_lock);
	return thread;
}

static bool may_schedule(struct thread *thread)
{
	const struct cred *me = current->cred;

	if (thread->process == current->process || capable(CAP_SYS_NICE))
		return true;
	mutex_lock(&thread->process->lock);
	bool same = me->euid == thread->cred->uid || me->euid == thread->cred->euid;
	mutex_unlock(&thread->process->lock);
	return same;
}

/* ---- nice ---- */

static uint32_t weight_of(int nice, uint32_t policy)
{
	return POLICY(policy) == LINUX_SCHED_IDLE ? IDLE_WEIGHT : nice_weights[nice + 20];
}

static void thread_set(struct thread *thread, int nice, uint32_t policy)
{
	struct process *process = thread->process;

	mutex_lock(&process->signal_lock);
	thread->nice = (int8_t)nice;
	thread->policy = policy;
	thread->weight = weight_of(nice, policy);
	if (thread->kthread)
		quoin_thread_sched(thread->kthread->handle, QUOIN_SCHED_FAIR, thread->weight);
	mutex_unlock(&process->signal_lock);
}

/* Within what RLIMIT_NICE allows. */
static bool may_be_so_nice(const struct thread *thread, int nice)
{
	uint64_t limit = atomic_load(&thread->process->soft_limits[LINUX_RLIMIT_NICE]);

	return nice >= 20 - (int)MIN(limit, 40ul) || capable(CAP_SYS_NICE);
}

static long thread_set_nice(struct thread *thread, int nice)
{
	if (!may_schedule(thread))
		return -EPERM;
	if (nice < thread->nice && !may_be_so_nice(thread, nice))
		return -EACCES;
	thread_set(thread, nice, thread->policy);
	return 0;
}

struct nice_walk {
	bool set;
	int nice; /* to set, or the lowest found */
	long result;
};

static void nice_visit(struct nice_walk *walk, struct process *process)
{
	struct thread *thread = process->leader;

	if (!thread)
		return;
	if (!walk->set) {
		walk->nice = walk->result ? thread->nice : MIN(walk->nice, thread->nice);
		walk->result = 0;
		return;
	}
	long error = thread_set_nice(thread, walk->nice);
	if (walk->result == -ESRCH || error)
		walk->result = error;
}

static bool uid_matches(struct process *process, uint32_t uid)
{
	return process->leader && process_uid(process) == uid;
}

static void nice_walk(struct nice_walk *walk, int which, int who)
{
	struct process *process;

	walk->result = -ESRCH;
	mutex_lock(&tasklist_lock);
	if (which == LINUX_PRIO_PROCESS) {
		struct thread *thread = who ? pid_thread(who) : current;
		if (thread && walk->set)
			walk->result = thread_set_nice(thread, walk->nice);
		else if (thread) {
			walk->nice = thread->nice;
			walk->result = 0;
		}
	} else if (which == LINUX_PRIO_PGRP) {
		struct pgrp *pgrp = who ? pid_pgrp(who) : current->process->pgrp;
		if (pgrp)
			list_for_each_entry (process, &pgrp->processes, pgrp_link)
				nice_visit(walk, process);
	} else {
		uint32_t uid = who ? (uint32_t)who : current->cred->uid;
		for (int pid = 1; pid < PID_MAX; pid++)
			if ((process = pid_process(pid)) && uid_matches(process, uid))
				nice_visit(walk, process);
	}
	mutex_unlock(&tasklist_lock);
}

long sys_setpriority(SYSCALL_ARGS)
{
	int nice = (int)a2 < -20 ? -20 : (int)a2 > 19 ? 19 : (int)a2;
	struct nice_walk walk = { .set = true, .nice = nice };

	if ((int)a0 < LINUX_PRIO_PROCESS || (int)a0 > LINUX_PRIO_USER)
		return -EINVAL;
	nice_walk(&walk, (int)a0, (int)a1);
	return walk.result;
}

/* The raw call returns 20 - nice, so that it is never negative. */
long sys_getpriority(SYSCALL_ARGS)
{
	struct nice_walk walk = { .set = false };

	if ((int)a0 < LINUX_PRIO_PROCESS || (int)a0 > LINUX_PRIO_USER)
		return -EINVAL;
	nice_walk(&walk, (int)a0, (int)a1);
	return walk.result ? walk.result : 20 - walk.nice;
}

/* ---- policies ---- */

static bool policy_is_fair(int policy)
{
	return policy == LINUX_SCHED_NORMAL || policy == LINUX_SCHED_BATCH || policy == LINUX_SCHED_IDLE;
}

static bool policy_is_realtime(int policy)
{
	return policy == LINUX_SCHED_FIFO || policy == LINUX_SCHED_RR;
}

void thread_sched(const struct thread *thread, int *nice, uint32_t *policy)
{
	*nice = thread->nice;
	*policy = POLICY(thread->policy);
}

/* As SCHED_RESET_ON_FORK says, which a child does not have any more. */
void thread_inherit_sched(struct thread *child, const struct thread *parent)
{
	bool reset = parent->policy & LINUX_SCHED_RESET_ON_FORK && parent->nice < 0;

	child->nice = reset ? 0 : parent->nice;
	child->policy = POLICY(parent->policy);
	child->weight = weight_of(child->nice, child->policy);
	child->affinity = parent->affinity;
}

static long policy_set(struct thread *thread, uint32_t policy)
{
	uint32_t old = thread->policy;

	if (!may_schedule(thread))
		return -EPERM;
	if (POLICY(old) == LINUX_SCHED_IDLE && POLICY(policy) != LINUX_SCHED_IDLE &&
	    !may_be_so_nice(thread, thread->nice))
		return -EPERM;
	if (old & ~policy & LINUX_SCHED_RESET_ON_FORK && !capable(CAP_SYS_NICE))
		return -EPERM;
	thread_set(thread, thread->nice, policy);
	return 0;
}

/* policy < 0: as it is. */
static long scheduler_set(int tid, int policy, uint64_t param)
{
	uint32_t priority;
	struct thread *thread;
	long result = 0;

	if (tid < 0 || !param)
		return -EINVAL;
	if (get_user_u32(param, &priority))
		return -EFAULT;
	thread = thread_find(tid);
	if (!thread)
		return -ESRCH;
	if (policy < 0)
		policy = (int)thread->policy;
	if (policy_is_realtime(POLICY(policy)))
		result = priority < 1 || priority > 99 ? -EINVAL : -EPERM;
	else if (!policy_is_fair(POLICY(policy)) || priority)
		result = -EINVAL;
	else
		result = policy_set(thread, (uint32_t)policy);
	thread_put(thread);
	return result;
}

long sys_sched_setscheduler(SYSCALL_ARGS)
{
	return (int)a1 < 0 ? -EINVAL : scheduler_set((int)a0, (int)a1, (uint64_t)a2);
}

long sys_sched_getscheduler(SYSCALL_ARGS)
{
	struct thread *thread = (int)a0 < 0 ? NULL : thread_find((int)a0);

	if (!thread)
		return (int)a0 < 0 ? -EINVAL : -ESRCH;
	long policy = thread->policy;
	thread_put(thread);
	return policy;
}

long sys_sched_setparam(SYSCALL_ARGS)
{
	return scheduler_set((int)a0, -1, (uint64_t)a1);
}

long sys_sched_getparam(SYSCALL_ARGS)
{
	long policy = sys_sched_getscheduler(a0, 0, 0, 0, 0, 0);

	if (!a1)
		return -EINVAL;
	return policy < 0 ? policy : put_user_u32((uint64_t)a1, 0);
}

long sys_sched_get_priority_max(SYSCALL_ARGS)
{
	return policy_is_realtime((int)a0)                             ? 99
	       : policy_is_fair((int)a0) || a0 == LINUX_SCHED_DEADLINE ? 0
								       : -EINVAL;
}

long sys_sched_get_priority_min(SYSCALL_ARGS)
{
	return policy_is_realtime((int)a0)                             ? 1
	       : policy_is_fair((int)a0) || a0 == LINUX_SCHED_DEADLINE ? 0
								       : -EINVAL;
}

long sys_sched_rr_get_interval(SYSCALL_ARGS)
{
	long policy = sys_sched_getscheduler(a0, 0, 0, 0, 0, 0);

	return policy < 0 ? policy : timespec_to_user((uint64_t)a1, 4000000);
}

/* ---- affinity ---- */

static uint64_t online_mask(void)
{
	uint32_t nr = runtime_info()->nr_cpus;

	return nr >= 64 ? ~0ull : (1ull << nr) - 1;
}

uint64_t thread_cpus(const struct thread *thread)
{
	return thread->affinity & online_mask();
}

long sys_sched_getaffinity(SYSCALL_ARGS)
{
	struct thread *thread;

	if ((uint64_t)a1 * 8 < runtime_info()->nr_cpus || (a1 & 7))
		return -EINVAL;
	thread = thread_find((int)a0);
	if (!thread)
		return -ESRCH;
	uint64_t mask = thread_cpus(thread);
	thread_put(thread);
	return put_user_u64((uint64_t)a2, mask) ? -EFAULT : (long)sizeof(mask);
}

long sys_sched_setaffinity(SYSCALL_ARGS)
{
	uint64_t mask = 0;
	struct thread *thread;
	long result = -EPERM;

	if (copy_from_user(&mask, (uint64_t)a2, MIN((uint64_t)a1, sizeof(mask))))
		return -EFAULT;
	mask &= online_mask();
	if (!mask)
		return -EINVAL;
	thread = thread_find((int)a0);
	if (!thread)
		return -ESRCH;
	if (may_schedule(thread)) {
		mutex_lock(&thread->process->signal_lock);
		thread->affinity = mask;
		if (thread->kthread) {
			quoin_thread_affinity(thread->kthread->handle, mask);
			thread->kthread->affinity = mask;
		}
		mutex_unlock(&thread->process->signal_lock);
		result = 0;
	}
	thread_put(thread);
	return result;
}
