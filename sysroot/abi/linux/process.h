/* SPDX-License-Identifier: MIT */
/* Processes and threads: clone, wait, limits, usage, prctl, scheduling, capabilities. */
#ifndef ABI_LINUX_PROCESS_H
#define ABI_LINUX_PROCESS_H

#include <stdint.h>
#include "time.h"

/* clone(): the low byte is the signal that the parent gets. */
#define LINUX_CSIGNAL              0x000000ff
#define LINUX_CLONE_VM             0x00000100
#define LINUX_CLONE_FS             0x00000200
#define LINUX_CLONE_FILES          0x00000400
#define LINUX_CLONE_SIGHAND        0x00000800
#define LINUX_CLONE_PIDFD          0x00001000
#define LINUX_CLONE_PTRACE         0x00002000
#define LINUX_CLONE_VFORK          0x00004000
#define LINUX_CLONE_PARENT         0x00008000
#define LINUX_CLONE_THREAD         0x00010000
#define LINUX_CLONE_NEWNS          0x00020000
#define LINUX_CLONE_SYSVSEM        0x00040000
#define LINUX_CLONE_SETTLS         0x00080000
#define LINUX_CLONE_PARENT_SETTID  0x00100000
#define LINUX_CLONE_CHILD_CLEARTID 0x00200000
#define LINUX_CLONE_DETACHED       0x00400000
#define LINUX_CLONE_UNTRACED       0x00800000
#define LINUX_CLONE_CHILD_SETTID   0x01000000
#define LINUX_CLONE_NEWCGROUP      0x02000000
#define LINUX_CLONE_NEWUTS         0x04000000
#define LINUX_CLONE_NEWIPC         0x08000000
#define LINUX_CLONE_NEWUSER        0x10000000
#define LINUX_CLONE_NEWPID         0x20000000
#define LINUX_CLONE_NEWNET         0x40000000
#define LINUX_CLONE_IO             0x80000000u
#define LINUX_CLONE_CLEAR_SIGHAND  0x100000000ull

struct linux_clone_args {
	uint64_t flags;
	uint64_t pidfd;
	uint64_t child_tid;
	uint64_t parent_tid;
	uint64_t exit_signal;
	uint64_t stack;
	uint64_t stack_size;
	uint64_t tls;
	uint64_t set_tid;
	uint64_t set_tid_size;
	uint64_t cgroup;
};

/* wait4(), waitid() */
#define LINUX_WNOHANG    0x00000001
#define LINUX_WUNTRACED  0x00000002
#define LINUX_WSTOPPED   LINUX_WUNTRACED
#define LINUX_WEXITED    0x00000004
#define LINUX_WCONTINUED 0x00000008
#define LINUX_WNOWAIT    0x01000000
#define LINUX_WNOTHREAD  0x20000000
#define LINUX_WALL       0x40000000
#define LINUX_WCLONE     0x80000000u

#define LINUX_P_ALL   0
#define LINUX_P_PID   1
#define LINUX_P_PGID  2
#define LINUX_P_PIDFD 3

/* The status that wait4() stores. */
#define LINUX_W_EXITED(code)  (((code)&0xff) << 8)
#define LINUX_W_SIGNALED(sig) (sig)
#define LINUX_W_CORE          0x80 /* or it to LINUX_W_SIGNALED() */
#define LINUX_W_STOPPED(sig)  ((sig) << 8 | 0x7f)
#define LINUX_W_CONTINUED     0xffff

/* getrusage() */
#define LINUX_RUSAGE_SELF     0
#define LINUX_RUSAGE_CHILDREN (-1)
#define LINUX_RUSAGE_THREAD   1

struct linux_rusage {
	struct linux_timeval ru_utime;
	struct linux_timeval ru_stime;
	int64_t ru_maxrss; /* KiB */
	int64_t ru_ixrss;
	int64_t ru_idrss;
	int64_t ru_isrss;
	int64_t ru_minflt;
	int64_t ru_majflt;
	int64_t ru_nswap;
	int64_t ru_inblock;
	int64_t ru_oublock;
	int64_t ru_msgsnd;
	int64_t ru_msgrcv;
	int64_t ru_nsignals;
	int64_t ru_nvcsw;
	int64_t ru_nivcsw;
};

/* Limits. */
struct linux_rlimit {
	uint64_t rlim_cur;
	uint64_t rlim_max;
};

#define LINUX_RLIM_INFINITY (~0ull)

#define LINUX_RLIMIT_CPU        0
#define LINUX_RLIMIT_FSIZE      1
#define LINUX_RLIMIT_DATA       2
#define LINUX_RLIMIT_STACK      3
#define LINUX_RLIMIT_CORE       4
#define LINUX_RLIMIT_RSS        5
#define LINUX_RLIMIT_NPROC      6
#define LINUX_RLIMIT_NOFILE     7
#define LINUX_RLIMIT_MEMLOCK    8
#define LINUX_RLIMIT_AS         9
#define LINUX_RLIMIT_LOCKS      10
#define LINUX_RLIMIT_SIGPENDING 11
#define LINUX_RLIMIT_MSGQUEUE   12
#define LINUX_RLIMIT_NICE       13
#define LINUX_RLIMIT_RTPRIO     14
#define LINUX_RLIMIT_RTTIME     15
#define LINUX_RLIM_NLIMITS      16

/* getpriority() */
#define LINUX_PRIO_PROCESS 0
#define LINUX_PRIO_PGRP    1
#define LINUX_PRIO_USER    2

/* Scheduling. */
#define LINUX_SCHED_NORMAL        0
#define LINUX_SCHED_FIFO          1
#define LINUX_SCHED_RR            2
#define LINUX_SCHED_BATCH         3
#define LINUX_SCHED_IDLE          5
#define LINUX_SCHED_DEADLINE      6
#define LINUX_SCHED_RESET_ON_FORK 0x40000000

struct linux_sched_param {
	int32_t sched_priority;
};

/* prctl() */
#define LINUX_PR_SET_PDEATHSIG       1
#define LINUX_PR_GET_PDEATHSIG       2
#define LINUX_PR_GET_DUMPABLE        3
#define LINUX_PR_SET_DUMPABLE        4
#define LINUX_PR_GET_KEEPCAPS        7
#define LINUX_PR_SET_KEEPCAPS        8
#define LINUX_PR_SET_NAME            15
#define LINUX_PR_GET_NAME            16
#define LINUX_PR_GET_SECCOMP         21
#define LINUX_PR_SET_SECCOMP         22
#define LINUX_PR_CAPBSET_READ        23
#define LINUX_PR_CAPBSET_DROP        24
#define LINUX_PR_GET_SECUREBITS      27
#define LINUX_PR_SET_SECUREBITS      28
#define LINUX_PR_SET_TIMERSLACK      29
#define LINUX_PR_GET_TIMERSLACK      30
#define LINUX_PR_SET_MM              35
#define LINUX_PR_SET_CHILD_SUBREAPER 36
#define LINUX_PR_GET_CHILD_SUBREAPER 37
#define LINUX_PR_SET_NO_NEW_PRIVS    38
#define LINUX_PR_GET_NO_NEW_PRIVS    39
#define LINUX_PR_GET_TID_ADDRESS     40
#define LINUX_PR_SET_THP_DISABLE     41
#define LINUX_PR_GET_THP_DISABLE     42
#define LINUX_PR_CAP_AMBIENT         47
#define LINUX_PR_SET_VMA             0x53564d41
#define LINUX_TASK_COMM_LEN          16 /* with the terminating zero */

/* arch_prctl() */
#define LINUX_ARCH_SET_GS    0x1001
#define LINUX_ARCH_SET_FS    0x1002
#define LINUX_ARCH_GET_FS    0x1003
#define LINUX_ARCH_GET_GS    0x1004
#define LINUX_ARCH_GET_CPUID 0x1011
#define LINUX_ARCH_SET_CPUID 0x1012

/* capget(), capset() */
#define LINUX_CAPABILITY_VERSION_3 0x20080522

struct linux_cap_header {
	uint32_t version;
	int32_t pid;
};

struct linux_cap_data { /* two of them, the low word first */
	uint32_t effective;
	uint32_t permitted;
	uint32_t inheritable;
};

/* membarrier() */
#define LINUX_MEMBARRIER_CMD_QUERY                      0
#define LINUX_MEMBARRIER_CMD_GLOBAL                     1
#define LINUX_MEMBARRIER_CMD_PRIVATE_EXPEDITED          8
#define LINUX_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED 16

/* personality() */
#define LINUX_PER_LINUX 0

_Static_assert(sizeof(struct linux_rusage) == 144, "struct linux_rusage");
_Static_assert(sizeof(struct linux_clone_args) == 88, "struct linux_clone_args");

#endif
