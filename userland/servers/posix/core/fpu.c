/* SPDX-License-Identifier: MIT */
/* The application's vector state, which stays in the CPU; images of it are in XSAVE's standard
 * format. */
#include "process_internal.h"

size_t fpu_image_bytes(void)
{
	return runtime_info()->xsave_bytes;
}

void *fpu_image_alloc(void)
{
	return calloc(1, fpu_image_bytes());
}
