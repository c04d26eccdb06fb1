// SPDX-License-Identifier: MIT
// sources: userland/lib/virtio/queue.c userland/lib/virtio/pci.c userland/lib/gpt/gpt.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Iuserland/lib/virtio/include -Iuserland/lib/gpt/include -Iuserland/lib/virtio -Wno-unused-parameter
/*
 * The VirtIO disk driver between a hostile client and a hostile device.  The input is the device's registers, then
 * a list of steps: messages to the driver, and what the device writes into its used ring.  The driver may
 * give up (panic), but what it asks of the device stays within the client's memory and the disk, and each
 * request is answered once.
 */
#include "fuzz.h"
#include "userland/drivers/block/virtio-blk/virtio-blk.c"
#include "layout.h"

#include <setjmp.h>

#define BAR_BYTES  4096u
#define MEMOBJS    8u
#define TOKENS     128u
#define FRAME_BASE 0x100000000ul /* of memory object n: n times this */

static struct input input;
static jmp_buf given_up;
static struct quoin_thread_page page;

static uint8_t config_space[256];
static uint8_t *bar;
static uint8_t *dma[4];
static unsigned nr_dma;
static uint64_t memobj_bytes[MEMOBJS]; /* by handle - 1; 0: there is none */
static bool owed[TOKENS];              /* tokens of requests that wait for their answer */
static uint64_t next_token;
static bool serving;

/* ---- kernel and supervisor ---- */

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

void panic(const char *format, ...)
{
	longjmp(given_up, 1);
}

void log_printf(const char *format, ...)
{
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
	(void)format;
	return snprintf(buffer, size, "vda");
}

uint64_t clock_ns(void)
{
	return 0;
}

long quoin_notification_create(void)
{
	return 1;
}

long quoin_handle_close(quoin_handle handle)
{
	if (handle && handle <= MEMOBJS)
		memobj_bytes[handle - 1] = 0;
	return 0;
}

long quoin_memobj_size(quoin_handle memobj)
{
	return memobj && memobj <= MEMOBJS ? (long)memobj_bytes[memobj - 1] : -QERR_BADF;
}

long quoin_memobj_frames(quoin_handle memobj, uint64_t offset, uint64_t nr_pages, uintptr_t frames)
{
	EXPECT(memobj && memobj <= MEMOBJS);
	EXPECT(offset % QUOIN_PAGE_SIZE == 0 && nr_pages > 0);
	if (offset + nr_pages * QUOIN_PAGE_SIZE > ALIGN_UP(memobj_bytes[memobj - 1], QUOIN_PAGE_SIZE))
		return -QERR_RANGE;
	for (uint64_t i = 0; i < nr_pages; i++)
		((uint64_t *)frames)[i] = memobj * FRAME_BASE + offset + i * QUOIN_PAGE_SIZE;
	return 0;
}

long quoin_endpoint_badge(quoin_handle endpoint_handle, uint64_t badge, uint32_t rights)
{
	EXPECT(badge && BADGE_PARTITION(badge) <= GPT_MAX_PARTITIONS && !(rights & QUOIN_RIGHT_RECEIVE));
	return 100;
}

void ipc_close_after_reply(struct ipc_request *request, quoin_handle handle)
{
}

long quoin_endpoint_reply(uint64_t token)
{
	EXPECT(token < TOKENS && owed[token]);
	owed[token] = false;
	return 0;
}

long driver_device(struct devmgr_device_reply *device_reply)
{
	memset(device_reply, 0, sizeof(*device_reply));
	strcpy(device_reply->name, "block/vda");
	device_reply->bar_bytes[0] = BAR_BYTES;
	return 0;
}

uint32_t driver_config_read(uint32_t offset, uint32_t width)
{
	uint32_t value = 0;

	EXPECT(offset + width <= sizeof(config_space));
	memcpy(&value, config_space + offset, width);
	return value;
}

volatile void *driver_map_bar(uint32_t number, size_t len_bytes)
{
	EXPECT(number == 0 && len_bytes <= BAR_BYTES);
	return bar;
}

long driver_irq(uint32_t entry, quoin_handle notification, uint64_t bits)
{
	return 0;
}

long driver_device_start(void)
{
	return 0;
}

long driver_dma_alloc(size_t len_bytes, struct dma_memory *memory)
{
	size_t len = ALIGN_UP(len_bytes, QUOIN_PAGE_SIZE);

	EXPECT(nr_dma < array_length(dma));
	dma[nr_dma] = calloc(1, len);
	*memory = (struct dma_memory){ dma[nr_dma], (uint64_t)dma[nr_dma], len };
	nr_dma++;
	return 0;
}

quoin_handle driver_endpoint(const char *service, quoin_handle notification)
{
	return 99;
}

/* ---- the device ---- */

static void device_write_used(void)
{
	uint16_t count = take_u8(&input);

	queue.used->ring[queue.used->index % queue.size].id = count < 128 ? count & 63 : take_u32(&input);
	queue.used->ring[queue.used->index % queue.size].len = take_u32(&input);
	queue.used->index += count == 127 ? take_u16(&input) : 1;
}

static void device_write_status(void)
{
	headers[take_u8(&input) % VIRTQUEUE_SLOTS].status = take_u8(&input);
}

/* Early reads: the device answers with what the input says, or not in time. */
long quoin_notification_wait(quoin_handle notification, uint64_t deadline)
{
	if (!input.left)
		panic("the device does not answer");
	if (dma[2]) /* the page that tables are read into */
		take(&input, dma[2], 600);
	device_write_status();
	device_write_used();
	return IRQ_BIT;
}

/* ---- what must hold ---- */

static uint64_t extent_end(const struct blk_request *request)
{
	return request->sector + request->bytes / SECTOR_BYTES;
}

static void check_data_buffer(const struct blk_request *request, const struct virtq_descriptor *buffer)
{
	uint64_t object = buffer->address / FRAME_BASE, offset = buffer->address % FRAME_BASE;

	EXPECT(object == request->region->memory);
	EXPECT(offset + buffer->len <= ALIGN_UP(request->region->bytes, QUOIN_PAGE_SIZE));
	EXPECT(!(buffer->flags & DESCRIPTOR_WRITE) == (request->type == BLK_OUT));
}

static void check_active(int slot)
{
	const struct blk_request *request = active[slot];
	const struct virtq_descriptor *table = queue.tables + slot * VIRTQUEUE_SEGMENTS;
	uint64_t bytes = 0;

	EXPECT(request->nr_buffers >= 2 && request->nr_buffers <= VIRTQUEUE_SEGMENTS);
	EXPECT(headers[slot].type == request->type && headers[slot].sector == request->sector);
	for (uint32_t i = 1; i + 1 < request->nr_buffers; i++) {
		check_data_buffer(request, &table[i]);
		bytes += table[i].len;
	}
	if (request->type == BLK_FLUSH)
		return;
	EXPECT(bytes == request->bytes && bytes % SECTOR_BYTES == 0);
	EXPECT(request->sector <= nr_sectors && extent_end(request) <= nr_sectors);
}

static void check_all(void)
{
	unsigned nr_requests = 0, nr_owed = 0, nr_active = 0;

	for (int slot = 0; slot < VIRTQUEUE_SLOTS; slot++) {
		EXPECT((active[slot] == NULL) == (queue.free_slots >> slot & 1));
		if (!active[slot])
			continue;
		check_active(slot);
		nr_requests++;
		nr_active += active[slot]->region != NULL;
	}
	list_for_each (node, &waiting) {
		nr_requests++;
		nr_active += list_entry(node, struct blk_request, node)->region != NULL;
	}
	for (unsigned i = 0; i < MAX_REGIONS; i++)
		nr_active -= regions[i].nr_active;
	for (unsigned i = 0; i < TOKENS; i++)
		nr_owed += owed[i];
	for (unsigned i = 0; i < MAX_REGIONS; i++)
		EXPECT(!regions[i].closing || regions[i].nr_active || !regions[i].memory);
	EXPECT(nr_requests == nr_owed);
	EXPECT(nr_active == 0);
}

/* ---- the client ---- */

static void message(void)
{
	struct quoin_msg *msg = &page.msg;
	uint8_t who = take_u8(&input), small = take_u8(&input);
	struct ipc_request request = { .token = next_token++, .badge = BADGE_OF(who % 4, who / 4 % 3) };
	long status;

	if (request.token >= TOKENS)
		panic("enough");
	msg->label = small % 8 ? small % 8 : BLOCK_CLOSE_SESSION;
	msg->nr_bytes = (uint16_t)(small & 8 ? 16 + 64 * 16 : take_u8(&input));
	msg->nr_handles = small >> 4 & 1;
	msg->handles[0].handle = 1 + take_u8(&input) % (MEMOBJS + 1);
	if (msg->label == BLOCK_ATTACH && msg->handles[0].handle <= MEMOBJS)
		memobj_bytes[msg->handles[0].handle - 1] = take_u32(&input) % (1u << 22);
	memset(msg->payload, 0, 2048);
	take(&input, msg->payload, take_u8(&input));
	status = block_dispatch(&ops, NULL, &request, msg);
	if (status == IPC_DEFERRED)
		owed[request.token] = true;
}

static void step(void)
{
	switch (take_u8(&input) % 4) {
	case 0:
	case 1:
		message();
		break;
	case 2:
		device_write_status();
		device_write_used();
		break;
	default:
		on_interrupt(NULL, IRQ_BIT);
	}
}

void driver_serve(const struct ipc_server *server)
{
	serving = true;
	while (input.left) {
		step();
		check_all();
	}
	longjmp(given_up, 1);
}

/* ---- one run ---- */

static void reset(void)
{
	memset(&device, 0, sizeof(device));
	memset(&queue, 0, sizeof(queue));
	memset(active, 0, sizeof(active));
	memset(regions, 0, sizeof(regions));
	memset(partitions, 0, sizeof(partitions));
	memset(memobj_bytes, 0, sizeof(memobj_bytes));
	memset(owed, 0, sizeof(owed));
	memset(dma, 0, sizeof(dma));
	list_init(&waiting);
	nr_partitions = nr_dma = 0;
	next_token = 1;
	headers = NULL;
	serving = false;
}

/* Three capabilities, with what the input says in them. */
static void config_space_fill(void)
{
	static const uint8_t types[] = { 1, 2, 4 };

	config_space[0x34] = 0x40;
	take(&input, config_space + 0x40, 0x60);
	for (unsigned i = 0; i < array_length(types); i++) {
		uint8_t *capability = config_space + 0x40 + i * 0x20;

		capability[0] = 0x09; /* vendor specific */
		capability[1] = (uint8_t)(i + 1 < array_length(types) ? 0x60 + i * 0x20 : 0);
		capability[3] = types[i];
	}
}

static void release(void)
{
	for (int slot = 0; serving && slot < VIRTQUEUE_SLOTS; slot++)
		free(active[slot]); /* before that they are on the stack */
	while (!list_empty(&waiting))
		free(list_entry(list_pop(&waiting), struct blk_request, node));
	for (unsigned i = 0; i < array_length(dma); i++)
		free(dma[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t registers[256];

	input = (struct input){ data, size };
	reset();
	bar = calloc(1, BAR_BYTES);
	take(&input, registers, sizeof(registers));
	for (unsigned at = 0; at < BAR_BYTES; at += sizeof(registers))
		memcpy(bar + at, registers, sizeof(registers));
	config_space_fill();
	if (!setjmp(given_up))
		task_main(0);
	release();
	free(bar);
	return 0;
}
