/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: POSIX record locks (owned by a process), open-file-description locks and flock (owned
 * by an open file).  All locks of an inode stand in one list, sorted by owner and start, under one lock
 * of the server: they are rare.
 */
#ifndef POSIX_RECORD_LOCK_H
#define POSIX_RECORD_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <quoin/list.h>

#include "wait.h"

struct file;
struct inode;
struct fdtable;

enum record_kind {
	RECORD_POSIX, /* owner: the fdtable, as Linux */
	RECORD_OFD,   /* owner: the file */
	RECORD_FLOCK, /* owner: the file; independent of the others */
};

struct record_lock {
	struct list link;
	enum record_kind kind;
	bool exclusive;
	const void *owner;
	int pid;            /* shown by F_GETLK; -1 for a file's lock */
	int64_t start, end; /* end inclusive; INT64_MAX: to the end of the file */
};

/* Of an inode, while it has any or somebody asks for one; all under one lock. */
struct record_locks {
	struct list locks;       /* of struct record_lock */
	struct wait_queue freed; /* woken when a lock goes or shrinks */
	unsigned nr_users;       /* calls that work with it now */
};

/* Pure list logic, for the caller under the lock; tested on the host. */
struct record_lock *record_conflict(struct list *locks, const struct record_lock *wanted);
/* Sets wanted's range for its owner (or clears it): splits and joins. -ENOMEM changes nothing. */
int record_apply(struct list *locks, const struct record_lock *wanted, bool unlock);

long record_fcntl(int fd, struct file *file, int command, uint64_t user_flock);
long record_flock(struct file *file, int operation);
/* close(): POSIX locks of that table on the file's inode go, whoever else has it open. */
void record_locks_release_table(struct file *file, struct fdtable *table);
/* The last reference to an open file. */
void record_locks_release_file(struct file *file);

#endif
