/* SPDX-License-Identifier: MIT */
/*
 * The supervisor on the host, with three children: a driver, a server that serves nothing, and the POSIX server.
 * What it stands on checks whom it does something for, which `sender` says.  The test defines
 * quoin_endpoint_reply.
 */
#ifndef TESTS_UNIT_DEVMGR_HOST_H
#define TESTS_UNIT_DEVMGR_HOST_H

#include "check.h"
#include "userland/servers/devmgr/main.c"

enum { DRIVER = 1, PLAIN, POSIX, NR_CHILDREN = 3, MSIX = 0x98, MSI = 0x70, BAR = 0x1000 };

static struct quoin_thread_page page;
static struct pci_device card = {
	.vendor = 0x1af4,
	.device = 0x1042,
	.msix_cap = MSIX,
	.msi_cap = MSI,
	.bar_address = { 0xfe000000, 0, 0xfd000000 },
	.bar_bytes = { BAR, 0, BAR },
};
static const struct manifest driver_manifest = { .binary = "driver" };
static const struct manifest plain_manifest = { .binary = "uart", .ports = { { 0x3f8, 8 } }, .irqs = { 4 } };
static const struct manifest posix_manifest = { .binary = "posix", .connects = true };
static struct child children[NR_CHILDREN] = {
	{ .manifest = &driver_manifest, .device = &card, .service = "block/vda" },
	{ .manifest = &plain_manifest, .service = "console" },
	{ .manifest = &posix_manifest },
};
static uint64_t sender;
static unsigned nr_config_writes, nr_started, nr_powered, nr_handles;

/* ---- what the supervisor stands on ---- */

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

struct child *child_of_badge(uint64_t badge)
{
	CHECK_OR_STOP(badge >= 1 && badge <= NR_CHILDREN);
	return &children[badge - 1];
}

struct child *child_start(const struct manifest *manifest, struct pci_device *device, const char *service)
{
	CHECK_EQ(sender, POSIX);
	CHECK_STR(manifest->binary, "ext4");
	nr_started++;
	return NULL;
}

long child_end(const char *name)
{
	CHECK_EQ(sender, POSIX);
	return 0;
}

void power_act(uint32_t mode)
{
	CHECK_EQ(sender, POSIX);
	nr_powered++;
}

long pci_config_read(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t *value)
{
	CHECK(device == &card && sender == DRIVER);
	return 0;
}

static bool overlaps(uint32_t offset, uint32_t width, uint32_t start, uint32_t bytes)
{
	return offset < start + bytes && start < offset + width;
}

long pci_config_write(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t value)
{
	CHECK(device == &card && sender == DRIVER);
	if ((width != 1 && width != 2 && width != 4) || offset % width || offset + width > 4096)
		return -QERR_INVAL;
	CHECK(!overlaps(offset, width, 0, 0x40));
	CHECK(!overlaps(offset, width, MSIX, 12));
	CHECK(!overlaps(offset, width, MSI, 24));
	nr_config_writes++;
	return 0;
}

void pci_device_start(struct pci_device *device)
{
	CHECK(device == &card && sender == DRIVER);
}

long pci_device_irq(struct pci_device *device, uint32_t entry, quoin_handle *irq)
{
	CHECK(device == &card && sender == DRIVER);
	*irq = 60;
	return 0;
}

quoin_handle ports_create(uint32_t base, uint32_t count)
{
	CHECK(sender == PLAIN && base == 0x3f8 && count == 8);
	return 61;
}

long quoin_irq_create(quoin_handle hardware, uint32_t gsi, uint32_t level_low)
{
	CHECK(sender == PLAIN && gsi == 4);
	return 62;
}

long quoin_memobj_physical(quoin_handle hardware, uint64_t paddr, uint64_t size)
{
	CHECK(sender == DRIVER && (paddr == card.bar_address[0] || paddr == card.bar_address[2]) &&
	      size == BAR);
	return 63;
}

long quoin_memobj_create(uint32_t kind, uint64_t size)
{
	CHECK(sender == DRIVER && kind == QUOIN_MEMOBJ_DMA && size && size <= 16u << 20);
	return 64;
}

long quoin_endpoint_create(void)
{
	return 70 + nr_handles++;
}

long quoin_handle_close(quoin_handle handle)
{
	return 0;
}

void ipc_close_after_reply(struct ipc_request *request, quoin_handle handle)
{
}

const struct quoin_info *runtime_info(void)
{
	static const struct quoin_info info = { .command_line = "root=/dev/vda3" };

	return &info;
}

/* Start-up is not part of this. */
void log_printf(const char *format, ...)
{
}
void panic(const char *format, ...)
{
	abort();
}
uint64_t clock_ns(void)
{
	return 0;
}
int64_t rtc_seconds(void)
{
	return 0;
}
void acpi_read(void)
{
	abort();
}
void archive_open(quoin_handle memobj)
{
	abort();
}
void pci_scan(void (*found)(struct pci_device *device))
{
	abort();
}
void supervisor_set_endpoint(quoin_handle endpoint, quoin_handle notification)
{
	abort();
}
void children_died(uint64_t bits)
{
	abort();
}
void children_restart_due(void)
{
	abort();
}
uint64_t children_next_restart(void)
{
	abort();
}
long ipc_serve(const struct ipc_server *server)
{
	abort();
}
long quoin_notification_create(void)
{
	abort();
}
long quoin_endpoint_bind(quoin_handle endpoint, quoin_handle notification)
{
	abort();
}
long quoin_endpoint_call(quoin_handle endpoint)
{
	abort();
}

/* ---- what must hold of an answer ---- */

static bool may_connect(int32_t label)
{
	return sender == POSIX || (label != DEVMGR_CONNECT && label != DEVMGR_START_FS &&
				   label != DEVMGR_POWER && label != DEVMGR_RESTART);
}

static quoin_handle own_endpoint(void)
{
	quoin_handle endpoint = 0;

	service_serve(children[sender - 1].service, &endpoint);
	return endpoint;
}

/* The message on the page, from `sender`; its status. */
static long dispatch(uint64_t token)
{
	struct ipc_request request = { .token = token, .badge = sender };
	int32_t label = page.msg.label;
	long status = devmgr_dispatch(&ops, NULL, &request, &page.msg);

	CHECK(status < 0 || may_connect(label));
	if (status == 0 && label == DEVMGR_SERVE)
		CHECK(sender != POSIX && page.msg.handles[0].handle == own_endpoint());
	return status;
}

#endif
