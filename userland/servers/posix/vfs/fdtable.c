/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables.  See file.h for fd_get's fast path.
 *
 * A number is taken while its bit in `open` is set; its file may still be missing then (fd_reserve).
 * Every change is made under the lock, also by a table's only user, because /proc reads tables of others.
 * Files are closed after the lock is released: closing may block.
 */
#include <quoin/runtime.h>

#include "fdtable.h"
#include "file.h"
#include "lockrank.h"
#include "process.h"
#include "record_lock.h"
#include "rlimit.h"

#define FD_WORD_BITS 64
#define FDTABLE_MIN  64
#define FDTABLE_MAX  1048576

static inline bool bit_test(const uint64_t *map, unsigned n)
{
	return map[n / FD_WORD_BITS] >> (n % FD_WORD_BITS) & 1;
}

static inline void bit_assign(uint64_t *map, unsigned n, bool value)
{
	uint64_t bit = 1ull << (n % FD_WORD_BITS);

	if (value)
		map[n / FD_WORD_BITS] |= bit;
	else
		map[n / FD_WORD_BITS] &= ~bit;
}

/* ---- tables ---- */

struct fdtable *fdtable_create(void)
{
	struct fdtable *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	atomic_init(&table->refs, 1);
	mutex_init(&table->lock, "fdtable", LOCK_FDTABLE);
	return table;
}

/* At least `want` numbers; the lock is held, or nobody else knows the table. */
static int fdtable_grow(struct fdtable *table, unsigned want)
{
	unsigned capacity = table->capacity ? table->capacity : FDTABLE_MIN;
	struct file **files;
	uint64_t *bits;

	while (capacity < want)
		capacity *= 2;
	if (capacity == table->capacity)
		return 0;
	files = calloc(capacity, sizeof(*files));
	bits = calloc(capacity / FD_WORD_BITS, 2 * sizeof(*bits));
	if (!files || !bits) {
		free(files);
		free(bits);
		return -ENOMEM;
	}
	if (table->capacity) {
		memcpy(files, table->files, table->capacity * sizeof(*files));
		memcpy(bits, table->open, table->capacity / 8);
		memcpy(bits + capacity / FD_WORD_BITS, table->cloexec, table->capacity / 8);
	}
	free(table->files);
	free(table->open);
	table->files = files;
	table->open = bits;
	table->cloexec = bits + capacity / FD_WORD_BITS;
	table->capacity = capacity;
	return 0;
}

struct fdtable *fdtable_share(struct fdtable *table)
{
	atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
	return table;
}

/* The highest number in use, plus one. */
static unsigned fdtable_used(const struct fdtable *table)
{
	unsigned word = table->capacity / FD_WORD_BITS;

	while (word-- > 0)
		if (table->open[word])
			return (word + 1) * FD_WORD_BITS - (unsigned)__builtin_clzll(table->open[word]);
	return 0;
}

struct fdtable *fdtable_clone(struct fdtable *table)
{
	struct fdtable *copy = fdtable_create();
	unsigned used;

	if (!copy)
		return NULL;
	mutex_lock(&table->lock);
	used = fdtable_used(table);
	if (used && fdtable_grow(copy, used)) {
		mutex_unlock(&table->lock);
		free(copy);
		return NULL;
	}
	for (unsigned fd = 0; fd < used; fd++) {
		if (!table->files[fd])
			continue; /* free, or reserved by another thread */
		copy->files[fd] = file_get(table->files[fd]);
		bit_assign(copy->open, fd, true);
		bit_assign(copy->cloexec, fd, bit_test(table->cloexec, fd));
	}
	mutex_unlock(&table->lock);
	return copy;
}

/* What close() does to the open file. */
static int file_close(struct fdtable *table, struct file *file)
{
	int error = 0;

	if (file->ops->flush && !(file->mode & FILE_PATH))
		error = file->ops->flush(file);
	record_locks_release_table(file, table);
	file_put(file);
	return error;
}

void fdtable_put(struct fdtable *table)
{
	if (!table || atomic_fetch_sub_explicit(&table->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned fd = 0; fd < table->capacity; fd++)
		if (table->files[fd])
			file_close(table, table->files[fd]);
	free(table->files);
	free(table->open);
	free(table);
}

int fdtable_unshare(struct fdtable **table)
{
	struct fdtable *copy;

	if (atomic_load(&(*table)->refs) == 1)
		return 0;
	copy = fdtable_clone(*table);
	if (!copy)
		return -ENOMEM;
	fdtable_put(*table);
	*table = copy;
	return 0;
}

/* Takes the file out of the table; NULL if there is none. The lock is held. */
static struct file *fdtable_take(struct fdtable *table, unsigned fd)
{
	struct file *file;

	if (fd >= table->capacity || !table->files[fd])
		return NULL;
	file = table->files[fd];
	table->files[fd] = NULL;
	bit_assign(table->open, fd, false);
	bit_assign(table->cloexec, fd, false);
	if (fd < table->first_free)
		table->first_free = fd;
	return file;
}

static struct file *fdtable_take_unlocked(struct fdtable *table, unsigned fd)
{
	struct file *file;

	mutex_lock(&table->lock);
	file = fdtable_take(table, fd);
	mutex_unlock(&table->lock);
	return file;
}

void fdtable_close_on_exec(struct fdtable *table)
{
	for (unsigned fd = 0; fd < table->capacity; fd++) {
		struct file *file = NULL;

		if (!table->cloexec[fd / FD_WORD_BITS]) {
			fd |= FD_WORD_BITS - 1;
			continue;
		}
		if (bit_test(table->cloexec, fd))
			file = fdtable_take_unlocked(table, fd);
		if (file)
			file_close(table, file);
	}
}

struct file *fdtable_file(struct fdtable *table, int fd, bool *close_on_exec)
{
	struct file *file = NULL;

	mutex_lock(&table->lock);
	if (fd >= 0 && (unsigned)fd < table->capacity)
		file = table->files[fd];
	if (file)
		file_get(file);
	if (file && close_on_exec)
		*close_on_exec = bit_test(table->cloexec, fd);
	mutex_unlock(&table->lock);
	return file;
}

int fdtable_next(struct fdtable *table, int fd)
{
	mutex_lock(&table->lock);
	while ((unsigned)fd < table->capacity && !table->files[fd])
		fd++;
	if ((unsigned)fd >= table->capacity)
		fd = -1;
	mutex_unlock(&table->lock);
	return fd;
}

unsigned fdtable_size(struct fdtable *table)
{
	unsigned size;

	mutex_lock(&table->lock);
	size = table->capacity;
	mutex_unlock(&table->lock);
	return size;
}

unsigned fdtable_count(struct fdtable *table)
{
	unsigned count = 0;

	mutex_lock(&table->lock);
	for (unsigned fd = 0; fd < table->capacity; fd++)
		count += table->files[fd] != NULL;
	mutex_unlock(&table->lock);
	return count;
}

/* ---- the calling thread's descriptors ---- */

struct fd_ref fd_get_path(int fd)
{
	struct fdtable *table = current->files;
	struct file *file;

	if (likely(atomic_load_explicit(&table->refs, memory_order_relaxed) == 1)) {
		file = (unsigned)fd < table->capacity ? table->files[fd] : NULL;
		return (struct fd_ref){ .file = file, .held = false };
	}
	file = fdtable_file(table, fd, NULL);
	return (struct fd_ref){ .file = file, .held = file != NULL };
}

struct fd_ref fd_get(int fd)
{
	struct fd_ref ref = fd_get_path(fd);

	if (ref.file && unlikely(ref.file->mode & FILE_PATH)) {
		fd_put(ref);
		return (struct fd_ref){ .file = NULL, .held = false };
	}
	return ref;
}

struct file *fd_get_file(int fd)
{
	struct fd_ref ref = fd_get(fd);

	if (ref.file && !ref.held)
		file_get(ref.file);
	return ref.file;
}

/* The lowest free number >= from, marked as taken. The lock is held. */
static int fdtable_allocate(struct fdtable *table, unsigned from, bool close_on_exec)
{
	uint64_t limit = rlimit_get(LINUX_RLIMIT_NOFILE);
	unsigned fd = from > table->first_free ? from : table->first_free;

	if (limit > FDTABLE_MAX)
		limit = FDTABLE_MAX;
	while (fd < table->capacity && bit_test(table->open, fd))
		fd++;
	if (fd >= limit)
		return -EMFILE;
	if (fd >= table->capacity && fdtable_grow(table, fd + 1))
		return -ENOMEM;
	bit_assign(table->open, fd, true);
	bit_assign(table->cloexec, fd, close_on_exec);
	if (from <= table->first_free)
		table->first_free = fd + 1;
	return (int)fd;
}

int fd_install_from(struct file *file, unsigned from, bool close_on_exec)
{
	struct fdtable *table = current->files;
	int fd;

	mutex_lock(&table->lock);
	fd = fdtable_allocate(table, from, close_on_exec);
	if (fd >= 0)
		table->files[fd] = file;
	mutex_unlock(&table->lock);
	if (fd < 0)
		file_put(file);
	return fd;
}

int fd_install(struct file *file, bool close_on_exec)
{
	return fd_install_from(file, 0, close_on_exec);
}

int fd_reserve(bool close_on_exec)
{
	struct fdtable *table = current->files;
	int fd;

	mutex_lock(&table->lock);
	fd = fdtable_allocate(table, 0, close_on_exec);
	mutex_unlock(&table->lock);
	return fd;
}

void fd_fill(int fd, struct file *file)
{
	struct fdtable *table = current->files;

	mutex_lock(&table->lock);
	assert(bit_test(table->open, fd) && !table->files[fd]);
	table->files[fd] = file;
	mutex_unlock(&table->lock);
}

void fd_release_reserved(int fd)
{
	struct fdtable *table = current->files;

	mutex_lock(&table->lock);
	assert(bit_test(table->open, fd) && !table->files[fd]);
	bit_assign(table->open, fd, false);
	bit_assign(table->cloexec, fd, false);
	if ((unsigned)fd < table->first_free)
		table->first_free = fd;
	mutex_unlock(&table->lock);
}

int fd_close(int fd)
{
	struct fdtable *table = current->files;
	struct file *file = fd < 0 ? NULL : fdtable_take_unlocked(table, fd);

	return file ? file_close(table, file) : -EBADF;
}

/* file (whose reference is taken over) becomes `fd`, in place of what was there. */
int fd_replace(unsigned fd, struct file *file, bool close_on_exec)
{
	struct fdtable *table = current->files;
	uint64_t limit = rlimit_get(LINUX_RLIMIT_NOFILE);
	struct file *old = NULL;
	int error = 0;

	mutex_lock(&table->lock);
	if (fd >= limit || fd >= FDTABLE_MAX) {
		error = -EBADF;
	} else if (fd >= table->capacity) {
		error = fdtable_grow(table, fd + 1);
	} else if (bit_test(table->open, fd)) {
		old = table->files[fd];
		if (!old)
			error = -EBUSY; /* reserved: another thread's open is under way */
	}
	if (!error) {
		table->files[fd] = file;
		bit_assign(table->open, fd, true);
		bit_assign(table->cloexec, fd, close_on_exec);
	}
	mutex_unlock(&table->lock);
	if (error)
		file_put(file);
	else if (old)
		file_close(table, old);
	return error ? error : (int)fd;
}

int fd_get_cloexec(unsigned fd)
{
	struct fdtable *table = current->files;
	int result = -EBADF;

	mutex_lock(&table->lock);
	if (fd < table->capacity && table->files[fd])
		result = bit_test(table->cloexec, fd);
	mutex_unlock(&table->lock);
	return result;
}

int fd_set_cloexec(unsigned fd, bool value)
{
	struct fdtable *table = current->files;
	int result = -EBADF;

	mutex_lock(&table->lock);
	if (fd < table->capacity && table->files[fd]) {
		bit_assign(table->cloexec, fd, value);
		result = 0;
	}
	mutex_unlock(&table->lock);
	return result;
}
