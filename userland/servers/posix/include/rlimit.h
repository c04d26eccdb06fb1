/* SPDX-License-Identifier: MIT */
#ifndef POSIX_RLIMIT_H
#define POSIX_RLIMIT_H

#include <stdint.h>
#include "linux/process.h"

/* The calling process's soft limit (LINUX_RLIM_INFINITY: none). */
uint64_t rlimit_get(unsigned resource);

#endif
