/*
 * The used ring and its interrupt (queue.c, the driver's on_interrupt, VirtIO 2.6.8), for Spin: each request that
 * the device has finished is answered, however interrupts and notifications run together.
 *
 * The device finishes requests, each written before the index that shows it.  An interrupt sets a bit of the
 * notification, where it meets others that were not taken yet.  The driver takes the bits, which clears them, and
 * then the requests.
 *
 * mutations: INDEX_FIRST ONE_EACH TAKE_AFTER NO_INTERRUPT
 */
#define REQUESTS 4
#define SIZE     4

byte ring[SIZE];         /* 0: not written yet */
byte index;              /* used->index */
byte answered[REQUESTS + 1];
byte nr_answered;
bit interrupt;           /* pending: edges run together */
bit notification;        /* its bit */

proctype device()
{
	byte request;

	do
	:: request == REQUESTS -> break
	:: else ->
		request++;
#ifdef INDEX_FIRST
		index++;
		ring[(index - 1) % SIZE] = request;
#else
		ring[index % SIZE] = request;
		index++;
#endif
#ifndef NO_INTERRUPT
		interrupt = 1
#endif
	od
}

/* The kernel: an interrupt is a signal to the notification. */
proctype kernel()
{
end:
	do
	:: interrupt -> interrupt = 0; notification = 1
	od
}

proctype driver()
{
	byte last, request;

	do
	:: nr_answered == REQUESTS -> break
	:: else ->
#ifdef TAKE_AFTER
		notification;
#else
		atomic { notification -> notification = 0 }
#endif
		do
		:: last == index -> break
		:: else ->
			request = ring[last % SIZE];
			assert(request != 0 && answered[request] == 0);
			answered[request] = 1;
			nr_answered++;
			last++;
#ifdef ONE_EACH
			break
#endif
		od;
#ifdef TAKE_AFTER
		notification = 0
#endif
	od
}

init
{
	atomic {
		run device();
		run kernel();
		run driver()
	}
}
