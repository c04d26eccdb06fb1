/* SPDX-License-Identifier: MIT */
/* What the files of core/ share among themselves. */
#ifndef POSIX_PROCESS_INTERNAL_H
#define POSIX_PROCESS_INTERNAL_H

#include "process.h"
#include "syscall.h"

/*
 * A kernel thread that runs threads of processes, one after the other.  Idle ones wait in a pool,
 * so that clone() costs no thread creation.
 */
struct kthread {
	struct list link;       /* [LOCK_POOL] in the pool */
	quoin_handle handle;    /* [I] */
	_Atomic uint32_t start; /* futex word: 1 when thread is set */
	struct thread *thread;  /* what it runs; holds a reference */
	uint64_t affinity;      /* as the kernel knows it */
};

struct kthread *kthread_get(void);                /* from the pool or new; null without memory */
void kthread_put_unused(struct kthread *kthread); /* back, without having run */
void kthread_start(struct kthread *kthread, struct thread *thread); /* takes over the reference */
void kthread_warm(unsigned count);                                  /* fills the pool */

/* pid.c, all under tasklist_lock */
int pid_alloc_locked(struct thread *thread);
void pid_free_locked(int pid);
void pid_set_thread_locked(int pid, struct thread *thread);
struct session *session_create_locked(struct process *leader);
struct pgrp *pgrp_create_locked(int id, struct session *session);
void pgrp_join_locked(struct process *process, struct pgrp *pgrp);
void pgrp_leave_locked(struct process *process);
bool pgrp_is_orphaned_locked(struct pgrp *pgrp, const struct process *ignored);

/* process.c */
extern struct process *init_process; /* pid 1, from start-up on */
struct process *process_alloc(void);
struct thread *thread_alloc(struct process *process);
void thread_times_locked(struct thread *thread, struct process_times *times);
void process_times_locked(struct process *process, struct process_times *times);
void process_times_add(struct process_times *sum, const struct process_times *more);
uint32_t process_uid(struct process *process); /* the leader's real user; 0 once it was reaped */
void process_note_peak(struct process *process, struct mm *mm);

/* What a new thread's kernel thread sets up before it enters the application. */
struct thread_start {
	struct quoin_vcpu_state regs;
	uint64_t fs_base, gs_base;
	void *fpu;        /* XSAVE image, owned; null: initial state */
	uint64_t set_tid; /* CHILD_SETTID address, or 0 */
};

/* clone.c */
struct vfork_done {
	struct wait_queue queue;
	_Atomic bool done;
	struct thread *child; /* under tasklist_lock; null when it has completed */
};
uint32_t threads_max(void);
void vfork_complete(struct thread *thread); /* the thread leaves the memory it shares with its parent */

/* sched.c */
void thread_inherit_sched(struct thread *child, const struct thread *parent);

/* syscall.c */
void guest_run(struct thread *thread);

/* exit.c */
void process_reap_locked(struct process *process);
void thread_exit(struct thread *thread);                           /* the calling thread, in guest_run's end */
void process_exit_all_locked(struct process *process, int status); /* signal_lock held: group exit */
void process_kick_all_locked(struct process *process, struct thread *except, uint32_t work);
void process_notify_parent_locked(struct process *process, int code, int status); /* tasklist_lock held */

/* signal.c: signal_lock held where the name says so */
struct sigqueue;
void sigpending_init(struct sigpending *pending);
void signal_flush_locked(struct process *process, struct sigpending *pending, uint64_t set);
long signal_send_locked(struct process *process, struct thread *thread, int sig,
			const struct linux_siginfo *info, bool force);
int signal_dequeue_locked(struct thread *thread, uint64_t mask, struct linux_siginfo *info);
void signal_recalc_locked(struct thread *thread);
void signal_set_blocked(struct thread *thread, uint64_t mask);
bool signal_protected_locked(const struct process *process, int sig);
bool signal_ignored_locked(const struct process *process, int sig);
void siginfo_user(struct linux_siginfo *info, int sig, int code);

/* sys_signal.c */
long signal_set_altstack(struct thread *self, struct linux_stack stack); /* -EPERM, -EINVAL, -ENOMEM */

/* posix_timer.c */
void posix_timers_destroy(struct process *process);
/* Its signal has come into a queue, or left it without being taken. */
void posix_timer_pending_locked(struct process *process, const struct linux_siginfo *info, bool pending);
void posix_timer_taken_locked(struct process *process, struct linux_siginfo *info);

/* signal_deliver.c */
bool thread_do_work(struct thread *thread); /* false: the thread is to end */
bool signal_on_altstack(const struct thread *thread);
void signal_mask_push_value(uint64_t mask);

/* exception.c */
void thread_handle_exception(struct thread *thread);

/* jobctl.c */
void jobctl_stop_locked(struct process *process, int sig); /* signal_lock held */
void jobctl_park(struct thread *thread);                   /* the calling thread, WORK_STOP set */
void jobctl_continue_locked(struct process *process);
void jobctl_thread_gone_locked(struct process *process); /* one less to wait for; signal_lock held */
void jobctl_notify(struct process *process);             /* no locks: tells the parent what is due */

/* exec.c */
long process_exec_kernel(const char *path, const char *const *argv, const char *const *envp);

/* rlimit.c */
void rlimits_init(struct process *process, uint32_t threads_max);

/* itimer.c */
void process_timers_init(struct process *process);
void process_timers_destroy(struct process *process);
void process_timers_exec(struct process *process);
void process_cpu_limit_watch(struct process *process);

/* fpu.c */
void *fpu_image_alloc(void);
size_t fpu_image_bytes(void);

#endif
