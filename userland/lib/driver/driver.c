/* The driver kit; see quoin/driver.h. */
#include <quoin/driver.h>

long driver_device(struct devmgr_device_reply *device)
{
	const struct devmgr_device_request rq = {};

	return devmgr_device(QUOIN_SUPERVISOR, &rq, device);
}

volatile void *driver_map_bar(uint32_t number, size_t len_bytes)
{
	const struct devmgr_device_bar_request rq = { .number = number };
	struct devmgr_device_bar_reply rp;

	if (devmgr_device_bar(QUOIN_SUPERVISOR, &rq, &rp) < 0)
		return NULL;
	void *mapped = memobj_map(rp.memory, 0, len_bytes, QUOIN_PROT_READ | QUOIN_PROT_WRITE,
				  QUOIN_MAP_SHARED | QUOIN_MAP_UNCACHED);
	quoin_handle_close(rp.memory);
	return mapped;
}

uint32_t driver_config_read(uint32_t offset, uint32_t width)
{
	const struct devmgr_config_read_request rq = { .offset = (uint16_t)offset, .width = (uint16_t)width };
	struct devmgr_config_read_reply rp;

	return devmgr_config_read(QUOIN_SUPERVISOR, &rq, &rp) < 0 ? UINT32_MAX : rp.value;
}

long driver_irq(uint32_t entry, quoin_handle notification, uint64_t bits)
{
	const struct devmgr_device_irq_request rq = { .entry = entry };
	struct devmgr_device_irq_reply rp;
	long status = devmgr_device_irq(QUOIN_SUPERVISOR, &rq, &rp);

	return status < 0 ? status : quoin_irq_bind(rp.irq, notification, bits);
}

long driver_legacy_irq(uint32_t number, quoin_handle notification, uint64_t bits)
{
	const struct devmgr_legacy_irq_request rq = { .number = number };
	struct devmgr_legacy_irq_reply rp;
	long status = devmgr_legacy_irq(QUOIN_SUPERVISOR, &rq, &rp);

	return status < 0 ? status : quoin_irq_bind(rp.irq, notification, bits);
}

quoin_handle driver_ports(uint32_t number)
{
	const struct devmgr_device_ports_request rq = { .number = number };
	struct devmgr_device_ports_reply rp;

	return devmgr_device_ports(QUOIN_SUPERVISOR, &rq, &rp) < 0 ? 0 : rp.ports;
}

long driver_dma_alloc(size_t len_bytes, struct dma_memory *memory)
{
	const struct devmgr_device_memory_request rq = { .bytes = (uint32_t)len_bytes };
	struct devmgr_device_memory_reply rp;
	long status = devmgr_device_memory(QUOIN_SUPERVISOR, &rq, &rp);

	if (status < 0)
		return status;
	status = quoin_memobj_frames(rp.memory, 0, 1, (uintptr_t)&memory->physical);
	memory->len_bytes = ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE);
	memory->address = status < 0 ? NULL
				     : memobj_map(rp.memory, 0, memory->len_bytes,
						  QUOIN_PROT_READ | QUOIN_PROT_WRITE, QUOIN_MAP_SHARED);
	quoin_handle_close(rp.memory);
	if (status < 0)
		return status;
	return memory->address ? 0 : -QERR_NOMEM;
}

long driver_device_start(void)
{
	const struct devmgr_device_start_request rq = {};

	return devmgr_device_start(QUOIN_SUPERVISOR, &rq, NULL);
}

quoin_handle driver_endpoint(const char *service, quoin_handle notification)
{
	struct devmgr_serve_request rq = { .name_len = (uint32_t)strlen(service) };
	struct devmgr_serve_reply rp;

	memcpy(rq.name, service, MIN(rq.name_len, sizeof(rq.name)));
	long status = devmgr_serve(QUOIN_SUPERVISOR, &rq, &rp);
	if (status < 0)
		panic("may not serve %s: error %ld", service, -status);
	if (notification && (status = quoin_endpoint_bind(rp.endpoint, notification)) < 0)
		panic("cannot bind the notification: error %ld", -status);
	return rp.endpoint;
}

_Noreturn void driver_serve(const struct ipc_server *server)
{
	const struct devmgr_ready_request rq = {};

	devmgr_ready(QUOIN_SUPERVISOR, &rq, NULL);
	panic("serving ended: error %ld", -ipc_serve(server));
}
