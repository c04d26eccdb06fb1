/* SPDX-License-Identifier: MIT */
#ifndef POSIX_FUTEX_H
#define POSIX_FUTEX_H

#include <stdint.h>

struct thread;

void futex_init(void);

/* Wake waiters on a word of the calling thread's memory (thread exit). */
long futex_wake_user(uint64_t addr, uint32_t count);

/* Walk the calling thread's robust list: locks it still holds get OWNER_DIED and one waiter is
 * woken. */
void futex_exit_robust(struct thread *thread);

#endif
