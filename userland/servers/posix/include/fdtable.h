/* SPDX-License-Identifier: MIT */
/* The inside of descriptor tables: for fdtable.c and the calls that change descriptors. */
#ifndef POSIX_FDTABLE_H
#define POSIX_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <quoin/sync.h>

struct file;

/* [t] lock */
struct fdtable {
	atomic_uint refs; /* one per thread that uses it */
	struct mutex lock;
	unsigned capacity;   /* [t] */
	unsigned first_free; /* [t] no free number is below */
	struct file **files; /* [t] */
	uint64_t *open;      /* [t] */
	uint64_t *cloexec;   /* [t] */
};

/* Like fd_install, at `from` or above. */
int fd_install_from(struct file *file, unsigned from, bool close_on_exec);
/* dup2's heart: takes over file's reference; the new number or -errno. */
int fd_replace(unsigned fd, struct file *file, bool close_on_exec);
int fd_get_cloexec(unsigned fd);
int fd_set_cloexec(unsigned fd, bool value);

#endif
