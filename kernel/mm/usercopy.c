/*
 * Copies between the kernel and the calling task's own memory.
 */
#include "usercopy.h"

long usercopy(void *dst, const void *src, size_t n);
extern const char usercopy_start[], usercopy_end[], usercopy_fault[];

int copy_from_user(void *dst, uintptr_t src, size_t n)
{
	if (!user_range_ok(src, n) || usercopy(dst, (const void *)src, n))
		return -QERR_FAULT;
	return 0;
}

int copy_to_user(uintptr_t dst, const void *src, size_t n)
{
	if (!user_range_ok(dst, n) || usercopy((void *)dst, src, n))
		return -QERR_FAULT;
	return 0;
}

int copy_string_from_user(char *dst, uintptr_t src, size_t size)
{
	size_t n;

	for (n = 0; n + 1 < size; n++) {
		if (copy_from_user(&dst[n], src + n, 1))
			return -QERR_FAULT;
		if (!dst[n])
			return 0;
	}
	dst[n] = 0;
	return 0;
}

uintptr_t usercopy_fixup(uintptr_t rip)
{
	if (rip >= (uintptr_t)usercopy_start && rip < (uintptr_t)usercopy_end)
		return (uintptr_t)usercopy_fault;
	return 0;
}
