/*
 * The reader-writer lock (sync.c), for Spin: a writer is alone inside, and nobody sleeps when he could go in.
 *
 * Two readers and two writers.
 *
 * mutations: NO_SEQUENCE COUNT_LATE LOOK_LATE NO_EXPECTED FREE_LATE
 */
#define THREADS 4
#define READERS 2
#define WRITER  9        /* RWLOCK_WRITER */

byte state;              /* readers, or WRITER */
byte waiters;            /* writers that wait */
byte sequence;           /* the futex word */
byte reading, writing;
bit asleep[THREADS];

inline futex_sleep(me, expected)
{
	atomic {
		if
#ifndef NO_EXPECTED
		:: sequence != expected -> skip
#endif
		:: else -> asleep[me] = 1
		fi
	}
end_asleep:
	!asleep[me]
}

inline released()
{
#ifndef NO_SEQUENCE
	sequence++;
#endif
	d_step { asleep[0] = 0; asleep[1] = 0; asleep[2] = 0; asleep[3] = 0 }
}

/* reader_enters: the states are looked at one after the other, the change is one step. */
inline reader_enters(entered)
{
	entered = 0;
	readers = state;
	do
	:: readers == WRITER -> break
	:: else ->
		if
		:: waiters > 0 -> break
		:: else
		fi;
		atomic {
			if
			:: state == readers -> state = readers + 1; entered = 1
			:: else -> readers = state
			fi
		}
		if
		:: entered -> break
		:: else
		fi
	od
}

inline writer_enters(entered)
{
	atomic {
		entered = (state == 0);
		state = (entered -> WRITER : state)
	}
}

proctype reader(byte me)
{
	byte seen, readers, old;
	bit entered;

	do
	:: true ->
#ifndef LOOK_LATE
		seen = sequence;
#endif
		reader_enters(entered);
#ifdef LOOK_LATE
		seen = sequence;
#endif
		if
		:: entered -> break
		:: else -> futex_sleep(me, seen)
		fi
	od;
	reading++;
	assert(writing == 0);
	reading--;
	atomic { old = state; state-- }
	if
	:: old == 1 && waiters > 0 -> released()
	:: else
	fi
}

proctype writer(byte me)
{
	byte seen;
	bit entered, counted;

	writer_enters(entered);
	if
	:: entered -> goto inside
	:: else
	fi;
#ifndef COUNT_LATE
	waiters++;
	counted = 1;
#endif
	do
	:: true ->
		seen = sequence;
		writer_enters(entered);
		if
		:: entered -> break
		:: else
		fi;
#ifdef COUNT_LATE
		waiters = waiters + !counted;
		counted = 1;
#endif
		futex_sleep(me, seen)
	od;
	waiters = waiters - counted;
inside:
	writing++;
	assert(writing == 1 && reading == 0);
	writing--;
#ifdef FREE_LATE
	released();
	state = 0
#else
	state = 0;
	released()
#endif
}

proctype judge()
{
	timeout;
	assert(!asleep[0] && !asleep[1] && !asleep[2] && !asleep[3])
}

init
{
	byte i;

	atomic {
		for (i : 0 .. READERS - 1) {
			run reader(i)
		}
		for (i : READERS .. THREADS - 1) {
			run writer(i)
		}
		run judge()
	}
}
