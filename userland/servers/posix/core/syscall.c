/* SPDX-License-Identifier: MIT */
/*
 * The loop every thread of every process runs: enter the application, and when it comes out again
 * do what it wants.  A system call comes as a return of vcpu_run with the registers in the thread
 * page, is looked up in one table, and its result goes back into rax.  Everything rare (signals,
 * stops, the end) is behind one test of thread.work.
 *
 * No reason to leave is lost: whoever wants the thread sets thread.work first and kicks after;
 * either the test here sees the bit, or the kick is latched and vcpu_run returns at once.
 */
#include "futex.h"
#include "process_internal.h"
#include "usercopy.h"

_Atomic uint64_t syscall_absent_count[LINUX_SYS_COUNT];
_Atomic uint64_t syscall_unknown_count;

static linux_call_handler *const syscall_table[LINUX_SYS_COUNT] = LINUX_CALL_DISPATCH;

long sys_absent(SYSCALL_ARGS)
{
	uint64_t number = current->orig_rax;

	if (number < LINUX_SYS_COUNT)
		atomic_fetch_add_explicit(&syscall_absent_count[number], 1, memory_order_relaxed);
	return -ENOSYS;
}

static long syscall_unknown(void)
{
	atomic_fetch_add_explicit(&syscall_unknown_count, 1, memory_order_relaxed);
	return -ENOSYS;
}

static inline void syscall_dispatch(struct thread *thread, struct quoin_vcpu_state *regs)
{
	uint64_t number = regs->rax;

	thread->orig_rax = number;
	if (unlikely(number >= LINUX_SYS_COUNT)) {
		regs->rax = (uint64_t)syscall_unknown();
		return;
	}
	regs->rax = (uint64_t)syscall_table[number]((long)regs->rdi, (long)regs->rsi, (long)regs->rdx,
						    (long)regs->r10, (long)regs->r8, (long)regs->r9);
}

/* What clone prepared is put into the kernel thread; a failure ends the new thread like SIGKILL. */
static bool thread_enter(struct thread *thread)
{
	struct thread_start *start = thread->start;

	if (thread->boot) {
		thread->boot();
		return thread->process->mm;
	}
	long error = quoin_vcpu_attach(thread->process->mm->aspace);

	if (!error)
		error = quoin_vcpu_set_bases(start->fs_base, start->gs_base);
	if (!error)
		error = quoin_vcpu_fpu_set((uintptr_t)start->fpu, start->fpu ? fpu_image_bytes() : 0);
	thread->page->vcpu = start->regs;
	if (!error && start->set_tid)
		put_user_u32(start->set_tid, (uint32_t)thread->tid);
	free(start->fpu);
	free(start);
	thread->start = NULL;
	if (error)
		log_printf("thread %d cannot start: %ld", thread->tid, error);
	return !error;
}

static void guest_loop(struct thread *thread)
{
	struct quoin_vcpu_state *regs = &thread->page->vcpu;

	for (;;) {
		long reason = quoin_vcpu_run();

		if (likely(reason == QUOIN_VCPU_SYSCALL)) {
			syscall_dispatch(thread, regs);
			if (likely(!atomic_load_explicit(&thread->work, memory_order_relaxed)))
				continue;
		} else if (reason == QUOIN_VCPU_EXCEPTION) {
			thread->orig_rax = ~0ull;
			thread_handle_exception(thread);
		} else if (reason == QUOIN_VCPU_KICK) {
			thread->orig_rax = ~0ull;
		} else { /* the kernel refuses the registers */
			thread->orig_rax = ~0ull;
			signal_force(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0);
		}
		if (!thread_do_work(thread))
			return;
	}
}

void guest_run(struct thread *thread)
{
	if (thread_enter(thread)) {
		guest_loop(thread);
	} else {
		mutex_lock(&thread->process->signal_lock);
		process_exit_all_locked(thread->process, LINUX_SIGKILL);
		mutex_unlock(&thread->process->signal_lock);
	}
	thread_exit(thread);
}
