/*
 * From GRUB to C.
 *
 * Multiboot2 hands over in 32-bit protected mode without paging (BIOS and UEFI alike), interrupts off,
 * eax = magic, ebx = physical address of the boot information.  boot_start builds the boot page
 * tables - the first 4 GiB at their physical address and in the direct map, the first GiB at
 * KERNEL_IMAGE - enters long mode, and calls kernel_main(magic, info) on the boot stack with GS at
 * the boot CPU's struct cpu.  The application processors come through trampoline.S and share these
 * tables until they load the kernel's root.
 */
#include "asm.h"

#define PAGE_FLAGS 0x3   /* present, writable */
#define LARGE_FLAGS 0x83
#define KERNEL_IMAGE 0xffffffff80000000

	.section .multiboot, "a"
	.balign 8
header:
	.long 0xe85250d6, 0, header_end - header
	.long -(0xe85250d6 + (header_end - header))
	.word 6, 0              /* modules on page boundaries */
	.long 8
	.word 0, 0              /* end */
	.long 8
header_end:

	.section .boot.text, "ax"
	.code32
	.globl boot_start
boot_start:
	cld
	movl $boot_stack_end, %esp
	movl %eax, %ebp         /* ebp: magic, esi: info */
	movl %ebx, %esi

	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	testl $(1 << 29), %edx
	jz no_long_mode
	testl $(1 << 20), %edx  /* NX */
	jz no_long_mode

	/* Four tables of 512 large pages. */
	movl $boot_pd, %edi
	movl $LARGE_FLAGS, %eax
	xorl %edx, %edx
1:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $8, %edi
	addl $0x200000, %eax
	adcl $0, %edx
	testl %edx, %edx
	jz 1b

	movl $(boot_pd + PAGE_FLAGS), %eax
	movl %eax, boot_pdpt_high + 510 * 8
	movl $boot_pdpt, %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $0x1000, %eax
	loop 2b

	movl $(boot_pdpt + PAGE_FLAGS), %eax
	movl %eax, boot_pml4
	movl %eax, boot_pml4 + 384 * 8
	movl $(boot_pdpt_high + PAGE_FLAGS), boot_pml4 + 511 * 8

	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl %cr0, %eax
	orl $(CR0_PG | CR0_WP | CR0_PE), %eax
	andl $~(CR0_EM | CR0_TS), %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $KERNEL_CS, $boot_64

no_long_mode:
	movl $boot_refusal, %esi
	movw $0x3f8, %dx
3:	lodsb
	testb %al, %al
	jz 4f
	outb %al, %dx
	jmp 3b
4:	hlt
	jmp 4b

	.code64
boot_64:
	movl $KERNEL_SS, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_high, %rax
	jmp *%rax

	.text
boot_high:
	movq $boot_stack_top, %rsp
	movq $cpu_boot, %rax
	movq %rax, (%rax)       /* self */
	movq %rax, %rdx
	shrq $32, %rdx
	movl $MSR_GS_BASE, %ecx
	wrmsr
	movl %ebp, %edi
	movl %esi, %esi
	xorl %ebp, %ebp
	pushq $0
	jmp kernel_main

	.section .boot.data, "aw"
boot_refusal:
	.asciz "Quoin needs a 64-bit CPU with NX.\r\n"
	.balign 8
	.globl boot_gdt
boot_gdt:
	.quad 0, 0
	.quad 0x00af9a000000ffff /* KERNEL_CS */
	.quad 0x00cf92000000ffff /* KERNEL_SS */
boot_gdt_pointer:
	.word . - boot_gdt - 1
	.long boot_gdt

	.section .boot.bss, "aw", @nobits
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_high:
	.skip 4096
boot_pd:
	.skip 4 * 4096
	.skip 256
boot_stack_end:

	.bss
	.balign 4096
	.skip 16384
boot_stack_top:
