# libc.a for native tasks: musl's own string and sort routines, compiled without vector registers.
#
# The sources come from the musl that the cross toolchain is built from (sysroot/musl/recipe.conf).

MUSL_VERSION := $(shell sed -n 's/^MUSL_VERSION=//p' sysroot/musl/recipe.conf)
MUSL_SHA256 := $(shell sed -n 's/^MUSL_SHA256=//p' sysroot/musl/recipe.conf)
MUSL_SOURCE := $(BUILD)/musl/musl-$(MUSL_VERSION)

LIBC_STRING := memcmp memchr memrchr strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strchrnul \
	strrchr strstr strcpy stpcpy strncpy stpncpy strlcpy strcat strspn strcspn memmem
LIBC_STRING_ASM := memcpy memmove memset
LIBC_OTHER := stdlib/qsort stdlib/qsort_nr stdlib/bsearch ctype/tolower ctype/isupper
LIBC_OBJECTS := $(LIBC_STRING:%=$(BUILD)/libc/string/%.o) $(LIBC_STRING_ASM:%=$(BUILD)/libc/asm/%.o) \
	$(LIBC_OTHER:%=$(BUILD)/libc/%.o)
LIBC := $(BUILD)/libc/libc.a
LIBC_CFLAGS := -std=c99 -O2 -ffreestanding -fno-tree-loop-distribute-patterns -mgeneral-regs-only -fpie -nostdinc \
	-fno-stack-protector -D_XOPEN_SOURCE=700 -I$(MUSL_SOURCE)/arch/x86_64 -I$(MUSL_SOURCE)/arch/generic \
	-I$(MUSL_SOURCE)/src/include -I$(MUSL_SOURCE)/src/internal -I$(BUILD)/musl/include -I$(MUSL_SOURCE)/include

$(BUILD)/musl/unpacked: sysroot/musl/recipe.conf
	$(call say,UNPACK,musl $(MUSL_VERSION))
	$(Q)mkdir -p $(BUILD)/musl/include/bits && \
	tarball=$$(toolchain/debian-fetch source musl $(MUSL_VERSION)) && \
	echo "$(MUSL_SHA256)  $$tarball" | sha256sum --check --quiet && \
	tar -C $(BUILD)/musl -xf "$$tarball" && \
	sed -f $(MUSL_SOURCE)/tools/mkalltypes.sed $(MUSL_SOURCE)/arch/x86_64/bits/alltypes.h.in \
	    $(MUSL_SOURCE)/include/alltypes.h.in > $(BUILD)/musl/include/bits/alltypes.h && touch $@

define libc_compile
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CROSS)gcc $(LIBC_CFLAGS) -c -o $@ $(1)
endef

$(LIBC_OBJECTS): $(BUILD)/musl/unpacked | $(CROSS_READY)

$(BUILD)/libc/string/%.o:
	$(call libc_compile,$(MUSL_SOURCE)/src/string/$*.c)

$(BUILD)/libc/asm/%.o:
	$(call libc_compile,$(MUSL_SOURCE)/src/string/x86_64/$*.s)

$(BUILD)/libc/stdlib/%.o:
	$(call libc_compile,$(MUSL_SOURCE)/src/stdlib/$*.c)

$(BUILD)/libc/ctype/%.o:
	$(call libc_compile,$(MUSL_SOURCE)/src/ctype/$*.c)

$(LIBC): $(LIBC_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(CROSS)ar rcsD $@ $^
