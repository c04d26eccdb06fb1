// SPDX-License-Identifier: MIT
/*
 * execve: what a new program gets, what it keeps, and what is no program.  The program that is
 * executed is this one: with TEST_ROLE in its environment it plays that role instead of running
 * cases.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The roles; each returns the exit status that its case expects. */

static int role_signals(void)
{
	struct sigaction action;
	sigset_t mask;

	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 1;
	sigaction(SIGUSR2, NULL, &action);
	if (action.sa_handler != SIG_IGN)
		return 2;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	if (!sigismember(&mask, SIGTERM) || sigismember(&mask, SIGINT))
		return 3;
	sigpending(&mask);
	return sigismember(&mask, SIGTERM) ? 0 : 4;
}

static int role_fds(void)
{
	return fcntl(50, F_GETFD) == 0 && fcntl(51, F_GETFD) == -1 ? 0 : 1;
}

static int role_auxv(void)
{
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	int sum = 0;

	if (getauxval(AT_PAGESZ) != 4096)
		return 1;
	if (getauxval(AT_UID) != getuid() || getauxval(AT_EGID) != getegid())
		return 2;
	if (!getauxval(AT_PHDR) || getauxval(AT_PHENT) != sizeof(Elf64_Phdr) || !getauxval(AT_PHNUM))
		return 3;
	for (int i = 0; random && i < 16; i++)
		sum |= random[i];
	if (!sum)
		return 4;
	if (strcmp((char *)getauxval(AT_EXECFN), "./program") != 0)
		return 5;
	if (getauxval(AT_CLKTCK) != 100 || getauxval(AT_SECURE) != 0)
		return 6;
	return getauxval(AT_ENTRY) ? 0 : 7;
}

static int role_stack(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	return sp < 0x800000000000 && sp > 0x7f0000000000 ? 0 : 1;
}

static int role_args(int argc, char **argv)
{
	if (argc != 4 || argv[4])
		return 1;
	return strcmp(argv[0], "zero") || strcmp(argv[1], "") || strcmp(argv[2], "two words") ||
	       strcmp(argv[3], "3");
}

static int role_euid(void)
{
	return geteuid() == 1234 && getuid() == 0 && getauxval(AT_SECURE) == 1 ? 66 : 67;
}

/* Says that it is there, and goes when it is told to. */
static int role_wait(void)
{
	char byte = 0;

	return write(1, "x", 1) != 1 || read(0, &byte, 1) != 1;
}

int test_role(const char *role, int argc, char **argv)
{
	if (strcmp(role, "wait") == 0)
		return role_wait();
	if (strcmp(role, "signals") == 0)
		return role_signals();
	if (strcmp(role, "fds") == 0)
		return role_fds();
	if (strcmp(role, "auxv") == 0)
		return role_auxv();
	if (strcmp(role, "stack") == 0)
		return role_stack();
	if (strcmp(role, "args") == 0)
		return role_args(argc, argv);
	if (strcmp(role, "euid") == 0)
		return role_euid();
	if (strcmp(role, "count") == 0)
		return argc & 0xff;
	return 98;
}

static void program_copy(const char *path, mode_t mode)
{
	char bytes[65536];
	ssize_t len;
	int from = CHECK_OK(open("/proc/self/exe", O_RDONLY));
	int to = CHECK_OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));

	while ((len = CHECK_OK(read(from, bytes, sizeof(bytes)))) > 0)
		CHECK_EQ(write(to, bytes, len), len);
	CHECK_OK(fchmod(to, mode));
	close(from);
	close(to);
}

/* Executes a copy of this program in the role; never returns. */
static void become(const char *role)
{
	char setting[64], *args[] = { "program", NULL }, *env[] = { setting, NULL };

	snprintf(setting, sizeof(setting), "TEST_ROLE=%s", role);
	execve("./program", args, env);
	test_fail(__FILE__, __LINE__, "execve: errno %d (%s)", errno, strerror(errno));
}

/* What is passed on. */

TEST(arguments)
{
	char *args[] = { "zero", "", "two words", "3", NULL }, *env[] = { "TEST_ROLE=args", NULL };

	program_copy("program", 0755);
	execve("./program", args, env);
	CHECK(!"execve returned");
}

TEST(auxiliary_vector)
{
	program_copy("program", 0755);
	become("auxv");
}

TEST(stack_place)
{
	program_copy("program", 0755);
	become("stack");
}

TEST(signal_state)
{
	sigset_t mask;

	program_copy("program", 0755);
	signal(SIGUSR1, (void (*)(int))1000000);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	CHECK_OK(sigprocmask(SIG_SETMASK, &mask, NULL));
	CHECK_OK(kill(getpid(), SIGTERM));
	become("signals");
}

TEST(close_on_exec)
{
	program_copy("program", 0755);
	CHECK_OK(dup2(0, 50));
	CHECK_OK(dup3(0, 51, O_CLOEXEC));
	become("fds");
}

TEST(many_arguments)
{
	enum { NR = 5000 };
	static char *args[NR + 1];
	char *env[] = { "TEST_ROLE=count", NULL };
	pid_t pid;

	program_copy("program", 0755);
	for (int i = 0; i < NR; i++)
		args[i] = "an argument of middling length, for the sake of the many pages";
	if (CHILD(pid)) {
		execve("./program", args, env);
		_exit(255);
	}
	wait_exit(pid, NR & 0xff);
}

TEST(pid_stays)
{
	char *args[] = { "sh", "-c", "test $$ = $1", "sh", NULL, NULL }, pid_text[16];
	pid_t pid;

	if (CHILD(pid)) {
		snprintf(pid_text, sizeof(pid_text), "%d", getpid());
		args[4] = pid_text;
		execv("/bin/sh", args);
		_exit(99);
	}
	wait_ok(pid);
}

/* Scripts. */

static int script_run(const char *path)
{
	char *args[] = { (char *)path, "more", NULL }, *env[] = { NULL };
	int status;
	pid_t pid;

	if (CHILD(pid)) {
		execve(path, args, env);
		_exit(errno == ENOEXEC ? 200 : errno == EACCES ? 201 : errno == ENOENT ? 202 : 203);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

static void script_make(const char *path, const char *text)
{
	file_make(path, text, strlen(text));
	CHECK_OK(chmod(path, 0755));
}

TEST(script)
{
	script_make("s", "#!/bin/sh\ntest \"$0\" = ./s && test \"$1\" = more && exit 42\n");
	CHECK_EQ(script_run("./s"), 42);
}

TEST(script_with_argument)
{
	script_make("s", "#! /bin/sh -e \t\nfalse\nexit 42\n");
	CHECK_EQ(script_run("./s"), 1);
}

TEST(script_of_script)
{
	char text[PATH_MAX + 16], cwd[PATH_MAX];

	CHECK(getcwd(cwd, sizeof(cwd)));
	script_make("inner", "#!/bin/sh\nexit $#\n");
	snprintf(text, sizeof(text), "#!%s/inner\n", cwd);
	script_make("outer", text);
	CHECK_EQ(script_run("./outer"), 2);
}

TEST(script_loop)
{
	char text[PATH_MAX + 16], cwd[PATH_MAX], *args[] = { "loop", NULL };

	CHECK(getcwd(cwd, sizeof(cwd)));
	snprintf(text, sizeof(text), "#!%s/loop\n", cwd);
	script_make("loop", text);
	CHECK_ERR(execv("./loop", args), ELOOP);
}

TEST(script_without_interpreter)
{
	script_make("s", "#!/no/such/interpreter\n");
	CHECK_EQ(script_run("./s"), 202);
	script_make("s", "#!\n");
	CHECK_EQ(script_run("./s"), 200);
}

/* What is refused; the caller goes on. */

static void refuse(const char *path, int error)
{
	char *args[] = { "x", NULL }, *env[] = { NULL };
	int got;

	execve(path, args, env);
	got = errno;
	if (got != error)
		test_fail(__FILE__, __LINE__, "execve(%s): errno %d (%s), not %d", path, got, strerror(got),
			  error);
}

TEST(no_program)
{
	CHECK_OK(mkdir("d", 0755));
	file_make("f", "", 0);
	refuse("nothing", ENOENT);
	refuse("", ENOENT);
	refuse("f/x", ENOTDIR);
	refuse("d", EACCES);
	refuse("f", EACCES);
	CHECK_OK(chmod("f", 0755));
	refuse("f", ENOEXEC);
	file_make("f", "just some text\n", 15);
	refuse("f", ENOEXEC);
	CHECK_OK(symlink("loop", "loop"));
	refuse("loop", ELOOP);
	refuse("/dev/null", EACCES);
}

TEST(bad_pointers)
{
	char *args[] = { "x", BAD_POINTER, NULL }, *env[] = { NULL };

	CHECK_ERR(syscall(SYS_execve, BAD_POINTER, NULL, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/bin/false", BAD_POINTER, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/bin/false", args, env), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/bin/false", KERNEL_POINTER, env), EFAULT);
}

TEST(argument_too_long)
{
	static char long_text[200000];
	char *args[] = { "x", long_text, NULL }, *env[] = { NULL };

	memset(long_text, 'x', sizeof(long_text) - 1);
	CHECK_ERR(execve("/bin/false", args, env), E2BIG);
}

TEST(arguments_too_many)
{
	enum { NR = 400000 };
	char **args = calloc(NR + 1, sizeof(char *)), *env[] = { NULL };

	for (int i = 0; i < NR; i++)
		args[i] = "twenty characters...";
	CHECK_ERR(execve("/bin/false", args, env), E2BIG);
}

TEST(text_busy)
{
	program_copy("program", 0755);
	int fd = CHECK_OK(open("program", O_WRONLY));
	refuse("./program", ETXTBSY);
	close(fd);
	become("stack");
}

TEST(user_without_permission)
{
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	program_copy("program", 0700);
	CHECK_OK(chmod(".", 0755));
	if (CHILD(pid)) {
		become_user(1000);
		refuse("./program", EACCES);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_OK(chmod("program", 0711));
	if (CHILD(pid)) {
		become_user(1000);
		become("stack");
	}
	wait_ok(pid);
}

TEST(setuid_bit)
{
	char *args[] = { "program", NULL }, *env[] = { "TEST_ROLE=euid", NULL };
	int status;
	pid_t pid;

	if (getuid() != 0)
		SKIP("needs root");
	program_copy("program", 0755);
	CHECK_OK(chown("program", 1234, 1234));
	CHECK_OK(chmod("program", 04755));
	if (CHILD(pid)) {
		execve("./program", args, env);
		_exit(99);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 66);
}

/* A file of /proc that was opened when the process was still the reader's. */
TEST(proc_files_do_not_outlast_a_setuid_exec)
{
	char *args[] = { "program", NULL }, *env[] = { "TEST_ROLE=wait", NULL }, path[64], bytes[256];
	int to[2], from[2];
	pid_t pid, target;

	if (getuid() != 0)
		SKIP("needs root");
	program_copy("program", 0755);
	CHECK_OK(chmod("program", 04755));
	if (CHILD(pid)) {
		become_user(1000);
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1)); /* as after an execve by that user */
		CHECK_OK(pipe(to));
		CHECK_OK(pipe(from));
		if (CHILD(target)) {
			CHECK_OK(dup2(to[0], 0));
			CHECK_OK(dup2(from[1], 1));
			CHECK_EQ(read(0, bytes, 1), 1);
			execve("./program", args, env);
			_exit(99);
		}
		snprintf(path, sizeof(path), "/proc/%d/maps", target);
		int maps = CHECK_OK(open(path, O_RDONLY));
		snprintf(path, sizeof(path), "/proc/%d/environ", target);
		int environment = CHECK_OK(open(path, O_RDONLY));
		CHECK(read(maps, bytes, sizeof(bytes)) > 0);
		CHECK_EQ(lseek(maps, 0, SEEK_SET), 0);
		CHECK_EQ(write(to[1], "x", 1), 1);
		CHECK_EQ(read(from[0], bytes, 1), 1);
		CHECK(read(maps, bytes, sizeof(bytes)) <= 0);
		CHECK(read(environment, bytes, sizeof(bytes)) <= 0);
		CHECK_EQ(write(to[1], "x", 1), 1);
		wait_ok(target);
		_exit(0);
	}
	wait_ok(pid);
}

/* Hostile programs: refused or killed, and nobody else is hurt. */

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr parts[4];
	unsigned char code[64];
};

/* A whole program: exit(33). */
static struct elf elf_good(void)
{
	static const unsigned char code[] = { 0xbf, 33, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };
	struct elf elf = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_entry = 0x400000 + offsetof(struct elf, code),
			    .e_phoff = offsetof(struct elf, parts),
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 1 },
		.parts = { { .p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = 0x400000,
			     .p_filesz = sizeof(struct elf),
			     .p_memsz = sizeof(struct elf),
			     .p_align = 4096 } },
	};

	memcpy(elf.code, code, sizeof(code));
	return elf;
}

static int elf_run(const struct elf *elf, size_t len)
{
	unlink("elf");
	file_make("elf", elf, len);
	CHECK_OK(chmod("elf", 0755));
	return script_run("./elf");
}

TEST(elf_minimal)
{
	struct elf elf = elf_good();

	CHECK_EQ(elf_run(&elf, sizeof(elf)), 33);
}

TEST(elf_zero_fill)
{
	struct elf elf = elf_good();
	/* cmpb $0, 0x402fff; jne +2 (to ud2); the program's exit follows */
	static const unsigned char probe[] = {
		0x80, 0x3c, 0x25, 0xff, 0x2f, 0x40, 0, 0, 0x74, 0x02, 0x0f, 0x0b
	};

	memmove(elf.code + sizeof(probe), elf.code, 12);
	memcpy(elf.code, probe, sizeof(probe));
	elf.parts[0].p_memsz = 0x3000;
	elf.parts[0].p_flags |= PF_W;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 33);
}

TEST(elf_truncated)
{
	struct elf elf = elf_good();

	for (size_t len = 1; len < sizeof(elf.header); len += 7)
		CHECK_EQ(elf_run(&elf, len), 200);
	CHECK(elf_run(&elf, sizeof(elf.header) + 8) != 33);
}

TEST(elf_wrong_kind)
{
	struct elf elf = elf_good();

	elf.header.e_machine = EM_AARCH64;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 200);
	elf = elf_good();
	elf.header.e_type = ET_REL;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 200);
	elf = elf_good();
	elf.header.e_phentsize = 1;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 200);
	elf = elf_good();
	elf.header.e_phnum = 0;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 200);
}

/* Whatever becomes of it (some are programs all the same), it comes to an end, and nothing else suffers. */
TEST(elf_hostile_segments)
{
	static const uint64_t values[] = {
		1, 0xfff, 0x7fffffffffff, 0x800000000000, 1ull << 62, 0xffff800000000000, 0xfffffffffffff000
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct elf elf = elf_good();

		elf.parts[1] = elf.parts[0];
		elf.header.e_phnum = 2;
		elf.parts[1].p_vaddr = values[i];
		elf_run(&elf, sizeof(elf));
		elf.parts[1].p_vaddr = 0x600000;
		elf.parts[1].p_offset = values[i];
		elf_run(&elf, sizeof(elf));
		elf.parts[1].p_offset = 0;
		elf.parts[1].p_filesz = values[i];
		elf_run(&elf, sizeof(elf));
		elf.parts[1].p_filesz = 0;
		elf.parts[1].p_memsz = values[i];
		elf_run(&elf, sizeof(elf));
	}
}

TEST(elf_hostile_header)
{
	struct elf elf = elf_good();

	elf.header.e_entry = 0xffff800000000000;
	CHECK(elf_run(&elf, sizeof(elf)) < 0);
	elf = elf_good();
	elf.header.e_entry = 0;
	CHECK(elf_run(&elf, sizeof(elf)) < 0);
	elf = elf_good();
	elf.header.e_phoff = 1ull << 63;
	CHECK(elf_run(&elf, sizeof(elf)) != 33);
	elf = elf_good();
	elf.header.e_phnum = 0xffff;
	CHECK(elf_run(&elf, sizeof(elf)) != 33);
}

TEST(elf_hostile_interpreter)
{
	struct elf elf = elf_good();

	elf.header.e_phnum = 2;
	elf.parts[1] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_offset = offsetof(struct elf, code), .p_filesz = 12, .p_memsz = 12
	};
	CHECK(elf_run(&elf, sizeof(elf)) != 33);
	elf.parts[1].p_filesz = 1ull << 40;
	CHECK(elf_run(&elf, sizeof(elf)) != 33);
	elf.parts[1].p_filesz = 0;
	CHECK(elf_run(&elf, sizeof(elf)) != 33);
	elf.parts[1].p_filesz = 6;
	memcpy(elf.code + 32, "./none", 7);
	elf.parts[1].p_offset = offsetof(struct elf, code) + 32;
	elf.parts[1].p_filesz = 7;
	CHECK_EQ(elf_run(&elf, sizeof(elf)), 202);
}
