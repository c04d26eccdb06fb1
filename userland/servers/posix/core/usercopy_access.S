/* SPDX-License-Identifier: MIT */
/*
 * The only instructions of the server that touch application memory.  Their range is registered with
 * task_set_fixup(): a fault on an application address that the kernel cannot resolve resumes at
 * usercopy_resume.  There r11 says what is returned: if it is not 0, r11 itself; else the number of bytes
 * left, rcx * r9 + r8.  All are leaves that keep nothing on the stack.
 */
#define EFAULT 14

	.section .text.usercopy, "ax", @progbits
	.globl usercopy_start, usercopy_end, usercopy_resume
usercopy_start:

/* size_t usercopy_copy(void *dst, const void *src, size_t len): bytes not copied */
	.globl usercopy_copy
	.type usercopy_copy, @function
usercopy_copy:
	xor	%r11d, %r11d
	mov	%edx, %r8d
	and	$7, %r8d
	mov	%rdx, %rcx
	shr	$3, %rcx
	mov	$8, %r9d
	rep movsq
	mov	%r8d, %ecx
	xor	%r8d, %r8d
	mov	$1, %r9d
	rep movsb
	xor	%eax, %eax
	ret

/* The same byte by byte: exact to the byte before the fault. */
	.globl usercopy_copy_bytes
	.type usercopy_copy_bytes, @function
usercopy_copy_bytes:
	xor	%r11d, %r11d
	xor	%r8d, %r8d
	mov	$1, %r9d
	mov	%rdx, %rcx
	rep movsb
	xor	%eax, %eax
	ret

/* size_t usercopy_clear(void *dst, size_t len): bytes not cleared */
	.globl usercopy_clear
	.type usercopy_clear, @function
usercopy_clear:
	xor	%r11d, %r11d
	xor	%eax, %eax
	mov	%esi, %r8d
	and	$7, %r8d
	mov	%rsi, %rcx
	shr	$3, %rcx
	mov	$8, %r9d
	rep stosq
	mov	%r8d, %ecx
	xor	%r8d, %r8d
	mov	$1, %r9d
	rep stosb
	ret

/*
 * size_t usercopy_string(char *dst, const char *src, size_t size): bytes left of size after the NUL or
 * when the copy ended; the caller looks whether dst[size - left - 1] is the NUL.
 */
	.globl usercopy_string
	.type usercopy_string, @function
usercopy_string:
	xor	%r11d, %r11d
	xor	%r8d, %r8d
	mov	$1, %r9d
	mov	%rdx, %rcx
	test	%rcx, %rcx
	jz	2f
1:	mov	(%rsi), %al
	mov	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rcx
	jz	2f
	test	%al, %al
	jnz	1b
2:	mov	%rcx, %rax
	ret

/* long usercopy_get_N(const void *addr, void *value): 0 or -EFAULT */
	.macro usercopy_get bits, reg
	.globl usercopy_get_\bits
	.type usercopy_get_\bits, @function
usercopy_get_\bits:
	mov	$-EFAULT, %r11
	mov	(%rdi), \reg
	mov	\reg, (%rsi)
	xor	%eax, %eax
	ret
	.endm
	usercopy_get 8, %al
	usercopy_get 32, %eax
	usercopy_get 64, %rax

/* long usercopy_put_N(void *addr, value): 0 or -EFAULT */
	.macro usercopy_put bits, reg
	.globl usercopy_put_\bits
	.type usercopy_put_\bits, @function
usercopy_put_\bits:
	mov	$-EFAULT, %r11
	mov	\reg, (%rdi)
	xor	%eax, %eax
	ret
	.endm
	usercopy_put 8, %sil
	usercopy_put 32, %esi
	usercopy_put 64, %rsi

/* long usercopy_cmpxchg_32(void *addr, uint32_t expected, uint32_t value, uint32_t *found): 0 or -EFAULT */
	.globl usercopy_cmpxchg_32
	.type usercopy_cmpxchg_32, @function
usercopy_cmpxchg_32:
	mov	$-EFAULT, %r11
	mov	%esi, %eax
	lock cmpxchg %edx, (%rdi)
	mov	%eax, (%rcx)
	xor	%eax, %eax
	ret

usercopy_end:

usercopy_resume:
	mov	%r11, %rax
	test	%rax, %rax
	jnz	1f
	imul	%r9, %rcx
	lea	(%rcx, %r8), %rax
1:	ret

	.section .note.GNU-stack, "", @progbits
