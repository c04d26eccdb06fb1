/* See quoin/block.h. */
#include <quoin/runtime.h>
#include <quoin/block.h>

#define RETRY_NS      (100 * 1000000ULL)
#define GIVE_UP_TRIES 300 /* half a minute */

void block_client_init(struct block_client *client, quoin_handle endpoint, unsigned rank)
{
	*client = (struct block_client){ .endpoint = endpoint };
	mutex_init(&client->lock, "block client", rank);
}

/* A driver that is dead or short of memory is asked again, after a moment; false: that is its answer. */
static bool ask_again(long status)
{
	uint32_t word = 0;

	if (status != -QERR_PEER_DEAD && status != -QERR_NOMEM)
		return false;
	quoin_futex_wait((uintptr_t)&word, 0, clock_ns() + RETRY_NS, 0);
	return true;
}

static long region_attach(struct block_client *client, uint32_t index)
{
	struct block_attach_request request = { .memory = client->regions[index].memory };
	struct block_attach_reply reply;
	long status = block_attach(client->endpoint, &request, &reply);

	if (status == 0)
		client->regions[index].number = reply.region;
	return status;
}

long block_client_info(struct block_client *client, struct block_info_reply *reply)
{
	const struct block_info_request request = {};

	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		long status = block_info(client->endpoint, &request, reply);
		if (!ask_again(status))
			return status;
	}
	return -QERR_IO;
}

long block_client_partition(struct block_client *client, uint32_t number, struct block_partition_reply *reply)
{
	const struct block_partition_request request = { .number = number };

	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		long status = block_partition(client->endpoint, &request, reply);

		if (!ask_again(status))
			return status;
	}
	return -QERR_IO;
}

long block_client_attach(struct block_client *client, quoin_handle memory)
{
	uint32_t index = client->nr_regions;

	if (index == BLOCK_CLIENT_REGIONS)
		return -QERR_NFILE;
	client->regions[index].memory = memory;
	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		long status = region_attach(client, index);

		if (ask_again(status))
			continue;
		if (status < 0)
			return status;
		client->nr_regions++;
		return index;
	}
	return -QERR_IO;
}

void block_client_fini(struct block_client *client)
{
	for (uint32_t i = 0; i < client->nr_regions; i++) {
		struct block_detach_request request = { .region = client->regions[i].number };

		block_detach(client->endpoint, &request, NULL);
	}
	client->nr_regions = 0;
}

/* To the driver of now, unless another thread has done so since `seen`. */
static void attach_anew(struct block_client *client, uint32_t seen)
{
	long status = 0;

	mutex_lock(&client->lock);
	if (client->incarnation == seen) {
		for (uint32_t i = 0; i < client->nr_regions && status == 0; i++)
			status = region_attach(client, i);
		if (status == 0)
			client->incarnation++;
	}
	mutex_unlock(&client->lock);
}

static uint32_t region_number(struct block_client *client, uint32_t index, uint32_t *incarnation)
{
	uint32_t number;

	mutex_lock(&client->lock);
	*incarnation = client->incarnation;
	number = client->regions[index].number;
	mutex_unlock(&client->lock);
	return number;
}

long block_client_rw(struct block_client *client, uint32_t region, struct block_rw_request *request)
{
	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		uint32_t incarnation;
		long status;

		request->region = region_number(client, region, &incarnation);
		status = block_rw(client->endpoint, request, NULL);
		if (!ask_again(status) && status != -QERR_BADF)
			return status;
		if (status != -QERR_NOMEM)
			attach_anew(client, incarnation);
	}
	return -QERR_IO;
}

/* Names no region: the next rw finds out that the driver is another one. */
long block_client_flush(struct block_client *client)
{
	const struct block_flush_request request = {};

	for (int tries = 0; tries < GIVE_UP_TRIES; tries++) {
		long status = block_flush(client->endpoint, &request, NULL);

		if (!ask_again(status))
			return status;
	}
	return -QERR_IO;
}
