/* SPDX-License-Identifier: MIT */
/*
 * The terminal line discipline (POSIX chapter 11, General Terminal Interface; Linux's N_TTY where POSIX is
 * silent): editing of lines, echo, special characters, and output processing.  It knows no process and
 * no lock: its owner serialises calls and is told through ldisc_ops what to do.  Compiles on the host.
 *
 * Input goes to a ring.  In canonical mode bytes from `committed` on are the line being edited; what lies
 * before can be read, line by line.  In raw mode everything is committed at once.
 */
#ifndef POSIX_LDISC_H
#define POSIX_LDISC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "linux/termios.h"

#define LDISC_BYTES 4096u /* of the ring; a line has at most one less, as MAX_CANON on Linux */

/* What ldisc_input wants done. */
struct ldisc_ops {
	void (*output)(void *owner, const uint8_t *bytes, size_t len); /* to the device, already processed */
	void (*signal)(void *owner, int sig);                          /* to the foreground group */
};

struct ldisc {
	struct linux_termios termios;
	uint8_t bytes[LDISC_BYTES];
	uint8_t marks[LDISC_BYTES];     /* MARK_* of the byte in the same place */
	uint32_t head, committed, tail; /* free-running; head <= committed <= tail */
	uint32_t nr_lines;              /* complete lines between head and committed */
	uint32_t column;                /* of the cursor, for tabs */
	uint32_t line_column;           /* where the line being edited began */
	bool literal;                   /* the next byte is taken as it is (VLNEXT) */
	bool stopped;                   /* output is held by ^S: the owner looks after each input */
};

void ldisc_init(struct ldisc *ld);
void ldisc_set_termios(struct ldisc *ld, const struct linux_termios *termios);

/* Bytes from the line. */
void ldisc_input(struct ldisc *ld, const struct ldisc_ops *ops, void *owner, const uint8_t *bytes, size_t len);

/* Bytes a read could take now: of one line in canonical mode, where an empty line (^D) counts as ready. */
bool ldisc_readable(const struct ldisc *ld);
size_t ldisc_available(const struct ldisc *ld);
/* In canonical mode at most one line; 0 at end of file. Call when ldisc_readable. */
size_t ldisc_read(struct ldisc *ld, uint8_t *buffer, size_t size);
void ldisc_flush_input(struct ldisc *ld);

/* What one byte of an application's output becomes; at most LDISC_EXPANSION bytes. */
#define LDISC_EXPANSION 8
size_t ldisc_output(struct ldisc *ld, uint8_t byte, uint8_t out[LDISC_EXPANSION]);

static inline bool ldisc_is_canonical(const struct ldisc *ld)
{
	return ld->termios.c_lflag & LINUX_ICANON;
}

#endif
