/*
 * Entry of a native program: rdi is the task's argument, rsp the end of the first thread's slot.
 * The frame pointer is cleared so that backtraces end here.
 */
	.text
	.globl _start
	.type _start, @function
_start:
	xor	%ebp, %ebp
	sub	$16, %rsp
	call	runtime_start
	ud2

/* Entry of a further thread: its runtime_thread says what to run. */
	.globl thread_entry
	.type thread_entry, @function
thread_entry:
	xor	%ebp, %ebp
	sub	$16, %rsp
	call	thread_begin
	ud2

	.section .note.GNU-stack,"",@progbits
