# The Linux system-call table becomes a header and a reference page.

linux-calls := sysroot/abi/linux/calls.tbl
linux-calls-generator := toolchain/generators/linux_calls.py

$(GEN)/linux/calls.h: $(linux-calls) $(linux-calls-generator)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(linux-calls-generator) header $< > $@

$(GEN)/docs/linux-calls.md: $(linux-calls) $(linux-calls-generator)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(linux-calls-generator) page $< > $@

GENERATED += $(GEN)/linux/calls.h $(GEN)/docs/linux-calls.md

# Comparisons of our constants with the host's, for tests/unit/linux_abi*.c.
linux-abi-headers := $(wildcard sysroot/abi/linux/*.h)

$(GEN)/linux/abi_check.h: toolchain/generators/linux_abi_check.py $(linux-abi-headers)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$^ > $@

GENERATED += $(GEN)/linux/abi_check.h
