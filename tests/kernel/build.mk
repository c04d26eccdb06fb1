# Kernel tests: a first task that tests the calls, in a disk image of its own; see ktest.h and run.

KTEST_SOURCES := $(wildcard tests/kernel/*.[cS])
KTEST_OBJECTS := $(KTEST_SOURCES:%=$(BUILD)/%.o)
KTEST := $(BUILD)/tests/kernel/ktest
KTEST_CFLAGS := -std=gnu11 -O1 -g -ffreestanding -fno-pic -fno-pie -mcmodel=large -mgeneral-regs-only \
	-fno-stack-protector -fno-toplevel-reorder -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-Wall -Wextra -Werror -I$(GEN) -Isysroot/abi

$(BUILD)/tests/kernel/%.o: tests/kernel/% | $(ABI_HEADERS) $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CROSS)gcc $(KTEST_CFLAGS) -MMD -c -o $@ $<

$(KTEST): $(KTEST_OBJECTS) tests/kernel/ktest.ld
	$(call say,LD,$@)
	$(Q)$(CROSS)gcc -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	    -Wl,-z,max-page-size=4096 -T tests/kernel/ktest.ld -o $@ $(KTEST_OBJECTS)

$(BUILD)/tests/kernel/disk.img: $(KERNEL) $(KTEST) tests/kernel/make-disk image/cpio image/mkimage
	$(call say,IMAGE,$@)
	$(Q)tests/kernel/make-disk $(KERNEL) $(KTEST) $@

.PHONY: kernel-test
kernel-test: $(BUILD)/tests/kernel/disk.img ## run the kernel's tests: SMP=4 FIRMWARE=uefi ICOUNT=1 choose the machine
	$(Q)tests/kernel/run $(if $(SMP),--smp $(SMP)) $(if $(FIRMWARE),--firmware $(FIRMWARE)) \
	    $(if $(ICOUNT),--icount) $<

-include $(KTEST_OBJECTS:.o=.d)
