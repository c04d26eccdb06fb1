/* SPDX-License-Identifier: MIT */
/* The line discipline; see ldisc.h. */
#include "ldisc.h"

#include <string.h>
#include "linux/signal.h"

#define MARK_LINE_END (1u << 0) /* ends a line: newline, VEOL, or end of file */
#define MARK_EOF      (1u << 1) /* not a byte at all: ends the line without being read */

#define TAB_STOPS 8
#define NO_CHAR   0 /* _POSIX_VDISABLE */

#define CONTROL(c) ((c)&0x1f)

struct input {
	struct ldisc *ld;
	const struct ldisc_ops *ops;
	void *owner;
};

void ldisc_init(struct ldisc *ld)
{
	memset(ld, 0, sizeof(*ld));
	ld->termios = (struct linux_termios){
		.c_iflag = LINUX_ICRNL | LINUX_IXON | LINUX_IUTF8,
		.c_oflag = LINUX_OPOST | LINUX_ONLCR,
		.c_cflag = LINUX_B115200 | LINUX_CS8 | LINUX_CREAD | LINUX_HUPCL | LINUX_CLOCAL,
		.c_lflag = LINUX_ISIG | LINUX_ICANON | LINUX_ECHO | LINUX_ECHOE | LINUX_ECHOK | LINUX_ECHOCTL |
			   LINUX_ECHOKE | LINUX_IEXTEN,
		.c_cc = {
			[LINUX_VINTR] = CONTROL('C'), [LINUX_VQUIT] = CONTROL('\\'), [LINUX_VERASE] = 0x7f,
			[LINUX_VKILL] = CONTROL('U'), [LINUX_VEOF] = CONTROL('D'), [LINUX_VMIN] = 1,
			[LINUX_VSTART] = CONTROL('Q'), [LINUX_VSTOP] = CONTROL('S'), [LINUX_VSUSP] = CONTROL('Z'),
			[LINUX_VREPRINT] = CONTROL('R'), [LINUX_VDISCARD] = CONTROL('O'),
			[LINUX_VWERASE] = CONTROL('W'), [LINUX_VLNEXT] = CONTROL('V'),
		},
	};
}

static bool flag(uint32_t flags, uint32_t bit)
{
	return flags & bit;
}

static bool is_special(const struct ldisc *ld, unsigned which, uint8_t byte)
{
	return ld->termios.c_cc[which] != NO_CHAR && ld->termios.c_cc[which] == byte;
}

/*
 * Leaving canonical mode makes all of it readable, without ends of lines, and what was an end of file is a
 * NUL, as on Linux; entering it, everything so far is a line.
 */
void ldisc_set_termios(struct ldisc *ld, const struct linux_termios *termios)
{
	bool was = ldisc_is_canonical(ld);

	ld->termios = *termios;
	if (was == ldisc_is_canonical(ld))
		return;
	ld->committed = ld->tail;
	ld->nr_lines = 0;
	for (uint32_t at = ld->head; at != ld->tail; at++)
		ld->marks[at % LDISC_BYTES] = 0;
	if (!was && ld->head != ld->tail) {
		ld->marks[(ld->tail - 1) % LDISC_BYTES] = MARK_LINE_END;
		ld->nr_lines = 1;
	}
}

/* ---- output ---- */

static size_t output_newline(struct ldisc *ld, uint8_t out[LDISC_EXPANSION])
{
	uint32_t oflag = ld->termios.c_oflag;
	size_t len = 0;

	if (flag(oflag, LINUX_ONLCR))
		out[len++] = '\r';
	out[len++] = '\n';
	if (flag(oflag, LINUX_ONLCR | LINUX_ONLRET))
		ld->column = 0;
	return len;
}

static size_t output_return(struct ldisc *ld, uint8_t out[LDISC_EXPANSION])
{
	uint32_t oflag = ld->termios.c_oflag;

	if (flag(oflag, LINUX_ONOCR) && ld->column == 0)
		return 0;
	if (flag(oflag, LINUX_OCRNL)) {
		out[0] = '\n';
		return 1;
	}
	ld->column = 0;
	out[0] = '\r';
	return 1;
}

static size_t output_tab(struct ldisc *ld, uint8_t out[LDISC_EXPANSION])
{
	uint32_t width = TAB_STOPS - ld->column % TAB_STOPS;

	ld->column += width;
	if ((ld->termios.c_oflag & LINUX_TABDLY) != LINUX_XTABS) {
		out[0] = '\t';
		return 1;
	}
	memset(out, ' ', width);
	return width;
}

static bool is_continuation(const struct ldisc *ld, uint8_t byte)
{
	return flag(ld->termios.c_iflag, LINUX_IUTF8) && (byte & 0xc0) == 0x80;
}

size_t ldisc_output(struct ldisc *ld, uint8_t byte, uint8_t out[LDISC_EXPANSION])
{
	if (flag(ld->termios.c_oflag, LINUX_OPOST)) {
		switch (byte) {
		case '\n':
			return output_newline(ld, out);
		case '\r':
			return output_return(ld, out);
		case '\t':
			return output_tab(ld, out);
		case '\b':
			if (ld->column > 0)
				ld->column--;
			break;
		default:
			if (flag(ld->termios.c_oflag, LINUX_OLCUC) && byte >= 'a' && byte <= 'z')
				byte = (uint8_t)(byte - 'a' + 'A');
			if (byte >= ' ' && byte != 0x7f && !is_continuation(ld, byte))
				ld->column++;
			break;
		}
	}
	out[0] = byte;
	return 1;
}

/* ---- echo ---- */

static void emit(struct input *in, uint8_t byte)
{
	uint8_t out[LDISC_EXPANSION];
	size_t len = ldisc_output(in->ld, byte, out);

	if (len)
		in->ops->output(in->owner, out, len);
}

static bool shows_as_caret(const struct ldisc *ld, uint8_t byte)
{
	return flag(ld->termios.c_lflag, LINUX_ECHOCTL) && (byte < ' ' || byte == 0x7f) && byte != '\t';
}

static void echo(struct input *in, uint8_t byte)
{
	if (shows_as_caret(in->ld, byte)) {
		emit(in, '^');
		emit(in, byte ^ 0x40);
	} else {
		emit(in, byte);
	}
}

static void echo_if_wanted(struct input *in, uint8_t byte)
{
	if (flag(in->ld->termios.c_lflag, LINUX_ECHO))
		echo(in, byte);
}

/* A newline moves the cursor, unless it was typed to be itself. */
static void echo_newline(struct input *in)
{
	if (in->ld->termios.c_lflag & (LINUX_ECHO | (ldisc_is_canonical(in->ld) ? LINUX_ECHONL : 0)))
		emit(in, '\n');
}

/* ---- the line being edited ---- */

static bool ring_full(const struct ldisc *ld)
{
	return ld->tail - ld->head >= LDISC_BYTES - 1;
}

static void ring_put(struct ldisc *ld, uint8_t byte, uint8_t mark)
{
	ld->bytes[ld->tail % LDISC_BYTES] = byte;
	ld->marks[ld->tail % LDISC_BYTES] = mark;
	ld->tail++;
}

static void line_commit(struct ldisc *ld, uint8_t byte, uint8_t mark)
{
	ring_put(ld, byte, mark | MARK_LINE_END);
	ld->committed = ld->tail;
	ld->nr_lines++;
}

static uint32_t width_at(const struct ldisc *ld, uint8_t byte, uint32_t column)
{
	if (byte == '\t')
		return TAB_STOPS - column % TAB_STOPS;
	if (shows_as_caret(ld, byte))
		return 2;
	return byte < ' ' || byte == 0x7f || is_continuation(ld, byte) ? 0 : 1;
}

static uint32_t line_end_column(const struct ldisc *ld)
{
	uint32_t column = ld->line_column;

	for (uint32_t at = ld->committed; at != ld->tail; at++)
		column += width_at(ld, ld->bytes[at % LDISC_BYTES], column);
	return column;
}

/* Takes one character (with its continuation bytes) from the line's end; its first byte. */
static uint8_t line_drop_one(struct ldisc *ld)
{
	uint8_t byte = 0;

	while (ld->tail != ld->committed) {
		byte = ld->bytes[--ld->tail % LDISC_BYTES];
		if (!is_continuation(ld, byte))
			break;
	}
	return byte;
}

/* The same, and wipes it from the screen if echo is on. */
static void erase_one(struct input *in)
{
	struct ldisc *ld = in->ld;
	uint32_t before = line_end_column(ld);
	uint8_t byte = line_drop_one(ld);

	if (!flag(ld->termios.c_lflag, LINUX_ECHO))
		return;
	for (uint32_t n = before - line_end_column(ld); n > 0; n--) {
		emit(in, '\b');
		if (byte == '\t')
			continue; /* there is nothing to see under it */
		emit(in, ' ');
		emit(in, '\b');
	}
}

/* A screen that cannot wipe shows that something was erased. */
static void erase_last(struct input *in)
{
	struct ldisc *ld = in->ld;

	if (ld->tail == ld->committed)
		return;
	if (flag(ld->termios.c_lflag, LINUX_ECHOE)) {
		erase_one(in);
	} else {
		line_drop_one(ld);
		echo_if_wanted(in, ld->termios.c_cc[LINUX_VERASE]);
	}
}

static bool is_word(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       byte == '_' || byte >= 0x80;
}

static void erase_word(struct input *in)
{
	struct ldisc *ld = in->ld;
	bool seen = false;

	while (ld->tail != ld->committed) {
		bool word = is_word(ld->bytes[(ld->tail - 1) % LDISC_BYTES]);
		if (seen && !word)
			break;
		seen |= word;
		erase_one(in);
	}
}

static void erase_line(struct input *in)
{
	struct ldisc *ld = in->ld;
	uint32_t lflag = ld->termios.c_lflag;

	if (ld->tail == ld->committed)
		return;
	if (flag(lflag, LINUX_ECHO) &&
	    !(flag(lflag, LINUX_ECHOK) && flag(lflag, LINUX_ECHOKE) && flag(lflag, LINUX_ECHOE))) {
		ld->tail = ld->committed;
		echo(in, ld->termios.c_cc[LINUX_VKILL]);
		if (flag(lflag, LINUX_ECHOK))
			emit(in, '\n');
		return;
	}
	while (ld->tail != ld->committed)
		erase_one(in);
}

static void reprint(struct input *in)
{
	struct ldisc *ld = in->ld;

	echo(in, ld->termios.c_cc[LINUX_VREPRINT]);
	emit(in, '\n');
	for (uint32_t at = ld->committed; at != ld->tail; at++)
		echo(in, ld->bytes[at % LDISC_BYTES]);
}

/* ---- input ---- */

static void take(struct input *in, uint8_t byte, bool literal)
{
	struct ldisc *ld = in->ld;

	if (ring_full(ld)) {
		if (flag(ld->termios.c_iflag, LINUX_IMAXBEL))
			emit(in, '\a');
		return;
	}
	if (ld->tail == ld->committed)
		ld->line_column = ld->column;
	ring_put(ld, byte, 0);
	if (!ldisc_is_canonical(ld))
		ld->committed = ld->tail;
	if (byte == '\n' && !literal)
		echo_newline(in);
	else
		echo_if_wanted(in, byte);
}

static bool input_signal(struct input *in, uint8_t byte)
{
	static const struct {
		uint8_t which, sig;
	} signals[] = {
		{ LINUX_VINTR, LINUX_SIGINT },
		{ LINUX_VQUIT, LINUX_SIGQUIT },
		{ LINUX_VSUSP, LINUX_SIGTSTP },
	};
	struct ldisc *ld = in->ld;

	if (!flag(ld->termios.c_lflag, LINUX_ISIG))
		return false;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!is_special(ld, signals[i].which, byte))
			continue;
		if (!flag(ld->termios.c_lflag, LINUX_NOFLSH))
			ldisc_flush_input(ld);
		echo_if_wanted(in, byte);
		in->ops->signal(in->owner, signals[i].sig);
		return true;
	}
	return false;
}

static bool input_flow(struct input *in, uint8_t byte)
{
	struct ldisc *ld = in->ld;

	if (!flag(ld->termios.c_iflag, LINUX_IXON))
		return false;
	if (is_special(ld, LINUX_VSTOP, byte)) {
		ld->stopped = true;
		return true;
	}
	if (is_special(ld, LINUX_VSTART, byte)) {
		ld->stopped = false;
		return true;
	}
	if (flag(ld->termios.c_iflag, LINUX_IXANY))
		ld->stopped = false;
	return false;
}

static bool input_edit(struct input *in, uint8_t byte)
{
	struct ldisc *ld = in->ld;
	bool extended = flag(ld->termios.c_lflag, LINUX_IEXTEN);

	if (is_special(ld, LINUX_VERASE, byte)) {
		erase_last(in);
	} else if (extended && is_special(ld, LINUX_VWERASE, byte)) {
		erase_word(in);
	} else if (is_special(ld, LINUX_VKILL, byte)) {
		erase_line(in);
	} else if (extended && is_special(ld, LINUX_VREPRINT, byte) && flag(ld->termios.c_lflag, LINUX_ECHO)) {
		reprint(in);
	} else {
		return false;
	}
	return true;
}

/* A line may end even when the ring is full: the last place is kept for it. */
static bool input_line_end(struct input *in, uint8_t byte)
{
	struct ldisc *ld = in->ld;

	if (ld->tail - ld->head >= LDISC_BYTES)
		return false;
	if (is_special(ld, LINUX_VEOF, byte)) {
		line_commit(ld, 0, MARK_EOF);
		return true;
	}
	if (byte != '\n' && !is_special(ld, LINUX_VEOL, byte) &&
	    !(flag(ld->termios.c_lflag, LINUX_IEXTEN) && is_special(ld, LINUX_VEOL2, byte)))
		return false;
	if (byte == '\n')
		echo_newline(in);
	else
		echo_if_wanted(in, byte);
	line_commit(ld, byte, 0);
	return true;
}

/* c_iflag's translations; false: the byte is dropped. */
static bool input_translate(const struct ldisc *ld, uint8_t *byte)
{
	uint32_t iflag = ld->termios.c_iflag;

	if (flag(iflag, LINUX_ISTRIP))
		*byte &= 0x7f;
	if (flag(iflag, LINUX_IUCLC) && flag(ld->termios.c_lflag, LINUX_IEXTEN) && *byte >= 'A' && *byte <= 'Z')
		*byte = (uint8_t)(*byte - 'A' + 'a');
	if (*byte == '\r') {
		if (flag(iflag, LINUX_IGNCR))
			return false;
		if (flag(iflag, LINUX_ICRNL))
			*byte = '\n';
	} else if (*byte == '\n' && flag(iflag, LINUX_INLCR)) {
		*byte = '\r';
	}
	return true;
}

static void input_byte(struct input *in, uint8_t byte)
{
	struct ldisc *ld = in->ld;
	bool canonical = ldisc_is_canonical(ld);

	if (ld->literal) {
		ld->literal = false;
		take(in, byte, true);
		return;
	}
	if (input_flow(in, byte) || !input_translate(ld, &byte) || input_signal(in, byte))
		return;
	if (canonical && flag(ld->termios.c_lflag, LINUX_IEXTEN) && is_special(ld, LINUX_VLNEXT, byte)) {
		ld->literal = true;
		if (flag(ld->termios.c_lflag, LINUX_ECHO) && flag(ld->termios.c_lflag, LINUX_ECHOCTL)) {
			emit(in, '^');
			emit(in, '\b');
		}
		return;
	}
	if (canonical && (input_edit(in, byte) || input_line_end(in, byte)))
		return;
	take(in, byte, false);
}

void ldisc_input(struct ldisc *ld, const struct ldisc_ops *ops, void *owner, const uint8_t *bytes, size_t len)
{
	struct input in = { ld, ops, owner };

	if (!flag(ld->termios.c_cflag, LINUX_CREAD))
		return;
	for (size_t i = 0; i < len; i++)
		input_byte(&in, bytes[i]);
}

/* ---- reading ---- */

bool ldisc_readable(const struct ldisc *ld)
{
	return ldisc_is_canonical(ld) ? ld->nr_lines > 0 : ld->committed != ld->head;
}

size_t ldisc_available(const struct ldisc *ld)
{
	size_t count = ld->committed - ld->head;

	if (!ldisc_is_canonical(ld))
		return count;
	for (uint32_t at = ld->head; at != ld->committed; at++)
		if (ld->marks[at % LDISC_BYTES] & MARK_EOF)
			count--;
	return count;
}

size_t ldisc_read(struct ldisc *ld, uint8_t *buffer, size_t size)
{
	size_t count = 0;

	while (ld->head != ld->committed) {
		uint8_t mark = ld->marks[ld->head % LDISC_BYTES];
		/* an end of file behind the last byte that fits goes with it, else the next read would see it */
		if (count == size && !(mark & MARK_EOF))
			break;
		uint8_t byte = ld->bytes[ld->head++ % LDISC_BYTES];
		if (!(mark & MARK_EOF))
			buffer[count++] = byte;
		if (mark & MARK_LINE_END) {
			ld->nr_lines--;
			break;
		}
	}
	return count;
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->head = ld->committed = ld->tail;
	ld->nr_lines = 0;
	ld->literal = false;
}
