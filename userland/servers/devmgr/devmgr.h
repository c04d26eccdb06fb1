/*
 * devmgr: the supervisor.
 *
 * The first task.  It holds the right to all hardware, finds devices, starts every other native task from
 * the boot archive, gives each what its manifest says and nothing else, and watches them.  All of it
 * runs on one thread around one endpoint, so nothing here has a lock.
 *
 * A child is named by its badge (index + 1).  A service is an endpoint with a name; devmgr owns the
 * endpoint, so it outlives the child that serves it.
 */
#ifndef DEVMGR_H
#define DEVMGR_H

#include <quoin/runtime.h>
#include <proto/devmgr.h>

#define MAX_CHILDREN 48 /* task_watch bits in one notification word */
#define MAX_SERVICES 48
#define MAX_DEVICES  64

/* What a kind of task is started with. */
struct manifest {
	const char *binary; /* in the boot archive; also the task's name */
	bool connects;      /* may connect to services, mount, power off: the POSIX server */
	const char *serves; /* service it serves from boot on, or NULL */
	struct {
		uint16_t base, count;
	} ports[2];      /* I/O ports of a legacy device */
	uint8_t irqs[2]; /* its ISA lines; 0: none */
	uint16_t vendor; /* PCI driver: devices it is for */
	uint16_t devices[2];
	const char *prefix;   /* service name of the n-th such device: prefix + 'a' + n */
	uint32_t limit_pages; /* of memory; 0: none */
	bool once;            /* not started again after a crash: what it did for its client is lost */
};

extern const struct manifest manifests[];
extern const size_t nr_manifests;

struct pci_device {
	uint16_t bdf; /* bus << 8 | device << 3 | function */
	uint16_t vendor, device;
	uint8_t class, subclass, interface, msix_cap, msi_cap;
	uint64_t bar_address[6];
	uint32_t bar_bytes[6]; /* 0: absent or I/O space */
	uint32_t bars_64bit;   /* bit per BAR */
};

enum child_state {
	CHILD_FREE,
	CHILD_RUNNING,
	CHILD_WAITING, /* dead; started again at restart_ns */
	CHILD_FAILED,  /* given up */
};

struct child {
	enum child_state state;
	const struct manifest *manifest;
	struct pci_device *device;
	char service[32]; /* what it serves: "block/vda" */
	char name[32];
	quoin_handle task;
	quoin_handle memory[8]; /* device_memory objects kept until the device is stopped */
	uint32_t nr_memory;
	uint32_t nr_crashes;
	uint64_t started_ns, restart_ns;
};

/* supervise.c */
struct child *child_of_badge(uint64_t badge);
struct child *child_start(const struct manifest *manifest, struct pci_device *device, const char *service);
long child_end(const char *name); /* as if it had crashed */
void children_died(uint64_t bits);
void children_restart_due(void);
uint64_t children_next_restart(void);
void supervisor_set_endpoint(quoin_handle endpoint, quoin_handle notification);

/* service.c */
void service_declare(const char *name);
long service_serve(const char *name, quoin_handle *endpoint);
void service_ready(const char *name);
void service_down(const char *name);
void service_gone(const char *name);
long service_connect(const char *name, uint64_t token, quoin_handle *endpoint);
uint32_t service_names(char *buffer, uint32_t size);

/* spawn.c */
long task_spawn(const void *elf, size_t elf_bytes, const char *name, uint64_t limit_pages,
		quoin_handle supervisor, quoin_handle *task);

/* archive.c: the boot archive; NULL if there is no such file. */
void archive_open(quoin_handle memobj);
const void *archive_find(const char *name, size_t *len_bytes);

/* physical.c: firmware tables and ports. */
const void *physical_map(uint64_t address, size_t len_bytes);
void physical_unmap(const void *mapped, size_t len_bytes);
quoin_handle ports_create(uint32_t base, uint32_t count);

/* acpi.c */
struct acpi_power {
	uint32_t pm1a_control, pm1b_control; /* ports; 0: none */
	uint32_t smi_command;
	uint8_t acpi_enable;
	bool has_s5;
	uint8_t s5_type_a, s5_type_b;
	bool has_reset;
	uint64_t reset_port;
	uint8_t reset_value;
	uint8_t century_register; /* in CMOS, 0: none */
};
void acpi_read(void);
const struct acpi_power *acpi_power_get(void);
uint64_t acpi_ecam_base(uint8_t *first_bus, uint8_t *last_bus);

/* pci.c */
void pci_scan(void (*found)(struct pci_device *device));
long pci_config_read(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t *value);
long pci_config_write(const struct pci_device *device, uint32_t offset, uint32_t width, uint32_t value);
void pci_device_stop(struct pci_device *device);
void pci_device_start(struct pci_device *device);
long pci_device_irq(struct pci_device *device, uint32_t entry, quoin_handle *irq);

/* rtc.c, power.c */
int64_t rtc_seconds(void);
void power_act(uint32_t mode);

#endif
