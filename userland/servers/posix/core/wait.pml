/*
 * Wait queues (wait.c, wait.h), for Spin: nobody sleeps on while what he waits for is true, or a signal is
 * there for him.
 *
 * Two sleepers wait for items of a waker that makes none, one or two; a signaller kicks one of the sleepers.  Stores of
 * the waker stay in a store buffer, as on x86, until it is drained or a fence waits for that.
 *
 * mutations: NO_LOOK NO_FENCE LOOK_FIRST NO_EXPECTED KICK_FIRST CLEAR_LATE TAKE_ONE
 */
#define SLEEPERS 2
#define ITEMS    2

byte items;              /* the condition: items > 0 */
byte buffered;           /* stores to it that nobody else sees yet */

bit lock;                /* queue->lock */
byte nr_waiters;
bit queued[SLEEPERS];    /* waiter->queue is not NULL */
bit woken[SLEEPERS];     /* token->woken */

bit work[SLEEPERS];      /* thread.work: a signal */
bit latch[SLEEPERS];     /* the kernel's: kicked */
bit asleep[SLEEPERS];    /* in futex_wait */
bit by_kick[SLEEPERS];   /* what ended it */

inline mutex_lock()   { atomic { !lock -> lock = 1 } }
inline mutex_unlock() { lock = 0 }

/* The kernel compares and goes to sleep in one step, a wake-up or a kick ends the sleep in one step. */
inline futex_wait(s)
{
	atomic {
		if
#ifndef NO_EXPECTED
		:: woken[s] -> skip
#endif
		:: else ->
			if
			:: latch[s] -> by_kick[s] = 1
			:: else -> asleep[s] = 1
			fi
		fi
	}
end_asleep:
	!asleep[s]
}

inline futex_wake(s) { atomic { asleep[s] = 0 } }

inline vcpu_kick(s)
{
	atomic {
		if
		:: latch[s] -> skip
		:: else ->
			latch[s] = 1;
			if
			:: asleep[s] -> asleep[s] = 0; by_kick[s] = 1
			:: else
			fi
		fi
	}
}

inline take_out(s) { queued[s] = 0; nr_waiters-- }

inline wait_queue_add(s)
{
	mutex_lock();
	queued[s] = 1;
	nr_waiters++;
	mutex_unlock()
}

inline wait_queue_remove(s)
{
	if
	:: queued[s] ->
		mutex_lock();
		if
		:: queued[s] -> take_out(s)
		:: else
		fi;
		mutex_unlock()
	:: else
	fi
}

proctype sleeper(byte s)
{
	bit added, broken_off;

again:
	/* under the lock of what the items are in */
	atomic {
		if
		:: items > 0 -> items--; goto out
		:: else
		fi
	}
	added = 0;
	broken_off = 0;
	d_step { woken[s] = 0; by_kick[s] = 0 }
wait_event:
#ifdef NO_LOOK
	if
	:: added -> goto block
	:: else
	fi;
#endif
	if
	:: items > 0 -> goto leave
	:: else
	fi;
	if
	:: broken_off -> goto leave
	:: else
	fi;
	if
	:: !added -> wait_queue_add(s); added = 1; goto wait_event
	:: else
	fi;
block:
	atomic {
		if
		:: woken[s] -> woken[s] = 0; goto wake
		:: else
		fi
	}
	if
	:: work[s] -> broken_off = 1; goto wait_event
	:: else
	fi;
#ifdef CLEAR_LATE
	latch[s] = 0;
#endif
	futex_wait(s);
	if
	:: by_kick[s] ->
		by_kick[s] = 0;
#ifndef CLEAR_LATE
		latch[s] = 0
#endif
	:: else
	fi;
	goto block;
wake:
	wait_queue_remove(s);
	added = 0;
	goto wait_event;
leave:
	wait_queue_remove(s);
	if
	:: broken_off -> skip
	:: else -> goto again
	fi;
out:
	skip
}

proctype store_buffer()
{
end:
	do
	:: atomic { buffered > 0 -> items = items + buffered; buffered = 0 }
	od
}

/* wait_queue_wake_all */
proctype waker()
{
	byte made, left, s;
	bit words[SLEEPERS];

	do
	:: break
	:: made < ITEMS ->
		made++;
#ifdef LOOK_FIRST
		left = nr_waiters;
		buffered++;
		buffered == 0;
#else
		buffered++;
#ifndef NO_FENCE
		buffered == 0; /* the fence */
#endif
		left = nr_waiters;
#endif
#ifdef TAKE_ONE
		left = (left > 0 -> 1 : 0);
#endif
		if
		:: left == 0 -> skip
		:: else ->
			mutex_lock();
			s = 0;
			do
			:: s == SLEEPERS -> break
			:: else ->
				words[s] = 0;
				if
				:: queued[s] && left > 0 ->
					words[s] = !woken[s];
					woken[s] = 1;
					take_out(s);
					left--
				:: else
				fi;
				s++
			od;
			mutex_unlock();
			s = 0;
			do
			:: s == SLEEPERS -> break
			:: else ->
				if
				:: words[s] -> futex_wake(s)
				:: else
				fi;
				s++
			od
		fi
	od
}

proctype signaller()
{
#ifdef KICK_FIRST
	vcpu_kick(0);
	work[0] = 1
#else
	work[0] = 1;
	vcpu_kick(0)
#endif
}

/* When nothing moves any more. */
proctype judge()
{
	byte s;

	timeout;
	for (s : 0 .. SLEEPERS - 1) {
		assert(!(asleep[s] && (items > 0 || work[s])))
	}
}

init
{
	atomic {
		run sleeper(0);
		run sleeper(1);
		run store_buffer();
		run waker();
		if
		:: run signaller()
		:: skip
		fi;
		run judge()
	}
}
