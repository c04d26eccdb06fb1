/* SPDX-License-Identifier: MIT */
/*
 * wait4 and waitid: what has become of a child.
 *
 * One scan of the children under tasklist_lock finds an event and, unless WNOWAIT, consumes it; if
 * there is none, the caller sleeps on process.child_wait.  process_notify_parent_locked wakes that
 * queue under tasklist_lock, after the state has changed, so no event falls between scan and sleep.
 */
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

struct wait_request {
	int idtype, id;
	int options;
};

struct wait_result {
	int pid;
	uint32_t uid;
	int status; /* as wait4 stores it */
	int code;   /* LINUX_CLD_* */
	struct process_times times;
};

static bool wanted(const struct wait_request *request, const struct process *child)
{
	bool clone_child = child->exit_signal != LINUX_SIGCHLD;

	if (!(request->options & LINUX_WALL) && clone_child != !!(request->options & (int)LINUX_WCLONE))
		return false;
	switch (request->idtype) {
	case LINUX_P_PID:
		return child->pid == request->id;
	case LINUX_P_PGID:
		return child->pgrp->id == request->id;
	default:
		return true;
	}
}

static void result_fill(struct wait_result *result, struct process *child, int status, int code)
{
	result->pid = child->pid;
	result->uid = process_uid(child);
	result->status = status;
	result->code = code;
	mutex_lock(&child->signal_lock);
	process_times_locked(child, &result->times);
	mutex_unlock(&child->signal_lock);
	process_times_add(&result->times, &child->children_times);
}

static bool take_zombie(const struct wait_request *request, struct process *child, struct wait_result *result)
{
	int status = child->exit_status;

	if (!(request->options & LINUX_WEXITED) || !child->zombie)
		return false;
	result_fill(result, child, status,
		    !(status & 0x7f)        ? LINUX_CLD_EXITED
		    : status & LINUX_W_CORE ? LINUX_CLD_DUMPED
					    : LINUX_CLD_KILLED);
	if (!(request->options & LINUX_WNOWAIT)) {
		process_times_add(&current->process->children_times, &result->times);
		process_reap_locked(child);
	}
	return true;
}

static bool take_stopped(const struct wait_request *request, struct process *child, struct wait_result *result)
{
	if (!(request->options & LINUX_WSTOPPED))
		return false;
	mutex_lock(&child->signal_lock);
	bool found = child->stopped && !child->stop_reported;
	int sig = child->stop_signal;
	if (found && !(request->options & LINUX_WNOWAIT))
		child->stop_reported = true;
	mutex_unlock(&child->signal_lock);
	if (found)
		result_fill(result, child, LINUX_W_STOPPED(sig), LINUX_CLD_STOPPED);
	return found;
}

static bool take_continued(const struct wait_request *request, struct process *child,
			   struct wait_result *result)
{
	if (!(request->options & LINUX_WCONTINUED))
		return false;
	mutex_lock(&child->signal_lock);
	bool found = child->continued;
	if (found && !(request->options & LINUX_WNOWAIT))
		child->continued = false;
	mutex_unlock(&child->signal_lock);
	if (found)
		result_fill(result, child, LINUX_W_CONTINUED, LINUX_CLD_CONTINUED);
	return found;
}

/* 1: an event is in result; 0: none yet; -ECHILD: there never will be one. */
static long scan_children(const struct wait_request *request, struct wait_result *result)
{
	struct process *process = current->process;
	long found = -ECHILD;

	mutex_lock(&tasklist_lock);
	list_for_each_safe (node, next, &process->children) {
		struct process *child = list_entry(node, struct process, sibling);
		if (!wanted(request, child))
			continue;
		found = 0;
		if (take_zombie(request, child, result) || take_stopped(request, child, result) ||
		    take_continued(request, child, result)) {
			found = 1;
			break;
		}
	}
	mutex_unlock(&tasklist_lock);
	return found;
}

/* 1 with a result, 0 for WNOHANG without one, -errno. */
static long do_wait(const struct wait_request *request, struct wait_result *result)
{
	long found = 0;

	if (request->options & LINUX_WNOHANG)
		return scan_children(request, result);
	long error = wait_event(&current->process->child_wait, (found = scan_children(request, result)) != 0);
	return error ? error : found;
}

static void rusage_from_times(struct linux_rusage *usage, const struct process_times *times)
{
	*usage = (struct linux_rusage){
		.ru_utime = { (int64_t)(times->guest_ns / NSEC_PER_SEC),
			      (int64_t)(times->guest_ns % NSEC_PER_SEC / 1000) },
		.ru_stime = { (int64_t)(times->server_ns / NSEC_PER_SEC),
			      (int64_t)(times->server_ns % NSEC_PER_SEC / 1000) },
		.ru_maxrss = (int64_t)times->max_rss_kib,
		.ru_minflt = (int64_t)times->minor_faults,
		.ru_majflt = (int64_t)times->major_faults,
		.ru_nvcsw = (int64_t)times->voluntary,
		.ru_nivcsw = (int64_t)times->involuntary,
	};
}

static long put_rusage(uint64_t addr, const struct process_times *times)
{
	struct linux_rusage usage;

	if (!addr)
		return 0;
	rusage_from_times(&usage, times);
	return copy_to_user(addr, &usage, sizeof(usage));
}

long sys_wait4(SYSCALL_ARGS)
{
	int pid = (int)a0;
	struct wait_request request = { .options = (int)a2 };
	struct wait_result result;

	if (request.options & ~(int)(LINUX_WNOHANG | LINUX_WUNTRACED | LINUX_WCONTINUED | LINUX_WNOTHREAD |
				     LINUX_WCLONE | LINUX_WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	request.options |= LINUX_WEXITED;
	if (pid == -1) {
		request.idtype = LINUX_P_ALL;
	} else if (pid > 0) {
		request.idtype = LINUX_P_PID;
		request.id = pid;
	} else {
		request.idtype = LINUX_P_PGID;
		mutex_lock(&tasklist_lock);
		request.id = pid ? -pid : current->process->pgrp->id;
		mutex_unlock(&tasklist_lock);
	}
	long found = do_wait(&request, &result);
	if (found <= 0)
		return found;
	if (a1 && put_user_u32((uint64_t)a1, (uint32_t)result.status))
		return -EFAULT;
	if (put_rusage((uint64_t)a3, &result.times))
		return -EFAULT;
	return result.pid;
}

static int waitid_status(const struct wait_result *result)
{
	switch (result->code) {
	case LINUX_CLD_EXITED:
	case LINUX_CLD_STOPPED:
		return (result->status >> 8) & 0xff;
	case LINUX_CLD_CONTINUED:
		return LINUX_SIGCONT;
	default:
		return result->status & 0x7f;
	}
}

static long waitid_check(struct wait_request *request)
{
	int options = request->options;

	if (options & ~(int)(LINUX_WNOHANG | LINUX_WNOWAIT | LINUX_WEXITED | LINUX_WSTOPPED | LINUX_WCONTINUED |
			     LINUX_WNOTHREAD | LINUX_WCLONE | LINUX_WALL))
		return -EINVAL;
	if (!(options & (LINUX_WEXITED | LINUX_WSTOPPED | LINUX_WCONTINUED)))
		return -EINVAL;
	switch (request->idtype) {
	case LINUX_P_ALL:
		return 0;
	case LINUX_P_PID:
		return request->id > 0 ? 0 : -EINVAL;
	case LINUX_P_PGID:
		if (request->id < 0)
			return -EINVAL;
		mutex_lock(&tasklist_lock);
		if (request->id == 0)
			request->id = current->process->pgrp->id;
		mutex_unlock(&tasklist_lock);
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_waitid(SYSCALL_ARGS)
{
	struct wait_request request = { .idtype = (int)a0, .id = (int)a1, .options = (int)a3 };
	struct linux_siginfo info = { 0 };
	struct wait_result result = { 0 };
	long error = waitid_check(&request);

	if (error)
		return error;
	long found = do_wait(&request, &result);
	if (found < 0)
		return found;
	if (found) {
		info.si_signo = LINUX_SIGCHLD;
		info.si_code = result.code;
		info.child.pid = result.pid;
		info.child.uid = result.uid;
		info.child.status = waitid_status(&result);
		if (put_rusage((uint64_t)a4, &result.times))
			return -EFAULT;
	}
	return a2 ? copy_to_user((uint64_t)a2, &info, sizeof(info)) : 0;
}

long sys_getrusage(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct process_times times = { 0 };

	switch ((int)a0) {
	case LINUX_RUSAGE_SELF:
		process_note_peak(process, process->mm);
		process_times(process, &times);
		break;
	case LINUX_RUSAGE_CHILDREN:
		mutex_lock(&tasklist_lock);
		times = process->children_times;
		mutex_unlock(&tasklist_lock);
		break;
	case LINUX_RUSAGE_THREAD:
		thread_times(current, &times);
		times.max_rss_kib = mm_peak_kib(process->mm);
		break;
	default:
		return -EINVAL;
	}
	struct linux_rusage usage;
	rusage_from_times(&usage, &times);
	return copy_to_user((uint64_t)a1, &usage, sizeof(usage));
}
