/*
 * The guest's vector state, and its FS and GS bases.
 *
 * The kernel and the servers use general registers only, so a guest's vector registers stay in the CPU
 * while its server works for it, and move only when its thread is switched out.  Threads that never
 * had a guest run with CR0.TS set: they can neither see nor spoil what is in the registers, and a thread
 * that comes back to the CPU that still holds its state need not load it.
 *
 * The state is kept in XSAVE's standard format, or FXSAVE's 512 bytes on a CPU without XSAVE.
 */
#include "aspace.h"
#include "boot.h"
#include "cpu.h"
#include "debug.h"
#include "task.h"
#include "thread.h"
#include "trap.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

#define XFEATURES_KNOWN  0xe7ul /* x87, SSE, AVX, AVX-512 */
#define XFEATURES_AVX512 0xe0ul
#define FXSAVE_BYTES     512
#define XHEADER_BYTES    64
#define FCW_INITIAL      0x37f
#define MXCSR_INITIAL    0x1f80

struct xsave_area {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved0;
	uint16_t fop;
	uint64_t rip, rdp;
	uint32_t mxcsr, mxcsr_mask;
	uint8_t registers[FXSAVE_BYTES - 32];
	uint64_t xstate_bv, xcomp_bv;
	uint64_t header_reserved[XHEADER_BYTES / 8 - 2];
};

static uint64_t xfeatures;
static uint32_t area_bytes = FXSAVE_BYTES;
static uint32_t mxcsr_mask = 0xffbf;

static void xsetbv(uint64_t value)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Which bits of MXCSR the CPU lets FXRSTOR set. */
static void find_mxcsr_mask(void)
{
	static struct xsave_area area __attribute__((aligned(64)));

	__asm__ volatile("clts\n\tfxsave64 (%0)" ::"r"(&area) : "memory");
	write_cr0(read_cr0() | CR0_TS);
	if (area.mxcsr_mask)
		mxcsr_mask = area.mxcsr_mask;
}

void fpu_init_cpu(void)
{
	uint32_t r[4];

	find_mxcsr_mask();
	if (!cpu_features.xsave)
		return;
	if (!xfeatures) {
		cpuid(13, 0, r);
		xfeatures = ((uint64_t)r[3] << 32 | r[0]) & XFEATURES_KNOWN;
		if ((xfeatures & XFEATURES_AVX512) != XFEATURES_AVX512 || !(xfeatures & 4))
			xfeatures &= ~XFEATURES_AVX512;
	}
	xsetbv(xfeatures);
	cpuid(13, 0, r);
	area_bytes = r[1];
}

uint64_t fpu_features(void)
{
	return xfeatures;
}

uint32_t fpu_bytes(void)
{
	return area_bytes;
}

static void trap_set(struct cpu *cpu, bool on)
{
	if (cpu->fpu_trap == on)
		return;
	cpu->fpu_trap = on;
	if (on)
		write_cr0(read_cr0() | CR0_TS);
	else
		__asm__ volatile("clts" ::: "memory");
}

static void save(void *area)
{
	uint32_t lo = xfeatures, hi = xfeatures >> 32;

	if (cpu_features.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(lo), "d"(hi) : "memory");
	else if (cpu_features.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void load(const void *area)
{
	uint32_t lo = xfeatures, hi = xfeatures >> 32;

	if (cpu_features.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

void bases_read(uint64_t *fs, uint64_t *gs)
{
	if (cpu_features.fsgsbase)
		__asm__ volatile("rdfsbase %0" : "=r"(*fs));
	else
		*fs = rdmsr(MSR_FS_BASE);
	*gs = rdmsr(MSR_KERNEL_GS_BASE);
}

void bases_write(uint64_t fs, uint64_t gs)
{
	if (cpu_features.fsgsbase)
		__asm__ volatile("wrfsbase %0" ::"r"(fs));
	else
		wrmsr(MSR_FS_BASE, fs);
	wrmsr(MSR_KERNEL_GS_BASE, gs);
}

void fpu_switch(struct cpu *cpu, struct thread *prev, struct thread *next)
{
	if (prev->fpu) {
		save(prev->fpu);
		bases_read(&prev->fs_base, &prev->gs_base);
	}
	if (!next->fpu) {
		trap_set(cpu, true);
		if (prev->fpu)
			bases_write(0, 0);
		return;
	}
	trap_set(cpu, false);
	bases_write(next->fs_base, next->gs_base);
	if (cpu->fpu_owner != next || next->fpu_cpu != cpu)
		load(next->fpu);
	cpu->fpu_owner = next;
	next->fpu_cpu = cpu;
}

static void area_reset(struct xsave_area *area)
{
	memset(area, 0, area_bytes);
	area->fcw = FCW_INITIAL;
	area->mxcsr = MXCSR_INITIAL;
}

/* The current thread gets vector state, initial, in the registers at once. */
long fpu_create(struct thread *t)
{
	void *block;

	if (account_charge(t->object.account, area_bytes + 64))
		return -QERR_NOMEM;
	block = kmalloc(area_bytes + 64);
	if (!block) {
		account_uncharge(t->object.account, area_bytes + 64);
		return -QERR_NOMEM;
	}
	t->fpu_block = block;
	t->fpu = (void *)ALIGN_UP((uintptr_t)block, 64);
	area_reset(t->fpu);
	trap_set(this_cpu(), false);
	load(t->fpu);
	bases_write(0, 0);
	this_cpu()->fpu_owner = t;
	t->fpu_cpu = this_cpu();
	return 0;
}

void fpu_destroy(struct thread *t)
{
	if (!t->fpu_block)
		return;
	kfree(t->fpu_block);
	account_uncharge(t->object.account, area_bytes + 64);
}

long call_vcpu_fpu_get(uintptr_t buffer, uint64_t len)
{
	struct thread *t = current_thread();
	long err;

	if (!t->fpu || len < area_bytes)
		return -QERR_INVAL;
	save(t->fpu);
	err = copy_to_user(buffer, t->fpu, area_bytes);
	return err ? err : (long)area_bytes;
}

/* What XRSTOR and FXRSTOR would fault on. */
static bool area_ok(const struct xsave_area *area)
{
	if (area->mxcsr & ~mxcsr_mask)
		return false;
	if (!cpu_features.xsave)
		return true;
	for (unsigned i = 0; i < ARRAY_SIZE(area->header_reserved); i++)
		if (area->header_reserved[i])
			return false;
	return (area->xstate_bv & ~xfeatures) == 0 && area->xcomp_bv == 0;
}

long call_vcpu_fpu_set(uintptr_t buffer, uint64_t len)
{
	struct thread *t = current_thread();
	struct xsave_area *copy;
	long err = 0;

	if (!t->fpu || (len != 0 && len != area_bytes))
		return -QERR_INVAL;
	copy = kmalloc(area_bytes);
	if (!copy)
		return -QERR_NOMEM;
	if (len == 0)
		area_reset(copy);
	else
		err = copy_from_user(copy, buffer, len);
	if (!err && !area_ok(copy))
		err = -QERR_INVAL;
	if (!err)
		load(copy); /* t->fpu gets it when the thread is switched out */
	kfree(copy);
	return err;
}
