$(call native_library,driver,userland/lib/driver/driver.c)
NATIVE_CFLAGS += -Iuserland/lib/driver/include
