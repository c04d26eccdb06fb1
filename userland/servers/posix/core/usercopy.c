/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from application memory.  The assembly routines stop at a fault that the kernel
 * could not resolve; here the fault is resolved like one of the application itself (mm_fault_in)
 * and the copy goes on, or ends.
 */
#include "process.h"
#include "usercopy.h"

extern const char usercopy_start[], usercopy_end[], usercopy_resume[];
size_t usercopy_copy(void *dst, const void *src, size_t len);
size_t usercopy_copy_bytes(void *dst, const void *src, size_t len);
size_t usercopy_clear(void *dst, size_t len);
size_t usercopy_string(char *dst, const char *src, size_t size);
long usercopy_get_8(const void *addr, uint8_t *value);
long usercopy_get_32(const void *addr, uint32_t *value);
long usercopy_get_64(const void *addr, uint64_t *value);
long usercopy_put_8(void *addr, uint8_t value);
long usercopy_put_32(void *addr, uint32_t value);
long usercopy_put_64(void *addr, uint64_t value);
long usercopy_cmpxchg_32(void *addr, uint32_t expected, uint32_t value, uint32_t *found);

void usercopy_init(void)
{
	long error = quoin_task_set_fixup((uintptr_t)usercopy_start, (uintptr_t)usercopy_end,
					  (uintptr_t)usercopy_resume);
	if (error)
		panic("the kernel refuses the user copy range: %ld", error);
}

static void *user_pointer(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

/* Eight bytes at once may fault on the page after the one that holds addr. */
static bool fault_in_word(uint64_t addr, size_t left, enum mm_access access)
{
	uint64_t last = addr + (left < 8 ? left : 8) - 1;

	if (mm_fault_in(addr, access))
		return false;
	return (addr ^ last) < QUOIN_PAGE_SIZE || !mm_fault_in(last, access);
}

size_t copy_from_user_nofault(void *dst, uint64_t src, size_t len)
{
	return user_range_ok(src, len) ? usercopy_copy(dst, user_pointer(src), len) : len;
}

size_t copy_to_user_nofault(uint64_t dst, const void *src, size_t len)
{
	return user_range_ok(dst, len) ? usercopy_copy(user_pointer(dst), src, len) : len;
}

size_t copy_from_user_partial(void *dst, uint64_t src, size_t len)
{
	if (unlikely(!user_range_ok(src, len)))
		return len;
	size_t left = usercopy_copy(dst, user_pointer(src), len);
	while (unlikely(left)) {
		char *to = (char *)dst + (len - left);
		uint64_t from = src + (len - left);
		if (!fault_in_word(from, left, MM_ACCESS_READ))
			return usercopy_copy_bytes(to, user_pointer(from), left);
		left = usercopy_copy(to, user_pointer(from), left);
	}
	return 0;
}

size_t copy_to_user_partial(uint64_t dst, const void *src, size_t len)
{
	if (unlikely(!user_range_ok(dst, len)))
		return len;
	size_t left = usercopy_copy(user_pointer(dst), src, len);
	while (unlikely(left)) {
		uint64_t to = dst + (len - left);
		const char *from = (const char *)src + (len - left);
		if (!fault_in_word(to, left, MM_ACCESS_WRITE))
			return usercopy_copy_bytes(user_pointer(to), from, left);
		left = usercopy_copy(user_pointer(to), from, left);
	}
	return 0;
}

long copy_from_user(void *dst, uint64_t src, size_t len)
{
	return copy_from_user_partial(dst, src, len) ? -EFAULT : 0;
}

long copy_to_user(uint64_t dst, const void *src, size_t len)
{
	return copy_to_user_partial(dst, src, len) ? -EFAULT : 0;
}

long clear_user(uint64_t dst, size_t len)
{
	if (!user_range_ok(dst, len))
		return -EFAULT;
	size_t left = len;
	while ((left = usercopy_clear(user_pointer(dst + (len - left)), left)))
		if (!fault_in_word(dst + (len - left), left, MM_ACCESS_WRITE))
			return -EFAULT;
	return 0;
}

long strncpy_from_user(char *dst, uint64_t src, size_t size)
{
	size_t done = 0;

	while (done < size) {
		if (src + done >= QUOIN_GUEST_MAX)
			return -EFAULT;
		size_t limit = MIN(size - done, QUOIN_GUEST_MAX - (src + done));
		size_t left = usercopy_string(dst + done, user_pointer(src + done), limit);
		size_t copied = limit - left;
		if (copied && !dst[done + copied - 1])
			return (long)(done + copied - 1);
		done += copied;
		if (left && mm_fault_in(src + done, MM_ACCESS_READ))
			return -EFAULT;
	}
	return -ENAMETOOLONG;
}

/* Single words: try, resolve the fault, try again. */
#define GET_USER(bits)                                                            \
	long get_user_u##bits(uint64_t addr, uint##bits##_t *value)               \
	{                                                                         \
		if (unlikely(!user_range_ok(addr, sizeof(*value))))               \
			return -EFAULT;                                           \
		while (unlikely(usercopy_get_##bits(user_pointer(addr), value)))  \
			if (!fault_in_word(addr, sizeof(*value), MM_ACCESS_READ)) \
				return -EFAULT;                                   \
		return 0;                                                         \
	}

#define PUT_USER(bits)                                                            \
	long put_user_u##bits(uint64_t addr, uint##bits##_t value)                \
	{                                                                         \
		if (unlikely(!user_range_ok(addr, sizeof(value))))                \
			return -EFAULT;                                           \
		while (unlikely(usercopy_put_##bits(user_pointer(addr), value)))  \
			if (!fault_in_word(addr, sizeof(value), MM_ACCESS_WRITE)) \
				return -EFAULT;                                   \
		return 0;                                                         \
	}

GET_USER(8)
GET_USER(32)
GET_USER(64)
PUT_USER(8)
PUT_USER(32)
PUT_USER(64)

long get_user_u32_nofault(uint64_t addr, uint32_t *value)
{
	return user_range_ok(addr, sizeof(*value)) ? usercopy_get_32(user_pointer(addr), value) : -EFAULT;
}

long cmpxchg_user_u32_nofault(uint64_t addr, uint32_t expected, uint32_t value, uint32_t *found)
{
	if (!user_range_ok(addr, sizeof(value)))
		return -EFAULT;
	return usercopy_cmpxchg_32(user_pointer(addr), expected, value, found);
}

long user_fault_in(uint64_t addr, size_t len, bool write)
{
	enum mm_access access = write ? MM_ACCESS_WRITE : MM_ACCESS_READ;

	if (!user_range_ok(addr, len))
		return -EFAULT;
	uint64_t end = addr + len;
	for (uint64_t page = ALIGN_DOWN(addr, QUOIN_PAGE_SIZE); page < end; page += QUOIN_PAGE_SIZE)
		if (mm_fault_in(page, access))
			return -EFAULT;
	return 0;
}
