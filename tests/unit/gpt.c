// sources: userland/lib/gpt/gpt.c
// flags: -Iuserland/lib/gpt/include
/* GUID partition tables: one that sgdisk wrote reads as written; damaged and hostile ones are refused. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"
#include <quoin/gpt.h>

#define NR_SECTORS   65536
#define TABLE_SECTOR 2

static uint8_t disk[64 * GPT_SECTOR_BYTES];
static struct gpt_partition partitions[GPT_MAX_PARTITIONS];

static bool make_disk(void)
{
	char path[] = "/tmp/quoin-gpt.XXXXXX", command[256];
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, (off_t)NR_SECTORS * GPT_SECTOR_BYTES) < 0)
		return false;
	snprintf(
		command, sizeof(command),
		"sfdisk -q --no-tell-kernel %s <<'X' >/dev/null 2>&1\nlabel: gpt\nstart=2048,size=2048\nstart=8192\nX\n",
		path);
	bool made = system(command) == 0 && pread(fd, disk, sizeof(disk), 0) == (ssize_t)sizeof(disk);
	close(fd);
	unlink(path);
	return made;
}

static void test_reads_what_sfdisk_wrote(void)
{
	uint64_t table;

	CHECK_EQ(gpt_check_header(disk + 512, NR_SECTORS, &table), GPT_TABLE_BYTES);
	CHECK_EQ(table, TABLE_SECTOR);
	CHECK_EQ(gpt_read_table(disk + 512, disk + 1024, NR_SECTORS, partitions), 2);
	CHECK_EQ(partitions[0].first, 2048);
	CHECK_EQ(partitions[0].count, 2048);
	CHECK_EQ(partitions[1].first, 8192);
	CHECK(partitions[1].count > 50000);
	CHECK_EQ(partitions[2].count, 0);
}

static void test_a_smaller_disk_loses_the_partition_beyond_it(void)
{
	CHECK_EQ(gpt_read_table(disk + 512, disk + 1024, 10000, partitions), 1);
}

static void test_damage_is_noticed(void)
{
	uint8_t header[GPT_SECTOR_BYTES];
	uint64_t table;

	for (unsigned i = 0; i < 92; i++) {
		memcpy(header, disk + 512, sizeof(header));
		header[i] ^= 0x10;
		CHECK_EQ(gpt_check_header(header, NR_SECTORS, &table), -1);
	}
	disk[1024 + 32] ^= 1;
	CHECK_EQ(gpt_read_table(disk + 512, disk + 1024, NR_SECTORS, partitions), -1);
	disk[1024 + 32] ^= 1;
	CHECK_EQ(gpt_check_header(disk + 512, 20, &table), -1);
}

int main(void)
{
	if (!make_disk()) {
		puts("sfdisk is not here");
		return 77;
	}
	test_reads_what_sfdisk_wrote();
	test_a_smaller_disk_loses_the_partition_beyond_it();
	test_damage_is_noticed();
	return check_result();
}
