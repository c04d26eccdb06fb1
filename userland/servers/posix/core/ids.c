/* SPDX-License-Identifier: MIT */
/* The smallest calls: who am I. */
#include "process_internal.h"
#include "usercopy.h"

long sys_getpid(SYSCALL_ARGS)
{
	return current->process->pid;
}

long sys_gettid(SYSCALL_ARGS)
{
	return current->tid;
}

long sys_getppid(SYSCALL_ARGS)
{
	return __atomic_load_n(&current->process->parent_pid, __ATOMIC_RELAXED);
}

long sys_getcpu(SYSCALL_ARGS)
{
	uint32_t cpu = (uint32_t)quoin_thread_self_cpu();

	if (a0 && put_user_u32((uint64_t)a0, cpu))
		return -EFAULT;
	return a1 ? put_user_u32((uint64_t)a1, 0) : 0;
}

long sys_sched_yield(SYSCALL_ARGS)
{
	quoin_thread_yield();
	return 0;
}
