/*
 * Starting the other processors: INIT, then twice the start-up IPI that sends them through
 * trampoline.S, one after the other.  One that does not come is left out.
 *
 * Each gets a place: a struct cpu and its idle thread's stack.  A processor takes the place that the trampoline's page
 * offers, or stops when there is none: so one that comes when it was given up already, on a busy emulator, takes the
 * next one's place or none, but never one that is taken.
 */
#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "debug.h"
#include "mm.h"
#include "thread.h"

#define WAIT_US     10
#define WAIT_ROUNDS 20000 /* 200 ms */

extern const char trampoline_start[], trampoline_end[];
extern const char trampoline_cpu[], trampoline_stack[], trampoline_root[], trampoline_entry[];

/* Where a processor arrives, on its idle thread's stack. */
static void __attribute__((noreturn, no_stack_protector)) ap_entry(struct cpu *cpu)
{
	cpu_load(cpu);
	apic_init_cpu();
	cpu->apic_id = apic_id();
	cpu->online = true;
	sched_idle_loop();
}

static void trampoline_set(uint8_t *page, const char *field, uint64_t value)
{
	memcpy(page + (field - trampoline_start), &value, sizeof(value));
}

static uint64_t *trampoline_place(uint8_t *page)
{
	return (uint64_t *)(page + (trampoline_cpu - trampoline_start));
}

static void place_offer(uint8_t *page, struct cpu *cpu)
{
	trampoline_set(page, trampoline_stack, cpu->idle->stack_top);
	trampoline_set(page, trampoline_root, kernel_root);
	trampoline_set(page, trampoline_entry, (uintptr_t)ap_entry);
	__atomic_store_n(trampoline_place(page), (uintptr_t)cpu, __ATOMIC_RELEASE);
}

/* False: a processor has taken the place and is on its way. */
static bool place_withdraw(uint8_t *page)
{
	return __atomic_exchange_n(trampoline_place(page), 0, __ATOMIC_SEQ_CST) != 0;
}

static bool start_one(struct cpu *cpu, uint8_t *page)
{
	uint32_t apic_id = cpu->apic_id, sipi = APIC_COMMAND_SIPI | boot_info.trampoline_pa >> PAGE_SHIFT;

	place_offer(page, cpu);
	apic_send(apic_id, APIC_COMMAND_INIT);
	clock_delay_us(10000);
	for (unsigned i = 0; i < 2 && !cpu->online; i++) {
		apic_send(apic_id, sipi);
		clock_delay_us(200);
	}
	for (unsigned i = 0; i < WAIT_ROUNDS && !cpu->online; i++)
		clock_delay_us(WAIT_US);
	if (!cpu->online && place_withdraw(page))
		return false;
	while (!cpu->online)
		cpu_relax();
	return true;
}

void smp_start(void)
{
	uint8_t *page = phys_to_virt(boot_info.trampoline_pa);

	if (!boot_info.trampoline_pa)
		return;
	memcpy(page, trampoline_start, trampoline_end - trampoline_start);
	for (unsigned i = 0; i < acpi_info.nr_cpus && nr_cpus < MAX_CPUS; i++) {
		struct cpu *cpu;

		if (acpi_info.apic_ids[i] == cpu_boot.apic_id)
			continue;
		cpu = cpu_create(nr_cpus, acpi_info.apic_ids[i]);
		if (!cpu)
			break;
		cpus[nr_cpus] = cpu;
		if (start_one(cpu, page)) {
			nr_cpus++;
		} else {
			cpus[nr_cpus] = NULL;
			kprintf("cpu with APIC %u does not start\n", acpi_info.apic_ids[i]);
		}
	}
}
