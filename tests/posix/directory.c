// SPDX-License-Identifier: MIT
/* Reading directories: getdents64 with many entries, small buffers and changes underneath. */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

TEST_FILE_SYSTEMS;

/* As tar and du see it; file systems on disks have other sizes. */
TEST(size_in_memory_counts_entries)
{
	struct statfs fs;
	struct stat status;

	CHECK_OK(statfs(".", &fs));
	if (fs.f_type != TMPFS_MAGIC)
		SKIP("not tmpfs");
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(stat("d", &status));
	CHECK_EQ(status.st_size, 40);
	file_make("d/one", "", 0);
	CHECK_OK(mkdir("d/two", 0755));
	CHECK_OK(stat("d", &status));
	CHECK_EQ(status.st_size, 80);
	CHECK_OK(rename("d/one", "d/two/one"));
	CHECK_OK(stat("d", &status));
	CHECK_EQ(status.st_size, 60);
	CHECK_OK(stat("d/two", &status));
	CHECK_EQ(status.st_size, 60);
}

struct record {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static long records_read(int fd, void *buffer, size_t size)
{
	return syscall(SYS_getdents64, fd, buffer, size);
}

/* Counts each name fNNN once; returns how many there were. */
static int names_count(int fd, size_t buffer_size, int nr)
{
	char *seen = calloc(nr, 1), *buffer = malloc(buffer_size);
	int count = 0, dots = 0;
	long len;

	while ((len = CHECK_OK(records_read(fd, buffer, buffer_size))) > 0) {
		for (long at = 0; at < len;) {
			struct record *record = (void *)(buffer + at);

			CHECK(record->len >= 24 && record->len % 8 == 0 && at + record->len <= len);
			CHECK(record->ino != 0);
			if (record->name[0] == '.') {
				dots++;
				CHECK(record->type == DT_DIR);
			} else {
				int i = atoi(record->name + 1);
				CHECK(i >= 0 && i < nr && !seen[i]);
				CHECK(record->type == DT_REG || record->type == DT_UNKNOWN);
				seen[i] = 1;
				count++;
			}
			at += record->len;
		}
	}
	CHECK_EQ(dots, 2);
	free(seen);
	free(buffer);
	return count;
}

static void files_make(int nr)
{
	char name[64];

	CHECK_OK(mkdir("d", 0755));
	for (int i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "d/f%d", i);
		file_make(name, "", 0);
	}
}

TEST(empty)
{
	files_make(0);
	CHECK_EQ(names_count(CHECK_OK(open("d", O_RDONLY)), 4096, 1), 0);
}

TEST(many_entries)
{
	files_make(1500);
	int fd = CHECK_OK(open("d", O_RDONLY));
	CHECK_EQ(names_count(fd, 32768, 1500), 1500);
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(names_count(fd, 200, 1500), 1500);
}

TEST(small_buffer)
{
	char buffer[64];

	files_make(3);
	int fd = CHECK_OK(open("d", O_RDONLY));
	CHECK_ERR(records_read(fd, buffer, 10), EINVAL);
	CHECK_ERR(records_read(fd, buffer, 0), EINVAL);
	CHECK_EQ(names_count(fd, 40, 3), 3);
	CHECK_EQ(records_read(fd, buffer, 64), 0);
}

TEST(errors)
{
	char buffer[4096];

	file_make("f", "", 0);
	CHECK_ERR(records_read(CHECK_OK(open("f", O_RDONLY)), buffer, 4096), ENOTDIR);
	int fd = CHECK_OK(open(".", O_RDONLY));
	CHECK_ERR(records_read(fd, BAD_POINTER, 4096), EFAULT);
	CHECK_ERR(records_read(fd, KERNEL_POINTER, 4096), EFAULT);
	CHECK(records_read(fd, buffer, 4096) > 0);
}

TEST(telldir_seekdir)
{
	char name[256];
	struct dirent *entry;
	long place;

	files_make(50);
	DIR *dir = opendir("d");
	CHECK(dir);
	for (int i = 0; i < 20; i++)
		CHECK(readdir(dir));
	place = telldir(dir);
	CHECK((entry = readdir(dir)));
	strcpy(name, entry->d_name);
	while (readdir(dir))
		;
	seekdir(dir, place);
	CHECK((entry = readdir(dir)));
	CHECK_STR(entry->d_name, name);
	closedir(dir);
}

/* Removing each entry as it is read, as rm -r does, skips none. */
TEST(remove_while_reading)
{
	char name[300];
	struct dirent *entry;
	int count = 0;

	files_make(500);
	DIR *dir = opendir("d");
	CHECK(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "d/%s", entry->d_name);
		CHECK_OK(unlink(name));
		count++;
	}
	closedir(dir);
	CHECK_EQ(count, 500);
	CHECK_OK(rmdir("d"));
}

TEST(types)
{
	struct dirent *entry;
	int nr = 0;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(mkdir("d/d", 0755));
	CHECK_OK(mkfifo("d/p", 0600));
	CHECK_OK(symlink("x", "d/l"));
	file_make("d/r", "", 0);
	DIR *dir = opendir("d");
	CHECK(dir);
	while ((entry = readdir(dir))) {
		int want = entry->d_name[0] == 'd'   ? DT_DIR
			   : entry->d_name[0] == 'p' ? DT_FIFO
			   : entry->d_name[0] == 'l' ? DT_LNK
			   : entry->d_name[0] == 'r' ? DT_REG
						     : DT_DIR;
		CHECK_EQ(entry->d_type, want);
		nr++;
	}
	CHECK_EQ(nr, 6);
}

TEST(long_names)
{
	char name[256], got[256] = "";
	struct dirent *entry;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	memset(name, 'x', 255);
	name[255] = 0;
	file_make(name, "", 0);
	DIR *dir = opendir(".");
	CHECK(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == 'x')
			strcpy(got, entry->d_name);
	}
	CHECK_STR(got, name);
	CHECK_OK(unlink(name));
}

TEST(removed_directory_is_empty)
{
	char buffer[512];

	files_make(0);
	int fd = CHECK_OK(open("d", O_RDONLY));
	CHECK_OK(rmdir("d"));
	long len = records_read(fd, buffer, sizeof(buffer));
	CHECK(len == 0 || (len == -1 && errno == ENOENT));
}

TEST(many_names_in_one_directory)
{
	char name[32];
	struct stat status;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		CHECK_OK(symlink("x", name));
	}
	for (int i = 0; i < 3000; i += 7) {
		snprintf(name, sizeof(name), "name-%d", i);
		CHECK_OK(unlink(name));
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "name-%d", i);
		if (i % 7 == 0)
			CHECK_ERR(lstat(name, &status), ENOENT);
		else
			CHECK_OK(lstat(name, &status));
	}
}
