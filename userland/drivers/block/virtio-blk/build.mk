$(call native_program,virtio-blk,userland/drivers/block/virtio-blk/virtio-blk.c,\
	$(BUILD)/lib/virtio.a $(BUILD)/lib/driver.a $(BUILD)/lib/gpt.a)
