/* SPDX-License-Identifier: MIT */
/*
 * ELF headers, checked.  The file is hostile: after elf_check_* every number in the headers may be
 * used without another look.  Compiles on the host.
 */
#ifndef POSIX_ELF_H
#define POSIX_ELF_H

#include <stdbool.h>
#include <stdint.h>
#include "linux/elf.h"

#define ELF_PHDRS_MAX 128

struct elf_image {
	struct linux_elf64_ehdr header;
	struct linux_elf64_phdr phdrs[ELF_PHDRS_MAX];
	uint64_t low, high;     /* page-aligned bounds of the loaded segments, high exclusive */
	uint64_t phdr_addr;     /* where the program headers are in memory, unrelocated; 0: nowhere */
	uint64_t interp_offset; /* of PT_INTERP in the file */
	uint32_t interp_len;    /* with the NUL; 0: none */
	bool exec_stack;        /* PT_GNU_STACK asks for it */
};

/* The first bytes of a file: 0, or -ENOEXEC. */
long elf_check_header(const struct linux_elf64_ehdr *header, uint64_t file_size);

/* image->header and phdrs are filled in; the rest is computed. -ENOEXEC. */
long elf_check_segments(struct elf_image *image, uint64_t file_size);

/*
 * A "#!" line: interpreter and the one argument (null if there is none), cut out of line in place,
 * which holds len bytes of the file and room for a NUL behind them.  -ENOEXEC if it is none or has
 * no name.
 */
long script_parse(char *line, uint32_t len, char **interpreter, char **argument);

#endif
