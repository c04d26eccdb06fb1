/* Hook of arch: raw output; the caller keeps two CPUs from writing at once. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "base.h"

void console_write(const char *text, size_t len);

#endif
