/* Panics that begin in a trap, and the hooks of arch they use. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

struct trap_frame;

void panic_trap(const struct trap_frame *frame, const char *what) __attribute__((noreturn));
/* Called from the NMI by which another CPU's panic stops this one. */
void panic_stopped(const struct trap_frame *frame) __attribute__((noreturn));

/* Hooks of arch. */
void arch_stop_others(void);
void arch_panic_exit(void); /* leaves the emulator where a test has asked for it */

#endif
