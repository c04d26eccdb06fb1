/*
 * What the boot loader and the firmware told us, in our own form.
 */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include "mm.h"

#define BOOT_MAX_RANGES 64

/* All fields are constant after boot_parse, but free: boot_alloc_page takes from it until pmm_init. */
struct boot_info {
	char command_line[512];
	struct phys_range free[BOOT_MAX_RANGES]; /* RAM nobody uses: sorted, disjoint, whole pages */
	unsigned nr_free;
	uint64_t ram_top;                   /* end of the highest RAM */
	uint64_t archive_pa, archive_bytes; /* the boot archive: first module; 0 bytes if none */
	uint64_t rsdp_pa;                   /* ACPI root pointer (the loader's copy); 0 if none */
	uint64_t trampoline_pa;             /* a page below 640 KiB for starting processors; 0 if none */
};

extern struct boot_info boot_info;

/* Reads the Multiboot2 information; panics if it is not there. */
void boot_parse(uint64_t magic, uint64_t info_pa);
/* The value of key=... on the command line, or NULL; not terminated: ends at a blank or NUL. */
const char *boot_option(const char *key);
/* A zeroed page below 4 GiB, before pmm_init. */
uint64_t boot_alloc_page(void);
/* Builds and loads the kernel's own page tables. */
void kmap_init(void);

/* Size of the vector state, and XCR0. */
uint32_t fpu_bytes(void);
uint64_t fpu_features(void);

/* The parts of arch, in the order in which kernel_main starts them. */
void serial_init(void);
void cpu_init_boot(void);   /* GDT, IDT, features of the boot CPU */
void cpu_init_tables(void); /* its IST stacks get their guard pages */
void acpi_init(void);
void apic_init(void);
void clock_start(void); /* the kernel's entry: monotonic time begins */
void clock_init(void);
void smp_start(void);

/* Images and starts the first task. */
void first_task_start(void);

#endif
