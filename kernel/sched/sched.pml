/*
 * Placement and switching (sched.c), for Spin: a thread that is ready gets to run, and on one CPU at a time, only
 * after its registers are saved.
 *
 * Two CPUs, three threads that wake each other, with hand-over or without, and block; threads 0 and 1 in the
 * end stay in user mode for ever, so that the other one needs the timer.  Virtual run times and classes are left out:
 * which thread is first, and whether it preempts, is open.  So is affinity; a change of it is told as a kick is
 * (kick.pml).
 *
 * mutations: NO_IPI STEAL_SAVING PLACE_SAVING HALT_OPEN NO_SLICE
 */
#define CPUS    2
#define THREADS 3
#define NOBODY  THREADS /* no thread; as what runs: the idle thread */
#define WAKES   2

mtype = { RUNNING, BLOCKED, READY };

mtype state[THREADS];
byte at[THREADS];               /* thread.cpu */
bit on_cpu[THREADS];            /* its registers are in use there */
bit thread_lock[THREADS];

bit rq_lock[CPUS];
bit queued[6];                  /* by cpu * THREADS + thread */
byte nr_ready[CPUS];
byte handoff[CPUS];
byte current[CPUS];
bit idle[CPUS];                 /* idle_cpus */
bit ipi[CPUS];                  /* pending */
bit resched[CPUS];              /* need_resched */
bit slice[CPUS];                /* the timer is set for the end of a slice */
byte wakes;

#define QUEUED(c, t) queued[(c) * THREADS + (t)]

inline lock(l)   { atomic { !l -> l = 1 } }
inline unlock(l) { l = 0 }

inline rq_insert(c, t) { d_step { QUEUED(c, t) = 1; nr_ready[c]++ } }

inline rq_remove(c, t)
{
	d_step {
		QUEUED(c, t) = 0;
		nr_ready[c]--;
		if
		:: handoff[c] == t -> handoff[c] = NOBODY
		:: else
		fi
	}
}

/* Whichever is first. */
inline rq_first(c, t)
{
	if
	:: QUEUED(c, 0) -> t = 0
	:: QUEUED(c, 1) -> t = 1
	:: QUEUED(c, 2) -> t = 2
	:: nr_ready[c] == 0 -> t = NOBODY
	fi
}

inline slice_update(me)
{
	slice[me] = (nr_ready[me] > 0 && current[me] != NOBODY)
}

inline claim_idle(c)
{
	atomic {
		if
		:: idle[0] -> idle[0] = 0; c = 0
		:: idle[1] -> idle[1] = 0; c = 1
		:: else -> c = CPUS
		fi
	}
}

/* enqueue_at; t's lock is held, or t is known to nobody else. */
inline enqueue_at(me, t, c, hand_over)
{
	lock(rq_lock[c]);
	at[t] = c;
	rq_insert(c, t);
	if
	:: c != me ->
		unlock(rq_lock[c]);
#ifndef NO_IPI
		ipi[c] = 1
#endif
	:: else ->
		if
		:: hand_over -> handoff[c] = t; resched[c] = 1
		:: !hand_over -> resched[c] = 1
		:: !hand_over -> slice_update(me)
		fi;
		unlock(rq_lock[c])
	fi
}

inline thread_wake(me, t, hand_over)
{
	lock(thread_lock[t]);
	if
	:: state[t] == BLOCKED ->
		state[t] = READY;
		/* choose_cpu */
		c = CPUS;
		if
#ifndef PLACE_SAVING
		:: on_cpu[t] -> c = at[t]
#endif
		:: else ->
			if
			:: hand_over -> c = me
			:: else -> claim_idle(c)
			fi;
			if
			:: c == CPUS -> c = at[t]
			:: c == CPUS && current[1 - me] == NOBODY -> c = 1 - me
			:: c != CPUS
			fi
		fi;
		enqueue_at(me, t, c, hand_over)
	:: else
	fi;
	unlock(thread_lock[t])
}

/* take_next: from the own queue, else from another's. */
inline take_next(me, t)
{
	lock(rq_lock[me]);
	if
	:: handoff[me] != NOBODY -> t = handoff[me]
	:: rq_first(me, t) /* also when a higher class waits beside the handoff */
	fi;
	handoff[me] = NOBODY;
	if
	:: t != NOBODY -> rq_remove(me, t)
	:: else
	fi;
	unlock(rq_lock[me]);
	if
	:: t == NOBODY && nr_ready[1 - me] > 0 ->
		lock(rq_lock[1 - me]);
		rq_first(1 - me, t);
		if
		:: t == NOBODY -> skip
#ifdef STEAL_SAVING
		:: t != NOBODY -> rq_remove(1 - me, t)
#else
		:: t != NOBODY && on_cpu[t] -> t = NOBODY
		:: t != NOBODY && !on_cpu[t] -> rq_remove(1 - me, t)
#endif
		fi;
		unlock(rq_lock[1 - me])
	:: else
	fi
}

/* What runs is in a queue, blocked, or idle. */
inline schedule(me)
{
	prev = current[me];
	resched[me] = 0;
	take_next(me, t);
	if
	:: prev == NOBODY && t != NOBODY -> idle[me] = 0
	:: else
	fi;
	if
	:: t != NOBODY ->
		assert(state[t] == READY && (!on_cpu[t] || t == prev));
		state[t] = RUNNING;
		at[t] = me;
		on_cpu[t] = 1
	:: else ->
		idle[me] = 1
	fi;
	current[me] = t;
	slice_update(me);
	/* the switch; then sched_finish_switch on the other stack */
	if
	:: prev != t && prev != NOBODY -> on_cpu[prev] = 0
	:: else
	fi;
	t = NOBODY
}

/* sched_reschedule */
inline serve_ipi(me)
{
	lock(rq_lock[me]);
	if
	:: nr_ready[me] > 0 -> resched[me] = 1
	:: nr_ready[me] == 0 || current[me] != NOBODY ->
#ifndef NO_SLICE
		slice_update(me)
#else
		skip
#endif
	fi;
	unlock(rq_lock[me])
}

/* sched_preempt */
inline preempt(me)
{
	resched[me] = 0;
	spare = NOBODY;
	lock(rq_lock[me]);
	if
	:: handoff[me] != NOBODY && !on_cpu[handoff[me]] ->
		claim_idle(c);
		if
		:: c != CPUS -> spare = handoff[me]; rq_remove(me, spare)
		:: else
		fi
	:: else
	fi;
	handoff[me] = NOBODY;
	if
	:: nr_ready[me] > 0 ->
		prev = current[me];
		state[prev] = READY;
		rq_insert(me, prev);
		give_way = 1
	:: nr_ready[me] == 0 || !expired -> give_way = 0; slice_update(me)
	fi;
	unlock(rq_lock[me]);
	if
	:: spare != NOBODY -> enqueue_at(me, spare, c, 0)
	:: else
	fi;
	spare = NOBODY;
	expired = 0;
	if
	:: give_way -> schedule(me)
	:: else
	fi
}

proctype cpu(byte me)
{
	byte t = NOBODY, c, prev, spare = NOBODY;
	bit give_way, expired;

	do
	:: current[me] == NOBODY ->
		if
		:: resched[me] || nr_ready[me] > 0 -> schedule(me)
		:: else ->
#ifdef HALT_OPEN
			if
			:: ipi[me] -> ipi[me] = 0; serve_ipi(me)
			:: skip
			fi;
#endif
end_halted:
			ipi[me] -> ipi[me] = 0;
			serve_ipi(me)
		fi
	:: current[me] != NOBODY ->
		/* a thread in user mode, until something happens */
end_running:
		if
		:: ipi[me] -> ipi[me] = 0; serve_ipi(me)
		:: slice[me] -> slice[me] = 0; expired = 1; resched[me] = 1
		:: wakes < WAKES ->
			wakes++;
			t = (current[me] + 1) % THREADS;
			if
			:: thread_wake(me, t, 0)
			:: thread_wake(me, t, 1)
			fi;
			t = NOBODY
		:: current[me] == 2 || wakes < WAKES ->
			/* a wake-up from now on comes before its registers are saved, perhaps */
			lock(thread_lock[current[me]]);
			state[current[me]] = BLOCKED;
			unlock(thread_lock[current[me]]);
			schedule(me)
		fi;
		do
		:: current[me] != NOBODY && resched[me] -> preempt(me)
		:: else -> break
		od
	od
}

proctype judge()
{
	byte i;

	timeout;
	for (i : 0 .. THREADS - 1) {
		assert(state[i] != READY)
	}
}

init
{
	d_step {
		state[0] = RUNNING;
		on_cpu[0] = 1;
		state[1] = BLOCKED;
		state[2] = BLOCKED;
		handoff[0] = NOBODY;
		handoff[1] = NOBODY;
		current[0] = 0;
		current[1] = NOBODY;
		idle[1] = 1
	}
	atomic {
		run cpu(0);
		run cpu(1);
		run judge()
	}
}
