/* SPDX-License-Identifier: MIT */
/*
 * Signals: numbers, actions, what a handler is told, and the frame on its stack.
 *
 * A handler is entered with rdi = signal, rsi = &frame.info, rdx = &frame.uc, rsp = &frame, and
 * rsp + 8 a multiple of 16 as after a call.  Returning, it pops `pretcode`, which calls
 * rt_sigreturn() with rsp = &frame.uc.  uc.mcontext.fpstate points to an FXSAVE or XSAVE image
 * above the frame, aligned to 64 bytes; linux_fpx_sw_bytes within it says which.
 */
#ifndef ABI_LINUX_SIGNAL_H
#define ABI_LINUX_SIGNAL_H

#include <stdint.h>

#define LINUX_SIGHUP    1
#define LINUX_SIGINT    2
#define LINUX_SIGQUIT   3
#define LINUX_SIGILL    4
#define LINUX_SIGTRAP   5
#define LINUX_SIGABRT   6
#define LINUX_SIGBUS    7
#define LINUX_SIGFPE    8
#define LINUX_SIGKILL   9
#define LINUX_SIGUSR1   10
#define LINUX_SIGSEGV   11
#define LINUX_SIGUSR2   12
#define LINUX_SIGPIPE   13
#define LINUX_SIGALRM   14
#define LINUX_SIGTERM   15
#define LINUX_SIGSTKFLT 16
#define LINUX_SIGCHLD   17
#define LINUX_SIGCONT   18
#define LINUX_SIGSTOP   19
#define LINUX_SIGTSTP   20
#define LINUX_SIGTTIN   21
#define LINUX_SIGTTOU   22
#define LINUX_SIGURG    23
#define LINUX_SIGXCPU   24
#define LINUX_SIGXFSZ   25
#define LINUX_SIGVTALRM 26
#define LINUX_SIGPROF   27
#define LINUX_SIGWINCH  28
#define LINUX_SIGIO     29
#define LINUX_SIGPWR    30
#define LINUX_SIGSYS    31
#define LINUX_SIGRTMIN  32
#define LINUX_SIGRTMAX  64
#define LINUX_NSIG      64

/* Signal s is bit s - 1; calls that take a set take its size too, which must be 8. */
struct linux_sigset {
	uint64_t bits;
};

#define LINUX_SIG_BLOCK   0
#define LINUX_SIG_UNBLOCK 1
#define LINUX_SIG_SETMASK 2

/* Actions. */
#define LINUX_SIG_DFL 0
#define LINUX_SIG_IGN 1

#define LINUX_SA_NOCLDSTOP      0x00000001
#define LINUX_SA_NOCLDWAIT      0x00000002
#define LINUX_SA_SIGINFO        0x00000004
#define LINUX_SA_UNSUPPORTED    0x00000400
#define LINUX_SA_EXPOSE_TAGBITS 0x00000800
#define LINUX_SA_RESTORER       0x04000000
#define LINUX_SA_ONSTACK        0x08000000
#define LINUX_SA_RESTART        0x10000000
#define LINUX_SA_NODEFER        0x40000000
#define LINUX_SA_RESETHAND      0x80000000u

struct linux_sigaction {
	uint64_t sa_handler;
	uint64_t sa_flags;
	uint64_t sa_restorer;
	struct linux_sigset sa_mask;
};

/* Alternate stack. */
#define LINUX_SS_ONSTACK    1
#define LINUX_SS_DISABLE    2
#define LINUX_SS_AUTODISARM (1u << 31)
#define LINUX_MINSIGSTKSZ   2048

struct linux_stack {
	uint64_t ss_sp;
	int32_t ss_flags;
	uint32_t pad;
	uint64_t ss_size;
};

/* What a handler is told. */
union linux_sigval {
	int32_t sival_int;
	uint64_t sival_ptr;
};

struct linux_siginfo {
	int32_t si_signo;
	int32_t si_errno;
	int32_t si_code;
	int32_t pad_1;
	union {
		struct { /* kill, sigqueue, tkill */
			int32_t pid;
			uint32_t uid;
			union linux_sigval value;
		} queue;
		struct { /* POSIX timers */
			int32_t timerid;
			int32_t overrun;
			union linux_sigval value;
		} timer;
		struct { /* SIGCHLD */
			int32_t pid;
			uint32_t uid;
			int32_t status;
			int32_t pad;
			int64_t utime;
			int64_t stime;
		} child;
		struct { /* SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP */
			uint64_t addr;
			uint16_t addr_lsb;
			uint16_t pad[3];
			uint64_t lower;
			uint64_t upper;
		} fault;
		struct { /* SIGIO */
			int64_t band;
			int32_t fd;
		} io;
		struct { /* SIGSYS */
			uint64_t call_addr;
			int32_t syscall;
			uint32_t arch;
		} sys;
		uint8_t pad_2[112];
	};
};

/* si_code: who sent it */
#define LINUX_SI_USER    0
#define LINUX_SI_KERNEL  0x80
#define LINUX_SI_QUEUE   (-1)
#define LINUX_SI_TIMER   (-2)
#define LINUX_SI_MESGQ   (-3)
#define LINUX_SI_ASYNCIO (-4)
#define LINUX_SI_SIGIO   (-5)
#define LINUX_SI_TKILL   (-6)

#define LINUX_ILL_ILLOPC 1
#define LINUX_ILL_ILLOPN 2
#define LINUX_ILL_ILLADR 3
#define LINUX_ILL_ILLTRP 4
#define LINUX_ILL_PRVOPC 5
#define LINUX_ILL_PRVREG 6
#define LINUX_ILL_COPROC 7
#define LINUX_ILL_BADSTK 8

#define LINUX_FPE_INTDIV 1
#define LINUX_FPE_INTOVF 2
#define LINUX_FPE_FLTDIV 3
#define LINUX_FPE_FLTOVF 4
#define LINUX_FPE_FLTUND 5
#define LINUX_FPE_FLTRES 6
#define LINUX_FPE_FLTINV 7
#define LINUX_FPE_FLTSUB 8

#define LINUX_SEGV_MAPERR 1
#define LINUX_SEGV_ACCERR 2
#define LINUX_SEGV_BNDERR 3
#define LINUX_SEGV_PKUERR 4

#define LINUX_BUS_ADRALN 1
#define LINUX_BUS_ADRERR 2
#define LINUX_BUS_OBJERR 3

#define LINUX_TRAP_BRKPT  1
#define LINUX_TRAP_TRACE  2
#define LINUX_TRAP_BRANCH 3
#define LINUX_TRAP_HWBKPT 4

#define LINUX_CLD_EXITED    1
#define LINUX_CLD_KILLED    2
#define LINUX_CLD_DUMPED    3
#define LINUX_CLD_TRAPPED   4
#define LINUX_CLD_STOPPED   5
#define LINUX_CLD_CONTINUED 6

#define LINUX_POLL_IN  1
#define LINUX_POLL_OUT 2
#define LINUX_POLL_MSG 3
#define LINUX_POLL_ERR 4
#define LINUX_POLL_PRI 5
#define LINUX_POLL_HUP 6

/* The frame. */
struct linux_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate; /* address of struct linux_fpstate, or 0 */
	uint64_t reserved[8];
};

struct linux_ucontext {
	uint64_t uc_flags; /* LINUX_UC_* */
	uint64_t uc_link;
	struct linux_stack uc_stack;
	struct linux_sigcontext uc_mcontext;
	struct linux_sigset uc_sigmask;
};

#define LINUX_UC_FP_XSTATE         1 /* fpstate is an XSAVE image */
#define LINUX_UC_SIGCONTEXT_SS     2
#define LINUX_UC_STRICT_RESTORE_SS 4

struct linux_rt_sigframe {
	uint64_t pretcode; /* sa_restorer */
	struct linux_ucontext uc;
	struct linux_siginfo info;
};

/* Lies in the FXSAVE image's last 48 bytes, which the CPU leaves to software. */
struct linux_fpx_sw_bytes {
	uint32_t magic1;        /* LINUX_FP_XSTATE_MAGIC1 if the XSAVE header follows */
	uint32_t extended_size; /* of the image and magic2 */
	uint64_t xfeatures;
	uint32_t xstate_size; /* of the image alone; LINUX_FP_XSTATE_MAGIC2 lies behind it */
	uint32_t pad[7];
};

struct linux_fpstate {
	uint16_t cwd, swd, twd, fop;
	uint64_t rip, rdp;
	uint32_t mxcsr, mxcr_mask;
	uint32_t st_space[32];
	uint32_t xmm_space[64];
	uint32_t reserved[12];
	struct linux_fpx_sw_bytes sw_reserved;
};

struct linux_xstate_header {
	uint64_t xfeatures;
	uint64_t reserved_1[2];
	uint64_t reserved_2[5];
};

#define LINUX_FP_XSTATE_MAGIC1      0x46505853u
#define LINUX_FP_XSTATE_MAGIC2      0x46505845u
#define LINUX_FP_XSTATE_MAGIC2_SIZE 4

/* signalfd4() */
#define LINUX_SFD_NONBLOCK 00004000
#define LINUX_SFD_CLOEXEC  02000000

struct linux_signalfd_siginfo {
	uint32_t ssi_signo;
	int32_t ssi_errno;
	int32_t ssi_code;
	uint32_t ssi_pid;
	uint32_t ssi_uid;
	int32_t ssi_fd;
	uint32_t ssi_tid;
	uint32_t ssi_band;
	uint32_t ssi_overrun;
	uint32_t ssi_trapno;
	int32_t ssi_status;
	int32_t ssi_int;
	uint64_t ssi_ptr;
	uint64_t ssi_utime;
	uint64_t ssi_stime;
	uint64_t ssi_addr;
	uint16_t ssi_addr_lsb;
	uint16_t pad_2;
	int32_t ssi_syscall;
	uint64_t ssi_call_addr;
	uint32_t ssi_arch;
	uint8_t pad[28];
};

/* timer_create(), mq_notify() */
#define LINUX_SIGEV_SIGNAL    0
#define LINUX_SIGEV_NONE      1
#define LINUX_SIGEV_THREAD    2
#define LINUX_SIGEV_THREAD_ID 4

struct linux_sigevent {
	union linux_sigval sigev_value;
	int32_t sigev_signo;
	int32_t sigev_notify;
	int32_t sigev_tid;
	int32_t pad[11];
};

_Static_assert(sizeof(struct linux_sigaction) == 32, "struct linux_sigaction");
_Static_assert(sizeof(struct linux_stack) == 24, "struct linux_stack");
_Static_assert(sizeof(struct linux_siginfo) == 128, "struct linux_siginfo");
_Static_assert(sizeof(struct linux_sigcontext) == 256, "struct linux_sigcontext");
_Static_assert(sizeof(struct linux_ucontext) == 304, "struct linux_ucontext");
_Static_assert(sizeof(struct linux_rt_sigframe) == 440, "struct linux_rt_sigframe");
_Static_assert(sizeof(struct linux_fpstate) == 512, "struct linux_fpstate");
_Static_assert(sizeof(struct linux_xstate_header) == 64, "struct linux_xstate_header");
_Static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "struct linux_signalfd_siginfo");
_Static_assert(sizeof(struct linux_sigevent) == 64, "struct linux_sigevent");

#endif
