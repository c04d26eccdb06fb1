/* SPDX-License-Identifier: MIT */
#ifndef POSIX_LOADAVG_H
#define POSIX_LOADAVG_H

#include <stdint.h>

void loadavg_start(void);
void loadavg_get(uint64_t loads[3]); /* fixed point, LINUX_SI_LOAD_SHIFT bits of fraction */

#endif
