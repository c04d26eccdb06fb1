$(call native_library,virtio,$(addprefix userland/lib/virtio/,pci.c queue.c))
NATIVE_CFLAGS += -Iuserland/lib/virtio/include
