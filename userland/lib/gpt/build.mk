$(call native_library,gpt,userland/lib/gpt/gpt.c)
NATIVE_CFLAGS += -Iuserland/lib/gpt/include
