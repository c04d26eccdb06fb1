$(call native_library,block,userland/lib/block/client.c)
NATIVE_CFLAGS += -Iuserland/lib/block/include
