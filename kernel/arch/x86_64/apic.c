/*
 * The local APIC: end of interrupt, IPIs, the timer's registers.  x2APIC where the CPU has it (then by
 * MSR), else by memory.
 */
#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "debug.h"
#include "panic.h"
#include "mm.h"

enum {
	REG_ID = 0x020,
	REG_TPR = 0x080,
	REG_EOI = 0x0b0,
	REG_SPURIOUS = 0x0f0,
	REG_ICR_LOW = 0x300,
	REG_ICR_HIGH = 0x310,
	REG_LVT_TIMER = 0x320,
	REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360,
	REG_LVT_ERROR = 0x370,
	REG_TIMER_INITIAL = 0x380,
	REG_TIMER_CURRENT = 0x390,
	REG_TIMER_DIVIDE = 0x3e0,
};

#define APIC_ENABLE      0x100u
#define LVT_MASKED       0x10000u
#define LVT_NMI          0x400u
#define LVT_TSC_DEADLINE 0x40000u
#define ICR_PENDING      0x1000u
#define DIVIDE_BY_1      0xbu
#define APIC_BASE_GLOBAL BIT(11)
#define APIC_BASE_X2     BIT(10)
#define X2APIC_MSR(reg)  (0x800u + ((reg) >> 4))
#define PIC1_DATA        0x21
#define PIC2_DATA        0xa1

static volatile uint8_t *registers;

static uint32_t read(unsigned reg)
{
	if (cpu_features.x2apic)
		return rdmsr(X2APIC_MSR(reg));
	return *(volatile uint32_t *)(registers + reg);
}

static void write(unsigned reg, uint32_t value)
{
	if (cpu_features.x2apic)
		wrmsr(X2APIC_MSR(reg), value);
	else
		*(volatile uint32_t *)(registers + reg) = value;
}

uint32_t apic_id(void)
{
	return cpu_features.x2apic ? read(REG_ID) : read(REG_ID) >> 24;
}

void apic_eoi(void)
{
	write(REG_EOI, 0);
}

void apic_send(uint32_t id, uint32_t command)
{
	if (cpu_features.x2apic) {
		__asm__ volatile("mfence" ::: "memory"); /* WRMSR to it does not order stores */
		wrmsr(X2APIC_MSR(REG_ICR_LOW), (uint64_t)id << 32 | command);
		return;
	}
	while (read(REG_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	write(REG_ICR_HIGH, id << 24);
	write(REG_ICR_LOW, command);
}

void apic_timer_set(uint32_t count)
{
	write(REG_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
	return read(REG_TIMER_CURRENT);
}

void arch_reschedule_ipi(struct cpu *cpu)
{
	this_cpu()->stats.ipis++;
	apic_send(cpu->apic_id, APIC_COMMAND_FIXED | VECTOR_RESCHEDULE);
}

void arch_tlb_ipi(uint64_t cpu_mask)
{
	for (; cpu_mask; cpu_mask &= cpu_mask - 1) {
		this_cpu()->stats.ipis++;
		apic_send(cpus[__builtin_ctzl(cpu_mask)]->apic_id, APIC_COMMAND_FIXED | VECTOR_TLB);
	}
}

void arch_stop_others(void)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpus[i] && cpus[i] != this_cpu() && cpus[i]->online)
			apic_send(cpus[i]->apic_id, APIC_COMMAND_NMI);
}

void apic_init_cpu(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_GLOBAL;

	wrmsr(MSR_APIC_BASE, base);
	if (cpu_features.x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	write(REG_TPR, 0);
	write(REG_LVT_LINT0, LVT_MASKED);
	write(REG_LVT_LINT1, LVT_NMI);
	write(REG_LVT_ERROR, LVT_MASKED);
	write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	write(REG_LVT_TIMER, VECTOR_TIMER | (cpu_features.tsc_deadline ? LVT_TSC_DEADLINE : 0));
	write(REG_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
}

/* The 8259s stay masked for good; the I/O APICs do their work. */
static void pic_disable(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
}

void apic_init(void)
{
	if (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2)
		cpu_features.x2apic = true;
	if (!cpu_features.x2apic) {
		registers = kernel_map_device(acpi_info.lapic_pa, PAGE_SIZE);
		if (!registers)
			panic("no memory to map the local APIC");
	}
	pic_disable();
	apic_init_cpu();
	cpu_boot.apic_id = apic_id();
	ioapic_init();
}
