/* vCPUs: entering, leaving, kicks, faults, vector state. */
#include "child.h"

#define GUEST_CODE  0x400000ul
#define GUEST_DATA  0x800000ul
#define GUEST_STACK 0x7fffffff0000ul
#define RFLAGS_DF   0x400u
#define RFLAGS_AC   0x40000u
#define RFLAGS_IF   0x200u
#define RFLAGS_TF   0x100u
#define RFLAGS_IOPL 0x3000u

extern const char guest_start[], guest_end[];
extern const char guest_syscalls[], guest_spin[], guest_touch[], guest_fill[], guest_vectors[], guest_flags[],
	guest_counter[];

/* A guest address space with the programs, a page of stack, and nothing else. */
static quoin_handle guest_create(void)
{
	quoin_handle g = need(quoin_aspace_create(QUOIN_ASPACE_GUEST));
	uint64_t rx = QUOIN_PROT_READ | QUOIN_PROT_EXEC, rw = QUOIN_PROT_READ | QUOIN_PROT_WRITE;
	long bytes = guest_end - guest_start;

	need(quoin_aspace_map(g, GUEST_CODE, PAGE, rx, 0, 0));
	need(quoin_aspace_map(g, GUEST_STACK - PAGE, PAGE, rw, 0, 0));
	expect_eq(quoin_aspace_write(g, GUEST_CODE, (uintptr_t)guest_start, bytes), bytes);
	return g;
}

static struct quoin_vcpu_state *state(void)
{
	return &my_page()->vcpu;
}

static void set_up(const char *program)
{
	struct quoin_vcpu_state *s = state();

	for (unsigned i = 0; i < 15; i++)
		(&s->r15)[i] = 0x1111111111111111ul * i;
	s->rax = 0;
	s->rip = GUEST_CODE + (program - guest_start);
	s->rsp = GUEST_STACK;
	s->rflags = 2;
}

static void finish(quoin_handle guest)
{
	expect_eq(quoin_vcpu_attach(0), 0);
	need(quoin_handle_close(guest));
}

KTEST(vcpu_without_guest_is_inval)
{
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	expect_eq(quoin_vcpu_attach(QUOIN_SELF_ASPACE), -QERR_INVAL);
	expect_eq(quoin_vcpu_attach(QUOIN_SELF_TASK), -QERR_BADF);
	expect_eq(quoin_vcpu_attach(12345), -QERR_BADF);
}

KTEST(vcpu_attach_keeps_vector_state) /* the first attach allocates it for good */
{
	quoin_handle g = guest_create();

	ktest_may_leak();
	expect_eq(quoin_vcpu_attach(g), 0);
	finish(g);
}

KTEST(vcpu_syscall_exits)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_syscalls);
	for (long i = 1; i <= 100; i++) {
		expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
		expect_eq(s->rax, i);
		expect_eq(s->reason, QUOIN_VCPU_SYSCALL);
	}
	expect_eq(s->rcx, s->rip);
	expect_eq(s->r11, s->rflags);
	for (unsigned i = 0; i < 15; i++)
		if (&(&s->r15)[i] != &s->rax && &(&s->r15)[i] != &s->rcx && &(&s->r15)[i] != &s->r11)
			expect_eq((&s->r15)[i], 0x1111111111111111ul * i);
	expect_eq(s->rsp, GUEST_STACK);
	finish(g);
}

KTEST(vcpu_iret_path_keeps_rcx)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_touch);
	s->rdi = 0; /* faults: rcx and r11 must be what we set */
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->rcx, 0x1111111111111111ul * (&s->rcx - &s->r15));
	expect_eq(s->r11, 0x1111111111111111ul * (&s->r11 - &s->r15));
	finish(g);
}

KTEST(vcpu_refuses_bad_registers)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_syscalls);
	s->rip = QUOIN_GUEST_MAX;
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	s->rip = QUOIN_SERVER_IMAGE;
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	s->rip = 0x800000000000ul;
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	set_up(guest_syscalls);
	s->rsp = 0x800000000000ul;
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	set_up(guest_syscalls);
	s->rflags = ~0ul & ~(uint64_t)RFLAGS_TF;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(s->rflags & RFLAGS_IOPL, 0);
	expect_eq(s->rflags & RFLAGS_IF, RFLAGS_IF);
	finish(g);
}

KTEST(vcpu_sysret_to_the_last_page)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();
	uint8_t syscall[2] = { 0x0f, 0x05 };

	expect_eq(quoin_vcpu_attach(g), 0);
	need(quoin_aspace_map(g, QUOIN_GUEST_MAX - PAGE, PAGE, QUOIN_PROT_READ | QUOIN_PROT_EXEC, 0, 0));
	expect_eq(quoin_aspace_write(g, QUOIN_GUEST_MAX - 2, (uintptr_t)syscall, 2), 2);
	set_up(guest_syscalls);
	s->rip = QUOIN_GUEST_MAX - 2;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(s->rip, QUOIN_GUEST_MAX);
	expect_eq(quoin_vcpu_run(), -QERR_INVAL);
	finish(g);
}

KTEST(vcpu_keeps_flags)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_flags);
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(s->rflags & (RFLAGS_DF | RFLAGS_AC), RFLAGS_DF | RFLAGS_AC);
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(s->rax & (RFLAGS_DF | RFLAGS_AC), RFLAGS_DF | RFLAGS_AC);
	finish(g);
}

KTEST(vcpu_single_step_is_an_exception)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_spin);
	s->rflags = 2 | RFLAGS_TF;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->vector, 1);
	expect_eq(s->rax, 1);
	finish(g);
}

KTEST(vcpu_faults)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_touch);
	s->rdi = GUEST_DATA;
	s->rsi = 77;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->vector, 14);
	expect_eq(s->fault_addr, GUEST_DATA);
	expect_eq(s->fault_kind, QUOIN_FAULT_UNMAPPED);
	need(quoin_aspace_map(g, GUEST_DATA, PAGE, QUOIN_PROT_READ, 0, 0));
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->fault_kind, QUOIN_FAULT_ACCESS);
	expect_eq(s->rax, 0);
	expect_eq(s->error_code & 2, 2);
	need(quoin_aspace_protect(g, GUEST_DATA, PAGE, QUOIN_PROT_READ | QUOIN_PROT_WRITE));
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(*(volatile uint64_t *)GUEST_DATA, 77); /* the server root shows the guest */
	set_up(guest_touch);
	s->rdi = QUOIN_SERVER_IMAGE; /* the guest must not see the server */
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->fault_kind, QUOIN_FAULT_UNMAPPED);
	set_up(guest_touch);
	s->rdi = 0xffffffff80000000ul;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	set_up(guest_touch);
	s->rdi = 1ul << 62; /* not canonical */
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_EXCEPTION);
	expect_eq(s->vector, 13);
	finish(g);
}

KTEST(vcpu_many_anonymous_pages)
{
	quoin_handle g = guest_create();
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(g), 0);
	need(quoin_aspace_map(g, GUEST_DATA, 1024 * PAGE, QUOIN_PROT_READ | QUOIN_PROT_WRITE, 0, 0));
	set_up(guest_fill);
	s->rdi = GUEST_DATA;
	s->rsi = 1024;
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	for (unsigned i = 0; i < 1024; i++)
		expect_eq(*(volatile uint64_t *)(GUEST_DATA + i * PAGE), GUEST_DATA + i * PAGE);
	finish(g);
}

KTEST(vcpu_kick_is_latched)
{
	quoin_handle g = guest_create();

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_syscalls);
	expect_eq(quoin_vcpu_kick_pending(), 0);
	expect_eq(quoin_vcpu_kick(QUOIN_SELF_THREAD), 0);
	expect_eq(quoin_vcpu_kick(QUOIN_SELF_THREAD), 0);
	expect_eq(quoin_vcpu_kick_pending(), 1);
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_KICK);
	expect_eq(quoin_vcpu_kick_pending(), 0);
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	expect_eq(quoin_vcpu_kick(QUOIN_SELF_THREAD), 0);
	expect_eq(quoin_vcpu_kick_clear(), 1);
	expect_eq(quoin_vcpu_kick_clear(), 0);
	expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
	finish(g);
}

/* Runs the spinning guest until it has been kicked often enough. */
struct spinner {
	quoin_handle guest;
	_Atomic unsigned kicked;
	unsigned wanted;
};

static void spin(void *argument)
{
	struct spinner *s = argument;

	expect_eq(quoin_vcpu_attach(s->guest), 0);
	set_up(guest_spin);
	while (s->kicked < s->wanted) {
		expect_eq(quoin_vcpu_run(), QUOIN_VCPU_KICK);
		s->kicked++;
	}
	expect_eq(quoin_vcpu_attach(0), 0);
}

KTEST(vcpu_kick_stops_a_running_guest)
{
	quoin_handle g = guest_create();
	struct spinner s = { .guest = g, .wanted = 200 };
	struct ktest_thread t = thread_run_class(spin, &s, QUOIN_SCHED_FAIR);

	for (unsigned i = 0; i < s.wanted; i++) {
		expect_eq(quoin_vcpu_kick(t.handle), 0);
		while (s.kicked <= i)
			nap();
	}
	thread_join(&t);
	need(quoin_handle_close(g));
}

static uint64_t shootdowns(void)
{
	struct quoin_stats stats;

	need(quoin_system_stats((uintptr_t)&stats));
	return stats.tlb_shootdowns;
}

/* A CPU that runs the guest is interrupted; when none does, nobody is.  Of two that do one is not this one. */
KTEST(barrier_asks_who_runs)
{
	quoin_handle g = guest_create();
	struct spinner s[2] = { { .guest = g, .wanted = 1 }, { .guest = g, .wanted = 1 } };
	uint64_t before = shootdowns(), give_up = now_ns() + 2000000000;
	struct ktest_thread t[2];

	expect_eq(quoin_aspace_barrier(g), 0);
	expect_eq(shootdowns(), before);
	for (unsigned i = 0; i < 2; i++)
		t[i] = thread_run_class(spin, &s[i], QUOIN_SCHED_FAIR);
	do {
		nap();
		before = shootdowns();
		expect_eq(quoin_aspace_barrier(g), 0);
	} while (INFO->nr_cpus > 1 && shootdowns() == before && now_ns() < give_up);
	expect_eq(shootdowns() > before, INFO->nr_cpus > 1);
	for (unsigned i = 0; i < 2; i++) {
		expect_eq(quoin_vcpu_kick(t[i].handle), 0);
		thread_join(&t[i]);
	}
	need(quoin_handle_close(g));
	expect_eq(quoin_aspace_barrier(g), -QERR_BADF);
	expect_eq(quoin_aspace_barrier(QUOIN_SELF_THREAD), -QERR_BADF);
}

KTEST(vcpu_time_is_accounted)
{
	quoin_handle g = guest_create();
	struct spinner s = { .guest = g, .wanted = 1 };
	struct ktest_thread t = thread_run_class(spin, &s, QUOIN_SCHED_FAIR);
	struct quoin_thread_info info;

	quoin_handle n = need(quoin_notification_create());
	expect_eq(quoin_notification_wait(n, now_ns() + 30000000), -QERR_TIMEDOUT);
	expect_eq(quoin_thread_info(t.handle, (uintptr_t)&info), 0);
	expect(info.guest_ns > 5000000);
	expect(info.server_ns < info.guest_ns);
	expect_eq(quoin_vcpu_kick(t.handle), 0);
	thread_join(&t);
	need(quoin_handle_close(n));
	need(quoin_handle_close(g));
}

/* Several guests with different vector registers on few CPUs. */
struct vectors {
	quoin_handle guest;
	uint64_t value;
	bool good;
};

static void run_vectors(void *argument)
{
	struct vectors *v = argument;
	struct quoin_vcpu_state *s = state();

	expect_eq(quoin_vcpu_attach(v->guest), 0);
	expect_eq(quoin_vcpu_set_bases(v->value & 0xffff000, v->value >> 40 << 12), 0);
	set_up(guest_vectors);
	s->rdi = v->value;
	s->rsi = 300;
	s->rax = 99;
	while (s->rsi > 1 || s->rax > 1) {
		expect_eq(quoin_vcpu_run(), QUOIN_VCPU_SYSCALL);
		if (s->rax <= 1)
			break;
		quoin_thread_yield();
	}
	v->good = s->rax == 1;
	uint64_t bases[2];
	expect_eq(quoin_vcpu_get_bases((uintptr_t)bases), 0);
	expect_eq(bases[0], v->value & 0xffff000);
	expect_eq(bases[1], v->value >> 40 << 12);
	expect_eq(quoin_vcpu_attach(0), 0);
}

KTEST(vcpu_vector_state_follows_the_thread)
{
	quoin_handle g = guest_create();
	struct ktest_thread t[6];
	struct vectors v[6];

	for (unsigned i = 0; i < 6; i++) {
		v[i] = (struct vectors){ g, 0x0123456789abcdeful * (2 * i + 3), false };
		t[i] = thread_run_class(run_vectors, &v[i], QUOIN_SCHED_FAIR);
	}
	for (unsigned i = 0; i < 6; i++) {
		thread_join(&t[i]);
		expect(v[i].good);
	}
	need(quoin_handle_close(g));
}

KTEST(vcpu_fpu_get_and_set)
{
	quoin_handle g = guest_create();
	uint64_t size = INFO->xsave_bytes;
	uint8_t *image = memory_get(2 * PAGE);

	expect_eq(quoin_vcpu_attach(g), 0);
	expect_eq(quoin_vcpu_fpu_set(0, 0), 0);
	expect_eq(quoin_vcpu_fpu_get((uintptr_t)image, 1), -QERR_INVAL);
	expect_eq(quoin_vcpu_fpu_get((uintptr_t)image, size), size);
	expect_eq(quoin_vcpu_fpu_set((uintptr_t)image, size), 0);
	if (INFO->xsave_features) {
		image[512 + 8] = 1; /* compacted format */
		expect_eq(quoin_vcpu_fpu_set((uintptr_t)image, size), -QERR_INVAL);
		image[512 + 8] = 0;
		image[512 + 7] = 0x80;
		expect_eq(quoin_vcpu_fpu_set((uintptr_t)image, size), -QERR_INVAL);
		image[512 + 7] = 0;
	}
	image[24 + 3] = 0x80; /* MXCSR */
	expect_eq(quoin_vcpu_fpu_set((uintptr_t)image, size), -QERR_INVAL);
	expect_eq(quoin_vcpu_fpu_set(8, size), -QERR_FAULT);
	expect_eq(quoin_vcpu_set_bases(QUOIN_GUEST_MAX, 0), -QERR_INVAL);
	expect_eq(quoin_vcpu_set_bases(0, 1ul << 63), -QERR_INVAL);
	finish(g);
	memory_drop(image, 2 * PAGE);
}

/* In a task of its own: runs a guest that never comes back by itself. */
static void spin_in_child(uint64_t argument)
{
	quoin_handle g = quoin_aspace_create(QUOIN_ASPACE_GUEST);

	(void)argument;
	quoin_aspace_map(g, GUEST_CODE, PAGE, QUOIN_PROT_READ | QUOIN_PROT_EXEC, 0, 0);
	quoin_aspace_write(g, GUEST_CODE, (uintptr_t)guest_start, guest_end - guest_start);
	quoin_vcpu_attach(g);
	set_up(guest_spin);
	quoin_vcpu_run();
	quoin_task_kill(QUOIN_SELF_TASK, 1);
	for (;;)
		;
}

static void wait_for_guest(quoin_handle thread)
{
	uint64_t end = now_ns() + 10000000000ul;
	struct quoin_thread_info info = { 0 };

	while (quoin_thread_info(thread, (uintptr_t)&info) == 0 && !info.guest_ns && now_ns() < end)
		nap();
	expect(info.guest_ns > 0);
}

KTEST(vcpu_guests_end_with_their_task)
{
	struct child child = child_start(spin_in_child, 0, 0, 0);
	quoin_handle more[3];
	int64_t status[4];

	for (unsigned i = 0; i < 3; i++)
		more[i] = child_thread(&child, i + 1, spin_in_child, 0);
	wait_for_guest(child.thread);
	for (unsigned i = 0; i < 3; i++)
		wait_for_guest(more[i]);
	need(quoin_task_kill(child.task, 42));
	child_wait(&child, status);
	expect_eq(status[1], 42);
	for (unsigned i = 0; i < 3; i++)
		need(quoin_handle_close(more[i]));
}

KTEST(vcpu_exit_costs_little)
{
	quoin_handle g = guest_create();
	struct quoin_stats before, after;
	const unsigned rounds = 10000;
	uint64_t start;

	expect_eq(quoin_vcpu_attach(g), 0);
	set_up(guest_syscalls);
	quoin_vcpu_run();
	need(quoin_system_stats((uintptr_t)&before));
	start = now_ns();
	for (unsigned i = 0; i < rounds; i++)
		quoin_vcpu_run();
	print("# vcpu_run: %ld ns each\n", (now_ns() - start) / rounds);
	need(quoin_system_stats((uintptr_t)&after));
	expect_eq(after.vcpu_exits - before.vcpu_exits, rounds);
	expect_eq(after.root_switches - before.root_switches, 2 * rounds);
	expect_eq(after.page_faults - before.page_faults, 0);
	expect_eq(after.allocations - before.allocations, 0);
	finish(g);
}
