/* SPDX-License-Identifier: MIT */
#include "chacha20.h"

static uint32_t rotate_left(uint32_t value, int count)
{
	return value << count | value >> (32 - count);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b;
	*d = rotate_left(*d ^ *a, 16);
	*c += *d;
	*b = rotate_left(*b ^ *c, 12);
	*a += *b;
	*d = rotate_left(*d ^ *a, 8);
	*c += *d;
	*b = rotate_left(*b ^ *c, 7);
}

void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t out[16])
{
	const uint32_t start[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, /* "expand 32-byte k" */
		key[0],     key[1],     key[2],     key[3],     key[4],   key[5],
		key[6],     key[7],     counter,    nonce[0],   nonce[1], nonce[2],
	};

	for (int i = 0; i < 16; i++)
		out[i] = start[i];
	for (int round = 0; round < 10; round++) {
		quarter_round(&out[0], &out[4], &out[8], &out[12]);
		quarter_round(&out[1], &out[5], &out[9], &out[13]);
		quarter_round(&out[2], &out[6], &out[10], &out[14]);
		quarter_round(&out[3], &out[7], &out[11], &out[15]);
		quarter_round(&out[0], &out[5], &out[10], &out[15]);
		quarter_round(&out[1], &out[6], &out[11], &out[12]);
		quarter_round(&out[2], &out[7], &out[8], &out[13]);
		quarter_round(&out[3], &out[4], &out[9], &out[14]);
	}
	for (int i = 0; i < 16; i++)
		out[i] += start[i];
}
