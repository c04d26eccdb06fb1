/* The first task's entry: rsp is the end of its slot's stack. */
	.text
	.globl _start
_start:
	xorl %ebp, %ebp
	call ktest_main
	ud2
