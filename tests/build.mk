# tests: what `make test` builds and runs.  docs/howto/test.md is the manual.
#
#   T=tier, T=tier/name   only these tests
#   FUZZ_SECONDS=10       how long each fuzz target runs
#   K=linux|quoin         only this kernel (otherwise $(TEST_KERNELS))

include $(wildcard tests/*/build.mk)

TEST_KERNELS ?= linux quoin
UNIT_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer \
	-I$(GEN) -Isysroot/abi -Itests/unit -I.

# libFuzzer is part of clang
FUZZCC := clang
FUZZ_CFLAGS := $(UNIT_CFLAGS) -fsanitize=fuzzer -Itests/fuzz
export FUZZ_SECONDS ?= 60

# The rules for the programs of the tiers unit and fuzz, written anew when the head of one may have changed
HOST_PROGRAMS := $(wildcard tests/unit/*.c tests/fuzz/*.c)
$(BUILD)/tests/host.mk: tests/host-rules.awk $(HOST_PROGRAMS)
	@mkdir -p $(@D)
	$(Q)awk -f $< $(HOST_PROGRAMS) > $@
HOST_OBJECTS :=
include $(BUILD)/tests/host.mk
-include $(wildcard $(HOST_OBJECTS:.o=.d))

RUN_TESTS = env -u MAKEFLAGS -u MAKELEVEL BUILD=$(BUILD) tests/harness/run

.PHONY: test
test: ## run all tests; T=tier/name runs one, K=linux|quoin picks the kernel
	$(Q)$(RUN_TESTS) --kernels '$(or $(K),$(TEST_KERNELS))' "$$T"

# What goes on for as long as one likes, with other random numbers each time.
SOAK_TESTS := fuzz posix/fuzz posix/stress/everything_at_once kernel/hostile_calls
SOAK_SECONDS = $(or $(TEST_SECONDS),600)

.PHONY: soak
soak: ## attack parsers and the guest, ten minutes each way; TEST_SECONDS=n, TEST_SEED=n choose
	$(Q)for test in $(SOAK_TESTS); do \
	    FUZZ_SECONDS=$(SOAK_SECONDS) TEST_SECONDS=$(SOAK_SECONDS) TEST_SEED=$${TEST_SEED:-$$(date +%s)} $(RUN_TESTS) --kernels quoin $$test || exit; \
	done
