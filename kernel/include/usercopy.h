/*
 * Copies between the kernel and the calling task's own memory (server region).  A pointer outside of
 * it, or a fault that aspace_fault does not resolve, is -QERR_FAULT.  May take the aspace lock by
 * faulting: call without any lock.
 */
#ifndef KERNEL_USERCOPY_H
#define KERNEL_USERCOPY_H

#include "base.h"

int copy_from_user(void *dst, uintptr_t src, size_t n);
/* At most size - 1 bytes up to a NUL; dst is always terminated. */
int copy_string_from_user(char *dst, uintptr_t src, size_t size);
int copy_to_user(uintptr_t dst, const void *src, size_t n);

/* Where a kernel-mode page fault at rip continues, or 0: for the trap handler. */
uintptr_t usercopy_fixup(uintptr_t rip);

static inline bool user_range_ok(uintptr_t addr, size_t n)
{
	return addr >= QUOIN_SERVER_MIN && addr < QUOIN_SERVER_MAX && n <= QUOIN_SERVER_MAX - addr;
}

#endif
