/* SPDX-License-Identifier: MIT */
/*
 * Terminals: a line discipline, a device behind it, and the job control in front.
 *
 * There are two kinds of device: lines of the console driver (tty/console.c, for ever) and pseudo-terminals
 * (tty/pty.c, from the opening of /dev/ptmx to the last close).  Input arrives with tty_receive; output
 * waits in a ring until somebody carries it to the device: whoever adds to it and finds no carrier becomes
 * one, so output needs no thread of its own and stays in order.
 *
 * A hang-up (a pty's master closes, the leader of a line's session exits, vhangup) ends the files that are
 * open then, for good; the next open has the terminal for itself.
 *
 * A session has at most one controlling terminal and a terminal at most one session.  Both directions of
 * that pairing and the foreground group change under control_lock, which is taken before tty->lock.
 *
 * Legend: [I] immutable, [a] atomic, [l] tty->lock, [c] control_lock.
 */
#ifndef POSIX_TTY_H
#define POSIX_TTY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <quoin/sync.h>
#include "ldisc.h"
#include "wait.h"

struct file;
struct file_ops;
struct pgrp;
struct session;
struct tty;

#define TTY_MAJOR    4 /* ttyS0 is 4:64 */
#define TTYS_MINOR   64
#define TTYAUX_MAJOR 5 /* 0 tty, 1 console, 2 ptmx */
#define PTS_MAJOR    136

#define TTY_OUTPUT_BYTES 4096u

struct tty_device_ops {
	/* Carries bytes away: how many it took, 0 when it can take none before tty_carry is called again. */
	size_t (*write)(struct tty *tty, const uint8_t *bytes, size_t len);
	/* Everything written has left; may be NULL. */
	void (*drain)(struct tty *tty);
	void (*set_line)(struct tty *tty, const struct linux_termios *termios); /* may be NULL */
	void (*free)(struct tty *tty); /* the last reference is gone; NULL: it lives for ever */
	bool ends_with_session;        /* hung up when the leader of its session exits, as a line is on Linux */
};

struct tty {
	const struct tty_device_ops *device; /* [I] */
	void *private;                       /* [I] the device's */
	uint32_t rdev;                       /* [I] */
	char name[16];                       /* [I] "ttyS0", "pts/3" */
	atomic_uint refs;                    /* [a] open files, the session it controls, a pty's master */
	atomic_uint nr_open;                 /* [a] open files */
	atomic_uint nr_hangups;              /* [a] changes under lock; files opened before the last are dead */
	struct mutex lock;
	struct ldisc ldisc;                /* [l] */
	struct linux_winsize winsize;      /* [l] */
	bool device_closed;                /* [l] for good: a pty whose master is gone */
	bool exclusive;                    /* [l] */
	bool carrying;                     /* [l] somebody carries output */
	uint8_t output[TTY_OUTPUT_BYTES];  /* [l] ring */
	uint32_t output_head, output_tail; /* [l] free-running */
	struct wait_queue readers;         /* input, hang-up */
	struct wait_queue writers;         /* room for output, hang-up */
	struct wait_queue senders;         /* devices that hold input back: room for it, hang-up */
	struct session *session;           /* [c] it controls, with a reference; or NULL */
	struct pgrp *foreground;           /* [c] with a reference; or NULL */
};

void tty_init(struct tty *tty, const struct tty_device_ops *device, const char *name, uint32_t rdev);
void tty_put(struct tty *tty);
static inline struct tty *tty_get(struct tty *tty)
{
	atomic_fetch_add_explicit(&tty->refs, 1, memory_order_relaxed);
	return tty;
}

/* For devices. */
#define TTY_RECEIVE_BYTES 256u /* for which tty_input_room speaks */
/*
 * Whether the next bytes find their place.  Raw input that nobody reads is held back where it comes from,
 * on tty->senders; what is typed into a line that is full is lost, but the keys that signal and edit work.
 */
bool tty_input_room(struct tty *tty);
void tty_receive(struct tty *tty, const uint8_t *bytes, size_t len);
void tty_carry(struct tty *tty);      /* the device can take output again */
void tty_hangup(struct tty *tty);     /* ends the open files; SIGHUP to the session, which loses it */
void tty_disconnect(struct tty *tty); /* the part of it that concerns files; under control_lock */

enum tty_open_how {
	TTY_OPEN_LINE,    /* by its own name: it may become the controlling terminal */
	TTY_OPEN_CURRENT, /* /dev/tty: it is */
	TTY_OPEN_CONSOLE, /* as on Linux never becomes one: init opens it and must not take it */
};
/* For a file_ops.open: takes over a reference. -EBUSY: it is exclusive; -EIO: its device is closed; -ENOMEM. */
int tty_file_open(struct tty *tty, struct file *file, enum tty_open_how how);
struct tty *tty_of(const struct file *file); /* NULL: its open failed */
/* An ioctl by whoever may; readable: by a file that is. */
long tty_request(struct tty *tty, unsigned request, uint64_t argument, bool readable);
extern const struct file_ops tty_file_ops; /* all but open */

/* For sessions. */
void tty_session_leader_exit(struct session *session); /* hangs up what it controlled */
uint32_t tty_session_device(struct session *session);  /* rdev, 0: none; /proc/PID/stat */
int tty_session_foreground(struct session *session);   /* group number, -1: none */

/* The caller's controlling terminal, with a reference; or NULL. */
struct tty *tty_session_get(void);

/* Start-up: connects to the console service and registers /dev/tty, console, ttyS*. */
void tty_start(void);
void pty_start(void); /* registers /dev/ptmx */

#endif
