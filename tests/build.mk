# tests: what `make test` builds and runs.  docs/howto/test.md is the manual.
#
#   T=tier, T=tier/name   only these tests
#   K=linux|quoin         only this kernel (otherwise $(TEST_KERNELS))

include $(wildcard tests/*/build.mk)

TEST_KERNELS ?= linux quoin
UNIT_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer \
	-I$(GEN) -Isysroot/abi -Itests/unit -I.

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))

# $(call unit_field,name,field): the words after "// field:" in the head of tests/unit/name.c
unit_field = $(shell sed -n 's,^// $(2):,,p;10q' tests/unit/$(1).c)

define unit_rule
$(BUILD)/tests/unit/$(1): tests/unit/$(1).c $(call unit_field,$(1),sources) | $(ABI_HEADERS) $(GENERATED)
	@mkdir -p $$(@D)
	$$(call say,HOSTCC,$$@)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) $(call unit_field,$(1),flags) -MMD -MT $$@ -o $$@ \
	    $$(filter %.c %.S,$$^) $(call unit_field,$(1),libs)
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_rule,$(test))))
-include $(wildcard $(BUILD)/tests/unit/*.d)

.PHONY: test
test: ## run all tests; T=tier/name runs one, K=linux|quoin picks the kernel
	$(Q)env -u MAKEFLAGS -u MAKELEVEL BUILD=$(BUILD) tests/harness/run \
	    --kernels '$(or $(K),$(TEST_KERNELS))' '$(T)'
