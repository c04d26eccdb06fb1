/*
 * Threads.  The theory, with the argument why no wake-up is lost, is at the head of sched/thread.c.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

/* Offsets for assembly; asserted in arch/x86_64/cpu.c. */
#define THREAD_STACK_TOP 0x10
#define THREAD_SP        0x18
#define THREAD_PAGE      0x20
#define THREAD_IN_GUEST  0x28
#define THREAD_WORK      0x2c

/* thread.work: what to do before going back to user mode. */
#define THREAD_DYING 1

#ifndef __ASSEMBLER__

#include "ipc.h"
#include "object.h"
#include "percpu.h"
#include "pheap.h"

struct task;
struct aspace;

enum thread_state {
	THREAD_RUNNING,  /* on a CPU */
	THREAD_BLOCKING, /* on a CPU, has announced that it will block */
	THREAD_BLOCKED,  /* waits for thread_wake */
	THREAD_READY,    /* in a run queue */
	THREAD_DEAD,
};

/*
 * [I] immutable   [o] the thread itself   [l] lock   [q] lock of the run queue it is in
 * [t] lock of the time-out queue it is in   [a] atomic   [T] lock of its task
 */
struct thread {
	struct object object;
	uint64_t stack_top;             /* [I] of its kernel stack: end of the first frame */
	uint64_t sp;                    /* [o] kernel stack pointer while it is switched out */
	struct quoin_thread_page *page; /* [I] direct map; NULL for idle threads */
	uint32_t in_guest;              /* [o] 1 from vcpu_run's point of no return to the exit */
	_Atomic uint32_t work;          /* [a] THREAD_DYING */

	uint64_t id;                /* [I] */
	char name[16];              /* [I] */
	struct task *task;          /* [I] reference; NULL for idle threads */
	struct list_node task_node; /* [T] task.threads */
	uintptr_t user_page;        /* [I] where page is mapped in the task */

	struct spinlock lock;
	_Atomic uint32_t state; /* [l] enum thread_state; RUNNING <-> READY: [q] */
	bool interruptible;     /* [l] valid while BLOCKED */
	long wake_result;       /* [l] */
	_Atomic bool kick;      /* [a] the latch of vcpu_kick */

	struct aspace *native;     /* [o] task->aspace, a reference; NULL: idle, or on its way out */
	struct aspace *guest;      /* [o] reference; NULL: no vCPU */
	void *fpu;                 /* [o] vector state while switched out; NULL: never had a guest */
	void *fpu_block;           /* [o] what was allocated for it */
	struct cpu *fpu_cpu;       /* [o] whose registers held it last */
	uint64_t fs_base, gs_base; /* [o] of the guest, while switched out */

	uint32_t sched_class;               /* [q] */
	uint32_t weight;                    /* [q] */
	_Atomic uint64_t affinity;          /* [a] CPU mask */
	struct cpu *_Atomic cpu;            /* [q] runs there, or is in its queue, or did so last */
	_Atomic uint32_t on_cpu;            /* [a] its registers are still in use there */
	bool queued;                        /* [q] */
	struct list_node run_node;          /* [q] */
	struct pheap_node fair_node;        /* [q] */
	uint64_t vruntime;                  /* [q] */
	_Atomic bool newcomer;              /* [a] has no credit for the time it slept */
	uint64_t started;                   /* [o] TSC when its current stretch in this mode began */
	uint64_t charged;                   /* [o] guest_ticks + server_ticks that vruntime knows of */
	uint64_t guest_ticks, server_ticks; /* [o] */
	uint64_t voluntary, involuntary;    /* [o] switches */

	struct pheap_node timeout; /* [t] */
	struct cpu *timeout_cpu;   /* [o] whose queue timeout was put into */

	struct list_node *ending; /* [o] tasks that it is ending, the others behind the first; NULL: none */

	struct thread_ipc ipc;
};

/*
 * A thread of task, not started, with one reference for the caller.  args were checked for class and
 * weight; page is its thread page's frame (charged to the task and mapped at args->page).
 */
long thread_new(struct task *task, const struct quoin_thread_args *args, struct thread **thread);
/* Enters it into its task and makes it ready. -QERR_BADF if the task ends. */
long thread_start(struct thread *thread);
struct thread *thread_new_idle(struct cpu *cpu);
void thread_exit(void) __attribute__((noreturn));

/*
 * Sleeping.  The waiter, holding the lock of the object it waits for: thread_prepare_block(), put
 * itself on the object's list, drop the lock, thread_block(); then, if the result says that it was not
 * woken by the object, take the lock again and leave the list.
 */
void thread_prepare_block(void);
/*
 * Returns the waker's result, or -QERR_TIMEDOUT (deadline_ns of the monotonic clock), -QERR_INTR (if
 * interruptible: the kick latch is set, and stays; or, late, a kick that was taken already),
 * -QERR_CANCELED (the thread is dying).
 */
long thread_block(uint64_t deadline_ns, bool interruptible);
/* Takes back thread_prepare_block() before thread_block(). */
void thread_cancel_block(void);
/* Wakes a thread that is BLOCKING or BLOCKED; false: it was neither. */
bool thread_wake(struct thread *thread, long result);
/* The same; the waker is about to block, and the woken thread should take its CPU. */
bool thread_wake_handoff(struct thread *thread, long result);

/* Marks thread as dying, wakes it or interrupts its CPU; it leaves on its way back to user mode. */
void thread_kill(struct thread *thread);
/* The latched kick of vcpu_kick. */
void thread_kick(struct thread *thread);
/*
 * Makes the CPU that thread runs on look at what was changed before (kick, work, affinity); its lock is held.  One
 * that begins to run it right now is not always interrupted, but has not looked yet.
 */
void thread_interrupt(struct thread *thread);

static inline bool thread_dying(const struct thread *thread)
{
	return thread->work & THREAD_DYING;
}

/* Hook of arch: frees what vcpu_attach made for the vector state. */
void fpu_destroy(struct thread *thread);

/* Ticks of CPU time so far, the running stretch included as far as this CPU can see it. */
void thread_times(const struct thread *thread, uint64_t *guest_ns, uint64_t *server_ns);

#endif
#endif
