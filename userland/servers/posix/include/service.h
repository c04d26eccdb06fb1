/* SPDX-License-Identifier: MIT */
/* Services of other tasks, by the names that devmgr knows: "console", "block/vda", "fs/ext4/1". */
#ifndef POSIX_SERVICE_H
#define POSIX_SERVICE_H

#include <stdbool.h>

#include <quoin/types.h>

/* A handle to call it by, the caller's to close; false if nobody serves it.  Waits until it is ready. */
bool service_connect(const char *name, quoin_handle *endpoint);

/* In the order in which they came to be. */
void service_for_each(void (*visit)(const char *name, void *argument), void *argument);

#endif
