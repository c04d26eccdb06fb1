/* SPDX-License-Identifier: MIT */
/* Credentials: the structure, the count of each user's threads, and the calls. */
#include "lockrank.h"
#include "process_internal.h"
#include "user.h"
#include "usercopy.h"
#include <stdlib.h>

#define ID_UNCHANGED UINT32_MAX

struct cred *cred_alloc(uint32_t nr_groups)
{
	struct cred *cred = calloc(1, sizeof(*cred) + nr_groups * sizeof(cred->groups[0]));

	if (!cred)
		return NULL;
	atomic_init(&cred->refs, 1);
	cred->nr_groups = nr_groups;
	return cred;
}

struct cred *cred_copy(const struct cred *cred)
{
	struct cred *copy = cred_alloc(cred->nr_groups);

	if (!copy)
		return NULL;
	memcpy(copy, cred, sizeof(*cred) + cred->nr_groups * sizeof(cred->groups[0]));
	atomic_init(&copy->refs, 1);
	return copy;
}

void cred_put(struct cred *cred)
{
	if (atomic_fetch_sub(&cred->refs, 1) == 1)
		free(cred);
}

bool cred_in_group(const struct cred *cred, uint32_t gid)
{
	uint32_t low = 0, high = cred->nr_groups;

	if (cred->fsgid == gid)
		return true;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (cred->groups[middle] == gid)
			return true;
		if (cred->groups[middle] < gid)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool capable(enum capability capability)
{
	return cred_capable(current->cred, capability);
}

/* ---- changing ids ---- */

static long cred_commit(struct cred *cred)
{
	struct thread *self = current;

	if (cred->uid != self->cred->uid) {
		if (!user_threads_charge(cred->uid, UINT64_MAX, UINT32_MAX)) {
			cred_put(cred);
			return -EAGAIN;
		}
		user_threads_uncharge(self->cred->uid);
	}
	mutex_lock(&self->process->lock);
	struct cred *old_cred = self->cred;
	self->cred = cred;
	mutex_unlock(&self->process->lock);
	cred_put(old_cred);
	return 0;
}

static bool id_valid(uint32_t id)
{
	return id != ID_UNCHANGED;
}

/* An unprivileged caller may choose among its real, effective and saved id. */
static bool uid_allowed(const struct cred *cred, uint32_t uid)
{
	return uid == ID_UNCHANGED || cred->euid == 0 || uid == cred->uid || uid == cred->euid ||
	       uid == cred->suid;
}

static bool gid_allowed(const struct cred *cred, uint32_t gid)
{
	return gid == ID_UNCHANGED || cred->euid == 0 || gid == cred->gid || gid == cred->egid ||
	       gid == cred->sgid;
}

static long set_uids(uint32_t uid, uint32_t euid, uint32_t suid)
{
	struct cred *cred = cred_copy(current->cred);

	if (!cred)
		return -ENOMEM;
	if (uid != ID_UNCHANGED)
		cred->uid = uid;
	if (euid != ID_UNCHANGED)
		cred->euid = euid;
	if (suid != ID_UNCHANGED)
		cred->suid = suid;
	cred->fsuid = cred->euid;
	return cred_commit(cred);
}

static long set_gids(uint32_t gid, uint32_t egid, uint32_t sgid)
{
	struct cred *cred = cred_copy(current->cred);

	if (!cred)
		return -ENOMEM;
	if (gid != ID_UNCHANGED)
		cred->gid = gid;
	if (egid != ID_UNCHANGED)
		cred->egid = egid;
	if (sgid != ID_UNCHANGED)
		cred->sgid = sgid;
	cred->fsgid = cred->egid;
	return cred_commit(cred);
}

long sys_setuid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t uid = (uint32_t)a0;

	if (!id_valid(uid))
		return -EINVAL;
	if (cred->euid == 0)
		return set_uids(uid, uid, uid);
	return uid == cred->uid || uid == cred->suid ? set_uids(ID_UNCHANGED, uid, ID_UNCHANGED) : -EPERM;
}

long sys_setgid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t gid = (uint32_t)a0;

	if (!id_valid(gid))
		return -EINVAL;
	if (cred->euid == 0)
		return set_gids(gid, gid, gid);
	return gid == cred->gid || gid == cred->sgid ? set_gids(ID_UNCHANGED, gid, ID_UNCHANGED) : -EPERM;
}

long sys_setresuid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;

	if (!uid_allowed(cred, (uint32_t)a0) || !uid_allowed(cred, (uint32_t)a1) ||
	    !uid_allowed(cred, (uint32_t)a2))
		return -EPERM;
	return set_uids((uint32_t)a0, (uint32_t)a1, (uint32_t)a2);
}

long sys_setresgid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;

	if (!gid_allowed(cred, (uint32_t)a0) || !gid_allowed(cred, (uint32_t)a1) ||
	    !gid_allowed(cred, (uint32_t)a2))
		return -EPERM;
	return set_gids((uint32_t)a0, (uint32_t)a1, (uint32_t)a2);
}

/* The saved id follows when the real one is set or the effective one leaves the real one (POSIX).
 */
long sys_setreuid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t uid = (uint32_t)a0, euid = (uint32_t)a1, suid = ID_UNCHANGED;

	if (cred->euid != 0 && uid != ID_UNCHANGED && uid != cred->uid && uid != cred->euid)
		return -EPERM;
	if (!uid_allowed(cred, euid))
		return -EPERM;
	if (uid != ID_UNCHANGED || (euid != ID_UNCHANGED && euid != cred->uid))
		suid = euid != ID_UNCHANGED ? euid : cred->euid;
	return set_uids(uid, euid, suid);
}

long sys_setregid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t gid = (uint32_t)a0, egid = (uint32_t)a1, sgid = ID_UNCHANGED;

	if (cred->euid != 0 && gid != ID_UNCHANGED && gid != cred->gid && gid != cred->egid)
		return -EPERM;
	if (!gid_allowed(cred, egid))
		return -EPERM;
	if (gid != ID_UNCHANGED || (egid != ID_UNCHANGED && egid != cred->gid))
		sgid = egid != ID_UNCHANGED ? egid : cred->egid;
	return set_gids(gid, egid, sgid);
}

long sys_setfsuid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t old_id = cred->fsuid, uid = (uint32_t)a0;

	if (id_valid(uid) && (uid_allowed(cred, uid) || uid == cred->fsuid)) {
		struct cred *copy = cred_copy(cred);
		if (copy) {
			copy->fsuid = uid;
			cred_commit(copy);
		}
	}
	return old_id;
}

long sys_setfsgid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	uint32_t old_id = cred->fsgid, gid = (uint32_t)a0;

	if (id_valid(gid) && (gid_allowed(cred, gid) || gid == cred->fsgid)) {
		struct cred *copy = cred_copy(cred);
		if (copy) {
			copy->fsgid = gid;
			cred_commit(copy);
		}
	}
	return old_id;
}

/* ---- asking ---- */

long sys_getuid(SYSCALL_ARGS)
{
	return current->cred->uid;
}

long sys_geteuid(SYSCALL_ARGS)
{
	return current->cred->euid;
}

long sys_getgid(SYSCALL_ARGS)
{
	return current->cred->gid;
}

long sys_getegid(SYSCALL_ARGS)
{
	return current->cred->egid;
}

static long put_three(long a0, long a1, long a2, uint32_t first, uint32_t second, uint32_t third)
{
	if (put_user_u32((uint64_t)a0, first) || put_user_u32((uint64_t)a1, second) ||
	    put_user_u32((uint64_t)a2, third))
		return -EFAULT;
	return 0;
}

long sys_getresuid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;

	return put_three(a0, a1, a2, cred->uid, cred->euid, cred->suid);
}

long sys_getresgid(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;

	return put_three(a0, a1, a2, cred->gid, cred->egid, cred->sgid);
}

/* ---- groups ---- */

long sys_getgroups(SYSCALL_ARGS)
{
	const struct cred *cred = current->cred;
	int size = (int)a0;

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return cred->nr_groups;
	if ((uint32_t)size < cred->nr_groups)
		return -EINVAL;
	if (copy_to_user((uint64_t)a1, cred->groups, cred->nr_groups * sizeof(cred->groups[0])))
		return -EFAULT;
	return cred->nr_groups;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

long sys_setgroups(SYSCALL_ARGS)
{
	const struct cred *old_cred = current->cred;
	uint64_t nr = (uint32_t)a0;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (nr > CRED_GROUPS_MAX)
		return -EINVAL;
	struct cred *cred = cred_alloc((uint32_t)nr);
	if (!cred)
		return -ENOMEM;
	memcpy(cred, old_cred, sizeof(*cred));
	atomic_init(&cred->refs, 1);
	cred->nr_groups = (uint32_t)nr;
	if (copy_from_user(cred->groups, (uint64_t)a1, nr * sizeof(cred->groups[0]))) {
		cred_put(cred);
		return -EFAULT;
	}
	qsort(cred->groups, nr, sizeof(cred->groups[0]), compare_ids);
	return cred_commit(cred);
}

/* ---- capabilities: all of them for user 0, none for others ---- */

static long cap_header(uint64_t addr, struct linux_cap_header *header)
{
	if (copy_from_user(header, addr, sizeof(*header)))
		return -EFAULT;
	if (header->version == LINUX_CAPABILITY_VERSION_3)
		return 0;
	header->version = LINUX_CAPABILITY_VERSION_3;
	return copy_to_user(addr, header, sizeof(*header)) ? -EFAULT : -EINVAL;
}

long sys_capget(SYSCALL_ARGS)
{
	struct linux_cap_header header;
	struct linux_cap_data data[2] = { 0 };
	long error = cap_header((uint64_t)a0, &header);

	if (error)
		return error == -EINVAL && !a1 ? 0 : error;
	if (header.pid < 0)
		return -EINVAL;
	bool root = current->cred->euid == 0;
	if (header.pid && header.pid != current->tid) {
		struct process *process = process_find(header.pid);
		if (!process)
			return -ESRCH;
		struct cred *cred = process_cred_get(process);
		process_put(process);
		if (!cred)
			return -ESRCH;
		root = cred->euid == 0;
		cred_put(cred);
	}
	if (root) {
		data[0].effective = data[0].permitted = UINT32_MAX;
		data[1].effective = data[1].permitted = (1u << (CAP_LAST - 31)) - 1;
	}
	return a1 ? copy_to_user((uint64_t)a1, data, sizeof(data)) : 0;
}

/* Giving up nothing is all that can be done without per-thread sets. */
long sys_capset(SYSCALL_ARGS)
{
	struct linux_cap_header header;
	struct linux_cap_data data[2];
	long error = cap_header((uint64_t)a0, &header);

	if (error)
		return error;
	if (header.pid && header.pid != current->tid)
		return -EPERM;
	if (copy_from_user(data, (uint64_t)a1, sizeof(data)))
		return -EFAULT;
	if (current->cred->euid != 0 && (data[0].permitted || data[1].permitted))
		return -EPERM;
	return 0;
}
