/*
 * PCI Express: configuration space by ECAM, enumeration, BARs, MSI and MSI-X (PCI 3.0, chapter 6; PCIe 7.2).
 *
 * Buses are mapped one by one as bridges lead to them.  The firmware has assigned addresses; they are read,
 * not changed.
 */
#include "devmgr.h"

#define BUS_BYTES      (1u << 20)
#define FUNCTION_BYTES 4096u

#define PCI_COMMAND      0x04
#define PCI_STATUS       0x06
#define PCI_CLASS        0x08
#define PCI_HEADER_TYPE  0x0e
#define PCI_BAR          0x10
#define PCI_SECONDARY    0x19
#define PCI_CAPABILITIES 0x34

#define COMMAND_MEMORY      (1u << 1)
#define COMMAND_MASTER      (1u << 2)
#define COMMAND_NO_INTX     (1u << 10)
#define STATUS_CAPABILITIES (1u << 4)
#define CAP_MSI             0x05
#define CAP_MSIX            0x11
#define MSIX_ENTRY_BYTES    16u

static struct pci_device devices[MAX_DEVICES];
static size_t nr_devices;
static volatile uint8_t *bus_space[256]; /* mapped configuration space by bus */

static volatile uint8_t *bus_map(uint8_t bus)
{
	uint8_t first, last;
	uint64_t base = acpi_ecam_base(&first, &last);

	if (bus_space[bus] || !base || bus < first || bus > last)
		return bus_space[bus];
	long memory =
		quoin_memobj_physical(QUOIN_HARDWARE, base + (uint64_t)(bus - first) * BUS_BYTES, BUS_BYTES);
	if (memory < 0)
		return NULL;
	bus_space[bus] = memobj_map((quoin_handle)memory, 0, BUS_BYTES, QUOIN_PROT_READ | QUOIN_PROT_WRITE,
				    QUOIN_MAP_SHARED | QUOIN_MAP_UNCACHED);
	quoin_handle_close((quoin_handle)memory);
	return bus_space[bus];
}

static volatile uint8_t *config_of(uint16_t bdf)
{
	volatile uint8_t *bus = bus_map((uint8_t)(bdf >> 8));

	return bus ? bus + (bdf & 0xff) * FUNCTION_BYTES : NULL;
}

#define read8(c, offset)  (*(volatile uint8_t *)((c) + (offset)))
#define read16(c, offset) (*(volatile uint16_t *)((c) + (offset)))
#define read32(c, offset) (*(volatile uint32_t *)((c) + (offset)))

static void write16(volatile uint8_t *c, uint32_t offset, uint16_t value)
{
	*(volatile uint16_t *)(c + offset) = value;
}

static void write32(volatile uint8_t *c, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(c + offset) = value;
}

/* ---- access for drivers ---- */

static bool access_valid(uint32_t offset, uint32_t width)
{
	return (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < FUNCTION_BYTES;
}

long pci_config_read(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t *value)
{
	volatile uint8_t *c = config_of(device->bdf);

	if (!access_valid(offset, width))
		return -QERR_INVAL;
	*value = width == 1 ? read8(c, offset) : width == 2 ? read16(c, offset) : read32(c, offset);
	return 0;
}

long pci_config_write(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t value)
{
	volatile uint8_t *c = config_of(device->bdf);

	if (!access_valid(offset, width))
		return -QERR_INVAL;
	if (width == 1)
		*(c + offset) = (uint8_t)value;
	else if (width == 2)
		write16(c, offset, (uint16_t)value);
	else
		write32(c, offset, value);
	return 0;
}

/* The registers can be reached; neither DMA nor interrupts from here on, whoever used the device before. */
void pci_device_stop(struct pci_device *device)
{
	volatile uint8_t *c = config_of(device->bdf);
	uint16_t command = read16(c, PCI_COMMAND) & (uint16_t)~COMMAND_MASTER;

	write16(c, PCI_COMMAND, command | COMMAND_MEMORY | COMMAND_NO_INTX);
	(void)read16(c, PCI_COMMAND); /* the write has arrived when this returns */
}

void pci_device_start(struct pci_device *device)
{
	volatile uint8_t *c = config_of(device->bdf);

	write16(c, PCI_COMMAND, read16(c, PCI_COMMAND) | COMMAND_MASTER);
}

/* ---- interrupts ---- */

/* Where an entry of the device's table is; 0 if the device says that it is outside of its BARs. */
static uint64_t msix_entry_address(const struct pci_device *device, uint32_t entry)
{
	uint32_t table = read32(config_of(device->bdf), device->msix_cap + 4), bar = table & 7;
	uint64_t offset = (uint64_t)(table & ~7u) + entry * MSIX_ENTRY_BYTES;

	if (bar >= array_length(device->bar_bytes) || offset + MSIX_ENTRY_BYTES > device->bar_bytes[bar])
		return 0;
	return device->bar_address[bar] + offset;
}

static long msix_program(struct pci_device *device, uint32_t entry, const struct quoin_msi *msi)
{
	volatile uint8_t *c = config_of(device->bdf);
	uint64_t address = msix_entry_address(device, entry), start = ALIGN_DOWN(address, QUOIN_PAGE_SIZE);
	size_t len = ALIGN_UP(address + MSIX_ENTRY_BYTES, QUOIN_PAGE_SIZE) - start;

	if (!address)
		return -QERR_NODEV;
	long memory = quoin_memobj_physical(QUOIN_HARDWARE, start, len);
	if (memory < 0)
		return memory;
	volatile uint8_t *mapped = memobj_map((quoin_handle)memory, 0, len, QUOIN_PROT_READ | QUOIN_PROT_WRITE,
					      QUOIN_MAP_SHARED | QUOIN_MAP_UNCACHED);
	quoin_handle_close((quoin_handle)memory);
	if (!mapped)
		return -QERR_NOMEM;
	volatile uint8_t *slot = mapped + (address - start);
	write32(slot, 0, (uint32_t)msi->address);
	write32(slot, 4, (uint32_t)(msi->address >> 32));
	write32(slot, 8, msi->data);
	write32(slot, 12, 0); /* unmasked */
	pages_free((void *)mapped, len);
	write16(c, device->msix_cap + 2, (uint16_t)((read16(c, device->msix_cap + 2) | 0x8000) & ~0x4000));
	return 0;
}

static void msi_program(struct pci_device *device, const struct quoin_msi *msi)
{
	volatile uint8_t *c = config_of(device->bdf);
	uint16_t control = read16(c, device->msi_cap + 2);
	bool wide = control & 0x80;

	write32(c, device->msi_cap + 4, (uint32_t)msi->address);
	if (wide)
		write32(c, device->msi_cap + 8, (uint32_t)(msi->address >> 32));
	write16(c, device->msi_cap + (wide ? 12 : 8), (uint16_t)msi->data);
	write16(c, device->msi_cap + 2, (uint16_t)((control & ~0x70) | 1)); /* one vector, enabled */
}

/* Line interrupts need the firmware's AML for their routing; a device without MSI is not served. */
long pci_device_irq(struct pci_device *device, uint32_t entry, quoin_handle *irq)
{
	struct quoin_msi msi;

	if (!device->msix_cap && !device->msi_cap)
		return -QERR_NODEV;
	if (device->msix_cap ? entry > (read16(config_of(device->bdf), device->msix_cap + 2) & 0x7ffu)
			     : entry != 0)
		return -QERR_INVAL;
	long handle = quoin_irq_msi(QUOIN_HARDWARE, (uintptr_t)&msi);
	if (handle < 0)
		return handle;
	long status = 0;
	if (device->msix_cap)
		status = msix_program(device, entry, &msi);
	else
		msi_program(device, &msi);
	if (status < 0)
		quoin_handle_close((quoin_handle)handle);
	else
		*irq = (quoin_handle)handle;
	return status;
}

/* ---- enumeration ---- */

static void read_capabilities(struct pci_device *device, volatile uint8_t *c)
{
	if (!(read16(c, PCI_STATUS) & STATUS_CAPABILITIES))
		return;
	uint8_t at = read8(c, PCI_CAPABILITIES) & 0xfc;
	for (int i = 0; at >= 0x40 && i < 48; i++) {
		if (read8(c, at) == CAP_MSI)
			device->msi_cap = at;
		if (read8(c, at) == CAP_MSIX)
			device->msix_cap = at;
		at = read8(c, at + 1) & 0xfc;
	}
}

/* Sizes are found by writing ones (PCI 3.0, 6.2.5.1) with decoding off. */
static void read_bars(struct pci_device *device, volatile uint8_t *c)
{
	uint16_t command = read16(c, PCI_COMMAND);

	write16(c, PCI_COMMAND, (uint16_t)(command & ~(COMMAND_MEMORY | 1u)));
	for (unsigned i = 0; i < 6; i++) {
		uint32_t offset = PCI_BAR + i * 4, low = read32(c, offset);
		bool wide = (low & 7) == 4;
		if (low & 1)
			continue;
		write32(c, offset, UINT32_MAX);
		uint32_t mask = read32(c, offset) & ~15u;
		write32(c, offset, low);
		device->bar_address[i] = low & ~15u;
		device->bar_bytes[i] = mask ? ~mask + 1 : 0;
		if (wide && i < 5) {
			device->bar_address[i] |= (uint64_t)read32(c, offset + 4) << 32;
			i++;
		}
	}
	write16(c, PCI_COMMAND, command);
}

static void scan_bus(uint8_t bus, void (*found)(struct pci_device *), int depth);

static void scan_function(uint16_t bdf, void (*found)(struct pci_device *), int depth)
{
	volatile uint8_t *c = config_of(bdf);

	if (read16(c, 0) == 0xffff || nr_devices == MAX_DEVICES)
		return;
	if ((read8(c, PCI_HEADER_TYPE) & 0x7f) == 1) {
		uint8_t secondary = read8(c, PCI_SECONDARY);
		if (secondary > bdf >> 8)
			scan_bus(secondary, found, depth + 1);
		return;
	}
	struct pci_device *device = &devices[nr_devices++];
	*device = (struct pci_device){
		.bdf = bdf,
		.vendor = read16(c, 0),
		.device = read16(c, 2),
		.interface = read8(c, PCI_CLASS + 1),
		.subclass = read8(c, PCI_CLASS + 2),
		.class = read8(c, PCI_CLASS + 3),
	};
	read_capabilities(device, c);
	read_bars(device, c);
	found(device);
}

static void scan_bus(uint8_t bus, void (*found)(struct pci_device *), int depth)
{
	if (depth > 8 || !bus_map(bus))
		return;
	for (unsigned slot = 0; slot < 32; slot++) {
		uint16_t bdf = (uint16_t)(bus << 8 | slot << 3);
		volatile uint8_t *c = config_of(bdf);
		if (read16(c, 0) == 0xffff)
			continue;
		unsigned functions = read8(c, PCI_HEADER_TYPE) & 0x80 ? 8 : 1;
		for (unsigned f = 0; f < functions; f++)
			scan_function((uint16_t)(bdf | f), found, depth);
	}
}

void pci_scan(void (*found)(struct pci_device *device))
{
	uint8_t first, last;

	if (acpi_ecam_base(&first, &last))
		scan_bus(first, found, 0);
}
