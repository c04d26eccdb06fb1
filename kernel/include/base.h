/*
 * What every kernel file starts from: integers, sizes, addresses, and a few macros.
 */
#ifndef KERNEL_BASE_H
#define KERNEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quoin/errors.h>
#include <quoin/layout.h>
#include <quoin/types.h>

#define PAGE_SHIFT QUOIN_PAGE_SHIFT
#define PAGE_SIZE  QUOIN_PAGE_SIZE
#define PAGE_MASK  (PAGE_SIZE - 1)

#define MAX_CPUS 64 /* a CPU mask is one word */

#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define BIT(n)           (1ul << (n))
#define ALIGN_UP(x, a)   (((x) + (a)-1) & ~((uint64_t)(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((uint64_t)(a)-1))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline bool page_aligned(uint64_t x)
{
	return (x & PAGE_MASK) == 0;
}

/* Freestanding string functions (kernel/string.c). */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

#endif
