/*
 * The disk: a block client (lib/block), which repeats requests when their driver has died, and the memory
 * that data moves to and from.
 */
#include "server.h"

static long region_open(struct region *region, quoin_handle memory)
{
	long bytes = quoin_memobj_size(memory);

	if (bytes <= 0)
		return bytes ? bytes : -EINVAL;
	region->memory = memory;
	region->bytes = (uint64_t)bytes;
	region->address =
		memobj_map(memory, 0, region->bytes, QUOIN_PROT_READ | QUOIN_PROT_WRITE, QUOIN_MAP_SHARED);
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

char *arena_page(uint32_t number)
{
	const struct region *arena = &server.device.arena;

	return number < arena->bytes / QUOIN_PAGE_SIZE ? arena->address + (uint64_t)number * QUOIN_PAGE_SIZE
						       : NULL;
}

long device_rw(struct device *device, const struct region *region, struct block_rw_request *rq)
{
	return block_client_rw(&device->client, region->index, rq);
}

long device_flush(struct device *device)
{
	return block_client_flush(&device->client);
}

static long device_info(struct device *device)
{
	struct block_info_reply rp;
	long status = block_client_info(&device->client, &rp);

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

static long region_attach(struct device *device, struct region *region)
{
	long index = block_client_attach(&device->client, region->memory);

	if (index < 0)
		return index;
	region->index = (uint32_t)index;
	return 0;
}

/* Takes over both handles, whatever is returned. */
long device_open(struct device *device, quoin_handle endpoint, quoin_handle arena)
{
	long status;

	block_client_init(&device->client, endpoint, RANK_DEVICE);
	status = region_open(&device->arena, arena);
	if (status < 0 && !device->arena.memory)
		quoin_handle_close(arena);
	if (status == 0)
		status = device_info(device);
	if (status == 0)
		status = bounce_open(device);
	if (status == 0)
		status = region_attach(device, &device->bounce);
	if (status == 0)
		status = region_attach(device, &device->arena);
	if (status < 0)
		device_close(device);
	return status;
}

void device_close(struct device *device)
{
	block_client_fini(&device->client);
	region_close(&device->bounce);
	region_close(&device->arena);
	quoin_handle_close(device->client.endpoint);
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
