/*
 * The registers of interrupted code, as entry.S pushes them, and the traps' ways out.
 */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "asm.h"
#include "base.h"

struct thread;

/* The general registers stand in the order of struct quoin_vcpu_state. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

_Static_assert(sizeof(struct trap_frame) == FRAME_BYTES, "entry.S knows the size");
_Static_assert(offsetof(struct trap_frame, rip) == FRAME_RIP, "entry.S knows the order");

/* The frame of the server's last system call, at the top of the kernel stack. */
#define thread_call_frame(thread) ((struct trap_frame *)((thread)->stack_top) - 1)

/* From entry.S. */
void trap_handle(struct trap_frame *frame);
void trap_handle_ist(struct trap_frame *frame);
long trap_call(struct trap_frame *frame);
void trap_user_work(struct trap_frame *frame);

/* Leaves the guest: vcpu_run returns reason to the server.  Drops the kernel stack above. */
void vcpu_exit(const struct trap_frame *frame, uint32_t reason, uint64_t fault_addr, uint32_t fault_kind)
	__attribute__((noreturn));
long vcpu_syscall_exit(void);

/* In entry.S. */
void entry_return_call(struct thread *thread, long result) __attribute__((noreturn));
void entry_user(const struct trap_frame *frame) __attribute__((noreturn));
void vcpu_enter_sysret(const struct quoin_vcpu_state *state, uint64_t rip, uint64_t rflags)
	__attribute__((noreturn));
void context_switch(uint64_t *prev_sp, uint64_t next_sp);

#endif
