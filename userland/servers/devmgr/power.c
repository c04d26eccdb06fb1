/* Power-off (ACPI S5, ACPI 7.4 and 16.1.7) and reset (ACPI 4.8.3.6, else the chip set's port 0xcf9). */
#include "devmgr.h"

#define SLEEP_ENABLE (1u << 13)
#define SCI_ENABLE   1u

static void port_write(uint32_t port, uint32_t width, uint32_t value)
{
	quoin_handle handle = ports_create(port, width);

	if (!handle)
		return;
	quoin_ioport_write(handle, 0, width, value);
	quoin_handle_close(handle);
}

static uint32_t port_read(uint32_t port, uint32_t width)
{
	quoin_handle handle = ports_create(port, width);

	if (!handle)
		return 0;
	long value = quoin_ioport_read(handle, 0, width);
	quoin_handle_close(handle);
	return value < 0 ? 0 : (uint32_t)value;
}

static void acpi_mode_enter(const struct acpi_power *power)
{
	if (port_read(power->pm1a_control, 2) & SCI_ENABLE || !power->smi_command || !power->acpi_enable)
		return;
	port_write(power->smi_command, 1, power->acpi_enable);
	for (int i = 0; i < 1000000 && !(port_read(power->pm1a_control, 2) & SCI_ENABLE); i++)
		;
}

static void power_off(void)
{
	const struct acpi_power *power = acpi_power_get();

	if (!power->has_s5 || !power->pm1a_control) {
		log_printf("this machine has no power-off: switch it off by hand");
		return;
	}
	acpi_mode_enter(power);
	port_write(power->pm1a_control, 2, (uint32_t)power->s5_type_a << 10 | SLEEP_ENABLE);
	if (power->pm1b_control)
		port_write(power->pm1b_control, 2, (uint32_t)power->s5_type_b << 10 | SLEEP_ENABLE);
}

static void reset(void)
{
	const struct acpi_power *power = acpi_power_get();

	if (power->has_reset && power->reset_port < 0x10000)
		port_write((uint32_t)power->reset_port, 1, power->reset_value);
	port_write(0xcf9, 1, 0x02);
	port_write(0xcf9, 1, 0x06);
}

void power_act(uint32_t mode)
{
	if (mode == 0)
		power_off();
	else if (mode == 1)
		reset();
	else if (mode != 2)
		return;
	long never = quoin_notification_create();
	for (;;) /* halted: nothing is served any more */
		quoin_notification_wait((quoin_handle)never, QUOIN_DEADLINE_NEVER);
}
