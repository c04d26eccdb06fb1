/* SPDX-License-Identifier: MIT */
/*
 * What surrounds the ext4 server in tests on the host: a kernel, and a disk's driver that keeps count of what
 * it is asked and, if die_every is set, dies now and then.  task_main() ends in longjmp(served).
 */
#ifndef EXT4_HOST_H
#define EXT4_HOST_H

#include "ext4_disk.h"

#include <proto/block.h>
#include <proto/fs.h>
#include <setjmp.h>

enum { EP_FS = 100, EP_BLOCK, FIRST_MEMORY = 200 };

/* ---- kernel ---- */

static struct quoin_thread_page pages[8];
static unsigned depth; /* the page in use: a call enters the next */

static struct {
	char *address;
	uint64_t bytes;
} memory[16];

static unsigned nr_memory;
static const struct ipc_server *fs_server;
static jmp_buf served;

static struct disk disk;
static int server_locked;
static unsigned nr_ends; /* of the server, which goes on all the same */
static unsigned die_every, nr_requests, nr_read, nr_written, nr_deaths;

struct quoin_thread_page *ipc_thread_page(void)
{
	return &pages[depth];
}

void log_printf(const char *format, ...)
{
	(void)format;
}

void panic(const char *format, ...)
{
	fprintf(stderr, "panic: %s\n", format);
	abort();
}

static uint64_t now_ns;

uint64_t clock_ns(void)
{
	return now_ns += 1000;
}

long thread_spawn(const struct thread_options *options, void (*entry)(void *), void *argument,
		  quoin_handle *handle)
{
	return 0;
}

void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags)
{
	return memory[memobj - FIRST_MEMORY].address;
}

long quoin_aspace_unmap(quoin_handle aspace, uint64_t address, uint64_t len)
{
	return 0;
}

long quoin_memobj_create(uint32_t kind, uint64_t size)
{
	CHECK_OR_STOP(nr_memory < array_length(memory));
	memory[nr_memory].address = calloc(1, size);
	memory[nr_memory].bytes = size;
	return FIRST_MEMORY + nr_memory++;
}

long quoin_memobj_size(quoin_handle memobj)
{
	return (long)memory[memobj - FIRST_MEMORY].bytes;
}

long quoin_handle_close(quoin_handle handle)
{
	return 0;
}

long quoin_futex_wait(uintptr_t word, uint32_t expected, uint64_t deadline, uint32_t flags)
{
	return -QERR_TIMEDOUT;
}

long quoin_task_kill(quoin_handle task, int64_t code)
{
	CHECK(task == QUOIN_SELF_TASK && code == 0);
	nr_ends++;
	return 0;
}

long quoin_endpoint_reply(uint64_t token)
{
	return 0;
}

void mutex_init(struct mutex *m, const char *name, unsigned rank)
{
}

void mutex_lock(struct mutex *m)
{
	CHECK_EQ(m->held++, 0);
	server_locked++;
}

void mutex_unlock(struct mutex *m)
{
	CHECK_EQ(m->held--, 1);
	server_locked--;
}

void condition_wait(struct condition *c, struct mutex *m)
{
	abort();
}

void condition_wake_all(struct condition *c)
{
}

/* ---- the disk's driver ---- */

static quoin_handle regions[16];
static uint32_t incarnation = 1600;

static quoin_handle *region_find(uint32_t number)
{
	uint32_t index = number - incarnation;

	return index < array_length(regions) && regions[index] ? &regions[index] : NULL;
}

/* The next one knows nobody, and somebody else is there first. */
static void driver_dies(void)
{
	nr_deaths++;
	memset(regions, 0, sizeof(regions));
	regions[0] = FIRST_MEMORY;
	incarnation += array_length(regions);
}

static long block_handle_info(void *ctx, struct ipc_request *request, const struct block_info_request *rq,
			      struct block_info_reply *rp)
{
	rp->nr_sectors = disk.size / 512;
	rp->max_segments = 7;
	return 0;
}

static long block_handle_attach(void *ctx, struct ipc_request *request, const struct block_attach_request *rq,
				struct block_attach_reply *rp)
{
	for (uint32_t i = 0; i < array_length(regions); i++) {
		if (regions[i])
			continue;
		regions[i] = rq->memory;
		rp->region = incarnation + i;
		return 0;
	}
	return -QERR_NFILE;
}

static long block_handle_detach(void *ctx, struct ipc_request *request, const struct block_detach_request *rq,
				struct block_detach_reply *rp)
{
	quoin_handle *region = region_find(rq->region);

	if (!region)
		return -QERR_BADF;
	*region = 0;
	return 0;
}

static long block_handle_rw(void *ctx, struct ipc_request *request, const struct block_rw_request *rq,
			    struct block_rw_reply *rp)
{
	uint64_t at = rq->sector * 512;
	quoin_handle *found = region_find(rq->region), region;

	if (!found)
		return -QERR_BADF;
	region = *found - FIRST_MEMORY;
	CHECK_OR_STOP(rq->nr_segments && rq->nr_segments <= 7);
	for (unsigned i = 0; i < rq->nr_segments; i++) {
		const struct block_segment *segment = &rq->segments[i];
		char *data = memory[region].address + segment->offset;

		CHECK_OR_STOP(segment->len && segment->len % 512 == 0 &&
			      segment->offset + segment->len <= memory[region].bytes &&
			      at + segment->len <= disk.size);
		if (rq->write)
			memcpy(disk.data + at, data, segment->len);
		else
			memcpy(data, disk.data + at, segment->len);
		at += segment->len;
	}
	*(rq->write ? &nr_written : &nr_read) += 1;
	return 0;
}

static long block_handle_flush(void *ctx, struct ipc_request *request, const struct block_flush_request *rq,
			       struct block_flush_reply *rp)
{
	return 0;
}

static const struct block_ops block_ops = {
	.info = block_handle_info,
	.attach = block_handle_attach,
	.detach = block_handle_detach,
	.rw = block_handle_rw,
	.flush = block_handle_flush,
};

/* ---- calls ---- */

static long dispatch(quoin_handle endpoint, struct ipc_request *request, struct quoin_msg *msg)
{
	if (endpoint == EP_BLOCK) {
		if (die_every && ++nr_requests % die_every == 0) {
			driver_dies();
			if (nr_deaths % 2) /* every other time nobody notices */
				return -QERR_PEER_DEAD;
		}
		return block_dispatch(&block_ops, NULL, request, msg);
	}
	return endpoint == EP_FS ? fs_server->dispatch(fs_server->ops, NULL, request, msg) : -QERR_NOSYS;
}

long quoin_endpoint_call(quoin_handle endpoint)
{
	struct quoin_msg *from = &pages[depth].msg, *to;
	struct ipc_request request = { .token = 1 };
	long status;

	CHECK_OR_STOP(depth + 1 < array_length(pages));
	to = &pages[++depth].msg;
	*to = *from;
	status = dispatch(endpoint, &request, to);
	if (status == IPC_DEFERRED) {
		status = to->label; /* it was answered meanwhile */
		request.reply_on_error = true;
	}
	if (status < 0 && !request.reply_on_error)
		to->nr_bytes = to->nr_handles = 0;
	depth--;
	*from = *to;
	return status;
}

long ipc_serve(const struct ipc_server *server)
{
	abort();
}

long driver_device(struct devmgr_device_reply *device)
{
	strcpy(device->name, "fs/ext4/1");
	return 0;
}

quoin_handle driver_endpoint(const char *service, quoin_handle notification)
{
	CHECK_STR(service, "fs/ext4/1");
	return EP_FS;
}

void driver_serve(const struct ipc_server *server)
{
	fs_server = server;
	longjmp(served, 1);
}

#endif
