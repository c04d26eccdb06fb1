/*
 * The order in which the kernel comes up.
 */
#include "arch.h"
#include "aspace.h"
#include "boot.h"
#include "debug.h"
#include "futex.h"
#include "pagetable.h"
#include "percpu.h"
#include "task.h"

#define MIN_PAGES 4096 /* 16 MiB: below it not even the servers start */

void kernel_main(uint64_t magic, uint64_t info_pa) __attribute__((noreturn, no_stack_protector));

extern char image_start[], image_end[]; /* the first is a physical address */

static void memory_init(void)
{
	kmap_init();
	pmm_init(boot_info.free, boot_info.nr_free);
	pmm_reserve((uintptr_t)image_start, (uintptr_t)image_end - KERNEL_IMAGE);
	pt_kernel_init();
	slab_init();
	if (pmm_total_pages() < MIN_PAGES)
		panic("%lu KiB of memory are free, the system needs 64 MiB", pmm_total_pages() * 4);
}

static void objects_init(void)
{
	aspace_init();
	task_init();
	futex_init();
}

static void info_fill(void)
{
	kernel_info->nr_cpus = nr_cpus;
	kernel_info->total_pages = pmm_total_pages();
	kernel_info->acpi_rsdp = boot_info.rsdp_pa;
	kernel_info->xsave_bytes = fpu_bytes();
	kernel_info->xsave_features = fpu_features();
	memcpy(kernel_info->command_line, boot_info.command_line, sizeof(boot_info.command_line));
}

void kernel_main(uint64_t magic, uint64_t info_pa)
{
	clock_start();
	serial_init();
	cpu_init_boot();
	boot_parse(magic, info_pa);
	memory_init();
	cpu_init_tables();
	objects_init();
	acpi_init();
	apic_init();
	clock_init();
	sched_init();
	sched_init_cpu(this_cpu());
	this_cpu()->online = true;
	smp_start();
	info_fill();
	kprintf("Quoin: %u CPUs at %lu MHz, %lu MiB\n", nr_cpus, kernel_info->tsc_hz / 1000000,
		pmm_total_pages() >> 8);
	first_task_start();
	sched_idle_loop();
}
