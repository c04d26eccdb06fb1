// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/service.c
// flags: -include tests/unit/native.h -Iuserland/servers/devmgr -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter -Wno-format-truncation
/*
 * The supervisor on the host, between a driver, a server that serves nothing, and the POSIX server,
 * who send it anything: nobody gets what is not its own.
 */
#include "devmgr_host.h"

/* ---- dice ---- */

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16) % bound;
}

long quoin_endpoint_reply(uint64_t token)
{
	return 0;
}

/* ---- children ---- */

static uint32_t random_word(void)
{
	return random_below(4) ? random_below(0x120) : (uint32_t)random_below(1u << 31) << 1;
}

static void message_random(struct quoin_msg *msg)
{
	static const char *const names[] = { "block/vda", "console", "ext4", "posix", "fs/ext4/1" };
	uint32_t *words = (uint32_t *)msg->payload;

	for (uint32_t i = 0; i < QUOIN_MSG_BYTES / 4; i++)
		words[i] = random_word();
	if (random_below(2)) { /* a name of variable length stands behind its length */
		const char *name = names[random_below(array_length(names))];

		words[0] = (uint32_t)strlen(name);
		memcpy(msg->payload + 8, name, strlen(name));
	}
	msg->label = (int32_t)(random_below(16) ? random_below(DEVMGR_COMMAND_LINE + 2) : random_word());
	if (msg->label == DEVMGR_CONFIG_WRITE)
		words[0] = random_below(0x120) | 1u << random_below(4) << 16;
	msg->nr_bytes = random_below(4) ? QUOIN_MSG_BYTES : random_below(QUOIN_MSG_BYTES);
	msg->nr_handles = random_below(QUOIN_MSG_HANDLES + 1);
}

static void test_random_messages(void)
{
	unsigned nr_granted = 0;

	for (int i = 0; i < 200000; i++) {
		sender = 1 + random_below(NR_CHILDREN);
		message_random(&page.msg);
		long status = dispatch(1);
		nr_granted += status == 0;
		children[0].nr_memory = 0; /* as if it had been started again */
	}
	CHECK(nr_granted > 1000 && nr_config_writes > 10 && nr_started > 10 && nr_powered > 10);
}

int main(void)
{
	service_declare("block/vda");
	service_declare("console");
	test_random_messages();
	return check_result();
}
