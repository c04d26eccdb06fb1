/* SPDX-License-Identifier: MIT */
/*
 * Interval timers and the CPU time limit.
 *
 * ITIMER_REAL is a timer.  The two that count CPU time have no clock that could interrupt: a timer
 * looks again when the time could have passed at the earliest, with as many CPUs as there are.
 */
#include "clock_internal.h"
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

#define CPU_LOOK_MIN_NS 1000000ul

static void real_expired(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, itimer_real);
	struct linux_siginfo info = { .si_signo = LINUX_SIGALRM, .si_code = LINUX_SI_KERNEL };

	mutex_lock(&process->signal_lock);
	if (process->itimer_real_interval) {
		uint64_t now = clock_ns(), next = process->itimer_real_next + process->itimer_real_interval;
		process->itimer_real_next = next > now ? next : now + process->itimer_real_interval;
		timer_arm(timer, process->itimer_real_next);
	} else {
		process->itimer_real_next = 0;
	}
	signal_send_locked(process, NULL, LINUX_SIGALRM, &info, false);
	mutex_unlock(&process->signal_lock);
}

/* ---- CPU time ---- */

static uint64_t cpu_now_locked(struct process *process, int which)
{
	struct process_times times;

	process_times_locked(process, &times);
	return times.guest_ns + (which == LINUX_ITIMER_PROF ? times.server_ns : 0);
}

/* Sends the signal if it is due; how much CPU time is left, UINT64_MAX if it is off. */
static uint64_t cpu_itimer_check(struct process *process, int which)
{
	struct cpu_itimer *itimer = &process->itimer_cpu[which - 1];
	int sig = which == LINUX_ITIMER_PROF ? LINUX_SIGPROF : LINUX_SIGVTALRM;

	if (!itimer->next)
		return UINT64_MAX;
	uint64_t now = cpu_now_locked(process, which);
	if (now >= itimer->next) {
		itimer->next = itimer->interval ? now + itimer->interval : 0;
		signal_send_locked(process, NULL, sig, NULL, false);
	}
	return itimer->next ? itimer->next - now : UINT64_MAX;
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. */
static uint64_t cpu_limit_check(struct process *process)
{
	uint64_t soft = process->rlimits[LINUX_RLIMIT_CPU].rlim_cur,
		 hard = process->rlimits[LINUX_RLIMIT_CPU].rlim_max;

	if (soft == LINUX_RLIM_INFINITY && hard == LINUX_RLIM_INFINITY)
		return UINT64_MAX;
	uint64_t now = cpu_now_locked(process, LINUX_ITIMER_PROF), sec = now / NSEC_PER_SEC;
	if (sec >= hard)
		signal_send_locked(process, NULL, LINUX_SIGKILL, NULL, true);
	else if (sec >= soft && sec != process->cpu_limit_told) {
		process->cpu_limit_told = sec;
		signal_send_locked(process, NULL, LINUX_SIGXCPU, NULL, true);
	}
	return NSEC_PER_SEC - now % NSEC_PER_SEC;
}

static void cpu_look_locked(struct process *process)
{
	uint64_t left = cpu_itimer_check(process, LINUX_ITIMER_VIRTUAL);
	uint64_t prof = cpu_itimer_check(process, LINUX_ITIMER_PROF), limit = cpu_limit_check(process);

	left = MIN(left, MIN(prof, limit));
	if (left != UINT64_MAX && process->nr_threads) /* else process_timers_destroy has been or will be */
		timer_arm(&process->cpu_timer,
			  deadline_after(MAX(left / runtime_info()->nr_cpus, CPU_LOOK_MIN_NS)));
}

static void cpu_look(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, cpu_timer);

	mutex_lock(&process->signal_lock);
	cpu_look_locked(process);
	mutex_unlock(&process->signal_lock);
}

void process_cpu_limit_watch(struct process *process)
{
	mutex_lock(&process->signal_lock);
	cpu_look_locked(process);
	mutex_unlock(&process->signal_lock);
}

/* ---- life ---- */

void process_timers_init(struct process *process)
{
	timer_init(&process->itimer_real, real_expired);
	timer_init(&process->cpu_timer, cpu_look);
}

void process_timers_destroy(struct process *process)
{
	timer_cancel(&process->itimer_real);
	timer_cancel(&process->cpu_timer);
	posix_timers_destroy(process);
}

/* Interval timers survive exec, POSIX timers do not. */
void process_timers_exec(struct process *process)
{
	posix_timers_destroy(process);
}

/* ---- calls ---- */

struct itimer_ns {
	uint64_t value, interval;
};

static void real_get_locked(struct process *process, struct itimer_ns *out)
{
	uint64_t now = clock_ns(), next = process->itimer_real_next;

	out->value = !next ? 0 : next > now ? next - now : 1000;
	out->interval = process->itimer_real_interval;
}

static void real_set_locked(struct process *process, const struct itimer_ns *in)
{
	process->itimer_real_interval = in->interval;
	process->itimer_real_next = in->value ? deadline_after(in->value) : 0;
	if (in->value)
		timer_arm(&process->itimer_real, process->itimer_real_next);
}

static void cpu_get_locked(struct process *process, int which, struct itimer_ns *out)
{
	const struct cpu_itimer *itimer = &process->itimer_cpu[which - 1];
	uint64_t now = itimer->next ? cpu_now_locked(process, which) : 0;

	out->value = !itimer->next ? 0 : itimer->next > now ? itimer->next - now : 1000;
	out->interval = itimer->interval;
}

static void cpu_set_locked(struct process *process, int which, const struct itimer_ns *in)
{
	struct cpu_itimer *itimer = &process->itimer_cpu[which - 1];

	itimer->next = in->value ? cpu_now_locked(process, which) + in->value : 0;
	itimer->interval = in->interval;
	if (in->value)
		cpu_look_locked(process);
}

static void itimer_exchange(int which, const struct itimer_ns *in, struct itimer_ns *out)
{
	struct process *process = current->process;

	if (which == LINUX_ITIMER_REAL && in && !in->value)
		timer_cancel(&process->itimer_real);
	mutex_lock(&process->signal_lock);
	if (which == LINUX_ITIMER_REAL) {
		real_get_locked(process, out);
		if (in)
			real_set_locked(process, in);
	} else {
		cpu_get_locked(process, which, out);
		if (in)
			cpu_set_locked(process, which, in);
	}
	mutex_unlock(&process->signal_lock);
}

static long put_itimer(uint64_t addr, const struct itimer_ns *itimer)
{
	struct linux_itimerval out = {
		.it_interval = timeval_of((int64_t)itimer->interval),
		.it_value = timeval_of((int64_t)itimer->value),
	};

	return copy_to_user(addr, &out, sizeof(out));
}

long sys_getitimer(SYSCALL_ARGS)
{
	struct itimer_ns old_timer;

	if ((uint64_t)a0 > LINUX_ITIMER_PROF)
		return -EINVAL;
	itimer_exchange((int)a0, NULL, &old_timer);
	return put_itimer((uint64_t)a1, &old_timer);
}

long sys_setitimer(SYSCALL_ARGS)
{
	struct linux_itimerval in = { 0 };
	struct itimer_ns new_timer, old_timer;

	if ((uint64_t)a0 > LINUX_ITIMER_PROF)
		return -EINVAL;
	if (a1 && copy_from_user(&in, (uint64_t)a1, sizeof(in)))
		return -EFAULT;
	if (timeval_to_ns(&in.it_value, &new_timer.value) ||
	    timeval_to_ns(&in.it_interval, &new_timer.interval))
		return -EINVAL;
	itimer_exchange((int)a0, &new_timer, &old_timer);
	return a2 ? put_itimer((uint64_t)a2, &old_timer) : 0;
}

/* The seconds that were left, rounded up as Linux does: never 0 for a running timer. */
long sys_alarm(SYSCALL_ARGS)
{
	struct itimer_ns new_timer = { .value = (uint64_t)(uint32_t)a0 * NSEC_PER_SEC }, old_timer;

	itimer_exchange(LINUX_ITIMER_REAL, &new_timer, &old_timer);
	uint64_t sec = old_timer.value / NSEC_PER_SEC, rest = old_timer.value % NSEC_PER_SEC;
	if (rest >= NSEC_PER_SEC / 2 || (!sec && rest))
		sec++;
	return (long)sec;
}
