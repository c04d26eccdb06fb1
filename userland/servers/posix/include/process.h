/* SPDX-License-Identifier: MIT */
/*
 * Processes and threads.
 *
 * A struct process is what POSIX calls a process (Linux: a thread group); a struct thread is one
 * thread of it and runs on a kernel thread of this server (core/kthread.c keeps a pool of those).
 *
 *   thread:   created (thread_create) -> running -> exited; the last reference frees it
 *   process:  alive -> (stopped <-> alive) -> zombie, when its last thread has exited
 *             -> dead, when the parent has waited for it; the last reference frees it
 *
 * Lock legend of the fields:
 *   [I] immutable   [a] atomic   [s] only by the thread itself
 *   [t] tasklist_lock   [p] process.lock   [g] process.signal_lock
 */
#ifndef POSIX_PROCESS_H
#define POSIX_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/runtime.h>
#include <quoin/sync.h>
#include <quoin/types.h>
#include "linux/process.h"
#include "clock.h"
#include "cred.h"
#include "mm.h"
#include "pid.h"
#include "signal.h"
#include "wait.h"

struct fdtable;
struct fs_context;
struct kthread;
struct thread_start;
struct posix_timer;
struct vfork_done;

/* Reasons why a thread may not simply go back to its application; thread.work. */
enum thread_work {
	WORK_SIGNAL = 1 << 0,       /* a signal may be pending */
	WORK_STOP = 1 << 1,         /* the process is being stopped */
	WORK_RESTORE_MASK = 1 << 2, /* thread.saved_mask is to come back */
	WORK_EXIT = 1 << 3,         /* the process is being ended, or the thread by an exec */
};

struct process_times {
	uint64_t guest_ns, server_ns;
	uint64_t minor_faults, major_faults;
	uint64_t voluntary, involuntary;
	uint64_t max_rss_kib;
};

struct thread {
	_Atomic uint32_t refs;
	_Atomic uint32_t work;          /* [a] enum thread_work */
	struct quoin_thread_page *page; /* [I] registers, shared with the kernel */
	struct process *process;        /* [I] holds a reference */
	int tid;                        /* [t] changes in exec only */
	bool exited;                    /* [g] */
	struct kthread *kthread;        /* [g] null once it has exited */
	struct list link;               /* [t] in process.threads */

	struct cred *cred;              /* [p] to write and for others to read; own thread just reads */
	struct fdtable *files;          /* [p] as cred */
	struct fs_context *fs;          /* [p] as cred */
	char comm[LINUX_TASK_COMM_LEN]; /* [p] */

	uint64_t orig_rax;           /* [s] number of the call it is in, ~0: none */
	struct sigpending pending;   /* [g] */
	uint64_t blocked;            /* [g] to write (own thread only) and for others to read */
	uint64_t saved_mask;         /* [s] */
	uint64_t wait_set;           /* [g] signals that sigtimedwait waits for */
	struct linux_stack altstack; /* [s] */
	struct {
		long (*function)(struct thread *thread); /* [s] what restart_syscall continues */
		uint64_t deadline;
		uint64_t user;
		uint32_t value;
		int clock;
	} restart;

	uint64_t clear_child_tid;         /* [s] */
	uint64_t robust_list;             /* [s] */
	struct vfork_done *vfork_done;    /* [t] of the parent that waits, in its stack */
	uint32_t weight;                  /* [g] scheduling weight */
	int8_t nice;                      /* [g] */
	uint32_t policy;                  /* [g] SCHED_*, and SCHED_RESET_ON_FORK */
	uint64_t affinity;                /* [g] */
	struct process_times base_times;  /* [I] the kernel thread's counters when this thread began */
	struct process_times final_times; /* [g] once it has exited */
	uint64_t start_ns;                /* [I] monotonic */
	struct thread_start *start;       /* [s] set up by clone, used at its first step */
	void (*boot)(void);               /* [s] instead of start: process 1 */
	void *fpu;                        /* [s] buffer for an XSAVE image, null until needed */
	int exit_status;                  /* [s] of its own exit */
	int pdeath_signal;                /* [s] */
	uint32_t nr_signals;              /* [s] delivered */
	uint64_t fault_vector, fault_error, fault_addr; /* [s] of the last exception, for the signal frame */
};

struct process {
	_Atomic uint32_t refs;
	int pid;                  /* [I] */
	struct mutex lock;        /* LOCK_PROCESS */
	struct mutex exec_lock;   /* LOCK_EXEC */
	struct mutex signal_lock; /* LOCK_SIGNAL */

	struct process *parent;       /* [t] */
	int parent_pid;               /* [t] to write: getppid just reads it */
	struct list children;         /* [t] of struct process, by sibling */
	struct list sibling;          /* [t] */
	struct list threads;          /* [t] and [g]: written under both, read under either */
	struct thread *leader;        /* [t], [p] and [g]: the thread whose tid is the pid; null once reaped */
	uint32_t nr_threads;          /* [g] not exited yet */
	struct pgrp *pgrp;            /* [t] */
	struct list pgrp_link;        /* [t] */
	struct wait_queue child_wait; /* a child changed state */

	struct mm *mm; /* [p] null for a zombie; threads of the process just read it */
	struct linux_rlimit rlimits[LINUX_RLIM_NLIMITS];  /* [p] and [g], as threads */
	_Atomic uint64_t soft_limits[LINUX_RLIM_NLIMITS]; /* [a] copies of rlim_cur */
	uint64_t start_ns;                                /* [I] monotonic */

	/* Signals. */
	struct linux_sigaction actions[LINUX_NSIG]; /* [g] of signal n at n - 1 */
	struct sigpending pending;                  /* [g] */
	uint32_t nr_queued;                         /* [g] entries in all queues, for RLIMIT_SIGPENDING */
	bool group_exit;                            /* [g] all threads are to exit with exit_status */
	struct thread *exec_thread;                 /* [g] all others are to exit: it executes a new program */
	bool stop_requested;                        /* [g] threads are to stop */
	uint32_t nr_stopped;                        /* [g] threads that have */
	uint32_t stop_generation;                   /* [g] counts stops */
	uint32_t nr_continues;                      /* [g] counts SIGCONTs, whether it was stopped or not */
	int stop_signal;                            /* [g] */
	bool stopped;                               /* [g] all have */
	bool stop_event;                            /* [g] a thread is to tell the parent of CLD_STOPPED */
	bool continue_event;                        /* [g] a thread is to tell the parent of CLD_CONTINUED */
	bool stop_reported;                         /* [g] wait has told the parent */
	bool continued;                             /* [g] wait is to tell the parent */
	struct wait_queue stop_wait; /* stopped threads sleep here; also exec waits for the others */

	/* The end. */
	bool zombie;                         /* [t] */
	bool reaped;                         /* [t] */
	int exit_signal;                     /* [t] to the parent, 0: none */
	int exit_status;                     /* [g] as wait4 stores it */
	struct process_times dead_threads;   /* [g] sums of the exited threads; of all, the peak */
	struct process_times children_times; /* [t] sums of the children waited for */
	bool subreaper;                      /* [t] */
	bool did_exec;                       /* [t] for setpgid */
	bool dumpable;                       /* [a] */
	bool no_new_privs;                   /* [a] */
	uint32_t personality;                /* [a] */

	struct timer itimer_real;      /* ITIMER_REAL, alarm */
	uint64_t itimer_real_interval; /* [g] ns */
	uint64_t itimer_real_next;     /* [g] monotonic, 0: off */
	struct cpu_itimer {
		uint64_t next, interval;  /* [g] CPU ns; 0: off */
	} itimer_cpu[2];                  /* VIRTUAL, PROF */
	struct timer cpu_timer;           /* looks at itimer_cpu and RLIMIT_CPU */
	uint64_t cpu_limit_told;          /* [g] second of CPU time at which SIGXCPU was sent last */
	struct posix_timer *posix_timers; /* [g] */
	int posix_timer_next_id;          /* [g] */
};

/* The calling thread; null on threads that serve no process (timers, write-back). */
static inline struct thread *thread_current(void)
{
	return runtime_self()->user;
}

#define current thread_current()

static inline struct process *process_get(struct process *process)
{
	atomic_fetch_add_explicit(&process->refs, 1, memory_order_relaxed);
	return process;
}
void process_put(struct process *process);

static inline struct thread *thread_get(struct thread *thread)
{
	atomic_fetch_add_explicit(&thread->refs, 1, memory_order_relaxed);
	return thread;
}
void thread_put(struct thread *thread);

/*
 * For procfs; all take what locks they need.  Walk processes with process_next() of pid.h.
 */
struct mm *process_mm_get(struct process *process);           /* or null */
struct cred *process_cred_get(struct process *process);       /* of the leader; null: it was reaped */
struct fdtable *process_fdtable_get(struct process *process); /* of the leader, with a reference; or null */
struct fs_context *process_fs_get(struct process *process);   /* same */
void process_comm(struct process *process, char comm[LINUX_TASK_COMM_LEN]);
void thread_sched(const struct thread *thread, int *nice, uint32_t *policy);
void process_sched(struct process *process, int *nice, uint32_t *policy); /* of the leader */
char process_state(struct process *process);                              /* R S T Z */
char thread_state(struct thread *thread);
uint64_t thread_cpus(const struct thread *thread); /* the mask of those it may run on */
uint64_t process_cpus(struct process *process);    /* of the leader */
int process_parent_pid(struct process *process);
void process_groups(struct process *process, int *pgrp, int *session);
void process_times(struct process *process, struct process_times *times); /* of all its threads */
void thread_times(struct thread *thread, struct process_times *times);
int process_threads(struct process *process, int *tids, int max);     /* their numbers; returns how many */
struct thread *process_thread_find(struct process *process, int tid); /* with a reference, or null */

struct process_signals {
	uint64_t pending, shared_pending, blocked, ignored, caught;
	uint32_t nr_queued;
};
void process_signals(struct process *process, struct process_signals *signals);

/* May the caller look into the process (ptrace-like access: /proc/PID/fd, maps, environ)? */
bool process_may_inspect(struct process *process);

uint32_t kthread_count(void); /* kernel threads that run processes, or are idle */
void kthread_drop_idle(void);
uint32_t process_count(void); /* live processes, for sysinfo and loadavg */
int process_last_pid(void);

#endif
