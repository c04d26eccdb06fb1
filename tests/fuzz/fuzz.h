/* SPDX-License-Identifier: MIT */
/*
 * For fuzz targets: the input as a stream, and a check that ends the run.  A target is one file with a
 * function LLVMFuzzerTestOneInput, which libFuzzer calls with one input after the other.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                         \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* What is left of the input; all zeroes when it has ended. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline void take(struct input *input, void *to, size_t len)
{
	size_t have = len < input->left ? len : input->left;

	memset(to, 0, len);
	if (!have)
		return;
	memcpy(to, input->at, have);
	input->at += have;
	input->left -= have;
}

static inline uint8_t take_u8(struct input *input)
{
	uint8_t value;

	take(input, &value, sizeof(value));
	return value;
}

static inline uint16_t take_u16(struct input *input)
{
	uint16_t value;

	take(input, &value, sizeof(value));
	return value;
}

static inline uint32_t take_u32(struct input *input)
{
	uint32_t value;

	take(input, &value, sizeof(value));
	return value;
}

static inline uint64_t take_u64(struct input *input)
{
	uint64_t value;

	take(input, &value, sizeof(value));
	return value;
}

/* len bytes in a block of just that size, so that reading beyond them is found. */
static inline uint8_t *block_of(const void *data, size_t len)
{
	uint8_t *block = malloc(len ? len : 1);

	EXPECT(block);
	if (len)
		memcpy(block, data, len);
	return block;
}

#endif
