# The benchmark: one static program for both kernels, and the scripts that run it; see bench.h.

BENCH_SOURCES := tests/bench/bench.c tests/bench/calls.c tests/bench/exchange.c tests/bench/memory.c \
	tests/bench/process.c
BENCH := $(BUILD)/tests/bench/bench
BENCH_CFLAGS := -std=gnu11 -O2 -g -fno-toplevel-reorder -Wall -Wextra -Werror -static -pthread

$(BENCH): $(BENCH_SOURCES) tests/bench/bench.h | $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CROSS)gcc $(BENCH_CFLAGS) -o $@ $(BENCH_SOURCES)

.PHONY: bench profile
bench: $(BENCH) $(IMAGE) $(BUILD)/linux/vmlinuz ## instructions per operation, beside Linux: writes docs/benchmarks.md
	$(Q)QUOIN_BUILD=$(abspath $(BUILD)) tests/bench/run --write

profile: $(BENCH) $(IMAGE) ## where the instructions of one benchmark go: B='fork + exit'
	$(Q)QUOIN_BUILD=$(abspath $(BUILD)) tests/bench/profile '$(or $(B),null call)'
