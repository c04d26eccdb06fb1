/*
 * The end: one CPU prints the reason, its stack, what every other CPU was doing, and the trace.
 *
 * The first CPU to panic wins; it stops the others by NMI, and each of them prints its own backtrace
 * when its turn comes, so that the lines do not mix.
 */
#include "arch.h"
#include "console.h"
#include "debug.h"
#include "mm.h"
#include "panic.h"
#include "percpu.h"
#include "print.h"
#include "task.h"
#include "thread.h"
#include "trap.h"

#define STOP_WAIT_TICKS 200000000ul
#define MAX_FRAMES      24

_Atomic bool panicking;
static _Atomic uint32_t panic_turn; /* index + 1 of the CPU that may print */

/* The second link pass provides them; see symbols.awk. */
extern const uint32_t symbol_offsets[] __attribute__((weak));
extern const char symbol_names[] __attribute__((weak));
extern const uint32_t symbol_count __attribute__((weak));
extern char text_start[], text_end[];

const char *symbol_find(uintptr_t addr, uintptr_t *offset)
{
	uint32_t at = addr - KERNEL_IMAGE, found = UINT32_MAX;
	const char *name = symbol_names;

	if (addr < (uintptr_t)text_start || addr >= (uintptr_t)text_end || !&symbol_count)
		return NULL;
	for (uint32_t i = 0; i < symbol_count && symbol_offsets[i] <= at; i++)
		found = i;
	if (found == UINT32_MAX)
		return NULL;
	*offset = at - symbol_offsets[found];
	while (found--)
		name += strlen(name) + 1;
	return name;
}

static void print_address(uintptr_t rip)
{
	uintptr_t offset = 0;
	const char *name = symbol_find(rip, &offset);

	if (name)
		kprintf("    %016lx %s+0x%lx\n", rip, name, offset);
	else
		kprintf("    %016lx\n", rip);
}

/* A frame pointer may be followed if it lies in kernel memory that is surely mapped. */
static bool frame_pointer_ok(uintptr_t rbp, uintptr_t last)
{
	return rbp >= QUOIN_KERNEL_MIN && rbp % 8 == 0 && rbp > last && rbp - last < 64 * PAGE_SIZE;
}

void backtrace_print(uintptr_t rip, uintptr_t rbp)
{
	uintptr_t last = rbp - 1;

	print_address(rip);
	for (unsigned i = 0; i < MAX_FRAMES && frame_pointer_ok(rbp, last); i++) {
		uintptr_t *frame = (uintptr_t *)rbp;

		if (frame[1] < KERNEL_IMAGE)
			break;
		print_address(frame[1]);
		last = rbp;
		rbp = frame[0];
	}
}

void debug_print_registers(const struct trap_frame *f)
{
	kprintf("    rip %016lx rsp %016lx rflags %08lx cs %02lx vector %ld error %lx\n", f->rip, f->rsp,
		f->rflags, f->cs, f->vector, f->error);
	kprintf("    rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	kprintf("    rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	kprintf("    r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	kprintf("    r13 %016lx r14 %016lx r15 %016lx cr2 %016lx\n", f->r13, f->r14, f->r15, read_cr2());
}

static void print_cpu(void)
{
	struct thread *t = current_thread();

	if (t)
		kprintf("cpu %u: thread %lu \"%.16s\" of %s, %u locks held\n", this_cpu()->index, t->id,
			t->name, t->task ? t->task->name : "the kernel", this_cpu()->nr_locks);
	else
		kprintf("cpu %u: starting\n", this_cpu()->index);
	for (uint32_t i = 0; i < this_cpu()->nr_locks; i++)
		kprintf("    holds %s\n", this_cpu()->locks[i]->name);
}

static __attribute__((noreturn)) void stop(void)
{
	this_cpu()->panicked = 1;
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

/* On another CPU's panic, from the NMI. */
void panic_stopped(const struct trap_frame *frame)
{
	while (panic_turn != this_cpu()->index + 1)
		cpu_relax();
	print_cpu();
	if (frame->cs & 3)
		kprintf("    in user mode, rip %016lx\n", frame->rip);
	else
		backtrace_print(frame->rip, frame->rbp);
	stop();
}

static void collect_others(void)
{
	arch_stop_others();
	for (unsigned i = 0; i < nr_cpus; i++) {
		uint64_t start = rdtsc();

		if (!cpus[i] || cpus[i] == this_cpu() || !cpus[i]->online)
			continue;
		panic_turn = i + 1;
		while (!cpus[i]->panicked && rdtsc() - start < STOP_WAIT_TICKS)
			cpu_relax();
		if (!cpus[i]->panicked)
			kprintf("cpu %u: does not answer\n", i);
	}
}

static void panic_begin(void)
{
	arch_irq_disable();
	if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST)) {
		if (this_cpu()->panicked == 0 && panic_turn == 0)
			stop(); /* another CPU is at it, or we panic while panicking */
		for (;;)
			__asm__ volatile("cli\n\thlt");
	}
}

static __attribute__((noreturn)) void panic_end(void)
{
	collect_others();
	trace_dump(48);
	kprintf("*** stopped\n");
	arch_panic_exit();
	stop();
}

void panic(const char *format, ...)
{
	va_list args;

	panic_begin();
	kprintf("\n*** kernel panic: ");
	va_start(args, format);
	kvprintf(format, &args);
	va_end(args);
	kprintf("\n");
	print_cpu();
	backtrace_print((uintptr_t)__builtin_return_address(0), *(uintptr_t *)__builtin_frame_address(0));
	panic_end();
}

void panic_trap(const struct trap_frame *frame, const char *what)
{
	panic_begin();
	kprintf("\n*** kernel panic: %s\n", what);
	print_cpu();
	debug_print_registers(frame);
	backtrace_print(frame->rip, frame->rbp);
	panic_end();
}

/* GCC calls it when a function finds its canary overwritten. */
void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack smashed");
}
