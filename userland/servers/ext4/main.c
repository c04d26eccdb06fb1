/* Start-up, mount and unmount, the frame around each request, the write-back timer. See server.h.
 */
#include "server.h"

#include <quoin/driver.h>

const char task_name[] = "ext4";

struct server server;

/* ---- the library's environment ---- */

static void *env_alloc(void *ctx, size_t len)
{
	return malloc(len);
}

static void env_free(void *ctx, void *ptr)
{
	free(ptr);
}

static void env_log(void *ctx, const char *fmt, va_list ap)
{
	vsnprintf(server.message, sizeof(server.message), fmt, ap);
	log_printf("%s", server.message);
}

static void env_now(void *ctx, struct ext4_time *out)
{
	*out = server.now;
}

/* server.lock is held around every call of the library */
static void env_locked(void *ctx)
{
}

static void env_init(void)
{
	server.env = (struct ext4_env){
		.ctx = &server.device,
		.device_bytes = server.device.nr_sectors * SECTOR_BYTES,
		.alloc = env_alloc,
		.free = env_free,
		.log = env_log,
		.now = env_now,
		.lock = env_locked,
		.unlock = env_locked,
		.read = metadata_read,
		.write = metadata_write,
		.flush = metadata_flush,
	};
}

/* ---- the frame around a request ---- */

static int64_t wall_clock_ns(void)
{
	return server.wall_offset_ns + (int64_t)clock_ns();
}

long server_begin(int64_t time_ns)
{
	mutex_lock(&server.lock);
	if (!server.fs) {
		mutex_unlock(&server.lock);
		return -ENODEV;
	}
	server.now = time_unpack(time_ns ? time_ns : wall_clock_ns());
	return 0;
}

long server_end(long status)
{
	mutex_unlock(&server.lock);
	return status;
}

long server_end_change(long status)
{
	if (!atomic_load(&server.sync_due))
		atomic_store(&server.sync_due, clock_ns() + WRITEBACK_NS);
	return server_end(status);
}

bool inode_of(uint64_t ino, uint32_t generation, struct ext4_id *out)
{
	*out = (struct ext4_id){ (uint32_t)ino, generation };
	return ino && ino <= UINT32_MAX;
}

long server_begin_at(int64_t time_ns, uint64_t ino, uint32_t generation, struct ext4_id *out)
{
	return inode_of(ino, generation, out) ? server_begin(time_ns) : -ESTALE;
}

void moving_begin(struct moving *moving, uint32_t ino)
{
	*moving = (struct moving){ server.moving, ino };
	server.moving = moving;
}

void moving_end(struct moving *moving)
{
	struct moving **link = &server.moving;

	while (*link != moving)
		link = &(*link)->next;
	*link = moving->next;
	condition_wake_all(&server.moved);
}

static bool moving_has(uint32_t ino)
{
	for (const struct moving *moving = server.moving; moving; moving = moving->next)
		if (!ino || moving->ino == ino)
			return true;
	return false;
}

void moving_wait(uint32_t ino)
{
	while (moving_has(ino))
		condition_wait(&server.moved, &server.lock);
}

/* ---- mount ---- */

static const char *refusal_text(long status)
{
	switch (-status) {
	case EIO:
		return "the disk cannot be read";
	case ENOMEM:
		return "not enough memory";
	case EROFS:
		return "the disk is read-only";
	case EBUSY:
		return "this server has a mount already";
	}
	return "it cannot be mounted";
}

/* a reply that says why; what the library said is more exact */
static long mount_refuse(struct ipc_request *request, struct fs_mount_reply *rp, long status)
{
	request->reply_on_error = true;
	snprintf(rp->message, sizeof(rp->message), "%s",
		 server.message[0] ? server.message : refusal_text(status));
	log_printf("mount refused: %s", rp->message);
	return status;
}

static long mount_device(const struct fs_mount_request *rq)
{
	long status;

	server.message[0] = 0;
	server.now = time_unpack(wall_clock_ns());
	status = device_open(&server.device, rq->block, rq->arena);
	if (status < 0)
		return status;
	if (server.device.read_only && !rq->read_only)
		status = -EROFS;
	if (status == 0) {
		env_init();
		status = ext4_mount(&server.env, rq->read_only ? EXT4_MOUNT_RDONLY : 0, &server.fs);
	}
	if (status < 0)
		device_close(&server.device);
	return status;
}

/* A server is for one mount: when that is over, or never began, the reply is the last thing it does. */
static void server_finish(void)
{
	quoin_task_kill(QUOIN_SELF_TASK, 0);
}

static long handle_mount(void *ctx, struct ipc_request *request, const struct fs_mount_request *rq,
			 struct fs_mount_reply *rp)
{
	struct ext4_statfs st;
	long status;

	mutex_lock(&server.lock);
	if (server.fs) {
		quoin_handle_close(rq->block);
		quoin_handle_close(rq->arena);
		server.message[0] = 0;
		return server_end(mount_refuse(request, rp, -EBUSY));
	}
	status = mount_device(rq);
	if (status < 0) {
		fs_mount_finish(request->token, mount_refuse(request, rp, status), rp);
		server_finish();
		return server_end(IPC_DEFERRED);
	}
	ext4_statfs(server.fs, &st);
	rp->root_ino = EXT4_ROOT.ino;
	rp->block_size = st.block_size;
	rp->read_only = st.readonly;
	return server_end(status);
}

static long handle_unmount(void *ctx, struct ipc_request *request, const struct fs_unmount_request *rq,
			   struct fs_unmount_reply *rp)
{
	long status = -ENODEV;

	mutex_lock(&server.lock);
	if (server.fs) {
		server.now = time_unpack(wall_clock_ns());
		moving_wait(0);
		status = ext4_unmount(server.fs);
		server.fs = NULL;
		atomic_store(&server.sync_due, 0);
		device_close(&server.device);
	}
	fs_unmount_finish(request->token, status, NULL);
	server_finish();
	return server_end(IPC_DEFERRED);
}

/* Writes back now; what stays in memory, for want of memory to write it, will be due again. */
static long server_sync(void)
{
	long status;

	atomic_store(&server.sync_due, 0);
	status = ext4_sync(server.fs);
	if (ext4_is_dirty(server.fs))
		atomic_store(&server.sync_due, clock_ns() + WRITEBACK_NS);
	return status;
}

static long handle_sync(void *ctx, struct ipc_request *request, const struct fs_sync_request *rq,
			struct fs_sync_reply *rp)
{
	long status = server_begin(0);

	if (status < 0)
		return status;
	status = server_sync();
	rp->transaction = ext4_committed(server.fs);
	return server_end(status);
}

static long handle_shrink(void *ctx, struct ipc_request *request, const struct fs_shrink_request *rq,
			  struct fs_shrink_reply *rp)
{
	long status = server_begin(0);

	if (status < 0)
		return status;
	ext4_shrink(server.fs);
	return server_end(0);
}

/* ---- the write-back timer: whichever worker is idle when it is due ---- */

static uint64_t on_deadline(void *ctx)
{
	uint64_t due = atomic_load(&server.sync_due);

	return due ? due : QUOIN_DEADLINE_NEVER;
}

static void on_expired(void *ctx)
{
	uint64_t due = atomic_load(&server.sync_due);

	if (!due || clock_ns() < due || !atomic_compare_exchange_strong(&server.sync_due, &due, 0))
		return;
	if (server_begin(0) < 0)
		return;
	if (ext4_is_dirty(server.fs))
		server_sync();
	server_end(0);
}

/* ---- start ---- */

static const struct fs_ops ops = {
	.mount = handle_mount,
	.unmount = handle_unmount,
	.statfs = handle_statfs,
	.lookup = handle_lookup,
	.getattr = handle_getattr,
	.setattr = handle_setattr,
	.create = handle_create,
	.link = handle_link,
	.unlink = handle_unlink,
	.rename = handle_rename,
	.readdir = handle_readdir,
	.readlink = handle_readlink,
	.read_pages = handle_read_pages,
	.write_pages = handle_write_pages,
	.sync = handle_sync,
	.shrink = handle_shrink,
	.forget = handle_forget,
};

static struct ipc_server ipc = {
	.dispatch = fs_dispatch,
	.ops = &ops,
	.deadline = on_deadline,
	.expired = on_expired,
};

static void worker(void *ctx)
{
	panic("serving ended: error %ld", -ipc_serve(&ipc));
}

static void wall_clock_get(void)
{
	const struct devmgr_wall_clock_request rq = {};
	struct devmgr_wall_clock_reply rp;

	if (devmgr_wall_clock(QUOIN_SUPERVISOR, &rq, &rp) == 0)
		server.wall_offset_ns = rp.offset_ns;
}

int task_main(uint64_t argument)
{
	const struct thread_options options = { .name = "ext4", .sched_class = QUOIN_SCHED_SERVER };
	struct devmgr_device_reply self;

	mutex_init(&server.lock, "ext4", RANK_SERVER);
	if (driver_device(&self) < 0)
		panic("the supervisor does not answer");
	wall_clock_get();
	ipc.endpoint = driver_endpoint(self.name, 0);
	for (int i = 1; i < NR_WORKERS; i++)
		if (thread_spawn(&options, worker, NULL, NULL) < 0)
			panic("cannot start a worker");
	driver_serve(&ipc);
}
