/* The parts of ELF64 that a loader of static programs needs. */
#ifndef KERNEL_ELF_H
#define KERNEL_ELF_H

#include "base.h"

#define ELF_MAGIC  "\177ELF\2\1" /* 64 bits, little endian */
#define ELF_X86_64 62
#define ELF_LOAD   1
#define ELF_EXEC   1
#define ELF_WRITE  2
#define ELF_READ   4

struct elf_header {
	uint8_t magic[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, segments, sections;
	uint32_t flags;
	uint16_t header_bytes, segment_bytes, nr_segments;
	uint16_t section_bytes, nr_sections, names;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, file_bytes, memory_bytes, align;
};

#endif
