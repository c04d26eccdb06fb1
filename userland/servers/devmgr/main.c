/* Start-up of the supervisor, and the requests of its children. See devmgr.h. */
#include "devmgr.h"

const char task_name[] = "devmgr";

static int64_t wall_offset_ns;

/* Which tasks there are.  PCI drivers are started per device found, the others once, in this order. */
const struct manifest manifests[] = {
	{ .binary = "uart", .serves = "console", .ports = { { 0x3f8, 8 }, { 0x2f8, 8 } }, .irqs = { 4, 3 } },
	{ .binary = "virtio-blk", .vendor = 0x1af4, .devices = { 0x1001, 0x1042 }, .prefix = "block/vd" },
	{ .binary = "ext4", .once = true },
	{ .binary = "posix", .connects = true },
};
const size_t nr_manifests = array_length(manifests);

/* ---- requests ---- */

static bool name_copy(char *to, size_t size, const uint8_t *name, uint32_t len)
{
	if (len == 0 || len >= size || memchr(name, 0, len))
		return false;
	memcpy(to, name, len);
	to[len] = 0;
	return true;
}

static long handle_connect(void *server, struct ipc_request *request, const struct devmgr_connect_request *rq,
			   struct devmgr_connect_reply *rp)
{
	char name[64];

	if (!name_copy(name, sizeof(name), rq->name, rq->name_len))
		return -QERR_INVAL;
	if (!child_of_badge(request->badge)->manifest->connects)
		return -QERR_PERM;
	return service_connect(name, request->token, &rp->endpoint);
}

static long handle_serve(void *server, struct ipc_request *request, const struct devmgr_serve_request *rq,
			 struct devmgr_serve_reply *rp)
{
	char name[64];

	if (!name_copy(name, sizeof(name), rq->name, rq->name_len))
		return -QERR_INVAL;
	if (strcmp(name, child_of_badge(request->badge)->service) != 0)
		return -QERR_PERM;
	return service_serve(name, &rp->endpoint);
}

static long handle_ready(void *server, struct ipc_request *request, const struct devmgr_ready_request *rq,
			 struct devmgr_ready_reply *rp)
{
	service_ready(child_of_badge(request->badge)->service);
	return 0;
}

static long handle_services(void *server, struct ipc_request *request, const struct devmgr_services_request *rq,
			    struct devmgr_services_reply *rp)
{
	rp->names_len = service_names((char *)rp->names, 3072);
	return 0;
}

static long handle_device(void *server, struct ipc_request *request, const struct devmgr_device_request *rq,
			  struct devmgr_device_reply *rp)
{
	struct child *child = child_of_badge(request->badge);

	memcpy(rp->name, child->service, sizeof(rp->name));
	if (!child->device)
		return 0;
	rp->vendor = child->device->vendor;
	rp->device = child->device->device;
	rp->bus_device_function = child->device->bdf;
	rp->nr_bars = 6;
	memcpy(rp->bar_bytes, child->device->bar_bytes, sizeof(rp->bar_bytes));
	return 0;
}

static long handle_device_bar(void *server, struct ipc_request *request,
			      const struct devmgr_device_bar_request *rq, struct devmgr_device_bar_reply *rp)
{
	struct pci_device *device = child_of_badge(request->badge)->device;

	if (!device || rq->number >= 6 || !device->bar_bytes[rq->number])
		return -QERR_NODEV;
	long handle = quoin_memobj_physical(QUOIN_HARDWARE, device->bar_address[rq->number],
					    ALIGN_UP(device->bar_bytes[rq->number], QUOIN_PAGE_SIZE));
	if (handle < 0)
		return handle;
	rp->memory = (quoin_handle)handle;
	ipc_close_after_reply(request, rp->memory);
	return 0;
}

static long handle_config_read(void *server, struct ipc_request *request,
			       const struct devmgr_config_read_request *rq, struct devmgr_config_read_reply *rp)
{
	struct pci_device *device = child_of_badge(request->badge)->device;

	return device ? pci_config_read(device, rq->offset, rq->width, &rp->value) : -QERR_NODEV;
}

static bool in_capability(uint32_t offset, uint8_t capability, uint32_t bytes)
{
	return capability && offset >= capability && offset < capability + bytes;
}

/* A driver may write its device's own registers only: the header, whose BARs and command decide what the
 * device can reach, and the MSI capabilities belong to the supervisor. */
static long handle_config_write(void *server, struct ipc_request *request,
				const struct devmgr_config_write_request *rq,
				struct devmgr_config_write_reply *rp)
{
	struct pci_device *device = child_of_badge(request->badge)->device;

	if (!device)
		return -QERR_NODEV;
	if (rq->offset < 0x40 || in_capability(rq->offset, device->msix_cap, 12) ||
	    in_capability(rq->offset, device->msi_cap, 24))
		return -QERR_PERM;
	return pci_config_write(device, rq->offset, rq->width, rq->value);
}

static long handle_device_irq(void *server, struct ipc_request *request,
			      const struct devmgr_device_irq_request *rq, struct devmgr_device_irq_reply *rp)
{
	struct pci_device *device = child_of_badge(request->badge)->device;

	if (!device)
		return -QERR_NODEV;
	long status = pci_device_irq(device, rq->entry, &rp->irq);
	if (status == 0)
		ipc_close_after_reply(request, rp->irq);
	return status;
}

static long handle_device_start(void *server, struct ipc_request *request,
				const struct devmgr_device_start_request *rq,
				struct devmgr_device_start_reply *rp)
{
	struct pci_device *device = child_of_badge(request->badge)->device;

	if (!device)
		return -QERR_NODEV;
	pci_device_start(device);
	return 0;
}

static long handle_device_memory(void *server, struct ipc_request *request,
				 const struct devmgr_device_memory_request *rq,
				 struct devmgr_device_memory_reply *rp)
{
	struct child *child = child_of_badge(request->badge);

	if (!child->device || child->nr_memory == array_length(child->memory))
		return -QERR_NODEV;
	if (!rq->bytes || rq->bytes > 16u << 20)
		return -QERR_INVAL;
	long memory = quoin_memobj_create(QUOIN_MEMOBJ_DMA, ALIGN_UP((uint64_t)rq->bytes, QUOIN_PAGE_SIZE));
	if (memory < 0)
		return memory;
	rp->memory = child->memory[child->nr_memory++] = (quoin_handle)memory;
	return 0;
}

static long handle_legacy_irq(void *server, struct ipc_request *request,
			      const struct devmgr_legacy_irq_request *rq, struct devmgr_legacy_irq_reply *rp)
{
	const struct manifest *manifest = child_of_badge(request->badge)->manifest;

	if (rq->number >= array_length(manifest->irqs) || !manifest->irqs[rq->number])
		return -QERR_NODEV;
	long irq = quoin_irq_create(QUOIN_HARDWARE, manifest->irqs[rq->number], 0);
	if (irq < 0)
		return irq;
	rp->irq = (quoin_handle)irq;
	ipc_close_after_reply(request, rp->irq);
	return 0;
}

static long handle_device_ports(void *server, struct ipc_request *request,
				const struct devmgr_device_ports_request *rq,
				struct devmgr_device_ports_reply *rp)
{
	const struct manifest *manifest = child_of_badge(request->badge)->manifest;

	if (rq->number >= array_length(manifest->ports) || !manifest->ports[rq->number].count)
		return -QERR_NODEV;
	rp->count = manifest->ports[rq->number].count;
	rp->ports = ports_create(manifest->ports[rq->number].base, rp->count);
	if (!rp->ports)
		return -QERR_NOMEM;
	ipc_close_after_reply(request, rp->ports);
	return 0;
}

/* Each mount has its own server, "fs/ext4/1", "fs/ext4/2", ... */
static long handle_start_fs(void *server, struct ipc_request *request, const struct devmgr_start_fs_request *rq,
			    struct devmgr_start_fs_reply *rp)
{
	static uint32_t number;
	char type[32], service[32];

	if (!child_of_badge(request->badge)->manifest->connects)
		return -QERR_PERM;
	if (!name_copy(type, sizeof(type) - 16, rq->type, rq->type_len))
		return -QERR_INVAL;
	if (strcmp(type, "ext4") != 0)
		return -QERR_NODEV;
	snprintf(service, sizeof(service), "fs/%s/%u", type, ++number);
	for (size_t i = 0; i < nr_manifests; i++)
		if (strcmp(manifests[i].binary, type) == 0 && child_start(&manifests[i], NULL, service))
			return service_connect(service, request->token, &rp->endpoint);
	return -QERR_NOENT;
}

static long handle_wall_clock(void *server, struct ipc_request *request,
			      const struct devmgr_wall_clock_request *rq, struct devmgr_wall_clock_reply *rp)
{
	rp->offset_ns = wall_offset_ns;
	return 0;
}

static long handle_power(void *server, struct ipc_request *request, const struct devmgr_power_request *rq,
			 struct devmgr_power_reply *rp)
{
	if (!child_of_badge(request->badge)->manifest->connects)
		return -QERR_PERM;
	power_act(rq->mode);
	return -QERR_INVAL;
}

static long handle_restart(void *server, struct ipc_request *request, const struct devmgr_restart_request *rq,
			   struct devmgr_restart_reply *rp)
{
	char name[32];

	if (!child_of_badge(request->badge)->manifest->connects)
		return -QERR_PERM;
	return name_copy(name, sizeof(name), rq->name, rq->name_len) ? child_end(name) : -QERR_INVAL;
}

static long handle_command_line(void *server, struct ipc_request *request,
				const struct devmgr_command_line_request *rq,
				struct devmgr_command_line_reply *rp)
{
	rp->text_len = (uint32_t)strnlen(runtime_info()->command_line, sizeof(runtime_info()->command_line));
	memcpy(rp->text, runtime_info()->command_line, rp->text_len);
	return 0;
}

static const struct devmgr_ops ops = {
	.connect = handle_connect,
	.serve = handle_serve,
	.ready = handle_ready,
	.services = handle_services,
	.device = handle_device,
	.device_bar = handle_device_bar,
	.config_read = handle_config_read,
	.config_write = handle_config_write,
	.device_irq = handle_device_irq,
	.device_memory = handle_device_memory,
	.device_start = handle_device_start,
	.legacy_irq = handle_legacy_irq,
	.device_ports = handle_device_ports,
	.start_fs = handle_start_fs,
	.wall_clock = handle_wall_clock,
	.power = handle_power,
	.restart = handle_restart,
	.command_line = handle_command_line,
};

static void on_notification(void *server, uint64_t bits)
{
	children_died(bits);
}

static uint64_t on_deadline(void *server)
{
	return children_next_restart();
}

static void on_expired(void *server)
{
	children_restart_due();
}

/* ---- start ---- */

static void start_driver_for(struct pci_device *device)
{
	static uint8_t nr_found[array_length(manifests)];

	for (size_t i = 0; i < nr_manifests; i++) {
		const struct manifest *m = &manifests[i];
		char service[32];
		if (!m->vendor || m->vendor != device->vendor ||
		    (device->device != m->devices[0] && device->device != m->devices[1]))
			continue;
		if (nr_found[i] == 26)
			return;
		snprintf(service, sizeof(service), "%s%c", m->prefix, 'a' + nr_found[i]++);
		child_start(m, device, service);
	}
}

static void start_once(const char *binary)
{
	for (size_t i = 0; i < nr_manifests; i++)
		if (strcmp(manifests[i].binary, binary) == 0 &&
		    !child_start(&manifests[i], NULL, manifests[i].serves ? manifests[i].serves : ""))
			log_printf("cannot start %s", binary);
}

int task_main(uint64_t argument)
{
	long endpoint = quoin_endpoint_create(), notification = quoin_notification_create();

	if (endpoint < 0 || notification < 0)
		panic("no memory for the first endpoint");
	quoin_endpoint_bind((quoin_handle)endpoint, (quoin_handle)notification);
	supervisor_set_endpoint((quoin_handle)endpoint, (quoin_handle)notification);
	archive_open(QUOIN_ARCHIVE);
	acpi_read();
	wall_offset_ns = rtc_seconds() * 1000000000 - (int64_t)clock_ns();
	start_once("uart");
	pci_scan(start_driver_for);
	start_once("posix");

	struct ipc_server server = {
		.endpoint = (quoin_handle)endpoint,
		.dispatch = devmgr_dispatch,
		.ops = &ops,
		.notified = on_notification,
		.deadline = on_deadline,
		.expired = on_expired,
	};
	panic("serving ended: %ld", ipc_serve(&server));
}
