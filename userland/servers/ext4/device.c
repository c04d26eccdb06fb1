/*
 * The disk.
 *
 * A request names memory that was attached to the driver.  When the driver dies the endpoint stays,
 * and its next incarnation knows no attachments: so a request that finds the driver dead waits
 * until there is one again, attaches anew, and goes out once more.  All requests can be repeated:
 * they read or write the same sectors from the same memory.
 */
#include "server.h"

#define RETRY_NS      (100 * 1000000ULL)
#define GIVE_UP_TRIES 300 /* half a minute */

static void sleep_ns(uint64_t ns)
{
	uint32_t word = 0;

	quoin_futex_wait((uintptr_t)&word, 0, clock_ns() + ns, 0);
}

static long region_attach(struct device *device, struct region *region)
{
	struct block_attach_request rq = { .memory = region->memory };
	struct block_attach_reply rp;
	long status = block_attach(device->endpoint, &rq, &rp);

	if (status == 0)
		region->number = rp.region;
	return status;
}

static void region_detach(struct device *device, struct region *region)
{
	struct block_detach_request rq = { .region = region->number };

	if (region->number)
		block_detach(device->endpoint, &rq, NULL);
	region->number = 0;
}

static long region_open(struct region *region, quoin_handle memory)
{
	long bytes = quoin_memobj_size(memory);

	if (bytes <= 0)
		return bytes ? bytes : -EINVAL;
	region->memory = memory;
	region->bytes = (uint64_t)bytes;
	region->address = memobj_map(memory, 0, region->bytes, QUOIN_PROT_READ | QUOIN_PROT_WRITE,
				     QUOIN_MAP_SHARED);
	return region->address ? 0 : -ENOMEM;
}

static void region_close(struct region *region)
{
	if (region->address)
		quoin_aspace_unmap(QUOIN_SELF_ASPACE, (uintptr_t)region->address, region->bytes);
	if (region->memory)
		quoin_handle_close(region->memory);
	*region = (struct region){ 0 };
}

/* Attaches both regions to the driver, unless another thread has done so since seen. */
static long device_attach(struct device *device, uint32_t seen)
{
	long status = 0;

	mutex_lock(&device->lock);
	if (device->incarnation == seen) {
		status = region_attach(device, &device->bounce);
		if (status == 0)
			status = region_attach(device, &device->arena);
		if (status == 0)
			device->incarnation++;
	}
	mutex_unlock(&device->lock);
	return status;
}

static uint32_t device_incarnation(struct device *device, const struct region *region,
				   uint32_t *number)
{
	uint32_t incarnation;

	mutex_lock(&device->lock);
	incarnation = device->incarnation;
	*number = region ? region->number : 0;
	mutex_unlock(&device->lock);
	return incarnation;
}

/* One request, repeated while drivers die; rq is NULL for a flush. */
static long device_request(struct device *device, const struct region *region,
			   struct block_rw_request *rq)
{
	const struct block_flush_request flush = {};
	long status = -QERR_PEER_DEAD;

	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		uint32_t number, incarnation = device_incarnation(device, region, &number);

		if (rq)
			rq->region = number;
		status = rq ? block_rw(device->endpoint, rq, NULL)
			    : block_flush(device->endpoint, &flush, NULL);
		if (status != -QERR_PEER_DEAD)
			return status;
		sleep_ns(RETRY_NS);
		device_attach(device, incarnation);
	}
	return -EIO;
}

long device_rw(struct device *device, const struct region *region, struct block_rw_request *rq)
{
	return device_request(device, region, rq);
}

long device_flush(struct device *device)
{
	return device_request(device, NULL, NULL);
}

static long device_info(struct device *device)
{
	const struct block_info_request rq = {};
	struct block_info_reply rp;
	long status = block_info(device->endpoint, &rq, &rp);

	if (status < 0)
		return status;
	device->nr_sectors = rp.nr_sectors;
	device->read_only = rp.read_only;
	device->max_segments = MAX(MIN(rp.max_segments, MAX_SEGMENTS), 1);
	return 0;
}

static long bounce_open(struct device *device)
{
	long memory = quoin_memobj_create(QUOIN_MEMOBJ_ANON, BOUNCE_BYTES);

	return memory < 0 ? memory : region_open(&device->bounce, (quoin_handle)memory);
}

/* Takes over both handles, whatever is returned. */
long device_open(struct device *device, quoin_handle endpoint, quoin_handle arena)
{
	long status;

	device->endpoint = endpoint;
	status = region_open(&device->arena, arena);
	if (status < 0 && !device->arena.memory)
		quoin_handle_close(arena);
	if (status == 0)
		status = device_info(device);
	if (status == 0)
		status = bounce_open(device);
	if (status == 0)
		status = device_attach(device, device->incarnation);
	if (status < 0)
		device_close(device);
	return status;
}

void device_close(struct device *device)
{
	region_detach(device, &device->bounce);
	region_detach(device, &device->arena);
	region_close(&device->bounce);
	region_close(&device->arena);
	quoin_handle_close(device->endpoint);
	device->endpoint = 0;
}

/* ---- metadata, under server.lock: through the bounce memory ---- */

static int metadata_rw(struct device *device, uint64_t offset, size_t len, bool write)
{
	struct block_rw_request rq = {
		.sector = offset / SECTOR_BYTES,
		.write = write,
		.nr_segments = 1,
		.segments[0] = { .offset = 0, .len = (uint32_t)len },
	};

	return (int)device_rw(device, &device->bounce, &rq);
}

int metadata_read(void *ctx, uint64_t offset, void *buffer, size_t len)
{
	struct device *device = ctx;

	for (size_t done = 0; done < len;) {
		size_t part = MIN(len - done, BOUNCE_BYTES);
		int err = metadata_rw(device, offset + done, part, false);

		if (err)
			return err;
		memcpy((char *)buffer + done, device->bounce.address, part);
		done += part;
	}
	return 0;
}

int metadata_write(void *ctx, uint64_t offset, const void *buffer, size_t len)
{
	struct device *device = ctx;

	for (size_t done = 0; done < len;) {
		size_t part = MIN(len - done, BOUNCE_BYTES);
		int err;

		memcpy(device->bounce.address, (const char *)buffer + done, part);
		err = metadata_rw(device, offset + done, part, true);
		if (err)
			return err;
		done += part;
	}
	return 0;
}

int metadata_flush(void *ctx)
{
	return (int)device_flush(ctx);
}
