/* SPDX-License-Identifier: MIT */
/* The argument and environment strings on their way from the old program to the new one's stack. */
#ifndef POSIX_EXEC_ARGS_H
#define POSIX_EXEC_ARGS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Strings stand one after the other in one block; the vectors hold offsets into it, since it moves
 * when it grows.
 */
struct exec_vector {
	uint32_t *offsets;
	uint32_t nr, capacity;
};

struct exec_args {
	char *strings;
	size_t len, capacity;
	size_t limit; /* of strings and pointers together */
	struct exec_vector argv, envp;
};

void exec_args_init(struct exec_args *args, size_t limit);
void exec_args_free(struct exec_args *args);

long exec_args_copy_user(struct exec_args *args, struct exec_vector *vector, uint64_t user_vector);
long exec_args_append(struct exec_args *args, struct exec_vector *vector, const char *string);

/* argv[0] becomes `interpreter [argument] script`. */
long exec_args_script(struct exec_args *args, const char *interpreter, const char *argument,
		      const char *script);

#endif
