/* SPDX-License-Identifier: MIT */
/*
 * Credentials.  A struct cred never changes once a thread uses it: a set*id call builds a new one
 * and swaps the thread's pointer (under its process's lock, so that others may read it there).
 */
#ifndef POSIX_CRED_H
#define POSIX_CRED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CRED_GROUPS_MAX 65536

struct cred {
	_Atomic uint32_t refs;
	uint32_t uid, euid, suid, fsuid; /* [I] */
	uint32_t gid, egid, sgid, fsgid; /* [I] */
	uint32_t nr_groups;              /* [I] */
	uint32_t groups[];               /* [I] sorted */
};

/* Capabilities that are asked for; effective user 0 has them all. */
enum capability {
	CAP_CHOWN = 0,
	CAP_DAC_OVERRIDE = 1,
	CAP_DAC_READ_SEARCH = 2,
	CAP_FOWNER = 3,
	CAP_FSETID = 4,
	CAP_KILL = 5,
	CAP_SETGID = 6,
	CAP_SETUID = 7,
	CAP_NET_BIND_SERVICE = 10,
	CAP_NET_ADMIN = 12,
	CAP_NET_RAW = 13,
	CAP_IPC_LOCK = 14,
	CAP_IPC_OWNER = 15,
	CAP_SYS_CHROOT = 18,
	CAP_SYS_PTRACE = 19,
	CAP_SYS_ADMIN = 21,
	CAP_SYS_BOOT = 22,
	CAP_SYS_NICE = 23,
	CAP_SYS_RESOURCE = 24,
	CAP_SYS_TIME = 25,
	CAP_SYS_TTY_CONFIG = 26,
	CAP_MKNOD = 27,
	CAP_LEASE = 28,
	CAP_LAST = 40,
};

struct cred *cred_alloc(uint32_t nr_groups); /* one reference, all ids 0; null if out of memory */
struct cred *cred_copy(const struct cred *cred);
void cred_put(struct cred *cred);

static inline struct cred *cred_get(struct cred *cred)
{
	atomic_fetch_add_explicit(&cred->refs, 1, memory_order_relaxed);
	return cred;
}

/* fsuid decides about files, so that is what permission checks of the VFS use. */
static inline bool cred_capable(const struct cred *cred, enum capability capability)
{
	if (capability == CAP_DAC_OVERRIDE || capability == CAP_DAC_READ_SEARCH || capability == CAP_FOWNER ||
	    capability == CAP_FSETID || capability == CAP_CHOWN)
		return cred->fsuid == 0;
	return cred->euid == 0;
}

bool cred_in_group(const struct cred *cred, uint32_t gid); /* fsgid or a supplementary group */

/* Does the calling thread have the capability? */
bool capable(enum capability capability);

#endif
