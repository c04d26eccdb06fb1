/*
 * Requests that move pages.
 *
 * Under the lock the library says in which runs of blocks the pages lie; without it, the disk's
 * driver moves each run between the disk and the arena, gathering and scattering pages; for a
 * write, the library then makes the new blocks the file's.
 */
#include "server.h"

#define MAX_PAGES 128
#define MAX_RUNS  24

/* one request of pages, in the file system's blocks */
struct transfer {
	const uint32_t *pages; /* arena page numbers, checked */
	uint32_t nr_pages;
	uint32_t block_size;
	uint32_t per_page; /* blocks in a page */
	uint32_t first;    /* logical number of the first page's first block */
	bool write;
};

static bool transfer_init(struct transfer *transfer, const uint32_t *pages, uint32_t nr_pages, uint64_t index,
			  uint32_t block_size)
{
	transfer->pages = pages;
	transfer->nr_pages = nr_pages;
	transfer->block_size = block_size;
	transfer->per_page = (uint32_t)(QUOIN_PAGE_SIZE / block_size);
	transfer->first = (uint32_t)index * transfer->per_page;
	if (!nr_pages || nr_pages > MAX_PAGES)
		return false;
	for (uint32_t i = 0; i < nr_pages; i++)
		if (!arena_page(pages[i]))
			return false;
	return true;
}

static bool transfer_in_range(const struct transfer *transfer, uint64_t index)
{
	return index < UINT32_MAX / transfer->per_page - MAX_PAGES;
}

/* where a block of the file lies in the arena */
static uint64_t arena_offset(const struct transfer *transfer, uint32_t logical)
{
	uint32_t block = logical - transfer->first;

	return (uint64_t)transfer->pages[block / transfer->per_page] * QUOIN_PAGE_SIZE +
	       (uint64_t)(block % transfer->per_page) * transfer->block_size;
}

/* adds a block to the request's segments, if there's room */
static bool segment_add(struct block_rw_request *rq, uint64_t offset, uint32_t len)
{
	struct block_segment *last = &rq->segments[rq->nr_segments - 1];

	if (rq->nr_segments && last->offset + last->len == offset) {
		last->len += len;
		return true;
	}
	if (rq->nr_segments == server.device.max_segments)
		return false;
	rq->segments[rq->nr_segments++] = (struct block_segment){ .offset = offset, .len = len };
	return true;
}

static long run_move(const struct transfer *transfer, const struct ext4_run *run)
{
	uint32_t done = 0;

	while (done < run->count) {
		struct block_rw_request rq = {
			.sector = (run->physical + done) * (transfer->block_size / SECTOR_BYTES),
			.write = transfer->write,
		};
		long status;

		while (done < run->count &&
		       segment_add(&rq, arena_offset(transfer, run->logical + done), transfer->block_size))
			done++;
		status = device_rw(&server.device, &server.device.arena, &rq);
		if (status < 0)
			return status;
	}
	return 0;
}

static void run_zero(const struct transfer *transfer, const struct ext4_run *run)
{
	for (uint32_t i = 0; i < run->count; i++)
		memset(server.device.arena.address + arena_offset(transfer, run->logical + i), 0,
		       transfer->block_size);
}

static long runs_read(const struct transfer *transfer, const struct ext4_run *runs, int nr_runs)
{
	for (int i = 0; i < nr_runs; i++) {
		long status = 0;

		if (runs[i].flags & EXT4_MAP_HOLE)
			run_zero(transfer, &runs[i]);
		else
			status = run_move(transfer, &runs[i]);
		if (status < 0)
			return status;
	}
	return 0;
}

/* zeroes what lies behind the end of the file: there may be blocks there, too */
static void tail_zero(const struct transfer *transfer, uint64_t index, uint64_t size)
{
	for (uint32_t i = 0; i < transfer->nr_pages; i++) {
		uint64_t start = (index + i) * QUOIN_PAGE_SIZE;
		uint64_t within = size > start ? MIN(size - start, QUOIN_PAGE_SIZE) : 0;

		memset(arena_page(transfer->pages[i]) + within, 0, QUOIN_PAGE_SIZE - within);
	}
}

static uint32_t block_size(void)
{
	struct ext4_statfs st;

	ext4_statfs(server.fs, &st);
	return st.block_size;
}

static uint32_t runs_end(const struct ext4_run *runs, int nr_runs)
{
	return runs[nr_runs - 1].logical + runs[nr_runs - 1].count;
}

/* Reads blocks from `at` to `end`, as far as one map reaches; the lock is dropped while they move.
 */
static long read_step(const struct transfer *transfer, struct ext4_id id, uint32_t *at, uint32_t end)
{
	struct ext4_run runs[MAX_RUNS];
	int nr_runs = ext4_map_read(server.fs, id, *at, end - *at, runs, MAX_RUNS);
	struct moving moving;
	long status;

	if (nr_runs <= 0)
		return nr_runs ? nr_runs : -EIO;
	moving_begin(&moving, id.ino);
	mutex_unlock(&server.lock);
	status = runs_read(transfer, runs, nr_runs);
	mutex_lock(&server.lock);
	moving_end(&moving);
	*at = runs_end(runs, nr_runs);
	return status;
}

long handle_read_pages(void *ctx, struct ipc_request *request, const struct fs_read_pages_request *rq,
		       struct fs_read_pages_reply *rp)
{
	struct transfer transfer = { .write = false };
	struct ext4_attr attr;
	struct ext4_id id;
	uint32_t at, end;
	long status = server_begin_at(0, rq->ino, rq->generation, &id);

	if (status < 0)
		return status;
	if (!transfer_init(&transfer, rq->pages, rq->nr_pages, rq->index, block_size()))
		return server_end(-EINVAL);
	if (!transfer_in_range(&transfer, rq->index))
		return server_end(-EFBIG);
	status = ext4_getattr(server.fs, id, &attr);
	end = transfer.first + transfer.nr_pages * transfer.per_page;
	for (at = transfer.first; at < end && status == 0;)
		status = read_step(&transfer, id, &at, end);
	if (status == 0) {
		tail_zero(&transfer, rq->index, attr.size);
		rp->nr_pages = rq->nr_pages;
	}
	return server_end(status);
}

static long runs_write(const struct transfer *transfer, const struct ext4_run *runs, int nr_runs)
{
	long status = 0;

	for (int i = 0; i < nr_runs && status == 0; i++)
		status = run_move(transfer, &runs[i]);
	return status;
}

/* Writes blocks from `at` to `end`, as far as one map reaches. */
static long write_step(const struct transfer *transfer, struct ext4_id id, uint32_t *at, uint32_t end,
		       uint64_t size)
{
	struct ext4_run runs[MAX_RUNS];
	int nr_runs = ext4_map_write(server.fs, id, *at, end - *at, runs, MAX_RUNS);
	struct moving moving;
	long status;

	if (nr_runs <= 0)
		return nr_runs ? nr_runs : -EIO;
	moving_begin(&moving, id.ino);
	mutex_unlock(&server.lock);
	status = runs_write(transfer, runs, nr_runs);
	mutex_lock(&server.lock);
	moving_end(&moving);
	if (status < 0)
		ext4_abort_write(server.fs, runs, (unsigned)nr_runs);
	else
		status = ext4_commit_write(server.fs, id, runs, (unsigned)nr_runs, size);
	if (status == 0)
		*at = runs_end(runs, nr_runs);
	return status;
}

static bool time_before(struct ext4_time a, struct ext4_time b)
{
	return a.sec < b.sec || (a.sec == b.sec && a.nsec < b.nsec);
}

/* the file's times; the client may have changed other attributes since its data did, so ctime only
 * ever rises */
static long write_finish(struct ext4_id id, int64_t mtime_ns, struct fs_write_pages_reply *rp)
{
	struct ext4_attr attr;
	long status = ext4_getattr(server.fs, id, &attr);

	if (status < 0)
		return status;
	attr.mtime = time_unpack(mtime_ns);
	if (time_before(attr.ctime, attr.mtime))
		attr.ctime = attr.mtime;
	status = ext4_setattr(server.fs, id, EXT4_SET_MTIME | EXT4_SET_CTIME, &attr, &attr);
	if (status == 0)
		attr_pack(&attr, &rp->attr);
	return status;
}

/* one block behind the last that holds a byte of the file, or of this request's pages */
static uint32_t write_end(const struct transfer *transfer, uint64_t size)
{
	uint64_t end = (uint64_t)transfer->first + transfer->nr_pages * transfer->per_page;
	uint64_t blocks = (size + transfer->block_size - 1) / transfer->block_size;

	return (uint32_t)MAX(MIN(end, blocks), transfer->first);
}

long handle_write_pages(void *ctx, struct ipc_request *request, const struct fs_write_pages_request *rq,
			struct fs_write_pages_reply *rp)
{
	struct transfer transfer = { .write = true };
	struct ext4_id id;
	uint32_t at, end;
	long status = server_begin_at(rq->mtime_ns, rq->ino, rq->generation, &id);

	if (status < 0)
		return status;
	if (!transfer_init(&transfer, rq->pages, rq->nr_pages, rq->index, block_size()))
		return server_end(-EINVAL);
	if (!transfer_in_range(&transfer, rq->index) || rq->size > INT64_MAX)
		return server_end(-EFBIG);
	end = write_end(&transfer, rq->size);
	for (at = transfer.first; at < end && status == 0;)
		status = write_step(&transfer, id, &at, end, rq->size);
	rp->nr_pages = status == 0 ? rq->nr_pages : (at - transfer.first) / transfer.per_page;
	if (rp->nr_pages)
		status = write_finish(id, rq->mtime_ns, rp);
	rp->transaction = ext4_transaction(server.fs);
	return server_end_change(status);
}
