// SPDX-License-Identifier: MIT
/*
 * The guest agent: runs one command at a time for the launcher on the host (image/vm), over the
 * second serial port, on Quoin and on Linux alike.
 *
 * Both directions carry frames: one byte that says what it is, a little-endian 32-bit length, and
 * that many bytes (protocol.h).  The line is raw, so every byte value passes.  The agent speaks
 * first (HELLO); the host sends nothing before it, so that nothing meets a line that still echoes.
 *
 * Standard output and error travel as they come; writing them blocks while the host is slow, and
 * so holds the command back.  In the other direction a serial port drops what nobody reads, so the
 * host may send only as much standard input as the agent has room for: it starts with
 * STDIN_WINDOW bytes of credit and gets back what the command has consumed (CREDIT).
 *
 * Three processes take part: the agent, which moves bytes; the command; and between the two a
 * waiter, which turns the command's end into four bytes in a pipe, so that the agent sleeps in one
 * poll() and needs no signal.  The command is over when its first process is: output that has been
 * written by then is passed on, what its background children write later is not waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "protocol.h"

#define LINE_DEVICE  "/dev/ttyS1"
#define CONSOLE      "/dev/console"
#define EXIT_NO_EXEC 127
#define BUFFER_BYTES 4096
#define MAX_ARGS     1024

/* The command that runs: the agent's ends of its pipes, -1 when closed. */
struct command {
	int in;
	int out;
	int err;
	int status;
	pid_t waiter;
	unsigned char stdin_data[STDIN_WINDOW];
	size_t stdin_len;
	int stdin_ended;
};

static int line;

static void die(const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- frames --- */

static void write_all(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(line, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("writing to the host");
		p += n;
		len -= n;
	}
}

static void read_all(void *data, size_t len)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = read(line, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("reading from the host");
		p += n;
		len -= n;
	}
}

static void put_u32(unsigned char *p, unsigned value)
{
	for (int i = 0; i < 4; i++)
		p[i] = value >> (8 * i);
}

static unsigned get_u32(const unsigned char *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24;
}

static void frame_send(char type, const void *data, size_t len)
{
	unsigned char frame[FRAME_HEADER_BYTES + BUFFER_BYTES];

	frame[0] = type;
	put_u32(frame + 1, len);
	memcpy(frame + FRAME_HEADER_BYTES, data, len);
	write_all(frame, FRAME_HEADER_BYTES + len);
}

static void frame_send_u32(char type, unsigned value)
{
	unsigned char data[4];

	put_u32(data, value);
	frame_send(type, data, sizeof(data));
}

/* Receives one frame; the payload is in `data`, with a NUL after it. */
static char frame_receive(char *data, size_t size, size_t *len)
{
	unsigned char header[FRAME_HEADER_BYTES];

	read_all(header, sizeof(header));
	*len = get_u32(header + 1);
	if (*len >= size) {
		errno = EMSGSIZE;
		die("a frame from the host");
	}
	read_all(data, *len);
	data[*len] = 0;
	return header[0];
}

/* --- the line and the console --- */

static void line_open(void)
{
	struct termios mode;

	line = open(LINE_DEVICE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0)
		die(LINE_DEVICE);
	if (tcgetattr(line, &mode) < 0)
		die("tcgetattr");
	mode.c_iflag = IGNBRK;
	mode.c_oflag = 0;
	mode.c_lflag = 0;
	mode.c_cflag &= ~(CSIZE | PARENB | CSTOPB | CRTSCTS);
	mode.c_cflag |= CS8 | CREAD | CLOCAL;
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	cfsetispeed(&mode, B115200);
	cfsetospeed(&mode, B115200);
	if (tcsetattr(line, TCSAFLUSH, &mode) < 0)
		die("tcsetattr");
}

/* A serial console has no size of its own: the host tells that of the terminal it shows it on. */
static void console_resize(const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;
	struct winsize size = { 0 };

	if (len != 8)
		return;
	size.ws_row = get_u32(p);
	size.ws_col = get_u32(p + 4);
	int fd = open(CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	ioctl(fd, TIOCSWINSZ, &size);
	close(fd);
}

/* --- the command --- */

static void exec_argv(char *data, size_t len)
{
	char *argv[MAX_ARGS + 1];
	int argc = 0;

	for (char *word = data; word < data + len; word += strlen(word) + 1) {
		if (argc == MAX_ARGS) {
			errno = E2BIG;
			break;
		}
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	if (argc > 0 && argc < MAX_ARGS)
		execvp(argv[0], argv);
	int error = errno;
	fprintf(stderr, "exec: %s: %s\n", argc ? argv[0] : "", strerror(error));
	_exit(error == ENOENT ? EXIT_NO_EXEC : EXIT_NO_EXEC - 1);
}

static void command_environment(void)
{
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("SHELL", "/bin/sh", 1);
	setenv("TERM", "dumb", 1);
	if (chdir("/root") < 0 && chdir("/") < 0)
		die("/");
}

/* In the waiter: run the command, report its wait status, go. */
static void waiter_main(char *data, size_t len, const int fds[3], int report)
{
	int status = EXIT_NO_EXEC << 8;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 3; i++)
			dup2(fds[i], i);
		command_environment();
		exec_argv(data, len);
	}
	/* The pipes' ends must not outlive the command in here. */
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	write(report, &status, sizeof(status));
	_exit(0);
}

static void pipe_make(int fds[2])
{
	if (pipe(fds) < 0)
		die("pipe");
	/* Above 2, so that dup2() onto 0, 1 and 2 never meets its own source. */
	for (int i = 0; i < 2; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			die("fcntl");
		close(fds[i]);
		fds[i] = fd;
	}
}

static void command_start(struct command *command, char *data, size_t len)
{
	int in[2], out[2], err[2], status[2];

	pipe_make(in);
	pipe_make(out);
	pipe_make(err);
	pipe_make(status);
	command->waiter = fork();
	if (command->waiter < 0)
		die("fork");
	if (command->waiter == 0) {
		close(in[1]);
		close(out[0]);
		close(err[0]);
		close(status[0]);
		waiter_main(data, len, (int[]){ in[0], out[1], err[1] }, status[1]);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(status[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	*command = (struct command){
		.in = in[1], .out = out[0], .err = err[0], .status = status[0], .waiter = command->waiter
	};
}

/* Passes what is in the pipe on; closes it at its end. */
static void output_pass(int *fd, char type)
{
	char data[BUFFER_BYTES];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0)
		frame_send(type, data, n);
	else if (n == 0 || errno != EINTR)
		close_end(fd);
}

static int output_ready(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&ready, 1, 0) > 0;
}

/* The command has ended: pass on what it left in its pipes, then its status. */
static void command_end(struct command *command)
{
	int status = EXIT_NO_EXEC << 8;

	read(command->status, &status, sizeof(status));
	while (output_ready(command->out))
		output_pass(&command->out, FRAME_STDOUT);
	while (output_ready(command->err))
		output_pass(&command->err, FRAME_STDERR);
	close_end(&command->in);
	close_end(&command->out);
	close_end(&command->err);
	close_end(&command->status);
	while (waitpid(command->waiter, NULL, 0) < 0 && errno == EINTR)
		;
	command->waiter = 0;
	frame_send_u32(FRAME_STATUS, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* --- standard input: host -> stdin_data -> the command's pipe --- */

static void stdin_drop(struct command *command)
{
	if (command->stdin_len > 0)
		frame_send_u32(FRAME_CREDIT, command->stdin_len);
	command->stdin_len = 0;
}

static void stdin_feed(struct command *command)
{
	ssize_t n = write(command->in, command->stdin_data, command->stdin_len);

	if (n > 0) {
		command->stdin_len -= n;
		memmove(command->stdin_data, command->stdin_data + n, command->stdin_len);
		frame_send_u32(FRAME_CREDIT, n);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_end(&command->in);
		stdin_drop(command);
	}
	if (command->stdin_ended && command->stdin_len == 0)
		close_end(&command->in);
}

static void stdin_take(struct command *command, const char *data, size_t len)
{
	if (len > sizeof(command->stdin_data) - command->stdin_len) {
		errno = ENOBUFS;
		die("the host sent more input than it had credit for");
	}
	memcpy(command->stdin_data + command->stdin_len, data, len);
	command->stdin_len += len;
	if (len == 0)
		command->stdin_ended = 1;
	if (command->in < 0)
		stdin_drop(command);
	else
		stdin_feed(command);
}

/* --- the loop --- */

static void power_off(const char *how, size_t len)
{
	if (len == 1 && how[0] == POWEROFF_ORDERLY) {
		if (fork() == 0) {
			execlp("poweroff", "poweroff", (char *)NULL);
			_exit(EXIT_NO_EXEC);
		}
		return;
	}
	sync();
	reboot(RB_POWER_OFF);
}

static void frame_handle(struct command *command)
{
	static char data[MAX_FRAME_BYTES + 1];
	size_t len;

	switch (frame_receive(data, sizeof(data), &len)) {
	case FRAME_EXEC:
		if (command->waiter == 0)
			command_start(command, data, len);
		break;
	case FRAME_STDIN:
		if (command->waiter != 0)
			stdin_take(command, data, len);
		break;
	case FRAME_RESIZE:
		console_resize(data, len);
		break;
	case FRAME_POWEROFF:
		power_off(data, len);
		break;
	}
}

static void events_wait(struct command *command)
{
	int feeding = command->in >= 0 && (command->stdin_len > 0 || command->stdin_ended);
	struct pollfd fds[] = {
		{ .fd = line, .events = POLLIN },
		{ .fd = command->out, .events = POLLIN },
		{ .fd = command->err, .events = POLLIN },
		{ .fd = command->status, .events = POLLIN },
		{ .fd = feeding ? command->in : -1, .events = POLLOUT },
	};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0) {
		if (errno == EINTR)
			return;
		die("poll");
	}
	if (fds[1].revents)
		output_pass(&command->out, FRAME_STDOUT);
	if (fds[2].revents)
		output_pass(&command->err, FRAME_STDERR);
	if (fds[4].revents)
		stdin_feed(command);
	if (fds[3].revents)
		command_end(command);
	if (fds[0].revents)
		frame_handle(command);
}

int main(void)
{
	static struct command command = { .in = -1, .out = -1, .err = -1, .status = -1 };

	signal(SIGPIPE, SIG_IGN);
	line_open();
	frame_send(FRAME_HELLO, HELLO_TEXT, sizeof(HELLO_TEXT) - 1);
	for (;;)
		events_wait(&command);
}
