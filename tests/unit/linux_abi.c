// SPDX-License-Identifier: MIT
// flags: -isystem /usr/include -isystem sysroot/abi
/*
 * sysroot/abi/linux against the kernel's own headers on the host: constants by the generated list,
 * structures by size and the offset of each field.  linux_abi_libc.c compares what only the C
 * library defines.  Everything is asserted while compiling.
 */
#include <stddef.h>
#include <linux/types.h>
#include <asm/ioctls.h>
#include <asm/prctl.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <asm/termbits.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/close_range.h>
#include <linux/personality.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/resource.h>
#include <linux/rseq.h>
#include <linux/sched.h>
#include <linux/signalfd.h>
#include <linux/stat.h>
#include <linux/sysinfo.h>
#include <linux/termios.h>
#include <linux/time.h>
#include <linux/times.h>
#include <linux/timerfd.h>
#include <linux/utime.h>
#include <linux/utsname.h>
#include <linux/wait.h>

#include "sysroot/abi/linux/elf.h"
#include "sysroot/abi/linux/fcntl.h"
#include "sysroot/abi/linux/futex.h"
#include "sysroot/abi/linux/mman.h"
#include "sysroot/abi/linux/poll.h"
#include "sysroot/abi/linux/process.h"
#include "sysroot/abi/linux/signal.h"
#include "sysroot/abi/linux/stat.h"
#include "sysroot/abi/linux/system.h"
#include "sysroot/abi/linux/termios.h"
#include "sysroot/abi/linux/time.h"
#include "sysroot/abi/linux/uio.h"
#include "linux/calls.h"

/* The user-space header leaves out one value and keeps another of a much older kernel. */
#define _NSIG 64
#undef NSIG

#define ABI_SAME(ours, theirs) _Static_assert((unsigned long long)(ours) == (unsigned long long)(theirs), #ours)
#include "linux/abi_check.h"

#define SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #ours)
#define FIELD2(ours, our_field, theirs, their_field)                                                   \
	_Static_assert(__builtin_offsetof(ours, our_field) == __builtin_offsetof(theirs, their_field), \
		       #ours "." #our_field);                                                          \
	_Static_assert(sizeof(((ours *)0)->our_field) == sizeof(((theirs *)0)->their_field),           \
		       "size of " #ours "." #our_field)
#define FIELD(name, field) FIELD2(struct linux_##name, field, struct name, field)

#define CALL_SAME(number, name, state) _Static_assert(number == __NR_##name, #name);
LINUX_CALLS(CALL_SAME)

SIZE(struct linux_stat, struct stat);
FIELD(stat, st_dev);
FIELD(stat, st_ino);
FIELD(stat, st_nlink);
FIELD(stat, st_mode);
FIELD(stat, st_uid);
FIELD(stat, st_gid);
FIELD(stat, st_rdev);
FIELD(stat, st_size);
FIELD(stat, st_blksize);
FIELD(stat, st_blocks);
FIELD(stat, st_atime);
FIELD(stat, st_mtime);
FIELD(stat, st_ctime_nsec);

SIZE(struct linux_statx, struct statx);
FIELD(statx, stx_mask);
FIELD(statx, stx_blksize);
FIELD(statx, stx_attributes);
FIELD(statx, stx_nlink);
FIELD(statx, stx_uid);
FIELD(statx, stx_gid);
FIELD(statx, stx_mode);
FIELD(statx, stx_ino);
FIELD(statx, stx_size);
FIELD(statx, stx_blocks);
FIELD(statx, stx_attributes_mask);
FIELD(statx, stx_atime);
FIELD(statx, stx_btime);
FIELD(statx, stx_ctime);
FIELD(statx, stx_mtime);
FIELD(statx, stx_rdev_major);
FIELD(statx, stx_dev_minor);
FIELD(statx, stx_mnt_id);
FIELD(statx, stx_dio_offset_align);

SIZE(struct linux_statfs, struct statfs);
FIELD(statfs, f_type);
FIELD(statfs, f_bsize);
FIELD(statfs, f_blocks);
FIELD(statfs, f_bavail);
FIELD(statfs, f_files);
FIELD(statfs, f_namelen);
FIELD(statfs, f_frsize);
FIELD(statfs, f_flags);

SIZE(struct linux_flock, struct flock);
FIELD(flock, l_type);
FIELD(flock, l_whence);
FIELD(flock, l_start);
FIELD(flock, l_len);
FIELD(flock, l_pid);
SIZE(struct linux_open_how, struct open_how);

SIZE(struct linux_sigaction, struct sigaction);
FIELD2(struct linux_sigaction, sa_handler, struct sigaction, sa_handler);
FIELD(sigaction, sa_flags);
FIELD(sigaction, sa_restorer);
SIZE(struct linux_stack, stack_t);
FIELD2(struct linux_stack, ss_sp, stack_t, ss_sp);
FIELD2(struct linux_stack, ss_flags, stack_t, ss_flags);
FIELD2(struct linux_stack, ss_size, stack_t, ss_size);

SIZE(struct linux_siginfo, siginfo_t);
#define INFO(our_field, their_field) FIELD2(struct linux_siginfo, our_field, siginfo_t, their_field)
INFO(si_signo, si_signo);
INFO(si_errno, si_errno);
INFO(si_code, si_code);
INFO(queue.pid, _sifields._rt._pid);
INFO(queue.uid, _sifields._rt._uid);
INFO(queue.value, _sifields._rt._sigval);
INFO(timer.timerid, _sifields._timer._tid);
INFO(timer.overrun, _sifields._timer._overrun);
INFO(timer.value, _sifields._timer._sigval);
INFO(child.pid, _sifields._sigchld._pid);
INFO(child.uid, _sifields._sigchld._uid);
INFO(child.status, _sifields._sigchld._status);
INFO(child.utime, _sifields._sigchld._utime);
INFO(child.stime, _sifields._sigchld._stime);
INFO(fault.addr, _sifields._sigfault._addr);
INFO(fault.addr_lsb, _sifields._sigfault._addr_lsb);
INFO(fault.lower, _sifields._sigfault._addr_bnd._lower);
INFO(fault.upper, _sifields._sigfault._addr_bnd._upper);
INFO(io.band, _sifields._sigpoll._band);
INFO(io.fd, _sifields._sigpoll._fd);
INFO(sys.call_addr, _sifields._sigsys._call_addr);
INFO(sys.syscall, _sifields._sigsys._syscall);
INFO(sys.arch, _sifields._sigsys._arch);

SIZE(struct linux_sigcontext, struct sigcontext);
FIELD(sigcontext, r8);
FIELD(sigcontext, r15);
FIELD(sigcontext, rdi);
FIELD(sigcontext, rsi);
FIELD(sigcontext, rbp);
FIELD(sigcontext, rbx);
FIELD(sigcontext, rdx);
FIELD(sigcontext, rax);
FIELD(sigcontext, rcx);
FIELD(sigcontext, rsp);
FIELD(sigcontext, rip);
FIELD2(struct linux_sigcontext, rflags, struct sigcontext, eflags);
FIELD(sigcontext, cs);
FIELD(sigcontext, ss);
FIELD(sigcontext, err);
FIELD(sigcontext, trapno);
FIELD(sigcontext, oldmask);
FIELD(sigcontext, cr2);
FIELD(sigcontext, fpstate);
SIZE(struct linux_ucontext, struct ucontext);
FIELD(ucontext, uc_flags);
FIELD(ucontext, uc_link);
FIELD(ucontext, uc_stack);
FIELD(ucontext, uc_mcontext);
FIELD(ucontext, uc_sigmask);
SIZE(struct linux_fpstate, struct _fpstate_64);
FIELD2(struct linux_fpstate, mxcsr, struct _fpstate_64, mxcsr);
FIELD2(struct linux_fpstate, st_space, struct _fpstate_64, st_space);
FIELD2(struct linux_fpstate, xmm_space, struct _fpstate_64, xmm_space);
FIELD2(struct linux_fpstate, sw_reserved, struct _fpstate_64, sw_reserved);
SIZE(struct linux_fpx_sw_bytes, struct _fpx_sw_bytes);
FIELD2(struct linux_fpx_sw_bytes, extended_size, struct _fpx_sw_bytes, extended_size);
FIELD2(struct linux_fpx_sw_bytes, xfeatures, struct _fpx_sw_bytes, xfeatures);
FIELD2(struct linux_fpx_sw_bytes, xstate_size, struct _fpx_sw_bytes, xstate_size);
SIZE(struct linux_xstate_header, struct _header);
SIZE(struct linux_sigevent, struct sigevent);
FIELD(sigevent, sigev_value);
FIELD(sigevent, sigev_signo);
FIELD(sigevent, sigev_notify);
FIELD2(struct linux_sigevent, sigev_tid, struct sigevent, _sigev_un._tid);
SIZE(struct linux_signalfd_siginfo, struct signalfd_siginfo);
FIELD(signalfd_siginfo, ssi_ptr);
FIELD(signalfd_siginfo, ssi_addr);
FIELD(signalfd_siginfo, ssi_syscall);

SIZE(struct linux_termios, struct termios);
FIELD(termios, c_iflag);
FIELD(termios, c_oflag);
FIELD(termios, c_cflag);
FIELD(termios, c_lflag);
FIELD(termios, c_line);
FIELD(termios, c_cc);
SIZE(struct linux_termios2, struct termios2);
FIELD(termios2, c_cc);
FIELD(termios2, c_ispeed);
FIELD(termios2, c_ospeed);
SIZE(struct linux_winsize, struct winsize);
FIELD(winsize, ws_row);
FIELD(winsize, ws_col);

SIZE(struct linux_timezone, struct timezone);
SIZE(struct linux_itimerspec, struct itimerspec);
FIELD(itimerspec, it_interval);
FIELD(itimerspec, it_value);
SIZE(struct linux_itimerval, struct itimerval);
SIZE(struct linux_tms, struct tms);
FIELD(tms, tms_cutime);
SIZE(struct linux_utimbuf, struct utimbuf);

SIZE(struct linux_rusage, struct rusage);
FIELD(rusage, ru_stime);
FIELD(rusage, ru_maxrss);
FIELD(rusage, ru_minflt);
FIELD(rusage, ru_nvcsw);
SIZE(struct linux_rlimit, struct rlimit);
SIZE(struct linux_clone_args, struct clone_args);
FIELD(clone_args, exit_signal);
FIELD(clone_args, tls);
FIELD(clone_args, cgroup);
SIZE(struct linux_cap_data, struct __user_cap_data_struct);

SIZE(struct linux_pollfd, struct pollfd);
FIELD(pollfd, events);
FIELD(pollfd, revents);
SIZE(struct linux_epoll_event, struct epoll_event);
FIELD(epoll_event, data);

SIZE(struct linux_robust_list_head, struct robust_list_head);
FIELD(robust_list_head, futex_offset);
FIELD(robust_list_head, list_op_pending);
SIZE(struct linux_rseq, struct rseq);
FIELD(rseq, rseq_cs);
FIELD(rseq, flags);

SIZE(struct linux_utsname, struct new_utsname);
FIELD2(struct linux_utsname, machine, struct new_utsname, machine);
FIELD(sysinfo, uptime);
FIELD(sysinfo, loads);
FIELD(sysinfo, totalram);
FIELD(sysinfo, freeswap);
FIELD(sysinfo, procs);
FIELD(sysinfo, totalhigh);
FIELD(sysinfo, mem_unit);
SIZE(struct linux_sysinfo, struct sysinfo);

SIZE(struct linux_elf64_ehdr, Elf64_Ehdr);
FIELD2(struct linux_elf64_ehdr, e_entry, Elf64_Ehdr, e_entry);
FIELD2(struct linux_elf64_ehdr, e_phoff, Elf64_Ehdr, e_phoff);
FIELD2(struct linux_elf64_ehdr, e_phentsize, Elf64_Ehdr, e_phentsize);
FIELD2(struct linux_elf64_ehdr, e_phnum, Elf64_Ehdr, e_phnum);
SIZE(struct linux_elf64_phdr, Elf64_Phdr);
FIELD2(struct linux_elf64_phdr, p_flags, Elf64_Phdr, p_flags);
FIELD2(struct linux_elf64_phdr, p_filesz, Elf64_Phdr, p_filesz);
FIELD2(struct linux_elf64_phdr, p_align, Elf64_Phdr, p_align);

int main(void)
{
	return 0;
}
