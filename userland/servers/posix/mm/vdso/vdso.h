/* SPDX-License-Identifier: MIT */
/*
 * The page that the server and the vDSO share: the clock's parameters.  It lies directly below the
 * vDSO's code and is read-only for applications.
 */
#ifndef POSIX_VDSO_H
#define POSIX_VDSO_H

#include <stdint.h>

struct vdso_data {
	uint64_t tsc_base;
	uint64_t tsc_mult;
	uint32_t tsc_shift;
	_Atomic uint32_t sequence; /* odd while realtime_offset changes */
	int64_t realtime_offset;   /* realtime - monotonic, ns */
};

#endif
