/*
 * The driver kit: what a driver asks its supervisor for.
 *
 *   driver_device(&device);                      who am I, which service do I serve
 *   registers = driver_map_bar(0, len);          device registers
 *   irq = driver_irq(entry, notification, bit);  interrupts as notification bits
 *   memory = driver_dma_alloc(bytes);            rings and tables
 *   driver_device_start();                       the device is reset and may do DMA
 *   driver_serve(&server);                       announce the service and serve it, for ever
 */
#ifndef QUOIN_DRIVER_H
#define QUOIN_DRIVER_H

#include <quoin/runtime.h>
#include <proto/devmgr.h>

/* Memory that the device and the driver share, physically contiguous and zeroed. */
struct dma_memory {
	void *address;
	uint64_t physical;
	size_t len_bytes;
};

long driver_device(struct devmgr_device_reply *device);
volatile void *driver_map_bar(uint32_t number, size_t len_bytes);
uint32_t driver_config_read(uint32_t offset, uint32_t width);

/* Binds an interrupt to bits of notification; 0 or an error. None needs quoin_irq_ack: MSI, and lines by edge. */
long driver_irq(uint32_t entry, quoin_handle notification, uint64_t bits);
long driver_legacy_irq(uint32_t number, quoin_handle notification, uint64_t bits);
quoin_handle driver_ports(uint32_t number);
long driver_dma_alloc(size_t len_bytes, struct dma_memory *memory);
/* The device may do DMA from here on; to be called when it has been reset. */
long driver_device_start(void);

/* The endpoint to serve, with notification bound to it; panics when the supervisor refuses. */
quoin_handle driver_endpoint(const char *service, quoin_handle notification);
_Noreturn void driver_serve(const struct ipc_server *server);

#endif
