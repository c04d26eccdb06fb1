/*
 * A client of the block protocol that survives its driver.
 *
 *	block_client_init(&client, endpoint, RANK);
 *	region = block_client_attach(&client, memory);      once for each object that data moves to and from
 *	block_client_rw(&client, region, &request);         any number of threads; request.region is filled in
 *	block_client_fini(&client);
 *
 * When the driver dies its endpoint stays, and the next incarnation knows no attachments.  So a request that
 * finds the driver dead, or unaware of its region, waits until there is one again, attaches everything
 * anew, and goes out once more.  That is right because every request can be repeated: it moves the
 * same sectors to or from the same memory.  A driver that is short of memory is asked again, too.  After half
 * a minute it fails with -QERR_IO.
 */
#ifndef QUOIN_BLOCK_H
#define QUOIN_BLOCK_H

#include <quoin/sync.h>
#include <proto/block.h>

#define BLOCK_CLIENT_REGIONS 2

/* [I] immutable after attach   [l] lock */
struct block_client {
	struct mutex lock;
	quoin_handle endpoint; /* [I] stays the caller's */
	uint32_t incarnation;  /* [l] changes with each driver that the regions were attached to */
	uint32_t nr_regions;   /* [I] */
	struct {
		quoin_handle memory; /* [I] stays the caller's */
		uint32_t number;     /* [l] its name at the driver */
	} regions[BLOCK_CLIENT_REGIONS];
};

void block_client_init(struct block_client *client, quoin_handle endpoint, unsigned rank);
void block_client_fini(struct block_client *client);

/* The region's index, or what the driver answers.  Before the first request, by one thread. */
long block_client_attach(struct block_client *client, quoin_handle memory);

/* 0 or what the driver answers.  All of these block. */
long block_client_info(struct block_client *client, struct block_info_reply *reply);
long block_client_partition(struct block_client *client, uint32_t number, struct block_partition_reply *reply);
long block_client_open_session(struct block_client *client, uint32_t number,
			       struct block_open_session_reply *reply);
long block_client_rw(struct block_client *client, uint32_t region, struct block_rw_request *request);
long block_client_flush(struct block_client *client);

#endif
