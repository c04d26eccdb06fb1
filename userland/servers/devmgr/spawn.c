/*
 * A new task from an ELF image.
 *
 * Each PT_LOAD segment becomes a memory object filled here and mapped there with the segment's own rights
 * (never writable and executable), then the first thread's slot (quoin/layout.h), its handles, and
 * the thread.
 */
#include "devmgr.h"

#define ELF_CLASS64  2
#define ELF_EXEC     2
#define ELF_X86_64   62
#define PT_LOAD      1
#define MAX_SEGMENTS 16

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags; /* flags: 1 execute, 2 write, 4 read */
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static const struct elf_header *elf_check(const void *elf, size_t len)
{
	const struct elf_header *header = elf;

	if (len < sizeof(*header) || memcmp(header->ident, "\177ELF", 4) != 0 ||
	    header->ident[4] != ELF_CLASS64 || header->machine != ELF_X86_64 || header->type != ELF_EXEC ||
	    header->phentsize != sizeof(struct elf_segment) || header->phnum > MAX_SEGMENTS ||
	    header->phoff > len || header->phnum * sizeof(struct elf_segment) > len - header->phoff)
		return NULL;
	return header;
}

static long segment_fill(quoin_handle memory, const void *data, size_t data_bytes, size_t page_offset,
			 size_t len)
{
	char *window = memobj_map(memory, 0, len, QUOIN_PROT_READ | QUOIN_PROT_WRITE, QUOIN_MAP_SHARED);

	if (!window)
		return -QERR_NOMEM;
	memcpy(window + page_offset, data, data_bytes);
	pages_free(window, len);
	return 0;
}

static long segment_load(quoin_handle aspace, const char *elf, size_t elf_bytes,
			 const struct elf_segment *segment)
{
	uint64_t start = ALIGN_DOWN(segment->vaddr, QUOIN_PAGE_SIZE);
	uint64_t end = ALIGN_UP(segment->vaddr + segment->memsz, QUOIN_PAGE_SIZE);
	uint32_t prot = (segment->flags & 4 ? QUOIN_PROT_READ : 0) |
			(segment->flags & 2 ? QUOIN_PROT_WRITE : 0) |
			(segment->flags & 1 ? QUOIN_PROT_EXEC : 0);

	if (segment->offset > elf_bytes || segment->filesz > elf_bytes - segment->offset ||
	    segment->filesz > segment->memsz || end <= start || start < QUOIN_SERVER_IMAGE ||
	    end > QUOIN_SERVER_STACKS)
		return -QERR_INVAL;
	long memory = quoin_memobj_create(QUOIN_MEMOBJ_ANON, end - start);
	if (memory < 0)
		return memory;
	long status = segment_fill((quoin_handle)memory, elf + segment->offset, segment->filesz,
				   segment->vaddr - start, end - start);
	if (status == 0)
		status = quoin_aspace_map(aspace, start, end - start, prot | QUOIN_MAP_SHARED << 8,
					  (quoin_handle)memory, 0);
	quoin_handle_close((quoin_handle)memory);
	return status < 0 ? status : 0;
}

static long image_load(quoin_handle aspace, const void *elf, size_t elf_bytes, uint64_t *entry)
{
	const struct elf_header *header = elf_check(elf, elf_bytes);

	if (!header)
		return -QERR_INVAL;
	const struct elf_segment *segments = (const void *)((const char *)elf + header->phoff);
	for (unsigned i = 0; i < header->phnum; i++) {
		if (segments[i].type != PT_LOAD || !segments[i].memsz)
			continue;
		long status = segment_load(aspace, elf, elf_bytes, &segments[i]);
		if (status < 0)
			return status;
	}
	*entry = header->entry;
	return 0;
}

static long first_slot_map(quoin_handle aspace)
{
	uint64_t slot = QUOIN_SERVER_STACKS, prot = QUOIN_PROT_READ | QUOIN_PROT_WRITE;
	long status = quoin_aspace_map(aspace, slot + QUOIN_SLOT_CONTROL, QUOIN_PAGE_SIZE, prot, 0, 0);

	if (status < 0)
		return status;
	return quoin_aspace_map(aspace, slot + QUOIN_SLOT_STACK, QUOIN_SLOT_BYTES - QUOIN_SLOT_STACK, prot, 0,
				0);
}

static long first_thread(quoin_handle task, const char *name, uint64_t entry, quoin_handle supervisor)
{
	struct quoin_thread_args args = {
		.entry = entry,
		.stack = QUOIN_SERVER_STACKS + QUOIN_SLOT_BYTES,
		.page = QUOIN_SERVER_STACKS,
		.sched_class = QUOIN_SCHED_SERVER,
	};
	long status =
		quoin_handle_install(task, supervisor, QUOIN_RIGHT_CALL | QUOIN_RIGHT_DUP, QUOIN_SUPERVISOR);

	if (status < 0)
		return status;
	snprintf(args.name, sizeof(args.name), "%s", name);
	long thread = quoin_thread_create(task, (uintptr_t)&args);
	if (thread < 0)
		return thread;
	quoin_handle_close((quoin_handle)thread);
	return 0;
}

long task_spawn(const void *elf, size_t elf_bytes, const char *name, uint64_t limit_pages,
		quoin_handle supervisor, quoin_handle *task)
{
	uint64_t entry = 0;
	long aspace = quoin_aspace_create(QUOIN_ASPACE_NATIVE);

	if (aspace < 0)
		return aspace;
	long handle = quoin_task_create((quoin_handle)aspace, (uintptr_t)name, limit_pages);
	long status = handle;
	if (status >= 0)
		status = image_load((quoin_handle)aspace, elf, elf_bytes, &entry);
	if (status >= 0)
		status = first_slot_map((quoin_handle)aspace);
	if (status >= 0)
		status = first_thread((quoin_handle)handle, name, entry, supervisor);
	quoin_handle_close((quoin_handle)aspace);
	if (status >= 0)
		*task = (quoin_handle)handle;
	else if (handle >= 0)
		quoin_task_kill((quoin_handle)handle, 0), quoin_handle_close((quoin_handle)handle);
	return status < 0 ? status : 0;
}
