/* Formatting without floating point, so that it may run where the vector state is a guest's. */
#include <quoin/runtime.h>

struct output {
	char *buffer;
	size_t size, length;
};

struct spec {
	bool left, zero, plus, space, alternate, upper;
	int width, precision; /* precision -1: none */
	int length;           /* bytes of the argument: 1 2 4 8 */
};

static void put(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->buffer[out->length] = c;
	out->length++;
}

static void put_repeated(struct output *out, char c, int count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_padded(struct output *out, const struct spec *spec, const char *text, int len)
{
	if (!spec->left)
		put_repeated(out, ' ', spec->width - len);
	for (int i = 0; i < len; i++)
		put(out, text[i]);
	if (spec->left)
		put_repeated(out, ' ', spec->width - len);
}

static void put_number(struct output *out, struct spec *spec, uint64_t value, unsigned base, const char *prefix)
{
	const char *digits = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[64];
	int len = 0, prefix_len = (int)strlen(prefix);

	for (; value; value /= base)
		text[len++] = digits[value % base];
	int least = spec->precision >= 0 ? spec->precision : 1;
	if (base == 8 && spec->alternate)
		least = MAX(least, len + 1); /* begins with a 0, which may be one that is there anyway */
	int zeros = len < least ? least - len : 0;
	if (spec->zero && !spec->left && spec->precision < 0)
		zeros = MAX(zeros, spec->width - len - prefix_len);
	int pad = spec->width - len - zeros - prefix_len;
	if (!spec->left)
		put_repeated(out, ' ', pad);
	for (int i = 0; i < prefix_len; i++)
		put(out, prefix[i]);
	put_repeated(out, '0', zeros);
	while (len > 0)
		put(out, text[--len]);
	if (spec->left)
		put_repeated(out, ' ', pad);
}

static const char *parse_flags(const char *f, struct spec *spec)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->left = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		case '#':
			spec->alternate = true;
			break;
		default:
			return f;
		}
	}
}

static const char *parse_length(const char *f, struct spec *spec)
{
	spec->length = 4;
	if (f[0] == 'h') {
		spec->length = f[1] == 'h' ? 1 : 2;
		return f + (f[1] == 'h' ? 2 : 1);
	}
	if (*f == 'l' || *f == 'z' || *f == 'j' || *f == 't') {
		spec->length = 8;
		return f + (f[0] == 'l' && f[1] == 'l' ? 2 : 1);
	}
	return f;
}

static int64_t sign_extend(uint64_t value, int bytes)
{
	int shift = 64 - bytes * 8;

	return (int64_t)(value << shift) >> shift;
}

static void put_signed(struct output *out, struct spec *spec, int64_t value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	put_number(out, spec, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, sign);
}

static void put_string(struct output *out, struct spec *spec, const char *text)
{
	int len = 0;

	if (!text)
		text = "(null)";
	while ((spec->precision < 0 || len < spec->precision) && text[len])
		len++;
	put_padded(out, spec, text, len);
}

static void put_unsigned(struct output *out, struct spec *spec, char conversion, uint64_t value)
{
	value &= UINT64_MAX >> (64 - spec->length * 8);
	spec->upper = conversion == 'X';
	if (conversion == 'u')
		put_number(out, spec, value, 10, "");
	else if (conversion == 'o')
		put_number(out, spec, value, 8, "");
	else
		put_number(out, spec, value, 16, spec->alternate && value ? (spec->upper ? "0X" : "0x") : "");
}

int format_text_va(char *buffer, size_t size, const char *f, va_list args)
{
	struct output out = { buffer, size, 0 };

	while (*f) {
		if (*f != '%') {
			put(&out, *f++);
			continue;
		}
		struct spec spec = { .precision = -1 };
		f = parse_flags(f + 1, &spec);
		if (*f == '*') {
			spec.width = va_arg(args, int);
			if (spec.width < 0) {
				spec.left = true;
				spec.width = -spec.width;
			}
			f++;
		}
		while (*f >= '0' && *f <= '9')
			spec.width = spec.width * 10 + *f++ - '0';
		if (*f == '.') {
			spec.precision = 0;
			if (*++f == '*') {
				spec.precision = va_arg(args, int);
				f++;
			}
			while (*f >= '0' && *f <= '9')
				spec.precision = spec.precision * 10 + *f++ - '0';
		}
		f = parse_length(f, &spec);
		char one;
		switch (*f) {
		case 'd':
		case 'i':
			put_signed(&out, &spec,
				   spec.length == 8 ? va_arg(args, int64_t)
						    : sign_extend((uint64_t)va_arg(args, int), spec.length));
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			put_unsigned(&out, &spec, *f,
				     spec.length == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned));
			break;
		case 'p':
			put_number(&out, &spec, (uintptr_t)va_arg(args, void *), 16, "0x");
			break;
		case 'c':
			one = (char)va_arg(args, int);
			put_padded(&out, &spec, &one, 1);
			break;
		case 's':
			put_string(&out, &spec, va_arg(args, const char *));
			break;
		case '%':
			put(&out, '%');
			break;
		default:
			put(&out, '?');
			break;
		}
		if (*f)
			f++;
	}
	if (size)
		buffer[MIN(out.length, size - 1)] = 0;
	return (int)out.length;
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = format_text_va(buffer, size, format, args);
	va_end(args);
	return length;
}
