/*
 * kprintf and ksnprintf: the few conversions the kernel needs.
 */
#include <stdarg.h>

#include "arch.h"
#include "console.h"
#include "debug.h"
#include "print.h"
#include "spinlock.h"

static struct spinlock print_lock = SPINLOCK_INIT("print", LOCK_SERIAL);

/* Where the characters go. */
struct sink {
	char *buffer;
	size_t size, len;
};

struct spec {
	bool left, zero;
	int width, precision;
	unsigned longs;
};

static void sink_put(struct sink *sink, char c)
{
	if (sink->len + 1 < sink->size)
		sink->buffer[sink->len] = c;
	sink->len++;
}

static void put_padded(struct sink *sink, const char *text, size_t len, const struct spec *spec)
{
	size_t pad = spec->width > (int)len ? spec->width - len : 0;

	for (size_t i = 0; !spec->left && i < pad; i++)
		sink_put(sink, spec->zero ? '0' : ' ');
	for (size_t i = 0; i < len; i++)
		sink_put(sink, text[i]);
	for (size_t i = 0; spec->left && i < pad; i++)
		sink_put(sink, ' ');
}

static void put_number(struct sink *sink, uint64_t value, unsigned base, bool negative, const struct spec *spec)
{
	struct spec rest = *spec;
	char text[24];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && spec->zero && !spec->left) {
		sink_put(sink, '-'); /* before the zeros */
		rest.width--;
	} else if (negative) {
		text[--at] = '-';
	}
	put_padded(sink, text + at, sizeof(text) - at, &rest);
}

static void put_string(struct sink *sink, const char *text, const struct spec *spec)
{
	size_t len = 0;

	if (!text)
		text = "(null)";
	while ((spec->precision < 0 || len < (size_t)spec->precision) && text[len])
		len++;
	put_padded(sink, text, len, spec);
}

static const char *parse_spec(const char *f, struct spec *spec, va_list *args)
{
	*spec = (struct spec){ .precision = -1 };
	for (;; f++) {
		if (*f == '-')
			spec->left = true;
		else if (*f == '0')
			spec->zero = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		spec->width = spec->width * 10 + (*f - '0');
	if (*f == '.' && f[1] == '*') {
		spec->precision = va_arg(*args, int);
		f += 2;
	} else if (*f == '.') {
		spec->precision = 0;
		for (f++; *f >= '0' && *f <= '9'; f++)
			spec->precision = spec->precision * 10 + (*f - '0');
	}
	for (; *f == 'l' || *f == 'z'; f++)
		spec->longs++;
	return f;
}

static void put_conversion(struct sink *sink, char conversion, const struct spec *spec, va_list *args)
{
	char c;

	switch (conversion) {
	case 'd':
	case 'i': {
		int64_t v = spec->longs ? va_arg(*args, int64_t) : va_arg(*args, int);

		put_number(sink, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, spec);
		break;
	}
	case 'u':
	case 'x': {
		uint64_t v = spec->longs ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);

		put_number(sink, v, conversion == 'x' ? 16 : 10, false, spec);
		break;
	}
	case 'p':
		put_number(sink, va_arg(*args, uint64_t), 16, false, spec);
		break;
	case 's':
		put_string(sink, va_arg(*args, const char *), spec);
		break;
	case 'c':
		c = va_arg(*args, int);
		put_padded(sink, &c, 1, spec);
		break;
	default:
		sink_put(sink, conversion);
	}
}

static int format_into(char *buffer, size_t size, const char *f, va_list *args)
{
	struct sink sink = { buffer, size, 0 };
	struct spec spec;

	for (; *f; f++) {
		if (*f != '%') {
			sink_put(&sink, *f);
			continue;
		}
		f = parse_spec(f + 1, &spec, args);
		if (!*f)
			break;
		put_conversion(&sink, *f, &spec, args);
	}
	if (size)
		buffer[MIN(sink.len, size - 1)] = 0;
	return sink.len;
}

void kwrite(const char *text, size_t len)
{
	bool locked = !panicking;

	if (locked)
		spin_lock(&print_lock);
	console_write(text, len);
	if (locked)
		spin_unlock(&print_lock);
}

void kvprintf(const char *format, va_list *args)
{
	char line[256];
	size_t len = format_into(line, sizeof(line), format, args);

	kwrite(line, MIN(len, sizeof(line) - 1));
}

void kprintf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	kvprintf(format, &args);
	va_end(args);
}

int ksnprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = format_into(buffer, size, format, &args);
	va_end(args);
	return len;
}
