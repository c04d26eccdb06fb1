/* SPDX-License-Identifier: MIT */
#ifndef POSIX_BOOT_H
#define POSIX_BOOT_H

#include <stdbool.h>
#include <stddef.h>

/* The value of name=value on the command line, or fallback; true if it was there. */
bool boot_option(const char *name, const char *fallback, char *value, size_t size);
bool boot_flag(const char *name); /* a word of its own */

#endif
