/* GUID partition tables (UEFI 2.10, chapter 5.3), read and checked. Compiles on the host. */
#ifndef QUOIN_GPT_H
#define QUOIN_GPT_H

#include <stddef.h>
#include <stdint.h>

#define GPT_MAX_PARTITIONS 128
#define GPT_SECTOR_BYTES   512
#define GPT_TABLE_BYTES    (GPT_MAX_PARTITIONS * 128)

/* Sectors [first, first + count); count 0: the entry is unused. */
struct gpt_partition {
	uint64_t first, count;
};

/*
 * Takes the header sector (LBA 1 or the last) and tells where the entries are.  Returns the number of
 * bytes to read from *table_sector, or -1 if there is no valid header for a disk of nr_sectors.
 */
long gpt_check_header(const uint8_t header[GPT_SECTOR_BYTES], uint64_t nr_sectors, uint64_t *table_sector);

/*
 * Takes the entries, which header was checked for, and fills partitions by number (index 0 is partition 1).
 * Entries out of the disk's usable range are left out.  Returns the highest used number, or -1 when
 * the checksum is wrong.
 */
long gpt_read_table(const uint8_t header[GPT_SECTOR_BYTES], const uint8_t *table, uint64_t nr_sectors,
		    struct gpt_partition partitions[GPT_MAX_PARTITIONS]);

#endif
