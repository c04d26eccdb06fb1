/* SPDX-License-Identifier: MIT */
/*
 * The host's kernel as the judge of paths: a child process that was chroot'ed into an empty folder does
 * there what it is asked.  Its files belong to the caller, its umask is 0.
 */
#ifndef TESTS_UNIT_POSIX_ORACLE_H
#define TESTS_UNIT_POSIX_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum operation { LOOKUP, CHDIR, MKDIR, MKNOD, SYMLINK, UNLINK, RMDIR, RENAME, LINK, BECOME, OPERATIONS };

struct request {
	enum operation operation;
	unsigned flags; /* LOOKUP_*; mode; RENAME_*; user */
	char name[1024], other[1024];
};

struct answer {
	long result; /* 0 or -errno */
	uint64_t ino;
	uint32_t mode, nlink;
	int64_t size;
};

/* False if nobody may chroot here.  *root: the child may become other users. */
bool oracle_start(bool *root);
struct answer oracle_ask(const struct request *request);
void oracle_stop(void);

#endif
