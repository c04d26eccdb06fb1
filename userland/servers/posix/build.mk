# The POSIX server: core/ and mm/ are its process half, vfs/ and fs/ its file half, tty/ the terminals.

posix-dir := userland/servers/posix
posix-sources := $(sort $(wildcard $(addprefix $(posix-dir)/,main.c core/*.c core/*.S mm/*.c mm/*.S vfs/*.c fs/*.c tty/*.c)))
posix-objects := $(foreach source,$(posix-sources),$(call native_object,$(source)))

$(foreach folder,posix core mm vfs fs tty,$(eval NATIVE_CFLAGS_$(folder) := -I$(posix-dir)/include))

ifneq ($(shell grep -l '^void vfs_init' $(posix-dir)/*/*.c),)
$(call native_program,posix,$(posix-sources),$(BUILD)/lib/block.a)
endif

$(posix-objects): $(GEN)/linux/calls.h

# The vDSO is a shared object for applications, not for the server, which only carries its bytes.
posix-vdso := $(BUILD)/userland/vdso.so
posix-vdso-flags := -std=gnu11 -O2 -ffreestanding -fPIC -mno-red-zone -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fvisibility=default -Wall -Wextra -Werror $(ABI_INCLUDES)

$(posix-vdso): $(wildcard $(posix-dir)/mm/vdso/*) $(GEN)/linux/calls.h | $(CROSS_READY)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CROSS)gcc $(posix-vdso-flags) -nostdlib -shared -Wl,-T,$(posix-dir)/mm/vdso/vdso.lds \
	    -Wl,-soname,linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	    -Wl,--no-undefined -s -o $@ $(posix-dir)/mm/vdso/vdso.c
	$(Q)! $(CROSS)readelf -r $@ | grep -q R_X86_64 || { echo "the vDSO must not need relocation" >&2; exit 1; }

$(call native_object,$(posix-dir)/mm/vdso_image.S): NATIVE_CFLAGS += -DVDSO_PATH='"$(posix-vdso)"'
$(call native_object,$(posix-dir)/mm/vdso_image.S): $(posix-vdso)
