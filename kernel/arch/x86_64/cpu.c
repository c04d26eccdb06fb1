/*
 * A processor's own: descriptor tables, interrupt stacks, control registers, features.
 */
#include "cpu.h"

#include "arch.h"
#include "aspace.h"
#include "boot.h"
#include "debug.h"
#include "mm.h"
#include "thread.h"
#include "trap.h"

_Static_assert(offsetof(struct cpu, current) == CPU_CURRENT, "entry.S");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "entry.S");
_Static_assert(offsetof(struct cpu, need_resched) == CPU_RESCHED, "entry.S");
_Static_assert(offsetof(struct cpu, canary) == CPU_CANARY, "GCC");
_Static_assert(offsetof(struct thread, stack_top) == THREAD_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct thread, sp) == THREAD_SP, "entry.S");
_Static_assert(offsetof(struct thread, page) == THREAD_PAGE, "entry.S");
_Static_assert(offsetof(struct thread, in_guest) == THREAD_IN_GUEST, "entry.S");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "entry.S");
_Static_assert(offsetof(struct quoin_vcpu_state, rip) == VCPU_RIP, "entry.S");
_Static_assert(offsetof(struct quoin_vcpu_state, rflags) == VCPU_RFLAGS, "entry.S");
_Static_assert(offsetof(struct quoin_vcpu_state, rsp) == VCPU_RSP, "entry.S");

#define GATE_INTERRUPT 0x8e
#define GATE_USER      0x60

enum { IST_DOUBLE_FAULT = 1, IST_NMI, IST_MACHINE_CHECK, NR_IST = IST_MACHINE_CHECK };

struct gate {
	uint16_t offset_low, selector;
	uint8_t ist, type;
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

struct cpu_tables {
	uint64_t gdt[TSS_SELECTOR / 8 + 2];
	struct tss tss;
};

struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct cpu cpu_boot __attribute__((aligned(64)));
static struct cpu_tables boot_tables;
static uint8_t boot_ist[NR_IST][PAGE_SIZE] __attribute__((aligned(16)));
static struct gate idt[256] __attribute__((aligned(16)));

struct cpu *cpus[MAX_CPUS] = { &cpu_boot };
unsigned nr_cpus = 1;
bool arch_has_smap;
struct cpu_features cpu_features;

extern const char entry_gates[], entry_syscall[];

static void idt_fill(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uintptr_t entry = (uintptr_t)entry_gates + 16 * v;

		idt[v] = (struct gate){
			.offset_low = entry,
			.selector = KERNEL_CS,
			.type = GATE_INTERRUPT,
			.offset_middle = entry >> 16,
			.offset_high = entry >> 32,
		};
	}
	idt[3].type |= GATE_USER; /* INT3 */
	idt[4].type |= GATE_USER; /* INTO has none in 64-bit mode, INT 4 has */
	idt[2].ist = IST_NMI;
	idt[8].ist = IST_DOUBLE_FAULT;
	idt[18].ist = IST_MACHINE_CHECK;
}

/* The first word of an interrupt stack says whose it is; see trap_ist in entry.S. */
static void ist_set(struct cpu *cpu, unsigned ist, void *top)
{
	uint64_t *word = (uint64_t *)top - 2;

	*word = (uintptr_t)cpu;
	cpu->tables->tss.ist[ist - 1] = (uintptr_t)word;
}

static void gdt_fill(struct cpu_tables *tables)
{
	uintptr_t tss = (uintptr_t)&tables->tss;

	tables->gdt[KERNEL_CS / 8] = 0x00af9a000000ffff;
	tables->gdt[KERNEL_SS / 8] = 0x00cf92000000ffff;
	tables->gdt[USER_SS / 8] = 0x00cff2000000ffff;
	tables->gdt[USER_CS / 8] = 0x00affa000000ffff;
	tables->gdt[TSS_SELECTOR / 8] =
		(sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 | (tss >> 24 & 0xff) << 56;
	tables->gdt[TSS_SELECTOR / 8 + 1] = tss >> 32;
	tables->tss.io_map = sizeof(struct tss);
}

static void tables_load(struct cpu_tables *tables)
{
	struct table_pointer gdt = { sizeof(tables->gdt) - 1, (uintptr_t)tables->gdt };
	struct table_pointer idt_pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" ::"m"(gdt), "m"(idt_pointer), "r"(TSS_SELECTOR)
			 : "memory");
}

static void features_find(void)
{
	struct cpu_features *f = &cpu_features;
	uint32_t r[4], max;

	cpuid(0, 0, r);
	max = r[0];
	cpuid(1, 0, r);
	f->xsave = r[2] & BIT(26);
	f->x2apic = r[2] & BIT(21);
	f->tsc_deadline = r[2] & BIT(24);
	f->rdrand = r[2] & BIT(30);
	if (max >= 7) {
		cpuid(7, 0, r);
		f->fsgsbase = r[1] & BIT(0);
		f->smep = r[1] & BIT(7);
		f->smap = r[1] & BIT(20);
		f->umip = r[2] & BIT(2);
	}
	if (f->xsave) {
		cpuid(13, 1, r);
		f->xsaveopt = r[0] & BIT(0);
	}
}

static void features_enable(void)
{
	const struct cpu_features *f = &cpu_features;
	uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE;

	cr4 |= f->xsave ? CR4_OSXSAVE : 0;
	cr4 |= f->fsgsbase ? CR4_FSGSBASE : 0;
	cr4 |= f->smep ? CR4_SMEP : 0;
	cr4 |= f->smap ? CR4_SMAP : 0;
	cr4 |= f->umip ? CR4_UMIP : 0;
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(uint64_t)(CR0_EM)) | CR0_MP | CR0_NE | CR0_WP | CR0_TS);
	this_cpu()->fpu_trap = true;
}

static void syscall_enable(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	wrmsr(MSR_STAR, (uint64_t)USER_CS32 << 48 | (uint64_t)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uintptr_t)entry_syscall);
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_FMASK, ~(uint64_t)RFLAGS_FIXED & 0xffffffff);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

/* What a stack smasher does not know: the same word on all CPUs, since threads move. */
static uint64_t canary_make(void)
{
	uint64_t value = rdtsc() * 0x9e3779b97f4a7c15ul, random = 0;

	if (cpu_features.rdrand)
		__asm__ volatile("rdrand %0" : "=r"(random)::"cc");
	return (value ^ random) & ~0xfful;
}

void cpu_set_kernel_stack(struct cpu *cpu, uint64_t top)
{
	cpu->tables->tss.rsp[0] = top;
}

void arch_switch_root(uint64_t root)
{
	struct cpu *cpu = this_cpu();

	if (cpu->root == root)
		return;
	cpu->root = root;
	cpu->stats.root_switches++;
	write_cr3(root);
}

/* Returns, to next's caller, when next is switched to; prev's registers are saved by then. */
void arch_thread_switch(struct cpu *cpu, struct thread *prev, struct thread *next)
{
	fpu_switch(cpu, prev, next);
	tlb_switch(next->native, next->guest);
	if (next->in_guest)
		arch_switch_root(next->guest->root[ROOT_GUEST]);
	cpu_set_kernel_stack(cpu, next->stack_top - sizeof(struct trap_frame));
	cpu->current = next;
	context_switch(&prev->sp, next->sp);
}

/* On the processor itself: everything that its registers need. */
void cpu_load(struct cpu *cpu)
{
	tables_load(cpu->tables);
	features_enable();
	syscall_enable();
	fpu_init_cpu();
	cpu->root = 0;
	arch_switch_root(kernel_root);
}

void __attribute__((no_stack_protector)) cpu_init_boot(void)
{
	struct cpu *cpu = &cpu_boot;

	features_find();
	arch_has_smap = cpu_features.smap;
	cpu->canary = canary_make();
	cpu->tables = &boot_tables;
	idt_fill();
	gdt_fill(&boot_tables);
	for (unsigned i = 1; i <= NR_IST; i++)
		ist_set(cpu, i, boot_ist[i - 1] + PAGE_SIZE);
	tables_load(&boot_tables);
	features_enable();
	syscall_enable();
	fpu_init_cpu();
}

struct cpu *cpu_create(unsigned index, uint32_t apic_id)
{
	struct cpu *cpu = kzalloc(sizeof(*cpu));

	if (!cpu)
		return NULL;
	cpu->tables = kzalloc(sizeof(*cpu->tables));
	if (!cpu->tables)
		return NULL;
	cpu->self = cpu;
	cpu->index = index;
	cpu->apic_id = apic_id;
	cpu->canary = cpu_boot.canary;
	gdt_fill(cpu->tables);
	if (!cpu_alloc_ist(cpu))
		return NULL;
	sched_init_cpu(cpu);
	return cpu;
}

/* Interrupt stacks with guard pages, in place of none or of the boot CPU's first ones. */
bool cpu_alloc_ist(struct cpu *cpu)
{
	for (unsigned i = 1; i <= NR_IST; i++) {
		void *top = kstack_alloc();

		if (!top)
			return false;
		ist_set(cpu, i, top);
	}
	return true;
}

void cpu_init_tables(void)
{
	if (!cpu_alloc_ist(&cpu_boot))
		panic("no memory for interrupt stacks");
}
