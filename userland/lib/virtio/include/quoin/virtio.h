/*
 * VirtIO 1.1 devices over PCI (section 4.1) and split virtqueues (section 2.6) with indirect descriptors.
 *
 * A queue is used by one thread.  A request is a table of buffers; the queue gives it a slot, which comes
 * back from virtqueue_next_used when the device is done with it.  Everything the device writes is checked.
 */
#ifndef QUOIN_VIRTIO_H
#define QUOIN_VIRTIO_H

#include <quoin/driver.h>

#define VIRTIO_F_INDIRECT_DESC (1UL << 28)
#define VIRTIO_F_VERSION_1     (1UL << 32)

#define VIRTQUEUE_SLOTS    64  /* requests under way at once */
#define VIRTQUEUE_SEGMENTS 132 /* buffers per request */

struct virtio_device {
	volatile uint8_t *common, *notify, *config; /* register windows in BARs */
	uint32_t notify_multiplier, notify_bytes;
	uint64_t features; /* agreed on */
};

struct virtio_buffer {
	uint64_t physical;
	uint32_t len;
	bool device_writes;
};

struct virtqueue {
	struct virtio_device *device;
	struct dma_memory memory;
	volatile struct virtq_descriptor *descriptors;
	volatile struct virtq_available *available;
	volatile struct virtq_used *used;
	struct virtq_descriptor *tables; /* VIRTQUEUE_SLOTS indirect tables */
	uint64_t tables_physical;
	volatile uint16_t *doorbell;
	uint16_t index, size, last_used;
	uint64_t free_slots; /* bit per slot */
};

/* Finds the register windows, resets the device and agrees on wanted & offered; required must be offered. */
long virtio_open(struct virtio_device *device, uint64_t wanted, uint64_t required);
long virtqueue_open(struct virtio_device *device, uint16_t index, uint16_t msix_entry, struct virtqueue *queue);
void virtio_start(struct virtio_device *device);

/* A slot number, or -1 when all are under way. */
int virtqueue_slot(struct virtqueue *queue);
void virtqueue_submit(struct virtqueue *queue, int slot, const struct virtio_buffer *buffers, uint32_t count);
/* The slot of a finished request (free again), or -1. *written: bytes the device says it wrote. */
int virtqueue_next_used(struct virtqueue *queue, uint32_t *written);

#endif
