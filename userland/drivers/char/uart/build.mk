$(call native_program,uart,userland/drivers/char/uart/uart.c,$(BUILD)/lib/driver.a)
