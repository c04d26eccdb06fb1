/*
 * The mutex and the condition (sync.c), for Spin: one thread at a time is inside, and nobody sleeps when he could
 * go in, or go on.
 *
 * Three threads take the mutex twice each; one of them first waits for a flag that another sets.
 *
 * mutations: TAKE_AS_FREE NO_EXPECTED WAKE_FIRST SEEN_LATE NO_SEQUENCE
 */
#define THREADS 3

byte state;              /* 0 free, 1 held, 2 held and somebody may wait */
byte sequence;           /* the condition's */
bit flag;
byte inside;
byte asleep[THREADS];    /* on which word: 1 state, 2 sequence */

/* The kernel compares and goes to sleep in one step. */
inline futex_wait(me, which, word, expected)
{
	atomic {
		if
#ifndef NO_EXPECTED
		:: word != expected -> skip
#endif
		:: else -> asleep[me] = which
		fi
	}
end_asleep:
	asleep[me] == 0
}

/* One of them, whichever. */
inline futex_wake_one(which)
{
	atomic {
		if
		:: asleep[0] == which -> asleep[0] = 0
		:: asleep[1] == which -> asleep[1] = 0
		:: asleep[2] == which -> asleep[2] = 0
		:: else
		fi
	}
}

inline futex_wake_all(which)
{
	d_step {
		asleep[0] = (asleep[0] == which -> 0 : asleep[0]);
		asleep[1] = (asleep[1] == which -> 0 : asleep[1]);
		asleep[2] = (asleep[2] == which -> 0 : asleep[2])
	}
}

inline mutex_lock(me)
{
	atomic {
		old = state;
		state = (old == 0 -> 1 : old)
	}
	do
	:: old == 0 -> break
	:: else ->
#ifdef TAKE_AS_FREE
		atomic { old = state; state = (old == 0 -> 1 : 2) }
#else
		atomic { old = state; state = 2 }
#endif
		if
		:: old == 0 -> skip
		:: else -> futex_wait(me, 1, state, 2)
		fi
	od;
	inside++;
	assert(inside == 1)
}

inline mutex_unlock()
{
	inside--;
#ifdef WAKE_FIRST
	if
	:: state == 2 -> futex_wake_one(1)
	:: else
	fi;
	state = 0
#else
	atomic { old = state; state = 0 }
	if
	:: old == 2 -> futex_wake_one(1)
	:: else
	fi
#endif
}

inline condition_wait(me)
{
#ifndef SEEN_LATE
	seen = sequence;
#endif
	mutex_unlock();
#ifdef SEEN_LATE
	seen = sequence;
#endif
	futex_wait(me, 2, sequence, seen);
	mutex_lock(me)
}

proctype thread(byte me)
{
	byte times, old, seen;

	do
	:: times == 2 -> break
	:: else ->
		times++;
		mutex_lock(me);
		if
		:: me == 0 && times == 1 ->
			do
			:: flag -> break
			:: else -> condition_wait(me)
			od
		:: me == 1 && times == 1 ->
			flag = 1;
#ifndef NO_SEQUENCE
			sequence++;
#endif
			futex_wake_all(2)
		:: else
		fi;
		mutex_unlock()
	od
}

proctype judge()
{
	timeout;
	assert(asleep[0] == 0 && asleep[1] == 0 && asleep[2] == 0)
}

init
{
	atomic {
		run thread(0);
		run thread(1);
		run thread(2);
		run judge()
	}
}
