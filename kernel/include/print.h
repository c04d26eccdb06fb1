/* What print.c and panic.c share. */
#ifndef KERNEL_PRINT_H
#define KERNEL_PRINT_H

#include <stdarg.h>

#include "base.h"

/* Some CPU has panicked: no locks any more. */
extern _Atomic bool panicking;

void kvprintf(const char *format, va_list *args);

#endif
