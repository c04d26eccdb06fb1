/* SPDX-License-Identifier: MIT */
/* The runtime that tests/unit/posix_host.h promises: one thread, locks that must balance. */
#include <stdarg.h>
#undef snprintf
#undef vsnprintf
#include <stdio.h>

struct thread *current;
int host_locks_held;

static void lock_take(_Atomic uint32_t *state)
{
	if (*state)
		panic("a lock is taken twice");
	*state = 1;
	host_locks_held++;
}

static void lock_drop(_Atomic uint32_t *state)
{
	if (!*state)
		panic("a free lock is released");
	*state = 0;
	host_locks_held--;
}

void mutex_init(struct mutex *m, const char *name, unsigned rank)
{
	*m = (struct mutex){ .name = name, .rank = rank };
}

void mutex_lock(struct mutex *m)
{
	lock_take(&m->state);
}

void mutex_lock_nested(struct mutex *m)
{
	lock_take(&m->state);
}

void mutex_unlock(struct mutex *m)
{
	lock_drop(&m->state);
}

bool mutex_is_locked(const struct mutex *m)
{
	return m->state;
}

void rwlock_init(struct rwlock *l, const char *name, unsigned rank)
{
	*l = (struct rwlock){ .name = name, .rank = rank };
}

void rwlock_read_lock(struct rwlock *l)
{
	lock_take(&l->state);
}

void rwlock_read_unlock(struct rwlock *l)
{
	lock_drop(&l->state);
}

void rwlock_write_lock(struct rwlock *l)
{
	lock_take(&l->state);
}

void rwlock_write_unlock(struct rwlock *l)
{
	lock_drop(&l->state);
}

void log_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void assert_failed(const char *condition, const char *file, int line)
{
	panic("%s:%d: %s", file, line, condition);
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(buffer, size, format, args);
	va_end(args);
	return len;
}
