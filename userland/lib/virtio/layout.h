/* What the device sees: the common configuration window (VirtIO 4.1.4.3) and the rings (2.6). */
#ifndef VIRTIO_LAYOUT_H
#define VIRTIO_LAYOUT_H

#include <stdint.h>

enum common_register {
	COMMON_DEVICE_FEATURE_SELECT = 0x00,
	COMMON_DEVICE_FEATURE = 0x04,
	COMMON_DRIVER_FEATURE_SELECT = 0x08,
	COMMON_DRIVER_FEATURE = 0x0c,
	COMMON_STATUS = 0x14,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_MSIX = 0x1a,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY_OFFSET = 0x1e,
	COMMON_QUEUE_DESCRIPTORS = 0x20,
	COMMON_QUEUE_AVAILABLE = 0x28,
	COMMON_QUEUE_USED = 0x30,
	COMMON_BYTES = 0x38,
};

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

#define DESCRIPTOR_NEXT     1
#define DESCRIPTOR_WRITE    2
#define DESCRIPTOR_INDIRECT 4

struct virtq_descriptor {
	uint64_t address;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_available {
	uint16_t flags, index;
	uint16_t ring[];
};

struct virtq_used {
	uint16_t flags, index;
	struct {
		uint32_t id, len;
	} ring[];
};

_Static_assert(sizeof(struct virtq_descriptor) == 16, "VirtIO 2.6.5");

static inline uint8_t read8(const volatile uint8_t *window, uint32_t offset)
{
	return window[offset];
}

static inline uint16_t read16(const volatile uint8_t *window, uint32_t offset)
{
	return *(const volatile uint16_t *)(window + offset);
}

static inline uint32_t read32(const volatile uint8_t *window, uint32_t offset)
{
	return *(const volatile uint32_t *)(window + offset);
}

static inline void write8(volatile uint8_t *window, uint32_t offset, uint8_t value)
{
	window[offset] = value;
}

static inline void write16(volatile uint8_t *window, uint32_t offset, uint16_t value)
{
	*(volatile uint16_t *)(window + offset) = value;
}

static inline void write32(volatile uint8_t *window, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(window + offset) = value;
}

static inline void write64(volatile uint8_t *window, uint32_t offset, uint64_t value)
{
	write32(window, offset, (uint32_t)value);
	write32(window, offset + 4, (uint32_t)(value >> 32));
}

#endif
