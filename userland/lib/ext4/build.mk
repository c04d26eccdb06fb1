# The ext4 format library, for the ext4 server; tests/unit/ext4*.c compile the same files for the host.

NATIVE_CFLAGS_ext4 := -Iuserland/lib
$(call native_library,ext4,$(wildcard userland/lib/ext4/*.c))
