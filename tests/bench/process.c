// SPDX-License-Identifier: MIT
/* Threads and processes: their beginning and end. */
#include <limits.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void *nothing(void *argument)
{
	return argument;
}

static void thread_run(unsigned count)
{
	pthread_t thread;

	while (count--) {
		need(-pthread_create(&thread, NULL, nothing, NULL), "pthread_create");
		pthread_join(thread, NULL);
	}
}
BENCHMARK(thread, .name = "thread create + join", .count = 200, .run = thread_run);

static void child_run(unsigned count, char *const argv[], const char *file)
{
	while (count--) {
		pid_t child = need(fork(), "fork");
		int status;

		if (child == 0) {
			if (file)
				execv(file, argv);
			_exit(file ? 127 : 0);
		}
		need(waitpid(child, &status, 0), "waitpid");
		need(-status, "the child's exit status");
	}
}

static void fork_run(unsigned count)
{
	child_run(count, NULL, NULL);
}
BENCHMARK(fork_exit, .name = "fork + exit", .count = 50, .run = fork_run);

/* The program itself: with the argument "exit" it ends at once. */
static char program[PATH_MAX];

static void exec_setup(void)
{
	program[need(readlink("/proc/self/exe", program, sizeof(program) - 1), "readlink")] = '\0';
}

static void exec_run(unsigned count)
{
	char *argv[] = { "bench", "exit", NULL };

	child_run(count, argv, program);
}
BENCHMARK(fork_exec, .name = "fork + exec", .count = 50, .setup = exec_setup, .run = exec_run);

static void shell_run(unsigned count)
{
	char *argv[] = { "sh", "-c", ":", NULL };

	child_run(count, argv, "/bin/sh");
}
BENCHMARK(fork_sh, .name = "fork + sh -c", .count = 50, .run = shell_run);
