// SPDX-License-Identifier: MIT
/* Signals: sending, masks, handlers and their frames, alternate stacks, waiting, stopping. */
#define _GNU_SOURCE
#include "harness.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t nr_seen, last_seen;
static siginfo_t seen_info;

static void on_signal(int number)
{
	nr_seen++;
	last_seen = number;
}

static void on_signal_info(int number, siginfo_t *info, void *context)
{
	(void)context;
	seen_info = *info;
	on_signal(number);
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_flags = flags };

	if (flags & SA_SIGINFO)
		action.sa_sigaction = on_signal_info;
	else
		action.sa_handler = on_signal;
	CHECK_OK(sigaction(number, &action, NULL));
}

static sigset_t set_of(int number)
{
	sigset_t set;

	sigemptyset(&set);
	if (number)
		sigaddset(&set, number);
	return set;
}

static void block(int number)
{
	sigset_t set = set_of(number);

	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
}

static void unblock(int number)
{
	sigset_t set = set_of(number);

	CHECK_OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static int is_pending(int number)
{
	sigset_t set;

	CHECK_OK(sigpending(&set));
	return sigismember(&set, number);
}

/* Sending. */

TEST(kill_self_runs_handler)
{
	handle(SIGUSR1, 0);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(last_seen, SIGUSR1);
}

TEST(kill_errors)
{
	CHECK_OK(kill(getpid(), 0));
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(0x3ffffff, 0), ESRCH);
	CHECK_ERR(kill(-0x3ffffff, SIGTERM), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0x3ffffff, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, 1, getpid(), 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, -1, getpid(), 0), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	CHECK_OK(syscall(SYS_tkill, getpid(), 0));
}

TEST(kill_group)
{
	pid_t pids[3];

	handle(SIGUSR1, 0);
	for (int i = 0; i < 3; i++) {
		if (CHILD(pids[i])) {
			while (!nr_seen)
				sleep_ms(5);
			_exit(nr_seen);
		}
	}
	CHECK_OK(kill(0, SIGUSR1));
	CHECK_EQ(nr_seen, 1);
	for (int i = 0; i < 3; i++)
		wait_exit(pids[i], 1);
}

TEST(kill_permission)
{
	pid_t pid, parent = getpid();

	if (getuid() != 0)
		SKIP("needs root");
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_ERR(kill(parent, 0), EPERM);
		CHECK_ERR(kill(parent, SIGTERM), EPERM);
		CHECK_OK(kill(parent, SIGCONT)); /* which anybody may within the session */
		CHECK_OK(kill(getpid(), 0));
		_exit(0);
	}
	wait_ok(pid);
}

TEST(default_actions)
{
	static const int fatal[] = { SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,   SIGBUS,
				     SIGFPE,  SIGKILL,   SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE,   SIGALRM,
				     SIGTERM, SIGSTKFLT, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM, SIGIO,
				     SIGPWR,  SIGSYS,    40,      64 };
	static const int ignored[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	pid_t pid;

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		if (CHILD(pid)) {
			CHECK_OK(kill(getpid(), fatal[i]));
			_exit(0);
		}
		wait_signalled(pid, fatal[i]);
	}
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		CHECK_OK(kill(getpid(), ignored[i]));
}

TEST(default_stops)
{
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };
	int status;
	pid_t pid;

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (CHILD(pid)) {
			CHECK_OK(kill(getpid(), stops[i]));
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		CHECK_EQ(WSTOPSIG(status), stops[i]);
		CHECK_OK(kill(pid, SIGCONT));
		wait_ok(pid);
	}
}

/* Nobody could continue it: the terminal's stop signals do nothing. */
TEST(orphaned_group_does_not_stop)
{
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_OK(setsid());
		CHECK_OK(kill(getpid(), SIGTSTP));
		CHECK_OK(kill(getpid(), SIGTTIN));
		CHECK_OK(kill(getpid(), SIGTTOU));
		_exit(0);
	}
	wait_ok(pid);
}

TEST(ignored)
{
	CHECK(signal(SIGTERM, SIG_IGN) == SIG_DFL);
	CHECK_OK(kill(getpid(), SIGTERM));
	block(SIGUSR1);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK(is_pending(SIGUSR1));
	CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
	CHECK(!is_pending(SIGUSR1));
}

/* Actions. */

TEST(sigaction_rules)
{
	struct sigaction action = { .sa_handler = on_signal }, old;

	CHECK_ERR(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_OK(sigaction(SIGKILL, NULL, &old));
	CHECK_ERR(syscall(SYS_rt_sigaction, 0, &action, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, &action, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, BAD_POINTER, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD_POINTER, 8), EFAULT);
	action.sa_flags = SA_NODEFER | SA_ONSTACK;
	sigaddset(&action.sa_mask, SIGHUP);
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == on_signal);
	CHECK(sigismember(&old.sa_mask, SIGHUP));
	CHECK_EQ(old.sa_flags & (SA_NODEFER | SA_ONSTACK | SA_RESTART), SA_NODEFER | SA_ONSTACK);
}

static volatile int depth, max_depth, nr_sent;

static void on_nested(int number)
{
	if (++depth > max_depth)
		max_depth = depth;
	if (nr_sent++ < 2)
		kill(getpid(), number);
	depth--;
	nr_seen++;
}

TEST(own_signal_blocked_in_handler)
{
	struct sigaction action = { .sa_handler = on_nested };

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 3);
	CHECK_EQ(max_depth, 1);
}

TEST(nodefer)
{
	struct sigaction action = { .sa_handler = on_nested, .sa_flags = SA_NODEFER };

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(max_depth, 3);
	CHECK_EQ(nr_seen, 3);
}

static sigset_t mask_in_handler;

static void on_keep_mask(int number)
{
	(void)number;
	sigprocmask(SIG_BLOCK, NULL, &mask_in_handler);
}

TEST(mask_in_handler_and_after)
{
	struct sigaction action = { .sa_handler = on_keep_mask };
	sigset_t after;

	sigaddset(&action.sa_mask, SIGHUP);
	block(SIGTERM);
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK(sigismember(&mask_in_handler, SIGUSR1));
	CHECK(sigismember(&mask_in_handler, SIGHUP));
	CHECK(sigismember(&mask_in_handler, SIGTERM));
	CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &after));
	CHECK(!sigismember(&after, SIGUSR1) && !sigismember(&after, SIGHUP));
	CHECK(sigismember(&after, SIGTERM));
}

TEST(resethand)
{
	pid_t pid;

	if (CHILD(pid)) {
		handle(SIGUSR1, SA_RESETHAND);
		CHECK_OK(kill(getpid(), SIGUSR1));
		CHECK_EQ(nr_seen, 1);
		CHECK_OK(kill(getpid(), SIGUSR1));
		_exit(0);
	}
	wait_signalled(pid, SIGUSR1);
}

/* Masks. */

TEST(mask_rules)
{
	sigset_t set, old;

	sigfillset(&set);
	CHECK_OK(sigprocmask(SIG_SETMASK, &set, NULL));
	CHECK_OK(sigprocmask(SIG_SETMASK, NULL, &old));
	CHECK(!sigismember(&old, SIGKILL) && !sigismember(&old, SIGSTOP));
	CHECK(sigismember(&old, SIGUSR1));
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 99, &set, NULL, 8), EINVAL);
	CHECK_OK(syscall(SYS_rt_sigprocmask, 99, NULL, &set, 8));
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD_POINTER, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, BAD_POINTER, 8), EFAULT);
}

TEST(blocked_then_delivered_once)
{
	handle(SIGUSR1, 0);
	block(SIGUSR1);
	for (int i = 0; i < 5; i++)
		CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 0);
	CHECK(is_pending(SIGUSR1));
	unblock(SIGUSR1);
	CHECK_EQ(nr_seen, 1);
	CHECK(!is_pending(SIGUSR1));
}

TEST(realtime_signals_queue)
{
	sigset_t set = set_of(SIGRTMIN + 1);
	siginfo_t info;

	handle(SIGRTMIN + 1, SA_SIGINFO);
	block(SIGRTMIN + 1);
	for (int i = 0; i < 7; i++)
		CHECK_OK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 70 + i }));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 1);
		CHECK_EQ(info.si_value.sival_int, 70 + i);
	}
	unblock(SIGRTMIN + 1);
	CHECK_EQ(nr_seen, 5);
	CHECK_EQ(seen_info.si_code, SI_QUEUE);
	CHECK_EQ(seen_info.si_value.sival_int, 76);
	CHECK_EQ(seen_info.si_pid, getpid());
}

TEST(pending_not_inherited)
{
	pid_t pid;

	block(SIGUSR1);
	CHECK_OK(kill(getpid(), SIGUSR1));
	if (CHILD(pid)) {
		CHECK(!is_pending(SIGUSR1));
		unblock(SIGUSR1);
		_exit(0);
	}
	wait_ok(pid);
}

/* What a handler is told. */

TEST(info_of_kill)
{
	handle(SIGUSR1, SA_SIGINFO);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(seen_info.si_signo, SIGUSR1);
	CHECK_EQ(seen_info.si_code, SI_USER);
	CHECK_EQ(seen_info.si_pid, getpid());
	CHECK_EQ(seen_info.si_uid, getuid());
	CHECK_OK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	CHECK_EQ(seen_info.si_code, SI_TKILL);
}

TEST(info_of_child)
{
	pid_t pid;

	handle(SIGCHLD, SA_SIGINFO);
	if (CHILD(pid))
		_exit(12);
	WAIT_UNTIL(nr_seen);
	CHECK_EQ(seen_info.si_code, CLD_EXITED);
	CHECK_EQ(seen_info.si_pid, pid);
	CHECK_EQ(seen_info.si_status, 12);
	wait_exit(pid, 12);
}

TEST(child_stop_and_continue_signals)
{
	pid_t pid;

	handle(SIGCHLD, SA_SIGINFO);
	if (CHILD(pid)) {
		for (;;)
			pause();
	}
	CHECK_OK(kill(pid, SIGSTOP));
	WAIT_UNTIL(nr_seen == 1);
	CHECK_EQ(seen_info.si_code, CLD_STOPPED);
	CHECK_EQ(seen_info.si_status, SIGSTOP);
	CHECK_EQ(process_state(pid), 'T');
	CHECK_OK(kill(pid, SIGCONT));
	WAIT_UNTIL(nr_seen == 2);
	CHECK_EQ(seen_info.si_code, CLD_CONTINUED);
	handle(SIGCHLD, SA_SIGINFO | SA_NOCLDSTOP);
	CHECK_OK(kill(pid, SIGSTOP));
	WAIT_UNTIL(process_state(pid) == 'T');
	CHECK_EQ(nr_seen, 2);
	CHECK_OK(kill(pid, SIGKILL));
	WAIT_UNTIL(nr_seen == 3);
	CHECK_EQ(seen_info.si_code, CLD_KILLED);
	wait_signalled(pid, SIGKILL);
}

TEST(stopped_process_keeps_signals)
{
	pid_t pid;

	handle(SIGUSR1, 0);
	if (CHILD(pid)) {
		while (!nr_seen)
			sleep_ms(5);
		_exit(0);
	}
	CHECK_OK(kill(pid, SIGSTOP));
	WAIT_UNTIL(process_state(pid) == 'T');
	CHECK_OK(kill(pid, SIGUSR1));
	sleep_ms(20);
	CHECK_EQ(process_state(pid), 'T');
	CHECK_OK(kill(pid, SIGCONT));
	wait_ok(pid);
}

/* Faults. */

static sigjmp_buf escape;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	seen_info = *info;
	last_seen = number;
	siglongjmp(escape, 1);
}

static void handle_fault(int number)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	CHECK_OK(sigaction(number, &action, NULL));
}

TEST(fault_unmapped)
{
	handle_fault(SIGSEGV);
	if (!sigsetjmp(escape, 1))
		*(volatile char *)0x10 = 1;
	CHECK_EQ(last_seen, SIGSEGV);
	CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
	CHECK_EQ((uintptr_t)seen_info.si_addr, 0x10);
}

TEST(fault_protection)
{
	char *page = guarded_page();

	handle_fault(SIGSEGV);
	CHECK_OK(mprotect(page, 4096, PROT_READ));
	if (!sigsetjmp(escape, 1))
		*(volatile char *)(page + 5) = 1;
	CHECK_EQ(seen_info.si_code, SEGV_ACCERR);
	CHECK((char *)seen_info.si_addr == page + 5);
}

TEST(fault_no_exec)
{
	char *page = guarded_page();

	*page = (char)0xc3;
	handle_fault(SIGSEGV);
	if (!sigsetjmp(escape, 1))
		((void (*)(void))page)();
	CHECK_EQ(seen_info.si_code, SEGV_ACCERR);
	CHECK((char *)seen_info.si_addr == page);
}

TEST(fault_kernel_address)
{
	handle_fault(SIGSEGV);
	if (!sigsetjmp(escape, 1))
		*(volatile char *)KERNEL_POINTER = 1;
	CHECK_EQ(last_seen, SIGSEGV);
	CHECK_EQ(seen_info.si_code, SEGV_MAPERR);
	CHECK(seen_info.si_addr == KERNEL_POINTER);
}

TEST(fault_noncanonical)
{
	volatile char *pointer = (void *)0x8000000000000000;

	handle_fault(SIGSEGV);
	if (!sigsetjmp(escape, 1))
		*pointer = 1;
	CHECK_EQ(last_seen, SIGSEGV);
	CHECK_EQ(seen_info.si_code, SI_KERNEL);
}

TEST(fault_divide)
{
	handle_fault(SIGFPE);
	if (!sigsetjmp(escape, 1))
		__asm__ volatile("xor %%ecx, %%ecx\n\tidiv %%ecx" ::"a"(1), "d"(0) : "ecx");
	CHECK_EQ(last_seen, SIGFPE);
	CHECK_EQ(seen_info.si_code, FPE_INTDIV);
}

TEST(fault_illegal)
{
	handle_fault(SIGILL);
	if (!sigsetjmp(escape, 1))
		__asm__ volatile("ud2");
	CHECK_EQ(last_seen, SIGILL);
	CHECK_EQ(seen_info.si_code, ILL_ILLOPN);
}

TEST(fault_privileged)
{
	handle_fault(SIGSEGV);
	if (!sigsetjmp(escape, 1))
		__asm__ volatile("hlt");
	CHECK_EQ(last_seen, SIGSEGV);
	last_seen = 0;
	if (!sigsetjmp(escape, 1))
		__asm__ volatile("cli");
	CHECK_EQ(last_seen, SIGSEGV);
}

TEST(fault_breakpoint)
{
	handle(SIGTRAP, SA_SIGINFO);
	__asm__ volatile("int3");
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(seen_info.si_signo, SIGTRAP);
	CHECK_EQ(seen_info.si_code, SI_KERNEL);
}

TEST(fault_blocked_or_ignored_kills)
{
	pid_t pid;

	if (CHILD(pid)) {
		handle_fault(SIGSEGV);
		block(SIGSEGV);
		*(volatile char *)0x10 = 1;
		_exit(0);
	}
	wait_signalled(pid, SIGSEGV);
	if (CHILD(pid)) {
		CHECK(signal(SIGSEGV, SIG_IGN) == SIG_DFL);
		*(volatile char *)0x10 = 1;
		_exit(0);
	}
	wait_signalled(pid, SIGSEGV);
}

/* The frame: everything is as it was, whatever the handler did to the registers. */

static void on_clobber(int number)
{
	on_signal(number);
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm7, %%xmm7\n\tfninit\n\tstd\n\tcld" ::
				 : "xmm0", "xmm7");
}

TEST(frame_keeps_vector_registers)
{
	struct sigaction action = { .sa_handler = on_clobber };
	uint64_t in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2] = { 0, 0 };
	long result, pid = getpid();

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	__asm__ volatile("movups %2, %%xmm7\n\tsyscall\n\tmovups %%xmm7, %1"
			 : "=a"(result), "=m"(out)
			 : "m"(in), "a"((long)SYS_kill), "D"(pid), "S"((long)SIGUSR1)
			 : "rcx", "r11", "xmm7", "memory");
	CHECK_EQ(result, 0);
	CHECK_EQ(nr_seen, 1);
	CHECK_MEM(out, in, sizeof(in));
}

TEST(frame_keeps_general_registers)
{
	long result, pid = getpid(), r10 = 0x10, r12 = 0x12, r15 = 0x15;

	handle(SIGUSR1, 0);
	__asm__ volatile("mov $0x1010, %%r10\n\tmov $0x1212, %%r12\n\tmov $0x1515, %%r15\n\t"
			 "mov $0x88, %%r8\n\tsyscall\n\t"
			 "mov %%r10, %1\n\tmov %%r12, %2\n\tmov %%r15, %3\n\t"
			 "cmp $0x88, %%r8\n\tje 1f\n\tud2\n1:"
			 : "=a"(result), "=&m"(r10), "=&m"(r12), "=&m"(r15)
			 : "a"((long)SYS_kill), "D"(pid), "S"((long)SIGUSR1)
			 : "rcx", "r8", "r10", "r11", "r12", "r15", "memory", "cc");
	CHECK_EQ(result, 0);
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(r10, 0x1010);
	CHECK_EQ(r12, 0x1212);
	CHECK_EQ(r15, 0x1515);
}

/* System V ABI 3.2.2: the 128 bytes below the stack pointer are the function's. */
TEST(frame_keeps_red_zone)
{
	long result, left, pid = getpid();

	handle(SIGUSR1, 0);
	__asm__ volatile("sub $128, %%rsp\n\t" /* the compiler may use this one */
			 "mov $-16, %%r8\n"
			 "1:\tmov %%r8, (%%rsp,%%r8,8)\n\t"
			 "inc %%r8\n\tjnz 1b\n\t"
			 "syscall\n\t"
			 "mov $-16, %%r8\n"
			 "2:\tcmp %%r8, (%%rsp,%%r8,8)\n\tjne 3f\n\t"
			 "inc %%r8\n\tjnz 2b\n"
			 "3:\tadd $128, %%rsp\n\tmov %%r8, %%rdx"
			 : "=a"(result), "=d"(left)
			 : "a"((long)SYS_kill), "D"(pid), "S"((long)SIGUSR1)
			 : "rcx", "r8", "r11", "memory", "cc");
	CHECK_EQ(result, 0);
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(left, 0);
}

static void on_skip_ud2(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	on_signal(number);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RAX] = 4711;
}

TEST(frame_can_be_changed)
{
	struct sigaction action = { .sa_sigaction = on_skip_ud2, .sa_flags = SA_SIGINFO };
	long rax = 1;

	CHECK_OK(sigaction(SIGILL, &action, NULL));
	__asm__ volatile("ud2" : "+a"(rax));
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(rax, 4711);
}

static void on_hostile_frame(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)number;
	(void)info;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffff800000000000;
	uc->uc_mcontext.gregs[REG_EFL] = -1;
	uc->uc_mcontext.gregs[REG_CSGSFS] = 0x0008000800080008;
}

TEST(frame_hostile)
{
	struct sigaction action = { .sa_sigaction = on_hostile_frame, .sa_flags = SA_SIGINFO };
	pid_t pid;

	if (CHILD(pid)) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		kill(getpid(), SIGUSR1);
		_exit(0);
	}
	wait_signalled(pid, SIGSEGV);
}

TEST(sigreturn_without_frame)
{
	pid_t pid;

	if (CHILD(pid)) {
		__asm__ volatile("xor %%esp, %%esp\n\tsyscall\n\tud2" ::"a"((long)SYS_rt_sigreturn));
		_exit(0);
	}
	wait_signalled(pid, SIGSEGV);
}

static uintptr_t handler_sp;

static void on_keep_sp(int number)
{
	on_signal(number);
	handler_sp = (uintptr_t)__builtin_frame_address(0);
}

TEST(stack_alignment)
{
	struct sigaction action = { .sa_handler = on_keep_sp };

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(handler_sp % 16, 0);
}

/* Alternate stack. */

TEST(sigaltstack_use)
{
	struct sigaction action = { .sa_handler = on_keep_sp, .sa_flags = SA_ONSTACK };
	static char stack_bytes[32768] __attribute__((aligned(16)));
	stack_t stack = { .ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes) }, old;

	CHECK_OK(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK_OK(sigaltstack(&stack, NULL));
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK(handler_sp > (uintptr_t)stack_bytes && handler_sp < (uintptr_t)stack_bytes + sizeof(stack_bytes));
	stack.ss_flags = 99;
	CHECK_ERR(sigaltstack(&stack, NULL), EINVAL);
	stack.ss_flags = 0;
	stack.ss_size = 100;
	CHECK_ERR(syscall(SYS_sigaltstack, &stack, NULL), ENOMEM);
	CHECK_ERR(syscall(SYS_sigaltstack, BAD_POINTER, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_sigaltstack, NULL, BAD_POINTER), EFAULT);
}

static stack_t stack_in_handler;
static int set_in_handler, error_in_handler;

static void on_change_altstack(int number)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	on_signal(number);
	sigaltstack(NULL, &stack_in_handler);
	set_in_handler = sigaltstack(&none, NULL);
	error_in_handler = errno;
}

TEST(altstack_in_use_stays)
{
	struct sigaction action = { .sa_handler = on_change_altstack, .sa_flags = SA_ONSTACK };
	static char stack_bytes[32768] __attribute__((aligned(16)));
	stack_t stack = { .ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes) }, after;

	CHECK_OK(sigaltstack(&stack, NULL));
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 1);
	CHECK_EQ(stack_in_handler.ss_flags, SS_ONSTACK);
	CHECK(stack_in_handler.ss_sp == stack_bytes);
	CHECK_EQ(set_in_handler, -1);
	CHECK_EQ(error_in_handler, EPERM);
	CHECK_OK(sigaltstack(NULL, &after));
	CHECK_EQ(after.ss_flags, 0);
}

static int deeper(int level)
{
	volatile char space[4096];

	space[0] = level;
	return level <= 0 ? space[0] : deeper(level + 1) + space[0];
}

TEST(stack_overflow_on_altstack)
{
	static char stack_bytes[65536];
	stack_t stack = { .ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes) };
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK_OK(sigaltstack(&stack, NULL));
	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	if (!sigsetjmp(escape, 1))
		deeper(1);
	CHECK_EQ(last_seen, SIGSEGV);
}

TEST(stack_overflow_kills)
{
	pid_t pid;

	if (CHILD(pid)) {
		handle(SIGSEGV, 0);
		deeper(1);
		_exit(0);
	}
	wait_signalled(pid, SIGSEGV);
}

/* Waiting. */

TEST(pause_ends)
{
	handle(SIGUSR1, SA_RESTART);
	pid_t pid = signal_when_asleep(SIGUSR1);
	CHECK_ERR(pause(), EINTR);
	CHECK_EQ(nr_seen, 1);
	wait_ok(pid);
}

TEST(sigsuspend_swaps_mask)
{
	sigset_t empty = set_of(0), after;

	handle(SIGUSR1, 0);
	block(SIGUSR1);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(nr_seen, 0);
	CHECK_ERR(sigsuspend(&empty), EINTR);
	CHECK_EQ(nr_seen, 1);
	CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &after));
	CHECK(sigismember(&after, SIGUSR1));
	CHECK_ERR(syscall(SYS_rt_sigsuspend, BAD_POINTER, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigsuspend, &empty, 7), EINVAL);
}

TEST(sigtimedwait)
{
	sigset_t set = set_of(SIGUSR1);
	struct timespec moment = { 0, 20000000 }, bad = { 0, 1000000000 }, none = { 0, 0 };
	siginfo_t info;

	handle(SIGUSR2, 0);
	block(SIGUSR1);
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
	long long start = now_ms();
	CHECK_ERR(sigtimedwait(&set, &info, &moment), EAGAIN);
	CHECK(now_ms() - start >= 19);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(sigtimedwait(&set, &info, &moment), SIGUSR1);
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_pid, getpid());
	CHECK(!is_pending(SIGUSR1));
	CHECK_ERR(sigtimedwait(&set, &info, &bad), EINVAL);
	pid_t pid = signal_when_asleep(SIGUSR1);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	wait_ok(pid);
	pid = signal_when_asleep(SIGUSR2);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8), EINTR);
	wait_ok(pid);
}

static int told[2];

static void on_signal_tell(int number)
{
	on_signal(number);
	CHECK_EQ(write(told[1], "t", 1), 1);
}

TEST(wait_interrupted_and_restarted)
{
	struct sigaction tell = { .sa_handler = on_signal_tell, .sa_flags = SA_RESTART };
	pid_t pid, sender;

	CHECK_OK(pipe(told));
	if (CHILD(pid)) { /* which ends when the second handler has run */
		char byte;

		CHECK_EQ(read(told[0], &byte, 1), 1);
		_exit(0);
	}
	handle(SIGUSR1, 0);
	sender = signal_when_asleep(SIGUSR1);
	CHECK_ERR(waitpid(pid, NULL, 0), EINTR);
	wait_ok(sender);
	CHECK_OK(sigaction(SIGUSR1, &tell, NULL));
	sender = signal_when_asleep(SIGUSR1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(nr_seen, 2);
	wait_ok(sender);
}

/* Many signals from several senders: none is lost while the receiver counts real-time ones. */
TEST(storm)
{
	enum { NR_SENDERS = 3, NR_EACH = 200 };
	pid_t pids[NR_SENDERS], parent = getpid();
	union sigval value = { 0 };

	handle(SIGRTMIN + 2, SA_RESTART);
	for (int i = 0; i < NR_SENDERS; i++) {
		if (CHILD(pids[i])) {
			for (int n = 0; n < NR_EACH; n++)
				CHECK_OK(sigqueue(parent, SIGRTMIN + 2, value));
			_exit(0);
		}
	}
	for (int i = 0; i < NR_SENDERS; i++)
		wait_ok(pids[i]);
	WAIT_UNTIL(nr_seen == NR_SENDERS * NR_EACH);
}

/* A loop without any system call is reached by a signal, too. */
TEST(interrupts_busy_loop)
{
	pid_t pid, parent = getpid();

	handle(SIGUSR1, 0);
	if (CHILD(pid)) {
		sleep_ms(20);
		CHECK_OK(kill(parent, SIGUSR1));
		_exit(0);
	}
	while (!nr_seen)
		;
	wait_ok(pid);
}

TEST(lowest_number_first)
{
	sigset_t set;

	sigfillset(&set);
	CHECK_OK(sigprocmask(SIG_SETMASK, &set, NULL));
	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK_OK(kill(getpid(), SIGHUP));
	CHECK_EQ(sigwaitinfo(&set, NULL), SIGHUP);
	CHECK_EQ(sigwaitinfo(&set, NULL), SIGUSR2);
}

/*
 * SIGCONT undoes a stop signal also while the process is taking it.  That takes long when somebody
 * always looks at all processes: both the look at the group, whether it is orphaned, and the sender wait.
 */
TEST(continue_behind_stop)
{
	volatile long *turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid, looker;

	CHECK(turns != MAP_FAILED);
	if (CHILD(looker)) {
		for (int i = 0;; i++) {
			kill(-1, 0);
			if (i % 8 == 0)
				usleep(100); /* or others hardly ever get the lock */
		}
	}
	if (CHILD(pid)) {
		CHECK_OK(setpgid(0, 0));
		for (;;)
			++*turns;
	}
	for (int i = 0; i < 6; i++) {
		long before = *turns;

		WAIT_UNTIL(*turns != before);
		CHECK_OK(kill(pid, SIGTSTP));
		CHECK_OK(kill(pid, SIGCONT));
	}
	CHECK_OK(kill(pid, SIGKILL));
	wait_signalled(pid, SIGKILL);
	CHECK_OK(kill(looker, SIGKILL));
	wait_signalled(looker, SIGKILL);
}

static void spoil_altstack(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;

	(void)info;
	frame->uc_stack.ss_size = 0;
	nr_seen = number;
}

/* What a handler leaves in its frame is checked like an argument of sigaltstack. */
TEST(altstack_spoilt_in_frame)
{
	struct sigaction action = { .sa_sigaction = spoil_altstack, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 }, now;

	CHECK_OK(sigaltstack(&stack, NULL));
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	CHECK_OK(raise(SIGUSR1));
	CHECK_EQ(nr_seen, SIGUSR1);
	CHECK_OK(sigaltstack(NULL, &now));
	CHECK_EQ(now.ss_size, 65536);
	CHECK_EQ(now.ss_flags, 0);
	CHECK_OK(raise(SIGUSR1));
}

TEST(queueinfo_to_no_process)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, 0, SIGUSR1, &info), ESRCH);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, -1, SIGUSR1, &info), ESRCH);
}
