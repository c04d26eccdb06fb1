$(call native_program,ext4,$(wildcard userland/servers/ext4/*.c),$(BUILD)/lib/ext4.a $(BUILD)/lib/block.a $(BUILD)/lib/driver.a)
