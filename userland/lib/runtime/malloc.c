/*
 * The allocator of native tasks: size classes in 64 KiB spans.
 *
 * A span is aligned to its size, so masking a pointer finds its header.  Classes are powers of two and
 * the three steps between them from 32 bytes to 14 KiB, each with its lock, a free list and the spans it
 * came from; larger blocks are spans of their own.  Free objects are linked through their
 * first word; the second holds a poison that is checked when the object is handed out again, which finds
 * most writes after free, and double frees.
 *
 * Memory is committed before it is handed out, so that running out of it is a NULL and never a fault; of a
 * span a step at a time.
 */
#include <quoin/runtime.h>
#include <quoin/sync.h>

#define SPAN_BYTES  0x10000UL
#define SPAN_MAGIC  0x71756f696e737061UL
#define FREE_POISON 0xf5ee0bad0bad0badUL
#define NR_CLASSES  37
#define CLASS_MAX   14336
#define BATCH_BYTES (8 * SPAN_BYTES)
#define STEP_BYTES \
	(4 * QUOIN_PAGE_SIZE) /* of a span, committed at a time; more than CLASS_MAX and the header */

struct span {
	uint64_t magic;
	uint32_t class_index; /* NR_CLASSES: one large block */
	uint32_t nr_pages;    /* of a large block, header included */
	uint64_t large_bytes; /* requested, of a large block */
	uint64_t reserved;    /* of a large block: where its address space begins */
};

struct free_object {
	struct free_object *next;
	uint64_t poison;
};

struct size_class {
	struct mutex lock;
	struct free_object *free;        /* under lock */
	char *fresh, *fresh_end;         /* never used part of the newest span; under lock */
	char *committed;                 /* how far of it there is memory; under lock */
	uint64_t nr_allocated, nr_freed; /* so far; written under lock */
};

static struct size_class classes[NR_CLASSES];
static struct mutex span_lock = MUTEX_INIT("spans", 0);
static char *batch, *batch_end;    /* aligned memory for spans; under span_lock */
static uint64_t span_region_bytes; /* address space of all batches; under span_lock */
static _Atomic uint64_t large_bytes_in_use, nr_large;

/* 16, 32, then four classes per doubling, of whole 16 bytes: 48 48 64 64, 80 96 112 128, ... 14336. */
static unsigned class_of(size_t size)
{
	if (size <= 32)
		return size <= 16 ? 0 : 1;
	unsigned log = 63 - (unsigned)__builtin_clzl(size - 1); /* 2^log < size <= 2^(log+1) */
	unsigned step = (unsigned)((size - 1) >> (log - 2)) & 3;
	return 2 + (log - 5) * 4 + step;
}

static size_t class_bytes(unsigned index)
{
	if (index < 2)
		return index ? 32 : 16;
	unsigned log = 5 + (index - 2) / 4, step = (index - 2) % 4;
	return ALIGN_UP((1UL << log) + ((step + 1UL) << (log - 2)), 16);
}

static struct span *span_of(void *p)
{
	struct span *span = (struct span *)ALIGN_DOWN((uintptr_t)p, SPAN_BYTES);

	if (span->magic != SPAN_MAGIC)
		panic("free of %p, which malloc did not return", p);
	return span;
}

static struct span *span_new(void)
{
	mutex_lock(&span_lock);
	if (batch == batch_end) {
		char *memory = pages_alloc(BATCH_BYTES + SPAN_BYTES);
		if (memory) {
			batch = (char *)ALIGN_UP((uintptr_t)memory, SPAN_BYTES);
			batch_end = batch + BATCH_BYTES;
			span_region_bytes += BATCH_BYTES + SPAN_BYTES;
		}
	}
	struct span *span = NULL;
	if (batch != batch_end) {
		span = (struct span *)batch;
		batch += SPAN_BYTES;
	}
	mutex_unlock(&span_lock);
	return span;
}

static void span_unused(struct span *span)
{
	mutex_lock(&span_lock);
	if ((char *)span + SPAN_BYTES == batch)
		batch -= SPAN_BYTES; /* else another thread has taken the next, and this one is lost */
	mutex_unlock(&span_lock);
}

/* Under the class's lock: a new span. */
static bool class_refill(struct size_class *class, unsigned index)
{
	struct span *span = span_new();
	if (!span)
		return false;
	if (!pages_commit(span, STEP_BYTES)) {
		span_unused(span);
		return false;
	}
	span->magic = SPAN_MAGIC;
	span->class_index = index;
	class->fresh = (char *)(span + 1);
	class->fresh_end = (char *)span + SPAN_BYTES;
	class->committed = (char *)span + STEP_BYTES;
	return true;
}

/* Under the class's lock: room for one more object of this size at fresh. */
static bool class_room(struct size_class *class, unsigned index, size_t size)
{
	if (class->fresh + size > class->fresh_end)
		return class_refill(class, index);
	if (class->fresh + size <= class->committed)
		return true;
	if (!pages_commit(class->committed, STEP_BYTES))
		return false;
	class->committed += STEP_BYTES;
	return true;
}

static void *class_alloc(unsigned index)
{
	struct size_class *class = &classes[index];
	size_t size = class_bytes(index);
	void *result = NULL;

	mutex_lock(&class->lock);
	struct free_object *object = class->free;
	if (object) {
		if (object->poison != FREE_POISON)
			panic("heap: %p was written after free", (void *)object);
		class->free = object->next;
		object->poison = 0;
		result = object;
	} else if (class_room(class, index, size)) {
		result = class->fresh;
		class->fresh += size;
	}
	class->nr_allocated += result != NULL;
	mutex_unlock(&class->lock);
	return result;
}

static bool is_free_locked(const struct size_class *class, const struct free_object *object)
{
	for (const struct free_object *at = class->free; at; at = at->next)
		if (at == object)
			return true;
	return false;
}

/* An object in use may hold any bytes, since an application may have chosen them: the poison alone proves nothing. */
static void class_free(void *p, unsigned index)
{
	struct size_class *class = &classes[index];
	struct free_object *object = p;

	mutex_lock(&class->lock);
	if (unlikely(object->poison == FREE_POISON) && is_free_locked(class, object))
		panic("heap: %p freed twice", p);
	object->next = class->free;
	object->poison = FREE_POISON;
	class->free = object;
	class->nr_freed++;
	mutex_unlock(&class->lock);
}

/* A large block: its header must lie on a span boundary, so address space is reserved with slack. */
static size_t large_reservation(size_t len)
{
	return ALIGN_UP(len, SPAN_BYTES) + SPAN_BYTES;
}

static void large_unmap(struct span *span, size_t len, uintptr_t reserved)
{
	quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)span, len);
	region_release(reserved, large_reservation(len));
}

static void *large_alloc(size_t size)
{
	size_t len = ALIGN_UP(size + sizeof(struct span), QUOIN_PAGE_SIZE);

	if (len < size || len > UINT32_MAX * QUOIN_PAGE_SIZE)
		return NULL;
	uintptr_t reserved = region_reserve(large_reservation(len));
	if (!reserved)
		return NULL;
	struct span *span = (struct span *)ALIGN_UP(reserved, SPAN_BYTES);
	if (quoin_aspace_map(QUOIN_SELF_ASPACE, (uintptr_t)span, len, QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0,
			     0) < 0) {
		region_release(reserved, large_reservation(len));
		return NULL;
	}
	if (!pages_commit(span, len)) {
		large_unmap(span, len, reserved);
		return NULL;
	}
	span->magic = SPAN_MAGIC;
	span->reserved = reserved;
	span->class_index = NR_CLASSES;
	span->nr_pages = (uint32_t)(len / QUOIN_PAGE_SIZE);
	span->large_bytes = size;
	atomic_fetch_add_explicit(&large_bytes_in_use, len, memory_order_relaxed);
	atomic_fetch_add_explicit(&nr_large, 1, memory_order_relaxed);
	return span + 1;
}

static void large_free(struct span *span)
{
	size_t len = span->nr_pages * QUOIN_PAGE_SIZE;

	atomic_fetch_sub_explicit(&large_bytes_in_use, len, memory_order_relaxed);
	large_unmap(span, len, span->reserved);
}

void *malloc(size_t size)
{
	return size <= CLASS_MAX ? class_alloc(class_of(size)) : large_alloc(size);
}

void free(void *p)
{
	if (!p)
		return;
	struct span *span = span_of(p);
	if (span->class_index < NR_CLASSES)
		class_free(p, span->class_index);
	else
		large_free(span);
}

void *calloc(size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	void *p = malloc(total);
	if (p)
		memset(p, 0, total);
	return p;
}

void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	struct span *span = span_of(p);
	size_t old = span->class_index < NR_CLASSES ? class_bytes(span->class_index) : span->large_bytes;
	if (size <= old && span->class_index < NR_CLASSES)
		return p;
	void *grown = malloc(size);
	if (grown) {
		memcpy(grown, p, MIN(old, size));
		free(p);
	}
	return grown;
}

char *strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = malloc(len);

	return copy ? memcpy(copy, s, len) : NULL;
}

uint64_t malloc_region_bytes(void)
{
	mutex_lock(&span_lock);
	uint64_t bytes = span_region_bytes;
	mutex_unlock(&span_lock);
	return bytes;
}

uint64_t malloc_bytes_in_use(void)
{
	uint64_t sum = atomic_load(&large_bytes_in_use);

	for (unsigned i = 0; i < NR_CLASSES; i++) {
		mutex_lock(&classes[i].lock);
		sum += (classes[i].nr_allocated - classes[i].nr_freed) * class_bytes(i);
		mutex_unlock(&classes[i].lock);
	}
	return sum;
}

uint64_t malloc_count(void)
{
	uint64_t sum = atomic_load(&nr_large);

	for (unsigned i = 0; i < NR_CLASSES; i++) {
		mutex_lock(&classes[i].lock);
		sum += classes[i].nr_allocated;
		mutex_unlock(&classes[i].lock);
	}
	return sum;
}
