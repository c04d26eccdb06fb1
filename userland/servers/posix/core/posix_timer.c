/* SPDX-License-Identifier: MIT */
/*
 * timer_create and its relatives.
 *
 * A timer belongs to a process and is counted: the table holds one reference, a running expiry
 * another.  At most one signal of a timer is pending; expiries meanwhile are its overrun, which is
 * filled in when the signal is taken.
 */
#include "clock_internal.h"
#include "lockrank.h"
#include "process_internal.h"
#include "usercopy.h"

#define POSIX_TIMERS_MAX 1024

/* All under process.signal_lock, but for the immutable: id, clock, notify, signal, thread, value.
 */
struct posix_timer {
	struct posix_timer *next;
	struct process *process; /* no reference: the process destroys its timers first */
	int id;
	int clock;
	int notify; /* LINUX_SIGEV_* */
	int sig;
	struct thread *thread; /* SIGEV_THREAD_ID: with a reference */
	union linux_sigval value;
	uint64_t interval;
	uint64_t expiry;  /* on the timer's clock; 0: disarmed */
	bool pending;     /* its signal is queued */
	int overrun;      /* expiries since it was queued */
	int last_overrun; /* of the signal that was taken last */
	struct timer timer;
};

static bool clock_counts_cpu(int clock)
{
	return clock < 0 || clock == LINUX_CLOCK_PROCESS_CPUTIME_ID || clock == LINUX_CLOCK_THREAD_CPUTIME_ID;
}

/* The timer thread serves no process, so only these clocks can be read there. */
static int64_t timer_now(const struct posix_timer *timer)
{
	struct process_times times;

	switch (timer->clock) {
	case LINUX_CLOCK_REALTIME:
	case LINUX_CLOCK_REALTIME_ALARM:
	case LINUX_CLOCK_TAI:
		return clock_realtime_ns();
	case LINUX_CLOCK_PROCESS_CPUTIME_ID:
		process_times_locked(timer->process, &times);
		return (int64_t)(times.guest_ns + times.server_ns);
	case LINUX_CLOCK_THREAD_CPUTIME_ID:
		thread_times_locked(timer->thread, &times);
		return (int64_t)(times.guest_ns + times.server_ns);
	default:
		return (int64_t)clock_ns();
	}
}

/* A moment that many ns later; the last there is, if it would be behind it. */
static uint64_t timer_later(uint64_t moment, uint64_t ns)
{
	return moment < INT64_MAX && ns < INT64_MAX - moment ? moment + ns : INT64_MAX;
}

static void timer_arm_locked(struct posix_timer *timer)
{
	int64_t left = (int64_t)timer->expiry - timer_now(timer);

	if (clock_counts_cpu(timer->clock) && left < 1000000)
		left = 1000000;
	timer_arm(&timer->timer, left > 0 ? deadline_after((uint64_t)left) : 0);
}

static void timer_signal_locked(struct posix_timer *timer)
{
	struct linux_siginfo info = {
		.si_signo = timer->sig,
		.si_code = LINUX_SI_TIMER,
		.timer = { .timerid = timer->id, .value = timer->value },
	};
	struct thread *thread = timer->notify == LINUX_SIGEV_THREAD_ID ? timer->thread : NULL;

	if (timer->notify == LINUX_SIGEV_NONE)
		return;
	if (timer->pending) {
		if (timer->overrun < INT32_MAX)
			timer->overrun++;
		return;
	}
	if (thread && thread->exited)
		return;
	timer->overrun = 0;
	signal_send_locked(timer->process, thread, timer->sig, &info, false);
}

static void timer_expired(struct timer *kernel_timer)
{
	struct posix_timer *timer = container_of(kernel_timer, struct posix_timer, timer);
	struct process *process = timer->process;

	mutex_lock(&process->signal_lock);
	int64_t now = timer->expiry ? timer_now(timer) : 0;
	if (timer->expiry && now < (int64_t)timer->expiry) {
		timer_arm_locked(timer); /* the clock was set, or the CPU time is not used up yet */
	} else if (timer->expiry) {
		timer_signal_locked(timer);
		if (timer->interval) {
			uint64_t missed = ((uint64_t)now - timer->expiry) / timer->interval;
			timer->overrun += (int)MIN(missed, 0x7fffffffu - (uint64_t)timer->overrun);
			timer->expiry = timer_later(timer->expiry + missed * timer->interval, timer->interval);
			timer_arm_locked(timer);
		} else {
			timer->expiry = 0;
		}
	}
	mutex_unlock(&process->signal_lock);
}

static struct posix_timer *timer_find_locked(struct process *process, int id)
{
	struct posix_timer *timer = process->posix_timers;

	while (timer && timer->id != id)
		timer = timer->next;
	return timer;
}

void posix_timer_pending_locked(struct process *process, const struct linux_siginfo *info, bool pending)
{
	struct posix_timer *timer = timer_find_locked(process, info->timer.timerid);

	if (timer)
		timer->pending = pending;
}

void posix_timer_taken_locked(struct process *process, struct linux_siginfo *info)
{
	struct posix_timer *timer = timer_find_locked(process, info->timer.timerid);

	if (!timer)
		return;
	timer->last_overrun = timer->overrun;
	info->timer.overrun = timer->overrun;
}

static void timer_free(struct posix_timer *timer)
{
	timer_cancel(&timer->timer);
	if (timer->thread)
		thread_put(timer->thread);
	free(timer);
}

void posix_timers_destroy(struct process *process)
{
	struct posix_timer *timer;

	for (;;) {
		mutex_lock(&process->signal_lock);
		timer = process->posix_timers;
		if (timer) {
			process->posix_timers = timer->next;
			timer->expiry = 0;
		}
		mutex_unlock(&process->signal_lock);
		if (!timer)
			return;
		timer_free(timer);
	}
}

/* ---- calls ---- */

static long event_check(const struct linux_sigevent *event)
{
	switch (event->sigev_notify) {
	case LINUX_SIGEV_NONE:
		return 0;
	case LINUX_SIGEV_SIGNAL:
	case LINUX_SIGEV_THREAD:
	case LINUX_SIGEV_THREAD_ID:
		return event->sigev_signo >= 1 && event->sigev_signo <= LINUX_NSIG ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static struct posix_timer *timer_make(int clock, const struct linux_sigevent *event)
{
	struct posix_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->process = current->process;
	timer->clock = clock;
	timer->notify = event->sigev_notify;
	timer->sig = event->sigev_signo;
	timer->value = event->sigev_value;
	timer_init(&timer->timer, timer_expired);
	if (timer->notify == LINUX_SIGEV_THREAD_ID)
		timer->thread = process_thread_find(current->process, event->sigev_tid);
	else if (clock == LINUX_CLOCK_THREAD_CPUTIME_ID)
		timer->thread = thread_get(current);
	return timer;
}

/* Its id, or -EAGAIN.  From here on another thread may delete it. */
static long timer_publish(struct posix_timer *timer, bool own_value)
{
	struct process *process = timer->process;
	long id = -EAGAIN;
	uint32_t nr = 0;

	mutex_lock(&process->signal_lock);
	for (struct posix_timer *other = process->posix_timers; other; other = other->next)
		nr++;
	if (nr < POSIX_TIMERS_MAX) {
		do
			timer->id = process->posix_timer_next_id++ & 0x7fffffff;
		while (timer_find_locked(process, timer->id));
		id = timer->id;
		if (!own_value)
			timer->value.sival_int = timer->id;
		timer->next = process->posix_timers;
		process->posix_timers = timer;
	}
	mutex_unlock(&process->signal_lock);
	return id;
}

long sys_timer_create(SYSCALL_ARGS)
{
	struct linux_sigevent event = { .sigev_notify = LINUX_SIGEV_SIGNAL, .sigev_signo = LINUX_SIGALRM };
	int clock = (int)a0;
	int64_t now;

	if (clock < 0 || clock_read(clock, &now) || clock == LINUX_CLOCK_MONOTONIC_RAW ||
	    clock == LINUX_CLOCK_REALTIME_COARSE || clock == LINUX_CLOCK_MONOTONIC_COARSE)
		return -EINVAL;
	if (a1 && copy_from_user(&event, (uint64_t)a1, sizeof(event)))
		return -EFAULT;
	if (event_check(&event))
		return -EINVAL;
	struct posix_timer *timer = timer_make(clock, &event);
	if (!timer)
		return -EAGAIN;
	long id = timer->notify == LINUX_SIGEV_THREAD_ID && !timer->thread ? -EINVAL : timer_publish(timer, a1);
	if (id < 0) {
		timer_free(timer);
		return id;
	}
	if (put_user_u32((uint64_t)a2, (uint32_t)id)) {
		sys_timer_delete(id, 0, 0, 0, 0, 0);
		return -EFAULT;
	}
	return 0;
}

long sys_timer_delete(SYSCALL_ARGS)
{
	struct process *process = current->process;

	mutex_lock(&process->signal_lock);
	struct posix_timer **link = &process->posix_timers, *timer;
	while ((timer = *link) && timer->id != (int)a0)
		link = &timer->next;
	if (timer) {
		*link = timer->next;
		timer->expiry = 0;
	}
	mutex_unlock(&process->signal_lock);
	if (!timer)
		return -EINVAL;
	timer_free(timer);
	return 0;
}

static void timer_get_locked(const struct posix_timer *timer, struct linux_itimerspec *out)
{
	int64_t left = timer->expiry ? (int64_t)timer->expiry - timer_now(timer) : 0;

	if (timer->expiry && left <= 0)
		left = 1;
	out->it_interval = timespec_of((int64_t)timer->interval);
	out->it_value = timespec_of(left);
}

static void timer_set_locked(struct posix_timer *timer, uint64_t value, uint64_t interval, bool absolute)
{
	timer->interval = interval;
	timer->overrun = 0;
	timer->expiry = 0;
	if (!value)
		return;
	timer->expiry = absolute ? value : timer_later((uint64_t)timer_now(timer), value);
	timer_arm_locked(timer);
}

long sys_timer_settime(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct linux_itimerspec in, out;
	uint64_t value, interval;

	if (!a2)
		return -EINVAL;
	if (copy_from_user(&in, (uint64_t)a2, sizeof(in)))
		return -EFAULT;
	if (timespec_to_ns(&in.it_value, &value) || timespec_to_ns(&in.it_interval, &interval))
		return -EINVAL;
	mutex_lock(&process->signal_lock);
	struct posix_timer *timer = timer_find_locked(process, (int)a0);
	if (timer) {
		timer_get_locked(timer, &out);
		timer_set_locked(timer, value, interval, a1 & LINUX_TIMER_ABSTIME);
	}
	mutex_unlock(&process->signal_lock);
	if (!timer)
		return -EINVAL;
	return a3 ? copy_to_user((uint64_t)a3, &out, sizeof(out)) : 0;
}

long sys_timer_gettime(SYSCALL_ARGS)
{
	struct process *process = current->process;
	struct linux_itimerspec out;

	mutex_lock(&process->signal_lock);
	struct posix_timer *timer = timer_find_locked(process, (int)a0);
	if (timer)
		timer_get_locked(timer, &out);
	mutex_unlock(&process->signal_lock);
	return timer ? copy_to_user((uint64_t)a1, &out, sizeof(out)) : -EINVAL;
}

long sys_timer_getoverrun(SYSCALL_ARGS)
{
	struct process *process = current->process;

	mutex_lock(&process->signal_lock);
	struct posix_timer *timer = timer_find_locked(process, (int)a0);
	long result = timer ? timer->last_overrun : -EINVAL;
	mutex_unlock(&process->signal_lock);
	return result;
}
