/* SPDX-License-Identifier: MIT */
/*
 * System calls.  A handler is `long sys_NAME(long a0, ..., long a5)` and takes the registers as
 * they came: it narrows them itself.  It returns a value >= 0 or -errno; -ERESTARTSYS and its
 * relatives (linux/errno.h) are resolved on the way back to the application.
 */
#ifndef POSIX_SYSCALL_H
#define POSIX_SYSCALL_H

#include <stdint.h>
#include "linux/calls.h"
#include "linux/errno.h"

/* The parameter list of every handler; unused ones draw no warning in this server. */
#define SYSCALL_ARGS long a0, long a1, long a2, long a3, long a4, long a5

/* How often a call that is not there was tried, by number. */
extern _Atomic uint64_t syscall_absent_count[LINUX_SYS_COUNT];
extern _Atomic uint64_t syscall_unknown_count; /* numbers that Linux has not either */

#endif
