/*
 * Numbers that assembly and C share: selectors, MSRs, the trap frame.
 */
#ifndef KERNEL_ASM_H
#define KERNEL_ASM_H

/* As Linux has them, because debuggers tell 64-bit programs by CS 0x33. */
#define KERNEL_CS    0x10
#define KERNEL_SS    0x18
#define USER_CS32    0x23 /* only names the base for SYSRET; not present */
#define USER_SS      0x2b
#define USER_CS      0x33
#define TSS_SELECTOR 0x40

#define MSR_APIC_BASE      0x1b
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_FMASK          0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE 0x001
#define EFER_LME 0x100
#define EFER_NXE 0x800

#define CR0_PE 0x00000001
#define CR0_MP 0x00000002
#define CR0_EM 0x00000004
#define CR0_TS 0x00000008
#define CR0_NE 0x00000020
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000

#define CR4_PAE        0x000020
#define CR4_MCE        0x000040
#define CR4_PGE        0x000080
#define CR4_OSFXSR     0x000200
#define CR4_OSXMMEXCPT 0x000400
#define CR4_UMIP       0x000800
#define CR4_FSGSBASE   0x010000
#define CR4_OSXSAVE    0x040000
#define CR4_SMEP       0x100000
#define CR4_SMAP       0x200000

/* struct trap_frame */
#define FRAME_R15    0x00
#define FRAME_RBP    0x20
#define FRAME_RAX    0x50
#define FRAME_RCX    0x58
#define FRAME_RDI    0x70
#define FRAME_VECTOR 0x78
#define FRAME_ERROR  0x80
#define FRAME_RIP    0x88
#define FRAME_CS     0x90
#define FRAME_RFLAGS 0x98
#define FRAME_RSP    0xa0
#define FRAME_SS     0xa8
#define FRAME_BYTES  0xb0

/* struct quoin_vcpu_state: the same order of general registers */
#define VCPU_RIP    0x78
#define VCPU_RFLAGS 0x80
#define VCPU_RSP    0x88
#define VCPU_REASON 0x90

/* Interrupt vectors. */
#define VECTOR_DEVICE     0x30 /* .. +IRQ_VECTORS */
#define VECTOR_TIMER      0xf0
#define VECTOR_RESCHEDULE 0xf1
#define VECTOR_TLB        0xf2
#define VECTOR_SPURIOUS   0xff

#endif
