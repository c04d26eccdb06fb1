/*
 * Time: the TSC is the clock, the local APIC's timer (or its TSC-deadline mode) the alarm.
 *
 * Both are measured against the ACPI PM timer, or the PIT where that is missing.  A measurement can be
 * disturbed (an emulator's thread loses its CPU between two reads), so each end of the interval is read
 * several times and the reading with the narrowest TSC window counts.
 */
#include "arch.h"
#include "aspace.h"
#include "boot.h"
#include "cpu.h"
#include "debug.h"

#define NS_PER_S         1000000000ul
#define PM_TIMER_HZ      3579545ul
#define PM_TIMER_MASK    0xffffffu
#define PIT_HZ           1193182ul
#define PIT_CHANNEL2     0x42
#define PIT_COMMAND      0x43
#define PIT_GATE         0x61
#define MEASURE_US       50000
#define NR_SAMPLES       5
#define TIMER_MULT_SHIFT 32
#define TSC_SHIFT        32

static uint64_t tsc_base, tsc_hz;
static uint64_t ns_mult;    /* ns per tick << TSC_SHIFT */
static uint64_t timer_mult; /* timer counts per tick << TIMER_MULT_SHIFT; 0: TSC deadline */

struct sample {
	uint64_t tsc;
	uint32_t reference, apic;
};

/* a * b / c in 128 bits; saturates. */
static uint64_t muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t high = product >> 64, low = product, quotient;

	if (high >= c)
		return UINT64_MAX;
	__asm__("divq %3" : "=a"(quotient), "+d"(high) : "0"(low), "r"(c) : "cc");
	return quotient;
}

/* A counter of the PIT's channel 2 that runs freely from 0xffff down. */
static void pit_start(void)
{
	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1);
	outb(PIT_COMMAND, 0xb4);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
}

static uint32_t pit_read(void)
{
	uint32_t low;

	outb(PIT_COMMAND, 0x80);
	low = inb(PIT_CHANNEL2);
	return 0xffff - (low | inb(PIT_CHANNEL2) << 8);
}

static uint32_t reference_read(void)
{
	return acpi_info.pm_timer_port ? inl(acpi_info.pm_timer_port) & PM_TIMER_MASK : pit_read();
}

static uint32_t reference_delta(uint32_t from, uint32_t to)
{
	return (to - from) & (acpi_info.pm_timer_port ? PM_TIMER_MASK : 0xffff);
}

static struct sample sample_take(void)
{
	struct sample best = { 0 };
	uint64_t window = UINT64_MAX;

	for (unsigned i = 0; i < NR_SAMPLES; i++) {
		struct sample s;
		uint64_t before = rdtsc();

		s.reference = reference_read();
		s.tsc = rdtsc();
		s.apic = apic_timer_count();
		if (s.tsc - before >= window)
			continue;
		window = s.tsc - before;
		best = s;
		best.tsc = before + window / 2;
	}
	return best;
}

/* A PM timer that does not tick would hang the measurement. */
static bool reference_ticks(void)
{
	uint32_t first = reference_read();

	for (unsigned i = 0; i < 100000; i++)
		if (reference_read() != first)
			return true;
	return false;
}

static void measure(void)
{
	uint64_t hz = acpi_info.pm_timer_port ? PM_TIMER_HZ : PIT_HZ;
	uint32_t target = hz * MEASURE_US / 1000000, delta;
	struct sample a, b;

	if (!cpu_features.tsc_deadline)
		apic_timer_set(UINT32_MAX);
	a = sample_take();
	while (reference_delta(a.reference, reference_read()) < target)
		cpu_relax();
	b = sample_take();
	delta = reference_delta(a.reference, b.reference);
	tsc_hz = muldiv(b.tsc - a.tsc, hz, delta);
	if (!cpu_features.tsc_deadline)
		timer_mult = ((uint64_t)(a.apic - b.apic) << TIMER_MULT_SHIFT) / (b.tsc - a.tsc);
	apic_timer_set(0);
}

void clock_start(void)
{
	tsc_base = rdtsc();
}

void clock_init(void)
{
	if (acpi_info.pm_timer_port && !reference_ticks())
		acpi_info.pm_timer_port = 0;
	if (!acpi_info.pm_timer_port) {
		pit_start();
		if (!reference_ticks())
			panic("no timer to measure the TSC by");
	}
	measure();
	if (tsc_hz < 1000000)
		panic("the TSC runs at %lu Hz", tsc_hz);
	ns_mult = muldiv(NS_PER_S, 1ul << TSC_SHIFT, tsc_hz);
	kernel_info->tsc_base = tsc_base;
	kernel_info->tsc_mult = ns_mult;
	kernel_info->tsc_shift = TSC_SHIFT;
	kernel_info->tsc_hz = tsc_hz;
	this_cpu()->timer_armed = UINT64_MAX;
}

void clock_delay_us(unsigned us)
{
	uint64_t end = rdtsc() + tsc_hz * us / 1000000;

	while (rdtsc() < end)
		cpu_relax();
}

uint64_t clock_tsc_to_ns(uint64_t tsc)
{
	return tsc < tsc_base ? 0 : clock_ticks_to_ns(tsc - tsc_base);
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	return (unsigned __int128)ticks * ns_mult >> TSC_SHIFT;
}

uint64_t clock_ns_to_ticks(uint64_t ns)
{
	return MIN(muldiv(ns, tsc_hz, NS_PER_S), UINT64_MAX / 2);
}

/* Rounded up, so that an alarm at the result never comes before ns. */
uint64_t clock_deadline_tsc(uint64_t ns)
{
	if (ns == QUOIN_DEADLINE_NEVER)
		return UINT64_MAX;
	return tsc_base + clock_ns_to_ticks(ns) + 2;
}

uint64_t clock_ns(void)
{
	return clock_tsc_to_ns(rdtsc());
}

/* Sets the alarm of this CPU to tsc, or as near as the counter reaches; an early alarm is harmless. */
void arch_timer_arm(uint64_t tsc)
{
	uint64_t now, count;

	if (!timer_mult) {
		wrmsr(MSR_TSC_DEADLINE, tsc);
		return;
	}
	now = rdtsc();
	count = tsc <= now ? 1 : (unsigned __int128)(tsc - now) * timer_mult >> TIMER_MULT_SHIFT;
	apic_timer_set(count + 1 > UINT32_MAX ? UINT32_MAX : count + 1);
}
