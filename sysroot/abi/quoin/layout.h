/*
 * The address space as every task sees it.
 *
 *   0000'0000'0000'1000 .. 0000'7fff'ffff'f000   guest half: what a POSIX process maps
 *   ffff'8000'0000'0000 .. ffff'87ff'ffff'ffff   server region: native tasks live here (16 PML4 slots)
 *   ffff'c000'0000'0000 .. ffff'ffff'ffff'ffff   kernel: direct map, heap, image
 *
 * A native task's address space has the server region only.  A guest address space has the guest
 * half under two roots: the guest root, and the server root that also has the server region of the
 * task that created it.
 */
#ifndef QUOIN_LAYOUT_H
#define QUOIN_LAYOUT_H

#define QUOIN_PAGE_SHIFT 12
#define QUOIN_PAGE_SIZE  4096UL

#define QUOIN_GUEST_MIN 0x0000000000001000UL
#define QUOIN_GUEST_MAX 0x00007ffffffff000UL /* exclusive, as Linux's TASK_SIZE */

#define QUOIN_SERVER_MIN 0xffff800000000000UL
#define QUOIN_SERVER_MAX 0xffff880000000000UL /* exclusive */

/* Inside the server region. */
#define QUOIN_SERVER_IMAGE  0xffff800000400000UL /* native programs are linked here */
#define QUOIN_SERVER_INFO   0xffff800000010000UL /* struct quoin_info, read-only, in every native task */
#define QUOIN_SERVER_STACKS 0xffff801000000000UL /* first thread's stack and page; see runtime */
#define QUOIN_SERVER_HEAP   0xffff802000000000UL
#define QUOIN_SERVER_MMAP   0xffff804000000000UL /* everything a server maps besides */

/*
 * A thread's slot in the server region, aligned to its size, so that masking rsp finds the slot:
 *
 *   +0x0000  the thread page (struct quoin_thread_page; mapped by thread_create)
 *   +0x1000  control page: the runtime's per-thread data, zero at start
 *   +0x2000  guard, never mapped
 *   +0x3000  stack, growing down from +0x10000
 *
 * The first thread's slot is at QUOIN_SERVER_STACKS.  Whoever starts a task (the kernel for the first
 * task, devmgr for all others) maps control page and stack as private anonymous memory and enters the
 * program's ELF entry point with rsp = slot + QUOIN_SLOT_BYTES and rdi = thread_args.argument.
 */
#define QUOIN_SLOT_BYTES   0x10000UL
#define QUOIN_SLOT_CONTROL 0x1000UL
#define QUOIN_SLOT_STACK   0x3000UL

#define QUOIN_KERNEL_MIN 0xffffc00000000000UL

#endif
