/*
 * VirtIO block devices (VirtIO 1.1, section 5.2).
 *
 * One thread serves the disk and its partitions; a request is answered when the device is done with it, so
 * many are under way at once.  Clients attach memory objects; a request names offsets in one of them, and
 * its frames become the device's buffers: no data is copied.  A request that finds no free slot waits in
 * a list in order of arrival.
 *
 * A badge tells what a client sees, 0 the whole disk or n partition n, and above that number its session.
 */
#include <quoin/driver.h>
#include <quoin/gpt.h>
#include <quoin/list.h>
#include <quoin/virtio.h>
#include <proto/block.h>

const char task_name[] = "virtio-blk";

#define SECTOR_BYTES 512u
#define MAX_REGIONS  64
#define MAX_OF_BADGE 4 /* regions of one client */
#define MAX_SEGMENTS 64
#define MAX_PAGES    130 /* of one request: VIRTQUEUE_SEGMENTS less header and status */
#define IRQ_BIT      1

#define BADGE_PARTITION(badge)       ((badge)&0xffff)
#define BADGE_IN_SESSION(badge)      ((badge) >> 16 != 0)
#define BADGE_OF(partition, session) ((uint64_t)(session) << 16 | (partition))

#define BLK_F_RO    (1UL << 5)
#define BLK_F_FLUSH (1UL << 9)

enum { BLK_IN = 0, BLK_OUT = 1, BLK_FLUSH = 4 };
enum { BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPPORTED = 2 };

/* Shared with the device, one per slot. */
struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
	uint8_t status;
	uint8_t pad[15];
};

/*
 * A region's number is its index and the incarnation of the driver: one that a client had from an earlier
 * incarnation names nothing, and never what another client has attached since.
 */
struct region {
	quoin_handle memory; /* 0: unused */
	uint64_t bytes;
	uint64_t badge; /* of who attached it: nobody else may name it */
	uint32_t nr_active;
	bool closing; /* named no more: goes with its last request */
};

struct blk_request {
	struct list node; /* in `waiting` */
	uint64_t token;
	uint64_t sector, bytes;
	uint32_t type;
	struct region *region; /* NULL for a flush */
	uint32_t nr_buffers;
	struct virtio_buffer buffers[VIRTQUEUE_SEGMENTS]; /* [0] header, data, [last] status */
};

static struct virtio_device device;
static struct virtqueue queue;
static struct dma_memory header_memory;
static struct blk_header *headers;
static struct blk_request *active[VIRTQUEUE_SLOTS];
static struct list waiting = LIST_INIT(waiting);
static struct region regions[MAX_REGIONS];
static uint32_t incarnation; /* a multiple of MAX_REGIONS, by the time of the start */
static struct gpt_partition partitions[GPT_MAX_PARTITIONS];
static uint32_t nr_partitions;
static uint64_t nr_sectors;
static bool read_only;
static char disk_name[32];
static quoin_handle endpoint;

/* ---- the device ---- */

static void request_submit(struct blk_request *request, int slot)
{
	uint64_t physical = header_memory.physical + (uint64_t)slot * sizeof(struct blk_header);

	headers[slot] = (struct blk_header){ .type = request->type, .sector = request->sector, .status = 0xff };
	request->buffers[0] = (struct virtio_buffer){ physical, 16, false };
	request->buffers[request->nr_buffers - 1] =
		(struct virtio_buffer){ physical + offsetof(struct blk_header, status), 1, true };
	active[slot] = request;
	virtqueue_submit(&queue, slot, request->buffers, request->nr_buffers);
}

static void request_start(struct blk_request *request)
{
	int slot = list_empty(&waiting) ? virtqueue_slot(&queue) : -1;

	if (request->region)
		request->region->nr_active++;
	if (slot < 0)
		list_add_tail(&waiting, &request->node);
	else
		request_submit(request, slot);
}

static long status_of(int slot)
{
	switch (headers[slot].status) {
	case BLK_OK:
		return 0;
	case BLK_UNSUPPORTED:
		return -QERR_NOSYS;
	}
	return -QERR_IO;
}

static void region_close(struct region *region)
{
	region->closing = true;
	if (region->nr_active)
		return;
	quoin_handle_close(region->memory);
	region->memory = 0;
}

static void request_finish(struct blk_request *request, long status)
{
	struct region *region = request->region;

	if (region && --region->nr_active == 0 && region->closing)
		region_close(region);
	if (request->type == BLK_FLUSH) {
		block_flush_finish(request->token, status, NULL);
	} else {
		const struct block_rw_reply reply = { .bytes = status < 0 ? 0 : request->bytes };
		block_rw_finish(request->token, status, &reply);
	}
	free(request);
}

static void on_interrupt(void *server, uint64_t bits)
{
	uint32_t written;
	int slot;

	while ((slot = virtqueue_next_used(&queue, &written)) >= 0) {
		request_finish(active[slot], status_of(slot));
		active[slot] = NULL;
	}
	while (!list_empty(&waiting) && (slot = virtqueue_slot(&queue)) >= 0)
		request_submit(list_entry(list_pop(&waiting), struct blk_request, node), slot);
}

/* ---- requests ---- */

/* Where the client's sectors begin and how many it has; false for a partition that is not there. */
static bool extent_of_badge(uint64_t badge, struct gpt_partition *extent)
{
	uint64_t number = BADGE_PARTITION(badge);

	if (number > nr_partitions)
		return false;
	*extent = number ? partitions[number - 1] : (struct gpt_partition){ 0, nr_sectors };
	return extent->count != 0;
}

static long handle_info(void *server, struct ipc_request *request, const struct block_info_request *rq,
			struct block_info_reply *rp)
{
	uint64_t number = BADGE_PARTITION(request->badge);
	struct gpt_partition extent;

	if (!extent_of_badge(request->badge, &extent))
		return -QERR_NODEV;
	rp->nr_sectors = extent.count;
	rp->sector_bytes = SECTOR_BYTES;
	rp->read_only = read_only;
	rp->nr_partitions = number ? 0 : nr_partitions;
	rp->max_segments = MAX_SEGMENTS;
	if (number)
		snprintf(rp->name, sizeof(rp->name), "%s%lu", disk_name, number);
	else
		snprintf(rp->name, sizeof(rp->name), "%s", disk_name);
	return 0;
}

/* An unused region for a client that has not its share yet. */
static struct region *region_unused(uint64_t badge)
{
	struct region *unused = NULL;
	uint32_t nr_of_badge = 0;

	for (uint32_t i = 0; i < MAX_REGIONS; i++) {
		if (!regions[i].memory)
			unused = &regions[i];
		else if (regions[i].badge == badge)
			nr_of_badge++;
	}
	return nr_of_badge < MAX_OF_BADGE ? unused : NULL;
}

static long region_open(quoin_handle memory, uint64_t badge, uint32_t *number)
{
	struct region *region = region_unused(badge);
	long bytes = quoin_memobj_size(memory);

	if (bytes < 0)
		return bytes;
	if (!region)
		return -QERR_NFILE;
	*region = (struct region){ .memory = memory, .bytes = (uint64_t)bytes, .badge = badge };
	*number = incarnation + (uint32_t)(region - regions);
	return 0;
}

static long handle_attach(void *server, struct ipc_request *request, const struct block_attach_request *rq,
			  struct block_attach_reply *rp)
{
	long status = region_open(rq->memory, request->badge, &rp->region);

	if (status < 0)
		quoin_handle_close(rq->memory);
	return status;
}

static struct region *region_find(uint32_t number, uint64_t badge)
{
	uint32_t index = number - incarnation;

	if (index >= MAX_REGIONS || !regions[index].memory || regions[index].badge != badge ||
	    regions[index].closing)
		return NULL;
	return &regions[index];
}

static long handle_detach(void *server, struct ipc_request *request, const struct block_detach_request *rq,
			  struct block_detach_reply *rp)
{
	struct region *region = region_find(rq->region, request->badge);

	if (!region)
		return -QERR_BADF;
	if (region->nr_active)
		return -QERR_BUSY;
	region_close(region);
	return 0;
}

/* Adds the frames of one segment as buffers, joining neighbours. */
static long segment_add(struct blk_request *request, const struct block_segment *segment)
{
	uint64_t frames[MAX_PAGES], at = segment->offset, left = segment->len;
	const struct region *region = request->region;

	if (!left || left % SECTOR_BYTES || at % SECTOR_BYTES || at > region->bytes ||
	    left > region->bytes - at)
		return -QERR_INVAL;
	uint64_t first = at / QUOIN_PAGE_SIZE, nr_pages = (at + left - 1) / QUOIN_PAGE_SIZE - first + 1;
	if (nr_pages > MAX_PAGES)
		return -QERR_2BIG;
	long status = quoin_memobj_frames(region->memory, first * QUOIN_PAGE_SIZE, nr_pages, (uintptr_t)frames);
	if (status < 0)
		return status;
	while (left) {
		uint64_t in_page = at % QUOIN_PAGE_SIZE, len = MIN(left, QUOIN_PAGE_SIZE - in_page);
		uint64_t physical = frames[at / QUOIN_PAGE_SIZE - first] + in_page;
		struct virtio_buffer *last = &request->buffers[request->nr_buffers - 1];
		if (request->nr_buffers > 1 && last->physical + last->len == physical) {
			last->len += (uint32_t)len;
		} else {
			if (request->nr_buffers == VIRTQUEUE_SEGMENTS - 1)
				return -QERR_2BIG;
			request->buffers[request->nr_buffers++] =
				(struct virtio_buffer){ physical, (uint32_t)len, request->type == BLK_IN };
		}
		at += len;
		left -= len;
	}
	request->bytes += segment->len;
	return 0;
}

static long request_fill(struct blk_request *request, const struct block_rw_request *rq, uint64_t badge)
{
	struct gpt_partition extent;

	if (!extent_of_badge(badge, &extent))
		return -QERR_NODEV;
	request->region = region_find(rq->region, badge);
	if (!request->region)
		return -QERR_BADF;
	if (rq->write > 1 || rq->nr_segments == 0 || rq->nr_segments > MAX_SEGMENTS)
		return -QERR_INVAL;
	if (rq->write && read_only)
		return -QERR_ROFS;
	request->type = rq->write ? BLK_OUT : BLK_IN;
	request->nr_buffers = 1;
	for (uint32_t i = 0; i < rq->nr_segments; i++) {
		long status = segment_add(request, &rq->segments[i]);
		if (status < 0)
			return status;
	}
	request->nr_buffers++;
	if (rq->sector > extent.count || request->bytes / SECTOR_BYTES > extent.count - rq->sector)
		return -QERR_RANGE;
	request->sector = extent.first + rq->sector;
	return 0;
}

static long handle_rw(void *server, struct ipc_request *ipc, const struct block_rw_request *rq,
		      struct block_rw_reply *rp)
{
	struct blk_request *request = malloc(sizeof(*request));

	if (!request)
		return -QERR_NOMEM;
	request->token = ipc->token;
	request->bytes = 0;
	long status = request_fill(request, rq, ipc->badge);
	if (status < 0) {
		free(request);
		return status;
	}
	request_start(request);
	return IPC_DEFERRED;
}

/* Without the flush feature the device writes through (VirtIO 5.2.6.2). */
static long handle_flush(void *server, struct ipc_request *ipc, const struct block_flush_request *rq,
			 struct block_flush_reply *rp)
{
	if (!(device.features & BLK_F_FLUSH) || read_only)
		return 0;
	struct blk_request *request = malloc(sizeof(*request));
	if (!request)
		return -QERR_NOMEM;
	request->token = ipc->token;
	request->type = BLK_FLUSH;
	request->sector = 0;
	request->region = NULL;
	request->nr_buffers = 2;
	request_start(request);
	return IPC_DEFERRED;
}

/* To what another badge shows; the reply takes it along. */
static long endpoint_of_badge(struct ipc_request *request, uint64_t badge, quoin_handle *out)
{
	long handle = quoin_endpoint_badge(endpoint, badge, QUOIN_RIGHT_CALL | QUOIN_RIGHT_DUP);

	if (handle < 0)
		return handle;
	*out = (quoin_handle)handle;
	ipc_close_after_reply(request, *out);
	return 0;
}

static long handle_partition(void *server, struct ipc_request *request,
			     const struct block_partition_request *rq, struct block_partition_reply *rp)
{
	struct gpt_partition extent;

	if (request->badge)
		return -QERR_PERM;
	if (rq->number == 0 || rq->number > nr_partitions || !extent_of_badge(rq->number, &extent))
		return -QERR_NODEV;
	return endpoint_of_badge(request, rq->number, &rp->endpoint);
}

static long session_check(const struct ipc_request *request, uint32_t number)
{
	if (BADGE_IN_SESSION(request->badge))
		return -QERR_PERM;
	return number ? 0 : -QERR_INVAL;
}

static long handle_open_session(void *server, struct ipc_request *request,
				const struct block_open_session_request *rq,
				struct block_open_session_reply *rp)
{
	long status = session_check(request, rq->number);

	if (status < 0)
		return status;
	return endpoint_of_badge(request, BADGE_OF(request->badge, rq->number), &rp->endpoint);
}

static long handle_close_session(void *server, struct ipc_request *request,
				 const struct block_close_session_request *rq,
				 struct block_close_session_reply *rp)
{
	long status = session_check(request, rq->number);

	for (uint32_t i = 0; i < MAX_REGIONS && status == 0; i++)
		if (regions[i].memory && regions[i].badge == BADGE_OF(request->badge, rq->number))
			region_close(&regions[i]);
	return status;
}

static const struct block_ops ops = {
	.info = handle_info,
	.attach = handle_attach,
	.detach = handle_detach,
	.rw = handle_rw,
	.flush = handle_flush,
	.partition = handle_partition,
	.open_session = handle_open_session,
	.close_session = handle_close_session,
};

/* ---- start ---- */

/* Reads len bytes before the driver serves anybody, waiting for the interrupt. */
static bool read_early(quoin_handle notification, uint64_t sector, const struct dma_memory *memory,
		       uint32_t len)
{
	struct blk_request request = { .type = BLK_IN, .sector = sector, .nr_buffers = 3 };
	uint32_t written;
	int slot = virtqueue_slot(&queue);

	request.buffers[1] = (struct virtio_buffer){ memory->physical, len, true };
	request_submit(&request, slot);
	do
		quoin_notification_wait(notification, QUOIN_DEADLINE_NEVER);
	while (virtqueue_next_used(&queue, &written) != slot);
	active[slot] = NULL;
	return status_of(slot) == 0;
}

/* The primary table, else the one at the end of the disk. */
static void partitions_read(quoin_handle notification)
{
	const uint64_t header_sectors[] = { 1, nr_sectors - 1 };
	struct dma_memory memory;
	uint8_t header[GPT_SECTOR_BYTES];

	if (nr_sectors < 34 || driver_dma_alloc(GPT_TABLE_BYTES, &memory) < 0)
		return;
	for (size_t i = 0; i < array_length(header_sectors); i++) {
		uint64_t table;
		if (!read_early(notification, header_sectors[i], &memory, GPT_SECTOR_BYTES))
			continue;
		memcpy(header, memory.address, sizeof(header));
		long bytes = gpt_check_header(header, nr_sectors, &table);
		if (bytes < 0 || !read_early(notification, table, &memory, (uint32_t)bytes))
			continue;
		long highest = gpt_read_table(header, memory.address, nr_sectors, partitions);
		if (highest >= 0) {
			nr_partitions = (uint32_t)highest;
			return;
		}
	}
}

static long device_open(quoin_handle notification)
{
	long status = virtio_open(&device, BLK_F_RO | BLK_F_FLUSH, VIRTIO_F_INDIRECT_DESC);

	if (status == 0)
		status = driver_irq(0, notification, IRQ_BIT);
	if (status == 0)
		status = virtqueue_open(&device, 0, 0, &queue);
	if (status == 0)
		status = driver_dma_alloc(VIRTQUEUE_SLOTS * sizeof(struct blk_header), &header_memory);
	if (status < 0)
		return status;
	headers = header_memory.address;
	virtio_start(&device);
	nr_sectors = *(volatile uint32_t *)device.config | (uint64_t) * (volatile uint32_t *)(device.config + 4)
								   << 32;
	read_only = device.features & BLK_F_RO;
	return 0;
}

int task_main(uint64_t argument)
{
	struct devmgr_device_reply self;
	long notification = quoin_notification_create();

	if (notification < 0 || driver_device(&self) < 0)
		panic("the supervisor does not answer");
	snprintf(disk_name, sizeof(disk_name), "%s",
		 strrchr(self.name, '/') ? strrchr(self.name, '/') + 1 : self.name);
	long status = device_open((quoin_handle)notification);
	if (status < 0)
		panic("%s: the device cannot be used: error %ld", disk_name, -status);
	partitions_read((quoin_handle)notification);
	incarnation = (uint32_t)(clock_ns() / 1000) * MAX_REGIONS;
	endpoint = driver_endpoint(self.name, (quoin_handle)notification);
	const struct ipc_server server = {
		.endpoint = endpoint,
		.dispatch = block_dispatch,
		.ops = &ops,
		.notified = on_interrupt,
	};
	driver_serve(&server);
}
