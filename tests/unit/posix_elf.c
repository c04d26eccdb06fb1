// sources: userland/servers/posix/core/elf.c
// flags: -Iuserland/servers/posix/core
/* ELF headers and "#!" lines: what is right passes, what is hostile is ENOEXEC. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "elf.h"

#define FILE_SIZE 65536ul

static struct elf_image good_image(void)
{
	struct elf_image image = {
		.header = {
			.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
			.e_type = LINUX_ET_EXEC,
			.e_machine = LINUX_EM_X86_64,
			.e_phoff = 64,
			.e_phentsize = sizeof(struct linux_elf64_phdr),
			.e_phnum = 3,
			.e_entry = 0x401000,
		},
		.phdrs = {
			{.p_type = LINUX_PT_LOAD, .p_flags = 5, .p_vaddr = 0x400000, .p_filesz = 0x2000, .p_memsz = 0x2000},
			{.p_type = LINUX_PT_LOAD, .p_flags = 6, .p_offset = 0x2800, .p_vaddr = 0x403800, .p_filesz = 0x100, .p_memsz = 0x5000},
			{.p_type = LINUX_PT_GNU_STACK, .p_flags = 6},
		},
	};

	return image;
}

static long check(const struct elf_image *image)
{
	struct elf_image copy = *image;
	long error = elf_check_header(&copy.header, FILE_SIZE);

	return error ? error : elf_check_segments(&copy, FILE_SIZE);
}

static void a_good_file_is_understood(void)
{
	struct elf_image image = good_image();

	CHECK_EQ(elf_check_header(&image.header, FILE_SIZE), 0);
	CHECK_EQ(elf_check_segments(&image, FILE_SIZE), 0);
	CHECK_EQ(image.low, 0x400000);
	CHECK_EQ(image.high, 0x409000);
	CHECK_EQ(image.phdr_addr, 0x400040);
	CHECK(!image.exec_stack);
}

#define REFUSED(change)                                \
	do {                                           \
		struct elf_image image = good_image(); \
		change;                                \
		CHECK_EQ(check(&image), -ENOEXEC);     \
	} while (0)

static void hostile_files_are_refused(void)
{
	REFUSED(image.header.e_ident[0] = 0);
	REFUSED(image.header.e_ident[4] = 1);
	REFUSED(image.header.e_machine = 3);
	REFUSED(image.header.e_type = LINUX_ET_CORE);
	REFUSED(image.header.e_phnum = 0);
	REFUSED(image.header.e_phnum = 0xffff);
	REFUSED(image.header.e_phoff = ~0ull);
	REFUSED(image.header.e_phoff = FILE_SIZE - 8);
	REFUSED(image.header.e_phentsize = 32);
	REFUSED(image.phdrs[0].p_filesz = 0x3000);
	REFUSED(image.phdrs[1].p_offset = FILE_SIZE + 0x800);
	REFUSED(image.phdrs[1].p_offset = 0x2801);
	REFUSED(image.phdrs[1].p_memsz = ~0ull);
	REFUSED(image.phdrs[1].p_vaddr = 0x7fffffffe800; image.phdrs[1].p_memsz = 0x10000);
	REFUSED(image.phdrs[1].p_vaddr = 0x100800);
	REFUSED(image.phdrs[0].p_vaddr = 0; image.phdrs[1].p_vaddr = 0x3800);
	REFUSED(image.phdrs[0].p_type = image.phdrs[1].p_type = LINUX_PT_NULL);
	REFUSED(image.phdrs[2].p_type = LINUX_PT_INTERP; image.phdrs[2].p_filesz = 8192);
	REFUSED(image.phdrs[2].p_type = LINUX_PT_INTERP; image.phdrs[2].p_offset = ~0ull;
		image.phdrs[2].p_filesz = 16);
}

/* Whatever the bits are: no sanitizer may find anything, and what passes is within bounds. */
static void random_headers_do_no_harm(void)
{
	srand(2);
	for (int i = 0; i < 200000; i++) {
		struct elf_image image = good_image();
		for (int flips = rand() % 6; flips >= 0; flips--) {
			size_t at = (size_t)rand() % (64 + 3 * 56);
			uint8_t *bytes = at < 64 ? (uint8_t *)&image.header : (uint8_t *)image.phdrs - 64;
			bytes[at] ^= (uint8_t)(1u << (rand() & 7));
		}
		if (elf_check_header(&image.header, FILE_SIZE) || elf_check_segments(&image, FILE_SIZE))
			continue;
		CHECK(image.low < image.high && image.high <= 0x800000000000);
	}
}

static long script(const char *text, char **interpreter, char **argument)
{
	static char line[257];

	memset(line, 'x', sizeof(line));
	memcpy(line, text, strlen(text));
	return script_parse(line, (uint32_t)strlen(text), interpreter, argument);
}

static void script_lines(void)
{
	char *interpreter, *argument;

	CHECK_EQ(script("#!/bin/sh\necho", &interpreter, &argument), 0);
	CHECK_STR(interpreter, "/bin/sh");
	CHECK(argument == NULL);
	CHECK_EQ(script("#! \t/usr/bin/env  a b \t\n", &interpreter, &argument), 0);
	CHECK_STR(interpreter, "/usr/bin/env");
	CHECK_STR(argument, "a b");
	CHECK_EQ(script("#!/bin/x", &interpreter, &argument), 0);
	CHECK_STR(interpreter, "/bin/x");
	CHECK_EQ(script("#!\n", &interpreter, &argument), -ENOEXEC);
	CHECK_EQ(script("#!   \n", &interpreter, &argument), -ENOEXEC);
	CHECK_EQ(script("#", &interpreter, &argument), -ENOEXEC);
	CHECK_EQ(script("echo", &interpreter, &argument), -ENOEXEC);
}

int main(void)
{
	a_good_file_is_understood();
	hostile_files_are_refused();
	random_headers_do_no_harm();
	script_lines();
	return check_result();
}
