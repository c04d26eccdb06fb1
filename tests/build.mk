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

# $(call host_field,unit/name,field): the words after "// field:" in the head of tests/unit/name.c
host_field = $(shell sed -n 's,^// $(2):,,p;10q' tests/$(1).c)

host_sources = tests/$(1).c $(wildcard $(call host_field,$(1),sources))

# $(call host_rule,unit/name,compiler and flags): a program for the host, of the sources that its head names
define host_rule
$(BUILD)/tests/$(1): tests/$(1).c $(call host_field,$(1),sources) | $(ABI_HEADERS) $(GENERATED)
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$@)
	$(Q)$(2) $(call host_field,$(1),flags) -MM -MT $$@ $(call host_sources,$(1)) > $$@.d
	$(Q)$(2) $(call host_field,$(1),flags) -o $$@ $(call host_sources,$(1)) $(call host_field,$(1),libs)
endef
$(foreach test,$(wildcard tests/unit/*.c),$(eval \
    $(call host_rule,$(test:tests/%.c=%),$(HOSTCC) $(UNIT_CFLAGS))))
$(foreach test,$(wildcard tests/fuzz/*.c),$(eval \
    $(call host_rule,$(test:tests/%.c=%),$(FUZZCC) $(FUZZ_CFLAGS))))
-include $(wildcard $(BUILD)/tests/unit/*.d $(BUILD)/tests/fuzz/*.d)

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
