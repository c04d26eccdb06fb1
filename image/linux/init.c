// SPDX-License-Identifier: MIT
/*
 * The first program of the Linux oracle: it loads the kernel modules in /modules, in the order of
 * /modules/order, waits for the root disk, mounts it and hands over to its /sbin/init.  Anything
 * that goes wrong is printed on the console and ends the machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT_WAIT_MS 5000
#define POLL_MS      10

static void die(const char *what)
{
	printf("oracle: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void module_load(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/modules/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		die(path);
	close(fd);
}

static void modules_load(void)
{
	char line[200];
	FILE *order = fopen("/modules/order", "r");

	if (!order)
		die("/modules/order");
	while (fgets(line, sizeof(line), order)) {
		line[strcspn(line, "\n")] = 0;
		module_load(line);
	}
	fclose(order);
}

/* The kernel hands "root=/dev/..." to init as an environment variable or not at all: read it. */
static void root_name(char *name, size_t size)
{
	char line[1024] = "";
	FILE *file = fopen("/proc/cmdline", "r");

	if (!file || !fgets(line, sizeof(line), file))
		die("/proc/cmdline");
	fclose(file);
	snprintf(name, size, "/dev/vda");
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (strncmp(word, "root=", 5) == 0)
			snprintf(name, size, "%s", word + 5);
}

static void root_mount(const char *name)
{
	for (int waited = 0; access(name, F_OK) < 0; waited += POLL_MS) {
		if (waited > ROOT_WAIT_MS)
			die(name);
		usleep(POLL_MS * 1000);
	}
	if (mount(name, "/root", "ext4", 0, NULL) < 0)
		die(name);
}

int main(void)
{
	char name[256];
	char *const argv[] = { "/sbin/init", NULL };

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/root", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0 && errno != EBUSY)
		die("/dev");
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		die("/proc");
	modules_load();
	root_name(name, sizeof(name));
	root_mount(name);

	umount("/proc");
	if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0)
		die("/root/dev");
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		die("/root");
	execv(argv[0], argv);
	die(argv[0]);
}
