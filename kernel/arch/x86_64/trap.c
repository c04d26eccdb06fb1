/*
 * Traps: exceptions, interrupts, native calls.
 *
 * A fault is first offered to the address space it concerns.  What stays unresolved goes, from a guest,
 * to the server as a vCPU exit; from a server's copy to or from its guest, to the server's fixup;
 * from the kernel's own user copy, to usercopy's; and else it ends the task, or, if the kernel itself is
 * at fault, everything.
 */
#include "trap.h"

#include "aspace.h"
#include "cpu.h"
#include "debug.h"
#include "irq.h"
#include "panic.h"
#include "print.h"
#include "task.h"
#include "thread.h"
#include "tlb.h"
#include "usercopy.h"

#define QUOIN_DEFINE_CALL_TABLE
#include <quoin/dispatch.h>

#define PF_PRESENT  BIT(0)
#define PF_WRITE    BIT(1)
#define PF_USER     BIT(2)
#define PF_RESERVED BIT(3)
#define PF_FETCH    BIT(4)

enum { VECTOR_NMI = 2, VECTOR_NM = 7, VECTOR_DF = 8, VECTOR_PF = 14, VECTOR_MC = 18 };

// clang-format off
static const char *const exception_names[32] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound", "invalid opcode",
	"FPU used without a guest", "double fault", "", "invalid TSS", "segment not present",
	"stack fault", "general protection", "page fault", "", "x87 error", "alignment check",
	"machine check", "SIMD error", "virtualization", "control protection",
};
// clang-format on

long trap_call(struct trap_frame *f)
{
	this_cpu()->stats.kernel_calls++;
	if (likely(f->rax == QUOIN_CALL_vcpu_run))
		return call_vcpu_run(); /* once per system call of an application; its exit is traced */
	trace(TRACE_CALL, f->rax, f->rdi);
	if (f->rax >= QUOIN_NR_CALLS || !kernel_call_table[f->rax])
		return -QERR_NOSYS;
	return kernel_call_table[f->rax](f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9);
}

static bool from_user(const struct trap_frame *f)
{
	return f->cs & 3;
}

/* The frames of a server, by its frame pointers, as far as they can be read. */
static void print_user_stack(const struct trap_frame *f)
{
	uint64_t link[2] = { f->rbp, 0 };

	for (unsigned i = 0; i < 16 && link[0]; i++) {
		if (copy_from_user(link, link[0], sizeof(link)) != 0)
			break;
		kprintf("    called from %016lx\n", link[1]);
	}
}

/* A native task did what it must not: report, and end it. */
static void task_fault(const struct trap_frame *f, uint64_t addr, unsigned kind)
{
	struct thread *t = current_thread();

	kprintf("task %s, thread %lu \"%.16s\": %s", t->task->name, t->id, t->name,
		exception_names[f->vector & 31]);
	if (f->vector == VECTOR_PF)
		kprintf(" at %016lx, error %lx, kind %u", addr, f->error, kind);
	kprintf("\n");
	debug_print_registers(f);
	print_user_stack(f);
	task_kill_fault(t->task, f->vector, addr);
}

/*
 * The space to resolve a fault in; NULL: nobody's business.  A server that runs into its guest's code is
 * lost: the server root forbids it above the tables that aspace_fault fills in.
 */
static struct aspace *fault_aspace(const struct thread *t, uintptr_t addr, uint64_t error)
{
	if (addr < QUOIN_GUEST_MAX)
		return t->in_guest || !(error & PF_FETCH) ? t->guest : NULL;
	if (addr >= QUOIN_SERVER_MIN && addr < QUOIN_SERVER_MAX && !t->in_guest)
		return t->native;
	return NULL;
}

static unsigned fault_access(uint64_t error)
{
	if (error & PF_FETCH)
		return ACCESS_EXEC;
	return error & PF_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

/* A server touched its guest where nothing is; its copy routines expect that. */
static bool task_fixup(struct trap_frame *f, const struct task *task, uintptr_t addr)
{
	if (addr >= QUOIN_GUEST_MAX || f->rip < task->fixup_start || f->rip >= task->fixup_end)
		return false;
	f->rip = task->fixup_resume;
	return true;
}

static void page_fault(struct trap_frame *f)
{
	uintptr_t addr = read_cr2(), fixup = 0;
	struct thread *t = current_thread();
	struct aspace *aspace;
	unsigned kind = QUOIN_FAULT_UNMAPPED;

	this_cpu()->stats.page_faults++;
	trace(TRACE_FAULT, addr, f->rip);
	if (!from_user(f)) {
		fixup = usercopy_fixup(f->rip);
		if (!fixup)
			panic_trap(f, "page fault in the kernel");
	}
	if (f->error & PF_RESERVED)
		panic_trap(f, "corrupt page table");
	aspace = fault_aspace(t, addr, f->error);
	if (aspace && aspace_fault(aspace, addr, fault_access(f->error), &kind) == 0)
		return;
	if (fixup)
		f->rip = fixup;
	else if (t->in_guest)
		vcpu_exit(f, QUOIN_VCPU_EXCEPTION, addr, kind);
	else if (!task_fixup(f, t->task, addr))
		task_fault(f, addr, kind);
}

static void exception(struct trap_frame *f)
{
	if (f->vector == VECTOR_PF)
		page_fault(f);
	else if (!from_user(f))
		panic_trap(f, exception_names[f->vector]);
	else if (current_thread()->in_guest)
		vcpu_exit(f, QUOIN_VCPU_EXCEPTION, 0, QUOIN_FAULT_NONE);
	else
		task_fault(f, f->rip, QUOIN_FAULT_NONE);
}

static void interrupt(unsigned vector)
{
	this_cpu()->stats.interrupts++;
	trace(TRACE_INTERRUPT, vector, 0);
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		sched_timer();
		break;
	case VECTOR_RESCHEDULE:
		apic_eoi();
		sched_reschedule();
		break;
	case VECTOR_TLB:
		apic_eoi();
		tlb_serve();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		if (vector >= VECTOR_DEVICE && vector < VECTOR_DEVICE + IRQ_VECTORS)
			ioapic_interrupt(vector - VECTOR_DEVICE);
	}
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector < 32)
		exception(f);
	else
		interrupt(f->vector);
}

/* On a stack of its own, perhaps in the middle of anything: only looks, and returns or panics. */
void trap_handle_ist(struct trap_frame *f)
{
	if (f->vector == VECTOR_NMI) {
		if (panicking)
			panic_stopped(f);
		return;
	}
	if (f->vector == VECTOR_DF && kstack_is_guard(read_cr2()))
		panic_trap(f, "kernel stack overflow");
	panic_trap(f, exception_names[f->vector]);
}

/* On the way to user mode, when something asks for it. */
void trap_user_work(struct trap_frame *f)
{
	struct thread *t = current_thread();

	for (;;) {
		if (thread_dying(t))
			thread_exit();
		if (!this_cpu()->need_resched)
			break;
		sched_preempt();
	}
	if (t->in_guest && t->kick) {
		t->kick = false;
		vcpu_exit(f, QUOIN_VCPU_KICK, 0, QUOIN_FAULT_NONE);
	}
}
