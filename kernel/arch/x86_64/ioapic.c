/*
 * Device interrupts: I/O APIC lines and messages (MSI), each with an IDT vector of its own.  All go to
 * the boot CPU; the thread that handles them is placed by the scheduler.
 *
 * A level-triggered line is masked before its interrupt is acknowledged and reported, and stays so
 * until the driver has served the device.
 */
#include "boot.h"
#include "cpu.h"
#include "debug.h"
#include "irq.h"
#include "mm.h"
#include "spinlock.h"

#define REG_VERSION    1
#define REG_ROUTE(pin) (0x10 + 2 * (pin))

#define ROUTE_LOW    BIT(13)
#define ROUTE_LEVEL  BIT(15)
#define ROUTE_MASKED BIT(16)

#define MSI_ADDRESS 0xfee00000ul

struct ioapic {
	volatile uint32_t *select, *window;
	uint32_t gsi_base, nr_pins;
};

/* [l] lock */
struct line {
	bool used;             /* [l] */
	struct ioapic *ioapic; /* [l] NULL: MSI */
	uint32_t pin;          /* [l] */
	uint32_t route;        /* [l] low half of the entry */
};

static struct spinlock lock = SPINLOCK_INIT("ioapic", LOCK_ARCH);
static struct ioapic ioapics[8];
static unsigned nr_ioapics;
static struct line lines[IRQ_VECTORS];

static uint32_t read(const struct ioapic *a, uint32_t reg)
{
	*a->select = reg;
	return *a->window;
}

static void write(const struct ioapic *a, uint32_t reg, uint32_t value)
{
	*a->select = reg;
	*a->window = value;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi_info.nr_ioapics; i++) {
		struct ioapic *a = &ioapics[nr_ioapics];
		volatile uint8_t *base = kernel_map_device(acpi_info.ioapics[i].pa, PAGE_SIZE);

		if (!base)
			panic("no memory to map an I/O APIC");
		a->select = (volatile uint32_t *)base;
		a->window = (volatile uint32_t *)(base + 0x10);
		a->gsi_base = acpi_info.ioapics[i].gsi_base;
		a->nr_pins = (read(a, REG_VERSION) >> 16 & 0xff) + 1;
		for (uint32_t pin = 0; pin < a->nr_pins; pin++)
			write(a, REG_ROUTE(pin), ROUTE_MASKED);
		nr_ioapics++;
	}
}

static int line_alloc(void)
{
	for (int v = 0; v < IRQ_VECTORS; v++) {
		if (lines[v].used)
			continue;
		lines[v] = (struct line){ .used = true };
		return v;
	}
	return -QERR_NOSPC;
}

static struct ioapic *ioapic_of(uint32_t gsi)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].nr_pins)
			return &ioapics[i];
	return NULL;
}

static bool pin_used(const struct ioapic *a, uint32_t pin)
{
	for (unsigned v = 0; v < IRQ_VECTORS; v++)
		if (lines[v].used && lines[v].ioapic == a && lines[v].pin == pin)
			return true;
	return false;
}

static void route(struct line *line, uint32_t masked)
{
	line->route = (line->route & ~(uint32_t)ROUTE_MASKED) | masked;
	write(line->ioapic, REG_ROUTE(line->pin), line->route);
}

static int alloc_pin(struct ioapic *a, uint32_t pin, uint32_t flags)
{
	int v;

	if (pin_used(a, pin))
		return -QERR_BUSY;
	v = line_alloc();
	if (v < 0)
		return v;
	lines[v].ioapic = a;
	lines[v].pin = pin;
	lines[v].route = VECTOR_DEVICE + v;
	lines[v].route |= flags & IRQ_LEVEL ? ROUTE_LEVEL : 0;
	lines[v].route |= flags & IRQ_LOW ? ROUTE_LOW : 0;
	route(&lines[v], ROUTE_MASKED);
	write(a, REG_ROUTE(pin) + 1, cpu_boot.apic_id << 24);
	return v;
}

int arch_irq_alloc_gsi(uint32_t gsi, uint32_t flags)
{
	struct ioapic *a = ioapic_of(gsi);
	int v;

	if (!a)
		return -QERR_INVAL;
	spin_lock(&lock);
	v = alloc_pin(a, gsi - a->gsi_base, flags);
	spin_unlock(&lock);
	return v;
}

int arch_irq_alloc_msi(struct quoin_msi *msi)
{
	int v;

	spin_lock(&lock);
	v = line_alloc();
	spin_unlock(&lock);
	if (v < 0)
		return v;
	msi->address = MSI_ADDRESS | (uint64_t)cpu_boot.apic_id << 12;
	msi->data = VECTOR_DEVICE + v;
	msi->reserved = 0;
	return v;
}

static void set_mask(int vector, uint32_t masked)
{
	struct line *line = &lines[vector];

	spin_lock(&lock);
	if (line->used && line->ioapic)
		route(line, masked);
	spin_unlock(&lock);
}

void arch_irq_unmask(int vector)
{
	set_mask(vector, 0);
}

void arch_irq_mask(int vector)
{
	set_mask(vector, ROUTE_MASKED);
}

void arch_irq_free(int vector)
{
	arch_irq_mask(vector);
	spin_lock(&lock);
	lines[vector].used = false;
	spin_unlock(&lock);
}

void ioapic_interrupt(unsigned vector)
{
	if (lines[vector].route & ROUTE_LEVEL)
		arch_irq_mask(vector);
	apic_eoi();
	irq_deliver(vector);
}
