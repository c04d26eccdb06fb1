/*
 * The trace ring: the last events of every CPU, read by trace_read and dumped by a panic.  A CPU
 * writes only its own ring, with interrupts off, so there is no lock.
 */
#ifndef KERNEL_TRACE_H
#define KERNEL_TRACE_H

#include "base.h"

enum trace_event {
	TRACE_NONE,
	TRACE_SWITCH,    /* a: thread id switched to, b: its struct */
	TRACE_CALL,      /* a: number, b: first argument */
	TRACE_EXIT,      /* vCPU exit; a: reason, b: guest rax or vector */
	TRACE_FAULT,     /* a: address, b: rip */
	TRACE_INTERRUPT, /* a: vector */
	TRACE_IPC,       /* a: operation or label, b: peer */
	TRACE_WAKE,      /* a: thread id, b: CPU it goes to */
	TRACE_KICK,      /* a: thread id */
	TRACE_NR_EVENTS,
};

/* One record; what trace_read copies. */
struct trace_record {
	uint64_t tsc;
	uint32_t event; /* enum trace_event */
	uint32_t cpu;
	uint64_t a, b;
};

#define TRACE_RECORDS 512 /* per CPU; a power of two */

/* trace() itself is in percpu.h. */
/* The next older record of all CPUs; back[MAX_CPUS] starts at 0. NULL: no more. */
const struct trace_record *trace_next_older(uint32_t *back);
/* Prints the newest records of all CPUs in order of time; from a panic. */
void trace_dump(unsigned count);

#endif
