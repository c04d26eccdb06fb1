/* SPDX-License-Identifier: MIT */
/*
 * Waiting for many files at once.
 *
 * A file's poll operation returns the events that hold now and calls poll_wait for each wait queue that
 * is woken when that may change.  Whoever changes the state first changes it, then wakes the queue.
 */
#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include <stdint.h>

#include "linux/poll.h"
#include "wait.h"

struct poll_table;

/* NULL table: nothing to register, the caller only wants to know. */
void poll_wait(struct poll_table *table, struct wait_queue *queue);

#endif
