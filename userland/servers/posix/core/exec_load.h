/* SPDX-License-Identifier: MIT */
/* Building the memory of a new program (exec_load.c) and its first stack (exec_stack.c). */
#ifndef POSIX_EXEC_LOAD_H
#define POSIX_EXEC_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include "elf.h"
#include "exec_args.h"

struct file;
struct mm;
struct cred;

struct exec_program {
	struct mm *mm;          /* the new one */
	uint64_t entry;         /* where it begins: the interpreter's, if there is one */
	uint64_t stack;         /* first rsp */
	uint64_t program_entry; /* AT_ENTRY */
	uint64_t phdr_addr;     /* AT_PHDR */
	uint32_t nr_phdrs;      /* AT_PHNUM */
	uint64_t interp_base;   /* AT_BASE, 0: none */
	bool randomize;
	bool exec_stack;
	bool secure; /* AT_SECURE */
	const struct cred *cred;
	const char *filename; /* AT_EXECFN */
};

/* Reads and checks the headers: 0, -ENOEXEC, -EIO, -ENOMEM. */
long exec_read_elf(struct file *file, struct elf_image *image);

/* Segments of the program and its interpreter, stack, vDSO into program->mm, which is new. */
long exec_load(struct exec_program *program, struct file *file, const struct elf_image *image);

/* Strings, vectors and auxv to the top of the stack; sets program->stack. */
long exec_build_stack(struct exec_program *program, const struct exec_args *args);

/* Writes into an address space that is not the caller's; resolves faults as needed. */
long exec_write(struct mm *mm, uint64_t addr, const void *data, size_t len);

#endif
