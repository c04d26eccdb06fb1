/*
 * long usercopy(void *dst, const void *src, size_t n): 0, or 1 after a fault that was not resolved.
 *
 * The caller has checked that the user's side lies in the server region.  The trap handler continues
 * at usercopy_fault when the instruction pointer is between usercopy_start and usercopy_end.
 */
	.text
	.globl usercopy, usercopy_start, usercopy_end, usercopy_fault
	.type usercopy, @function
usercopy:
	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
	cmpb	$0, arch_has_smap(%rip)
	je	usercopy_start
	stac
usercopy_start:
	rep movsq
	mov	%edx, %ecx
	rep movsb
usercopy_end:
	xor	%eax, %eax
	cmpb	$0, arch_has_smap(%rip)
	je	1f
	clac
1:	ret
usercopy_fault:
	mov	$1, %eax
	cmpb	$0, arch_has_smap(%rip)
	je	1f
	clac
1:	ret
	.size usercopy, . - usercopy
	.section .note.GNU-stack, "", @progbits
