/* SPDX-License-Identifier: MIT */
/* prctl, arch_prctl, personality, membarrier: settings of a thread or process. */
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

static long set_name(uint64_t addr)
{
	struct thread *self = current;
	char name[LINUX_TASK_COMM_LEN] = { 0 };
	long len = strncpy_from_user(name, addr, sizeof(name));

	if (len < 0 && len != -ENAMETOOLONG)
		return len;
	name[sizeof(name) - 1] = 0;
	mutex_lock(&self->process->lock);
	memcpy(self->comm, name, sizeof(name));
	mutex_unlock(&self->process->lock);
	return 0;
}

long sys_prctl(SYSCALL_ARGS)
{
	struct thread *self = current;
	struct process *process = self->process;

	switch ((int)a0) {
	case LINUX_PR_SET_NAME:
		return set_name((uint64_t)a1);
	case LINUX_PR_GET_NAME:
		return copy_to_user((uint64_t)a1, self->comm, sizeof(self->comm));
	case LINUX_PR_SET_PDEATHSIG:
		if (a1 < 0 || a1 > LINUX_NSIG)
			return -EINVAL;
		self->pdeath_signal = (int)a1;
		return 0;
	case LINUX_PR_GET_PDEATHSIG:
		return put_user_u32((uint64_t)a1, (uint32_t)self->pdeath_signal);
	case LINUX_PR_GET_DUMPABLE:
		return process->dumpable;
	case LINUX_PR_SET_DUMPABLE:
		if (a1 != 0 && a1 != 1)
			return -EINVAL;
		process->dumpable = a1;
		return 0;
	case LINUX_PR_SET_CHILD_SUBREAPER:
		mutex_lock(&tasklist_lock);
		process->subreaper = a1;
		mutex_unlock(&tasklist_lock);
		return 0;
	case LINUX_PR_GET_CHILD_SUBREAPER:
		return put_user_u32((uint64_t)a1, process->subreaper);
	case LINUX_PR_SET_NO_NEW_PRIVS:
		if (a1 != 1 || a2 || a3 || a4)
			return -EINVAL;
		process->no_new_privs = true;
		return 0;
	case LINUX_PR_GET_NO_NEW_PRIVS:
		return a1 || a2 || a3 || a4 ? -EINVAL : process->no_new_privs;
	case LINUX_PR_CAPBSET_READ:
		return a1 < 0 || a1 > CAP_LAST ? -EINVAL : 1;
	case LINUX_PR_GET_KEEPCAPS:
	case LINUX_PR_GET_SECUREBITS:
	case LINUX_PR_GET_SECCOMP:
	case LINUX_PR_GET_THP_DISABLE:
		return 0;
	case LINUX_PR_GET_TIMERSLACK:
		return 50000;
	case LINUX_PR_SET_TIMERSLACK:
		return 0;
	case LINUX_PR_GET_TID_ADDRESS:
		return put_user_u64((uint64_t)a1, self->clear_child_tid);
	default:
		return -EINVAL;
	}
}

static long set_base(bool fs, uint64_t base)
{
	uint64_t bases[2];

	quoin_vcpu_get_bases((uintptr_t)bases);
	bases[fs ? 0 : 1] = base;
	return quoin_vcpu_set_bases(bases[0], bases[1]) ? -EPERM : 0;
}

static long get_base(bool fs, uint64_t addr)
{
	uint64_t bases[2];

	quoin_vcpu_get_bases((uintptr_t)bases);
	return put_user_u64(addr, bases[fs ? 0 : 1]);
}

long sys_arch_prctl(SYSCALL_ARGS)
{
	switch ((int)a0) {
	case LINUX_ARCH_SET_FS:
		return set_base(true, (uint64_t)a1);
	case LINUX_ARCH_SET_GS:
		return set_base(false, (uint64_t)a1);
	case LINUX_ARCH_GET_FS:
		return get_base(true, (uint64_t)a1);
	case LINUX_ARCH_GET_GS:
		return get_base(false, (uint64_t)a1);
	default:
		return -EINVAL;
	}
}

long sys_personality(SYSCALL_ARGS)
{
	struct process *process = current->process;
	uint32_t old_personality = process->personality;

	if ((uint32_t)a0 != UINT32_MAX)
		process->personality = (uint32_t)a0;
	return old_personality;
}

/* The barrier reaches all who run in the address space: the threads, and processes that share it. */
long sys_membarrier(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;

	if (a1)
		return -EINVAL;
	switch ((int)a0) {
	case LINUX_MEMBARRIER_CMD_QUERY:
		return LINUX_MEMBARRIER_CMD_PRIVATE_EXPEDITED | LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	case LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		mm->membarrier = true;
		return 0;
	case LINUX_MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		if (!mm->membarrier)
			return -EPERM;
		quoin_aspace_barrier(mm->aspace);
		return 0;
	default:
		return -EINVAL;
	}
}
