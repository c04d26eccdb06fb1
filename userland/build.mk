# Native tasks: servers, drivers and the libraries they share.
#
# A program is one line in its folder's build.mk:
#
#   $(call native_program,NAME,SOURCES,LIBRARIES)     -> $(BUILD)/userland/NAME
#
# It is linked at QUOIN_SERVER_IMAGE, statically, over the runtime and libc; LIBRARIES are archives made with
#
#   $(call native_library,NAME,SOURCES)               -> $(BUILD)/lib/NAME.a
#
# Native code uses general registers only: the POSIX server runs with a guest's vector state in the CPU.

NATIVE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fpie -mgeneral-regs-only -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none -fno-strict-aliasing \
	-Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers \
	-ffile-prefix-map=$(CURDIR)=. $(ABI_INCLUDES) -Iuserland/lib/runtime/include \
	-include userland/lib/runtime/include/quoin/hidden.h
NATIVE_LDFLAGS := -nostdlib -static -no-pie -Wl,-Ttext-segment=0xffff800000400000 -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096 -Wl,-z,separate-code -Wl,--build-id=none -Wl,--no-dynamic-linker -Wl,--no-relax

native_object = $(BUILD)/obj/$(basename $(1)).o
NATIVE_PROGRAMS :=

$(BUILD)/obj/userland/%.o: userland/%.c $(ABI_HEADERS) | $(CROSS_READY)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CROSS)gcc $(NATIVE_CFLAGS) $(NATIVE_CFLAGS_$(notdir $(@D))) -MMD -MP -c -o $@ $<

$(BUILD)/obj/userland/%.o: userland/%.S $(ABI_HEADERS) | $(CROSS_READY)
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D) && $(CROSS)gcc $(NATIVE_CFLAGS) -Wa,--debug-prefix-map=$(CURDIR)=. -MMD -MP -c -o $@ $<

define native_library_rules
$(BUILD)/lib/$(1).a: $(foreach s,$(2),$(call native_object,$(s)))
	$$(call say,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(CROSS)ar rcsD $$@ $$^
-include $(foreach s,$(2),$(BUILD)/obj/$(basename $(s)).d)
endef
native_library = $(eval $(call native_library_rules,$(1),$(2)))

define native_program_rules
NATIVE_PROGRAMS += $(BUILD)/userland/$(1)
$(BUILD)/userland/$(1): $(foreach s,$(2),$(call native_object,$(s))) $(3) $(BUILD)/lib/runtime.a $$(LIBC)
	$$(call say,LD,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CROSS)gcc $$(NATIVE_LDFLAGS) -o $$@ $(foreach s,$(2),$(call native_object,$(s))) \
	    -Wl,--start-group $(3) $(BUILD)/lib/runtime.a $$(LIBC) -Wl,--end-group
-include $(foreach s,$(2),$(BUILD)/obj/$(basename $(s)).d)
endef
native_program = $(eval $(call native_program_rules,$(1),$(2),$(3)))

include userland/lib/libc/build.mk
include $(filter-out userland/lib/libc/build.mk,$(wildcard userland/lib/*/build.mk userland/servers/*/build.mk \
	userland/drivers/*/*/build.mk))
include $(wildcard userland/bin/*/build.mk)

.PHONY: native
native: $(NATIVE_PROGRAMS) ## servers and drivers
