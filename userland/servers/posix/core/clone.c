/* SPDX-License-Identifier: MIT */
/*
 * clone, fork, vfork: a new process, or a new thread of the caller's.
 *
 * Everything that can fail is done first (limits, memory, address space, kernel thread); from
 * clone_publish on nothing fails: the new thread is in the tables, then runs.
 */
#include "file.h"
#include "fs.h"
#include "lockrank.h"
#include "process_internal.h"
#include "rlimit.h"
#include "user.h"
#include "usercopy.h"

struct clone {
	uint64_t flags;
	uint64_t stack;
	uint64_t parent_tid, child_tid;
	uint64_t tls;
	int exit_signal;
};

uint32_t threads_max(void)
{
	uint64_t max = runtime_info()->total_pages / 32;

	return max < 128 ? 128 : max > PID_MAX / 2 ? PID_MAX / 2 : (uint32_t)max;
}

static long clone_check(const struct clone *clone)
{
	uint64_t flags = clone->flags;

	if ((flags & LINUX_CLONE_THREAD) && !(flags & LINUX_CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & LINUX_CLONE_SIGHAND) && !(flags & LINUX_CLONE_VM))
		return -EINVAL;
	/* Signal actions are a process's; sharing them between two is not there. */
	if ((flags & LINUX_CLONE_SIGHAND) && !(flags & LINUX_CLONE_THREAD))
		return -EINVAL;
	if ((flags & LINUX_CLONE_PARENT) && current->process == init_process)
		return -EINVAL;
	if (flags & (LINUX_CLONE_NEWNS | LINUX_CLONE_NEWCGROUP | LINUX_CLONE_NEWUTS | LINUX_CLONE_NEWIPC |
		     LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWPID | LINUX_CLONE_NEWNET))
		return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (flags & LINUX_CLONE_PIDFD)
		return -EINVAL;
	if (clone->exit_signal > LINUX_NSIG)
		return -EINVAL;
	return 0;
}

/* The caller's registers, bases and vector state. */
static struct thread_start *clone_start(const struct clone *clone)
{
	struct thread *self = current;
	struct thread_start *start = calloc(1, sizeof(*start));
	uint64_t bases[2];

	if (!start)
		return NULL;
	start->fpu = fpu_image_alloc();
	if (!start->fpu) {
		free(start);
		return NULL;
	}
	quoin_vcpu_fpu_get((uintptr_t)start->fpu, fpu_image_bytes());
	quoin_vcpu_get_bases((uintptr_t)bases);
	start->fs_base = clone->flags & LINUX_CLONE_SETTLS ? clone->tls : bases[0];
	start->gs_base = bases[1];
	start->regs = self->page->vcpu;
	start->regs.rax = 0;
	if (clone->stack)
		start->regs.rsp = clone->stack;
	if (clone->flags & LINUX_CLONE_CHILD_SETTID)
		start->set_tid = clone->child_tid;
	return start;
}

/* A new process: copies of limits, actions and memory. */
static long clone_process(const struct clone *clone, struct process **out)
{
	struct process *parent = current->process;
	struct process *child = process_alloc();

	if (!child)
		return -ENOMEM;
	if (clone->flags & LINUX_CLONE_VM) {
		child->mm = mm_use(parent->mm);
	} else {
		long error = mm_clone(parent->mm, &child->mm);
		if (error) {
			process_put(child);
			return error;
		}
	}
	mutex_lock(&parent->lock);
	memcpy(child->rlimits, parent->rlimits, sizeof(child->rlimits));
	for (int i = 0; i < LINUX_RLIM_NLIMITS; i++)
		atomic_init(&child->soft_limits[i], parent->rlimits[i].rlim_cur);
	mutex_unlock(&parent->lock);
	mutex_lock(&parent->signal_lock);
	memcpy(child->actions, parent->actions, sizeof(child->actions));
	mutex_unlock(&parent->signal_lock);
	/* the caller's parent has not asked for another signal than it gets for the caller */
	child->exit_signal = clone->flags & LINUX_CLONE_PARENT ? parent->exit_signal : clone->exit_signal;
	child->dumpable = parent->dumpable;
	child->no_new_privs = parent->no_new_privs;
	child->personality = parent->personality;
	*out = child;
	return 0;
}

static void process_discard(struct process *process)
{
	struct mm *mm = process->mm;

	process->mm = NULL;
	mm_unuse(mm);
	process_put(process);
}

static long clone_files(struct thread *child, uint64_t flags)
{
	struct thread *self = current;

	child->files = flags & LINUX_CLONE_FILES ? fdtable_share(self->files) : fdtable_clone(self->files);
	if (!child->files)
		return -ENOMEM;
	child->fs = flags & LINUX_CLONE_FS ? fs_context_share(self->fs) : fs_context_clone(self->fs);
	return child->fs ? 0 : -ENOMEM;
}

static struct thread *clone_thread(const struct clone *clone, struct process *process)
{
	struct thread *self = current;
	struct thread *child = thread_alloc(process);

	if (!child)
		return NULL;
	child->cred = cred_get(self->cred);
	memcpy(child->comm, self->comm, sizeof(child->comm));
	child->blocked = self->blocked;
	thread_inherit_sched(child, self);
	if (clone->flags & LINUX_CLONE_CHILD_CLEARTID)
		child->clear_child_tid = clone->child_tid;
	if (!(clone->flags & LINUX_CLONE_VM) || (clone->flags & LINUX_CLONE_VFORK))
		child->altstack = self->altstack;
	if (clone_files(child, clone->flags) == 0 && (child->start = clone_start(clone)))
		return child;
	if (child->files)
		fdtable_put(child->files);
	if (child->fs)
		fs_context_put(child->fs);
	thread_put(child);
	return NULL;
}

static void thread_discard(struct thread *thread)
{
	fdtable_put(thread->files);
	fs_context_put(thread->fs);
	free(thread->start->fpu);
	thread_put(thread);
}

/* Base of the CPU time and the place on the CPUs that a reused kernel thread brings along; it starts anew. */
static void clone_prepare_kthread(struct thread *child, struct kthread *kthread)
{
	struct quoin_thread_info info;

	child->kthread = kthread;
	if (quoin_thread_info(kthread->handle, (uintptr_t)&info) == 0)
		child->base_times = (struct process_times){
			.guest_ns = info.guest_ns,
			.server_ns = info.server_ns,
			.voluntary = info.voluntary,
			.involuntary = info.involuntary,
		};
	quoin_thread_sched(kthread->handle, QUOIN_SCHED_FAIR, child->weight);
	if (kthread->affinity != child->affinity) {
		quoin_thread_affinity(kthread->handle, child->affinity);
		kthread->affinity = child->affinity;
	}
}

static bool ending_locked(const struct process *process)
{
	return process->group_exit || process->exec_thread;
}

/* A process that is being ended gets no new children. */
static bool may_have_child(struct process *parent)
{
	mutex_lock(&parent->signal_lock);
	bool may = !ending_locked(parent);
	mutex_unlock(&parent->signal_lock);
	return may;
}

/* Nor new threads: whoever ends it marks those in the list, so the question and the entry are one step. */
static bool thread_list_add(struct thread *child)
{
	struct process *process = child->process;

	mutex_lock(&process->signal_lock);
	bool may = !ending_locked(process);
	if (may) {
		list_add_tail(&process->threads, &child->link);
		process->nr_threads++;
		if (process->stop_requested)
			atomic_fetch_or(&child->work, WORK_STOP);
	}
	mutex_unlock(&process->signal_lock);
	return may;
}

/* Under tasklist_lock. */
static long clone_link_locked(const struct clone *clone, struct thread *child)
{
	struct process *parent = current->process, *process = child->process;
	int tid = pid_alloc_locked(child);

	if (tid < 0)
		return tid;
	child->tid = tid;
	if ((process != parent && !may_have_child(parent)) || !thread_list_add(child)) {
		pid_free_locked(tid);
		return -ERESTARTNOINTR;
	}
	if (process == parent)
		return 0;
	process->pid = tid;
	process->leader = child;
	process->parent = clone->flags & LINUX_CLONE_PARENT ? parent->parent : parent;
	process->parent_pid = process->parent->pid;
	list_add_tail(&process->parent->children, &process->sibling);
	pgrp_join_locked(process, parent->pgrp);
	return 0;
}

/*
 * The caller sleeps until the child has left its memory: exec or exit.  The child (vfork_complete)
 * touches this struct under tasklist_lock only, so after the lock was taken here it no longer does.
 */
static void vfork_wait(struct vfork_done *done)
{
	wait_event_killable(&done->queue, atomic_load(&done->done));
	mutex_lock(&tasklist_lock);
	if (done->child)
		done->child->vfork_done = NULL;
	mutex_unlock(&tasklist_lock);
}

void vfork_complete(struct thread *thread)
{
	if (!thread->vfork_done)
		return;
	mutex_lock(&tasklist_lock);
	struct vfork_done *done = thread->vfork_done;
	if (done) {
		thread->vfork_done = NULL;
		done->child = NULL;
		atomic_store(&done->done, true);
		wait_queue_wake_all(&done->queue);
	}
	mutex_unlock(&tasklist_lock);
}

static long clone_run(const struct clone *clone, struct thread *child, struct kthread *kthread)
{
	struct vfork_done vfork = { .child = child };
	long tid;

	clone_prepare_kthread(child, kthread);
	wait_queue_init(&vfork.queue);
	mutex_lock(&tasklist_lock);
	long error = clone_link_locked(clone, child);
	if (!error && (clone->flags & LINUX_CLONE_VFORK))
		child->vfork_done = &vfork;
	mutex_unlock(&tasklist_lock);
	if (error)
		return error;

	/* Point of no return. */
	tid = child->tid;
	if (child->process != current->process)
		process_cpu_limit_watch(child->process); /* the limit is inherited */
	if (clone->flags & LINUX_CLONE_PARENT_SETTID)
		put_user_u32(clone->parent_tid, (uint32_t)tid);
	kthread_start(kthread, thread_get(child));
	if (clone->flags & LINUX_CLONE_VFORK)
		vfork_wait(&vfork);
	return tid;
}

static long clone_charged(const struct clone *clone)
{
	struct process *process = NULL;
	struct kthread *kthread = NULL;
	struct thread *child = NULL;
	long error = 0;

	if (clone->flags & LINUX_CLONE_THREAD)
		process = process_get(current->process);
	else
		error = clone_process(clone, &process);
	if (error)
		return error;
	child = clone_thread(clone, process);
	if (child)
		kthread = kthread_get();
	error = kthread ? clone_run(clone, child, kthread) : -EAGAIN;
	if (error < 0) {
		if (kthread)
			kthread_put_unused(kthread);
		if (child)
			thread_discard(child);
		if (!(clone->flags & LINUX_CLONE_THREAD))
			process_discard(process);
	}
	if (clone->flags & LINUX_CLONE_THREAD)
		process_put(process);
	return error;
}

static long do_clone(const struct clone *clone)
{
	const struct cred *cred = current->cred;
	long error = clone_check(clone);

	if (error)
		return error;
	uint64_t limit = cred->uid == 0 ? LINUX_RLIM_INFINITY : rlimit_get(LINUX_RLIMIT_NPROC);
	if (!user_threads_charge(cred->uid, limit, threads_max()))
		return -EAGAIN;
	long result = clone_charged(clone);
	if (result < 0)
		user_threads_uncharge(cred->uid);
	return result;
}

long sys_clone(SYSCALL_ARGS)
{
	struct clone clone = {
		.flags = (uint64_t)a0 & 0xffffff00,
		.exit_signal = (int)(a0 & LINUX_CSIGNAL),
		.stack = (uint64_t)a1,
		.parent_tid = (uint64_t)a2,
		.child_tid = (uint64_t)a3,
		.tls = (uint64_t)a4,
	};

	return do_clone(&clone);
}

long sys_fork(SYSCALL_ARGS)
{
	struct clone clone = { .exit_signal = LINUX_SIGCHLD };

	return do_clone(&clone);
}

long sys_vfork(SYSCALL_ARGS)
{
	struct clone clone = {
		.flags = LINUX_CLONE_VFORK | LINUX_CLONE_VM,
		.exit_signal = LINUX_SIGCHLD,
	};

	return do_clone(&clone);
}

long sys_set_tid_address(SYSCALL_ARGS)
{
	current->clear_child_tid = (uint64_t)a0;
	return current->tid;
}
