/* SPDX-License-Identifier: MIT */
/* The inside of struct poll_table: for the calls that wait. */
#ifndef POSIX_POLL_TABLE_H
#define POSIX_POLL_TABLE_H

#include <stdbool.h>

#include "wait.h"

#define POLL_INLINE 8

struct poll_block;

struct poll_table {
	struct wait_token token;
	bool registering; /* false: somebody is ready already */
	int error;        /* -ENOMEM: not all could be registered */
	unsigned used;
	struct waiter waiters[POLL_INLINE];
	struct poll_block *blocks;
};

void poll_table_init(struct poll_table *table);
void poll_table_clear(struct poll_table *table);

#endif
