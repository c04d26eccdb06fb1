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

/*
 * What status says about asking again, for the try after `tries` others: the driver is dead or short of memory, then
 * after a moment; -QERR_AGAIN, then at once.  false: status is the answer.
 */
static bool ask_again(long *status, unsigned *tries)
{
	uint32_t word = 0;

	if (*status != -QERR_PEER_DEAD && *status != -QERR_NOMEM && *status != -QERR_AGAIN)
		return false;
	if (++*tries == GIVE_UP_TRIES) {
		*status = -QERR_IO;
		return false;
	}
	if (*status != -QERR_AGAIN)
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
	unsigned tries = 0;
	long status;

	do
		status = block_info(client->endpoint, &request, reply);
	while (ask_again(&status, &tries));
	return status;
}

long block_client_partition(struct block_client *client, uint32_t number, struct block_partition_reply *reply)
{
	const struct block_partition_request request = { .number = number };
	unsigned tries = 0;
	long status;

	do
		status = block_partition(client->endpoint, &request, reply);
	while (ask_again(&status, &tries));
	return status;
}

long block_client_open_session(struct block_client *client, uint32_t number,
			       struct block_open_session_reply *reply)
{
	const struct block_open_session_request request = { .number = number };
	unsigned tries = 0;
	long status;

	do
		status = block_open_session(client->endpoint, &request, reply);
	while (ask_again(&status, &tries));
	return status;
}

long block_client_attach(struct block_client *client, quoin_handle memory)
{
	uint32_t index = client->nr_regions;
	unsigned tries = 0;
	long status;

	if (index == BLOCK_CLIENT_REGIONS)
		return -QERR_NFILE;
	client->regions[index].memory = memory;
	do
		status = region_attach(client, index);
	while (ask_again(&status, &tries));
	if (status < 0)
		return status;
	client->nr_regions++;
	return index;
}

static void region_detach(struct block_client *client, uint32_t index)
{
	struct block_detach_request request = { .region = client->regions[index].number };

	block_detach(client->endpoint, &request, NULL);
}

void block_client_fini(struct block_client *client)
{
	while (client->nr_regions)
		region_detach(client, --client->nr_regions);
}

/*
 * Attaches all regions to the driver of now, unless another thread has done so since `seen`; all or none, so that a
 * driver that is asked once more does not have one twice.  -QERR_AGAIN when it is done.
 */
static long attach_anew(struct block_client *client, uint32_t seen)
{
	long status = 0;
	uint32_t i = 0;

	mutex_lock(&client->lock);
	if (client->incarnation == seen) {
		while (i < client->nr_regions && (status = region_attach(client, i)) == 0)
			i++;
		if (status == 0)
			client->incarnation++;
		else
			while (i)
				region_detach(client, --i);
	}
	mutex_unlock(&client->lock);
	return status ? status : -QERR_AGAIN;
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

/* A driver that does not know the region is another one than that which gave the number. */
long block_client_rw(struct block_client *client, uint32_t region, struct block_rw_request *request)
{
	unsigned tries = 0;
	uint32_t seen;
	long status;

	do {
		request->region = region_number(client, region, &seen);
		status = block_rw(client->endpoint, request, NULL);
		if (status == -QERR_BADF)
			status = attach_anew(client, seen);
	} while (ask_again(&status, &tries));
	return status;
}

/* Names no region: the next rw finds out that the driver is another one. */
long block_client_flush(struct block_client *client)
{
	const struct block_flush_request request = {};
	unsigned tries = 0;
	long status;

	do
		status = block_flush(client->endpoint, &request, NULL);
	while (ask_again(&status, &tries));
	return status;
}
