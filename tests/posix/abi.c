// SPDX-License-Identifier: MIT
/* The system-call interface itself: unknown numbers, registers, flags, hostile values everywhere.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

TEST(unknown_numbers)
{
	static const long numbers[] = { 350, 400, 423, 1000, 5000, 0x7fffffff, 0xffffffff, -1 };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK_EQ(call(numbers[i], 1, 2, 3, 4, 5, 6), -ENOSYS);
}

TEST(calls_that_never_were)
{
	static const int numbers[] = { SYS_uselib,         SYS_getpmsg,        SYS_putpmsg, SYS_afs_syscall,
				       SYS_tuxcall,        SYS_security,       SYS_vserver, SYS_epoll_ctl_old,
				       SYS_epoll_wait_old, SYS_set_thread_area };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		CHECK_EQ(call(numbers[i], 0, 0, 0, 0, 0, 0), -ENOSYS);
}

/* Puts 0x11 and up into the registers, calls getpid, stores them; returns where rcx should point.
 */
unsigned long registers_probe(unsigned long out[14]);
__asm__(".text\nregisters_probe:\n\t"
	"push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rdi\n\t"
	"mov $0x11, %ebx\n\tmov $0x12, %edx\n\tmov $0x13, %esi\n\tmov $0x14, %edi\n\t"
	"mov $0x15, %ebp\n\tmov $0x16, %r8d\n\tmov $0x17, %r9d\n\tmov $0x18, %r10d\n\t"
	"mov $0x19, %r12d\n\tmov $0x1a, %r13d\n\tmov $0x1b, %r14d\n\tmov $0x1c, %r15d\n\t"
	"mov $39, %eax\n\tsyscall\n"
	"1:\tpop %rax\n\t"
	"mov %rbx, (%rax)\n\tmov %rdx, 8(%rax)\n\tmov %rsi, 16(%rax)\n\tmov %rdi, 24(%rax)\n\t"
	"mov %rbp, 32(%rax)\n\tmov %r8, 40(%rax)\n\tmov %r9, 48(%rax)\n\tmov %r10, 56(%rax)\n\t"
	"mov %r12, 64(%rax)\n\tmov %r13, 72(%rax)\n\tmov %r14, 80(%rax)\n\tmov %r15, 88(%rax)\n\t"
	"mov %rcx, 96(%rax)\n\tmov %r11, 104(%rax)\n\tlea 1b(%rip), %rax\n\t"
	"pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret\n");

/* All registers but rax, rcx and r11 are kept; rcx is the next instruction, r11 the flags. */
TEST(registers_kept)
{
	unsigned long regs[14], next = registers_probe(regs);

	for (int i = 0; i < 12; i++)
		CHECK_EQ(regs[i], 0x11 + i);
	CHECK_EQ(regs[12], next);
	CHECK(regs[13] & 0x200);
}

TEST(flags_after_call)
{
	unsigned long flags;

	__asm__ volatile("std\n\tmov $39, %%eax\n\tsyscall\n\tpushf\n\tpop %0\n\tcld"
			 : "=r"(flags)
			 :
			 : "rax", "rcx", "r11", "memory", "cc");
	CHECK(flags & 0x400);
	CHECK(flags & 0x200);
}

/* A call from code with the alignment-check flag set works, and keeps it. */
TEST(alignment_check_flag)
{
	unsigned long flags;
	long pid;

	__asm__ volatile("sub $128, %%rsp\n\tpushf\n\torl $0x40000, (%%rsp)\n\tpopf\n\t"
			 "mov $39, %%eax\n\tsyscall\n\tpushf\n\tpop %0\n\t"
			 "pushf\n\tandl $~0x40000, (%%rsp)\n\tpopf\n\tadd $128, %%rsp"
			 : "=&r"(flags), "=&a"(pid)
			 :
			 : "rcx", "r11", "memory", "cc");
	CHECK_EQ(pid, getpid());
	CHECK(flags & 0x40000);
}

TEST(vector_registers_kept)
{
	uint64_t in[2] = { 0x0123456789abcdef, 0xfedcba9876543210 }, out[2] = { 0 };
	long pid;

	__asm__ volatile("movups %2, %%xmm3\n\tmov $39, %%eax\n\tsyscall\n\tmovups %%xmm3, %1"
			 : "=&a"(pid), "=m"(out)
			 : "m"(in)
			 : "rcx", "r11", "xmm3", "memory");
	CHECK_MEM(out, in, sizeof(in));
}

/* Floating-point state survives switches between busy processes. */
TEST(floating_point_between_processes)
{
	pid_t pids[4];

	for (int n = 0; n < 4; n++) {
		if (CHILD(pids[n])) {
			volatile double sum = 0;
			for (int i = 0; i < 2000000; i++)
				sum = sum + n + 0.5;
			CHECK(sum == 2000000 * (n + 0.5));
			_exit(0);
		}
	}
	for (int n = 0; n < 4; n++)
		wait_ok(pids[n]);
}

TEST(stack_pointer_anything)
{
	long result;

	/* no system call may touch the caller's stack */
	__asm__ volatile("mov %%rsp, %%r12\n\tmov $8, %%esp\n\tmov $39, %%eax\n\tsyscall\n\t"
			 "mov %%r12, %%rsp"
			 : "=a"(result)
			 :
			 : "rcx", "r11", "r12", "memory");
	CHECK_EQ(result, getpid());
}

TEST(int80_is_no_way_in)
{
	int status;
	pid_t pid;

	if (CHILD(pid)) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
		_exit(result == getpid() || result == -ENOSYS ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
}

/*
 * Every call that takes no harm, with arguments from a set of bad values: errno or success, never a
 * crash, never a hang.  Calls that block, end the process or change the machine are left out.
 */
static int is_harmless(int number)
{
	/* clang-format off */
	static const int left_out[] = {
		SYS_exit, SYS_exit_group, SYS_shmget, SYS_shmctl, SYS_semget, SYS_semctl,
		SYS_msgget, SYS_msgctl, SYS_pause, SYS_rt_sigsuspend, SYS_rt_sigreturn, SYS_kill,
		SYS_tkill, SYS_tgkill, SYS_reboot, SYS_vhangup, SYS_fork, SYS_vfork, SYS_clone,
		435, SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_wait,
		SYS_epoll_pwait, 441, SYS_nanosleep, SYS_clock_nanosleep, SYS_rt_sigtimedwait,
		SYS_alarm, SYS_setitimer, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex,
		SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_munmap, SYS_mprotect,
		SYS_mremap, SYS_mmap, SYS_brk, SYS_arch_prctl, SYS_ptrace, SYS_rt_sigqueueinfo,
		SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_seccomp, SYS_prctl,
		SYS_setrlimit, SYS_prlimit64, SYS_futex, 449, SYS_wait4, SYS_waitid,
		SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
		SYS_delete_module, SYS_swapon, SYS_swapoff, SYS_acct, SYS_sync, SYS_umount2,
		SYS_mount, SYS_pivot_root, SYS_chroot, SYS_iopl, SYS_ioperm, SYS_modify_ldt,
		SYS_syslog, SYS_unshare, SYS_setns, SYS_rt_sigaction, SYS_rt_sigprocmask,
		SYS_sigaltstack, SYS_set_tid_address, SYS_set_robust_list, SYS_rseq, SYS_madvise,
		SYS_userfaultfd, SYS_bpf, SYS_close, 436, SYS_dup2, SYS_dup3, SYS_personality,
		SYS_mlockall, SYS_restart_syscall, SYS_sched_setscheduler, SYS_sched_setattr,
		SYS_setpriority, SYS_io_uring_setup, SYS_add_key, SYS_keyctl, SYS_request_key,
		SYS_flock, SYS_fcntl, SYS_read, SYS_readv, SYS_recvfrom, SYS_recvmsg,
		SYS_recvmmsg, SYS_ioctl, SYS_quotactl, 443, SYS_munlockall, SYS_shmat,
		SYS_execve, SYS_execveat, SYS_preadv2, SYS_migrate_pages, SYS_move_pages,
		SYS_remap_file_pages, SYS_process_vm_writev, 440, SYS_setuid, SYS_setgid,
		SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid,
		SYS_setfsgid, SYS_setgroups, SYS_capset, SYS_sched_setparam,
		SYS_sched_setaffinity, SYS_mbind, SYS_set_mempolicy, SYS_perf_event_open,
		SYS_landlock_restrict_self, SYS_mq_notify, SYS_fanotify_init, SYS_write,
		SYS_writev, SYS_umask, SYS_chdir, SYS_fchdir, SYS_setpgid, SYS_setsid, SYS_semop,
		SYS_semtimedop, SYS_msgrcv, SYS_msgsnd, SYS_mq_timedreceive, SYS_ioprio_set, 448,
		SYS_splice, SYS_tee, SYS_sendfile, SYS_copy_file_range, SYS_vmsplice,
		SYS_pwritev2, SYS_accept, SYS_accept4, SYS_membarrier, SYS_io_getevents, 333,
		447,
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		if (left_out[i] == number)
			return 0;
	}
	return 1;
}

/* Returns the number of a call that gave neither a value nor an errno, or -1. */
static int hostile_round(unsigned seed)
{
	static const long bad[] = { 0,
				    -1,
				    1,
				    8,
				    999,
				    4096,
				    0x7fffffff,
				    0xffffffff,
				    0x7fffffffffff,
				    0x800000000000,
				    (long)0x8000000000000000,
				    (long)0xffff800000000000 };
	long args[6];

	for (int number = 0; number < 452; number++) {
		if (!is_harmless(number) || (number > 334 && number < 424))
			continue;
		for (int i = 0; i < 6; i++) {
			seed = seed * 1103515245 + 12345;
			args[i] = bad[seed / 65536 % (sizeof(bad) / sizeof(bad[0]))];
		}
		if (call(number, args[0], args[1], args[2], args[3], args[4], args[5]) < -4095 &&
		    number != SYS_lseek)
			return number;
	}
	return -1;
}

/* The low descriptors are a file of the case's own: some calls do change what these numbers name.
 */
TEST(hostile_arguments_everywhere)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	int out = CHECK_OK(dup2(STDOUT_FILENO, 100)), offender;
	pid_t pid;

	signal(SIGXFSZ, SIG_IGN);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
	for (unsigned seed = 1; seed <= 40; seed++) {
		if (CHILD(pid)) {
			int fd = CHECK_OK(open("victim", O_RDWR | O_CREAT, 0600));
			for (int i = 0; i < 9; i++)
				CHECK_OK(dup2(fd, i));
			offender = hostile_round(seed * 7919);
			dup2(out, STDOUT_FILENO);
			CHECK_EQ(offender, -1);
			_exit(0);
		}
		wait_ok(pid);
	}
}
