/*
 * Tasks: an address space, a handle table, an account and threads.
 *
 * States: ALIVE, then DYING (task_kill: no new threads; the threads leave as they notice), then ENDED,
 * when the last thread has called task_thread_exit or there was none: handles are closed, watchers
 * signalled.  The struct stays while handles to it remain.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include "handle.h"
#include "list.h"

struct thread;
struct aspace;
struct notification;

enum task_state { TASK_ALIVE, TASK_DYING, TASK_ENDED };

#define TASK_REPLY_BUCKETS 64

/*
 * [l] lock   [r] reply_lock   [T] task_list_lock   [I] immutable   [o] the task's own threads only
 */
struct task {
	struct object object;
	uint64_t id;             /* [I] */
	char name[32];           /* [I] */
	uint64_t aspace_id;      /* [I] */
	struct aspace *aspace;   /* [l] native; reference, NULL when ended */
	struct account *account; /* [I] its own; object.account is the creator's */
	uint32_t names;          /* [a] handles to it in tables other than its own */
	struct handle_table handles;
	struct list_node all; /* [T] */

	struct spinlock lock;
	enum task_state state;     /* [l] */
	struct list_node threads;  /* [l] of thread.task_node */
	uint32_t nr_threads;       /* [l] */
	int64_t exit_code;         /* [l] */
	int64_t fault_vector;      /* [l] -1: it did not end by a fault */
	uint64_t fault_addr;       /* [l] */
	struct list_node watchers; /* [l] struct task_watch */
	uint64_t dead_cpu_ns;      /* [l] time of threads that have ended */
	struct list_node ending;   /* of thread.ending: of the thread that ends it */

	uint64_t fixup_start, fixup_end; /* [o] task_set_fixup */
	uint64_t fixup_resume;           /* [o] */

	struct spinlock reply_lock;
	struct list_node served;                    /* served_lock: endpoints that it received from last */
	uint64_t next_token;                        /* [r] */
	struct thread *replies[TASK_REPLY_BUCKETS]; /* [r] callers by token, chained by ipc.next */
};

void task_init(void);

/*
 * A task with one reference, the caller's.  limit_pages 0: none but the parent's.  parent NULL: the
 * first task.
 */
long task_create(struct task *parent, struct aspace *aspace, const char *name, uint64_t limit_pages,
		 struct task **task);

/*
 * The first task with its aspace, its handles 1, 2, 5 and 6 (archive: physical range of the boot
 * archive).  The caller loads the program with aspace_copy_in and starts a thread.
 */
struct task *task_create_first(const char *name, uint64_t archive_pa, uint64_t archive_bytes);

/* The task's aspace with a new reference, NULL if the task has ended. */
struct aspace *task_aspace_get(struct task *task);

/* Handles to it in other tables come and go; a task without threads ends with the last. */
void task_named(struct task *task);
void task_unnamed(struct task *task);

/* Adds a thread (takes a reference on it and, for the thread, on the task). -QERR_BADF if it ends. */
long task_thread_add(struct task *task, struct thread *thread);
/*
 * Called by thread itself on its way out, on its kernel stack with the kernel root loaded.
 * The last one ends the task.  Drops the list's reference; the thread's own ref to task stays.
 */
void task_thread_exit(struct task *task, struct thread *thread);

/* Starts the end of a task.  Its threads leave on their way back to user mode (trap_user_work). */
void task_kill(struct task *task, int64_t code);
/* The same for a fault of one of its threads. */
void task_kill_fault(struct task *task, int64_t vector, uint64_t addr);

/* system_tasks. */
uint32_t task_list(struct quoin_task_info *infos, uint32_t count);

#endif
