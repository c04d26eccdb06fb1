/* SPDX-License-Identifier: MIT */
/*
 * What a thread does on its way back to the application when thread.work is set: stop, end, take
 * signals.
 *
 * A signal with a handler gets a frame on the application's stack (struct linux_rt_sigframe, with
 * the vector state above it), the registers then point to the handler; rt_sigreturn puts everything
 * back.  A system call that the signal broke off left -ERESTART* in rax: here it becomes EINTR, or
 * the instruction pointer goes back to the `syscall` (two bytes) with rax as it was.
 */
#include "process_internal.h"
#include "usercopy.h"

#define SYSCALL_INSTRUCTION_BYTES 2
#define RED_ZONE_BYTES            128

/* Flags that rt_sigreturn takes from the frame: CF PF AF ZF SF TF DF OF RF AC. */
#define RFLAGS_USER 0x50dd5ul
#define RFLAGS_SET  0x202ul /* IF and the bit that is always 1 */
#define RFLAGS_TF   0x100ul
#define RFLAGS_DF   0x400ul
#define RFLAGS_RF   0x10000ul

#define USER_CS 0x33
#define USER_SS 0x2b

static struct quoin_vcpu_state *thread_regs(struct thread *thread)
{
	return &thread->page->vcpu;
}

/* ---- restart ---- */

static void restart_rewind(struct thread *thread)
{
	thread_regs(thread)->rax = thread->orig_rax;
	thread_regs(thread)->rip -= SYSCALL_INSTRUCTION_BYTES;
}

/* action null: no handler will run. */
static void restart_resolve(struct thread *thread, const struct linux_sigaction *action)
{
	struct quoin_vcpu_state *regs = thread_regs(thread);

	if (thread->orig_rax == ~0ull)
		return;
	switch ((int64_t)regs->rax) {
	case -ERESTARTNOINTR:
		restart_rewind(thread);
		break;
	case -ERESTARTSYS:
		if (!action || (action->sa_flags & LINUX_SA_RESTART))
			restart_rewind(thread);
		else
			regs->rax = (uint64_t)-EINTR;
		break;
	case -ERESTARTNOHAND:
		if (!action)
			restart_rewind(thread);
		else
			regs->rax = (uint64_t)-EINTR;
		break;
	case -ERESTART_RESTARTBLOCK:
		if (action) {
			regs->rax = (uint64_t)-EINTR;
		} else {
			restart_rewind(thread);
			regs->rax = LINUX_SYS_restart_syscall;
		}
		break;
	default:
		return;
	}
	thread->orig_rax = ~0ull;
}

long sys_restart_syscall(SYSCALL_ARGS)
{
	struct thread *self = current;
	long (*function)(struct thread *) = self->restart.function;

	self->restart.function = NULL;
	return function ? function(self) : -EINTR;
}

/* ---- frames ---- */

/* Where a frame for the handler begins, before alignment. */
static uint64_t frame_stack(struct thread *thread, const struct linux_sigaction *action)
{
	uint64_t sp = thread_regs(thread)->rsp - RED_ZONE_BYTES;
	const struct linux_stack *alt = &thread->altstack;

	if (!(action->sa_flags & LINUX_SA_ONSTACK) || (alt->ss_flags & LINUX_SS_DISABLE) ||
	    signal_on_altstack(thread))
		return sp;
	return alt->ss_sp + alt->ss_size;
}

bool signal_on_altstack(const struct thread *thread)
{
	const struct linux_stack *alt = &thread->altstack;
	uint64_t sp = thread->page->vcpu.rsp;

	if (alt->ss_flags & (LINUX_SS_DISABLE | LINUX_SS_AUTODISARM))
		return false;
	return sp > alt->ss_sp && sp - alt->ss_sp <= alt->ss_size;
}

/* The XSAVE image, with the words for software that say how large it is, and the second magic
 * behind. */
static long frame_put_fpu(struct thread *thread, uint64_t addr)
{
	size_t bytes = fpu_image_bytes();
	uint32_t magic2 = LINUX_FP_XSTATE_MAGIC2;

	if (!thread->fpu)
		thread->fpu = fpu_image_alloc();
	if (!thread->fpu || quoin_vcpu_fpu_get((uintptr_t)thread->fpu, bytes) < 0)
		return -EFAULT;
	struct linux_fpstate *image = thread->fpu;
	image->sw_reserved = (struct linux_fpx_sw_bytes){
		.magic1 = LINUX_FP_XSTATE_MAGIC1,
		.extended_size = (uint32_t)bytes + LINUX_FP_XSTATE_MAGIC2_SIZE,
		.xfeatures = runtime_info()->xsave_features,
		.xstate_size = (uint32_t)bytes,
	};
	if (copy_to_user(addr, image, bytes))
		return -EFAULT;
	return copy_to_user(addr + bytes, &magic2, sizeof(magic2));
}

static void sigcontext_save(struct linux_sigcontext *to, const struct thread *thread)
{
	const struct quoin_vcpu_state *regs = &thread->page->vcpu;

	*to = (struct linux_sigcontext){
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rdi = regs->rdi,
		.rsi = regs->rsi,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.rdx = regs->rdx,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rsp = regs->rsp,
		.rip = regs->rip,
		.rflags = regs->rflags,
		.cs = USER_CS,
		.ss = USER_SS,
		.err = thread->fault_error,
		.trapno = thread->fault_vector,
		.cr2 = thread->fault_addr,
		.oldmask = thread->blocked,
	};
}

static void sigcontext_load(struct thread *thread, const struct linux_sigcontext *from)
{
	struct quoin_vcpu_state *regs = thread_regs(thread);

	regs->r8 = from->r8;
	regs->r9 = from->r9;
	regs->r10 = from->r10;
	regs->r11 = from->r11;
	regs->r12 = from->r12;
	regs->r13 = from->r13;
	regs->r14 = from->r14;
	regs->r15 = from->r15;
	regs->rdi = from->rdi;
	regs->rsi = from->rsi;
	regs->rbp = from->rbp;
	regs->rbx = from->rbx;
	regs->rdx = from->rdx;
	regs->rax = from->rax;
	regs->rcx = from->rcx;
	regs->rsp = from->rsp;
	regs->rip = from->rip;
	regs->rflags = (from->rflags & RFLAGS_USER) | RFLAGS_SET;
}

/* mask: what rt_sigreturn is to restore. */
static long frame_setup(struct thread *thread, int sig, const struct linux_sigaction *action,
			const struct linux_siginfo *info, uint64_t mask)
{
	struct quoin_vcpu_state *regs = thread_regs(thread);
	struct linux_rt_sigframe frame;
	uint64_t sp = frame_stack(thread, action);
	uint64_t fpu = ALIGN_DOWN(sp - fpu_image_bytes() - LINUX_FP_XSTATE_MAGIC2_SIZE, 64ul);
	uint64_t addr = ALIGN_DOWN(fpu - sizeof(frame), 16ul) - 8;
	const struct linux_stack *alt = &thread->altstack;

	if (!(action->sa_flags & LINUX_SA_RESTORER))
		return -EFAULT;
	if (signal_on_altstack(thread) && (addr < alt->ss_sp || addr > alt->ss_sp + alt->ss_size))
		return -EFAULT; /* the alternate stack has overflowed */
	frame = (struct linux_rt_sigframe){
		.pretcode = action->sa_restorer,
		.uc = {
			.uc_flags = LINUX_UC_FP_XSTATE | LINUX_UC_SIGCONTEXT_SS | LINUX_UC_STRICT_RESTORE_SS,
			.uc_stack = *alt,
			.uc_sigmask = {mask},
		},
		.info = *info,
	};
	sigcontext_save(&frame.uc.uc_mcontext, thread);
	frame.uc.uc_mcontext.fpstate = fpu;
	if (frame_put_fpu(thread, fpu) || copy_to_user(addr, &frame, sizeof(frame)))
		return -EFAULT;

	regs->rdi = (uint64_t)sig;
	regs->rsi = addr + offsetof(struct linux_rt_sigframe, info);
	regs->rdx = addr + offsetof(struct linux_rt_sigframe, uc);
	regs->rax = 0;
	regs->rip = action->sa_handler;
	regs->rsp = addr;
	regs->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
	if (alt->ss_flags & LINUX_SS_AUTODISARM)
		thread->altstack = (struct linux_stack){ .ss_flags = LINUX_SS_DISABLE };
	return 0;
}

static long fpu_restore(struct thread *thread, uint64_t addr)
{
	struct linux_fpx_sw_bytes sw;
	size_t bytes = fpu_image_bytes();
	uint32_t magic2 = 0;
	bool full = false;

	if (!addr)
		return quoin_vcpu_fpu_set(0, 0);
	if (!thread->fpu)
		thread->fpu = fpu_image_alloc();
	if (!thread->fpu)
		return -ENOMEM;
	if (copy_from_user(&sw, addr + offsetof(struct linux_fpstate, sw_reserved), sizeof(sw)))
		return -EFAULT;
	if (sw.magic1 == LINUX_FP_XSTATE_MAGIC1 && sw.xstate_size == bytes)
		full = get_user_u32(addr + bytes, &magic2) == 0 && magic2 == LINUX_FP_XSTATE_MAGIC2;
	if (!full)
		memset(thread->fpu, 0, bytes);
	if (copy_from_user(thread->fpu, addr, full ? bytes : sizeof(struct linux_fpstate)))
		return -EFAULT;
	struct linux_fpstate *image = thread->fpu;
	memset(&image->sw_reserved, 0, sizeof(image->sw_reserved));
	struct linux_xstate_header *header = (struct linux_xstate_header *)(image + 1);
	if (bytes >= sizeof(*image) + sizeof(*header)) {
		if (!full)
			*header = (struct linux_xstate_header){ .xfeatures = 3 }; /* x87 and SSE */
		header->xfeatures &= runtime_info()->xsave_features;
	}
	return quoin_vcpu_fpu_set((uintptr_t)thread->fpu, bytes);
}

long sys_rt_sigreturn(SYSCALL_ARGS)
{
	struct thread *self = current;
	struct linux_rt_sigframe frame;
	uint64_t addr = thread_regs(self)->rsp - offsetof(struct linux_rt_sigframe, uc);

	self->orig_rax = ~0ull;
	if (copy_from_user(&frame, addr, sizeof(frame)))
		goto bad;
	signal_set_blocked(self, frame.uc.uc_sigmask.bits);
	sigcontext_load(self, &frame.uc.uc_mcontext);
	if (fpu_restore(self, frame.uc.uc_mcontext.fpstate))
		goto bad;
	signal_set_altstack(self, frame.uc.uc_stack); /* a handler may have spoilt it: then nothing changes */
	return (long)thread_regs(self)->rax;
bad:
	signal_force(LINUX_SIGSEGV, LINUX_SI_KERNEL, addr);
	return 0;
}

/* ---- taking signals ---- */

/*
 * continues: how many SIGCONT the process had got when the signal was taken.  One that came since has
 * undone the stop, as if the signal were still pending.
 */
static void default_stop(struct thread *thread, int sig, uint32_t continues)
{
	struct process *process = thread->process;

	if (sig != LINUX_SIGSTOP) {
		mutex_lock(&tasklist_lock);
		bool orphaned = pgrp_is_orphaned_locked(process->pgrp, NULL);
		mutex_unlock(&tasklist_lock);
		if (orphaned)
			return;
	}
	mutex_lock(&process->signal_lock);
	if (process->nr_continues == continues)
		jobctl_stop_locked(process, sig);
	mutex_unlock(&process->signal_lock);
}

/*
 * The next signal that has a handler: its number, with action and info filled in; 0 if there is
 * none. Ignored ones are skipped, default actions happen here.
 */
static int signal_get(struct thread *thread, struct linux_sigaction *action, struct linux_siginfo *info)
{
	struct process *process = thread->process;
	int sig;

	mutex_lock(&process->signal_lock);
	while (!process->group_exit && (sig = signal_dequeue_locked(thread, ~thread->blocked, info))) {
		*action = process->actions[sig - 1];
		if (action->sa_handler == LINUX_SIG_IGN || signal_ignored_locked(process, sig))
			continue;
		if (action->sa_handler != LINUX_SIG_DFL) {
			if (action->sa_flags & LINUX_SA_RESETHAND)
				process->actions[sig - 1].sa_handler = LINUX_SIG_DFL;
			mutex_unlock(&process->signal_lock);
			return sig;
		}
		if (signal_protected_locked(process, sig))
			continue;
		if (SIGSET(sig) & SIGSET_STOP) {
			uint32_t continues = process->nr_continues;
			mutex_unlock(&process->signal_lock);
			default_stop(thread, sig, continues);
			return 0;
		}
		process_exit_all_locked(process, LINUX_W_SIGNALED(sig));
	}
	signal_recalc_locked(thread);
	mutex_unlock(&process->signal_lock);
	return 0;
}

static void signal_handle(struct thread *thread, int sig, const struct linux_sigaction *action,
			  const struct linux_siginfo *info)
{
	bool restore = atomic_load(&thread->work) & WORK_RESTORE_MASK;
	uint64_t mask = restore ? thread->saved_mask : thread->blocked;

	restart_resolve(thread, action);
	if (frame_setup(thread, sig, action, info, mask)) {
		if (sig == LINUX_SIGSEGV) { /* no stack to tell it on */
			mutex_lock(&thread->process->signal_lock);
			process_exit_all_locked(thread->process, LINUX_W_SIGNALED(LINUX_SIGSEGV));
			mutex_unlock(&thread->process->signal_lock);
		} else {
			signal_force(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0);
		}
		return;
	}
	atomic_fetch_and(&thread->work, ~(uint32_t)WORK_RESTORE_MASK);
	thread->nr_signals++;
	uint64_t blocked = thread->blocked | action->sa_mask.bits;
	if (!(action->sa_flags & LINUX_SA_NODEFER))
		blocked |= SIGSET(sig);
	signal_set_blocked(thread, blocked);
}

bool thread_do_work(struct thread *thread)
{
	struct linux_sigaction action;
	struct linux_siginfo info;
	uint32_t work;

	while ((work = atomic_load(&thread->work) & ~(uint32_t)WORK_RESTORE_MASK)) {
		if (work & WORK_EXIT)
			return false;
		if (work & WORK_STOP) {
			jobctl_park(thread);
			continue;
		}
		int sig = signal_get(thread, &action, &info);
		if (sig)
			signal_handle(thread, sig, &action, &info);
	}
	restart_resolve(thread, NULL);
	if (atomic_load(&thread->work) & WORK_RESTORE_MASK) {
		atomic_fetch_and(&thread->work, ~(uint32_t)WORK_RESTORE_MASK);
		signal_set_blocked(thread, thread->saved_mask);
		if (atomic_load(&thread->work))
			return thread_do_work(thread);
	}
	return true;
}

/* ---- masks for the time of a call ---- */

void signal_mask_push_value(uint64_t mask)
{
	struct thread *self = current;

	self->saved_mask = self->blocked;
	atomic_fetch_or(&self->work, WORK_RESTORE_MASK);
	signal_set_blocked(self, mask);
}

long signal_mask_push(uint64_t user_sigset, uint64_t sigset_size)
{
	uint64_t mask;

	if (!user_sigset)
		return 0;
	if (sigset_size != sizeof(mask))
		return -EINVAL;
	if (get_user_u64(user_sigset, &mask))
		return -EFAULT;
	signal_mask_push_value(mask);
	return 0;
}

void signal_mask_pop(long result)
{
	struct thread *self = current;

	if (!(atomic_load(&self->work) & WORK_RESTORE_MASK))
		return;
	if (result == -ERESTARTNOHAND || result == -ERESTARTSYS || result == -EINTR)
		return; /* the way back restores it, after the handler */
	atomic_fetch_and(&self->work, ~(uint32_t)WORK_RESTORE_MASK);
	signal_set_blocked(self, self->saved_mask);
}
