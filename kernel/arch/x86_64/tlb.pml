/*
 * TLB shootdown (tlb.c), for Spin: no CPU uses a page that was freed, and no two wait for each other.
 *
 * Two CPUs enter an address space, use its pages, unmap one each, and leave, in any order.  A store to a page table
 * stays in the store buffer, as on x86, until it is drained or a fence waits for that.
 *
 * mutations: NO_FENCE MASK_LATE LEAVE_EARLY FREE_EARLY NO_SERVE WAITING_LATE
 */
#define CPUS  2
#define STEPS 5

bit absent[CPUS];        /* page n, which CPU n unmaps: its entry as memory has it */
bit buffered[CPUS];      /* CPU n has cleared it, and nobody else sees that yet */
bit freed[CPUS];
bit cached[4];           /* translations, by cpu * CPUS + page */
bit loaded[CPUS];        /* CR3 shows the address space */
bit mask[CPUS];          /* aspace.cpus */
bit waiting[CPUS];       /* request.waiting of CPU n: the other one */
bit pending[CPUS];       /* tlb_pending of CPU n: the other one's request */

#define CACHED(c, page) cached[(c) * CPUS + (page)]

inline flush(me) { d_step { CACHED(me, 0) = 0; CACHED(me, 1) = 0 } }

/* From the interrupt, and from every loop that waits. */
inline serve(me)
{
	if
	:: pending[me] ->
		pending[me] = 0;
		flush(me);
		waiting[1 - me] = 0
	:: else
	fi
}

/* The hardware: walks the tables where it has no translation; sees the own CPU's stores. */
inline use(me, page)
{
	atomic {
		if
		:: CACHED(me, page) -> assert(!freed[page])
		:: !CACHED(me, page) && !absent[page] && !(page == me && buffered[page]) ->
			CACHED(me, page) = 1;
			assert(!freed[page])
		:: else
		fi
	}
}

inline enter(me)
{
#ifdef MASK_LATE
	loaded[me] = 1;
	use(me, 1 - me);
	atomic { !buffered[me]; mask[me] = 1 }
#else
	atomic { !buffered[me]; mask[me] = 1 } /* a locked operation */
	loaded[me] = 1
#endif
}

inline leave(me)
{
#ifdef LEAVE_EARLY
	mask[me] = 0;
	use(me, 1 - me);
	flush(me);
	loaded[me] = 0
#else
	d_step { loaded[me] = 0; CACHED(me, 0) = 0; CACHED(me, 1) = 0 }
	mask[me] = 0
#endif
}

inline unmap(me)
{
	buffered[me] = 1;
#ifndef NO_FENCE
	!buffered[me];
#endif
	target = mask[1 - me];
	flush(me);
	if
	:: target ->
#ifdef WAITING_LATE
		pending[1 - me] = 1;
		waiting[me] = 1;
#else
		waiting[me] = 1;
		pending[1 - me] = 1;
#endif
#ifdef FREE_EARLY
		freed[me] = 1;
#endif
		do
		:: !waiting[me] -> break
#ifndef NO_SERVE
		:: pending[me] -> serve(me)
#endif
		od
	:: else
	fi;
	freed[me] = 1
}

proctype store_buffer(byte owner)
{
end:
	do
	:: buffered[owner] -> absent[owner] = 1; buffered[owner] = 0
	od
}

proctype cpu(byte me)
{
	byte steps;
	bit target, unmapped;

end:
	do
	:: steps < STEPS ->
		steps++;
		if
		:: !loaded[me] -> enter(me)
		:: loaded[me] -> leave(me)
		:: loaded[me] -> use(me, 0)
		:: loaded[me] -> use(me, 1)
		:: !unmapped -> unmapped = 1; unmap(me)
		fi
	:: pending[me] -> serve(me) /* the interrupt */
	od
}

init
{
	atomic {
		run store_buffer(0);
		run store_buffer(1);
		run cpu(0);
		run cpu(1)
	}
}
