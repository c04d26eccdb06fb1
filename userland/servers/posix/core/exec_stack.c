/* SPDX-License-Identifier: MIT */
/*
 * The first stack of a program, as the System V ABI for x86-64 (3.4.1) and Linux have it, from the
 * top down: file name, environment strings, argument strings, platform, random bytes; then aligned
 * to 16: auxiliary vector, environment and argument pointers, argc.  Built in a buffer and written
 * at once.
 */
#include "exec_load.h"
#include "process_internal.h"
#include "random.h"

#define AUXV_MAX     24
#define RANDOM_BYTES 16

static const char platform[] = "x86_64";

struct stack_image {
	char *bytes;
	uint64_t bottom; /* address of bytes[0] */
	size_t len;
};

struct auxv {
	struct linux_auxv entries[AUXV_MAX];
	uint32_t nr;
};

static void auxv_put(struct auxv *auxv, uint64_t type, uint64_t value)
{
	auxv->entries[auxv->nr++] = (struct linux_auxv){ type, value };
}

static uint32_t cpu_features(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return edx;
}

static void auxv_fill(struct auxv *auxv, const struct exec_program *program, uint64_t random_addr,
		      uint64_t platform_addr, uint64_t filename_addr)
{
	const struct cred *cred = program->cred;

	if (program->mm->vdso)
		auxv_put(auxv, LINUX_AT_SYSINFO_EHDR, program->mm->vdso);
	auxv_put(auxv, LINUX_AT_MINSIGSTKSZ, runtime_info()->xsave_bytes + 1024);
	auxv_put(auxv, LINUX_AT_HWCAP, cpu_features());
	auxv_put(auxv, LINUX_AT_PAGESZ, QUOIN_PAGE_SIZE);
	auxv_put(auxv, LINUX_AT_CLKTCK, LINUX_USER_HZ);
	auxv_put(auxv, LINUX_AT_PHDR, program->phdr_addr);
	auxv_put(auxv, LINUX_AT_PHENT, sizeof(struct linux_elf64_phdr));
	auxv_put(auxv, LINUX_AT_PHNUM, program->nr_phdrs);
	auxv_put(auxv, LINUX_AT_BASE, program->interp_base);
	auxv_put(auxv, LINUX_AT_FLAGS, 0);
	auxv_put(auxv, LINUX_AT_ENTRY, program->program_entry);
	auxv_put(auxv, LINUX_AT_UID, cred->uid);
	auxv_put(auxv, LINUX_AT_EUID, cred->euid);
	auxv_put(auxv, LINUX_AT_GID, cred->gid);
	auxv_put(auxv, LINUX_AT_EGID, cred->egid);
	auxv_put(auxv, LINUX_AT_SECURE, program->secure);
	auxv_put(auxv, LINUX_AT_RANDOM, random_addr);
	auxv_put(auxv, LINUX_AT_HWCAP2, 0);
	auxv_put(auxv, LINUX_AT_EXECFN, filename_addr);
	auxv_put(auxv, LINUX_AT_PLATFORM, platform_addr);
	auxv_put(auxv, LINUX_AT_NULL, 0);
}

/* Copies a vector's strings from *at on, in order; addresses (of the new program) go to pointers.
 */
static void place_strings(struct stack_image *image, size_t *at, const struct exec_args *args,
			  const struct exec_vector *vector, uint64_t *pointers)
{
	for (uint32_t i = 0; i < vector->nr; i++) {
		const char *string = args->strings + vector->offsets[i];
		size_t bytes = strlen(string) + 1;
		memcpy(image->bytes + *at, string, bytes);
		pointers[i] = image->bottom + *at;
		*at += bytes;
	}
	pointers[vector->nr] = 0;
}

static size_t vector_bytes(const struct exec_args *args, const struct exec_vector *vector)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < vector->nr; i++)
		bytes += strlen(args->strings + vector->offsets[i]) + 1;
	return bytes;
}

static uint64_t place_bytes(struct stack_image *image, size_t *at, const void *bytes, size_t len)
{
	uint64_t addr = image->bottom + *at;

	memcpy(image->bytes + *at, bytes, len);
	*at += len;
	return addr;
}

/* words: where argc, the vectors and auxv go; at: the offset of the strings behind them. */
static void fill_image(struct stack_image *image, size_t at, struct exec_program *program,
		       const struct exec_args *args)
{
	struct mm *mm = program->mm;
	uint64_t *words = (uint64_t *)image->bytes;
	struct auxv auxv = { .nr = 0 };
	uint8_t seed[RANDOM_BYTES];

	random_bytes(seed, sizeof(seed));
	uint64_t random_addr = place_bytes(image, &at, seed, sizeof(seed));
	uint64_t platform_addr = place_bytes(image, &at, platform, sizeof(platform));
	*words++ = args->argv.nr;
	mm->arg_start = image->bottom + at;
	place_strings(image, &at, args, &args->argv, words);
	words += args->argv.nr + 1;
	mm->arg_end = mm->env_start = image->bottom + at;
	place_strings(image, &at, args, &args->envp, words);
	words += args->envp.nr + 1;
	mm->env_end = image->bottom + at;
	uint64_t filename_addr = place_bytes(image, &at, program->filename, strlen(program->filename) + 1);
	auxv_fill(&auxv, program, random_addr, platform_addr, filename_addr);
	memcpy(words, auxv.entries, auxv.nr * sizeof(auxv.entries[0]));
	mm->auxv_bytes = (uint32_t)MIN(auxv.nr * sizeof(auxv.entries[0]), sizeof(mm->auxv));
	memcpy(mm->auxv, auxv.entries, mm->auxv_bytes);
}

long exec_build_stack(struct exec_program *program, const struct exec_args *args)
{
	struct mm *mm = program->mm;
	struct stack_image image;
	size_t words = 8ul * (1 + args->argv.nr + 1 + args->envp.nr + 1) + sizeof(struct linux_auxv) * AUXV_MAX;
	size_t strings = RANDOM_BYTES + sizeof(platform) + vector_bytes(args, &args->argv) +
			 vector_bytes(args, &args->envp) + strlen(program->filename) + 1 + 8;

	image.len = ALIGN_UP(words + strings, 16ul);
	if (image.len + (64ul << 10) > mm->stack_end - mm->stack_start)
		return -E2BIG;
	image.bytes = calloc(1, image.len);
	if (!image.bytes)
		return -ENOMEM;
	image.bottom = mm->stack_end - image.len;
	fill_image(&image, words, program, args);
	long error = exec_write(mm, image.bottom, image.bytes, image.len);
	program->stack = image.bottom;
	free(image.bytes);
	return error;
}
