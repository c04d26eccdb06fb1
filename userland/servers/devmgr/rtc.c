/* The battery clock (MC146818): read until two readings agree, in UTC. */
#include "devmgr.h"

#define RTC_BASE 0x70

struct rtc_time {
	uint8_t second, minute, hour, day, month, year, century;
};

static uint8_t cmos_read(quoin_handle ports, uint8_t index)
{
	quoin_ioport_write(ports, 0, 1, index | 0x80); /* NMI stays masked while the index is set */
	return (uint8_t)quoin_ioport_read(ports, 1, 1);
}

static struct rtc_time time_read(quoin_handle ports)
{
	uint8_t century = acpi_power_get()->century_register;

	for (int i = 0; i < 100000 && cmos_read(ports, 10) & 0x80; i++)
		; /* an update is in progress: at most 2 ms */
	return (struct rtc_time){
		cmos_read(ports, 0),
		cmos_read(ports, 2),
		cmos_read(ports, 4),
		cmos_read(ports, 7),
		cmos_read(ports, 8),
		cmos_read(ports, 9),
		century ? cmos_read(ports, century) : 0,
	};
}

static uint8_t decode(uint8_t value, bool binary)
{
	return binary ? value : (uint8_t)((value >> 4) * 10 + (value & 15));
}

/* Days from the epoch by the Gregorian rules, March-based years. */
static int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = year / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

int64_t rtc_seconds(void)
{
	quoin_handle ports = ports_create(RTC_BASE, 2);

	if (!ports)
		return 0;
	struct rtc_time t = time_read(ports), again;
	while (again = time_read(ports), memcmp(&t, &again, sizeof(t)) != 0)
		t = again;
	uint8_t mode = cmos_read(ports, 11);
	bool binary = mode & 4;
	quoin_ioport_write(ports, 0, 1, 13); /* NMI allowed again */
	quoin_handle_close(ports);

	unsigned hour = decode(t.hour & 0x7f, binary);
	if (!(mode & 2)) /* 12-hour clock */
		hour = hour % 12 + (t.hour & 0x80 ? 12 : 0);
	unsigned century = t.century ? decode(t.century, binary) : 20;
	int64_t days = days_from_civil(century * 100 + decode(t.year, binary), decode(t.month, binary),
				       decode(t.day, binary));
	return days * 86400 + hour * 3600 + decode(t.minute, binary) * 60 + decode(t.second, binary);
}
