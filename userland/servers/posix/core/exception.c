/* SPDX-License-Identifier: MIT */
/* Exceptions of the application: page faults that the server resolves, and signals for the rest. */
#include "process_internal.h"

enum vector {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_XM = 19,
};

#define PF_WRITE 2u
#define PF_FETCH 16u

static void page_fault(struct thread *thread, const struct quoin_vcpu_state *regs)
{
	uint32_t code = (uint32_t)regs->error_code;
	enum mm_access access = code & PF_WRITE   ? MM_ACCESS_WRITE
				: code & PF_FETCH ? MM_ACCESS_EXEC
						  : MM_ACCESS_READ;
	uint64_t addr = regs->fault_addr;
	int code_segv = LINUX_SEGV_ACCERR;

	switch (mm_fault_resolve(thread->process->mm, addr, access, regs->fault_kind)) {
	case 0:
		return;
	case -EIO:
	case -ERANGE:
		signal_force(LINUX_SIGBUS, LINUX_BUS_ADRERR, addr);
		return;
	case -ENOMEM:
		mm_out_of_memory(thread->process);
		return;
	default:
		if (regs->fault_kind == QUOIN_FAULT_UNMAPPED)
			code_segv = LINUX_SEGV_MAPERR;
		signal_force(LINUX_SIGSEGV, code_segv, addr);
	}
}

/* What arithmetic error: the unmasked bits of the status word, most important first
 * (SDM 8.6, 11.5). */
static int float_code(uint32_t status, uint32_t mask)
{
	uint32_t error = status & ~mask & 0x3f;

	if (error & 0x01)
		return LINUX_FPE_FLTINV;
	if (error & 0x04)
		return LINUX_FPE_FLTDIV;
	if (error & 0x08)
		return LINUX_FPE_FLTOVF;
	if (error & 0x12)
		return LINUX_FPE_FLTUND;
	if (error & 0x20)
		return LINUX_FPE_FLTRES;
	return LINUX_FPE_FLTINV;
}

static void float_error(struct thread *thread, uint64_t rip, bool sse)
{
	int code = LINUX_FPE_FLTINV;

	if (!thread->fpu)
		thread->fpu = fpu_image_alloc();
	if (thread->fpu && quoin_vcpu_fpu_get((uintptr_t)thread->fpu, fpu_image_bytes()) > 0) {
		const struct linux_fpstate *image = thread->fpu;
		code = sse ? float_code(image->mxcsr, image->mxcsr >> 7) : float_code(image->swd, image->cwd);
	}
	signal_force(LINUX_SIGFPE, code, rip);
}

void thread_handle_exception(struct thread *thread)
{
	const struct quoin_vcpu_state *regs = &thread->page->vcpu;

	thread->fault_vector = regs->vector;
	thread->fault_error = regs->error_code;
	switch (regs->vector) {
	case VECTOR_PF:
		thread->fault_addr = regs->fault_addr;
		page_fault(thread, regs);
		break;
	case VECTOR_DE:
		signal_force(LINUX_SIGFPE, LINUX_FPE_INTDIV, regs->rip);
		break;
	case VECTOR_DB:
		signal_force(LINUX_SIGTRAP, LINUX_TRAP_TRACE, regs->rip);
		break;
	case VECTOR_BP:
		signal_force(LINUX_SIGTRAP, LINUX_SI_KERNEL, 0);
		break;
	case VECTOR_UD:
		signal_force(LINUX_SIGILL, LINUX_ILL_ILLOPN, regs->rip);
		break;
	case VECTOR_MF:
		float_error(thread, regs->rip, false);
		break;
	case VECTOR_XM:
		float_error(thread, regs->rip, true);
		break;
	case VECTOR_AC:
		signal_force(LINUX_SIGBUS, LINUX_BUS_ADRALN, 0);
		break;
	case VECTOR_SS:
	case VECTOR_NP:
		signal_force(LINUX_SIGBUS, LINUX_SI_KERNEL, 0);
		break;
	default: /* #GP, #OF, #BR and what else there is */
		signal_force(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0);
	}
}
