# The bootable disk image, the Linux oracle beside it, and the verbs that boot them.
#
#   IMAGE_SIZE        the root file system's size
#   IMAGE_PACKAGES    the packages in it

IMAGE_SIZE ?= 1G
IMAGE_PACKAGES ?= $(shell sed 's/\#.*//' image/packages.conf)
IMAGE_EPOCH := 1704067200

IMAGE := $(BUILD)/quoin.img
IMAGE_WORK := $(BUILD)/image
VM := QUOIN_BUILD=$(abspath $(BUILD)) image/vm

# The system's own boot files, at their places in the root file system.
IMAGE_BOOT := boot/quoin.elf=$(KERNEL) boot/archive.cpio=$(BUILD)/boot/archive.cpio \
	boot/grub/grub.cfg=image/grub.cfg

image-skeleton := $(shell find image/root ! -type d)
image-packages := $(IMAGE_PACKAGES:%=$(BUILD)/packages/%.pkg)
image-root := $(IMAGE_WORK)/root.ext4

# The boot archive: the native tasks without their symbols, which stay in build/userland.
$(BUILD)/boot/%: $(BUILD)/userland/% | $(CROSS_READY)
	@mkdir -p $(@D)
	$(Q)$(CROSS)strip -o $@ $<

archive-members := $(NATIVE_PROGRAMS:$(BUILD)/userland/%=$(BUILD)/boot/%)

$(BUILD)/boot/archive.cpio: $(archive-members) image/cpio
	$(call say,CPIO,$@)
	$(Q)image/cpio $@ $(foreach task,$(sort $(archive-members)),$(notdir $(task))=$(task))

$(IMAGE_WORK)/as-root.so: image/as-root.c
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $<

# Size and package set are part of what the image depends on: a file that changes when they do.
$(IMAGE_WORK)/settings: FORCE
	@mkdir -p $(@D)
	@echo '$(IMAGE_SIZE) $(IMAGE_PACKAGES)' | cmp -s - $@ || \
	    echo '$(IMAGE_SIZE) $(IMAGE_PACKAGES)' > $@

$(image-root): image/stage image/modes $(image-skeleton) $(image-packages) $(IMAGE_WORK)/settings \
		$(IMAGE_WORK)/as-root.so $(foreach file,$(IMAGE_BOOT),$(lastword $(subst =, ,$(file))))
	$(call say,ROOT,$@)
	$(Q)AS_ROOT=$(abspath $(IMAGE_WORK)/as-root.so) SOURCE_DATE_EPOCH=$(IMAGE_EPOCH) \
	    image/stage $(IMAGE_WORK)/root $@ $(IMAGE_SIZE) image/root \
	    $(IMAGE_PACKAGES:%=$(BUILD)/packages/%) $(IMAGE_BOOT)

$(IMAGE): $(image-root) image/mkimage
	$(call say,IMAGE,$@)
	$(Q)SOURCE_DATE_EPOCH=$(IMAGE_EPOCH) image/mkimage --root $< --output $@

# The oracle: Debian's kernel, with an initramfs of our own.
$(BUILD)/linux/init: image/linux/init.c | $(CROSS_READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CROSS)gcc -std=gnu11 -static -Os -s -Wall -Wextra -Werror -o $@ $<

$(BUILD)/linux/vmlinuz: $(BUILD)/linux/init image/linux/fetch image/cpio
	$(Q)image/linux/fetch $< $(@D)

.PHONY: FORCE image linux run gdb

all: $(IMAGE)

image: $(IMAGE) ## write build/quoin.img; the next make run starts with a fresh disk
	$(Q)rm -f $(BUILD)/disk.img $(BUILD)/disk.img.from

linux: $(BUILD)/linux/vmlinuz $(IMAGE) ## fetch the Linux kernel for image/vm --kernel linux

run: $(IMAGE) $(if $(filter linux,$(K)),$(BUILD)/linux/vmlinuz) ## boot on this terminal; the disk is kept
	$(Q)VM_GDB=$(BUILD)/gdb.sock $(VM) run $(if $(K),--kernel $(K)) $(OPTIONS)

gdb: ## attach gdb to the machine that make run has started in another terminal
	$(Q)image/gdb $(BUILD)
