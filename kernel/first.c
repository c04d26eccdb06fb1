/*
 * The first task: the program FIRST_PROGRAM out of the boot archive, a cpio archive of the "newc" kind.
 *
 * It gets the aspace, the handles and the archive from task_create_first, its segments and the first
 * thread's slot (layout.h) as private anonymous memory from here.  The archive and the program come
 * with the kernel, but a damaged one must say so instead of taking the machine down in a riddle.
 */
#include "aspace.h"
#include "boot.h"
#include "debug.h"
#include "elf.h"
#include "task.h"
#include "thread.h"

#define FIRST_PROGRAM "devmgr"
#define CPIO_MAGIC    "070701"
#define CPIO_HEADER   110
#define CPIO_FILESIZE 54 /* eight hexadecimal digits each */
#define CPIO_NAMESIZE 94

struct file {
	const uint8_t *data;
	uint64_t size;
};

static uint64_t hex_field(const uint8_t *p)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		unsigned c = p[i] | 0x20;

		value = value << 4 | (c >= 'a' ? c - 'a' + 10 : (c - '0') & 15);
	}
	return value;
}

/* One entry at *at; moves *at behind it.  False at the end or if it is malformed. */
static bool cpio_next(const uint8_t *archive, uint64_t size, uint64_t *at, const char **name, struct file *file)
{
	const uint8_t *h = archive + *at;
	uint64_t name_size, data_at;

	if (size - *at < CPIO_HEADER || memcmp(h, CPIO_MAGIC, 6) != 0)
		return false;
	name_size = hex_field(h + CPIO_NAMESIZE);
	file->size = hex_field(h + CPIO_FILESIZE);
	data_at = ALIGN_UP(*at + CPIO_HEADER + name_size, 4);
	if (name_size == 0 || data_at > size || file->size > size - data_at ||
	    h[CPIO_HEADER + name_size - 1] != 0)
		return false;
	*name = (const char *)h + CPIO_HEADER;
	file->data = archive + data_at;
	*at = MIN(ALIGN_UP(data_at + file->size, 4), size);
	return true;
}

static bool names_equal(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

static bool archive_find(const char *wanted, struct file *file)
{
	const uint8_t *archive = phys_to_virt(boot_info.archive_pa);
	const char *name;
	uint64_t at = 0;

	while (cpio_next(archive, boot_info.archive_bytes, &at, &name, file))
		if (names_equal(name, wanted))
			return true;
	return false;
}

/* Anonymous memory with prot; what is written before the program runs goes around the protection. */
static void map(struct task *task, uintptr_t start, uintptr_t end, unsigned prot)
{
	long err = aspace_map(task->aspace, start, end - start, prot, NULL, prot, 0);

	if (err)
		panic("%s: cannot map %lx: error %ld", task->name, start, err);
}

static void load_segment(struct task *task, const struct file *file, const struct elf_segment *s)
{
	uintptr_t start = ALIGN_DOWN(s->vaddr, PAGE_SIZE);
	unsigned prot = 0;

	if (s->file_bytes > s->memory_bytes || s->offset > file->size ||
	    s->file_bytes > file->size - s->offset || s->vaddr < QUOIN_SERVER_MIN ||
	    s->vaddr >= QUOIN_SERVER_MAX || s->memory_bytes > QUOIN_SERVER_MAX - s->vaddr)
		panic("%s: malformed segment", task->name);
	prot |= s->flags & ELF_READ ? QUOIN_PROT_READ : 0;
	prot |= s->flags & ELF_WRITE ? QUOIN_PROT_WRITE : 0;
	prot |= s->flags & ELF_EXEC ? QUOIN_PROT_EXEC : 0;
	map(task, start, ALIGN_UP(s->vaddr + s->memory_bytes, PAGE_SIZE), prot);
	if (aspace_copy_in(task->aspace, s->vaddr, file->data + s->offset, s->file_bytes) != s->file_bytes)
		panic("%s: no memory to load it", task->name);
}

/* Returns the entry point. */
static uint64_t load_program(struct task *task, const struct file *file)
{
	const struct elf_header *h = (const void *)file->data;

	if (file->size < sizeof(*h) || memcmp(h->magic, ELF_MAGIC, 6) != 0 || h->machine != ELF_X86_64 ||
	    h->segment_bytes != sizeof(struct elf_segment) || h->segments > file->size ||
	    h->nr_segments > (file->size - h->segments) / sizeof(struct elf_segment))
		panic("%s is no ELF64 program", task->name);
	for (unsigned i = 0; i < h->nr_segments; i++) {
		const struct elf_segment *s = (const void *)(file->data + h->segments);

		if (s[i].type == ELF_LOAD && s[i].memory_bytes > 0)
			load_segment(task, file, &s[i]);
	}
	return h->entry;
}

static void start_thread(struct task *task, uint64_t entry)
{
	struct quoin_thread_args args = {
		.entry = entry,
		.stack = QUOIN_SERVER_STACKS + QUOIN_SLOT_BYTES,
		.page = QUOIN_SERVER_STACKS,
		.sched_class = QUOIN_SCHED_SERVER,
		.name = "main",
	};
	struct handle_ref ref = { .rights = QUOIN_RIGHT_ALL };
	struct thread *thread;

	map(task, QUOIN_SERVER_STACKS + QUOIN_SLOT_CONTROL,
	    QUOIN_SERVER_STACKS + QUOIN_SLOT_CONTROL + PAGE_SIZE, QUOIN_PROT_READ | QUOIN_PROT_WRITE);
	map(task, QUOIN_SERVER_STACKS + QUOIN_SLOT_STACK, QUOIN_SERVER_STACKS + QUOIN_SLOT_BYTES,
	    QUOIN_PROT_READ | QUOIN_PROT_WRITE);
	if (thread_new(task, &args, &thread) != 0)
		panic("%s: no memory for its thread", task->name);
	ref.object = &thread->object;
	if (handle_insert_at(task, QUOIN_SELF_THREAD, &ref) < 0 || thread_start(thread) != 0)
		panic("%s: its thread does not start", task->name);
	object_put(&thread->object);
}

void first_task_start(void)
{
	struct task *task;
	struct file file;

	if (boot_info.archive_bytes == 0)
		panic("no boot archive: the boot loader has to give it as a module");
	if (!archive_find(FIRST_PROGRAM, &file))
		panic("no program " FIRST_PROGRAM " in the boot archive");
	task = task_create_first(FIRST_PROGRAM, boot_info.archive_pa, boot_info.archive_bytes);
	if (!task)
		panic("no memory for the first task");
	start_thread(task, load_program(task, &file));
	object_put(&task->object);
}
