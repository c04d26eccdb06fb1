/* SPDX-License-Identifier: MIT */
/* The linked vDSO as bytes of the server. */
	.section .rodata
	.balign 4096
	.globl vdso_image, vdso_image_end
vdso_image:
	.incbin VDSO_PATH
vdso_image_end:

	.section .note.GNU-stack, "", @progbits
