/* SPDX-License-Identifier: MIT */
#ifndef POSIX_SYSTEM_H
#define POSIX_SYSTEM_H

#include "linux/system.h"

/* The names that uname shows; /proc/version, /proc/sys/kernel/hostname. */
void system_names(struct linux_utsname *out);

/* Write everything, then stop the machine. Return only if devmgr refuses. */
void system_power_off(void);

#endif
