// SPDX-License-Identifier: MIT
// flags: -include tests/unit/native.h -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
/*
 * The caller's side of a protocol, and a server that answers as it likes: handles that were not asked for do not
 * stay with the caller.
 */
#include "check.h"

#include <proto/console.h>

static struct quoin_thread_page page;
static struct {
	int32_t label;
	uint16_t nr_bytes, nr_handles;
} answer;
static uint32_t nr_closed;
static quoin_handle last_closed;

struct quoin_thread_page *ipc_thread_page(void)
{
	return &page;
}

long quoin_handle_close(quoin_handle handle)
{
	nr_closed++;
	last_closed = handle;
	return 0;
}

long quoin_endpoint_reply(uint64_t token)
{
	(void)token;
	return 0;
}

long quoin_endpoint_call(quoin_handle endpoint)
{
	(void)endpoint;
	page.msg.label = answer.label;
	page.msg.nr_bytes = answer.nr_bytes;
	page.msg.nr_handles = answer.nr_handles;
	for (uint32_t i = 0; i < answer.nr_handles; i++)
		page.msg.handles[i].handle = 40 + i;
	nr_closed = 0;
	return answer.label;
}

static void test_no_handle_is_wanted(void)
{
	struct console_write_request rq = { .data_len = 1 };
	struct console_write_reply rp;

	answer.nr_bytes = sizeof(rp);
	answer.nr_handles = 4;
	answer.label = 0;
	CHECK_EQ(console_write(7, &rq, &rp), 0);
	CHECK_EQ(nr_closed, 4);
	answer.label = -QERR_IO;
	CHECK_EQ(console_write(7, &rq, NULL), -QERR_IO);
	CHECK_EQ(nr_closed, 4);
	answer.nr_handles = 0;
	CHECK_EQ(console_write(7, &rq, &rp), -QERR_IO);
	CHECK_EQ(nr_closed, 0);
}

static void test_one_handle_is_wanted(void)
{
	struct devmgr_connect_request rq = { .name_len = 1, .name = "x" };
	struct devmgr_connect_reply rp;

	answer.nr_bytes = 0;
	answer.nr_handles = 1;
	answer.label = 0;
	CHECK_EQ(devmgr_connect(7, &rq, &rp), 0);
	CHECK_EQ(rp.endpoint, 40);
	CHECK_EQ(nr_closed, 0);
	answer.nr_handles = 2;
	CHECK_EQ(devmgr_connect(7, &rq, &rp), 0);
	CHECK_EQ(nr_closed, 1);
	CHECK_EQ(last_closed, 41);
	answer.label = -QERR_NOENT;
	CHECK_EQ(devmgr_connect(7, &rq, &rp), -QERR_NOENT);
	CHECK_EQ(nr_closed, 2);
	answer.label = 5; /* no error, and no success */
	CHECK_EQ(devmgr_connect(7, &rq, &rp), -QERR_PROTO);
	CHECK_EQ(nr_closed, 2);
}

int main(void)
{
	test_no_handle_is_wanted();
	test_one_handle_is_wanted();
	return check_result();
}
