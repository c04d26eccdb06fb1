// SPDX-License-Identifier: MIT
/*
 * The hashes that order an indexed directory: half of MD4 (RFC 1320, eight words a round), TEA
 * (Wheeler and Needham) in a chain, and the one that was there first.  Characters are signed or
 * unsigned as they were on the machine that made the file system; a version from DX_HASH_UNSIGNED
 * on is the unsigned kind.
 */
#include "ext4/internal.h"

#define TEA_DELTA 0x9e3779b9
#define HASH_EOF  0xfffffffe /* stands for the end of a directory; no name hashes to it */

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static uint32_t md4_f(uint32_t x, uint32_t y, uint32_t z)
{
	return z ^ (x & (y ^ z));
}

static uint32_t md4_g(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) | (x & z) | (y & z);
}

static uint32_t md4_h(uint32_t x, uint32_t y, uint32_t z)
{
	return x ^ y ^ z;
}

static void md4_round(uint32_t state[4], uint32_t (*f)(uint32_t, uint32_t, uint32_t), const uint32_t in[8],
		      const uint8_t order[8], const uint8_t shifts[4], uint32_t constant)
{
	for (unsigned i = 0; i < 8; i++) {
		uint32_t *a = &state[-i & 3];
		uint32_t b = state[(1 - i) & 3], c = state[(2 - i) & 3], d = state[(3 - i) & 3];

		*a = rotate(*a + f(b, c, d) + in[order[i]] + constant, shifts[i & 3]);
	}
}

static void half_md4(uint32_t hash[4], const uint32_t in[8])
{
	static const uint8_t order[3][8] = { { 0, 1, 2, 3, 4, 5, 6, 7 },
					     { 1, 3, 5, 7, 0, 2, 4, 6 },
					     { 3, 7, 2, 6, 1, 5, 0, 4 } };
	static const uint8_t shifts[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	uint32_t state[4];

	memcpy(state, hash, sizeof(state));
	md4_round(state, md4_f, in, order[0], shifts[0], 0);
	md4_round(state, md4_g, in, order[1], shifts[1], 0x5a827999);
	md4_round(state, md4_h, in, order[2], shifts[2], 0x6ed9eba1);
	for (int i = 0; i < 4; i++)
		hash[i] += state[i];
}

static void tea(uint32_t hash[4], const uint32_t in[4])
{
	uint32_t x = hash[0], y = hash[1], sum = 0;

	for (int round = 0; round < 16; round++) {
		sum += TEA_DELTA;
		x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
		y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
	}
	hash[0] += x;
	hash[1] += y;
}

static uint32_t character(const char *name, size_t i, bool is_unsigned)
{
	return is_unsigned ? (uint32_t)(uint8_t)name[i] : (uint32_t)(int32_t)(int8_t)name[i];
}

static uint32_t legacy(const char *name, size_t len, bool is_unsigned)
{
	uint32_t last = 0x12a3fe2d, before = 0x37abe8f9;

	for (size_t i = 0; i < len; i++) {
		uint32_t hash = before + (last ^ (character(name, i, is_unsigned) * 7152373));

		if (hash & 0x80000000)
			hash -= 0x7fffffff;
		before = last;
		last = hash;
	}
	return last << 1;
}

/* the next words of the name, the first character highest, padded with its length */
static void words_fill(const char *name, size_t len, uint32_t *words, size_t nr_words, bool is_unsigned)
{
	uint32_t pad = (uint32_t)len | (uint32_t)len << 8;
	size_t at = 0;

	pad |= pad << 16;
	for (size_t w = 0; w < nr_words; w++) {
		words[w] = pad;
		for (int i = 0; i < 4 && at < len; i++, at++)
			words[w] = (words[w] << 8) + character(name, at, is_unsigned);
	}
}

int dx_hash(struct ext4_fs *fs, uint8_t version, const char *name, size_t len, struct dx_hash *out)
{
	uint32_t hash[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	bool is_unsigned = version >= DX_HASH_UNSIGNED;
	bool is_tea = version % DX_HASH_UNSIGNED == DX_HASH_TEA;
	size_t step = is_tea ? 16 : 32;
	uint32_t seed[4], words[8];

	if (version >= 2 * DX_HASH_UNSIGNED)
		return -EINVAL;
	memcpy(seed, fs->sb.s_hash_seed, sizeof(seed));
	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(hash, seed, sizeof(hash));
	if (version % DX_HASH_UNSIGNED == DX_HASH_LEGACY) {
		*out = (struct dx_hash){ legacy(name, len, is_unsigned), 0 };
	} else {
		for (size_t at = 0; at < len; at += step) {
			words_fill(name + at, len - at, words, step / 4, is_unsigned);
			if (is_tea)
				tea(hash, words);
			else
				half_md4(hash, words);
		}
		*out = is_tea ? (struct dx_hash){ hash[0], hash[1] } : (struct dx_hash){ hash[1], hash[2] };
	}
	out->major &= ~1u;
	if (out->major == HASH_EOF)
		out->major = HASH_EOF - 2;
	return 0;
}
