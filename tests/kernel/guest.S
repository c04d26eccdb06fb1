/*
 * Programs that the vCPU tests run as guests: copied to GUEST_CODE, each entered at its label.
 */
	.section .rodata
	.balign 16
	.globl guest_start, guest_end
	.globl guest_syscalls, guest_spin, guest_touch, guest_fill, guest_vectors, guest_flags, guest_counter
guest_start:

/* Endless system calls; rax counts. */
guest_syscalls:
	incq %rax
	syscall
	jmp guest_syscalls

guest_spin:
	incq %rax
	jmp guest_spin

/* Reads, then writes the word at rdi. */
guest_touch:
	movq (%rdi), %rax
	movq %rsi, (%rdi)
	syscall
	jmp guest_touch

/* Writes a word in each of rsi pages from rdi on. */
guest_fill:
	movq %rdi, (%rdi)
	addq $4096, %rdi
	decq %rsi
	jnz guest_fill
	syscall

/* Keeps rdi in xmm0 and ymm-free registers while it spins rsi times; rax = what is left in xmm0. */
guest_vectors:
	movq %rdi, %xmm0
	movq %rdi, %xmm15
1:	syscall
	movq %xmm0, %rax
	cmpq %rax, %rdi
	jne 2f
	movq %xmm15, %rax
	cmpq %rax, %rdi
	jne 2f
	decq %rsi
	jnz 1b
	movl $1, %eax
	syscall
2:	xorl %eax, %eax
	syscall
	jmp 2b

/* Direction and alignment flags set, then a system call. */
guest_flags:
	pushfq
	orq $0x40400, (%rsp)
	popfq
	syscall
	pushfq
	popq %rax
	syscall

guest_counter:
	lock incq (%rdi)
	jmp guest_counter
guest_end:
