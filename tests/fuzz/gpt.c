// SPDX-License-Identifier: MIT
// sources: userland/lib/gpt/gpt.c
// flags: -Iuserland/lib/gpt/include
// libs: -lz
/*
 * Partition tables: none leads out of the disk.  Half of the inputs get right checksums, which chance would
 * not find.
 */
#include "fuzz.h"

#include <quoin/gpt.h>
#include <zlib.h>

static void set_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void set_sums(uint8_t *header, const uint8_t *table)
{
	uint32_t header_bytes, entries;

	memcpy(&header_bytes, header + 12, sizeof(header_bytes));
	memcpy(&entries, header + 80, sizeof(entries));
	if (entries <= GPT_MAX_PARTITIONS)
		set_u32(header + 88, (uint32_t)crc32(0, table, entries * 128));
	set_u32(header + 16, 0);
	if (header_bytes <= GPT_SECTOR_BYTES)
		set_u32(header + 16, (uint32_t)crc32(0, header, header_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gpt_partition partitions[GPT_MAX_PARTITIONS];
	uint8_t header[GPT_SECTOR_BYTES], table[GPT_TABLE_BYTES];
	struct input input = { data, size };
	uint8_t right_sums = take_u8(&input);
	uint64_t nr_sectors = take_u64(&input), at;

	take(&input, header, sizeof(header));
	take(&input, table, sizeof(table));
	if (right_sums & 1)
		set_sums(header, table);
	long bytes = gpt_check_header(header, nr_sectors, &at);
	if (bytes < 0)
		return 0;
	EXPECT(bytes > 0 && bytes <= GPT_TABLE_BYTES && bytes % GPT_SECTOR_BYTES == 0);
	EXPECT(at < nr_sectors && (uint64_t)bytes / GPT_SECTOR_BYTES <= nr_sectors - at);
	uint8_t *block = block_of(table, (size_t)bytes);
	long highest = gpt_read_table(header, block, nr_sectors, partitions);
	EXPECT(highest <= GPT_MAX_PARTITIONS);
	for (long i = 0; i < highest; i++)
		EXPECT(partitions[i].count <= nr_sectors &&
		       partitions[i].first <= nr_sectors - partitions[i].count);
	free(block);
	return 0;
}
