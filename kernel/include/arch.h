/*
 * The instructions that C cannot say.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include "base.h"

#define RFLAGS_FIXED BIT(1)
#define RFLAGS_TF    BIT(8)
#define RFLAGS_IF    BIT(9)
#define RFLAGS_RF    BIT(16)
#define RFLAGS_AC    BIT(18)

static inline void arch_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/* Lets pending interrupts in, for one instruction. */
static inline void arch_irq_window(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" ::: "memory");
}

/* Waits for an interrupt; STI's shadow makes it impossible to miss one that is pending. */
static inline void arch_idle_wait(void)
{
	__asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

static inline bool arch_irq_enabled(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
	return flags & RFLAGS_IF;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "0"(leaf), "2"(sub));
}

#define DEFINE_CR(n)                                                            \
	static inline uint64_t read_cr##n(void)                                 \
	{                                                                       \
		uint64_t value;                                                 \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(value)::"memory"); \
		return value;                                                   \
	}                                                                       \
	static inline void write_cr##n(uint64_t value)                          \
	{                                                                       \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(value) : "memory");    \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void invlpg(uintptr_t addr)
{
	__asm__ volatile("invlpg (%0)" ::"r"(addr) : "memory");
}

/* Opens and closes user memory to the kernel (SMAP); no-ops on a CPU without it. */
extern bool arch_has_smap;

static inline void arch_user_access_begin(void)
{
	if (arch_has_smap)
		__asm__ volatile("stac" ::: "memory");
}

static inline void arch_user_access_end(void)
{
	if (arch_has_smap)
		__asm__ volatile("clac" ::: "memory");
}

#endif
