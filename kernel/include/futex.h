/* Futexes: waiting on a word of the own task's memory; see ipc/futex.c. */
#ifndef KERNEL_FUTEX_H
#define KERNEL_FUTEX_H

void futex_init(void);

#endif
