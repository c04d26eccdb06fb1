/*
 * vCPUs: entering and leaving the guest.
 *
 * vcpu_run is a native call that does not return until the guest exits.  Its frame stays at the top of
 * the kernel stack; the guest's traps build theirs below it, and an exit drops the stack and returns
 * from the call.  No kick is lost: vcpu_run looks at the latch with interrupts off, and a kicker sets
 * the latch before it sends the interrupt; so either the look sees it, or the interrupt comes after the
 * guest has been entered, and trap_user_work, on the way back from it, sees it.  kick.pml is a model of it.
 */
#include "aspace.h"
#include "cpu.h"
#include "debug.h"
#include "handle.h"
#include "task.h"
#include "thread.h"
#include "trap.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

/* CF PF AF ZF SF TF DF OF RF AC ID: what user code may have; IF and bit 1 are always set. */
#define RFLAGS_USER 0x250dd5ul

/* What the hardware can load: a rip in the guest half, a canonical rsp. */
static bool registers_ok(uint64_t rip, uint64_t rsp)
{
	return rip < QUOIN_GUEST_MAX && (uint64_t)((int64_t)(rsp << 16) >> 16) == rsp;
}

static void charge_server(struct thread *t)
{
	uint64_t now = rdtsc();

	t->server_ticks += now - t->started;
	t->started = now;
}

/* SYSRET if it is exact: rcx and r11 are lost with it, and it must not single-step or skip RF. */
static __attribute__((noreturn)) void enter(struct thread *t, uint64_t rip, uint64_t rflags, uint64_t rsp)
{
	const struct quoin_vcpu_state *s = &t->page->vcpu;
	struct trap_frame f;

	if (s->rcx == rip && s->r11 == rflags && !(rflags & (RFLAGS_TF | RFLAGS_RF))) {
		this_cpu()->user_rsp = rsp;
		vcpu_enter_sysret(s, rip, rflags);
	}
	memcpy(&f, s, offsetof(struct quoin_vcpu_state, rip));
	f.vector = f.error = 0;
	f.rip = rip;
	f.cs = USER_CS;
	f.rflags = rflags;
	f.rsp = rsp;
	f.ss = USER_SS;
	entry_user(&f);
}

long call_vcpu_run(void)
{
	struct thread *t = current_thread();
	struct quoin_vcpu_state *s = &t->page->vcpu;
	uint64_t rip, rflags, rsp;

	if (!t->guest)
		return -QERR_INVAL;
	if (thread_dying(t) || this_cpu()->need_resched)
		trap_user_work(NULL);
	if (t->kick) {
		t->kick = false;
		s->reason = QUOIN_VCPU_KICK;
		return QUOIN_VCPU_KICK;
	}
	rip = *(volatile uint64_t *)&s->rip;
	rsp = *(volatile uint64_t *)&s->rsp;
	rflags = (*(volatile uint64_t *)&s->rflags & RFLAGS_USER) | RFLAGS_IF | RFLAGS_FIXED;
	if (!registers_ok(rip, rsp))
		return -QERR_INVAL;
	charge_server(t);
	/* Nothing fails from here on. */
	t->in_guest = 1;
	arch_switch_root(t->guest->root[ROOT_GUEST]);
	enter(t, rip, rflags, rsp);
}

/* The guest has stopped: its time ends, and the server's view comes back. */
static inline void leave(struct thread *t, uint32_t reason, uint64_t detail)
{
	uint64_t now = rdtsc();

	trace_at(now, TRACE_EXIT, reason, detail);
	t->guest_ticks += now - t->started;
	t->started = now;
	t->in_guest = 0;
	arch_switch_root(t->guest->root[ROOT_SERVER]);
	this_cpu()->stats.vcpu_exits++;
}

/* From entry.S, which has saved the registers. */
long vcpu_syscall_exit(void)
{
	struct thread *t = current_thread();

	t->page->vcpu.reason = QUOIN_VCPU_SYSCALL;
	leave(t, QUOIN_VCPU_SYSCALL, t->page->vcpu.rax);
	return QUOIN_VCPU_SYSCALL;
}

void vcpu_exit(const struct trap_frame *f, uint32_t reason, uint64_t fault_addr, uint32_t fault_kind)
{
	struct thread *t = current_thread();
	struct quoin_vcpu_state *s = &t->page->vcpu;
	bool exception = reason == QUOIN_VCPU_EXCEPTION;

	memcpy(s, f, offsetof(struct quoin_vcpu_state, rip));
	s->rip = f->rip;
	s->rflags = f->rflags;
	s->rsp = f->rsp;
	s->reason = reason;
	s->vector = exception ? f->vector : 0;
	s->error_code = exception ? f->error : 0;
	s->fault_addr = fault_addr;
	s->fault_kind = fault_kind;
	leave(t, reason, s->vector);
	entry_return_call(t, reason);
}

static long thread_handle(quoin_handle handle, struct thread **thread)
{
	return handle_lookup(current_thread()->task, handle, OBJECT_THREAD, QUOIN_RIGHT_MANAGE,
			     (struct object **)thread);
}

long call_vcpu_kick(quoin_handle handle)
{
	struct thread *t;
	long err = thread_handle(handle, &t);

	if (err)
		return err;
	thread_kick(t);
	object_put(&t->object);
	return 0;
}

long call_vcpu_kick_pending(void)
{
	return current_thread()->kick;
}

long call_vcpu_kick_clear(void)
{
	return __atomic_exchange_n(&current_thread()->kick, false, __ATOMIC_SEQ_CST);
}

/* Takes over the caller's reference on aspace, which may be NULL. */
static void attach(struct thread *t, struct aspace *aspace)
{
	struct aspace *old = t->guest;

	t->guest = aspace;
	tlb_switch(t->native, aspace);
	if (old)
		object_put(&old->object);
}

long call_vcpu_attach(quoin_handle handle)
{
	struct thread *t = current_thread();
	struct aspace *aspace = NULL;
	long err = 0;

	if (handle)
		err = handle_lookup(t->task, handle, OBJECT_ASPACE, QUOIN_RIGHT_WRITE,
				    (struct object **)&aspace);
	if (err)
		return err;
	if (aspace && (aspace->kind != QUOIN_ASPACE_GUEST || aspace->server != t->native))
		err = -QERR_INVAL;
	else if (aspace && !t->fpu)
		err = fpu_create(t);
	if (err) {
		object_put(&aspace->object);
		return err;
	}
	attach(t, aspace);
	return 0;
}

long call_vcpu_get_bases(uintptr_t bases)
{
	uint64_t value[2];

	if (!current_thread()->fpu)
		return -QERR_INVAL;
	bases_read(&value[0], &value[1]);
	return copy_to_user(bases, value, sizeof(value));
}

long call_vcpu_set_bases(uint64_t fs, uint64_t gs)
{
	if (fs >= QUOIN_GUEST_MAX || gs >= QUOIN_GUEST_MAX || !current_thread()->fpu)
		return -QERR_INVAL;
	bases_write(fs, gs);
	return 0;
}
