/* SPDX-License-Identifier: MIT */
/* Resource limits of processes. */
#include "rlimit.h"
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

#define NOFILE_MAX 1048576ul

/* What the first process starts with; everyone else inherits. */
void rlimits_init(struct process *process, uint32_t threads_max)
{
	const uint64_t none = LINUX_RLIM_INFINITY, nproc = threads_max / 2;
	const struct linux_rlimit limits[LINUX_RLIM_NLIMITS] = {
		[LINUX_RLIMIT_CPU] = { none, none },
		[LINUX_RLIMIT_FSIZE] = { none, none },
		[LINUX_RLIMIT_DATA] = { none, none },
		[LINUX_RLIMIT_STACK] = { 8ul << 20, none },
		[LINUX_RLIMIT_CORE] = { 0, none },
		[LINUX_RLIMIT_RSS] = { none, none },
		[LINUX_RLIMIT_NPROC] = { nproc, nproc },
		[LINUX_RLIMIT_NOFILE] = { 1024, 4096 },
		[LINUX_RLIMIT_MEMLOCK] = { 8ul << 20, 8ul << 20 },
		[LINUX_RLIMIT_AS] = { none, none },
		[LINUX_RLIMIT_LOCKS] = { none, none },
		[LINUX_RLIMIT_SIGPENDING] = { nproc, nproc },
		[LINUX_RLIMIT_MSGQUEUE] = { 819200, 819200 },
		[LINUX_RLIMIT_RTTIME] = { none, none },
	};

	memcpy(process->rlimits, limits, sizeof(limits));
	for (int i = 0; i < LINUX_RLIM_NLIMITS; i++)
		atomic_init(&process->soft_limits[i], limits[i].rlim_cur);
}

static long rlimit_set_locked(struct process *process, unsigned resource, const struct linux_rlimit *limit)
{
	struct linux_rlimit *own = &process->rlimits[resource];

	if (limit->rlim_cur > limit->rlim_max)
		return -EINVAL;
	if (resource == LINUX_RLIMIT_NOFILE && limit->rlim_max > NOFILE_MAX)
		return -EPERM;
	if (limit->rlim_max > own->rlim_max && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	mutex_lock(&process->signal_lock); /* the CPU limit is looked at under it */
	*own = *limit;
	mutex_unlock(&process->signal_lock);
	atomic_store(&process->soft_limits[resource], limit->rlim_cur);
	return 0;
}

static long rlimit_exchange(struct process *process, unsigned resource, const struct linux_rlimit *new_limit,
			    struct linux_rlimit *old_limit)
{
	long error = 0;

	if (resource >= LINUX_RLIM_NLIMITS)
		return -EINVAL;
	mutex_lock(&process->lock);
	*old_limit = process->rlimits[resource];
	if (new_limit)
		error = rlimit_set_locked(process, resource, new_limit);
	mutex_unlock(&process->lock);
	if (!error && new_limit && resource == LINUX_RLIMIT_CPU)
		process_cpu_limit_watch(process);
	return error;
}

long sys_getrlimit(SYSCALL_ARGS)
{
	struct linux_rlimit limit;
	long error = rlimit_exchange(current->process, (unsigned)a0, NULL, &limit);

	return error ? error : copy_to_user((uint64_t)a1, &limit, sizeof(limit));
}

long sys_setrlimit(SYSCALL_ARGS)
{
	struct linux_rlimit limit, old_limit;

	if (copy_from_user(&limit, (uint64_t)a1, sizeof(limit)))
		return -EFAULT;
	return rlimit_exchange(current->process, (unsigned)a0, &limit, &old_limit);
}

static bool may_limit(struct process *process)
{
	const struct cred *me = current->cred;

	if (process == current->process || capable(CAP_SYS_RESOURCE))
		return true;
	struct cred *cred = process_cred_get(process);
	if (!cred)
		return false;
	bool same = me->uid == cred->euid && me->uid == cred->suid && me->uid == cred->uid &&
		    me->gid == cred->egid && me->gid == cred->sgid && me->gid == cred->gid;
	cred_put(cred);
	return same;
}

long sys_prlimit64(SYSCALL_ARGS)
{
	struct linux_rlimit new_limit, old_limit;
	long error;

	if (a2 && copy_from_user(&new_limit, (uint64_t)a2, sizeof(new_limit)))
		return -EFAULT;
	struct process *process = a0 ? process_find((int)a0) : process_get(current->process);
	if (!process)
		return -ESRCH;
	error = may_limit(process) ? rlimit_exchange(process, (unsigned)a1, a2 ? &new_limit : NULL, &old_limit)
				   : -EPERM;
	process_put(process);
	if (error)
		return error;
	return a3 ? copy_to_user((uint64_t)a3, &old_limit, sizeof(old_limit)) : 0;
}
