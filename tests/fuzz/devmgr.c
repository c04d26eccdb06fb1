// SPDX-License-Identifier: MIT
// sources: userland/servers/devmgr/service.c
// flags: -include tests/unit/native.h -Iuserland/servers/devmgr -Iuserland/lib/runtime/include -Iuserland/lib/driver/include
// flags: -Wno-unused-parameter
/*
 * The supervisor between children that send it anything and die.  The input is a list of steps: messages, deaths,
 * services that come and go.  Nobody gets what is not its own, and who waits for a service is answered once.
 */
#include "fuzz.h"
#include "../unit/devmgr_host.h"

#define TOKENS 1024u

static bool waits[TOKENS];

long quoin_endpoint_reply(uint64_t token)
{
	EXPECT(token < TOKENS && waits[token]);
	waits[token] = false;
	return 0;
}

static const char *const names[] = { "block/vda", "console", "ext4", "posix", "fs/ext4/1" };

/* A name of variable length stands behind its length. */
static void name_put(struct quoin_msg *msg, uint8_t choice)
{
	const char *name = names[choice % array_length(names)];
	uint32_t len = (uint32_t)strlen(name);

	memcpy(msg->payload, &len, sizeof(len));
	memcpy(msg->payload + 8, name, len);
}

static void message(struct input *input, uint64_t token)
{
	struct quoin_msg *msg = &page.msg;
	uint8_t how = take_u8(input), kind = take_u8(input);

	memset(msg, 0, sizeof(*msg));
	sender = 1 + how % NR_CHILDREN;
	msg->label = kind % (DEVMGR_COMMAND_LINE + 2);
	msg->nr_bytes = how < 200 ? QUOIN_MSG_BYTES : take_u16(input) % (QUOIN_MSG_BYTES + 1);
	msg->nr_handles = kind >> 6;
	if (how & 32)
		name_put(msg, take_u8(input));
	else
		take(input, msg->payload, 1 + take_u8(input) % 80);
	waits[token] = dispatch(token) == IPC_DEFERRED;
}

static void step(struct input *input, uint64_t token)
{
	uint8_t what = take_u8(input);
	const char *name = names[(what >> 4) % array_length(names)];

	switch (what & 15) {
	case 0:
		service_down(name);
		break;
	case 1:
		service_gone(name);
		break;
	case 2:
		service_declare(name);
		break;
	case 3:
		service_ready(name);
		break;
	case 4:
		children[0].nr_memory = 0; /* its device was stopped */
		break;
	default:
		message(input, token);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	service_declare("block/vda");
	service_declare("console");
	children[0].nr_memory = 0;
	for (uint64_t token = 1; token < TOKENS && input.left; token++)
		step(&input, token);
	for (unsigned i = 0; i < array_length(names); i++)
		service_gone(names[i]);
	for (unsigned i = 0; i < TOKENS; i++)
		EXPECT(!waits[i]);
	EXPECT(!check_failures);
	return 0;
}
