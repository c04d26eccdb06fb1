/* SPDX-License-Identifier: MIT */
/*
 * Access to the calling thread's application memory.  Addresses are plain uint64_t, checked here to
 * lie in the guest half.  A copy may sleep and do I/O (a page of a mapped file), so no lock ranked
 * LOCK_MM or later may be held, except with the _nofault variants, which fail where a page is not
 * there at once.
 */
#ifndef POSIX_USERCOPY_H
#define POSIX_USERCOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/layout.h>

/* Is [addr, addr + len) inside the guest half?  Page zero counts as inside, it merely faults. */
static inline bool user_range_ok(uint64_t addr, uint64_t len)
{
	return len <= QUOIN_GUEST_MAX && addr <= QUOIN_GUEST_MAX - len;
}

/* 0 or -EFAULT (then an unknown part has been copied). */
long copy_from_user(void *dst, uint64_t src, size_t len);
long copy_to_user(uint64_t dst, const void *src, size_t len);
long clear_user(uint64_t dst, size_t len);

/* Bytes that could NOT be copied: for read() and write(), which then return the part that could. */
size_t copy_from_user_partial(void *dst, uint64_t src, size_t len);
size_t copy_to_user_partial(uint64_t dst, const void *src, size_t len);

/* Bytes not copied, without resolving faults that need the server (locks may be held). */
size_t copy_from_user_nofault(void *dst, uint64_t src, size_t len);
size_t copy_to_user_nofault(uint64_t dst, const void *src, size_t len);

/*
 * A string of at most size - 1 bytes and its NUL: the length, -EFAULT, or -ENAMETOOLONG if there is
 * no NUL among the first size bytes.
 */
long strncpy_from_user(char *dst, uint64_t src, size_t size);

long get_user_u8(uint64_t addr, uint8_t *value);
long get_user_u32(uint64_t addr, uint32_t *value);
long get_user_u64(uint64_t addr, uint64_t *value);
long put_user_u8(uint64_t addr, uint8_t value);
long put_user_u32(uint64_t addr, uint32_t value);
long put_user_u64(uint64_t addr, uint64_t value);

/* For futexes, with a lock held: -EFAULT where the page is not there at once. */
long get_user_u32_nofault(uint64_t addr, uint32_t *value);
long cmpxchg_user_u32_nofault(uint64_t addr, uint32_t expected, uint32_t value, uint32_t *found);

/* Make [addr, addr + len) present for reading or writing, as far as it can be: 0 or -EFAULT. */
long user_fault_in(uint64_t addr, size_t len, bool write);

void usercopy_init(void); /* tells the kernel where the copy routines are */

#endif
