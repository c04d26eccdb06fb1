# Guest tests: tests/posix/AREA.c becomes the static program build/tests/posix/AREA, which also runs
# on the host's own kernel: build/tests/posix/pipe -l, build/tests/posix/pipe CASE...

POSIX_CC := $(if $(CROSS),$(CROSS)gcc,musl-gcc)
POSIX_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -static -pthread -Itests/posix -iquote sysroot/abi
POSIX_AREAS := $(patsubst tests/posix/%.c,%,$(filter-out %/harness.c,$(wildcard tests/posix/*.c)))
POSIX_TESTS := $(POSIX_AREAS:%=$(BUILD)/tests/posix/%)

$(POSIX_TESTS): $(BUILD)/tests/posix/%: tests/posix/%.c $(BUILD)/tests/posix/harness.o \
		tests/posix/harness.h | $(CROSS_READY)
	$(call say,CC,$@)
	$(Q)$(POSIX_CC) $(POSIX_CFLAGS) -o $@ $(filter %.c %.o,$^)

$(BUILD)/tests/posix/harness.o: tests/posix/harness.c tests/posix/harness.h | $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(POSIX_CC) $(POSIX_CFLAGS) -c -o $@ $<

$(BUILD)/tests/posix/fuzz: private POSIX_CFLAGS += -I$(GEN) -Isysroot/abi
$(BUILD)/tests/posix/fuzz: $(GEN)/linux/calls.h

$(BUILD)/tests/posix/shell: private POSIX_CFLAGS += -I$(BUILD)/tests/posix
$(BUILD)/tests/posix/shell: $(BUILD)/tests/posix/shell_cases.h

$(BUILD)/tests/posix/shell_cases.h: tests/posix/sh/embed.py $(sort $(wildcard tests/posix/sh/*.sh)) \
		$(wildcard tests/posix/sh/*.out)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(filter-out %.out,$^) > $@

.PHONY: posix-tests
posix-tests: $(POSIX_TESTS)
