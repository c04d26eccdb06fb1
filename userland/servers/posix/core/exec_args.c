/* SPDX-License-Identifier: MIT */
#include "exec_args.h"
#include "linux/elf.h"
#include "process_internal.h"
#include "usercopy.h"

void exec_args_init(struct exec_args *args, size_t limit)
{
	*args = (struct exec_args){ .limit = limit };
}

void exec_args_free(struct exec_args *args)
{
	free(args->strings);
	free(args->argv.offsets);
	free(args->envp.offsets);
}

static size_t args_bytes(const struct exec_args *args)
{
	return args->len + 8ul * (args->argv.nr + args->envp.nr);
}

static long strings_reserve(struct exec_args *args, size_t more)
{
	size_t capacity = args->capacity ? args->capacity : 4096;

	if (args_bytes(args) + more + 8 > args->limit)
		return -E2BIG;
	if (args->len + more <= args->capacity)
		return 0;
	while (capacity < args->len + more)
		capacity *= 2;
	char *strings = realloc(args->strings, capacity);
	if (!strings)
		return -ENOMEM;
	args->strings = strings;
	args->capacity = capacity;
	return 0;
}

static long vector_push(struct exec_vector *vector, size_t offset)
{
	if (vector->nr == vector->capacity) {
		uint32_t capacity = vector->capacity ? 2 * vector->capacity : 32;
		uint32_t *offsets = realloc(vector->offsets, capacity * sizeof(*offsets));
		if (!offsets)
			return -ENOMEM;
		vector->offsets = offsets;
		vector->capacity = capacity;
	}
	vector->offsets[vector->nr++] = (uint32_t)offset;
	return 0;
}

long exec_args_append(struct exec_args *args, struct exec_vector *vector, const char *string)
{
	size_t bytes = strlen(string) + 1;
	long error = strings_reserve(args, bytes);

	if (!error)
		error = vector_push(vector, args->len);
	if (error)
		return error;
	memcpy(args->strings + args->len, string, bytes);
	args->len += bytes;
	return 0;
}

/* Copies into what room there is; more room is made as long as the string does not end. */
static long append_user(struct exec_args *args, struct exec_vector *vector, uint64_t addr)
{
	size_t room = 256, start = args->len;

	for (;;) {
		long error = strings_reserve(args, room);
		if (error)
			return error;
		room = MIN(args->capacity - start, LINUX_MAX_ARG_STRLEN);
		long len = strncpy_from_user(args->strings + start, addr, room);
		if (len >= 0) {
			args->len = start + (size_t)len + 1;
			return args_bytes(args) + 8 > args->limit ? -E2BIG : vector_push(vector, start);
		}
		if (len != -ENAMETOOLONG)
			return len;
		if (room == LINUX_MAX_ARG_STRLEN)
			return -E2BIG;
		room = MIN(2 * room, LINUX_MAX_ARG_STRLEN);
	}
}

long exec_args_copy_user(struct exec_args *args, struct exec_vector *vector, uint64_t user_vector)
{
	uint64_t pointer;
	long error;

	if (!user_vector)
		return 0;
	for (;; user_vector += sizeof(pointer)) {
		if (get_user_u64(user_vector, &pointer))
			return -EFAULT;
		if (!pointer)
			return 0;
		error = append_user(args, vector, pointer);
		if (error)
			return error;
	}
}

long exec_args_script(struct exec_args *args, const char *interpreter, const char *argument, const char *script)
{
	struct exec_vector argv = { 0 };
	long error = exec_args_append(args, &argv, interpreter);

	if (!error && argument)
		error = exec_args_append(args, &argv, argument);
	if (!error)
		error = exec_args_append(args, &argv, script);
	for (uint32_t i = 1; !error && i < args->argv.nr; i++)
		error = vector_push(&argv, args->argv.offsets[i]);
	if (error) {
		free(argv.offsets);
		return error;
	}
	free(args->argv.offsets);
	args->argv = argv;
	return 0;
}
