// SPDX-License-Identifier: MIT
/* Mappings and page faults. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define DATA "/var/tmp/bench.pages" /* on ext4 */

enum { PAGE = 4096, NR_PAGES = 256, BYTES = NR_PAGES * PAGE };

static char *map(int fd, int prot)
{
	int flags = MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0);
	char *memory = mmap(NULL, BYTES, prot, flags, fd, 0);

	need(memory == MAP_FAILED ? -1 : 0, "mmap");
	return memory;
}

static void map_run(unsigned count)
{
	while (count--)
		munmap(map(-1, PROT_READ | PROT_WRITE), BYTES);
}
BENCHMARK(mmap, .name = "mmap + munmap", .count = 1000, .run = map_run);

static void anonymous_run(unsigned count)
{
	while (count--) {
		volatile char *memory = map(-1, PROT_READ | PROT_WRITE);

		for (int i = 0; i < NR_PAGES; i++)
			memory[i * PAGE] = 1;
		munmap((char *)memory, BYTES);
	}
}
BENCHMARK(anonymous, .name = "256 anonymous pages: mmap, faults, munmap", .count = 20, .run = anonymous_run);

static int data;

static void file_setup(void)
{
	char page[PAGE];

	memset(page, 1, sizeof(page));
	data = need(open(DATA, O_RDWR | O_CREAT | O_TRUNC, 0600), DATA);
	for (int i = 0; i < NR_PAGES; i++)
		need(write(data, page, PAGE), DATA);
}

static void file_run(unsigned count)
{
	while (count--) {
		volatile char *memory = map(data, PROT_READ);

		for (int i = 0; i < NR_PAGES; i++)
			(void)memory[i * PAGE];
		munmap((char *)memory, BYTES);
	}
}

static void file_teardown(void)
{
	close(data);
	unlink(DATA);
}
BENCHMARK(file, .name = "256 file pages: mmap, faults, munmap", .count = 20, .setup = file_setup,
	  .run = file_run, .teardown = file_teardown);
