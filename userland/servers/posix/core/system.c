/* SPDX-License-Identifier: MIT */
/* The system as a whole: its name, its memory, its end. */
#include "lockrank.h"
#include "mount.h"
#include "pagecache.h"
#include "process_internal.h"
#include "system.h"
#include "usercopy.h"
#include "proto/devmgr.h"

static struct mutex names_lock = MUTEX_INIT("host name", LOCK_LEAF);
static struct linux_utsname names = {
	/* nodename and domainname under names_lock */
	.sysname = "Linux",        .nodename = "quoin", .release = "6.1.0-quoin",
	.version = "#1 SMP Quoin", .machine = "x86_64", .domainname = "(none)",
};

void system_names(struct linux_utsname *out)
{
	mutex_lock(&names_lock);
	*out = names;
	mutex_unlock(&names_lock);
}

long sys_uname(SYSCALL_ARGS)
{
	struct linux_utsname copy;

	system_names(&copy);
	return copy_to_user((uint64_t)a0, &copy, sizeof(copy));
}

static long set_name(char *name, uint64_t addr, int len)
{
	char text[LINUX_UTS_LEN + 1] = { 0 };

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > LINUX_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(text, addr, (size_t)len))
		return -EFAULT;
	mutex_lock(&names_lock);
	memcpy(name, text, sizeof(text));
	mutex_unlock(&names_lock);
	return 0;
}

long sys_sethostname(SYSCALL_ARGS)
{
	return set_name(names.nodename, (uint64_t)a0, (int)a1);
}

long sys_setdomainname(SYSCALL_ARGS)
{
	return set_name(names.domainname, (uint64_t)a0, (int)a1);
}

long sys_sysinfo(SYSCALL_ARGS)
{
	struct quoin_stats stats = { 0 };
	struct pagecache_totals cache;
	struct linux_sysinfo info;

	quoin_system_stats((uintptr_t)&stats);
	pagecache_totals(&cache);
	info = (struct linux_sysinfo){
		.uptime = (int64_t)(clock_monotonic_ns() / NSEC_PER_SEC),
		.totalram = stats.total_pages * QUOIN_PAGE_SIZE,
		.freeram = stats.free_pages * QUOIN_PAGE_SIZE,
		.sharedram = cache.memory_only * QUOIN_PAGE_SIZE,
		.procs = (uint16_t)MIN(process_count(), UINT16_MAX),
		.mem_unit = 1,
	};
	return copy_to_user((uint64_t)a0, &info, sizeof(info));
}

/* ---- the end ---- */

enum power_mode { POWER_OFF = 0, POWER_REBOOT = 1, POWER_HALT = 2 };

static long power(enum power_mode mode)
{
	struct devmgr_power_request request = { .mode = mode };

	mount_shutdown(); /* everything written, file systems marked clean */
	long error = devmgr_power(QUOIN_SUPERVISOR, &request, NULL);
	log_printf("power: devmgr answers %ld", error);
	return -EIO;
}

static bool magic_valid(uint32_t magic1, uint32_t magic2)
{
	return magic1 == LINUX_REBOOT_MAGIC1 &&
	       (magic2 == LINUX_REBOOT_MAGIC2 || magic2 == LINUX_REBOOT_MAGIC2A ||
		magic2 == LINUX_REBOOT_MAGIC2B || magic2 == LINUX_REBOOT_MAGIC2C);
}

long sys_reboot(SYSCALL_ARGS)
{
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (!magic_valid((uint32_t)a0, (uint32_t)a1))
		return -EINVAL;
	switch ((uint32_t)a2) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		return power(POWER_REBOOT);
	case LINUX_REBOOT_CMD_POWER_OFF:
		return power(POWER_OFF);
	case LINUX_REBOOT_CMD_HALT:
		return power(POWER_HALT);
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0; /* there is no such key on a serial line */
	default:
		return -EINVAL;
	}
}

void system_power_off(void)
{
	power(POWER_OFF);
}
