/* SPDX-License-Identifier: MIT */
/* Terminals: settings, sizes, and the ioctl requests of terminals and files. */
#ifndef ABI_LINUX_TERMIOS_H
#define ABI_LINUX_TERMIOS_H

#include <stdint.h>

#define LINUX_NCCS 19

/* What TCGETS and TCSETS carry. */
struct linux_termios {
	uint32_t c_iflag;
	uint32_t c_oflag;
	uint32_t c_cflag;
	uint32_t c_lflag;
	uint8_t c_line;
	uint8_t c_cc[LINUX_NCCS];
};

/* What TCGETS2 and TCSETS2 carry. */
struct linux_termios2 {
	uint32_t c_iflag;
	uint32_t c_oflag;
	uint32_t c_cflag;
	uint32_t c_lflag;
	uint8_t c_line;
	uint8_t c_cc[LINUX_NCCS];
	uint32_t c_ispeed;
	uint32_t c_ospeed;
};

struct linux_winsize {
	uint16_t ws_row;
	uint16_t ws_col;
	uint16_t ws_xpixel;
	uint16_t ws_ypixel;
};

/* c_cc */
#define LINUX_VINTR    0
#define LINUX_VQUIT    1
#define LINUX_VERASE   2
#define LINUX_VKILL    3
#define LINUX_VEOF     4
#define LINUX_VTIME    5
#define LINUX_VMIN     6
#define LINUX_VSWTC    7
#define LINUX_VSTART   8
#define LINUX_VSTOP    9
#define LINUX_VSUSP    10
#define LINUX_VEOL     11
#define LINUX_VREPRINT 12
#define LINUX_VDISCARD 13
#define LINUX_VWERASE  14
#define LINUX_VLNEXT   15
#define LINUX_VEOL2    16

/* c_iflag */
#define LINUX_IGNBRK  0000001
#define LINUX_BRKINT  0000002
#define LINUX_IGNPAR  0000004
#define LINUX_PARMRK  0000010
#define LINUX_INPCK   0000020
#define LINUX_ISTRIP  0000040
#define LINUX_INLCR   0000100
#define LINUX_IGNCR   0000200
#define LINUX_ICRNL   0000400
#define LINUX_IUCLC   0001000
#define LINUX_IXON    0002000
#define LINUX_IXANY   0004000
#define LINUX_IXOFF   0010000
#define LINUX_IMAXBEL 0020000
#define LINUX_IUTF8   0040000

/* c_oflag */
#define LINUX_OPOST  0000001
#define LINUX_OLCUC  0000002
#define LINUX_ONLCR  0000004
#define LINUX_OCRNL  0000010
#define LINUX_ONOCR  0000020
#define LINUX_ONLRET 0000040
#define LINUX_OFILL  0000100
#define LINUX_OFDEL  0000200
#define LINUX_TABDLY 0014000
#define LINUX_XTABS  0014000

/* c_cflag */
#define LINUX_CBAUD   0010017
#define LINUX_B0      0000000
#define LINUX_B9600   0000015
#define LINUX_B19200  0000016
#define LINUX_B38400  0000017
#define LINUX_B115200 0010002
#define LINUX_CSIZE   0000060
#define LINUX_CS5     0000000
#define LINUX_CS6     0000020
#define LINUX_CS7     0000040
#define LINUX_CS8     0000060
#define LINUX_CSTOPB  0000100
#define LINUX_CREAD   0000200
#define LINUX_PARENB  0000400
#define LINUX_PARODD  0001000
#define LINUX_HUPCL   0002000
#define LINUX_CLOCAL  0004000
#define LINUX_CRTSCTS 020000000000u

/* c_lflag */
#define LINUX_ISIG    0000001
#define LINUX_ICANON  0000002
#define LINUX_XCASE   0000004
#define LINUX_ECHO    0000010
#define LINUX_ECHOE   0000020
#define LINUX_ECHOK   0000040
#define LINUX_ECHONL  0000100
#define LINUX_NOFLSH  0000200
#define LINUX_TOSTOP  0000400
#define LINUX_ECHOCTL 0001000
#define LINUX_ECHOPRT 0002000
#define LINUX_ECHOKE  0004000
#define LINUX_FLUSHO  0010000
#define LINUX_PENDIN  0040000
#define LINUX_IEXTEN  0100000
#define LINUX_EXTPROC 0200000

/* Requests. */
#define LINUX_TCGETS      0x5401
#define LINUX_TCSETS      0x5402
#define LINUX_TCSETSW     0x5403
#define LINUX_TCSETSF     0x5404
#define LINUX_TCSBRK      0x5409
#define LINUX_TCXONC      0x540a
#define LINUX_TCFLSH      0x540b
#define LINUX_TIOCEXCL    0x540c
#define LINUX_TIOCNXCL    0x540d
#define LINUX_TIOCSCTTY   0x540e
#define LINUX_TIOCGPGRP   0x540f
#define LINUX_TIOCSPGRP   0x5410
#define LINUX_TIOCOUTQ    0x5411
#define LINUX_TIOCSTI     0x5412
#define LINUX_TIOCGWINSZ  0x5413
#define LINUX_TIOCSWINSZ  0x5414
#define LINUX_TIOCMGET    0x5415
#define LINUX_TIOCMSET    0x5418
#define LINUX_FIONREAD    0x541b
#define LINUX_TIOCINQ     LINUX_FIONREAD
#define LINUX_TIOCCONS    0x541d
#define LINUX_TIOCPKT     0x5420
#define LINUX_FIONBIO     0x5421
#define LINUX_TIOCNOTTY   0x5422
#define LINUX_TIOCSETD    0x5423
#define LINUX_TIOCGETD    0x5424
#define LINUX_TCSBRKP     0x5425
#define LINUX_TIOCGSID    0x5429
#define LINUX_TCGETS2     0x802c542au
#define LINUX_TCSETS2     0x402c542b
#define LINUX_TCSETSW2    0x402c542c
#define LINUX_TCSETSF2    0x402c542d
#define LINUX_TIOCGPTN    0x80045430u
#define LINUX_TIOCSPTLCK  0x40045431
#define LINUX_TIOCGDEV    0x80045432u
#define LINUX_TIOCVHANGUP 0x5437
#define LINUX_TIOCGPTPEER 0x5441
#define LINUX_FIONCLEX    0x5450
#define LINUX_FIOCLEX     0x5451
#define LINUX_FIOASYNC    0x5452
#define LINUX_FIOQSIZE    0x5460

/* Arguments of TCXONC, TCFLSH. */
#define LINUX_TCOOFF    0
#define LINUX_TCOON     1
#define LINUX_TCIOFF    2
#define LINUX_TCION     3
#define LINUX_TCIFLUSH  0
#define LINUX_TCOFLUSH  1
#define LINUX_TCIOFLUSH 2

/* Block devices. */
#define LINUX_BLKROGET     0x125e
#define LINUX_BLKGETSIZE   0x1260 /* sectors of 512 bytes, as unsigned long */
#define LINUX_BLKFLSBUF    0x1261
#define LINUX_BLKSSZGET    0x1268
#define LINUX_BLKGETSIZE64 0x80081272u

_Static_assert(sizeof(struct linux_termios) == 36, "struct linux_termios");
_Static_assert(sizeof(struct linux_termios2) == 44, "struct linux_termios2");

#endif
