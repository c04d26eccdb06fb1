// SPDX-License-Identifier: MIT
// sources: userland/lib/ext4/*.c userland/lib/block/*.c userland/servers/ext4/*.c
// flags: -include tests/unit/native.h -Iuserland/lib -Iuserland/lib/runtime/include
// flags: -Iuserland/lib/driver/include -Iuserland/lib/block/include -Wno-unused-parameter -Wno-unused-function
/*
 * The ext4 server and a hostile client: requests that were right until some of their bytes were changed, one
 * after the other, on a small disk.  Whatever it answers, it goes on, and lets the disk go in the end.
 */
#include "fuzz.h"
#include "../unit/ext4_host.h"

#define NR_ARENA 16
#define MAX_INO  64u /* generations are kept of so many */

/*
 * The fields of each request: i inode, g the generation of the last one, f of the first, n of the next;
 * w, h, q numbers of 32, 16, 64 bits; N a name; T a name and a text whose lengths the last two h were; P a list
 * of pages.
 */
static const char *const layouts[] = {
	[FS_UNMOUNT] = "",
	[FS_STATFS] = "",
	[FS_LOOKUP] = "igwN",
	[FS_GETATTR] = "igw",
	[FS_SETATTR] = "wwigwwwqqwwqqqqww",
	[FS_CREATE] = "igwwwwwwwqN",
	[FS_LINK] = "ifniqN",
	[FS_UNLINK] = "igwqN",
	[FS_RENAME] = "iifgwhhqT",
	[FS_READDIR] = "igwq",
	[FS_READLINK] = "igw",
	[FS_READ_PAGES] = "igwqP",
	[FS_WRITE_PAGES] = "igwqqqP",
	[FS_SYNC] = "q",
	[FS_SHRINK] = "",
	[FS_FORGET] = "igw",
};

static uint8_t *pristine;
static quoin_handle arena_handle;
static uint32_t generations[MAX_INO];

/* ---- a request ---- */

struct maker {
	struct input *input;
	struct quoin_msg *msg;
	uint64_t ino, first, next;
	uint16_t lengths[2];
};

static void put(struct maker *maker, uint64_t value, size_t bytes)
{
	struct quoin_msg *msg = maker->msg;

	if (msg->nr_bytes + bytes > QUOIN_MSG_BYTES)
		return;
	memcpy(msg->payload + msg->nr_bytes, &value, bytes);
	msg->nr_bytes = (uint16_t)(msg->nr_bytes + bytes);
}

static void put_text(struct maker *maker, uint32_t len)
{
	put(maker, len, 4);
	while (maker->msg->nr_bytes % 8)
		put(maker, 0, 1);
	while (len--) {
		uint8_t byte = take_u8(maker->input);

		put(maker, byte < 240 ? 'a' + byte % 8 : byte < 248 ? '.' : byte, 1);
	}
}

/* Some numbers are given, the rest are of the first page; without all of them the message would be too short. */
static void put_pages(struct maker *maker)
{
	const unsigned nr_pages = array_length(((struct fs_read_pages_request *)0)->pages);
	unsigned given = take_u8(maker->input) % NR_ARENA;

	for (unsigned i = 0; i < nr_pages; i++)
		put(maker, i < given ? take_u8(maker->input) % (NR_ARENA + 1) : 0, 4);
}

static uint32_t generation_of(uint64_t ino)
{
	return ino < MAX_INO ? generations[ino] : 0;
}

/* Mostly small, for these are the ones that mean something. */
static uint64_t take_number(struct input *input)
{
	uint8_t kind = take_u8(input);

	switch (kind >> 6) {
	case 0:
		return kind;
	case 1:
		return 1ull << (kind & 63);
	case 2:
		return take_u16(input);
	default:
		return kind & 1 ? take_u64(input) : ~(uint64_t)(kind & 63);
	}
}

static void put_field(struct maker *maker, char kind)
{
	struct input *input = maker->input;

	switch (kind) {
	case 'i':
		maker->ino = maker->next;
		if (!maker->first)
			maker->first = maker->ino;
		maker->next = take_u8(input) % MAX_INO;
		put(maker, maker->ino, 8);
		break;
	case 'g':
		put(maker, generation_of(maker->ino), 4);
		break;
	case 'f':
		put(maker, generation_of(maker->first), 4);
		break;
	case 'n':
		put(maker, generation_of(maker->next), 4);
		break;
	case 'h':
		maker->lengths[0] = maker->lengths[1];
		maker->lengths[1] = take_u8(input) % 16;
		put(maker, maker->lengths[1], 2);
		break;
	case 'w':
		put(maker, take_number(input), 4);
		break;
	case 'q':
		put(maker, take_number(input), 8);
		break;
	case 'N':
		put_text(maker, take_u8(input) % 16);
		break;
	case 'P':
		put_pages(maker);
		break;
	default:
		put_text(maker, maker->lengths[0] + maker->lengths[1]);
	}
}

static void spoil(struct input *input, struct quoin_msg *msg)
{
	uint8_t how = take_u8(input);

	for (unsigned i = how & 3; i > 0; i--) {
		uint16_t at = take_u16(input) % QUOIN_MSG_BYTES;

		msg->payload[at] = take_u8(input);
	}
	if (how >> 4 == 15)
		msg->nr_bytes = take_u16(input) % (QUOIN_MSG_BYTES + 1);
}

/* ---- the conversation ---- */

/* Most replies begin with a file's attributes: its generation is good for more. */
static void learn(const struct quoin_msg *msg)
{
	struct fs_attr attr;

	if (msg->nr_bytes < sizeof(attr))
		return;
	memcpy(&attr, msg->payload, sizeof(attr));
	if (attr.ino < MAX_INO)
		generations[attr.ino] = attr.generation;
}

static void talk(struct input *input)
{
	struct quoin_msg *msg = &pages[0].msg;
	struct maker maker = { .input = input, .msg = msg };
	uint8_t label = take_u8(input) % (array_length(layouts) + 1);

	memset(msg, 0, sizeof(*msg));
	msg->label = label;
	maker.next = take_u8(input) % MAX_INO;
	for (const char *kind = label < array_length(layouts) && layouts[label] ? layouts[label] : ""; *kind;
	     kind++)
		put_field(&maker, *kind);
	spoil(input, msg);
	if (msg->label == FS_MOUNT)
		return; /* would need handles, which a message without them is refused for */
	if (quoin_endpoint_call(EP_FS) == 0)
		learn(msg);
	EXPECT(msg->nr_bytes <= QUOIN_MSG_BYTES);
	EXPECT(server_locked == 0);
}

static long mount_disk(void)
{
	struct fs_mount_request rq = { .block = EP_BLOCK, .arena = arena_handle };

	return fs_mount(EP_FS, &rq, NULL);
}

static void start(void)
{
	disk_make(&disk, "1M", "-t ext4 -b 1024 -O ^has_journal -N 64");
	pristine = malloc(disk.size);
	memcpy(pristine, disk.data, disk.size);
	if (!setjmp(served))
		task_main(0);
	arena_handle = (quoin_handle)quoin_memobj_create(QUOIN_MEMOBJ_ANON, NR_ARENA * 4096);
	unlink(disk.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fs_unmount_request unmount_rq = {};
	struct input input = { data, size };
	unsigned nr_memory_before;

	if (!pristine)
		start();
	memcpy(disk.data, pristine, disk.size);
	memset(generations, 0, sizeof(generations));
	nr_memory_before = nr_memory;
	EXPECT(mount_disk() == 0);
	while (input.left)
		talk(&input);
	fs_unmount(EP_FS, &unmount_rq, NULL);
	while (nr_memory > nr_memory_before)
		free(memory[--nr_memory].address);
	EXPECT(!check_failures);
	return 0;
}
