/* SPDX-License-Identifier: MIT */
/* Controlling terminals and foreground groups (POSIX 11.1.3, 11.1.4); used by tty/ only. */
#ifndef POSIX_JOBCONTROL_H
#define POSIX_JOBCONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include "usercopy.h"

struct tty;

/* control_lock of tty.h. */
void job_control_lock(void);
void job_control_unlock(void);

/*
 * May the caller read (SIGTTIN), write (SIGTTOU) or, with JOB_CONTROL_ALWAYS, change the terminal (SIGTTOU
 * whatever TOSTOP says)?  0; or -EIO; or -ERESTARTSYS with the signal sent to the caller's group.
 */
#define JOB_CONTROL_ALWAYS 0x100
long job_control_check(struct tty *tty, int sig);

/* A session leader without a terminal opens one: it becomes the controlling one. */
void job_control_open(struct tty *tty);
long job_control_ioctl(struct tty *tty, unsigned request, uint64_t argument, bool readable);

#endif
