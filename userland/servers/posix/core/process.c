/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing processes and threads, and what others may ask about them.  Life cycles and
 * locks are described in process.h.
 */
#include "file.h"
#include "fs.h"
#include "lockrank.h"
#include "process_internal.h"

struct process *init_process;

static _Atomic uint32_t nr_processes;

uint32_t process_count(void)
{
	return atomic_load_explicit(&nr_processes, memory_order_relaxed);
}

static void process_init_locks(struct process *process)
{
	mutex_init(&process->lock, "process", LOCK_PROCESS);
	mutex_init(&process->exec_lock, "exec", LOCK_EXEC);
	mutex_init(&process->signal_lock, "signal", LOCK_SIGNAL);
	wait_queue_init(&process->child_wait);
	wait_queue_init(&process->stop_wait);
}

struct process *process_alloc(void)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	atomic_init(&process->refs, 1);
	process_init_locks(process);
	list_init(&process->children);
	list_init(&process->sibling);
	list_init(&process->threads);
	list_init(&process->pgrp_link);
	sigpending_init(&process->pending);
	process_timers_init(process);
	process->start_ns = clock_monotonic_ns();
	process->dumpable = true;
	atomic_fetch_add(&nr_processes, 1);
	return process;
}

void process_put(struct process *process)
{
	if (!process || atomic_fetch_sub(&process->refs, 1) != 1)
		return;
	assert(!process->mm && list_empty(&process->threads));
	atomic_fetch_sub(&nr_processes, 1);
	free(process);
}

struct thread *thread_alloc(struct process *process)
{
	struct thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	atomic_init(&thread->refs, 1);
	thread->process = process_get(process);
	list_init(&thread->link);
	sigpending_init(&thread->pending);
	thread->altstack.ss_flags = LINUX_SS_DISABLE;
	thread->orig_rax = ~0ull;
	thread->weight = QUOIN_WEIGHT_DEFAULT;
	thread->affinity = ~0ull;
	thread->start_ns = clock_monotonic_ns();
	return thread;
}

void thread_put(struct thread *thread)
{
	if (!thread || atomic_fetch_sub(&thread->refs, 1) != 1)
		return;
	if (thread->cred)
		cred_put(thread->cred);
	free(thread->start);
	process_put(thread->process);
	free(thread);
}

/* ---- times ---- */

void process_times_add(struct process_times *sum, const struct process_times *more)
{
	sum->guest_ns += more->guest_ns;
	sum->server_ns += more->server_ns;
	sum->minor_faults += more->minor_faults;
	sum->major_faults += more->major_faults;
	sum->voluntary += more->voluntary;
	sum->involuntary += more->involuntary;
	sum->max_rss_kib = MAX(sum->max_rss_kib, more->max_rss_kib);
}

/* The process's peak of memory outlives the memory. */
void process_note_peak(struct process *process, struct mm *mm)
{
	uint64_t peak = mm_peak_kib(mm);

	mutex_lock(&process->signal_lock);
	process->dead_threads.max_rss_kib = MAX(process->dead_threads.max_rss_kib, peak);
	mutex_unlock(&process->signal_lock);
}

/* A kernel thread's counters go on from one POSIX thread to the next: base is where this one began.
 */
void thread_times_locked(struct thread *thread, struct process_times *times)
{
	struct quoin_thread_info info;

	if (thread->exited || !thread->kthread) {
		*times = thread->final_times;
		return;
	}
	*times = (struct process_times){ 0 };
	if (quoin_thread_info(thread->kthread->handle, (uintptr_t)&info) < 0)
		return;
	times->guest_ns = info.guest_ns - thread->base_times.guest_ns;
	times->server_ns = info.server_ns - thread->base_times.server_ns;
	times->voluntary = info.voluntary - thread->base_times.voluntary;
	times->involuntary = info.involuntary - thread->base_times.involuntary;
}

void process_times_locked(struct process *process, struct process_times *times)
{
	struct process_times one;
	struct thread *thread;

	*times = process->dead_threads;
	list_for_each_entry (thread, &process->threads, link) {
		if (thread->exited)
			continue; /* a dead leader: in dead_threads */
		thread_times_locked(thread, &one);
		process_times_add(times, &one);
	}
}

void process_times(struct process *process, struct process_times *times)
{
	mutex_lock(&process->signal_lock);
	process_times_locked(process, times);
	mutex_unlock(&process->signal_lock);
	struct mm *mm = process_mm_get(process);
	if (mm) {
		times->minor_faults += atomic_load(&mm->minor_faults);
		times->major_faults += atomic_load(&mm->major_faults);
		mm_put(mm);
	}
}

void thread_times(struct thread *thread, struct process_times *times)
{
	mutex_lock(&thread->process->signal_lock);
	thread_times_locked(thread, times);
	mutex_unlock(&thread->process->signal_lock);
}

/* ---- questions of procfs ---- */

struct mm *process_mm_get(struct process *process)
{
	mutex_lock(&process->lock);
	struct mm *mm = process->mm;
	if (mm)
		mm_get(mm);
	mutex_unlock(&process->lock);
	return mm;
}

/* A process that has been reaped has no leader any more, whatever references to it there are. */
struct cred *process_cred_get(struct process *process)
{
	mutex_lock(&process->lock);
	struct cred *cred = process->leader ? cred_get(process->leader->cred) : NULL;
	mutex_unlock(&process->lock);
	return cred;
}

uint32_t process_uid(struct process *process)
{
	mutex_lock(&process->lock);
	uint32_t uid = process->leader ? process->leader->cred->uid : 0;
	mutex_unlock(&process->lock);
	return uid;
}

struct fdtable *process_fdtable_get(struct process *process)
{
	mutex_lock(&process->lock);
	struct fdtable *files = process->leader ? process->leader->files : NULL;
	if (files)
		fdtable_share(files);
	mutex_unlock(&process->lock);
	return files;
}

struct fs_context *process_fs_get(struct process *process)
{
	mutex_lock(&process->lock);
	struct fs_context *fs = process->leader ? process->leader->fs : NULL;
	if (fs)
		fs_context_share(fs);
	mutex_unlock(&process->lock);
	return fs;
}

void process_comm(struct process *process, char comm[LINUX_TASK_COMM_LEN])
{
	memset(comm, 0, LINUX_TASK_COMM_LEN);
	mutex_lock(&process->lock);
	if (process->leader)
		memcpy(comm, process->leader->comm, LINUX_TASK_COMM_LEN);
	mutex_unlock(&process->lock);
}

void process_sched(struct process *process, int *nice, uint32_t *policy)
{
	*nice = 0;
	*policy = LINUX_SCHED_NORMAL;
	mutex_lock(&process->signal_lock);
	if (process->leader)
		thread_sched(process->leader, nice, policy);
	mutex_unlock(&process->signal_lock);
}

uint64_t process_cpus(struct process *process)
{
	mutex_lock(&process->signal_lock);
	uint64_t mask = process->leader ? thread_cpus(process->leader) : 0;
	mutex_unlock(&process->signal_lock);
	return mask;
}

static char thread_state_locked(struct thread *thread)
{
	struct quoin_thread_info info;

	if (thread->exited)
		return 'Z';
	if (thread->process->stopped)
		return 'T';
	if (!thread->kthread || quoin_thread_info(thread->kthread->handle, (uintptr_t)&info) < 0)
		return 'R';
	return info.state == 1 ? 'S' : 'R';
}

char thread_state(struct thread *thread)
{
	mutex_lock(&thread->process->signal_lock);
	char state = thread_state_locked(thread);
	mutex_unlock(&thread->process->signal_lock);
	return state;
}

/* Running if any thread runs, as ps shows it. */
char process_state(struct process *process)
{
	char state = 'S';
	struct thread *thread;

	if (process->zombie)
		return 'Z';
	mutex_lock(&process->signal_lock);
	if (process->stopped)
		state = 'T';
	list_for_each_entry (thread, &process->threads, link)
		if (thread_state_locked(thread) == 'R')
			state = 'R';
	mutex_unlock(&process->signal_lock);
	return state;
}

int process_parent_pid(struct process *process)
{
	mutex_lock(&tasklist_lock);
	int pid = process->parent ? process->parent->pid : 0;
	mutex_unlock(&tasklist_lock);
	return pid;
}

void process_groups(struct process *process, int *pgrp, int *session)
{
	mutex_lock(&tasklist_lock);
	*pgrp = process->pgrp ? process->pgrp->id : 0;
	*session = process->pgrp ? process->pgrp->session->id : 0;
	mutex_unlock(&tasklist_lock);
}

int process_threads(struct process *process, int *tids, int max)
{
	struct thread *thread;
	int n = 0;

	mutex_lock(&process->signal_lock);
	list_for_each_entry (thread, &process->threads, link) {
		if (n < max)
			tids[n] = thread->tid;
		n++;
	}
	mutex_unlock(&process->signal_lock);
	return n;
}

struct thread *process_thread_find(struct process *process, int tid)
{
	struct thread *thread, *found = NULL;

	mutex_lock(&process->signal_lock);
	list_for_each_entry (thread, &process->threads, link)
		if (thread->tid == tid)
			found = thread_get(thread);
	mutex_unlock(&process->signal_lock);
	return found;
}

void process_signals(struct process *process, struct process_signals *signals)
{
	mutex_lock(&process->signal_lock);
	*signals = (struct process_signals){
		.pending = process->leader ? process->leader->pending.set : 0,
		.shared_pending = process->pending.set,
		.blocked = process->leader ? process->leader->blocked : 0,
		.nr_queued = process->nr_queued,
	};
	for (int sig = 1; sig <= LINUX_NSIG; sig++) {
		uint64_t handler = process->actions[sig - 1].sa_handler;
		if (handler == LINUX_SIG_IGN)
			signals->ignored |= SIGSET(sig);
		else if (handler != LINUX_SIG_DFL)
			signals->caught |= SIGSET(sig);
	}
	mutex_unlock(&process->signal_lock);
}

/* As Linux's ptrace access check: the same user in all ids, or root. */
bool process_may_inspect(struct process *process)
{
	const struct cred *me = current->cred;

	if (process == current->process || capable(CAP_SYS_PTRACE))
		return true;
	struct cred *cred = process_cred_get(process);
	if (!cred)
		return false;
	bool same = me->fsuid == cred->euid && me->fsuid == cred->suid && me->fsuid == cred->uid &&
		    me->fsgid == cred->egid && me->fsgid == cred->sgid && me->fsgid == cred->gid;
	cred_put(cred);
	return same && process->dumpable;
}
