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

/* The driver of now. */
static uint32_t first_number = 100; /* of its regions */
static unsigned nr_attached, nr_detached;
static unsigned refused_attach; /* this attachment, counted from 1, finds no memory; 0: none */

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

long quoin_handle_close(quoin_handle handle)
{
	(void)handle;
	return 0;
}

static long answer_attach(void)
{
	struct block_attach_reply reply = { .region = first_number + nr_attached };

	if (nr_attached + 1 == refused_attach) {
		refused_attach = 0;
		return -QERR_NOMEM;
	}
	nr_attached++;
	memcpy(page.msg.payload, &reply, sizeof(reply));
	page.msg.nr_bytes = sizeof(reply);
	return 0;
}

static long answer_rw(void)
{
	const struct block_rw_request *request = (const void *)page.msg.payload;
	uint32_t index = request->region - first_number;

	page.msg.nr_bytes = sizeof(struct block_rw_reply);
	return index < nr_attached ? 0 : -QERR_BADF;
}

static long answer(uint32_t label)
{
	switch (label) {
	case BLOCK_PARTITION:
	case BLOCK_OPEN_SESSION:
		page.msg.nr_handles = 1;
		page.msg.handles[0].handle = 40;
		return 0;
	case BLOCK_INFO:
		page.msg.nr_bytes = sizeof(struct block_info_reply);
		return 0;
	case BLOCK_ATTACH:
		return answer_attach();
	case BLOCK_DETACH:
		nr_detached++;
		return 0;
	case BLOCK_RW:
		return answer_rw();
	case BLOCK_FLUSH:
		return 0;
	}
	return -QERR_NOSYS;
}

long quoin_endpoint_call(quoin_handle endpoint)
{
	uint32_t label = page.msg.label;

	CHECK_EQ(endpoint, 7);
	page.msg.nr_bytes = page.msg.nr_handles = 0;
	if (nr_calls++ < dead_for)
		return page.msg.label = -QERR_PEER_DEAD;
	return page.msg.label = answer(label);
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
	first_number += 100;
	nr_attached = nr_detached = 0;
}

static void test_questions(struct block_client *client)
{
	struct block_open_session_reply session = {};
	struct block_partition_reply partition = {};
	struct block_info_reply info = {};

	driver_dies(3);
	CHECK_EQ(block_client_info(client, &info), 0);
	CHECK_EQ(nr_calls, 4);
	driver_dies(3);
	CHECK_EQ(block_client_partition(client, 2, &partition), 0);
	CHECK_EQ(nr_calls, 4);
	CHECK_EQ(partition.endpoint, 40);
	driver_dies(3);
	CHECK_EQ(block_client_open_session(client, 5, &session), 0);
	CHECK_EQ(nr_calls, 4);
	CHECK_EQ(session.endpoint, 40);
	driver_dies(3);
	CHECK_EQ(block_client_flush(client), 0);
	CHECK_EQ(nr_calls, 4);
	driver_dies(~0u);
	CHECK_EQ(block_client_partition(client, 2, &partition), -QERR_IO);
	CHECK(now >= 29900000000);
}

static void test_data(struct block_client *client)
{
	struct block_rw_request request = { .nr_segments = 1 };

	driver_dies(2);
	CHECK_EQ(block_client_attach(client, 50), 0);
	CHECK_EQ(block_client_attach(client, 51), 1);
	CHECK_EQ(block_client_attach(client, 52), -QERR_NFILE);
	CHECK_EQ(block_client_rw(client, 1, &request), 0);
	CHECK_EQ(request.region, first_number + 1);
	CHECK_EQ(nr_attached, 2);

	/* The next one, that has come while nobody asked: no need to wait. */
	driver_dies(0);
	CHECK_EQ(block_client_rw(client, 1, &request), 0);
	CHECK_EQ(request.region, first_number + 1);
	CHECK_EQ(nr_attached, 2);
	CHECK_EQ(now, 0);

	driver_dies(3);
	CHECK_EQ(block_client_rw(client, 0, &request), 0);
	CHECK_EQ(request.region, first_number);
	CHECK_EQ(nr_attached, 2);
	CHECK_EQ(nr_detached, 0);

	/* Half attached is not attached. */
	driver_dies(0);
	refused_attach = 2;
	CHECK_EQ(block_client_rw(client, 1, &request), 0);
	CHECK_EQ(nr_attached - nr_detached, 2);

	driver_dies(~0u);
	CHECK_EQ(block_client_rw(client, 1, &request), -QERR_IO);
	CHECK(now >= 29900000000);
	dead_for = 0;
	block_client_fini(client);
	CHECK_EQ(nr_detached, 2);
}

int main(void)
{
	struct block_client client;

	block_client_init(&client, 7, 0);
	test_questions(&client);
	test_data(&client);
	return check_result();
}
