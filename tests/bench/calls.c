// SPDX-License-Identifier: MIT
/* Calls that need nobody else: the null call, files, names, signals. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define DATA  "/var/tmp/bench.data" /* on ext4 */
#define NAME  "/etc/passwd"
#define TMPFS "/run/bench"

enum { SMALL = 4096, LARGE = 65536 };

static void null_run(unsigned count)
{
	while (count--)
		syscall(SYS_getppid);
}
BENCHMARK(null, .name = "null call", .count = 10000, .run = null_run);

/* ---- data in the page cache ---- */

static int data = -1;
static char *buffer;

static void data_setup(void)
{
	buffer = malloc(LARGE);
	memset(buffer, 1, LARGE);
	data = need(open(DATA, O_RDWR | O_CREAT | O_TRUNC, 0600), DATA);
	need(write(data, buffer, LARGE), DATA);
}

static void data_teardown(void)
{
	close(data);
	unlink(DATA);
	free(buffer);
}

static void read_small(unsigned count)
{
	while (count--)
		need(pread(data, buffer, SMALL, 0), "pread");
}
BENCHMARK(read_4k, .name = "read 4 KiB", .count = 2000, .setup = data_setup, .run = read_small,
	  .teardown = data_teardown);

static void read_large(unsigned count)
{
	while (count--)
		need(pread(data, buffer, LARGE, 0), "pread");
}
BENCHMARK(read_64k, .name = "read 64 KiB", .count = 200, .setup = data_setup, .run = read_large,
	  .teardown = data_teardown);

static void write_small(unsigned count)
{
	while (count--)
		need(pwrite(data, buffer, SMALL, 0), "pwrite");
}
BENCHMARK(write_4k, .name = "write 4 KiB", .count = 2000, .setup = data_setup, .run = write_small,
	  .teardown = data_teardown);

static void write_large(unsigned count)
{
	while (count--)
		need(pwrite(data, buffer, LARGE, 0), "pwrite");
}
BENCHMARK(write_64k, .name = "write 64 KiB", .count = 200, .setup = data_setup, .run = write_large,
	  .teardown = data_teardown);

/* ---- names ---- */

static void open_run(unsigned count)
{
	while (count--)
		close(need(open(NAME, O_RDONLY), NAME));
}
BENCHMARK(open_close, .name = "open + close", .count = 1000, .run = open_run);

static void stat_run(unsigned count)
{
	struct stat status;

	while (count--)
		need(stat(NAME, &status), NAME);
}
BENCHMARK(stat, .name = "stat", .count = 1000, .run = stat_run);

static void tmpfs_setup(void)
{
	mkdir(TMPFS, 0700);
	need(mount("tmpfs", TMPFS, "tmpfs", 0, NULL), TMPFS);
}

static void tmpfs_teardown(void)
{
	need(umount(TMPFS), TMPFS);
	rmdir(TMPFS);
}

static void create_run(unsigned count)
{
	while (count--) {
		close(need(open(TMPFS "/file", O_WRONLY | O_CREAT | O_EXCL, 0600), TMPFS));
		need(unlink(TMPFS "/file"), TMPFS);
	}
}
BENCHMARK(create_unlink, .name = "create + close + unlink, tmpfs", .count = 1000, .setup = tmpfs_setup,
	  .run = create_run, .teardown = tmpfs_teardown);

/* ---- signals ---- */

static volatile unsigned nr_signals;

static void on_signal(int number)
{
	nr_signals += number == SIGUSR1;
}

static void signal_setup(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	need(sigaction(SIGUSR1, &action, NULL), "sigaction");
}

static void signal_run(unsigned count)
{
	pid_t self = getpid();
	unsigned expected = nr_signals + count;

	while (count--)
		kill(self, SIGUSR1);
	need(nr_signals == expected ? 0 : -1, "signals");
}
BENCHMARK(signal, .name = "signal, delivered and returned from", .count = 1000, .setup = signal_setup,
	  .run = signal_run);
