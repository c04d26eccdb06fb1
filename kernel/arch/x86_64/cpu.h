/*
 * What the files of arch/x86_64 share.
 */
#ifndef KERNEL_X86_CPU_H
#define KERNEL_X86_CPU_H

#include "asm.h"
#include "pagetable.h"
#include "percpu.h"

#include "tlb.h"

struct thread;
struct trap_frame;

struct cpu_features {
	bool xsave, xsaveopt, x2apic, tsc_deadline, rdrand, fsgsbase, smep, smap, umip;
};

extern struct cpu_features cpu_features;
extern struct cpu cpu_boot;

/* cpu.c */
struct cpu *cpu_create(unsigned index, uint32_t apic_id);
bool cpu_alloc_ist(struct cpu *cpu);
void cpu_load(struct cpu *cpu);
void cpu_set_kernel_stack(struct cpu *cpu, uint64_t top);

/* fpu.c */
void fpu_init_cpu(void);
/* Before the switch from prev to next: vector state, FS and GS bases. */
void fpu_switch(struct cpu *cpu, struct thread *prev, struct thread *next);
long fpu_create(struct thread *thread);
/* The guest's FS and GS base of the current thread. */
void bases_read(uint64_t *fs, uint64_t *gs);
void bases_write(uint64_t fs, uint64_t gs);

/* acpi.c: what the tables say. */
struct acpi_info {
	uint64_t lapic_pa;
	uint16_t pm_timer_port; /* 0: none */
	unsigned nr_cpus, nr_ioapics;
	uint32_t apic_ids[MAX_CPUS];
	struct {
		uint32_t pa, gsi_base;
	} ioapics[8];
};

extern struct acpi_info acpi_info;

/* apic.c */
void apic_init_cpu(void);
uint32_t apic_id(void);
void apic_eoi(void);
void apic_send(uint32_t apic_id, uint32_t command);
void apic_timer_set(uint32_t count);
uint32_t apic_timer_count(void);

#define APIC_COMMAND_FIXED 0x00004000
#define APIC_COMMAND_NMI   0x00004400
#define APIC_COMMAND_INIT  0x00004500
#define APIC_COMMAND_SIPI  0x00004600

/* ioapic.c */
void ioapic_init(void);
/* A device interrupt has come: masks a level-triggered line and tells the kernel. */
void ioapic_interrupt(unsigned vector);

/* clock.c */
void clock_delay_us(unsigned us);

#endif
