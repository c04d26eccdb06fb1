/* SPDX-License-Identifier: MIT */
/*
 * The random generator: ChaCha20 with fast key erasure.  The first half of each block becomes the
 * next key at once, the second half is handed out, in pieces that are erased here as they go; so
 * what was handed out cannot be computed from a later state.  A request for more than such a half
 * takes one as the key of its own stream.  The key is seeded with RDRAND where the CPU has it, and
 * with the jitter of the time stamp counter, and stirred again with both every few minutes of use.
 */
#include "chacha20.h"
#include "lockrank.h"
#include "process_internal.h"
#include "random.h"
#include "linux/system.h"
#include "usercopy.h"

#define RESEED_BLOCKS  65536
#define JITTER_SAMPLES 256

static struct mutex random_lock = MUTEX_INIT("random", LOCK_RANDOM);
static uint32_t key[8];      /* under random_lock */
static uint8_t fresh[32];    /* under random_lock: the last fresh_left bytes are still to be used */
static size_t fresh_left;    /* under random_lock */
static uint32_t blocks_used; /* under random_lock */
static bool have_rdrand;

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static bool cpu_has_rdrand(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx & (1u << 30);
}

static bool rdrand(uint64_t *value)
{
	uint8_t ok;

	for (int tries = 0; tries < 10; tries++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(ok));
		if (ok)
			return true;
	}
	return false;
}

/* New key = half a block keyed with the old one, with data as nonce and counter. */
static void stir_locked(uint64_t a, uint64_t b)
{
	const uint32_t nonce[3] = { (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32) };
	uint32_t block[16];

	chacha20_block(key, (uint32_t)a, nonce, block);
	memcpy(key, block, sizeof(key));
	fresh_left = 0;
}

/* How long a pass over memory takes varies with caches, interrupts and the host. */
static void stir_jitter_locked(unsigned samples)
{
	static volatile uint8_t memory[4096];
	uint64_t last = tsc(), sum = 0;

	for (unsigned i = 0; i < samples; i++) {
		for (unsigned j = 0; j < sizeof(memory); j += 67)
			memory[j] += (uint8_t)last;
		uint64_t now = tsc();
		sum = (sum << 5 | sum >> 59) ^ (now - last);
		last = now;
		if (i % 8 == 7)
			stir_locked(sum, now);
	}
}

static void reseed_locked(unsigned samples)
{
	uint64_t a, b;

	if (have_rdrand)
		for (int i = 0; i < 4; i++)
			if (rdrand(&a) && rdrand(&b))
				stir_locked(a, b);
	stir_jitter_locked(samples);
	blocks_used = 0;
}

void random_init(void)
{
	have_rdrand = cpu_has_rdrand();
	mutex_lock(&random_lock);
	reseed_locked(JITTER_SAMPLES);
	mutex_unlock(&random_lock);
}

void random_stir(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	mutex_lock(&random_lock);
	for (size_t done = 0; done < len; done += 16) {
		uint64_t words[2] = { 0 };
		memcpy(words, bytes + done, MIN(len - done, sizeof(words)));
		stir_locked(words[0] ^ tsc(), words[1]);
	}
	mutex_unlock(&random_lock);
}

static void refresh_locked(void)
{
	static const uint32_t nonce[3];
	uint32_t block[16];

	if (++blocks_used >= RESEED_BLOCKS)
		reseed_locked(16);
	chacha20_block(key, 0, nonce, block);
	memcpy(key, block, sizeof(key));
	memcpy(fresh, block + 8, sizeof(fresh));
	fresh_left = sizeof(fresh);
}

/* At most sizeof(fresh) bytes. */
static void take_fresh(void *out, size_t len)
{
	mutex_lock(&random_lock);
	if (fresh_left < len)
		refresh_locked();
	uint8_t *from = fresh + sizeof(fresh) - fresh_left;
	memcpy(out, from, len);
	memset(from, 0, len);
	fresh_left -= len;
	mutex_unlock(&random_lock);
}

void random_bytes(void *buffer, size_t len)
{
	static const uint32_t nonce[3];
	uint32_t once[8], block[16], counter = 0;
	uint8_t *out = buffer;

	if (len <= sizeof(fresh)) {
		take_fresh(out, len);
		return;
	}
	take_fresh(once, sizeof(once));
	while (len) {
		size_t part = MIN(len, sizeof(block));
		chacha20_block(once, counter++, nonce, block);
		memcpy(out, block, part);
		out += part;
		len -= part;
	}
}

uint64_t random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

long sys_getrandom(SYSCALL_ARGS)
{
	uint64_t addr = (uint64_t)a0, len = (uint64_t)a1, done = 0;
	uint8_t chunk[512];

	if ((uint32_t)a2 & ~7u || ((a2 & LINUX_GRND_RANDOM) && (a2 & LINUX_GRND_INSECURE)))
		return -EINVAL;
	if (len > INT32_MAX)
		len = INT32_MAX;
	while (done < len) {
		size_t part = MIN(len - done, sizeof(chunk));
		random_bytes(chunk, part);
		if (copy_to_user(addr + done, chunk, part))
			return done ? (long)done : -EFAULT;
		done += part;
		if (signal_pending() && done < len && done >= 256)
			break;
	}
	return (long)done;
}
