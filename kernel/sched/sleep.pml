/*
 * Sleeping in the kernel (thread.c, timeout.c, futex.c), for Spin: no wake-up is lost, each sleep ends once and
 * for its own reason.
 *
 * A thread calls futex_wait twice, with a deadline, which may have passed, or without, interruptible or not; a waker
 * changes the word and wakes, a kicker kicks, the timer fires when it is armed.
 *
 * mutations: WORD_UNLOCKED ENTER_LATE NO_CANCEL FLAG_LATE NO_FLAG TIMER_UNLOCKED WAKE_FIRST KICK_ALL
 */
#define CALLS 2

mtype = { RUNNING, BLOCKING, BLOCKED, READY };
mtype = { NOTHING, WOKEN, TIMEDOUT, INTR, AGAIN };

bit word;                /* what the thread waits for to change from 0 */
bit bucket_lock, thread_lock, timeout_lock;
bit listed;              /* in the bucket: ipc.state is IPC_WAITING */
mtype state = RUNNING;
mtype result = NOTHING;  /* thread.wake_result */
bit kick;                /* the latch */
bit armed;               /* in the queue of time-outs */
bit deadline;            /* this call has one */
bit wanted;              /* this call is interruptible */
bit interruptible;       /* thread.interruptible */

#ifdef NO_FLAG
#define STAYS 0
#else
#define STAYS (wanted && kick)
#endif

inline lock(l)   { atomic { !l -> l = 1 } }
inline unlock(l) { l = 0 }

inline wake_locked(why)
{
	if
	:: state == BLOCKING -> result = why; state = RUNNING
	:: state == BLOCKED -> result = why; state = READY
	:: else
	fi
}

inline thread_wake(why)
{
	lock(thread_lock);
	wake_locked(why);
	unlock(thread_lock)
}

inline prepare_block()
{
	lock(thread_lock);
	state = BLOCKING;
	unlock(thread_lock)
}

/* thread_block: true in `slept` if it went to sleep. */
inline go_blocked(slept)
{
	slept = 0;
	lock(thread_lock);
	if
	:: state == BLOCKING ->
		interruptible = wanted;
		if
		:: STAYS -> result = INTR; state = RUNNING
		:: !STAYS && deadline -> result = TIMEDOUT; state = RUNNING
		:: !STAYS -> result = NOTHING; state = BLOCKED; slept = 1
		fi
	:: else
	fi;
	unlock(thread_lock)
}

inline timeout_cancel()
{
#ifndef NO_CANCEL
	lock(timeout_lock);
	armed = 0;
	unlock(timeout_lock)
#else
	skip
#endif
}

proctype thread()
{
	byte calls;
	bit slept;
	mtype why;

	do
	:: calls == CALLS -> break
	:: else ->
		calls++;
		if
		:: deadline = 0
		:: deadline = 1
		fi;
		if
		:: wanted = 0
		:: wanted = 1
		fi;
		why = NOTHING;
#ifdef WORD_UNLOCKED
		if
		:: word -> goto again
		:: else
		fi;
		lock(bucket_lock);
#else
		lock(bucket_lock);
		if
		:: word -> unlock(bucket_lock); goto again
		:: else
		fi;
#endif
#ifdef ENTER_LATE
		listed = 1;
		unlock(bucket_lock);
		prepare_block();
#else
		prepare_block();
		listed = 1;
		unlock(bucket_lock);
#endif
		go_blocked(slept);
		if
		:: slept ->
			if
			:: deadline ->
				lock(timeout_lock);
				armed = 1;
				unlock(timeout_lock)
			:: else
			fi;
end_blocked:
			state == READY;
			state = RUNNING;
			if
			:: deadline -> timeout_cancel()
			:: else
			fi
		:: else
		fi;
		why = result;
		assert(state == RUNNING && why != NOTHING);
		if
		:: why == WOKEN -> assert(!listed)
		:: else ->
			lock(bucket_lock);
			if
			:: listed -> listed = 0
			:: else -> why = WOKEN
			fi;
			unlock(bucket_lock)
		fi;
		assert(why != WOKEN || word);
		assert(why != TIMEDOUT || deadline);
		assert(why != INTR || wanted);
		if
		:: why == INTR -> kick = 0 /* or it was taken before: a late kick is a spurious one */
		:: else
		fi;
again:
		skip
	od
}

proctype waker()
{
#ifndef WAKE_FIRST
	word = 1;
#endif
	lock(bucket_lock);
	if
	:: listed -> listed = 0; thread_wake(WOKEN)
	:: else
	fi;
	unlock(bucket_lock);
#ifdef WAKE_FIRST
	word = 1
#endif
}

/* Two at most, one for each sleep. */
proctype timer()
{
end:
	do
	:: armed ->
#ifdef TIMER_UNLOCKED
		bit mine;

		lock(timeout_lock);
		mine = armed;
		armed = 0;
		unlock(timeout_lock);
		if
		:: mine -> thread_wake(TIMEDOUT)
		:: else
		fi
#else
		lock(timeout_lock);
		if
		:: armed -> armed = 0; thread_wake(TIMEDOUT)
		:: else
		fi;
		unlock(timeout_lock)
#endif
	od
}

proctype kicker()
{
	bit before;

#ifdef FLAG_LATE
	lock(thread_lock);
	if
	:: state == BLOCKED -> wake_locked(INTR)
	:: else
	fi;
	unlock(thread_lock);
	kick = 1
#else
	atomic { before = kick; kick = 1 }
	if
	:: before -> skip
	:: else ->
		lock(thread_lock);
		if
#ifdef KICK_ALL
		:: state == BLOCKED -> wake_locked(INTR)
#else
		:: state == BLOCKED && interruptible -> wake_locked(INTR)
#endif
		:: else
		fi;
		unlock(thread_lock)
	fi
#endif
}

proctype judge()
{
	timeout;
	assert(!(state == BLOCKED && (word || (kick && interruptible) || (deadline && armed))))
}

init
{
	atomic {
		run thread();
		if
		:: run waker()
		:: skip
		fi;
		if
		:: run kicker()
		:: skip
		fi;
		run timer();
		run judge()
	}
}
