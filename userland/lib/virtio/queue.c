/* Split virtqueues; see quoin/virtio.h, and queue.pml for a model of used ring and interrupt. Slot n uses descriptor n, which points at indirect table n. */
#include <quoin/virtio.h>
#include "layout.h"

#define TABLE_BYTES (VIRTQUEUE_SEGMENTS * sizeof(struct virtq_descriptor))

/* Descriptors, available ring, used ring, tables: each at its alignment (VirtIO 2.6). */
static void queue_layout(struct virtqueue *queue, uint64_t *available, uint64_t *used)
{
	uint64_t at = queue->size * sizeof(struct virtq_descriptor);

	*available = at;
	at = ALIGN_UP(at + 6 + 2u * queue->size, 64);
	*used = at;
	at = ALIGN_UP(at + 6 + 8u * queue->size, 64);
	queue->tables_physical = at;
}

long virtqueue_open(struct virtio_device *device, uint16_t index, uint16_t msix_entry, struct virtqueue *queue)
{
	uint64_t available, used;

	write16(device->common, COMMON_QUEUE_SELECT, index);
	uint16_t offered = read16(device->common, COMMON_QUEUE_SIZE);
	if (offered < VIRTQUEUE_SLOTS || offered & (offered - 1))
		return -QERR_NODEV;
	*queue = (struct virtqueue){
		.device = device, .index = index, .size = VIRTQUEUE_SLOTS, .free_slots = UINT64_MAX
	};
	queue_layout(queue, &available, &used);
	long status = driver_dma_alloc(queue->tables_physical + VIRTQUEUE_SLOTS * TABLE_BYTES, &queue->memory);
	if (status < 0)
		return status;
	char *base = queue->memory.address;
	queue->descriptors = (void *)base;
	queue->available = (void *)(base + available);
	queue->used = (void *)(base + used);
	queue->tables = (void *)(base + queue->tables_physical);
	queue->tables_physical += queue->memory.physical;

	write16(device->common, COMMON_QUEUE_SIZE, queue->size);
	write64(device->common, COMMON_QUEUE_DESCRIPTORS, queue->memory.physical);
	write64(device->common, COMMON_QUEUE_AVAILABLE, queue->memory.physical + available);
	write64(device->common, COMMON_QUEUE_USED, queue->memory.physical + used);
	write16(device->common, COMMON_QUEUE_MSIX, msix_entry);
	if (read16(device->common, COMMON_QUEUE_MSIX) != msix_entry)
		return -QERR_NODEV;
	uint64_t offset =
		(uint64_t)read16(device->common, COMMON_QUEUE_NOTIFY_OFFSET) * device->notify_multiplier;
	if (offset % 2 || offset + 2 > device->notify_bytes)
		return -QERR_NODEV;
	queue->doorbell = (volatile uint16_t *)(device->notify + offset);
	write16(device->common, COMMON_QUEUE_ENABLE, 1);
	return 0;
}

int virtqueue_slot(struct virtqueue *queue)
{
	if (!queue->free_slots)
		return -1;
	int slot = __builtin_ctzl(queue->free_slots);
	queue->free_slots &= ~(1UL << slot);
	return slot;
}

void virtqueue_submit(struct virtqueue *queue, int slot, const struct virtio_buffer *buffers, uint32_t count)
{
	struct virtq_descriptor *table = queue->tables + slot * VIRTQUEUE_SEGMENTS;

	assert(count > 0 && count <= VIRTQUEUE_SEGMENTS);
	for (uint32_t i = 0; i < count; i++)
		table[i] = (struct virtq_descriptor){
			.address = buffers[i].physical,
			.len = buffers[i].len,
			.flags = (buffers[i].device_writes ? DESCRIPTOR_WRITE : 0) |
				 (i + 1 < count ? DESCRIPTOR_NEXT : 0),
			.next = (uint16_t)(i + 1),
		};
	volatile struct virtq_descriptor *descriptor = &queue->descriptors[slot];
	descriptor->address = queue->tables_physical + (uint64_t)slot * TABLE_BYTES;
	descriptor->len = count * (uint32_t)sizeof(*table);
	descriptor->flags = DESCRIPTOR_INDIRECT;
	queue->available->ring[queue->available->index % queue->size] = (uint16_t)slot;
	__atomic_thread_fence(__ATOMIC_RELEASE); /* the entry before its index (2.6.13) */
	queue->available->index++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*queue->doorbell = queue->index;
}

int virtqueue_next_used(struct virtqueue *queue, uint32_t *written)
{
	if (queue->last_used == queue->used->index)
		return -1;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	uint32_t id = queue->used->ring[queue->last_used % queue->size].id;
	*written = queue->used->ring[queue->last_used % queue->size].len;
	queue->last_used++;
	if (id >= VIRTQUEUE_SLOTS || queue->free_slots >> id & 1)
		panic("the device returned request %u, which it does not have", id);
	queue->free_slots |= 1UL << id;
	return (int)id;
}
