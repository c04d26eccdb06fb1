// sources: userland/servers/posix/tty/ldisc.c
// flags: -Iuserland/servers/posix/include
/* The line discipline: editing, echo, signals, end of file, raw mode, output processing. */
#include <stdio.h>
#include <string.h>
#include "check.h"
#include "ldisc.h"
#include "linux/signal.h"

static struct ldisc ld;
static char screen[65536];
static size_t screen_len;
static int last_signal;

static void on_output(void *owner, const uint8_t *bytes, size_t len)
{
	(void)owner;
	memcpy(screen + screen_len, bytes, len);
	screen_len += len;
	screen[screen_len] = 0;
}

static void on_signal(void *owner, int sig)
{
	(void)owner;
	last_signal = sig;
}

static const struct ldisc_ops ops = { on_output, on_signal };

static void start(void)
{
	ldisc_init(&ld);
	screen_len = 0;
	screen[0] = 0;
	last_signal = 0;
}

static void type(const char *text)
{
	ldisc_input(&ld, &ops, NULL, (const uint8_t *)text, strlen(text));
}

static const char *line(void)
{
	static char buffer[LDISC_BYTES + 1];

	if (!ldisc_readable(&ld))
		return "(none)";
	buffer[ldisc_read(&ld, (uint8_t *)buffer, LDISC_BYTES)] = 0;
	return buffer;
}

static void test_lines_are_read_one_by_one(void)
{
	start();
	type("one\rtw");
	CHECK_STR(line(), "one\n");
	CHECK_STR(line(), "(none)");
	type("o\nthree\n");
	CHECK_STR(line(), "two\n");
	CHECK_STR(line(), "three\n");
	CHECK_STR(screen, "one\r\ntwo\r\nthree\r\n");
}

static void test_erase_kill_and_word_erase(void)
{
	start();
	type("abx\x7f"
	     "c\n");
	CHECK_STR(line(), "abc\n");
	CHECK_STR(screen, "abx\b \bc\r\n");
	start();
	type("\x7f\x7f"
	     "a\x15"
	     "b\n");
	CHECK_STR(line(), "b\n");
	start();
	type("one two  \x17\x17z\n");
	CHECK_STR(line(), "z\n");
}

static void test_erase_knows_width(void)
{
	start();
	type("\x16\x01\x7f"); /* a literal ^A takes two columns */
	CHECK_STR(screen, "^\b^A\b \b\b \b");
	start();
	type("a\t\x7f");
	CHECK_STR(screen, "a\t\b\b\b\b\b\b\b");
	start();
	type("\xc3\xa4\x7f"
	     "b\n");
	CHECK_STR(line(), "b\n");
	CHECK_STR(screen, "\xc3\xa4\b \bb\r\n");
}

static void test_end_of_file(void)
{
	start();
	type("\x04");
	CHECK(ldisc_readable(&ld));
	CHECK_STR(line(), "");
	CHECK_STR(line(), "(none)");
	type("ab\x04"
	     "cd\n");
	CHECK_STR(line(), "ab");
	CHECK_STR(line(), "cd\n");
	uint8_t two[2];
	type("ab\x04");
	CHECK_EQ(ldisc_read(&ld, two, 2), 2);
	CHECK(!ldisc_readable(&ld));
}

static void test_signals_flush(void)
{
	start();
	type("rm -rf\x03");
	CHECK_EQ(last_signal, LINUX_SIGINT);
	CHECK_STR(screen, "rm -rf^C");
	type("ls\n");
	CHECK_STR(line(), "ls\n");
	type("\x1a");
	CHECK_EQ(last_signal, LINUX_SIGTSTP);
}

static void test_raw_mode(void)
{
	struct linux_termios raw;

	start();
	raw = ld.termios;
	raw.c_lflag &= ~(LINUX_ICANON | LINUX_ECHO | LINUX_ISIG);
	raw.c_iflag &= ~LINUX_ICRNL;
	type("pend");
	ldisc_set_termios(&ld, &raw);
	CHECK_STR(line(), "pend");
	type("\x03\r");
	CHECK_STR(line(), "\x03\r");
	CHECK_EQ(last_signal, 0);
	CHECK_STR(screen, "pend");
}

static void test_full_ring_still_ends_a_line(void)
{
	start();
	for (int i = 0; i < 5000; i++)
		type("x");
	type("\n");
	CHECK_EQ(strlen(line()), LDISC_BYTES);
	CHECK_STR(line(), "(none)");
}

static void test_output(void)
{
	uint8_t out[LDISC_EXPANSION];

	start();
	CHECK_EQ(ldisc_output(&ld, '\n', out), 2);
	ld.termios.c_oflag |= LINUX_XTABS;
	ldisc_output(&ld, 'a', out);
	CHECK_EQ(ldisc_output(&ld, '\t', out), 7);
	ld.termios.c_oflag = 0;
	CHECK_EQ(ldisc_output(&ld, '\n', out), 1);
}

static void test_random_input_keeps_the_ring_sound(void)
{
	uint32_t seed = 1;
	uint8_t buffer[64];

	start();
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint8_t byte = (uint8_t)(seed >> 24);
		screen_len = 0;
		ldisc_input(&ld, &ops, NULL, &byte, 1);
		if (seed >> 16 & 1 && ldisc_readable(&ld))
			ldisc_read(&ld, buffer, seed >> 8 & 63);
		if ((seed & 0xfff0) == 0) {
			struct linux_termios t = ld.termios;
			t.c_lflag ^= LINUX_ICANON;
			ldisc_set_termios(&ld, &t);
		}
		CHECK(ld.tail - ld.head <= LDISC_BYTES && ld.committed - ld.head <= ld.tail - ld.head);
	}
}

int main(void)
{
	test_lines_are_read_one_by_one();
	test_erase_kill_and_word_erase();
	test_erase_knows_width();
	test_end_of_file();
	test_signals_flush();
	test_raw_mode();
	test_full_ring_still_ends_a_line();
	test_output();
	test_random_input_keeps_the_ring_sound();
	return check_result();
}
