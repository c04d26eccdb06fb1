/* Register windows from the vendor capabilities, and the start-up dance (VirtIO 3.1.1, 4.1.4). */
#include <quoin/virtio.h>
#include "layout.h"

#define PCI_CAPABILITIES 0x34
#define CAP_VENDOR       0x09

enum virtio_window { WINDOW_COMMON = 1, WINDOW_NOTIFY = 2, WINDOW_CONFIG = 4 };

struct window {
	uint8_t capability;
	uint32_t bar, offset, length;
};

static bool window_find(uint8_t type, struct window *window)
{
	uint8_t at = (uint8_t)driver_config_read(PCI_CAPABILITIES, 1) & 0xfc;

	for (int i = 0; at >= 0x40 && i < 48; i++) {
		if ((uint8_t)driver_config_read(at, 1) == CAP_VENDOR &&
		    (uint8_t)driver_config_read(at + 3u, 1) == type) {
			window->capability = at;
			window->bar = (uint8_t)driver_config_read(at + 4u, 1);
			window->offset = driver_config_read(at + 8u, 4);
			window->length = driver_config_read(at + 12u, 4);
			return true;
		}
		at = (uint8_t)driver_config_read(at + 1u, 1) & 0xfc;
	}
	return false;
}

/* At least `least` bytes, at an offset that is a multiple of `alignment` (VirtIO 4.1.4). */
static volatile uint8_t *window_map(const struct window *window, const struct devmgr_device_reply *pci,
				    uint32_t least, uint32_t alignment)
{
	if (window->bar >= 6 || window->offset % alignment || window->length < least ||
	    window->offset > pci->bar_bytes[window->bar] ||
	    window->length > pci->bar_bytes[window->bar] - window->offset)
		return NULL;
	volatile uint8_t *bar = driver_map_bar(window->bar, window->offset + window->length);
	return bar ? bar + window->offset : NULL;
}

static long windows_open(struct virtio_device *device)
{
	struct devmgr_device_reply pci;
	struct window common, notify, config;

	if (driver_device(&pci) < 0 || !window_find(WINDOW_COMMON, &common) ||
	    !window_find(WINDOW_NOTIFY, &notify) || !window_find(WINDOW_CONFIG, &config))
		return -QERR_NODEV;
	device->common = window_map(&common, &pci, COMMON_BYTES, 4);
	device->notify = window_map(&notify, &pci, 2, 2);
	device->config = window_map(&config, &pci, 8, 4);
	device->notify_bytes = notify.length;
	device->notify_multiplier = driver_config_read(notify.capability + 16u, 4);
	return device->common && device->notify && device->config ? 0 : -QERR_NODEV;
}

static uint64_t features_offered(const struct virtio_device *device)
{
	write32(device->common, COMMON_DEVICE_FEATURE_SELECT, 0);
	uint64_t low = read32(device->common, COMMON_DEVICE_FEATURE);
	write32(device->common, COMMON_DEVICE_FEATURE_SELECT, 1);
	return low | (uint64_t)read32(device->common, COMMON_DEVICE_FEATURE) << 32;
}

static void features_accept(struct virtio_device *device, uint64_t features)
{
	device->features = features;
	write32(device->common, COMMON_DRIVER_FEATURE_SELECT, 0);
	write32(device->common, COMMON_DRIVER_FEATURE, (uint32_t)features);
	write32(device->common, COMMON_DRIVER_FEATURE_SELECT, 1);
	write32(device->common, COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32));
}

long virtio_open(struct virtio_device *device, uint64_t wanted, uint64_t required)
{
	long status = windows_open(device);

	if (status < 0)
		return status;
	write8(device->common, COMMON_STATUS, 0);
	for (int i = 0; read8(device->common, COMMON_STATUS) != 0; i++)
		if (i == 100000)
			return -QERR_IO; /* it never finished its reset */
	status = driver_device_start();
	if (status < 0)
		return status;
	write8(device->common, COMMON_STATUS, STATUS_ACKNOWLEDGE);
	write8(device->common, COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	required |= VIRTIO_F_VERSION_1;
	uint64_t offered = features_offered(device);
	if (~offered & required)
		return -QERR_NODEV;
	features_accept(device, offered & (wanted | required));
	write8(device->common, COMMON_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return read8(device->common, COMMON_STATUS) & STATUS_FEATURES_OK ? 0 : -QERR_NODEV;
}

void virtio_start(struct virtio_device *device)
{
	write8(device->common, COMMON_STATUS,
	       STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}
