// SPDX-License-Identifier: MIT
/*
 * CRC-32C (Castagnoli, reflected 0x82f63b78) over metadata, eight bytes a step by tables; and
 * CRC-16 (reflected 0xa001), which group descriptors had before metadata_csum.  Neither inverts
 * its input or result: ext4 chains them with explicit seeds.
 */
#include "ext4/internal.h"

/*
 * A CRC is linear: that of a byte is the sum of those of its bits, and one bit further means times x.  So the tables
 * are constants, of X(r, n): what bit 7 - n adds of a byte that r others follow.
 */
#define POLYNOMIAL 0x82f63b78u
#define TIMES_X(p) ((p) >> 1 ^ (POLYNOMIAL & -((p)&1u)))
#define ROW(r, before)                                                                      \
	X##r##0 = TIMES_X(before), X##r##1 = TIMES_X(X##r##0), X##r##2 = TIMES_X(X##r##1),  \
	X##r##3 = TIMES_X(X##r##2), X##r##4 = TIMES_X(X##r##3), X##r##5 = TIMES_X(X##r##4), \
	X##r##6 = TIMES_X(X##r##5), X##r##7 = TIMES_X(X##r##6)

enum { ROW(0, 1u), ROW(1, X07), ROW(2, X17), ROW(3, X27), ROW(4, X37), ROW(5, X47), ROW(6, X57), ROW(7, X67) };

#define BIT(b, byte, x) (-((byte) >> (b)&1u) & (x))
#define CRC_1(r, byte)                                                                                   \
	(BIT(7, byte, X##r##0) ^ BIT(6, byte, X##r##1) ^ BIT(5, byte, X##r##2) ^ BIT(4, byte, X##r##3) ^ \
	 BIT(3, byte, X##r##4) ^ BIT(2, byte, X##r##5) ^ BIT(1, byte, X##r##6) ^ BIT(0, byte, X##r##7))
#define CRC_4(r, byte)  CRC_1(r, byte), CRC_1(r, (byte) + 1), CRC_1(r, (byte) + 2), CRC_1(r, (byte) + 3)
#define CRC_16(r, byte) CRC_4(r, byte), CRC_4(r, (byte) + 4), CRC_4(r, (byte) + 8), CRC_4(r, (byte) + 12)
#define CRC_64(r, byte) CRC_16(r, byte), CRC_16(r, (byte) + 16), CRC_16(r, (byte) + 32), CRC_16(r, (byte) + 48)
#define CRC_256(r)                                                          \
	{                                                                   \
		CRC_64(r, 0), CRC_64(r, 64), CRC_64(r, 128), CRC_64(r, 192) \
	}

static const uint32_t table[8][256] = { CRC_256(0), CRC_256(1), CRC_256(2), CRC_256(3),
					CRC_256(4), CRC_256(5), CRC_256(6), CRC_256(7) };

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		word ^= crc;
		crc = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
		      table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^
		      table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

uint16_t crc16(uint16_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc >> 1 ^ (crc & 1 ? 0xa001 : 0));
	}
	return crc;
}
