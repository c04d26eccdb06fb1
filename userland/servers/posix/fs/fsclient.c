/* SPDX-License-Identifier: MIT */
/*
 * File systems served by another task, over the fs protocol (sysroot/abi/proto/fs.proto).
 *
 * This side holds names, inodes and pages; the server holds what is on the disk.  Any number of threads
 * call at once; the server sorts them.  What changes names is sent at once, under the directory's lock;
 * pages and times go with write-back.  An inode is known to the server by number and generation only.
 * When the server dies its mount is lost: all calls fail with EIO from then on.
 */
#include <quoin/block.h>
#include <quoin/runtime.h>
#include <proto/devmgr.h>
#include <proto/fs.h>

#include "dentry.h"
#include "device.h"
#include "file.h"
#include "fsclient.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "linux/system.h"
#include "lockrank.h"
#include "mount.h"
#include "page.h"
#include "pagecache.h"
#include "page_pool.h"

struct fsclient {
	quoin_handle endpoint;
	quoin_handle block;    /* the device; stays the device table's */
	uint32_t session;      /* of the server at the device; 0: none yet */
	bool server_read_only; /* the server refuses writes, whatever the mount's flags say */
	bool unmounted;
};

static const struct inode_ops fsclient_inode_ops;
static const struct file_ops fsclient_file_ops, fsclient_dir_ops;

static inline quoin_handle endpoint_of(const struct inode *inode)
{
	return ((struct fsclient *)inode->sb->private)->endpoint;
}

/* What the protocol calls an error is Linux's number, but for those that mean a broken server, or nothing. */
static int fs_error(long status)
{
	switch (status) {
	case -QERR_PEER_DEAD:
	case -QERR_PROTO:
	case -QERR_TIMEDOUT:
	case -QERR_CANCELED:
	case -QERR_BADF:
		return -EIO;
	default:
		return status < -EHWPOISON ? -EIO : (int)status;
	}
}

/* ---- inodes ---- */

static void inode_take_times(struct inode *inode, const struct fs_attr *attr)
{
	inode->mtime_ns = attr->mtime_ns;
	inode->ctime_ns = attr->ctime_ns;
}

static void inode_fill(struct inode *inode, const void *data)
{
	const struct fs_attr *attr = data;

	inode->ops = &fsclient_inode_ops;
	inode->mode = attr->mode;
	inode->uid = attr->uid;
	inode->gid = attr->gid;
	inode->nlink = attr->nlink;
	inode->rdev = attr->rdev;
	inode->size = attr->size > INT64_MAX ? 0 : (int64_t)attr->size;
	inode->blocks = attr->blocks;
	inode->atime_ns = attr->atime_ns;
	inode->btime_ns = attr->btime_ns;
	inode_take_times(inode, attr);
	inode->file_ops = inode_special_ops(inode->mode);
	if (!inode->file_ops)
		inode->file_ops = inode_is_dir(inode) ? &fsclient_dir_ops : &fsclient_file_ops;
}

static struct inode *inode_from_attr(struct superblock *sb, const struct fs_attr *attr)
{
	return inode_obtain(sb, attr->ino, attr->generation, inode_fill, attr);
}

static int instantiate(struct inode *dir, struct dentry *dentry, const struct fs_attr *attr)
{
	struct inode *inode;

	if (!attr->ino)
		return -EIO;
	inode = inode_from_attr(dir->sb, attr);
	if (!inode)
		return -ENOMEM;
	dentry_instantiate(dentry, inode);
	return 0;
}

/* A subdirectory's `..` is a link of the directory, of which 1 says that there are too many to count. */
static void dir_link_add(struct inode *dir)
{
	if (dir->nlink > 1)
		dir->nlink++;
}

static void dir_link_drop(struct inode *dir)
{
	if (dir->nlink > 2)
		dir->nlink--;
}

/* A directory whose entries changed; the server has set the same times. */
static void dir_changed(struct inode *dir, int64_t now)
{
	dir->mtime_ns = dir->ctime_ns = now;
}

/* ---- names ---- */

static int fsclient_lookup(struct inode *dir, struct dentry *dentry)
{
	struct fs_lookup_request request = {
		.dir = dir->ino,
		.generation = dir->generation,
		.name_len = dentry->len,
	};
	struct fs_lookup_reply reply;
	int error;

	memcpy(request.name, dentry->name, dentry->len);
	error = fs_error(fs_lookup(endpoint_of(dir), &request, &reply));
	if (error == -ENOENT)
		return 0;
	return error ? error : instantiate(dir, dentry, &reply.attr);
}

/* Makes the name, with the new inode's target in a page of the arena, if it has one. */
static int create_call(struct inode *dir, struct fs_create_request *request, const char *target,
		       struct fs_create_reply *reply)
{
	struct page *page;
	int error;

	if (!target)
		return fs_error(fs_create(endpoint_of(dir), request, reply));
	page = page_alloc(false);
	if (!page)
		return -ENOMEM;
	request->target_len = (uint32_t)strlen(target);
	request->target_page = page_number(page);
	memcpy(page_address(page), target, request->target_len);
	error = fs_error(fs_create(endpoint_of(dir), request, reply));
	page_put(page);
	return error;
}

static int fsclient_create(struct inode *dir, struct dentry *dentry, const struct inode_new *new)
{
	struct fs_create_request request = {
		.dir = dir->ino,
		.generation = dir->generation,
		.mode = new->mode,
		.uid = new->uid,
		.gid = new->gid,
		.rdev = new->rdev,
		.name_len = dentry->len,
		.time_ns = inode_now(),
	};
	struct fs_create_reply reply;
	int error;

	memcpy(request.name, dentry->name, dentry->len);
	error = create_call(dir, &request, new->target, &reply);
	if (error)
		return error;
	error = instantiate(dir, dentry, &reply.attr);
	if (error) {
		dentry_kill(dentry); /* the name is on the disk: it must not be cached as absent */
		return error;
	}
	dir_changed(dir, request.time_ns);
	if (inode_is_dir(dentry->inode))
		dir_link_add(dir);
	return 0;
}

static int fsclient_link(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	struct fs_link_request request = {
		.dir = dir->ino,
		.dir_generation = dir->generation,
		.ino = inode->ino,
		.generation = inode->generation,
		.time_ns = inode_now(),
		.name_len = dentry->len,
	};
	struct fs_link_reply reply;
	int error;

	memcpy(request.name, dentry->name, dentry->len);
	error = fs_error(fs_link(endpoint_of(dir), &request, &reply));
	if (error)
		return error;
	inode->nlink = reply.attr.nlink;
	inode->ctime_ns = request.time_ns;
	dir_changed(dir, request.time_ns);
	dentry_instantiate(dentry, inode_get(inode));
	return 0;
}

static int remove_name(struct inode *dir, struct dentry *dentry, bool directory)
{
	struct fs_unlink_request request = {
		.dir = dir->ino,
		.generation = dir->generation,
		.flags = directory,
		.time_ns = inode_now(),
		.name_len = dentry->len,
	};
	struct fs_unlink_reply reply;
	int error;

	memcpy(request.name, dentry->name, dentry->len);
	error = fs_error(fs_unlink(endpoint_of(dir), &request, &reply));
	if (error)
		return error;
	dentry->inode->nlink = directory ? 0 : reply.attr.nlink;
	dentry->inode->ctime_ns = request.time_ns;
	dir_changed(dir, request.time_ns);
	if (directory)
		dir_link_drop(dir);
	return 0;
}

static int fsclient_unlink(struct inode *dir, struct dentry *dentry)
{
	return remove_name(dir, dentry, false);
}

static int fsclient_rmdir(struct inode *dir, struct dentry *dentry)
{
	return remove_name(dir, dentry, true);
}

/* Link counts after a rename, as the server has them now. */
static void rename_counts(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new,
			  unsigned flags, const struct fs_attr *replaced)
{
	struct inode *inode = old->inode, *target = new->inode;
	bool target_dir = target && inode_is_dir(target);

	if (flags & LINUX_RENAME_EXCHANGE) {
		if (inode_is_dir(inode) != target_dir) {
			dir_link_drop(target_dir ? new_dir : old_dir);
			dir_link_add(target_dir ? old_dir : new_dir);
		}
		return;
	}
	if (target)
		target->nlink = target_dir ? 0 : replaced->nlink;
	if (target_dir)
		dir_link_drop(new_dir);
	if (inode_is_dir(inode)) {
		dir_link_drop(old_dir);
		dir_link_add(new_dir);
	}
}

static int fsclient_rename(struct inode *old_dir, struct dentry *old, struct inode *new_dir, struct dentry *new,
			   unsigned flags)
{
	struct fs_rename_request request = {
		.old_dir = old_dir->ino,
		.old_generation = old_dir->generation,
		.new_dir = new_dir->ino,
		.new_generation = new_dir->generation,
		.flags = flags,
		.old_len = old->len,
		.new_len = new->len,
		.time_ns = inode_now(),
		.text_len = (uint32_t)old->len + new->len,
	};
	struct fs_rename_reply reply;
	int error;

	memcpy(request.text, old->name, old->len);
	memcpy(request.text + old->len, new->name, new->len);
	error = fs_error(fs_rename(endpoint_of(old_dir), &request, &reply));
	if (error)
		return error;
	rename_counts(old_dir, old, new_dir, new, flags, &reply.replaced);
	old->inode->ctime_ns = request.time_ns;
	dir_changed(old_dir, request.time_ns);
	dir_changed(new_dir, request.time_ns);
	return 0;
}

#define ENTRY_HEAD 18 /* u64 ino, u64 next cookie, u8 type, u8 length of the name */

static bool entry_name_ok(const char *name, size_t len)
{
	return len && !memchr(name, '/', len) && !memchr(name, '\0', len);
}

/*
 * One reply's entries, checked: the server is trusted with no length, name or cookie.  1: go on; 0: the caller has
 * what it takes; -EIO: they are none.
 */
static int readdir_emit(struct dir_context *context, const uint8_t *at, uint32_t len)
{
	while (len) {
		const char *name = (const char *)at + ENTRY_HEAD;
		uint32_t name_len = len < ENTRY_HEAD ? 0 : at[17], record = ALIGN_UP(ENTRY_HEAD + name_len, 8u);
		uint64_t ino, next;

		if (record > len || !entry_name_ok(name, name_len))
			return -EIO;
		memcpy(&ino, at, 8);
		memcpy(&next, at + 8, 8);
		if (next > INT64_MAX)
			return -EIO;
		if (!context->emit(context, name, name_len, ino, at[16], (int64_t)next))
			return 0;
		at += record;
		len -= record;
	}
	return 1;
}

static int fsclient_readdir(struct file *file, struct dir_context *context)
{
	struct inode *dir = file->inode;
	struct fs_readdir_request request = { .dir = dir->ino, .generation = dir->generation };
	struct fs_readdir_reply *reply = malloc(sizeof(*reply));
	int result = 1;

	if (!reply)
		return -ENOMEM;
	while (result > 0) {
		request.cookie = (uint64_t)context->pos;
		result = fs_error(fs_readdir(endpoint_of(dir), &request, reply));
		if (!result && reply->entries_len)
			result = readdir_emit(context, reply->entries, reply->entries_len);
		if (result > 0 && request.cookie == (uint64_t)context->pos)
			result = -EIO;
	}
	free(reply);
	return result;
}

static int readlink_call(struct inode *inode, struct page *page)
{
	const struct fs_readlink_request request = {
		.ino = inode->ino,
		.generation = inode->generation,
		.page = page_number(page),
	};
	struct fs_readlink_reply reply;
	char *link, *nobody = NULL;
	int error = fs_error(fs_readlink(endpoint_of(inode), &request, &reply));

	if (error)
		return error;
	if (!reply.len || reply.len > QUOIN_PAGE_SIZE)
		return -EIO;
	link = malloc(reply.len + 1);
	if (!link)
		return -ENOMEM;
	memcpy(link, page_address(page), reply.len);
	link[reply.len] = '\0';
	/* Two threads may read it at once: the first one's copy stays. */
	if (!__atomic_compare_exchange_n(&inode->link, &nobody, link, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		free(link);
	return 0;
}

static int fsclient_readlink(struct inode *inode)
{
	struct page *page = page_alloc(false);
	int error;

	if (!page)
		return -ENOMEM;
	error = readlink_call(inode, page);
	page_put(page);
	return error;
}

/* ---- attributes and pages ---- */

static int fsclient_setattr(struct inode *inode, const struct inode_attr *attr)
{
	struct fs_setattr_request request = {
		.valid = attr->valid,
		.attr = {
			.ino = inode->ino,
			.generation = inode->generation,
			.mode = (inode->mode & LINUX_S_IFMT) | (attr->mode & 07777),
			.uid = attr->uid,
			.gid = attr->gid,
			.size = (uint64_t)attr->size,
			.atime_ns = attr->atime_ns,
			.mtime_ns = attr->mtime_ns,
			.ctime_ns = attr->ctime_ns,
		},
	};
	struct fs_setattr_reply reply;
	int error = fs_error(fs_setattr(endpoint_of(inode), &request, &reply));

	if (!error)
		inode->blocks = reply.attr.blocks;
	return error;
}

static long fsclient_read_pages(struct inode *inode, uint64_t index, struct page **pages, unsigned nr)
{
	struct fs_read_pages_request request;
	struct fs_read_pages_reply reply;
	int error;

	request.ino = inode->ino;
	request.generation = inode->generation;
	request.nr_pages = nr;
	request.index = index;
	for (unsigned i = 0; i < array_length(request.pages); i++)
		request.pages[i] = i < nr ? page_number(pages[i]) : 0;
	error = fs_error(fs_read_pages(endpoint_of(inode), &request, &reply));
	return error ? error : (long)MIN(reply.nr_pages, nr);
}

static long fsclient_write_pages(struct inode *inode, uint64_t index, struct page **pages, unsigned nr)
{
	struct fs_write_pages_request request;
	struct fs_write_pages_reply reply;
	int error;

	request.ino = inode->ino;
	request.generation = inode->generation;
	request.nr_pages = nr;
	request.index = index;
	request.size = (uint64_t)inode->size;
	request.mtime_ns = inode->mtime_ns;
	for (unsigned i = 0; i < array_length(request.pages); i++)
		request.pages[i] = i < nr ? page_number(pages[i]) : 0;
	error = fs_error(fs_write_pages(endpoint_of(inode), &request, &reply));
	if (error)
		return error;
	inode->blocks = reply.attr.blocks;
	return (long)MIN(reply.nr_pages, nr);
}

static int fsclient_fsync(struct inode *inode, bool data_only)
{
	struct fs_sync_request request = { .ino = inode->ino };

	(void)data_only;
	return fs_error(fs_sync(endpoint_of(inode), &request, NULL));
}

static void fsclient_evict(struct inode *inode)
{
	struct fs_forget_request request = { .ino = inode->ino, .generation = inode->generation };

	if (!inode->nlink && !((struct fsclient *)inode->sb->private)->unmounted)
		fs_forget(endpoint_of(inode), &request, NULL);
}

static const struct inode_ops fsclient_inode_ops = {
	.lookup = fsclient_lookup,
	.create = fsclient_create,
	.link = fsclient_link,
	.unlink = fsclient_unlink,
	.rmdir = fsclient_rmdir,
	.rename = fsclient_rename,
	.readlink = fsclient_readlink,
	.setattr = fsclient_setattr,
	.read_pages = fsclient_read_pages,
	.write_pages = fsclient_write_pages,
	.fsync = fsclient_fsync,
	.evict = fsclient_evict,
};

static int64_t fsclient_llseek(struct file *file, int64_t offset, int whence)
{
	return file_seek_size(file, offset, whence, inode_is_dir(file->inode) ? INT64_MAX : file->inode->size);
}

static const struct file_ops fsclient_file_ops = {
	.read = pagecache_read,
	.write = pagecache_write,
	.mmap = pagecache_mmap,
	.llseek = fsclient_llseek,
	.fsync = pagecache_fsync,
};

static long dir_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	(void)file;
	(void)iter;
	(void)pos;
	return -EISDIR;
}

static const struct file_ops fsclient_dir_ops = {
	.read = dir_read,
	.readdir = fsclient_readdir,
	.llseek = fsclient_llseek,
	.fsync = pagecache_fsync,
};

/* ---- the file system ---- */

static int fsclient_statfs(struct superblock *sb, struct linux_statfs *out)
{
	struct fsclient *client = sb->private;
	struct fs_statfs_request request = {};
	struct fs_statfs_reply reply = {};
	int error = fs_error(fs_statfs(client->endpoint, &request, &reply));

	if (error)
		return error;
	out->f_type = sb->magic;
	out->f_bsize = out->f_frsize = reply.block_size;
	out->f_blocks = reply.blocks;
	out->f_bfree = reply.blocks_free;
	out->f_bavail = reply.blocks_available;
	out->f_files = reply.inodes;
	out->f_ffree = reply.inodes_free;
	out->f_namelen = reply.name_max;
	return 0;
}

static int fsclient_sync(struct superblock *sb)
{
	struct fsclient *client = sb->private;
	struct fs_sync_request request = {};

	/* Without a client yet: a mount is under way. */
	if (!client || sb->read_only || client->unmounted)
		return 0;
	return fs_error(fs_sync(client->endpoint, &request, NULL));
}

static void fsclient_shrink(struct superblock *sb)
{
	struct fsclient *client = sb->private;
	struct fs_shrink_request request = {};

	if (client && !client->unmounted)
		fs_shrink(client->endpoint, &request, NULL);
}

static int fsclient_remount(struct superblock *sb, unsigned flags)
{
	struct fsclient *client = sb->private;

	return !(flags & LINUX_MS_RDONLY) && client->server_read_only ? -EROFS : 0;
}

/* Files without names that are still open when the machine stops: they must not stay on the disk. */
static void forget_nameless(struct superblock *sb)
{
	struct inode *inode;

	mutex_lock(&sb->table_lock);
	for (unsigned i = 0; i < INODE_TABLE_BUCKETS; i++)
		list_for_each_entry (inode, &sb->table[i], table_link)
			fsclient_evict(inode);
	mutex_unlock(&sb->table_lock);
}

/* What the server uses the device through, so that nothing of it stays there when it has crashed. */
static int session_open(struct fsclient *client, quoin_handle *endpoint)
{
	static _Atomic uint32_t nr_sessions;
	uint32_t number = atomic_fetch_add(&nr_sessions, 1) + 1;
	struct block_open_session_reply reply = {};
	struct block_client block;
	int error;

	block_client_init(&block, client->block, LOCK_LEAF);
	error = fs_error(block_client_open_session(&block, number, &reply));
	if (error)
		return error;
	client->session = number;
	*endpoint = reply.endpoint;
	return 0;
}

/* A driver that is dead need not be told: the next one knows of no sessions. */
static void session_close(const struct fsclient *client)
{
	const struct block_close_session_request request = { .number = client->session };

	if (client->session)
		block_close_session(client->block, &request, NULL);
}

static void fsclient_unmount(struct superblock *sb)
{
	struct fsclient *client = sb->private;
	struct fs_unmount_request request = {};

	if (!client)
		return;
	if (!client->unmounted) {
		forget_nameless(sb);
		fs_unmount(client->endpoint, &request, NULL);
	}
	client->unmounted = true;
	if (atomic_load(&sb->refs))
		return; /* shut down while mounted: files may still be open */
	session_close(client);
	quoin_handle_close(client->endpoint);
	free(client);
	sb->private = NULL;
}

static const struct superblock_ops fsclient_sb_ops = {
	.statfs = fsclient_statfs,
	.sync = fsclient_sync,
	.shrink = fsclient_shrink,
	.remount = fsclient_remount,
	.unmount = fsclient_unmount,
};

static int server_start(const char *type, quoin_handle *endpoint)
{
	struct devmgr_start_fs_request request = { .type_len = (uint32_t)strlen(type) };
	struct devmgr_start_fs_reply reply = {};
	int error;

	memcpy(request.type, type, request.type_len);
	error = fs_error(devmgr_start_fs(QUOIN_SUPERVISOR, &request, &reply));
	if (!error)
		*endpoint = reply.endpoint;
	return error;
}

static int server_mount(struct superblock *sb, const char *source, quoin_handle block, bool read_only,
			uint64_t *root_ino)
{
	struct fsclient *client = sb->private;
	struct fs_mount_request request = { .block = block, .arena = arena_memobj, .read_only = read_only };
	struct fs_mount_reply reply = {};
	int error = fs_error(fs_mount(client->endpoint, &request, &reply));

	if (error) {
		reply.message[sizeof(reply.message) - 1] = '\0';
		log_printf("%s: can't mount: %s (error %d)", source,
			   reply.message[0] ? reply.message : "no reason given", -error);
		return error;
	}
	sb->block_size = reply.block_size;
	sb->read_only = read_only || reply.read_only;
	client->server_read_only = sb->read_only;
	*root_ino = reply.root_ino;
	return 0;
}

static int root_create(struct superblock *sb, uint64_t ino)
{
	struct fsclient *client = sb->private;
	struct fs_getattr_request request = { .ino = ino };
	struct fs_getattr_reply reply;
	struct inode *inode;
	int error = fs_error(fs_getattr(client->endpoint, &request, &reply));

	if (error)
		return error;
	if ((reply.attr.mode & LINUX_S_IFMT) != LINUX_S_IFDIR)
		return -EUCLEAN;
	inode = inode_from_attr(sb, &reply.attr);
	if (!inode)
		return -ENOMEM;
	sb->root = dentry_create_root(sb, inode);
	if (!sb->root)
		inode_put(inode);
	return sb->root ? 0 : -ENOMEM;
}

/* A server of its own for the device; its superblock. */
static int device_mount(const char *source, uint32_t rdev, bool read_only, struct superblock **out)
{
	struct superblock *sb = superblock_create("ext4", &fsclient_sb_ops, LINUX_EXT4_SUPER_MAGIC);
	struct fsclient *client = calloc(1, sizeof(*client));
	quoin_handle block = 0;
	uint64_t root_ino;
	int error;

	if (!sb || !client || superblock_create_table(sb)) {
		free(client);
		superblock_put(sb);
		return -ENOMEM;
	}
	client->unmounted = true; /* nothing to undo yet */
	sb->private = client;
	sb->dev = rdev;
	client->block = device_block_endpoint(rdev);
	error = session_open(client, &block);
	if (!error)
		error = server_start(sb->type, &client->endpoint);
	if (!error) {
		client->unmounted = false; /* whatever happens now, the unmount ends the server */
		error = server_mount(sb, source, block, read_only, &root_ino);
	}
	if (!error)
		error = root_create(sb, root_ino);
	quoin_handle_close(block);
	if (error)
		superblock_put(sb);
	else
		*out = sb;
	return error;
}

/* One mount at a time looks for what there is and adds to it: two servers never write to one device. */
static struct mutex device_mount_lock = MUTEX_INIT("device mounts", LOCK_MOUNT);

/* What is mounted already is shown once more, if it is to be read and written alike. */
static int fsclient_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	uint32_t rdev = device_block_find(source ? source : "");
	bool read_only = flags & LINUX_MS_RDONLY;
	int error;

	(void)data;
	if (!rdev)
		return source && *source ? -ENOTBLK : -EINVAL;
	mutex_lock(&device_mount_lock);
	error = superblock_find(rdev, out);
	if (!error && !*out)
		error = device_mount(source, rdev, read_only, out);
	else if (!error && (*out)->read_only != read_only)
		error = -EBUSY;
	mutex_unlock(&device_mount_lock);
	if (error == -EBUSY)
		superblock_put(*out);
	return error;
}

static struct filesystem_type ext4_type = {
	.name = "ext4",
	.needs_device = true,
	.mount = fsclient_mount,
};

void fsclient_init(void)
{
	filesystem_register(&ext4_type);
}
