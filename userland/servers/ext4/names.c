/* Requests about names, attributes and directories: unpack, check, call the library, pack. */
#include "server.h"

#define NS_PER_SECOND 1000000000LL

/* ---- times, devices, attributes ---- */

static int64_t time_pack(struct ext4_time time)
{
	const int64_t last = INT64_MAX / NS_PER_SECOND - 1;

	return MAX(MIN(time.sec, last), -last) * NS_PER_SECOND + time.nsec;
}

struct ext4_time time_unpack(int64_t ns)
{
	int64_t sec = ns / NS_PER_SECOND;
	int64_t rest = ns % NS_PER_SECOND;

	if (rest < 0) {
		sec--;
		rest += NS_PER_SECOND;
	}
	return (struct ext4_time){ sec, (uint32_t)rest };
}

static uint32_t device_pack(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12;
}

void attr_pack(const struct ext4_attr *from, struct fs_attr *to)
{
	*to = (struct fs_attr){
		.ino = from->id.ino,
		.generation = from->id.gen,
		.mode = from->mode,
		.uid = from->uid,
		.gid = from->gid,
		.size = from->size,
		.blocks = from->sectors,
		.nlink = from->nlink,
		.rdev = device_pack(from->major, from->minor),
		.atime_ns = time_pack(from->atime),
		.mtime_ns = time_pack(from->mtime),
		.ctime_ns = time_pack(from->ctime),
		.btime_ns = time_pack(from->btime),
		.flags = from->flags,
	};
}

static void attr_unpack(const struct fs_attr *from, struct ext4_attr *to)
{
	*to = (struct ext4_attr){
		.mode = from->mode,
		.uid = from->uid,
		.gid = from->gid,
		.flags = from->flags,
		.size = from->size,
		.atime = time_unpack(from->atime_ns),
		.mtime = time_unpack(from->mtime_ns),
		.ctime = time_unpack(from->ctime_ns),
	};
}

/* The end of a change: what the client shall know of the inode, and which transaction the change belongs to. */
static long end_with_attr(long status, const struct ext4_attr *attr, struct fs_attr *out, uint64_t *transaction)
{
	if (status == 0)
		attr_pack(attr, out);
	*transaction = ext4_transaction(server.fs);
	return server_end_change(status);
}

/* ---- attributes ---- */

long handle_statfs(void *ctx, struct ipc_request *request, const struct fs_statfs_request *rq,
		   struct fs_statfs_reply *rp)
{
	struct ext4_statfs st;
	long status = server_begin(0);

	if (status < 0)
		return status;
	ext4_statfs(server.fs, &st);
	rp->blocks = st.blocks;
	rp->blocks_free = st.blocks_free;
	rp->blocks_available = st.blocks_avail;
	rp->inodes = st.inodes;
	rp->inodes_free = st.inodes_free;
	rp->block_size = st.block_size;
	rp->name_max = st.name_max;
	memcpy(&rp->fsid, st.uuid, sizeof(rp->fsid));
	memcpy(rp->label, st.label, sizeof(rp->label));
	memcpy(rp->uuid, st.uuid, sizeof(rp->uuid));
	return server_end(0);
}

long handle_getattr(void *ctx, struct ipc_request *request, const struct fs_getattr_request *rq,
		    struct fs_getattr_reply *rp)
{
	struct ext4_attr attr;
	struct ext4_id id;
	long status = server_begin_at(0, rq->ino, rq->generation, &id);

	if (status < 0)
		return status;
	status = ext4_getattr(server.fs, id, &attr);
	if (status == 0)
		attr_pack(&attr, &rp->attr);
	return server_end(status);
}

_Static_assert(EXT4_SET_MODE == 1 << 0 && EXT4_SET_UID == 1 << 1 && EXT4_SET_GID == 1 << 2 &&
		       EXT4_SET_SIZE == 1 << 3 && EXT4_SET_ATIME == 1 << 4 && EXT4_SET_MTIME == 1 << 5 &&
		       EXT4_SET_CTIME == 1 << 6 && EXT4_SET_FLAGS == 1 << 7,
	       "the bits of the protocol's `valid`");

long handle_setattr(void *ctx, struct ipc_request *request, const struct fs_setattr_request *rq,
		    struct fs_setattr_reply *rp)
{
	struct ext4_attr in, out;
	struct ext4_id id;
	long status;

	if (rq->valid & ~0xffu)
		return -EINVAL;
	attr_unpack(&rq->attr, &in);
	status = server_begin_at(0, rq->attr.ino, rq->attr.generation, &id);
	if (status < 0)
		return status;
	if (rq->valid & EXT4_SET_SIZE)
		moving_wait(id.ino);
	status = ext4_setattr(server.fs, id, rq->valid, &in, &out);
	return end_with_attr(status, &out, &rp->attr, &rp->transaction);
}

long handle_forget(void *ctx, struct ipc_request *request, const struct fs_forget_request *rq,
		   struct fs_forget_reply *rp)
{
	struct ext4_id id;
	long status = server_begin_at(0, rq->ino, rq->generation, &id);

	if (status < 0)
		return status;
	moving_wait(id.ino);
	return server_end_change(ext4_forget(server.fs, id));
}

/* ---- names ---- */

long handle_lookup(void *ctx, struct ipc_request *request, const struct fs_lookup_request *rq,
		   struct fs_lookup_reply *rp)
{
	struct ext4_attr attr;
	struct ext4_id dir;
	long status = server_begin_at(0, rq->dir, rq->generation, &dir);

	if (status < 0)
		return status;
	status = ext4_lookup(server.fs, dir, (const char *)rq->name, rq->name_len, &attr);
	if (status == 0)
		attr_pack(&attr, &rp->attr);
	return server_end(status);
}

long handle_create(void *ctx, struct ipc_request *request, const struct fs_create_request *rq,
		   struct fs_create_reply *rp)
{
	struct ext4_new new = {
		.mode = rq->mode,
		.uid = rq->uid,
		.gid = rq->gid,
		.major = rq->rdev >> 8 & 0xfff,
		.minor = (rq->rdev & 0xff) | (rq->rdev >> 12 & 0xfff00),
		.target_len = rq->target_len,
	};
	struct ext4_attr attr;
	struct ext4_id dir;
	long status;

	status = server_begin_at(rq->time_ns, rq->dir, rq->generation, &dir);
	if (status < 0)
		return status;
	new.target = arena_page(rq->target_page);
	if (new.target_len && (!new.target || new.target_len > QUOIN_PAGE_SIZE))
		return server_end(-EINVAL);
	status = ext4_create(server.fs, dir, (const char *)rq->name, rq->name_len, &new, &attr);
	return end_with_attr(status, &attr, &rp->attr, &rp->transaction);
}

long handle_link(void *ctx, struct ipc_request *request, const struct fs_link_request *rq,
		 struct fs_link_reply *rp)
{
	struct ext4_attr attr;
	struct ext4_id dir, id;
	long status;

	if (!inode_of(rq->dir, rq->dir_generation, &dir) || !inode_of(rq->ino, rq->generation, &id))
		return -ESTALE;
	status = server_begin(rq->time_ns);
	if (status < 0)
		return status;
	status = ext4_link(server.fs, id, dir, (const char *)rq->name, rq->name_len, &attr);
	return end_with_attr(status, &attr, &rp->attr, &rp->transaction);
}

long handle_unlink(void *ctx, struct ipc_request *request, const struct fs_unlink_request *rq,
		   struct fs_unlink_reply *rp)
{
	struct ext4_attr attr;
	struct ext4_id dir;
	long status = server_begin_at(rq->time_ns, rq->dir, rq->generation, &dir);

	if (status < 0)
		return status;
	status = (rq->flags & 1 ? ext4_rmdir : ext4_unlink)(server.fs, dir, (const char *)rq->name,
							    rq->name_len, &attr);
	return end_with_attr(status, &attr, &rp->attr, &rp->transaction);
}

_Static_assert(EXT4_RENAME_NOREPLACE == 1 && EXT4_RENAME_EXCHANGE == 2, "as in the protocol");

long handle_rename(void *ctx, struct ipc_request *request, const struct fs_rename_request *rq,
		   struct fs_rename_reply *rp)
{
	const char *text = (const char *)rq->text;
	struct ext4_id dir, to_dir;
	struct ext4_attr attr;
	long status;

	if ((uint32_t)rq->old_len + rq->new_len > rq->text_len)
		return -QERR_PROTO;
	if (!inode_of(rq->old_dir, rq->old_generation, &dir) ||
	    !inode_of(rq->new_dir, rq->new_generation, &to_dir))
		return -ESTALE;
	status = server_begin(rq->time_ns);
	if (status < 0)
		return status;
	status = ext4_rename(server.fs, dir, text, rq->old_len, to_dir, text + rq->old_len, rq->new_len,
			     rq->flags, &attr);
	if (status == 0 && attr.id.ino)
		attr_pack(&attr, &rp->replaced);
	rp->transaction = ext4_transaction(server.fs);
	return server_end_change(status);
}

/* ---- contents of directories and links ---- */

#define ENTRY_HEAD 18 /* u64 ino, u64 next cookie, u8 type, u8 length of the name */

/* the disk's file_type as DT_* */
static uint8_t entry_type(uint8_t type)
{
	static const uint8_t types[] = { 0, 8, 4, 2, 6, 1, 12, 10 };

	return type < array_length(types) ? types[type] : 0;
}

static bool entry_add(void *ctx, const struct ext4_dirent *entry)
{
	struct fs_readdir_reply *rp = ctx;
	uint32_t len = ALIGN_UP(ENTRY_HEAD + entry->name_len, 8);
	uint8_t *to = rp->entries + rp->entries_len;
	uint64_t ino = entry->ino;

	if (len > sizeof(rp->entries) - rp->entries_len)
		return false;
	memset(to, 0, len);
	memcpy(to, &ino, 8);
	memcpy(to + 8, &entry->cookie, 8);
	to[16] = entry_type(entry->type);
	to[17] = entry->name_len;
	memcpy(to + ENTRY_HEAD, entry->name, entry->name_len);
	rp->entries_len += len;
	return true;
}

long handle_readdir(void *ctx, struct ipc_request *request, const struct fs_readdir_request *rq,
		    struct fs_readdir_reply *rp)
{
	struct ext4_id dir;
	long status = server_begin_at(0, rq->dir, rq->generation, &dir);

	if (status < 0)
		return status;
	return server_end(ext4_readdir(server.fs, dir, rq->cookie, entry_add, rp));
}

long handle_readlink(void *ctx, struct ipc_request *request, const struct fs_readlink_request *rq,
		     struct fs_readlink_reply *rp)
{
	struct ext4_id id;
	long status = server_begin_at(0, rq->ino, rq->generation, &id);
	char *target;

	if (status < 0)
		return status;
	target = arena_page(rq->page);
	status = target ? ext4_readlink(server.fs, id, target, QUOIN_PAGE_SIZE) : -EINVAL;
	if (status > 0)
		rp->len = (uint32_t)status;
	return server_end(MIN(status, 0));
}
