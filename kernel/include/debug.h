/*
 * Printing, assertions, panics.
 */
#ifndef KERNEL_DEBUG_H
#define KERNEL_DEBUG_H

#include "base.h"

/* %d %i %u %x %p %s %c %% with l, ll, z, field width, 0 and -, and precision of %s.  Any context. */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same into buffer, always terminated; returns the length that it would have. */
int ksnprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Raw bytes to the console. */
void kwrite(const char *text, size_t len);

/* Stops all CPUs and prints why, where each of them is, and the last trace records. */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define assert(condition)                                                                     \
	do {                                                                                  \
		if (__builtin_expect(!(condition), 0))                                        \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* The function that contains addr and the offset in it, or NULL. */
const char *symbol_find(uintptr_t addr, uintptr_t *offset);
/* Prints the frames of the kernel stack from frame pointer rbp on, after rip. */
void backtrace_print(uintptr_t rip, uintptr_t rbp);

struct frame;
struct trap_frame;
void debug_print_registers(const struct trap_frame *frame);

#endif
