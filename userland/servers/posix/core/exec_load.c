/* SPDX-License-Identifier: MIT */
/*
 * The memory of a new program.  It is built beside the old one, so that whatever goes wrong is an
 * error of execve() and not the end of the process.
 */
#include "../mm/mm_internal.h"
#include "exec_load.h"
#include "file.h"
#include "inode.h"
#include "process_internal.h"
#include "random.h"
#include "rlimit.h"

#define PIE_BASE           0x555555554000ul
#define PIE_RANDOM_PAGES   (1ul << 28)
#define MMAP_RANDOM_PAGES  (1ul << 28)
#define STACK_RANDOM_PAGES (1ul << 22)
#define BRK_RANDOM_PAGES   (1ul << 13)
#define STACK_MIN          (256ul << 10)
#define STACK_MAX          (1ul << 30)
#define STACK_GUARD        (1ul << 20)

static uint64_t random_pages(const struct exec_program *program, uint64_t nr_pages)
{
	return program->randomize ? (random_u64() % nr_pages) * QUOIN_PAGE_SIZE : 0;
}

long exec_read_elf(struct file *file, struct elf_image *image)
{
	uint64_t size = (uint64_t)file->inode->size;
	long got = file_read_at(file, 0, &image->header, sizeof(image->header));

	if (got != (long)sizeof(image->header))
		return got < 0 ? got : -ENOEXEC;
	long error = elf_check_header(&image->header, size);
	if (error)
		return error;
	size_t bytes = image->header.e_phnum * sizeof(image->phdrs[0]);
	got = file_read_at(file, (int64_t)image->header.e_phoff, image->phdrs, bytes);
	if (got != (long)bytes)
		return got < 0 ? got : -ENOEXEC;
	return elf_check_segments(image, size);
}

long exec_write(struct mm *mm, uint64_t addr, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		long done = quoin_aspace_write(mm->aspace, addr, (uintptr_t)from, len);
		if (done < 0)
			return -EFAULT;
		addr += (uint64_t)done;
		from += done;
		len -= (size_t)done;
		if (!len)
			break;
		/* Write protection is ignored by aspace_write: the page only has to be there. */
		long kind =
			quoin_aspace_populate(mm->aspace, addr & ~PAGE_MASK, QUOIN_PAGE_SIZE, MM_ACCESS_READ);
		long error = kind > 0 ? mm_fault_resolve(mm, addr, MM_ACCESS_READ, (uint32_t)kind) : kind;
		if (error)
			return error == -ENOMEM ? -ENOMEM : -EIO;
		if (!kind && !done)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t segment_flags(const struct linux_elf64_phdr *segment)
{
	return (segment->p_flags & LINUX_PF_R ? VMA_READ : 0) |
	       (segment->p_flags & LINUX_PF_W ? VMA_WRITE : 0) | (segment->p_flags & LINUX_PF_X ? VMA_EXEC : 0);
}

static long map_file_part(struct mm *mm, struct file *file, const struct linux_elf64_phdr *segment,
			  uint64_t base, uint64_t *mapped_end)
{
	uint64_t start = (base + segment->p_vaddr) & ~PAGE_MASK;
	struct vma vma = {
		.start = start,
		.end = page_up(base + segment->p_vaddr + segment->p_filesz),
		.offset = segment->p_offset & ~PAGE_MASK,
		.flags = segment_flags(segment),
		.file = file_get(file),
	};

	mutex_lock(&mm->lock);
	long error = mm_map_locked(mm, &vma, true);
	mutex_unlock(&mm->lock);
	if (error)
		vma_put(&vma);
	*mapped_end = vma.end;
	return error;
}

/* The file's last page is zero behind the segment's bytes; then come pages of zeros. */
static long map_zero_part(struct mm *mm, const struct linux_elf64_phdr *segment, uint64_t base,
			  uint64_t mapped_end)
{
	static const char zeros[QUOIN_PAGE_SIZE];
	uint64_t file_end = base + segment->p_vaddr + segment->p_filesz;
	uint64_t end = page_up(base + segment->p_vaddr + segment->p_memsz);
	long error = 0;

	if ((segment->p_flags & LINUX_PF_W) && mapped_end > file_end && segment->p_memsz > segment->p_filesz)
		error = exec_write(mm, file_end, zeros, mapped_end - file_end);
	if (error || end <= mapped_end)
		return error;
	struct vma vma = { .start = mapped_end, .end = end, .flags = segment_flags(segment) };
	mutex_lock(&mm->lock);
	error = mm_map_locked(mm, &vma, true);
	mutex_unlock(&mm->lock);
	return error;
}

static long map_segments(struct mm *mm, struct file *file, const struct elf_image *image, uint64_t base)
{
	for (uint32_t i = 0; i < image->header.e_phnum; i++) {
		const struct linux_elf64_phdr *segment = &image->phdrs[i];
		uint64_t mapped_end = (base + segment->p_vaddr) & ~PAGE_MASK;
		long error = 0;
		if (segment->p_type != LINUX_PT_LOAD || !segment->p_memsz)
			continue;
		if (segment->p_filesz)
			error = map_file_part(mm, file, segment, base, &mapped_end);
		if (!error)
			error = map_zero_part(mm, segment, base, mapped_end);
		if (error)
			return error;
	}
	return 0;
}

static long load_interpreter(struct exec_program *program, struct file *file, const struct elf_image *image)
{
	struct mm *mm = program->mm;
	struct elf_image *interp = malloc(sizeof(*interp));
	struct file *interp_file = NULL;
	char *path = malloc(image->interp_len + 1);
	long error = -ENOMEM;

	if (!interp || !path)
		goto out;
	error = file_read_at(file, (int64_t)image->interp_offset, path, image->interp_len);
	if (error != (long)image->interp_len || path[image->interp_len - 1]) {
		error = error < 0 ? error : -ENOEXEC;
		goto out;
	}
	error = file_open_exec(LINUX_AT_FDCWD, path, 0, &interp_file);
	if (error)
		goto out;
	error = exec_read_elf(interp_file, interp);
	if (error || interp->interp_len) {
		error = error == -ENOEXEC || !error ? -ELIBBAD : error;
		goto out;
	}
	if (interp->header.e_type == LINUX_ET_DYN) {
		uint64_t at =
			vma_list_gap(&mm->vmas, interp->high - interp->low, QUOIN_GUEST_MIN, mm->mmap_top);
		program->interp_base = at - interp->low;
		error = at ? 0 : -ENOMEM;
	}
	if (!error)
		error = map_segments(mm, interp_file, interp, program->interp_base);
	program->entry = program->interp_base + interp->header.e_entry;
out:
	if (interp_file)
		file_put(interp_file);
	free(path);
	free(interp);
	return error;
}

static long map_stack(struct exec_program *program)
{
	struct mm *mm = program->mm;
	uint64_t limit = rlimit_get(LINUX_RLIMIT_STACK);
	uint64_t bytes = limit > STACK_MAX ? STACK_MAX : limit < STACK_MIN ? STACK_MIN : page_up(limit);
	uint32_t flags = VMA_READ | VMA_WRITE | VMA_STACK | (program->exec_stack ? VMA_EXEC : 0);

	mm->stack_end = QUOIN_GUEST_MAX - random_pages(program, STACK_RANDOM_PAGES);
	mm->stack_start = mm->stack_end - bytes;
	mm->mmap_top = mm->stack_start - STACK_GUARD - random_pages(program, MMAP_RANDOM_PAGES);
	return mm_map_anonymous(mm, mm->stack_start, bytes, flags);
}

static void find_code(struct mm *mm, const struct elf_image *image, uint64_t base)
{
	for (uint32_t i = 0; i < image->header.e_phnum; i++) {
		const struct linux_elf64_phdr *segment = &image->phdrs[i];
		if (segment->p_type != LINUX_PT_LOAD || !(segment->p_flags & LINUX_PF_X))
			continue;
		mm->code_start = base + segment->p_vaddr;
		mm->code_end = mm->code_start + segment->p_filesz;
		return;
	}
}

long exec_load(struct exec_program *program, struct file *file, const struct elf_image *image)
{
	struct mm *mm = program->mm;
	uint64_t base = 0;

	program->exec_stack = image->exec_stack;
	long error = map_stack(program);
	if (error)
		return error;
	if (image->header.e_type == LINUX_ET_DYN)
		base = PIE_BASE + random_pages(program, PIE_RANDOM_PAGES) - image->low;
	if (image->high - image->low > QUOIN_GUEST_MAX / 4 ||
	    !vma_list_is_free(&mm->vmas, base + image->low, base + image->high) ||
	    base + image->high > QUOIN_GUEST_MAX)
		return -ENOMEM;
	error = map_segments(mm, file, image, base);
	if (error)
		return error;
	find_code(mm, image, base);
	mm->brk_start = mm->brk_end = base + image->high + random_pages(program, BRK_RANDOM_PAGES);
	mm->entry = program->entry = program->program_entry = base + image->header.e_entry;
	program->phdr_addr = image->phdr_addr ? base + image->phdr_addr : 0;
	program->nr_phdrs = image->header.e_phnum;
	if (image->interp_len)
		error = load_interpreter(program, file, image);
	if (!error)
		error = vdso_map(mm);
	if (!error)
		mm->exe = file_get(file);
	return error;
}
