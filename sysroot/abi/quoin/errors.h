/*
 * Errors of kernel calls and protocols.
 *
 * A call returns a value >= 0, or one of these negated.  Where Linux has the same error the number
 * is Linux's, so the POSIX server can hand most of them on as they are.
 */
#ifndef QUOIN_ERRORS_H
#define QUOIN_ERRORS_H

#define QERR_PERM      1   /* the handle lacks the right */
#define QERR_NOENT     2   /* no such name, region or page */
#define QERR_INTR      4   /* an interruptible wait ended because of a kick */
#define QERR_IO        5   /* the device failed */
#define QERR_2BIG      7   /* message or table too large */
#define QERR_BADF      9   /* no such handle, or of another kind */
#define QERR_AGAIN     11  /* the futex word had another value; nothing to receive */
#define QERR_NOMEM     12  /* out of memory, or over the task's limit */
#define QERR_FAULT     14  /* a pointer argument is not accessible */
#define QERR_BUSY      16  /* in use */
#define QERR_EXIST     17  /* the range overlaps a region */
#define QERR_NODEV     19  /* no such device */
#define QERR_INVAL     22  /* an argument is out of range or misaligned */
#define QERR_NFILE     23  /* the handle table is full */
#define QERR_NOSPC     28  /* no space on the device */
#define QERR_ROFS      30  /* mounted read-only */
#define QERR_RANGE     34  /* an offset beyond the end of the object */
#define QERR_NOSYS     38  /* no such call or message */
#define QERR_PROTO     71  /* a malformed message */
#define QERR_TIMEDOUT  110 /* the deadline passed */
#define QERR_CANCELED  125 /* the call was cancelled */
#define QERR_PEER_DEAD 130 /* the server died before it replied, or has not come back yet */

#endif
