/*
 * Kicks (vcpu.c, trap.c, thread_kick in sched/thread.c), for Spin: a thread that is kicked does not stay in its
 * guest, wherever the kick finds it.
 *
 * A thread serves a guest that never calls; it is preempted at will and goes on at either of two CPUs.  Two
 * kickers on other CPUs each record a reason and kick.  Interrupts stay pending until the thread is in its guest,
 * for kernel and server do not see them.
 *
 * mutations: LATCH_LATE CHECK_OPEN LOOK_EARLY WORK_LATE
 */
#define KICKERS 2
#define MOVES   3 /* preemptions */

mtype = { RUNNING, READY };

mtype state = RUNNING;
byte cpu;                /* thread.cpu: where it runs, or ran last */
bit latch;               /* thread.kick */
bit thread_lock;
byte reasons;            /* thread.work: recorded and not yet seen */
bit in_guest;
bit interrupt[2];        /* pending at a CPU */

inline take_latch(kicked) { atomic { kicked = latch; latch = 0 } }

/* sched_preempt: off the CPU, and some time later on one of the two, as begin_run says it. */
inline move()
{
	moves++;
	state = READY;
	if
	:: here = 0
	:: here = 1
	fi;
	state = RUNNING;
	cpu = here
}

proctype thread()
{
	byte here, moves;
	bit kicked;

server:
	if
	:: reasons > 0 -> reasons = 0
	:: else
	fi;

	/* vcpu_run, interrupts off */
	if
	:: moves < MOVES -> move()
	:: skip
	fi;
	take_latch(kicked);
	if
	:: kicked -> goto server
	:: else
	fi;
#ifdef CHECK_OPEN
	if
	:: interrupt[here] -> interrupt[here] = 0
	:: skip
	fi;
#endif
	in_guest = 1;
guest:
end_guest:
	if
	:: interrupt[here] -> interrupt[here] = 0
	:: moves < MOVES -> skip /* the timer */
	fi;
	/* trap_user_work */
#ifdef LOOK_EARLY
	take_latch(kicked);
#endif
	if
	:: moves < MOVES -> move()
	:: skip
	fi;
#ifndef LOOK_EARLY
	take_latch(kicked);
#endif
	if
	:: kicked -> in_guest = 0; goto server
	:: else -> goto guest
	fi
}

inline thread_interrupt()
{
	target = cpu;
	if
	:: state == RUNNING -> interrupt[target] = 1
	:: else
	fi
}

proctype kicker()
{
	byte target;
	bit before;

#ifndef WORK_LATE
	reasons++;
#endif
#ifdef LATCH_LATE
	thread_interrupt();
	latch = 1;
#else
	atomic { before = latch; latch = 1 }
	if
	:: before -> skip
	:: else ->
		atomic { !thread_lock -> thread_lock = 1 }
		thread_interrupt();
		thread_lock = 0
	fi;
#endif
#ifdef WORK_LATE
	reasons++
#endif
}

proctype judge()
{
	timeout;
	assert(!(in_guest && (reasons > 0 || latch)))
}

init
{
	byte i;

	atomic {
		run thread();
		for (i : 1 .. KICKERS) {
			run kicker()
		}
		run judge()
	}
}
