/* SPDX-License-Identifier: MIT */
/* What each real user has of things that are limited for each user. */
#ifndef POSIX_USER_H
#define POSIX_USER_H

#include <stdbool.h>
#include <stdint.h>

/* RLIMIT_NPROC, and the limit of the system; false if one is reached. */
bool user_threads_charge(uint32_t uid, uint64_t limit, uint32_t limit_all);
void user_threads_uncharge(uint32_t uid);

/* Capacity of pipes, whose bytes are the server's memory; false if it would be more than limit. */
bool user_pipes_charge(uint32_t uid, uint64_t bytes, uint64_t limit);
void user_pipes_uncharge(uint32_t uid, uint64_t bytes);
/* Linux's pipe-user-pages-soft, in bytes, and at most a sixteenth of memory. */
uint64_t user_pipes_limit(void);

#endif
