/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>
#include "elf.h"
#include "linux/errno.h"
#include "quoin/layout.h"

#define PAGE_MASK (QUOIN_PAGE_SIZE - 1)

long elf_check_header(const struct linux_elf64_ehdr *header, uint64_t file_size)
{
	uint64_t phdrs_bytes = (uint64_t)header->e_phnum * sizeof(struct linux_elf64_phdr);

	if (file_size < sizeof(*header) || memcmp(header->e_ident, LINUX_ELFMAG, LINUX_SELFMAG) ||
	    header->e_ident[LINUX_EI_CLASS] != LINUX_ELFCLASS64 ||
	    header->e_ident[LINUX_EI_DATA] != LINUX_ELFDATA2LSB)
		return -ENOEXEC;
	if ((header->e_type != LINUX_ET_EXEC && header->e_type != LINUX_ET_DYN) ||
	    header->e_machine != LINUX_EM_X86_64 || header->e_phentsize != sizeof(struct linux_elf64_phdr))
		return -ENOEXEC;
	if (!header->e_phnum || header->e_phnum > ELF_PHDRS_MAX || header->e_phoff > file_size ||
	    phdrs_bytes > file_size - header->e_phoff)
		return -ENOEXEC;
	return 0;
}

static long check_load(struct elf_image *image, const struct linux_elf64_phdr *segment, uint64_t file_size)
{
	if (segment->p_filesz > segment->p_memsz || segment->p_memsz > QUOIN_GUEST_MAX ||
	    segment->p_vaddr > QUOIN_GUEST_MAX - segment->p_memsz)
		return -ENOEXEC;
	if (segment->p_offset > file_size || segment->p_filesz > file_size - segment->p_offset)
		return -ENOEXEC; /* truncated */
	if ((segment->p_vaddr ^ segment->p_offset) & PAGE_MASK)
		return -ENOEXEC;
	if (image->high && segment->p_vaddr < (image->high & ~PAGE_MASK) - QUOIN_PAGE_SIZE)
		return -ENOEXEC; /* not in rising order */
	if (!image->high)
		image->low = segment->p_vaddr & ~PAGE_MASK;
	uint64_t end = (segment->p_vaddr + segment->p_memsz + PAGE_MASK) & ~PAGE_MASK;
	if (end > image->high)
		image->high = end;
	uint64_t phoff = image->header.e_phoff;
	if (phoff >= segment->p_offset && phoff - segment->p_offset < segment->p_filesz)
		image->phdr_addr = segment->p_vaddr + (phoff - segment->p_offset);
	return 0;
}

static long check_interp(struct elf_image *image, const struct linux_elf64_phdr *segment, uint64_t file_size)
{
	if (image->interp_len || segment->p_filesz < 2 || segment->p_filesz > 4096 ||
	    segment->p_offset > file_size || segment->p_filesz > file_size - segment->p_offset)
		return -ENOEXEC;
	image->interp_offset = segment->p_offset;
	image->interp_len = (uint32_t)segment->p_filesz;
	return 0;
}

long elf_check_segments(struct elf_image *image, uint64_t file_size)
{
	bool low_ok;

	image->low = image->high = image->phdr_addr = 0;
	image->interp_len = 0;
	image->exec_stack = false;
	for (uint32_t i = 0; i < image->header.e_phnum; i++) {
		const struct linux_elf64_phdr *segment = &image->phdrs[i];
		long error = 0;
		if (segment->p_type == LINUX_PT_LOAD && segment->p_memsz)
			error = check_load(image, segment, file_size);
		else if (segment->p_type == LINUX_PT_INTERP)
			error = check_interp(image, segment, file_size);
		else if (segment->p_type == LINUX_PT_GNU_STACK)
			image->exec_stack = segment->p_flags & LINUX_PF_X;
		if (error)
			return error;
	}
	low_ok = image->header.e_type == LINUX_ET_DYN || image->low >= QUOIN_GUEST_MIN;
	return image->high > image->low && low_ok ? 0 : -ENOEXEC;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

long script_parse(char *line, uint32_t len, char **interpreter, char **argument)
{
	char *end, *at;

	if (len < 3 || line[0] != '#' || line[1] != '!')
		return -ENOEXEC;
	end = memchr(line, '\n', len);
	if (!end)
		end = line + len;
	while (end > line + 2 && is_blank(end[-1]))
		end--;
	*end = 0;
	for (at = line + 2; is_blank(*at); at++)
		;
	if (!*at)
		return -ENOEXEC;
	*interpreter = at;
	while (*at && !is_blank(*at))
		at++;
	*argument = NULL;
	if (*at) {
		*at++ = 0;
		while (is_blank(*at))
			at++;
		*argument = at;
	}
	return 0;
}
