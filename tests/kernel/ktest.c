/*
 * The frame of the kernel's tests; see ktest.h.
 */
#include "ktest.h"

#include <stdarg.h>

#define DEBUG_EXIT_PORT 0xf4

extern const struct ktest ktest_list[], ktest_list_end[];

static bool failed, may_leak;
static void *escape[5];
static uintptr_t next_range = QUOIN_SERVER_MMAP;

/* Compilers call these. */
void *memset(void *dst, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(c) : "memory");
	return d;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n && *x == *y; n--, x++, y++)
		;
	return n ? *x - *y : 0;
}

static unsigned put_number(char *text, uint64_t value, unsigned base)
{
	char digits[24];
	unsigned n = 0, len = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		text[len++] = digits[--n];
	return len;
}

/* %s %d %ld %u %lu %x %lx only. */
void print(const char *f, ...)
{
	char text[512];
	unsigned len = 0;
	va_list args;

	va_start(args, f);
	for (; *f && len < sizeof(text) - 32; f++) {
		bool wide = false;
		long value;

		if (*f != '%') {
			text[len++] = *f;
			continue;
		}
		if (*++f == 'l') {
			wide = true;
			f++;
		}
		if (*f == 's') {
			for (const char *s = va_arg(args, const char *); *s && len < sizeof(text) - 32; s++)
				text[len++] = *s;
			continue;
		}
		value = wide ? va_arg(args, long) : va_arg(args, int);
		if (*f == 'd' && value < 0) {
			text[len++] = '-';
			value = -value;
		}
		len += put_number(text + len, wide || *f == 'd' ? (uint64_t)value : (uint32_t)value,
				  *f == 'x' ? 16 : 10);
	}
	va_end(args);
	quoin_debug_write((uintptr_t)text, len);
}

/* Threads.  The control page of the slot holds what the thread runs, and a word it clears at its end. */
struct control {
	void (*function)(void *);
	void *argument;
	uint32_t alive;
};

static struct control *control_of(uintptr_t slot)
{
	return (void *)(slot + QUOIN_SLOT_CONTROL);
}

static _Noreturn void thread_end(void)
{
	uint32_t *alive = &control_of((uintptr_t)my_page())->alive;

	__atomic_store_n(alive, 0, __ATOMIC_SEQ_CST);
	quoin_futex_wake((uintptr_t)alive, 1);
	quoin_thread_exit();
	__builtin_unreachable();
}

void ktest_expect(long got, long wanted, const char *what, const char *file, int line)
{
	if (got == wanted)
		return;
	failed = true;
	print("# %s:%d: %s is %ld (0x%lx), not %ld\n", file, line, what, got, got, wanted);
}

long ktest_need(long result, const char *what, const char *file, int line)
{
	if (result >= 0)
		return result;
	failed = true;
	print("# %s:%d: %s failed: %ld\n", file, line, what, result);
	if ((uintptr_t)my_page() != QUOIN_SERVER_STACKS)
		thread_end();
	__builtin_longjmp(escape, 1);
}

void ktest_may_leak(void)
{
	may_leak = true;
}

uintptr_t range_get(uint64_t bytes)
{
	uintptr_t at = next_range;

	next_range += (bytes + QUOIN_SLOT_BYTES - 1) & -QUOIN_SLOT_BYTES;
	return at;
}

void *memory_get(uint64_t bytes)
{
	uintptr_t at = range_get(bytes);

	need(quoin_aspace_map(QUOIN_SELF_ASPACE, at, bytes, QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0, 0));
	return (void *)at;
}

void memory_drop(void *address, uint64_t bytes)
{
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)address, bytes));
}

static void thread_main(struct control *control)
{
	control->function(control->argument);
	thread_end();
}

struct ktest_thread thread_run_class(void (*function)(void *), void *argument, unsigned class)
{
	struct ktest_thread t = { .slot = range_get(QUOIN_SLOT_BYTES) };
	struct quoin_thread_args args = {
		.entry = (uintptr_t)thread_main,
		.stack = t.slot + QUOIN_SLOT_BYTES - 8,
		.argument = (uintptr_t)control_of(t.slot),
		.page = t.slot,
		.sched_class = class,
		.name = "ktest",
	};

	need(quoin_aspace_map(QUOIN_SELF_ASPACE, t.slot + QUOIN_SLOT_CONTROL,
			      QUOIN_SLOT_BYTES - QUOIN_SLOT_CONTROL, QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0, 0));
	*control_of(t.slot) = (struct control){ function, argument, 1 };
	t.handle = need(quoin_thread_create(QUOIN_SELF_TASK, (uintptr_t)&args));
	return t;
}

struct ktest_thread thread_run(void (*function)(void *), void *argument)
{
	return thread_run_class(function, argument, QUOIN_SCHED_SERVER);
}

void nap(void)
{
	static uint32_t word;

	quoin_futex_wait((uintptr_t)&word, 0, now_ns() + 100000, 0);
}

static void wait_dead(quoin_handle handle)
{
	struct quoin_thread_info info = { 0 };
	uint64_t end = now_ns() + 5000000000ul;

	while (quoin_thread_info(handle, (uintptr_t)&info) == 0 && info.state != 2 && now_ns() < end)
		nap();
	expect_eq(info.state, 2);
}

void thread_join(struct ktest_thread *t)
{
	uint32_t *alive = &control_of(t->slot)->alive;

	while (__atomic_load_n(alive, __ATOMIC_SEQ_CST))
		quoin_futex_wait((uintptr_t)alive, 1, QUOIN_DEADLINE_NEVER, 0);
	wait_dead(t->handle);
	need(quoin_handle_close(t->handle));
	need(quoin_aspace_unmap(QUOIN_SELF_ASPACE, t->slot, QUOIN_SLOT_BYTES));
}

struct quoin_thread_page *thread_page(const struct ktest_thread *t)
{
	return (void *)t->slot;
}

static void power_off(bool good)
{
	long port = quoin_ioport_create(QUOIN_HARDWARE, DEBUG_EXIT_PORT, 4);

	quoin_ioport_write(port, 0, 4, good ? 0x10 : 0x11);
	quoin_thread_exit();
}

/*
 * Pages that tasks have; the kernel's own (slabs, stacks it keeps for the next thread) may grow a little.
 */
#define KERNEL_SLACK 64

static uint64_t user_pages(const struct quoin_stats *s)
{
	return s->total_pages - s->free_pages - s->kernel_pages;
}

/* What a dying thread frees last may take a moment. */
static bool settles(const struct quoin_stats *before, struct quoin_stats *after)
{
	uint64_t end = now_ns() + 200000000;

	do {
		quoin_system_stats((uintptr_t)after);
		if (after->objects <= before->objects && user_pages(after) <= user_pages(before) &&
		    after->kernel_pages <= before->kernel_pages + KERNEL_SLACK)
			return true;
		nap();
	} while (now_ns() < end);
	return false;
}

static void run(const struct ktest *test)
{
	struct quoin_stats before, after;

	may_leak = false;
	quoin_system_stats((uintptr_t)&before);
	if (__builtin_setjmp(escape) == 0)
		test->run();
	if (!failed && !may_leak && !settles(&before, &after)) {
		failed = true;
		print("# leaks: objects %ld -> %ld, pages %ld -> %ld, kernel pages %ld -> %ld\n",
		      before.objects, after.objects, user_pages(&before), user_pages(&after),
		      before.kernel_pages, after.kernel_pages);
	}
}

/* What stands behind "name=" on the command line, up to the next blank; NULL if there is no such word. */
static const char *option(const char *name)
{
	for (const char *word = INFO->command_line; *word; word++) {
		const char *at = word, *n = name;

		while (*n && *at == *n)
			at++, n++;
		if (!*n && *at == '=' && (word == INFO->command_line || word[-1] == ' '))
			return at + 1;
	}
	return NULL;
}

uint64_t option_number(const char *name, uint64_t usual)
{
	const char *text = option(name);
	uint64_t number = 0;

	if (!text)
		return usual;
	while (*text >= '0' && *text <= '9')
		number = number * 10 + (uint64_t)(*text++ - '0');
	return number;
}

static bool is_chosen(const struct ktest *test)
{
	const char *wanted = option("test"), *name = test->name;

	while (wanted && *name && *wanted == *name)
		wanted++, name++;
	return !wanted || (!*name && (!*wanted || *wanted == ' '));
}

void ktest_main(void);
void ktest_main(void)
{
	unsigned count = 0, number = 0, nr_failed = 0;

	for (const struct ktest *test = ktest_list; test < ktest_list_end; test++)
		count += is_chosen(test);
	print("1..%u\n", count);
	for (const struct ktest *test = ktest_list; test < ktest_list_end; test++) {
		if (!is_chosen(test))
			continue;
		failed = false;
		run(test);
		nr_failed += failed;
		print("%s %u - %s\n", failed ? "not ok" : "ok", ++number, test->name);
	}
	print("# done: %u of %u failed\n", nr_failed, count);
	power_off(nr_failed == 0);
}
