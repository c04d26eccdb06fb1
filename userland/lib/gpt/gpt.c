/* See quoin/gpt.h. */
#include <quoin/gpt.h>
#include <string.h>

static uint64_t field(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

/* CRC-32 as in IEEE 802.3, bit by bit: it runs once per boot. Of a header its own checksum, the 4 bytes at 16, counts as zero. */
static uint32_t crc32(const uint8_t *data, size_t len, int header)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= header && i >= 16 && i < 20 ? 0 : data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static uint32_t nr_entries(const uint8_t *header)
{
	uint32_t entries = (uint32_t)field(header + 80, 4);

	return entries < GPT_MAX_PARTITIONS ? entries : GPT_MAX_PARTITIONS;
}

long gpt_check_header(const uint8_t header[GPT_SECTOR_BYTES], uint64_t nr_sectors, uint64_t *table_sector)
{
	uint32_t header_bytes = (uint32_t)field(header + 12, 4);

	if (memcmp(header, "EFI PART", 8) != 0 || header_bytes < 92 || header_bytes > GPT_SECTOR_BYTES ||
	    crc32(header, header_bytes, 1) != field(header + 16, 4))
		return -1;
	/* entries of 128 bytes and at most 128 of them: what every tool writes */
	if (field(header + 84, 4) != 128 || field(header + 80, 4) > GPT_MAX_PARTITIONS || !nr_entries(header))
		return -1;
	*table_sector = field(header + 72, 8);
	uint64_t sectors = (nr_entries(header) * 128u + GPT_SECTOR_BYTES - 1) / GPT_SECTOR_BYTES;
	if (*table_sector < 2 || *table_sector >= nr_sectors || sectors > nr_sectors - *table_sector)
		return -1;
	return (long)(sectors * GPT_SECTOR_BYTES);
}

long gpt_read_table(const uint8_t header[GPT_SECTOR_BYTES], const uint8_t *table, uint64_t nr_sectors,
		    struct gpt_partition partitions[GPT_MAX_PARTITIONS])
{
	static const uint8_t unused[16];
	long highest = 0;

	memset(partitions, 0, sizeof(*partitions) * GPT_MAX_PARTITIONS);
	if (crc32(table, nr_entries(header) * 128u, 0) != field(header + 88, 4))
		return -1;
	for (uint32_t i = 0; i < nr_entries(header); i++) {
		const uint8_t *entry = table + i * 128;
		uint64_t first = field(entry + 32, 8), last = field(entry + 40, 8);
		if (memcmp(entry, unused, 16) == 0 || first < 2 || last < first || last >= nr_sectors)
			continue;
		partitions[i] = (struct gpt_partition){ first, last - first + 1 };
		highest = i + 1;
	}
	return highest;
}
