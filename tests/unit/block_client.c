// SPDX-License-Identifier: MIT
// sources: userland/lib/block/client.c
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Iuserland/lib/block/include
/* A client of the block protocol while its driver is dead, comes back, or never does. */
#include "check.h"

#include <quoin/block.h>

static struct quoin_thread_page page;
static unsigned dead_for, nr_calls; /* the driver answers after so many calls */
static uint64_t now;

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

long quoin_handle_close(quoin_handle handle)
{
	(void)handle;
	return 0;
}

long quoin_endpoint_call(quoin_handle endpoint)
{
	uint32_t label = page.msg.label;

	CHECK_EQ(endpoint, 7);
	page.msg.nr_bytes = page.msg.nr_handles = 0;
	if (nr_calls++ < dead_for)
		return page.msg.label = -QERR_PEER_DEAD;
	if (label == BLOCK_PARTITION) {
		page.msg.nr_handles = 1;
		page.msg.handles[0].handle = 40;
	} else {
		page.msg.nr_bytes = sizeof(struct block_info_reply);
	}
	return page.msg.label = 0;
}

long quoin_futex_wait(uintptr_t word, uint32_t value, uint64_t deadline, uint32_t flags)
{
	(void)word;
	(void)value;
	(void)flags;
	CHECK(deadline > now);
	now = deadline;
	return 0;
}

uint64_t clock_ns(void)
{
	return now;
}

void mutex_init(struct mutex *m, const char *name, unsigned rank)
{
	(void)m;
	(void)name;
	(void)rank;
}

void mutex_lock(struct mutex *m)
{
	(void)m;
}

void mutex_unlock(struct mutex *m)
{
	(void)m;
}

static void driver_dies(unsigned calls)
{
	dead_for = calls;
	nr_calls = 0;
	now = 0;
}

int main(void)
{
	struct block_partition_reply partition = {};
	struct block_info_reply info = {};
	struct block_client client;

	block_client_init(&client, 7, 0);
	driver_dies(3);
	CHECK_EQ(block_client_info(&client, &info), 0);
	CHECK_EQ(nr_calls, 4);
	driver_dies(3);
	CHECK_EQ(block_client_partition(&client, 2, &partition), 0);
	CHECK_EQ(nr_calls, 4);
	CHECK_EQ(partition.endpoint, 40);
	driver_dies(~0u);
	CHECK_EQ(block_client_partition(&client, 2, &partition), -QERR_IO);
	CHECK(now >= 30000000000);
	return check_result();
}
