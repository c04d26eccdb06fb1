# The microkernel: build/kernel/quoin.elf, a Multiboot2 ELF64 with symbols.
#
# It is linked twice: the first result's function names become the table that panics print from
# (kernel/symbols.awk), which stands behind the text so that no address changes.

KERNEL := $(BUILD)/kernel/quoin.elf
KERNEL_SOURCES := $(wildcard kernel/*.[cS] kernel/*/*.[cS] kernel/arch/x86_64/*.[cS])
KERNEL_OBJECTS := $(KERNEL_SOURCES:%=$(BUILD)/%.o)
KERNEL_LDSCRIPT := kernel/arch/x86_64/kernel.ld

KERNEL_CPPFLAGS := -Ikernel/include -I$(GEN) -Isysroot/abi
KERNEL_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
	-mgeneral-regs-only -fno-omit-frame-pointer -fno-strict-aliasing -fno-common \
	-fstack-protector-strong -fno-asynchronous-unwind-tables -fno-delete-null-pointer-checks \
	-ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Werror -Wmissing-prototypes -Wvla $(KERNEL_EXTRA)
KERNEL_ASFLAGS := -Wa,--debug-prefix-map=$(CURDIR)=.
KERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -T $(KERNEL_LDSCRIPT)

.PHONY: kernel kernel-lines
kernel: $(KERNEL) ## build the microkernel

$(BUILD)/kernel/%.c.o: kernel/%.c | $(ABI_HEADERS) $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CROSS)gcc $(KERNEL_CFLAGS) $(KERNEL_CPPFLAGS) -MMD -c -o $@ $<

$(BUILD)/kernel/%.S.o: kernel/%.S | $(ABI_HEADERS) $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CROSS)gcc $(KERNEL_CFLAGS) $(KERNEL_ASFLAGS) $(KERNEL_CPPFLAGS) -MMD -c -o $@ $<

$(BUILD)/kernel/first.elf: $(KERNEL_OBJECTS) $(KERNEL_LDSCRIPT)
	$(call say,LD,$@)
	$(Q)$(CROSS)gcc $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJECTS)

$(BUILD)/kernel/symbols.S: $(BUILD)/kernel/first.elf kernel/symbols.awk
	$(Q)$(CROSS)nm -n $< | awk -f kernel/symbols.awk >$@

$(KERNEL): $(BUILD)/kernel/symbols.S $(KERNEL_OBJECTS) $(KERNEL_LDSCRIPT)
	$(call say,LD,$@)
	$(Q)$(CROSS)gcc $(KERNEL_LDFLAGS) -o $@ $(KERNEL_OBJECTS) $<
	$(Q)grub-file --is-x86-multiboot2 $@

kernel-lines: ## count the kernel's lines of code, comments and blank lines aside
	@$(HOSTCC) -fpreprocessed -dD -E -P $(wildcard kernel/*.c kernel/*/*.[ch] kernel/arch/x86_64/*.[chS]) 2>/dev/null | grep -cv '^#\? *$$'

-include $(KERNEL_OBJECTS:.o=.d)

