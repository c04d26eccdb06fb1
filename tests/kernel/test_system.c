/* Time, statistics, debugging. */
#include "ktest.h"

KTEST(clock_runs_forward)
{
	uint64_t last = now_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t t = now_ns();

		expect(t >= last);
		last = t;
	}
	expect(last > 0);
}

KTEST(unknown_calls_are_nosys)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(7l) : "rcx", "r11", "memory");
	expect_eq(result, -QERR_NOSYS);
	__asm__ volatile("syscall" : "=a"(result) : "0"(-1l) : "rcx", "r11", "memory");
	expect_eq(result, -QERR_NOSYS);
}

KTEST(bad_pointers_are_fault)
{
	expect_eq(quoin_system_stats(0), -QERR_FAULT);
	expect_eq(quoin_system_stats(0xffffffff80000000), -QERR_FAULT);
	expect_eq(quoin_system_stats(QUOIN_KERNEL_MIN), -QERR_FAULT);
	expect_eq(quoin_system_stats(QUOIN_SERVER_MAX - 8), -QERR_FAULT);
	expect_eq(quoin_system_stats(0x8000000000000000), -QERR_FAULT);
	expect_eq(quoin_debug_write(QUOIN_SERVER_MMAP + (1ul << 40), 4), -QERR_FAULT);
	expect_eq(quoin_debug_write((uintptr_t) "", 513), -QERR_INVAL);
}
