/* SPDX-License-Identifier: MIT */
/*
 * For unit tests of the POSIX server's file half on the host, given with -include: the runtime's headers as
 * they are, its locks counted only, and a calling thread that the test fills in.
 */
#ifndef TESTS_UNIT_POSIX_HOST_H
#define TESTS_UNIT_POSIX_HOST_H

#include <stdlib.h>
#include <string.h>
#include <quoin/runtime.h>
#include <quoin/sync.h>
#include "cred.h"
#include "clock.h"
#include "linux/errno.h"
#include "linux/process.h"

#define POSIX_PROCESS_H

struct process {
	int pid;
};

struct thread {
	struct cred *cred;
	struct fdtable *files;
	struct fs_context *fs;
	struct process *process;
};

extern struct thread *current;
extern int host_locks_held;

#endif
