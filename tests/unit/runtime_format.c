// sources: userland/lib/runtime/format.c
// flags: -Iuserland/lib/runtime/include
/* The runtime's formatting against the C library's. */
#include <stdio.h>
#include <string.h>
#include "check.h"
int format_text(char *buffer, size_t size, const char *format, ...);

#define SAME(...)                                                      \
	do {                                                           \
		char ours[128], theirs[128];                           \
		int a = format_text(ours, sizeof(ours), __VA_ARGS__);  \
		int b = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		CHECK_EQ(a, b);                                        \
		CHECK_STR(ours, theirs);                               \
	} while (0)

int main(void)
{
	char small[4];

	SAME("plain %% text");
	SAME("%d %i %u", -5, 7, 4000000000u);
	SAME("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42);
	SAME("[%5d] [%05d] [%.3d] [%8.3d]", -42, -42, -4, -4);
	SAME("%x %X %#x %#x %08x %o %#o", 255, 255, 255, 0, 0xbeef, 8, 8);
	SAME("[%#o] [%#.3o] [%#.2o] [%#05o] [%#.0o] [%#8o] [%-#8o]", 0, 8, 8, 8, 0, 8, 8);
	SAME("%ld %lu %lx %llx %zu", -1L, ~0UL, ~0UL, 0x123456789abcdefULL, sizeof(int));
	SAME("%hhd %hd %hhu", 300, 70000, 300);
	SAME("[%s] [%10s] [%-10s] [%.2s]", "abc", "abc", "abc", "abc");
	SAME("%c%5c%-3c|", 'a', 'b', 'c');
	SAME("[%*d] [%-*d] [%.*s]", 6, 1, 6, 2, 2, "xyz");
	SAME("%ld", (long)(1UL << 63));
	CHECK_EQ(format_text(small, sizeof(small), "%s", "abcdef"), 6);
	CHECK_STR(small, "abc");
	return check_result();
}
