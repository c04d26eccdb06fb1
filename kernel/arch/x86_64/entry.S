/*
 * Into the kernel and out of it.
 *
 * The entry contract.  All kernel C code runs with
 *
 *   IF  0.  SYSCALL clears it by FMASK, every gate is an interrupt gate.  Only preempt_point and the
 *       idle loop open it, on a kernel stack, with no lock held.
 *   DF, AC, NT, TF  0.  SYSCALL: FMASK.  Gates: a constant is popped into RFLAGS before any C.
 *       (AC 0 keeps SMAP armed; DF 0 is the ABI's.)
 *   GS  base = this CPU's struct cpu; the user's GS base is in MSR_KERNEL_GS_BASE.  The frame's CS says
 *       where a trap comes from; a trap from the kernel finds GS in place, with one exception: the
 *       IRETQ below, whose faults come after the swap.  NMI, #DF and #MC can strike anywhere, also
 *       between SYSCALL and SWAPGS: they have stacks of their own (IST), whose first word is the
 *       struct cpu; they load it, and put back what was there.
 *   FS  base belongs to the user and is never used by the kernel.
 *   FPU belongs to the guest (or is trapped by CR0.TS); the kernel is compiled without it.
 *   CR3 of a guest trap: the guest root (the kernel half is in every root).
 *   stack: of the current thread.  It begins with one trap_frame for the system calls of server mode;
 *       TSS.rsp0 points below it.  So a guest's traps leave the frame of the vcpu_run that
 *       entered the guest intact, and leaving the guest is to return from that frame.
 *
 * SYSCALL from the guest does not build a frame: the registers go straight into the thread page (through
 * the direct map, so it cannot fault), and vcpu_run returns.  The flag thread.in_guest tells the two
 * kinds of SYSCALL apart; it is 1 exactly from vcpu_run's point of no return to the exit.
 *
 * Ways out: SYSRETQ when rcx and r11 may be lost - for native calls always (the frame's rip came
 * from SYSCALL, so it is canonical and in user space), for the guest when the state says rcx == rip and
 * r11 == rflags and rip is below the guest's end.  IRETQ else.  All 16 registers are loaded with the
 * user's values on each way, so nothing of the kernel's remains in them.  A fault of IRETQ itself is
 * handled as a fault of the user code that it returns to.
 */
#include "asm.h"
#include "percpu.h"
#include "thread.h"

	.text

	.macro push_registers
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro pop_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	.endm

/* SYSCALL, of server mode or of a guest: rcx = rip, r11 = rflags, rsp is the user's. */
	.globl entry_syscall
	.balign 16
entry_syscall:
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_CURRENT, %rsp
	cmpl $0, THREAD_IN_GUEST(%rsp)
	jne guest_syscall

	movq THREAD_STACK_TOP(%rsp), %rsp
	pushq $USER_SS
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq $0
	pushq $-1
	push_registers
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call trap_call
	movq %rax, FRAME_RAX(%rsp)

return_call:
	movq %gs:CPU_CURRENT, %rdx
	movl THREAD_WORK(%rdx), %eax
	orl %gs:CPU_RESCHED, %eax
	jnz call_work
	pop_registers           /* rcx = rip and r11 = rflags, as SYSCALL left them */
	movq FRAME_RSP - FRAME_VECTOR(%rsp), %rsp
	swapgs
	sysretq
call_work:
	movq %rsp, %rdi
	call trap_user_work
	jmp return_call

/* rsp is struct thread: the guest's registers go to the thread page, and vcpu_run returns. */
guest_syscall:
	movq THREAD_PAGE(%rsp), %rsp
	movq %r15, 0x00(%rsp)
	movq %r14, 0x08(%rsp)
	movq %r13, 0x10(%rsp)
	movq %r12, 0x18(%rsp)
	movq %rbp, 0x20(%rsp)
	movq %rbx, 0x28(%rsp)
	movq %r11, 0x30(%rsp)
	movq %r10, 0x38(%rsp)
	movq %r9, 0x40(%rsp)
	movq %r8, 0x48(%rsp)
	movq %rax, 0x50(%rsp)
	movq %rcx, 0x58(%rsp)
	movq %rdx, 0x60(%rsp)
	movq %rsi, 0x68(%rsp)
	movq %rdi, 0x70(%rsp)
	movq %rcx, VCPU_RIP(%rsp)
	movq %r11, VCPU_RFLAGS(%rsp)
	movq %gs:CPU_USER_RSP, %rcx
	movq %rcx, VCPU_RSP(%rsp)
	movq %gs:CPU_CURRENT, %rcx
	movq THREAD_STACK_TOP(%rcx), %rsp
	subq $FRAME_BYTES, %rsp
	xorl %ebp, %ebp
	call vcpu_syscall_exit
	movq %rax, FRAME_RAX(%rsp)
	jmp return_call

/* entry_return_call(thread, result): returns from thread's last system call. */
	.globl entry_return_call
entry_return_call:
	movq THREAD_STACK_TOP(%rdi), %rsp
	subq $FRAME_BYTES, %rsp
	xorl %ebp, %ebp
	movq %rsi, FRAME_RAX(%rsp)
	jmp return_call

/*
 * vcpu_enter_sysret(state, rip, rflags), with rsp in CPU_USER_RSP: the point of no return is behind.  rip, rflags
 * and rsp are the checked copies; the general registers may be anything, so they come straight from the page.
 */
	.globl vcpu_enter_sysret
	.balign 16
vcpu_enter_sysret:
	movq %rsi, %rcx
	movq %rdx, %r11
	movq %rdi, %rsp
	movq 0x50(%rsp), %rax
	movq 0x48(%rsp), %r8
	movq 0x40(%rsp), %r9
	movq 0x38(%rsp), %r10
	movq 0x28(%rsp), %rbx
	movq 0x20(%rsp), %rbp
	movq 0x18(%rsp), %r12
	movq 0x10(%rsp), %r13
	movq 0x08(%rsp), %r14
	movq 0x00(%rsp), %r15
	movq 0x60(%rsp), %rdx
	movq 0x68(%rsp), %rsi
	movq 0x70(%rsp), %rdi
	movq %gs:CPU_USER_RSP, %rsp
	swapgs
	sysretq

/*
 * Every gate, 16 bytes each: error code (0 if the CPU pushes none), vector, registers.
 */
	.globl entry_gates
	.balign 16
entry_gates:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
	    vector == 29 || vector == 30
	.else
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_ist
	.else
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr
	.balign 16

trap_common:
	push_registers
	pushq $2
	popfq
	testb $3, FRAME_CS(%rsp)
	jz from_kernel
	swapgs
from_user:
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call trap_handle
return_user:
	movq %gs:CPU_CURRENT, %rdx
	movl THREAD_WORK(%rdx), %eax
	orl THREAD_IN_GUEST(%rdx), %eax
	orl %gs:CPU_RESCHED, %eax
	jz 1f
	movq %rsp, %rdi
	call trap_user_work
1:	swapgs
	pop_registers
	addq $16, %rsp
	.globl entry_iretq
entry_iretq:
	iretq

from_kernel:
	leaq entry_iretq(%rip), %rax
	cmpq %rax, FRAME_RIP(%rsp)
	je from_iretq
	movq %rsp, %rdi
	call trap_handle
	pop_registers
	addq $16, %rsp
	iretq

/* IRETQ faulted: make the frame look as if the code that it returns to had. */
from_iretq:
	swapgs
	movq FRAME_RSP(%rsp), %rsi
	leaq FRAME_RIP(%rsp), %rdi
	movl $5, %ecx
	rep movsq
	jmp from_user

/* NMI, #DF, #MC: on their own stacks, GS unknown. */
trap_ist:
	push_registers
	pushq $2
	popfq
	movl $MSR_GS_BASE, %ecx
	rdmsr
	movl %eax, %r12d
	movl %edx, %r13d
	movq FRAME_BYTES(%rsp), %rax
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movq %rsp, %rdi
	call trap_handle_ist
	movl $MSR_GS_BASE, %ecx
	movl %r12d, %eax
	movl %r13d, %edx
	wrmsr
	pop_registers
	addq $16, %rsp
	iretq

/* entry_user(frame): enters user mode with all registers from frame, which lies on this stack. */
	.globl entry_user
entry_user:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	jmp return_user

/*
 * context_switch(&prev->sp, next->sp): saves what the ABI asks to keep, and takes next's stack.  A new
 * thread's stack is made by thread_new to return into first_steps.
 */
	.globl context_switch
context_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
