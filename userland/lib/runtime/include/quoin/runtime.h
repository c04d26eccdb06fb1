/*
 * What every native task starts with: logging, threads, memory, time.
 *
 * A program defines `int task_main(uint64_t argument)`.  The runtime calls it on the first thread; its
 * return value ends the task.
 */
#ifndef QUOIN_RUNTIME_H
#define QUOIN_RUNTIME_H

#include <stdarg.h>
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <quoin/types.h>
#include <quoin/errors.h>
#include <quoin/layout.h>
#include <quoin/stubs.h>
#include <quoin/ipc.h>

int task_main(uint64_t argument);
extern const char task_name[]; /* defined by the program: prefix of its log lines */

#define array_length(a)               (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define likely(x)                     __builtin_expect(!!(x), 1)
#define unlikely(x)                   __builtin_expect(!!(x), 0)
#define ALIGN_UP(x, a)                (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)              ((x) & ~((__typeof__(x))(a)-1))
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif

/* ---- text ---- */

/*
 * printf's d i u x X o c s p % with flags "0-+ #", width, precision and hh h l ll z; no floating point.
 * Returns the length the whole text has, as C11 7.21.6.12.
 */
int format_text(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int format_text_va(char *buffer, size_t size, const char *format, va_list args);
#define snprintf  format_text
#define vsnprintf format_text_va

/* One line to the kernel's debug UART: "name: text\n". */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the task with a message and a backtrace of return addresses. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void assert_failed(const char *condition, const char *file, int line);
#ifdef QUOIN_NO_ASSERT
#define assert(c) ((void)0)
#else
#define assert(c) (likely(c) ? (void)0 : assert_failed(#c, __FILE__, __LINE__))
#endif

/* ---- time ---- */

static inline const struct quoin_info *runtime_info(void)
{
	return (const struct quoin_info *)QUOIN_SERVER_INFO;
}

/* Monotonic nanoseconds, without a kernel call. */
static inline uint64_t clock_ns(void)
{
	const struct quoin_info *info = runtime_info();
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)(((unsigned __int128)((((uint64_t)high << 32) | low) - info->tsc_base) *
			   info->tsc_mult) >>
			  info->tsc_shift);
}

/* ---- threads ---- */

/* Per-thread data of the runtime, at the start of the control page (slot + QUOIN_SLOT_CONTROL). */
struct runtime_thread {
	void (*entry)(void *);
	void *argument;
	void *user;       /* the program's own: the POSIX server's `current` */
	uint32_t nr_held; /* lock ranks held, for the order check */
	struct {
		uint16_t rank;
		const void *lock;
	} held[16];
};

static inline struct runtime_thread *runtime_self(void)
{
	return (struct runtime_thread *)((uintptr_t)ipc_thread_page() + QUOIN_SLOT_CONTROL);
}

struct thread_options {
	const char *name;
	uint32_t sched_class; /* enum quoin_sched_class */
	uint32_t weight;
	void *user; /* runtime_thread.user */
};

/* Runs entry(argument) on a new thread of this task; handle (may be NULL) gets one to it. 0 or an error. */
long thread_spawn(const struct thread_options *options, void (*entry)(void *), void *argument,
		  quoin_handle *handle);
void thread_begin(void);               /* first C code of a further thread; start.S calls it */
void runtime_start(uint64_t argument); /* first C code of the task; start.S calls it */
_Noreturn void thread_finish(void);

/* ---- memory ---- */

/*
 * Anonymous zeroed memory in the task's region, in pages; NULL when there is none.  The pages come when they
 * are touched, and a task that touches one when the machine has no memory left is ended; so whoever takes
 * memory because others ask for it commits it first.  malloc's is committed.
 */
void *pages_alloc(size_t len_bytes);
void pages_free(void *address, size_t len_bytes);

/* Makes the pages that hold [address, address + len) present. false: what is left of memory is for emergencies. */
bool pages_commit(const void *address, size_t len_bytes);

/* Address space in the task's region for a mapping of the caller's. 0 when full. */
uintptr_t region_reserve(size_t len_bytes);
void region_release(uintptr_t start, size_t len_bytes);
uint64_t region_bytes_in_use(void);

/* Maps a memory object into the task; NULL on failure. */
void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len_bytes, uint32_t prot, uint32_t flags);

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
char *strdup(const char *s);

/* Bytes in live allocations, for leak checks. */
uint64_t malloc_bytes_in_use(void);
/* Address space that small blocks have taken, for good. */
uint64_t malloc_region_bytes(void);
/* Allocations so far. */
uint64_t malloc_count(void);

#endif
