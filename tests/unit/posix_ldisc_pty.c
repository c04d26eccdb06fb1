// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/tty/ldisc.c
// flags: -iquote userland/servers/posix/include -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE
/*
 * The line discipline against the host's own: what is typed, under flags as they come, is typed into a
 * pseudo-terminal as well, and both must show the same echo and give the same lines to read.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "check.h"
#include "ldisc.h"

#define CASES      1500
#define TYPED      40
#define PATIENCE   10000 /* ms until what is missing counts as missing */
#define SEEN_BYTES 4096

struct seen {
	uint8_t echo[SEEN_BYTES], lines[SEEN_BYTES]; /* by_line: of each read first its length */
	size_t echo_len, lines_len;
	bool by_line;
};

static uint32_t seed = 1;

static uint32_t roll(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

/* ---- here ---- */

static void on_output(void *owner, const uint8_t *bytes, size_t len)
{
	struct seen *seen = owner;

	memcpy(seen->echo + seen->echo_len, bytes, len);
	seen->echo_len += len;
}

static void on_signal(void *owner, int sig)
{
	(void)owner, (void)sig;
}

static void lines_add(struct seen *seen, const uint8_t *bytes, size_t len)
{
	if (seen->by_line)
		seen->lines[seen->lines_len++] = (uint8_t)len;
	memcpy(seen->lines + seen->lines_len, bytes, len);
	seen->lines_len += len;
}

static void type_here(const struct linux_termios *termios, const uint8_t *typed, size_t len, struct seen *seen)
{
	static const struct ldisc_ops ops = { on_output, on_signal };
	static struct ldisc ld;
	uint8_t bytes[256];

	ldisc_init(&ld);
	ldisc_set_termios(&ld, termios);
	ldisc_input(&ld, &ops, seen, typed, len);
	while (ldisc_readable(&ld))
		lines_add(seen, bytes, ldisc_read(&ld, bytes, sizeof(bytes)));
}

/* ---- on the host ---- */

static void host_set_termios(int fd, const struct linux_termios *termios)
{
	struct termios host;

	CHECK_OR_STOP(tcgetattr(fd, &host) == 0);
	host.c_iflag = termios->c_iflag;
	host.c_oflag = termios->c_oflag;
	host.c_lflag = termios->c_lflag;
	memcpy(host.c_cc, termios->c_cc, sizeof(termios->c_cc));
	CHECK_OR_STOP(tcsetattr(fd, TCSANOW, &host) == 0);
}

/* The host's terminals work in threads of their own: wait for as much as there is here, and see what comes. */
static void host_read(int fd, struct seen *seen, const struct seen *want, bool echo)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t bytes[1024];

	for (;;) {
		bool enough = echo ? seen->echo_len >= want->echo_len : seen->lines_len >= want->lines_len;
		ssize_t len = 0;

		if (poll(&ready, 1, enough ? 0 : PATIENCE) <= 0)
			return;
		len = read(fd, bytes, echo ? sizeof(bytes) : 256);
		if (len < 0 || seen->echo_len + seen->lines_len > SEEN_BYTES / 2)
			return;
		if (echo)
			on_output(seen, bytes, (size_t)len);
		else
			lines_add(seen, bytes, (size_t)len);
	}
}

static bool type_on_host(const struct linux_termios *termios, const uint8_t *typed, size_t len,
			 struct seen *seen, const struct seen *want)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return false;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (slave < 0)
		return false;
	host_set_termios(slave, termios);
	CHECK_EQ(write(master, typed, len), len);
	host_read(master, seen, want, true);
	host_read(slave, seen, want, false);
	close(slave);
	close(master);
	return true;
}

/* ---- cases ---- */

static uint32_t some_of(uint32_t flags)
{
	return flags & (seed = seed * 1664525 + 1013904223, seed >> 3 | seed << 13);
}

/*
 * Left out is where N_TTY is of two minds: a newline that is typed without ICANON is shown as ^J, one that was
 * a carriage return is not; a carriage return within the line makes it forget where that began; and without OPOST
 * it counts some columns and not others.
 */
static struct linux_termios random_termios(void)
{
	struct ldisc ld;
	uint32_t lflag;

	ldisc_init(&ld);
	ld.termios.c_iflag = LINUX_ICRNL | some_of(LINUX_IGNCR | LINUX_ISTRIP | LINUX_IUTF8);
	ld.termios.c_oflag = LINUX_OPOST | LINUX_ONLCR;
	lflag = some_of(LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHOKE | LINUX_ECHOCTL | LINUX_ECHONL |
			LINUX_IEXTEN | LINUX_ISIG);
	lflag |= (roll(5) ? LINUX_ICANON : 0) | (roll(3) ? LINUX_ECHO : 0);
	lflag |= LINUX_NOFLSH; /* a flush on the host takes echo along that is under way */
	if (!(lflag & LINUX_ECHOCTL))
		lflag &= ~LINUX_IEXTEN;
	ld.termios.c_lflag = lflag;
	return ld.termios;
}

static size_t random_typing(uint8_t *typed, bool canonical)
{
	static const uint8_t special[] = { '\n', '\n', '\r', 0x7f, 0x7f, 0x15, 0x17,
					   0x04, 0x16, 0x12, 0x03, '\t', 1,    ' ' };
	unsigned first = canonical ? 0 : 2;
	size_t len = 1 + roll(TYPED);

	for (size_t i = 0; i < len; i++)
		typed[i] = roll(3) ? 'a' + roll(6) : special[first + roll(sizeof(special) - first)];
	return len;
}

static void print(const char *what, const uint8_t *bytes, size_t len)
{
	fprintf(stderr, "%s:", what);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, bytes[i] > 32 && bytes[i] < 127 ? " %c" : " %02x", bytes[i]);
	fprintf(stderr, "\n");
}

static bool equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool try_one(void)
{
	struct linux_termios termios = random_termios();
	static struct seen here, host;
	uint8_t typed[TYPED + 1];
	size_t len = random_typing(typed, termios.c_lflag & LINUX_ICANON);

	here.echo_len = here.lines_len = host.echo_len = host.lines_len = 0;
	here.by_line = host.by_line = termios.c_lflag & LINUX_ICANON;
	type_here(&termios, typed, len, &here);
	if (!type_on_host(&termios, typed, len, &host, &here))
		return false;
	CHECK(equal(here.echo, here.echo_len, host.echo, host.echo_len));
	CHECK(equal(here.lines, here.lines_len, host.lines, host.lines_len));
	if (check_failures) {
		fprintf(stderr, "iflag %#x oflag %#x lflag %#x\n", termios.c_iflag, termios.c_oflag,
			termios.c_lflag);
		print("typed", typed, len);
		print("echo here", here.echo, here.echo_len);
		print("on the host", host.echo, host.echo_len);
		print("lines here", here.lines, here.lines_len);
		print("on the host", host.lines, host.lines_len);
	}
	return true;
}

int main(void)
{
	if (getenv("SEED"))
		seed = (uint32_t)atoi(getenv("SEED"));
	for (int i = 0; i < CASES && !check_failures; i++) {
		if (!try_one()) {
			puts("this host has no pseudo-terminals");
			return 77;
		}
	}
	return check_result();
}
