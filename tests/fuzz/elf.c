// SPDX-License-Identifier: MIT
// sources: userland/servers/posix/core/elf.c
// flags: -Iuserland/servers/posix/core
/* Programs, as execve reads them: what passes the checks may be used without another look. */
#include "fuzz.h"
#include "elf.h"
#include "quoin/layout.h"

#define LINE_BYTES 256u

static void check_segment(const struct elf_image *image, const struct linux_elf64_phdr *segment,
			  uint64_t file_size)
{
	if (segment->p_type != LINUX_PT_LOAD || !segment->p_memsz)
		return;
	EXPECT(segment->p_filesz <= segment->p_memsz);
	EXPECT(segment->p_offset + segment->p_filesz <= file_size);
	EXPECT(segment->p_vaddr >= image->low);
	EXPECT(segment->p_vaddr + segment->p_memsz <= image->high);
}

static void program(const uint8_t *data, size_t size)
{
	struct elf_image *image = calloc(1, sizeof(*image));

	memcpy(&image->header, data, size < sizeof(image->header) ? size : sizeof(image->header));
	if (elf_check_header(&image->header, size) == 0) {
		memcpy(image->phdrs, data + image->header.e_phoff,
		       image->header.e_phnum * sizeof(image->phdrs[0]));
		if (elf_check_segments(image, size) == 0) {
			EXPECT(image->low < image->high && image->high <= QUOIN_GUEST_MAX);
			EXPECT(!((image->low | image->high) % QUOIN_PAGE_SIZE));
			EXPECT(image->interp_len <= 4096 && image->interp_offset + image->interp_len <= size);
			for (unsigned i = 0; i < image->header.e_phnum; i++)
				check_segment(image, &image->phdrs[i], size);
		}
	}
	free(image);
}

static void script(const uint8_t *data, size_t size)
{
	uint32_t len = size < LINE_BYTES ? (uint32_t)size : LINE_BYTES;
	char *line = malloc(len + 1), *interpreter, *argument;

	memcpy(line, data, len);
	if (script_parse(line, len, &interpreter, &argument) == 0) {
		EXPECT(interpreter > line && interpreter + strlen(interpreter) <= line + len);
		EXPECT(*interpreter);
		if (argument)
			EXPECT(argument > interpreter && argument + strlen(argument) <= line + len);
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	program(data, size);
	script(data, size);
	return 0;
}
