// SPDX-License-Identifier: MIT
/*
 * Terminals: the line discipline, sizes, sessions and job control, on a pseudo-terminal pair: what
 * is written to the master is typed, what is read from it is on the screen.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static char slave_name[32];

static void pty_make(void)
{
	int number, zero = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		SKIP("no pseudo-terminals");
	CHECK_OK(master);
	CHECK_OK(ioctl(master, TIOCSPTLCK, &zero));
	CHECK_OK(ioctl(master, TIOCGPTN, &number));
	snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
	slave = CHECK_OK(open(slave_name, O_RDWR | O_NOCTTY));
}

static void type(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), strlen(text));
}

/* What the slave reads next; "" at end of file. */
static const char *slave_line(void)
{
	static char line[5000];
	ssize_t len = CHECK_OK(read(slave, line, sizeof(line) - 1));

	line[len] = 0;
	return line;
}

/* Everything that is on the screen by now; what is wanted may take its time. */
static const char *screen(const char *want)
{
	static char text[8192];
	struct pollfd item = { .fd = master, .events = POLLIN };
	size_t len = 0;

	text[0] = 0;
	while (len < sizeof(text) - 1 && poll(&item, 1, strstr(text, want) ? 50 : 5000) > 0) {
		ssize_t got = read(master, text + len, sizeof(text) - 1 - len);
		if (got <= 0)
			break;
		len += got;
		text[len] = 0;
	}
	return text;
}

#define CHECK_SCREEN(text) CHECK_STR(screen(text), text)

static int slave_has_input(void)
{
	struct pollfd item = { .fd = slave, .events = POLLIN };

	return poll(&item, 1, 30) > 0;
}

static void local_flags(unsigned set, unsigned clear)
{
	struct termios settings;

	CHECK_OK(tcgetattr(slave, &settings));
	settings.c_lflag = (settings.c_lflag | set) & ~clear;
	CHECK_OK(tcsetattr(slave, TCSANOW, &settings));
}

/* Settings. */

TEST(default_settings)
{
	struct termios settings;

	pty_make();
	CHECK_OK(tcgetattr(slave, &settings));
	CHECK((settings.c_iflag & (ICRNL | IXON)) == (ICRNL | IXON));
	CHECK((settings.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR));
	CHECK((settings.c_lflag & (ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN)) ==
	      (ISIG | ICANON | ECHO | ECHOE | ECHOK | IEXTEN));
	CHECK_EQ(settings.c_cflag & CSIZE, CS8);
	CHECK_EQ(settings.c_cc[VINTR], 3);
	CHECK_EQ(settings.c_cc[VERASE], 127);
	CHECK_EQ(settings.c_cc[VEOF], 4);
	CHECK_EQ(settings.c_cc[VSUSP], 26);
	CHECK_EQ(settings.c_cc[VMIN], 1);
}

TEST(ioctl_errors)
{
	int fds[2];
	struct termios settings;

	pty_make();
	CHECK(isatty(slave));
	CHECK_ERR(syscall(SYS_ioctl, slave, TCGETS, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_ioctl, slave, TCSETS, BAD_POINTER), EFAULT);
	CHECK_ERR(syscall(SYS_ioctl, slave, 0x5fff, 0L), ENOTTY);
	CHECK_OK(pipe(fds));
	CHECK_ERR(tcgetattr(fds[0], &settings), ENOTTY);
	CHECK_ERR(lseek(slave, 0, SEEK_SET), ESPIPE);
}

TEST(window_size)
{
	struct winsize size = { 24, 80, 0, 0 }, got;

	pty_make();
	CHECK_OK(ioctl(slave, TIOCGWINSZ, &got));
	CHECK_EQ(got.ws_row, 0);
	CHECK_OK(ioctl(master, TIOCSWINSZ, &size));
	CHECK_OK(ioctl(slave, TIOCGWINSZ, &got));
	CHECK(got.ws_row == 24 && got.ws_col == 80);
}

TEST(character_device)
{
	struct stat status;

	pty_make();
	CHECK_OK(fstat(slave, &status));
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(status.st_rdev >> 8 & 0xfff, 136);
}

/* Canonical input. */

TEST(line_by_line)
{
	char bytes[3];

	pty_make();
	type("par");
	CHECK(!slave_has_input());
	type("tial\nsecond\r");
	CHECK_STR(slave_line(), "partial\n");
	CHECK_EQ(read(slave, bytes, 3), 3);
	CHECK_MEM(bytes, "sec", 3);
	CHECK_STR(slave_line(), "ond\n");
}

TEST(erase_kill_word)
{
	pty_make();
	type("abx\177c\n");
	CHECK_STR(slave_line(), "abc\n");
	type("rubbish\025good\n");
	CHECK_STR(slave_line(), "good\n");
	type("one two\027three\n");
	CHECK_STR(slave_line(), "one three\n");
	type("\177\177\177x\n");
	CHECK_STR(slave_line(), "x\n");
}

TEST(literal_next)
{
	pty_make();
	type("a\026\003b\026\177\n");
	CHECK_STR(slave_line(), "a\003b\177\n");
}

TEST(end_of_file)
{
	pty_make();
	type("abc\004");
	CHECK_STR(slave_line(), "abc");
	type("\004");
	CHECK_STR(slave_line(), "");
	type("more\n");
	CHECK_STR(slave_line(), "more\n");
}

TEST(bytes_waiting)
{
	int nr = -1;

	pty_make();
	type("hello\nhalf");
	WAIT_UNTIL(slave_has_input());
	CHECK_OK(ioctl(slave, FIONREAD, &nr));
	CHECK_EQ(nr, 6);
}

TEST(long_line_is_cut)
{
	static char text[6000];

	pty_make();
	local_flags(0, ECHO);
	memset(text, 'x', 5000);
	text[5000] = 0;
	for (int i = 0; i < 5000; i += 500)
		CHECK_EQ(write(master, text + i, 500), 500);
	type("\n");
	const char *line = slave_line();
	CHECK_EQ(strlen(line), 4096);
	CHECK_EQ(line[4095], '\n');
}

/* Echo and output. */

TEST(echo)
{
	pty_make();
	type("hi\r");
	CHECK_SCREEN("hi\r\n");
	type("ab\177");
	CHECK_SCREEN("ab\b \b");
	type("\001");
	CHECK_SCREEN("^A");
	local_flags(0, ECHO);
	type("secret");
	CHECK_SCREEN("");
	type("\n");
	CHECK_SCREEN("");
	local_flags(ECHONL, 0);
	type("\n");
	CHECK_SCREEN("\r\n");
}

TEST(output_processing)
{
	struct termios settings;

	pty_make();
	CHECK_EQ(write(slave, "a\nb\n", 4), 4);
	CHECK_SCREEN("a\r\nb\r\n");
	CHECK_OK(tcgetattr(slave, &settings));
	settings.c_oflag &= ~OPOST;
	CHECK_OK(tcsetattr(slave, TCSADRAIN, &settings));
	CHECK_EQ(write(slave, "a\nb\n", 4), 4);
	CHECK_SCREEN("a\nb\n");
}

/* Raw input. */

static void raw(int min, int time)
{
	struct termios settings;

	CHECK_OK(tcgetattr(slave, &settings));
	cfmakeraw(&settings);
	settings.c_cc[VMIN] = min;
	settings.c_cc[VTIME] = time;
	CHECK_OK(tcsetattr(slave, TCSANOW, &settings));
}

TEST(raw_bytes)
{
	pty_make();
	raw(1, 0);
	type("a\003\r\177");
	WAIT_UNTIL(slave_has_input());
	CHECK_STR(slave_line(), "a\003\r\177");
	CHECK_SCREEN("");
}

TEST(raw_minimum_and_time)
{
	char bytes[8];
	long long start;

	pty_make();
	raw(0, 0);
	CHECK_EQ(read(slave, bytes, 8), 0);
	raw(0, 1);
	start = now_ms();
	CHECK_EQ(read(slave, bytes, 8), 0);
	CHECK(now_ms() - start >= 90);
	raw(3, 0);
	type("ab");
	CHECK(!slave_has_input());
	type("c");
	WAIT_UNTIL(slave_has_input());
	CHECK_EQ(read(slave, bytes, 8), 3);
	raw(5, 1);
	type("xy");
	CHECK_EQ(read(slave, bytes, 8), 2);
}

/* Lines that wait are bytes like others then; the end of file among them is a NUL, as on Linux. */
TEST(raw_after_lines)
{
	char bytes[16];

	pty_make();
	type("ab\004cd\nef");
	WAIT_UNTIL(slave_has_input());
	raw(1, 0);
	CHECK_EQ(read(slave, bytes, sizeof(bytes)), 8);
	CHECK_MEM(bytes, "ab\0cd\nef", 8);
}

/* Nothing of it is lost, however much comes before the slave reads. */
TEST(raw_input_is_held_back)
{
	enum { TOTAL = 20000 };
	static char sent[TOTAL], got[TOTAL];

	pty_make();
	raw(1, 0);
	for (int i = 0; i < TOTAL; i++)
		sent[i] = (char)(i * 7 + i / 256);
	pid_t writer = CHECK_OK(fork());
	if (writer == 0)
		_exit(write(master, sent, TOTAL) != TOTAL);
	sleep_ms(50);
	for (ssize_t done = 0, len; done < TOTAL; done += len)
		len = CHECK_OK(read(slave, got + done, TOTAL - done));
	CHECK_MEM(got, sent, TOTAL);
	wait_ok(writer);
}

TEST(poll_for_room_in_raw_input)
{
	static char bytes[4096];
	struct pollfd room;
	long long held = 0;
	ssize_t len;

	pty_make();
	raw(0, 0);
	room = (struct pollfd){ .fd = master, .events = POLLOUT };
	CHECK_EQ(poll(&room, 1, 0), 1);
	CHECK_OK(fcntl(master, F_SETFL, O_NONBLOCK));
	while ((len = write(master, bytes, sizeof(bytes))) > 0)
		held += len;
	CHECK_EQ(len, -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(poll(&room, 1, 0), 0);
	pid_t reader = CHECK_OK(fork());
	if (reader == 0) {
		sleep_ms(50);
		while (held > 0)
			held -= CHECK_OK(read(slave, bytes, sizeof(bytes)));
		_exit(0);
	}
	CHECK_EQ(poll(&room, 1, 5000), 1);
	wait_ok(reader);
}

TEST(nonblocking)
{
	char byte;

	pty_make();
	CHECK_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	CHECK_ERR(read(slave, &byte, 1), EAGAIN);
	type("x");
	CHECK_ERR(read(slave, &byte, 1), EAGAIN);
	type("\n");
	WAIT_UNTIL(read(slave, &byte, 1) == 1);
}

TEST(flush)
{
	pty_make();
	type("lost\n");
	WAIT_UNTIL(slave_has_input());
	CHECK_OK(tcflush(slave, TCIFLUSH));
	type("kept\n");
	CHECK_STR(slave_line(), "kept\n");
	CHECK_ERR(tcflush(slave, 99), EINVAL);
}

/* What a write took while output stood still comes out later: a system may hold it, or take nothing. */
TEST(flow_control)
{
	pty_make();
	type("\023");
	sleep_ms(30);
	CHECK_OK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	int held = write(slave, "held\n", 5) == 5;
	CHECK_SCREEN("");
	type("\021");
	CHECK_OK(fcntl(slave, F_SETFL, O_RDWR));
	CHECK_EQ(write(slave, "free\n", 5), 5);
	const char *text = screen("free");
	CHECK(strstr(text, "free"));
	CHECK_EQ(strstr(text, "held") != NULL, held);
}

/* Hang-up. */

TEST(master_closes)
{
	char byte;
	struct pollfd item = { .events = POLLIN | POLLOUT };

	pty_make();
	CHECK_OK(close(master));
	CHECK_EQ(read(slave, &byte, 1), 0);
	CHECK_ERR(write(slave, "x", 1), EIO);
	item.fd = slave;
	CHECK_EQ(poll(&item, 1, 0), 1);
	CHECK(item.revents & POLLHUP);
}

/* POSIX 11.1.10, Linux: what was open then is dead for good; who opens the terminal later has it. */
TEST(hung_up_for_good)
{
	struct pollfd item = { .events = POLLIN | POLLOUT };
	struct termios termios;
	char byte;
	int fresh;

	pty_make();
	type("lost\n");
	CHECK_OK(ioctl(slave, TIOCVHANGUP));
	for (int again = 0; again < 2; again++) {
		CHECK_EQ(read(slave, &byte, 1), 0);
		CHECK_ERR(write(slave, "x", 1), EIO);
		CHECK_ERR(tcgetattr(slave, &termios), EIO);
		CHECK_ERR(tcsetpgrp(slave, getpgrp()), ENOTTY);
		item.fd = slave;
		CHECK_EQ(poll(&item, 1, 0), 1);
		CHECK_EQ(item.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
		if (!again)
			fresh = CHECK_OK(open(slave_name, O_RDWR | O_NOCTTY));
	}
	type("new\n");
	CHECK_EQ(read(slave, &byte, 1), 0);
	CHECK_OK(dup2(fresh, slave));
	CHECK_STR(slave_line(), "new\n");
	CHECK_EQ(write(slave, "seen\n", 5), 5);
	CHECK(strstr(screen("seen"), "seen"));
}

TEST(hang_up_wakes_who_sleeps)
{
	struct pollfd item = { .events = POLLIN };
	char byte;
	pid_t reader, poller;

	pty_make();
	item.fd = slave;
	if (CHILD(reader)) {
		CHECK_EQ(read(slave, &byte, 1), 0);
		_exit(0);
	}
	if (CHILD(poller)) {
		CHECK_EQ(poll(&item, 1, -1), 1);
		CHECK(item.revents & POLLHUP);
		_exit(0);
	}
	WAIT_UNTIL(process_state(reader) == 'S' && process_state(poller) == 'S');
	CHECK_OK(ioctl(slave, TIOCVHANGUP));
	wait_ok(reader);
	wait_ok(poller);
}

TEST(slave_closes)
{
	char byte;

	pty_make();
	CHECK_EQ(write(slave, "x", 1), 1);
	CHECK_OK(close(slave));
	CHECK_EQ(read(master, &byte, 1), 1);
	CHECK_ERR(read(master, &byte, 1), EIO);
}

/* Sessions and job control: a child is the session's leader, the terminal its own. */

static volatile sig_atomic_t nr_seen, last_seen;

static void on_signal(int number)
{
	nr_seen++;
	last_seen = number;
}

/* In a child: a new session whose controlling terminal is the slave. */
static void session_begin(void)
{
	CHECK_OK(setsid());
	CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
}

/* Who may only write to a terminal cannot make it its own. */
TEST(no_control_by_writing)
{
	int fd;
	pid_t pid;

	pty_make();
	CHECK_OK(chmod(slave_name, 0666));
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_OK(setsid());
		fd = CHECK_OK(open(slave_name, O_WRONLY));
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERR(ioctl(fd, TIOCSCTTY, 0), EPERM);
		CHECK_OK(open(slave_name, O_RDWR));
		CHECK_OK(open("/dev/tty", O_RDWR));
		_exit(0);
	}
	wait_ok(pid);
}

/* Only the session's leader may ask for the terminal, even for the one it has. */
TEST(control_is_the_leaders)
{
	pid_t pid, member;

	pty_make();
	if (CHILD(pid)) {
		session_begin();
		CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
		if (CHILD(member)) {
			CHECK_ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
			_exit(0);
		}
		wait_ok(member);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(exclusive_but_for_root)
{
	pid_t pid;

	pty_make();
	CHECK_OK(chmod(slave_name, 0666));
	CHECK_OK(ioctl(slave, TIOCEXCL));
	CHECK_OK(open(slave_name, O_RDWR | O_NOCTTY));
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_ERR(open(slave_name, O_RDWR | O_NOCTTY), EBUSY);
		_exit(0);
	}
	wait_ok(pid);
}

TEST(controlling_terminal)
{
	pid_t pid;
	int sid;

	pty_make();
	if (CHILD(pid)) {
		CHECK_OK(setsid());
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_OK(ioctl(slave, TIOCSCTTY, 0));
		int fd = CHECK_OK(open("/dev/tty", O_RDWR));
		CHECK_EQ(write(fd, "x", 1), 1);
		CHECK_EQ(tcgetpgrp(fd), getpid());
		CHECK_OK(ioctl(fd, TIOCGSID, &sid));
		CHECK_EQ(sid, getpid());
		signal(SIGHUP, SIG_IGN);
		CHECK_OK(ioctl(fd, TIOCNOTTY));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_SCREEN("x");
	CHECK_ERR(tcgetpgrp(slave), ENOTTY);
}

TEST(opening_makes_controlling)
{
	pid_t pid;

	pty_make();
	if (CHILD(pid)) {
		CHECK_OK(setsid());
		CHECK_OK(open(slave_name, O_RDWR));
		CHECK_EQ(tcgetpgrp(slave), getpid());
		_exit(0);
	}
	wait_ok(pid);
}

TEST(vhangup)
{
	pid_t pid;
	char byte;

	pty_make();
	if (CHILD(pid)) {
		session_begin();
		signal(SIGHUP, on_signal);
		CHECK_OK(syscall(SYS_vhangup));
		CHECK_EQ(last_seen, SIGHUP);
		CHECK_EQ(read(slave, &byte, 1), 0);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_OK(syscall(SYS_vhangup)); /* nothing to hang up */
		become_user(1000);
		CHECK_ERR(syscall(SYS_vhangup), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

static void typed_signal(const char *key, int number)
{
	int ready[2];
	char byte;
	pid_t pid;

	pty_make();
	CHECK_OK(pipe(ready));
	if (CHILD(pid)) {
		session_begin();
		signal(SIGHUP, SIG_IGN);
		signal(number, on_signal);
		CHECK_EQ(write(ready[1], "r", 1), 1);
		WAIT_UNTIL(nr_seen);
		CHECK_EQ(last_seen, number);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	type(key);
	wait_ok(pid);
}

TEST(interrupt_key)
{
	typed_signal("\003", SIGINT);
}

TEST(quit_key)
{
	typed_signal("\034", SIGQUIT);
}

TEST(suspend_key)
{
	typed_signal("\032", SIGTSTP);
}

TEST(signal_keys_flush_and_echo)
{
	pty_make();
	type("half\003rest\n");
	CHECK_STR(slave_line(), "rest\n");
	CHECK(strstr(screen("^C"), "^C"));
}

TEST(window_change_signals)
{
	struct winsize size = { 30, 90, 0, 0 };
	int ready[2];
	char byte;
	pid_t pid;

	pty_make();
	CHECK_OK(pipe(ready));
	if (CHILD(pid)) {
		session_begin();
		signal(SIGWINCH, on_signal);
		CHECK_EQ(write(ready[1], "r", 1), 1);
		WAIT_UNTIL(nr_seen);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_OK(ioctl(master, TIOCSWINSZ, &size));
	wait_ok(pid);
}

TEST(background_read_stops)
{
	int status;
	pid_t leader, job;
	char byte;

	pty_make();
	if (CHILD(leader)) {
		session_begin();
		if (CHILD(job)) {
			CHECK_OK(setpgid(0, 0));
			CHECK_EQ(read(slave, &byte, 1), 1);
			_exit(byte);
		}
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
		CHECK_OK(tcsetpgrp(slave, job));
		CHECK_EQ(tcgetpgrp(slave), job);
		CHECK_OK(kill(-job, SIGCONT));
		CHECK_EQ(write(master, "Q\n", 2), 2);
		wait_exit(job, 'Q');
		_exit(0);
	}
	wait_ok(leader);
}

TEST(background_read_ignoring_gets_eio)
{
	pid_t leader, job;
	char byte;

	pty_make();
	if (CHILD(leader)) {
		session_begin();
		if (CHILD(job)) {
			CHECK_OK(setpgid(0, 0));
			signal(SIGTTIN, SIG_IGN);
			CHECK_ERR(read(slave, &byte, 1), EIO);
			_exit(0);
		}
		wait_ok(job);
		_exit(0);
	}
	wait_ok(leader);
}

TEST(background_write)
{
	int status;
	pid_t leader, job;

	pty_make();
	if (CHILD(leader)) {
		session_begin();
		if (CHILD(job)) {
			CHECK_OK(setpgid(0, 0));
			CHECK_EQ(write(slave, "a", 1), 1);
			local_flags(TOSTOP, 0);
			_exit(0);
		}
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		CHECK_OK(kill(-job, SIGKILL));
		wait_signalled(job, SIGKILL);
		local_flags(TOSTOP, 0);
		if (CHILD(job)) {
			CHECK_OK(setpgid(0, 0));
			CHECK_EQ(write(slave, "b", 1), 1);
			_exit(0);
		}
		CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
		CHECK_OK(kill(-job, SIGKILL));
		wait_signalled(job, SIGKILL);
		_exit(0);
	}
	wait_ok(leader);
}

TEST(leader_exit_hangs_up)
{
	int fds[2];
	char byte;
	pid_t leader, member;

	pty_make();
	CHECK_OK(pipe(fds));
	if (CHILD(leader)) {
		session_begin();
		if (CHILD(member)) {
			signal(SIGHUP, on_signal);
			CHECK_EQ(write(fds[1], "r", 1), 1);
			WAIT_UNTIL(nr_seen);
			CHECK_EQ(last_seen, SIGHUP);
			CHECK_EQ(write(fds[1], "h", 1), 1);
			_exit(0);
		}
		CHECK_EQ(read(fds[0], &byte, 1), 1);
		_exit(0);
	}
	wait_ok(leader);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	CHECK_EQ(byte, 'h');
}

TEST(orphaned_stopped_group_is_hung_up)
{
	int fds[2];
	char byte;
	pid_t leader, job;

	pty_make();
	CHECK_OK(pipe(fds));
	if (CHILD(leader)) {
		session_begin();
		/* a group of its own whose parent is in the session's leader's group, then gone */
		if (CHILD(job)) {
			CHECK_OK(setpgid(0, 0));
			CHECK_EQ(kill(getpid(), SIGSTOP), 0);
			CHECK_EQ(write(fds[1], "c", 1), 1); /* continued, and not killed */
			_exit(0);
		}
		signal(SIGHUP, SIG_IGN);
		CHECK_EQ(waitpid(job, NULL, WUNTRACED), job);
		CHECK_EQ(process_state(job), 'T');
		CHECK_EQ(write(fds[1], &job, sizeof(job)), sizeof(job));
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &job, sizeof(job)), sizeof(job));
	wait_ok(leader);
	/* SIGHUP and SIGCONT reach it: the first kills it, and with it the last writer is gone */
	CHECK_OK(close(fds[1]));
	CHECK_EQ(read(fds[0], &byte, 1), 0);
}

TEST(tcsetpgrp_errors)
{
	pid_t pid;

	pty_make();
	CHECK_ERR(tcsetpgrp(slave, getpgrp()), ENOTTY);
	if (CHILD(pid)) {
		session_begin();
		CHECK_ERR(tcsetpgrp(slave, getppid()), EPERM);
		CHECK_ERR(tcsetpgrp(slave, 0x3ffffff), ESRCH);
		CHECK_ERR(tcsetpgrp(slave, -1), EINVAL);
		CHECK_OK(tcsetpgrp(slave, getpid()));
		_exit(0);
	}
	wait_ok(pid);
}

/* POSIX read() and write(): the times of the file are marked, of a terminal as of any other. */
TEST(times)
{
	const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	struct stat status;

	pty_make();
	CHECK_OK(futimens(slave, old));
	CHECK_EQ(write(slave, "x", 1), 1);
	CHECK_OK(fstat(slave, &status));
	CHECK(status.st_mtim.tv_sec > 1000000);
	CHECK_OK(futimens(slave, old));
	type("line\n");
	CHECK_STR(slave_line(), "line\n");
	CHECK_OK(fstat(slave, &status));
	CHECK(status.st_atim.tv_sec > 1000000);
}
