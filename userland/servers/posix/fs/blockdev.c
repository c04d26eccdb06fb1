/* SPDX-License-Identifier: MIT */
/*
 * Disks as files: /dev/vda, /dev/vda3.
 *
 * All opens of one device share one inode of the "bdev" superblock, whose pages are the device's; the node's
 * own inode just has the number.  A mounted file system doesn't see this cache, nor the other way round.
 */
#include <quoin/runtime.h>
#include <quoin/block.h>

#include "blockdev.h"
#include "device.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "linux/termios.h"
#include "lockrank.h"
#include "page.h"
#include "pagecache.h"
#include "service.h"
#include "usercopy.h"

#define VIRTIO_MAJOR  254
#define MINORS_A_DISK 16
#define SECTOR_BYTES  512
#define PAGE_SECTORS  (QUOIN_PAGE_SIZE / SECTOR_BYTES)
#define SEGMENTS_MAX  64
#define ARENA_REGION  0

struct blockdev {
	struct block_client client; /* with one region, the arena */
	uint64_t nr_sectors;
	bool read_only;
};

static struct superblock *bdev_sb;
static const struct inode_ops bdev_inode_ops;

/* ---- pages ---- */

/* The sectors of the device that a page holds: the last one may hold fewer than eight. */
static uint32_t page_bytes(const struct blockdev *bdev, uint64_t index)
{
	uint64_t first = index * PAGE_SECTORS;
	uint64_t left = first < bdev->nr_sectors ? bdev->nr_sectors - first : 0;

	return (uint32_t)(left < PAGE_SECTORS ? left : PAGE_SECTORS) * SECTOR_BYTES;
}

static long bdev_transfer(struct inode *inode, uint64_t index, struct page **pages, unsigned nr, bool write)
{
	struct blockdev *bdev = inode->private;
	struct block_rw_request request = {
		.sector = index * PAGE_SECTORS,
		.write = write,
	};
	long status;

	if (nr > SEGMENTS_MAX)
		nr = SEGMENTS_MAX;
	for (unsigned i = 0; i < nr; i++) {
		uint32_t bytes = page_bytes(bdev, index + i);

		if (!bytes)
			break;
		if (!write && bytes < QUOIN_PAGE_SIZE)
			memset((char *)page_address(pages[i]) + bytes, 0, QUOIN_PAGE_SIZE - bytes);
		request.segments[request.nr_segments++] = (struct block_segment){
			.offset = (uint64_t)page_number(pages[i]) << QUOIN_PAGE_SHIFT,
			.len = bytes,
		};
	}
	if (!request.nr_segments)
		return -EIO;
	status = block_client_rw(&bdev->client, ARENA_REGION, &request);
	return status < 0 ? -EIO : request.nr_segments;
}

static long bdev_read_pages(struct inode *inode, uint64_t index, struct page **pages, unsigned nr)
{
	return bdev_transfer(inode, index, pages, nr, false);
}

static long bdev_write_pages(struct inode *inode, uint64_t index, struct page **pages, unsigned nr)
{
	return bdev_transfer(inode, index, pages, nr, true);
}

static int bdev_fsync(struct inode *inode, bool data_only)
{
	struct blockdev *bdev = inode->private;

	(void)data_only;
	return block_client_flush(&bdev->client) < 0 ? -EIO : 0;
}

static void bdev_evict(struct inode *inode)
{
	struct blockdev *bdev = inode->private;

	if (!bdev)
		return;
	block_client_fini(&bdev->client);
	free(bdev);
}

static const struct inode_ops bdev_inode_ops = {
	.read_pages = bdev_read_pages,
	.write_pages = bdev_write_pages,
	.fsync = bdev_fsync,
	.evict = bdev_evict,
};

/* ---- devices ---- */

static struct blockdev *blockdev_attach(quoin_handle endpoint)
{
	struct block_info_reply info = {};
	struct blockdev *bdev = calloc(1, sizeof(*bdev));

	if (!bdev)
		return NULL;
	block_client_init(&bdev->client, endpoint, LOCK_LEAF);
	if (block_client_info(&bdev->client, &info) < 0 ||
	    block_client_attach(&bdev->client, arena_memobj) != ARENA_REGION) {
		block_client_fini(&bdev->client);
		free(bdev);
		return NULL;
	}
	bdev->nr_sectors = info.nr_sectors;
	bdev->read_only = info.read_only;
	return bdev;
}

static void bdev_fill(struct inode *inode, const void *unused)
{
	(void)unused;
	inode->mode = LINUX_S_IFBLK | 0600;
	inode->rdev = (uint32_t)inode->ino;
	inode->ops = &bdev_inode_ops;
}

/* The device's inode with a reference, attached; NULL if there is no such device. */
static struct inode *bdev_inode(uint32_t rdev)
{
	quoin_handle endpoint = device_block_endpoint(rdev);
	struct inode *inode = endpoint ? inode_obtain(bdev_sb, rdev, 0, bdev_fill, NULL) : NULL;
	struct blockdev *bdev;

	if (!inode)
		return NULL;
	mutex_lock(&inode->lock);
	if (!inode->private) {
		inode->private = blockdev_attach(endpoint);
		bdev = inode->private;
		if (bdev)
			inode->size = (int64_t)(bdev->nr_sectors * SECTOR_BYTES);
	}
	bdev = inode->private;
	mutex_unlock(&inode->lock);
	if (bdev)
		return inode;
	inode_put(inode);
	return NULL;
}

/* ---- files ---- */

static int bdev_open(struct inode *inode, struct file *file)
{
	struct inode *device = bdev_inode(inode->rdev);
	struct blockdev *bdev;

	if (!device)
		return -ENXIO;
	bdev = device->private;
	if (file_writable(file) && bdev->read_only) {
		inode_put(device);
		return -EROFS;
	}
	file->private = device;
	return 0;
}

static void bdev_release(struct file *file)
{
	struct inode *device = file->private;

	if (file_writable(file))
		pagecache_flush_inode(device);
	inode_put(device);
}

static unsigned bdev_window(struct file *file, const struct inode *device, uint64_t index)
{
	uint64_t end = ((uint64_t)device->size + QUOIN_PAGE_SIZE - 1) >> QUOIN_PAGE_SHIFT;
	unsigned window = 1;

	if (index == file->readahead_next) {
		window = file->readahead_pages * 2;
		if (window < 8)
			window = 8;
		if (window > SEGMENTS_MAX)
			window = SEGMENTS_MAX;
	}
	if (window > end - index)
		window = (unsigned)(end - index);
	file->readahead_pages = window;
	file->readahead_next = index + window;
	return window;
}

/* Bytes moved between one page and the iterator, or -errno. */
static long bdev_move(struct file *file, struct io_iter *iter, int64_t pos, size_t len, bool write)
{
	struct inode *device = file->private;
	uint64_t index = (uint64_t)pos >> QUOIN_PAGE_SHIFT;
	struct page *page;
	size_t copied;
	char *at;
	int error;

	if (!write && !pagecache_has(device, (uint64_t)pos))
		page_fill(device, index, bdev_window(file, device, index));
	error = page_obtain(device, index, &page);
	if (error)
		return error;
	at = (char *)page_address(page) + (pos & (QUOIN_PAGE_SIZE - 1));
	copied = write ? iter_copy_in(iter, at, len) : iter_copy_out(iter, at, len);
	if (write && copied) {
		page_set_dirty(page);
		writeback_balance(device);
	}
	page_put(page);
	return copied ? (long)copied : -EFAULT;
}

static long bdev_run(struct file *file, struct io_iter *iter, int64_t *pos, bool write)
{
	struct inode *device = file->private;
	long done = 0, moved = 0;

	while (iter->count && *pos < device->size) {
		size_t len = QUOIN_PAGE_SIZE - (*pos & (QUOIN_PAGE_SIZE - 1));

		if (len > iter->count)
			len = iter->count;
		if ((int64_t)len > device->size - *pos)
			len = (size_t)(device->size - *pos);
		moved = bdev_move(file, iter, *pos, len, write);
		if (moved > 0) {
			done += moved;
			*pos += moved;
		}
		if (moved < (long)len)
			break;
	}
	if (done)
		return done;
	if (moved < 0)
		return moved;
	return write && iter->count ? -ENOSPC : 0;
}

static long bdev_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	return bdev_run(file, iter, pos, false);
}

static long bdev_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	return bdev_run(file, iter, pos, true);
}

static int64_t bdev_llseek(struct file *file, int64_t offset, int whence)
{
	return file_seek_size(file, offset, whence, ((struct inode *)file->private)->size);
}

static long bdev_ioctl(struct file *file, unsigned request, uint64_t argument)
{
	struct inode *device = file->private;
	struct blockdev *bdev = device->private;

	switch (request) {
	case LINUX_BLKGETSIZE64:
		return put_user_u64(argument, (uint64_t)device->size);
	case LINUX_BLKGETSIZE:
		return put_user_u64(argument, bdev->nr_sectors);
	case LINUX_BLKSSZGET:
		return put_user_u32(argument, SECTOR_BYTES);
	case LINUX_BLKROGET:
		return put_user_u32(argument, bdev->read_only);
	case LINUX_BLKFLSBUF:
		return pagecache_flush_inode(device);
	default:
		return -ENOTTY;
	}
}

static int bdev_file_fsync(struct file *file, bool data_only)
{
	return pagecache_sync_inode(file->private, data_only);
}

const struct file_ops device_block_file_ops = {
	.open = bdev_open,
	.release = bdev_release,
	.read = bdev_read,
	.write = bdev_write,
	.llseek = bdev_llseek,
	.ioctl = bdev_ioctl,
	.fsync = bdev_file_fsync,
};

/* ---- finding disks ---- */

/* A disk or a partition of it; the endpoint is taken over. False: it can't be used. */
static bool block_register(const char *name, unsigned minor, quoin_handle endpoint,
			   struct block_info_reply *info)
{
	struct block_client client;

	block_client_init(&client, endpoint, LOCK_LEAF);
	if (block_client_info(&client, info) == 0 &&
	    device_register_block(VIRTIO_MAJOR, minor, name, endpoint, info->nr_sectors) == 0)
		return true;
	log_printf("%s: unusable", name);
	quoin_handle_close(endpoint);
	return false;
}

static void partitions_register(const char *disk, quoin_handle endpoint, unsigned first_minor, uint32_t nr)
{
	struct block_client client;

	block_client_init(&client, endpoint, LOCK_LEAF);
	for (uint32_t n = 1; n <= nr && n < MINORS_A_DISK; n++) {
		struct block_partition_reply reply = {};
		struct block_info_reply info = {};
		char name[40];

		if (block_client_partition(&client, n, &reply) < 0)
			continue; /* a hole in the table */
		snprintf(name, sizeof(name), "%s%u", disk, n);
		block_register(name, first_minor + n, reply.endpoint, &info);
	}
}

/* "block/vda" */
static void disk_register(const char *service, unsigned index)
{
	struct block_info_reply info = {};
	const char *disk = service + strlen("block/");
	quoin_handle endpoint;

	if (!service_connect(service, &endpoint))
		log_printf("%s: no answer from its driver", disk);
	else if (block_register(disk, index * MINORS_A_DISK, endpoint, &info))
		partitions_register(disk, endpoint, index * MINORS_A_DISK, info.nr_partitions);
}

static void service_probe(const char *name, void *nr_disks)
{
	if (strncmp(name, "block/", 6) == 0 && strlen(name) < 32)
		disk_register(name, (*(unsigned *)nr_disks)++);
}

void blockdev_probe(void)
{
	unsigned nr_disks = 0;

	service_for_each(service_probe, &nr_disks);
}

static int bdev_statfs(struct superblock *sb, struct linux_statfs *out)
{
	out->f_type = sb->magic;
	out->f_bsize = QUOIN_PAGE_SIZE;
	return 0;
}

static const struct superblock_ops bdev_sb_ops = { .statfs = bdev_statfs };

int blockdev_init(void)
{
	bdev_sb = superblock_create("bdev", &bdev_sb_ops, 0x62646576);
	return bdev_sb ? superblock_create_table(bdev_sb) : -ENOMEM;
}
