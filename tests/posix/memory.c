// SPDX-License-Identifier: MIT
/* Memory: mmap of anonymous memory and files, protection, moving, brk, faults beyond a file's end.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_FILE_SYSTEMS;

#define PAGE 4096

static sigjmp_buf escape;
static volatile int fault_signal, fault_code;

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	fault_signal = number;
	fault_code = info->si_code;
	siglongjmp(escape, 1);
}

/* The signal that reading (or writing) the byte raises, 0 if none. */
static int touch_fault(volatile char *byte, int is_write)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	CHECK_OK(sigaction(SIGBUS, &action, NULL));
	fault_signal = 0;
	if (!sigsetjmp(escape, 1)) {
		if (is_write)
			*byte = 1;
		else
			(void)*byte;
	}
	return fault_signal;
}

static char *anonymous(size_t len)
{
	char *area = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	return area;
}

/* A file of two pages and ten bytes: 'a'..., 'b'..., "0123456789". */
static int file_of_pages(void)
{
	static char bytes[2 * PAGE + 10];

	memset(bytes, 'a', PAGE);
	memset(bytes + PAGE, 'b', PAGE);
	memcpy(bytes + 2 * PAGE, "0123456789", 10);
	file_make("f", bytes, sizeof(bytes));
	return CHECK_OK(open("f", O_RDWR));
}

static char *map_file(int fd, size_t len, int prot, int flags)
{
	char *area = mmap(NULL, len, prot, flags, fd, 0);

	CHECK(area != MAP_FAILED);
	return area;
}

/* Anonymous memory. */

TEST(anonymous_is_zero)
{
	char *area = anonymous(64 * PAGE);

	for (int i = 0; i < 64 * PAGE; i++)
		CHECK_EQ(area[i], 0);
	memset(area, 7, 64 * PAGE);
	CHECK_OK(munmap(area, 64 * PAGE));
	CHECK_EQ(touch_fault(area, 0), SIGSEGV);
	CHECK_EQ(fault_code, SEGV_MAPERR);
}

TEST(mmap_errors)
{
	int fd = file_of_pages(), reader = CHECK_OK(open("f", O_RDONLY));
	int writer = CHECK_OK(open("f", O_WRONLY));
	long prot = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;

	CHECK_ERR(syscall(SYS_mmap, NULL, 0L, prot, anon, -1L, 0L), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_ANONYMOUS, -1L, 0L), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_PRIVATE, 999L, 0L), EBADF);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_PRIVATE, (long)fd, 5L), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, NULL, -1L, prot, anon, -1L, 0L), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, NULL, 1L << 47, prot, anon, -1L, 0L), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, 5L, PAGE, prot, anon | MAP_FIXED, -1L, 0L), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0xffff800000000000, PAGE, prot, anon | MAP_FIXED, -1L, 0L), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_SHARED, (long)reader, 0L), EACCES);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_SHARED, (long)writer, 0L), EACCES);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_PRIVATE, (long)writer, 0L), EACCES);
	CHECK_ERR(syscall(SYS_mmap, NULL, PAGE, prot, (long)MAP_PRIVATE, CHECK_OK(open(".", O_RDONLY)), 0L),
		  ENODEV);
}

TEST(munmap_parts)
{
	char *area = anonymous(8 * PAGE);

	memset(area, 1, 8 * PAGE);
	CHECK_OK(munmap(area + 2 * PAGE, 2 * PAGE));
	CHECK_EQ(touch_fault(area + 2 * PAGE, 0), SIGSEGV);
	CHECK_EQ(touch_fault(area + 4 * PAGE - 1, 0), SIGSEGV);
	CHECK_EQ(area[2 * PAGE - 1], 1);
	CHECK_EQ(area[4 * PAGE], 1);
	CHECK_OK(munmap(area, 8 * PAGE));
	CHECK_OK(munmap(area, 8 * PAGE));
	CHECK_ERR(munmap(area + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(area, 0), EINVAL);
	CHECK_ERR(munmap(KERNEL_POINTER, PAGE), EINVAL);
	CHECK_ERR(munmap(area, -PAGE), EINVAL);
}

TEST(fixed_replaces)
{
	char *area = anonymous(4 * PAGE);

	memset(area, 1, 4 * PAGE);
	CHECK(mmap(area + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      area + PAGE);
	CHECK_EQ(area[PAGE], 0);
	CHECK_EQ(area[0], 1);
	CHECK_EQ(area[2 * PAGE], 1);
	CHECK_EQ(touch_fault(area + PAGE, 1), SIGSEGV);
	CHECK_ERR((long)mmap(area + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			     -1, 0),
		  EEXIST);
}

TEST(hint_is_taken)
{
	char *area = anonymous(4 * PAGE);

	CHECK_OK(munmap(area, 4 * PAGE));
	CHECK(mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == area);
	char *other = mmap(area, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other != MAP_FAILED && other != area);
}

TEST(protection)
{
	char *area = anonymous(3 * PAGE);

	memset(area, 5, 3 * PAGE);
	CHECK_OK(mprotect(area + PAGE, PAGE, PROT_READ));
	CHECK_EQ(touch_fault(area + PAGE, 0), 0);
	CHECK_EQ(touch_fault(area + PAGE, 1), SIGSEGV);
	CHECK_EQ(fault_code, SEGV_ACCERR);
	CHECK_EQ(touch_fault(area, 1), 0);
	CHECK_EQ(touch_fault(area + 2 * PAGE, 1), 0);
	CHECK_OK(mprotect(area + PAGE, PAGE, PROT_NONE));
	CHECK_EQ(touch_fault(area + PAGE, 0), SIGSEGV);
	CHECK_OK(mprotect(area, 3 * PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(area[PAGE + 1], 5);
	CHECK_EQ(touch_fault(area + PAGE, 1), 0);
	CHECK_ERR(syscall(SYS_mprotect, area + 1, PAGE, PROT_READ), EINVAL);
	CHECK_OK(munmap(area + PAGE, PAGE));
	CHECK_ERR(mprotect(area, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_ERR(syscall(SYS_mprotect, area, PAGE, 0x100), EINVAL);
}

TEST(execute_protection)
{
	unsigned char *code = (unsigned char *)anonymous(PAGE);
	static const unsigned char bytes[] = { 0xb8, 42, 0, 0, 0, 0xc3 };

	memcpy(code, bytes, sizeof(bytes));
	CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
	CHECK_EQ(((int (*)(void))code)(), 42);
	CHECK_OK(mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	code[1] = 43;
	CHECK_EQ(((int (*)(void))code)(), 43);
}

TEST(system_call_respects_protection)
{
	char *area = anonymous(PAGE);
	int fds[2];

	area[0] = 'x';
	CHECK_OK(pipe(fds));
	CHECK_OK(mprotect(area, PAGE, PROT_READ));
	CHECK_EQ(write(fds[1], area, 1), 1);
	CHECK_ERR(read(fds[0], area, 1), EFAULT);
	CHECK_OK(mprotect(area, PAGE, PROT_NONE));
	CHECK_ERR(write(fds[1], area, 1), EFAULT);
}

/* A system call that writes to a page which fork shares must not write to the other process. */
TEST(system_call_breaks_cow)
{
	char *area = anonymous(PAGE);
	int fds[2], ready[2];
	char byte;
	pid_t pid;

	area[0] = 'p';
	CHECK_OK(pipe(fds));
	CHECK_OK(pipe(ready));
	CHECK_EQ(write(fds[1], "c", 1), 1);
	if (CHILD(pid)) {
		CHECK_EQ(read(fds[0], area, 1), 1);
		CHECK_EQ(area[0], 'c');
		CHECK_EQ(write(ready[1], "r", 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(area[0], 'p');
	wait_ok(pid);
}

TEST(large_sparse)
{
	size_t len = 1ull << 34;
	char *area =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(area != MAP_FAILED);
	for (size_t at = 0; at < len; at += len / 16)
		area[at] = 1;
	for (size_t at = 0; at < len; at += len / 16)
		CHECK_EQ(area[at], 1);
	CHECK_OK(munmap(area, len));
}

TEST(many_mappings)
{
	char *areas[500];

	for (int i = 0; i < 500; i++) {
		areas[i] = mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(areas[i] != MAP_FAILED);
	}
	for (int i = 0; i < 500; i += 3)
		CHECK_OK(munmap(areas[i], PAGE));
	for (int i = 0; i < 500; i++)
		CHECK_EQ(touch_fault(areas[i], 0), i % 3 == 0 ? SIGSEGV : 0);
}

TEST(address_space_limit)
{
	struct rlimit limit = { 256 << 20, 256 << 20 };

	CHECK_OK(setrlimit(RLIMIT_AS, &limit));
	CHECK_ERR((long)mmap(NULL, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK(mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

/* Files. */

TEST(file_private)
{
	char byte;
	int fd = file_of_pages();
	char *area = map_file(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	CHECK_EQ(area[0], 'a');
	CHECK_EQ(area[PAGE], 'b');
	CHECK_MEM(area + 2 * PAGE, "0123456789\0\0", 12);
	area[0] = 'X';
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(pwrite(fd, "c", 1, PAGE), 1);
	CHECK_EQ(area[PAGE], 'c');
	CHECK_EQ(area[0], 'X');
}

TEST(file_shared_coherent)
{
	char bytes[4];
	int fd = file_of_pages();
	char *area = map_file(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *other = map_file(fd, 3 * PAGE, PROT_READ, MAP_SHARED);

	memcpy(area + 100, "map", 3);
	CHECK_EQ(pread(fd, bytes, 3, 100), 3);
	CHECK_MEM(bytes, "map", 3);
	CHECK_MEM(other + 100, "map", 3);
	CHECK_EQ(pwrite(fd, "write", 5, PAGE - 2), 5);
	CHECK_MEM(area + PAGE - 2, "write", 5);
	CHECK_OK(msync(area, 3 * PAGE, MS_SYNC));
	CHECK_OK(close(fd));
	area[5] = 'Z';
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_EQ(pread(fd, bytes, 1, 5), 1);
	CHECK_EQ(bytes[0], 'Z');
}

TEST(file_shared_between_processes)
{
	int fd = file_of_pages();
	volatile char *area = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid;

	if (CHILD(pid)) {
		WAIT_UNTIL(area[0] == 'P');
		area[1] = 'C';
		_exit(0);
	}
	area[0] = 'P';
	WAIT_UNTIL(area[1] == 'C');
	wait_ok(pid);
}

TEST(file_offset)
{
	int fd = file_of_pages();
	char *area = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE);

	CHECK(area != MAP_FAILED);
	CHECK_EQ(area[0], 'b');
}

TEST(file_end)
{
	int fd = file_of_pages();
	char *area = map_file(fd, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_EQ(touch_fault(area + 3 * PAGE - 1, 0), 0);
	CHECK_EQ(touch_fault(area + 3 * PAGE, 0), SIGBUS);
	CHECK_EQ(fault_code, BUS_ADRERR);
	CHECK_OK(ftruncate(fd, 4 * PAGE));
	CHECK_EQ(touch_fault(area + 3 * PAGE, 0), 0);
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(touch_fault(area + PAGE, 0), SIGBUS);
	CHECK_EQ(touch_fault(area, 0), 0);
}

TEST(file_end_in_system_call)
{
	int fds[2], fd = file_of_pages();
	char *area = map_file(fd, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_OK(pipe(fds));
	CHECK_ERR(write(fds[1], area + 4 * PAGE, 1), EFAULT);
}

/* Bytes beyond the end in the last page never reach the file. */
TEST(file_tail_is_zeroed)
{
	char byte;
	int fd = file_of_pages();
	char *area = map_file(fd, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_OK(ftruncate(fd, 100));
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(area[99], 'a');
	CHECK_EQ(area[100], 0);
	CHECK_EQ(pread(fd, &byte, 1, 100), 1);
	CHECK_EQ(byte, 0);
}

TEST(file_read_only)
{
	file_of_pages();
	int fd = CHECK_OK(open("f", O_RDONLY));
	char *area = map_file(fd, PAGE, PROT_READ, MAP_SHARED);

	CHECK_EQ(touch_fault(area, 1), SIGSEGV);
	CHECK_ERR(mprotect(area, PAGE, PROT_READ | PROT_WRITE), EACCES);
	area = map_file(fd, PAGE, PROT_READ, MAP_PRIVATE);
	CHECK_OK(mprotect(area, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(touch_fault(area, 1), 0);
}

/* Reading a file into its own mapping, and writing from it. */
TEST(file_into_own_mapping)
{
	int fd = file_of_pages();
	char *area = map_file(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_EQ(pread(fd, area + PAGE, 100, 0), 100);
	CHECK_EQ(area[PAGE], 'a');
	CHECK_EQ(area[PAGE + 100], 'b');
	CHECK_EQ(pwrite(fd, area + PAGE + 100, 100, 0), 100);
	CHECK_EQ(area[0], 'b');
}

TEST(file_unlinked_stays_mapped)
{
	int fd = file_of_pages();
	char *area = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_OK(unlink("f"));
	CHECK_OK(close(fd));
	area[1] = 'q';
	CHECK_EQ(area[0], 'a');
	CHECK_EQ(area[1], 'q');
}

TEST(file_fork_private)
{
	int fd = file_of_pages();
	char *area = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	pid_t pid;

	area[0] = 'P';
	if (CHILD(pid)) {
		CHECK_EQ(area[0], 'P');
		area[0] = 'C';
		CHECK_EQ(area[1], 'a');
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(area[0], 'P');
}

TEST(dev_zero)
{
	int fd = CHECK_OK(open("/dev/zero", O_RDWR));
	char *area = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	CHECK_EQ(area[10], 0);
	area[10] = 1;
}

/* mremap */

TEST(mremap_grow_and_shrink)
{
	char *area = anonymous(4 * PAGE), *moved;

	memset(area, 3, 4 * PAGE);
	moved = mremap(area, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED);
	CHECK_EQ(moved[4 * PAGE - 1], 3);
	CHECK_EQ(moved[4 * PAGE], 0);
	moved[64 * PAGE - 1] = 1;
	CHECK(mremap(moved, 64 * PAGE, 2 * PAGE, 0) == moved);
	CHECK_EQ(moved[0], 3);
	CHECK_EQ(touch_fault(moved + 2 * PAGE, 0), SIGSEGV);
}

TEST(mremap_rules)
{
	char *area = anonymous(4 * PAGE), *goal = anonymous(4 * PAGE);

	area[0] = 9;
	CHECK_ERR((long)mremap(area, 2 * PAGE, 4 * PAGE, 0), ENOMEM);
	CHECK_ERR((long)mremap(area + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR((long)mremap(area, PAGE, 0, 0), EINVAL);
	CHECK_ERR((long)mremap(area, PAGE, PAGE, MREMAP_FIXED, goal), EINVAL);
	CHECK(mremap(area, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, goal) == goal);
	CHECK_EQ(goal[0], 9);
	CHECK_EQ(touch_fault(area, 0), SIGSEGV);
	CHECK_ERR((long)mremap(area, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

TEST(mremap_shared_file)
{
	char byte;
	int fd = file_of_pages();
	char *area = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	area = mremap(area, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(area != MAP_FAILED);
	CHECK_EQ(area[PAGE], 'b');
	area[PAGE] = 'm';
	CHECK_EQ(pread(fd, &byte, 1, PAGE), 1);
	CHECK_EQ(byte, 'm');
}

/* Advice and synchronisation. */

TEST(madvise_dontneed)
{
	int fd = file_of_pages();
	char *area = anonymous(2 * PAGE), *private = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	memset(area, 1, 2 * PAGE);
	CHECK_OK(madvise(area, PAGE, MADV_DONTNEED));
	CHECK_EQ(area[0], 0);
	CHECK_EQ(area[PAGE], 1);
	private[0] = 'x';
	CHECK_OK(madvise(private, PAGE, MADV_DONTNEED));
	CHECK_EQ(private[0], 'a');
	CHECK_OK(madvise(area, 2 * PAGE, MADV_WILLNEED));
	CHECK_OK(madvise(area, 2 * PAGE, MADV_NORMAL));
	CHECK_ERR(madvise(area + 1, PAGE, MADV_NORMAL), EINVAL);
	CHECK_ERR(madvise(area, PAGE, 9999), EINVAL);
	CHECK_OK(munmap(area, PAGE));
	CHECK_ERR(madvise(area, PAGE, MADV_DONTNEED), ENOMEM);
}

/* Locked memory is not given up; what others may share is neither forgotten nor wiped. */
TEST(madvise_that_does_not_fit)
{
	int fd = file_of_pages();
	char *area = anonymous(PAGE), *private = map_file(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(shared != MAP_FAILED);
	CHECK_ERR(madvise(private, PAGE, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(shared, PAGE, MADV_FREE), EINVAL);
	CHECK_ERR(madvise(private, PAGE, MADV_WIPEONFORK), EINVAL);
	CHECK_ERR(madvise(shared, PAGE, MADV_WIPEONFORK), EINVAL);
	CHECK_OK(mlock(area, PAGE));
	area[0] = 1;
	CHECK_ERR(madvise(area, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(area, PAGE, MADV_FREE), EINVAL);
	CHECK_EQ(area[0], 1);
	CHECK_OK(munlock(area, PAGE));
	CHECK_OK(madvise(area, PAGE, MADV_WIPEONFORK));
	CHECK_OK(madvise(area, PAGE, MADV_DONTNEED));
	CHECK_EQ(area[0], 0);
}

TEST(msync_rules)
{
	int fd = file_of_pages();
	char *area = map_file(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);

	CHECK_OK(msync(area, PAGE, MS_ASYNC));
	CHECK_OK(msync(area, 2 * PAGE, MS_SYNC | MS_INVALIDATE));
	CHECK_ERR(msync(area, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(area + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(area, PAGE, 0x100), EINVAL);
	CHECK_OK(munmap(area, PAGE));
	CHECK_ERR(msync(area, PAGE, MS_SYNC), ENOMEM);
}

TEST(locking)
{
	char *area = anonymous(4 * PAGE);

	CHECK_OK(mlock(area, 4 * PAGE));
	CHECK_OK(munlock(area, 4 * PAGE));
	CHECK_OK(munmap(area, 4 * PAGE));
	CHECK_ERR(mlock(area, PAGE), ENOMEM);
}

/* brk */

TEST(brk)
{
	uintptr_t end = syscall(SYS_brk, 0L), got;

	CHECK(end > 0x1000);
	got = syscall(SYS_brk, end + 10 * PAGE);
	CHECK_EQ(got, end + 10 * PAGE);
	memset((void *)end, 1, 10 * PAGE);
	CHECK_EQ(syscall(SYS_brk, end), end);
	CHECK_EQ(syscall(SYS_brk, end + 10 * PAGE), end + 10 * PAGE);
	CHECK_EQ(((char *)end)[9 * PAGE], 0);
	CHECK_EQ(syscall(SYS_brk, 1L << 46), end + 10 * PAGE);
	CHECK_EQ(syscall(SYS_brk, 1L), end + 10 * PAGE);
}

/* The stack. */

static int stack_use(int levels)
{
	volatile char space[10000];

	space[0] = 1;
	space[9999] = 2;
	return levels ? stack_use(levels - 1) + space[0] : space[9999];
}

TEST(stack_grows)
{
	CHECK_EQ(stack_use(400), 402);
}

/* Pressure: writing and unmapping again and again keeps what is elsewhere. */
TEST(churn)
{
	unsigned char *kept = (unsigned char *)anonymous(16 * PAGE);

	for (int i = 0; i < 16 * PAGE; i++)
		kept[i] = i;
	for (int round = 0; round < 200; round++) {
		char *area = anonymous(32 * PAGE);
		memset(area, round, 32 * PAGE);
		CHECK_OK(munmap(area, 32 * PAGE));
	}
	for (int i = 0; i < 16 * PAGE; i++)
		CHECK_EQ(kept[i], (unsigned char)i);
}

TEST(mincore)
{
	unsigned char in_core[4];
	char *area = anonymous(4 * PAGE);

	area[0] = area[2 * PAGE] = 1;
	CHECK_OK(syscall(SYS_mincore, area, 4L * PAGE, in_core));
	CHECK((in_core[0] & 1) && (in_core[2] & 1));
	CHECK_ERR(syscall(SYS_mincore, area + 1, 4096L, in_core), EINVAL);
	CHECK_ERR(syscall(SYS_mincore, area, 4096L, BAD_POINTER), EFAULT);
	CHECK_OK(munmap(area + PAGE, PAGE));
	CHECK_ERR(syscall(SYS_mincore, area, 4L * PAGE, in_core), ENOMEM);
}

TEST(mlock2)
{
	char *area = anonymous(PAGE);

	CHECK_OK(syscall(SYS_mlock2, area, 4096L, 0));
	CHECK_OK(syscall(SYS_mlock2, area, 4096L, 1));
	CHECK_ERR(syscall(SYS_mlock2, area, 4096L, 2), EINVAL);
}

TEST(memory_file)
{
	struct stat status;
	int fd = syscall(SYS_memfd_create, "name", 1);

	CHECK_OK(fd);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	char *area = map_file(fd, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(area[PAGE], 0);
	CHECK_EQ(pwrite(fd, "mem", 3, PAGE), 3);
	CHECK_MEM(area + PAGE, "mem", 3);
	CHECK_OK(fstat(fd, &status));
	CHECK(S_ISREG(status.st_mode));
	CHECK_EQ(status.st_nlink, 0);
	char path[64], name[64] = "";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(readlink(path, name, sizeof(name) - 1));
	CHECK_STR(name, "/memfd:name (deleted)");
	CHECK_ERR(syscall(SYS_memfd_create, "name", 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_memfd_create, BAD_POINTER, 0), EFAULT);
}

TEST(memory_file_seals)
{
	enum { ADD_SEALS = 1033, GET_SEALS, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8 };
	int fd = CHECK_OK(syscall(SYS_memfd_create, "sealed", 2)), plain;

	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_EQ(fcntl(fd, GET_SEALS), 0);
	CHECK_OK(fcntl(fd, ADD_SEALS, SEAL_SHRINK | SEAL_GROW));
	CHECK_ERR(ftruncate(fd, 2 * PAGE), EPERM);
	CHECK_ERR(ftruncate(fd, 0), EPERM);
	CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
	CHECK_OK(fcntl(fd, ADD_SEALS, SEAL_WRITE));
	CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_EQ(fcntl(fd, GET_SEALS), SEAL_SHRINK | SEAL_GROW | SEAL_WRITE);
	plain = CHECK_OK(syscall(SYS_memfd_create, "plain", 0));
	CHECK_ERR(fcntl(plain, ADD_SEALS, SEAL_WRITE), EPERM);
}

/* What a mapping wrote behind the end is not the file's, even when the disk has had it. */
TEST(bytes_behind_the_end_are_zeroes)
{
	long page = sysconf(_SC_PAGESIZE);
	struct statfs status;
	char byte = 1;

	CHECK_OK(statfs(".", &status));
	if (status.f_type == TMPFS_MAGIC)
		SKIP("Linux's tmpfs shows them");
	file_make("f", "0123456789", 10);
	int fd = CHECK_OK(open("f", O_RDWR)), caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
	char *bytes = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(bytes != MAP_FAILED);
	memset(bytes + 10, 'x', page - 10);
	bytes[0] = 'y';
	CHECK_OK(msync(bytes, page, MS_SYNC));
	CHECK_OK(munmap(bytes, page));
	CHECK_OK(fsync(fd));
	if (caches >= 0)
		CHECK_EQ(write(caches, "3", 1), 1);
	CHECK_OK(ftruncate(fd, page));
	CHECK_EQ(pread(fd, &byte, 1, 2000), 1);
	CHECK_EQ(byte, 0);
	CHECK_EQ(pread(fd, &byte, 1, 10), 1);
	CHECK_EQ(byte, 0);
}

/* The first mapping of a file that grows at the same moment shows all of it. */
TEST(mapping_while_the_file_grows)
{
	long page = sysconf(_SC_PAGESIZE);

	for (int round = 0; round < 300; round++) {
		int fd = CHECK_OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600)), status;
		pid_t pid;

		CHECK_OK(unlink("f"));
		CHECK_OK(ftruncate(fd, page));
		if (CHILD(pid)) {
			CHECK_OK(ftruncate(fd, 2 * page));
			_exit(0);
		}
		char *bytes = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, fd, 0);
		CHECK(bytes != MAP_FAILED);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
		CHECK_EQ(bytes[page], 0);
		CHECK_OK(munmap(bytes, 2 * page));
		CHECK_OK(close(fd));
	}
}

/* A seal against writing holds for mappings: those that are there, and new ones. */
TEST(memfd_write_seal_and_mappings)
{
	enum { ADD_SEALS = 1033, SEAL_WRITE = 8 };
	long page = sysconf(_SC_PAGESIZE);
	int fd = CHECK_OK(syscall(SYS_memfd_create, "sealed", 2));
	pid_t pid;

	CHECK_OK(ftruncate(fd, page));
	char *bytes = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(bytes != MAP_FAILED);
	CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY); /* it may become writable */
	if (CHILD(pid)) {
		CHECK_OK(munmap(bytes, page));
		CHECK_ERR(fcntl(fd, ADD_SEALS, SEAL_WRITE), EBUSY);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(munmap(bytes, page));
	bytes = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(bytes != MAP_FAILED);
	CHECK_OK(fcntl(fd, ADD_SEALS, SEAL_WRITE));
	bytes[0] = 'x';
	CHECK_EQ((long)mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -1);
	CHECK_EQ(errno, EPERM);
}

static void on_segv(int number)
{
	(void)number;
	_exit(9);
}

/* A program that takes all its memory away, its handler and its stack too, ends by the fault. */
TEST(unmapping_all_memory_ends_the_program)
{
	pid_t pid;

	for (int round = 0; round < 3; round++) {
		if (CHILD(pid)) {
			if (round)
				signal(SIGSEGV, round == 1 ? on_segv : SIG_IGN);
			for (size_t len = (size_t)1 << 63; len >= 4096; len >>= 1)
				syscall(SYS_munmap, 0, len - 4096);
			_exit(8);
		}
		wait_signalled(pid, SIGSEGV);
	}
}
