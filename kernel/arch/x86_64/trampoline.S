/*
 * An application processor's way from real mode to smp_ap_entry.
 *
 * smp.c copies [trampoline_start, trampoline_end) to a page below 640 KiB, fills in the words at
 * its end, and sends the page's number as start-up vector.  A processor takes trampoline_cpu, which is a place for
 * one, or stops for good if it is 0; the other words belong to that place.
 */
#include "asm.h"
#include "percpu.h"

	.section .rodata
	.globl trampoline_start, trampoline_end
	.globl trampoline_cpu, trampoline_stack, trampoline_root, trampoline_entry

#define AT(label) (label - trampoline_start)

	.balign 16
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	movzwl %ax, %ebx
	shll $4, %ebx                    /* ebx: physical address of this page */
	leal AT(gdt)(%ebx), %eax
	movl %eax, AT(gdt_pointer) + 2
	lgdtl AT(gdt_pointer)
	leal AT(in_64)(%ebx), %eax
	movl %eax, AT(far_pointer)

	/* Straight to long mode: paging and protection in one write. */
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl %cr0, %eax
	andl $~(CR0_EM | CR0_TS | 0x60000000), %eax
	orl $(CR0_PG | CR0_WP | CR0_PE), %eax
	movl %eax, %cr0
	ljmpl *AT(far_pointer)

	.code64
in_64:
	movl $KERNEL_SS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	xorl %edi, %edi
	xchgq %rdi, AT(trampoline_cpu)(%rbx)
	testq %rdi, %rdi
	jz no_place
	movq AT(trampoline_stack)(%rbx), %rsi
	movq AT(trampoline_root)(%rbx), %rdx
	movq AT(trampoline_entry)(%rbx), %rax
	movq $trampoline_high, %rcx
	jmp *%rcx
no_place:
	hlt
	jmp no_place

	.balign 8
gdt:
	.quad 0, 0
	.quad 0x00af9a000000ffff
	.quad 0x00cf92000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long 0
far_pointer:
	.long 0
	.word KERNEL_CS
	.balign 8
trampoline_cpu:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_root:
	.quad 0
trampoline_entry:
	.quad 0
trampoline_end:

/* In the kernel's text, which both page tables have: rdi = cpu, rsi = stack, rdx = root, rax = entry. */
	.text
trampoline_high:
	movq %rdx, %cr3
	movq %rsi, %rsp
	movq %rax, %rsi
	movq %rdi, %rax
	movq %rdi, %rdx
	shrq $32, %rdx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	xorl %ebp, %ebp
	pushq $0
	jmp *%rsi
