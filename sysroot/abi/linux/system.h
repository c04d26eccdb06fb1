/* SPDX-License-Identifier: MIT */
/* The system as a whole: its name, memory figures, mounts, reboot, random bytes, the log. */
#ifndef ABI_LINUX_SYSTEM_H
#define ABI_LINUX_SYSTEM_H

#include <stdint.h>

#define LINUX_UTS_LEN 64

struct linux_utsname {
	char sysname[LINUX_UTS_LEN + 1];
	char nodename[LINUX_UTS_LEN + 1];
	char release[LINUX_UTS_LEN + 1];
	char version[LINUX_UTS_LEN + 1];
	char machine[LINUX_UTS_LEN + 1];
	char domainname[LINUX_UTS_LEN + 1];
};

struct linux_sysinfo {
	int64_t uptime;
	uint64_t loads[3]; /* fixed point, LINUX_SI_LOAD_SHIFT bits of fraction */
	uint64_t totalram; /* this and the next five in mem_unit bytes */
	uint64_t freeram;
	uint64_t sharedram;
	uint64_t bufferram;
	uint64_t totalswap;
	uint64_t freeswap;
	uint16_t procs;
	uint16_t pad_1;
	uint32_t pad_2;
	uint64_t totalhigh;
	uint64_t freehigh;
	uint32_t mem_unit;
	uint32_t pad_3;
};

#define LINUX_SI_LOAD_SHIFT 16

/* reboot(); the kernel's headers use these very names, so the spelling must agree. */
#define LINUX_REBOOT_MAGIC1         0xfee1dead
#define LINUX_REBOOT_MAGIC2         672274793
#define LINUX_REBOOT_MAGIC2A        85072278
#define LINUX_REBOOT_MAGIC2B        369367448
#define LINUX_REBOOT_MAGIC2C        537993216
#define LINUX_REBOOT_CMD_RESTART    0x01234567
#define LINUX_REBOOT_CMD_HALT       0xCDEF0123
#define LINUX_REBOOT_CMD_CAD_ON     0x89ABCDEF
#define LINUX_REBOOT_CMD_CAD_OFF    0x00000000
#define LINUX_REBOOT_CMD_POWER_OFF  0x4321FEDC
#define LINUX_REBOOT_CMD_RESTART2   0xA1B2C3D4
#define LINUX_REBOOT_CMD_SW_SUSPEND 0xD000FCE2
#define LINUX_REBOOT_CMD_KEXEC      0x45584543

/* getrandom() */
#define LINUX_GRND_NONBLOCK 1
#define LINUX_GRND_RANDOM   2
#define LINUX_GRND_INSECURE 4

/* mount() */
#define LINUX_MS_RDONLY      0x00000001
#define LINUX_MS_NOSUID      0x00000002
#define LINUX_MS_NODEV       0x00000004
#define LINUX_MS_NOEXEC      0x00000008
#define LINUX_MS_SYNCHRONOUS 0x00000010
#define LINUX_MS_REMOUNT     0x00000020
#define LINUX_MS_MANDLOCK    0x00000040
#define LINUX_MS_DIRSYNC     0x00000080
#define LINUX_MS_NOATIME     0x00000400
#define LINUX_MS_NODIRATIME  0x00000800
#define LINUX_MS_BIND        0x00001000
#define LINUX_MS_MOVE        0x00002000
#define LINUX_MS_REC         0x00004000
#define LINUX_MS_SILENT      0x00008000
#define LINUX_MS_UNBINDABLE  0x00020000
#define LINUX_MS_PRIVATE     0x00040000
#define LINUX_MS_SLAVE       0x00080000
#define LINUX_MS_SHARED      0x00100000
#define LINUX_MS_RELATIME    0x00200000
#define LINUX_MS_STRICTATIME 0x01000000
#define LINUX_MS_MGC_VAL     0xc0ed0000u
#define LINUX_MS_MGC_MSK     0xffff0000u

/* umount2() */
#define LINUX_MNT_FORCE       1
#define LINUX_MNT_DETACH      2
#define LINUX_MNT_EXPIRE      4
#define LINUX_UMOUNT_NOFOLLOW 8

/* syslog() */
#define LINUX_SYSLOG_ACTION_CLOSE         0
#define LINUX_SYSLOG_ACTION_OPEN          1
#define LINUX_SYSLOG_ACTION_READ          2
#define LINUX_SYSLOG_ACTION_READ_ALL      3
#define LINUX_SYSLOG_ACTION_READ_CLEAR    4
#define LINUX_SYSLOG_ACTION_CLEAR         5
#define LINUX_SYSLOG_ACTION_CONSOLE_OFF   6
#define LINUX_SYSLOG_ACTION_CONSOLE_ON    7
#define LINUX_SYSLOG_ACTION_CONSOLE_LEVEL 8
#define LINUX_SYSLOG_ACTION_SIZE_UNREAD   9
#define LINUX_SYSLOG_ACTION_SIZE_BUFFER   10

_Static_assert(sizeof(struct linux_utsname) == 390, "struct linux_utsname");
_Static_assert(sizeof(struct linux_sysinfo) == 112, "struct linux_sysinfo");

#endif
