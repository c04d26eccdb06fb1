/* SPDX-License-Identifier: MIT */
/* The frames between the guest agent and image/vm; image/launcher/agent.py is the other side. */
#ifndef AGENT_PROTOCOL_H
#define AGENT_PROTOCOL_H

/* A frame: type (1 byte), payload length (4 bytes, little-endian), payload. */
#define FRAME_HEADER_BYTES 5
#define MAX_FRAME_BYTES    65536

/* The most standard input the host may have sent and not got credit back for. */
#define STDIN_WINDOW 2048

/* From the agent. */
#define FRAME_HELLO  'H' /* HELLO_TEXT: the agent is up and has no command */
#define FRAME_STDOUT 'O' /* bytes of the command's standard output */
#define FRAME_STDERR 'E' /* bytes of its standard error */
#define FRAME_CREDIT 'C' /* u32: so many bytes of standard input are consumed */
#define FRAME_STATUS 'S' /* u32: exit status, 128 + signal number if a signal ended it */

/* From the host. */
#define FRAME_EXEC     'X' /* the argument vector, each word ended by a NUL */
#define FRAME_STDIN    'I' /* bytes of standard input; an empty frame is its end */
#define FRAME_RESIZE   'W' /* u32 rows, u32 columns: the size of the console's terminal */
#define FRAME_POWEROFF 'Q' /* one byte, how */

#define POWEROFF_ORDERLY 'o' /* through init: stop processes, unmount */
#define POWEROFF_AT_ONCE 'n' /* now: the disk is thrown away */

#define HELLO_TEXT "quoin agent 1"

#endif
