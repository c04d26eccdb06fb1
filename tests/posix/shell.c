// SPDX-License-Identifier: MIT
/*
 * The shell at work: each sh/NAME.sh is a case, and NAME.out is what it must print on stdout and
 * stderr together.  The scripts are embedded while building, so that this is one program as every
 * other area is.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *output_read(void)
{
	static char text[65536];
	int fd = CHECK_OK(open("out", O_RDONLY));
	ssize_t len = CHECK_OK(read(fd, text, sizeof(text) - 1));

	text[len] = 0;
	return text;
}

/* Fails with the first line that differs. */
static void output_compare(const char *name, const char *got, const char *want)
{
	int line = 1;

	if (strcmp(got, want) == 0)
		return;
	for (;; line++) {
		size_t got_len = strcspn(got, "\n"), want_len = strcspn(want, "\n");

		if (got_len != want_len || memcmp(got, want, got_len) || !got[got_len] || !want[want_len])
			test_fail(name, line, "printed \"%.*s\", not \"%.*s\"", (int)got_len, got,
				  (int)want_len, want);
		got += got_len + 1;
		want += want_len + 1;
	}
}

static void script_run(const char *name, const char *script, const char *want)
{
	pid_t pid;

	file_make("script", script, strlen(script));
	CHECK_OK(mkdir("work", 0755));
	if (CHILD(pid)) {
		int out = CHECK_OK(open("out", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644));
		int in = CHECK_OK(open("/dev/null", O_RDONLY));

		CHECK_OK(dup2(in, 0));
		CHECK_OK(chdir("work"));
		CHECK_OK(dup2(out, 1));
		CHECK_OK(dup2(out, 2));
		execlp("sh", "sh", "../script", "one", "two words", NULL);
		_exit(127);
	}
	wait_ok(pid);
	output_compare(name, output_read(), want);
}

#include "shell_cases.h"
