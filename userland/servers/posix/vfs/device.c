/* SPDX-License-Identifier: MIT */
/*
 * Devices by number.  A registration stays for good or until it is withdrawn; nodes in /dev are made by
 * devfs (fs/devfs.c).
 */
#include <quoin/runtime.h>

#include "device.h"
#include "devfs.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "lockrank.h"
#include "pipe.h"

struct device {
	struct list link;           /* [d] */
	uint32_t rdev;              /* [I] */
	uint32_t mode;              /* [I] type and permissions */
	const struct file_ops *ops; /* [I] character devices */
	quoin_handle endpoint;      /* [I] block devices */
	uint64_t nr_sectors;        /* [I] block devices */
	char name[32];              /* [I] "" : no node */
};

/* [d] devices_lock */
static struct mutex devices_lock = MUTEX_INIT("devices", LOCK_DEVICES);
static struct list devices = LIST_INIT(devices);

static struct device *device_find_locked(uint32_t type, uint32_t rdev)
{
	struct device *device;

	list_for_each_entry (device, &devices, link)
		if ((device->mode & LINUX_S_IFMT) == type && device->rdev == rdev)
			return device;
	return NULL;
}

static int device_register(const struct device *template)
{
	struct device *device = malloc(sizeof(*device));
	int error = 0;

	if (!device)
		return -ENOMEM;
	*device = *template;
	mutex_lock(&devices_lock);
	if (device_find_locked(device->mode & LINUX_S_IFMT, device->rdev))
		error = -EEXIST;
	else
		list_add_tail(&devices, &device->link);
	mutex_unlock(&devices_lock);
	if (error)
		free(device);
	else if (template->name[0])
		devfs_add(template->name, template->mode, template->rdev);
	return error;
}

int device_register_char(unsigned major, unsigned minor, const char *name, uint32_t mode,
			 const struct file_ops *ops)
{
	struct device device = {
		.rdev = (uint32_t)linux_makedev(major, minor),
		.mode = LINUX_S_IFCHR | (mode & 07777),
		.ops = ops,
	};

	snprintf(device.name, sizeof(device.name), "%s", name ? name : "");
	return device_register(&device);
}

void device_unregister_char(unsigned major, unsigned minor)
{
	struct device *device;

	mutex_lock(&devices_lock);
	device = device_find_locked(LINUX_S_IFCHR, (uint32_t)linux_makedev(major, minor));
	if (device)
		list_remove(&device->link);
	mutex_unlock(&devices_lock);
	if (!device)
		return;
	if (device->name[0])
		devfs_remove(device->name);
	free(device);
}

const struct file_ops *device_char_ops(uint32_t rdev)
{
	const struct file_ops *ops;
	struct device *device;

	mutex_lock(&devices_lock);
	device = device_find_locked(LINUX_S_IFCHR, rdev);
	ops = device ? device->ops : NULL;
	mutex_unlock(&devices_lock);
	return ops;
}

int device_register_block(unsigned major, unsigned minor, const char *name, quoin_handle endpoint,
			  uint64_t nr_sectors)
{
	struct device device = {
		.rdev = (uint32_t)linux_makedev(major, minor),
		.mode = LINUX_S_IFBLK | 0660,
		.endpoint = endpoint,
		.nr_sectors = nr_sectors,
	};

	snprintf(device.name, sizeof(device.name), "%s", name);
	return device_register(&device);
}

quoin_handle device_block_endpoint(uint32_t rdev)
{
	quoin_handle endpoint;
	struct device *device;

	mutex_lock(&devices_lock);
	device = device_find_locked(LINUX_S_IFBLK, rdev);
	endpoint = device ? device->endpoint : 0;
	mutex_unlock(&devices_lock);
	return endpoint;
}

uint32_t device_block_find(const char *name)
{
	struct device *device;
	uint32_t rdev = 0;

	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	mutex_lock(&devices_lock);
	list_for_each_entry (device, &devices, link)
		if ((device->mode & LINUX_S_IFMT) == LINUX_S_IFBLK && strcmp(device->name, name) == 0)
			rdev = device->rdev;
	mutex_unlock(&devices_lock);
	return rdev;
}

void device_for_each_block(void (*visit)(const char *name, uint32_t rdev, uint64_t nr_sectors, void *argument),
			   void *argument)
{
	struct device *device;

	mutex_lock(&devices_lock);
	list_for_each_entry (device, &devices, link)
		if ((device->mode & LINUX_S_IFMT) == LINUX_S_IFBLK)
			visit(device->name, device->rdev, device->nr_sectors, argument);
	mutex_unlock(&devices_lock);
}

/* ---- opening a node ---- */

static int char_open(struct inode *inode, struct file *file)
{
	const struct file_ops *ops = device_char_ops(inode->rdev);

	if (!ops)
		return -ENXIO;
	file->ops = ops;
	if (!ops->llseek)
		file->mode |= FILE_STREAM;
	return ops->open ? ops->open(inode, file) : 0;
}

const struct file_ops device_char_file_ops = { .open = char_open };

const struct file_ops *inode_special_ops(uint32_t mode)
{
	static const struct file_ops nothing = {};

	switch (mode & LINUX_S_IFMT) {
	case LINUX_S_IFCHR:
		return &device_char_file_ops;
	case LINUX_S_IFBLK:
		return &device_block_file_ops;
	case LINUX_S_IFIFO:
		return &fifo_file_ops;
	case LINUX_S_IFREG:
	case LINUX_S_IFDIR:
		return NULL;
	default:
		return &nothing;
	}
}
