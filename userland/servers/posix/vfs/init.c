/* SPDX-License-Identifier: MIT */
/* The start of the file half: caches, file system types, devices, and a root in memory until there is a disk's. */
#include <quoin/runtime.h>

#include "blockdev.h"
#include "dentry.h"
#include "devfs.h"
#include "file.h"
#include "fsclient.h"
#include "loadavg.h"
#include "memdev.h"
#include "mount.h"
#include "procfs_init.h"
#include "tmpfs.h"
#include "vfs_internal.h"

#define DENTRIES_MIN 4000u

static unsigned dentry_limit(void)
{
	uint64_t limit =
		runtime_info()->total_pages / 8; /* some 160 bytes each: about half a percent of memory */

	return limit < DENTRIES_MIN ? DENTRIES_MIN : (unsigned)MIN(limit, 1000000ul);
}

void vfs_init(void)
{
	int error;

	dentry_cache_init(dentry_limit());
	error = anonymous_init();
	tmpfs_init();
	if (!error)
		error = devfs_init();
	if (!error)
		error = blockdev_init();
	if (!error)
		error = mount_by_name("rootfs", "/", "tmpfs", 0, "mode=755");
	if (error)
		panic("file systems: error %d", -error);
	memdev_init();
	fsclient_init();
	procfs_init();
	loadavg_start();
	blockdev_probe();
}
