/*
 * The ext4 server: one mount, between the POSIX server and a disk.
 *
 * What ext4 is, the library knows (userland/lib/ext4).  The server gives it a disk, by the block
 * protocol, and gives the POSIX server its operations, by the fs protocol:
 *
 *	main.c     mount and unmount, the worker threads, the timer that writes back
 *	names.c    requests about names, attributes and directories
 *	data.c     requests that move pages: the library says where, the disk's driver moves them
 *	           between the disk and the client's arena by DMA; no data passes through here
 *	device.c   the disk, and the memory that its driver moves data to and from
 *
 * Threads: several workers take requests from one endpoint.  server.lock is held around each call
 * of the library, so also while that reads or writes metadata, and never while data moves.
 *
 * While a request moves data, its file is in server.moving, and who would free blocks of that file
 * (truncate, the last forget, unmount) waits until it is not.
 *
 * Locks, in order: server.lock, the block client's.
 */
#ifndef EXT4_SERVER_H
#define EXT4_SERVER_H

#include <quoin/runtime.h>
#include <quoin/sync.h>
#include <quoin/block.h>
#include <proto/fs.h>

#include "ext4/ext4.h"

#include <errno.h>

#define NR_WORKERS   4
#define WRITEBACK_NS (5 * 1000000000ULL) /* metadata stays in memory at most this long */
#define SECTOR_BYTES 512u
#define BOUNCE_BYTES (128u << 10)
#define MAX_SEGMENTS 64

enum { RANK_SERVER = 1, RANK_DEVICE };

/* Memory that the disk's driver moves data to and from; all set by mount. */
struct region {
	quoin_handle memory;
	char *address; /* its mapping here */
	uint64_t bytes;
	uint32_t index; /* its name at the block client */
};

/* All set by mount. */
struct device {
	struct block_client client;
	uint64_t nr_sectors;
	uint32_t max_segments;
	bool read_only;
	struct region bounce; /* for metadata; its contents under server.lock */
	struct region arena;  /* the client's pages */
};

/* a request that moves data, on its worker's stack */
struct moving {
	struct moving *next;
	uint32_t ino;
};

/* Legend: [s] server.lock, [I] set by mount. */
struct server {
	struct mutex lock;
	struct condition moved; /* some request left `moving` */
	struct ext4_fs *fs;     /* [s] NULL: not mounted */
	struct ext4_env env;    /* [I] */
	struct device device;
	struct moving *moving;     /* [s] */
	struct ext4_time now;      /* [s] the time of the request in work */
	int64_t wall_offset_ns;    /* [I] */
	_Atomic uint64_t sync_due; /* monotonic; when to write back, 0: nothing to write */
	char message[160];         /* [s] the last thing the library said */
};

extern struct server server;

/* main.c */
long server_begin(int64_t time_ns); /* takes the lock; -ENODEV without a mount */
/* the same for a request about one inode; -ESTALE for a number that cannot be one */
long server_begin_at(int64_t time_ns, uint64_t ino, uint32_t generation, struct ext4_id *out);
long server_end(long status);        /* drops it */
long server_end_change(long status); /* the same after a change: it will be written back */
/* an inode as a client names it; false for a number that cannot be one */
bool inode_of(uint64_t ino, uint32_t generation, struct ext4_id *out);
void moving_begin(struct moving *moving, uint32_t ino);
void moving_end(struct moving *moving);
void moving_wait(uint32_t ino); /* 0: all */

/* device.c */
long device_open(struct device *device, quoin_handle endpoint, quoin_handle arena);
void device_close(struct device *device);
char *arena_page(uint32_t number); /* NULL: there is none */
long device_rw(struct device *device, const struct region *region, struct block_rw_request *rq);
long device_flush(struct device *device);
int metadata_read(void *ctx, uint64_t offset, void *buffer, size_t len);
int metadata_write(void *ctx, uint64_t offset, const void *buffer, size_t len);
int metadata_flush(void *ctx);

/* names.c */
void attr_pack(const struct ext4_attr *from, struct fs_attr *to);
struct ext4_time time_unpack(int64_t ns);
long handle_statfs(void *, struct ipc_request *, const struct fs_statfs_request *, struct fs_statfs_reply *);
long handle_lookup(void *, struct ipc_request *, const struct fs_lookup_request *, struct fs_lookup_reply *);
long handle_getattr(void *, struct ipc_request *, const struct fs_getattr_request *, struct fs_getattr_reply *);
long handle_setattr(void *, struct ipc_request *, const struct fs_setattr_request *, struct fs_setattr_reply *);
long handle_create(void *, struct ipc_request *, const struct fs_create_request *, struct fs_create_reply *);
long handle_link(void *, struct ipc_request *, const struct fs_link_request *, struct fs_link_reply *);
long handle_unlink(void *, struct ipc_request *, const struct fs_unlink_request *, struct fs_unlink_reply *);
long handle_rename(void *, struct ipc_request *, const struct fs_rename_request *, struct fs_rename_reply *);
long handle_readdir(void *, struct ipc_request *, const struct fs_readdir_request *, struct fs_readdir_reply *);
long handle_readlink(void *, struct ipc_request *, const struct fs_readlink_request *,
		     struct fs_readlink_reply *);
long handle_forget(void *, struct ipc_request *, const struct fs_forget_request *, struct fs_forget_reply *);

/* data.c */
long handle_read_pages(void *, struct ipc_request *, const struct fs_read_pages_request *,
		       struct fs_read_pages_reply *);
long handle_write_pages(void *, struct ipc_request *, const struct fs_write_pages_request *,
			struct fs_write_pages_reply *);

#endif
