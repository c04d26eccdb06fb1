// SPDX-License-Identifier: MIT
// sources: tests/unit/posix/host.c userland/servers/posix/vfs/inode.c userland/servers/posix/vfs/dentry.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include
// flags: -Iuserland/lib/block/include -Wno-unused-parameter
// libs: -no-pie -Wl,--unresolved-symbols=ignore-in-object-files
/*
 * The client of the fs protocol, and a server that answers as it likes: what the entries of a directory may look
 * like, and how the links of a directory are counted.  What else the client calls is not there, and not called.
 */
#undef snprintf
#undef vsnprintf
#include <proto/fs.h>
#include "check.h"

static long server_readdir(quoin_handle endpoint, const struct fs_readdir_request *rq,
			   struct fs_readdir_reply *rp);
static long server_create(quoin_handle endpoint, const struct fs_create_request *rq,
			  struct fs_create_reply *rp);
static long server_unlink(quoin_handle endpoint, const struct fs_unlink_request *rq,
			  struct fs_unlink_reply *rp);

#define fs_readdir server_readdir
#define fs_create  server_create
#define fs_unlink  server_unlink
#include "userland/servers/posix/fs/fsclient.c"

/* ---- the rest of the POSIX server, as far as it is called ---- */

int64_t clock_realtime_ns(void)
{
	return 1;
}

const struct file_ops *inode_special_ops(uint32_t mode)
{
	return NULL;
}

void pagecache_drop(struct inode *inode)
{
}

/* ---- the server ---- */

static struct fs_readdir_reply listing; /* the answer to the first request; then the directory ends */
static unsigned nr_requests;
static long status; /* of each */

static long server_readdir(quoin_handle endpoint, const struct fs_readdir_request *rq,
			   struct fs_readdir_reply *rp)
{
	rp->entries_len = 0;
	if (status)
		return status;
	if (!nr_requests++)
		*rp = listing;
	return 0;
}

static long server_create(quoin_handle endpoint, const struct fs_create_request *rq, struct fs_create_reply *rp)
{
	rp->attr = (struct fs_attr){ .ino = 12, .mode = rq->mode, .nlink = 2 };
	return 0;
}

static long server_unlink(quoin_handle endpoint, const struct fs_unlink_request *rq, struct fs_unlink_reply *rp)
{
	rp->attr = (struct fs_attr){ .ino = 12 };
	return 0;
}

/* ---- entries ---- */

static struct fsclient client = { .unmounted = true };
static struct superblock sb = { .private = &client };
static unsigned nr_emitted;

static bool emit(struct dir_context *context, const char *name, size_t len, uint64_t ino, unsigned type,
		 int64_t next)
{
	nr_emitted++;
	context->pos = next;
	return true;
}

static void entry_put(uint64_t next, const char *name, uint8_t len)
{
	uint8_t *at = listing.entries + listing.entries_len;

	memset(at, 0, ALIGN_UP(ENTRY_HEAD + len, 8));
	memcpy(at + 8, &next, sizeof(next));
	at[17] = len;
	memcpy(at + ENTRY_HEAD, name, len);
	listing.entries_len += ALIGN_UP(ENTRY_HEAD + len, 8);
}

/* What the client makes of a good entry and of the one behind it, which is cut short by some bytes. */
static int list(uint64_t next, const char *name, uint8_t len, uint32_t cut)
{
	struct inode inode = { .sb = &sb };
	struct file file = { .inode = &inode };
	struct dir_context context = { .emit = emit };

	listing.entries_len = nr_requests = nr_emitted = 0;
	entry_put(1, "good", 4);
	entry_put(next, name, len);
	listing.entries_len -= cut;
	return fsclient_readdir(&file, &context);
}

static void test_entries(void)
{
	CHECK_EQ(list(2, "also good", 9, 0), 0);
	CHECK_EQ(nr_emitted, 2);
	CHECK_EQ(list(2, "a/b", 3, 0), -EIO);
	CHECK_EQ(nr_emitted, 1);
	CHECK_EQ(list(2, "a\0b", 3, 0), -EIO);
	CHECK_EQ(list(2, "", 0, 0), -EIO);
	CHECK_EQ(list(1ull << 63, "far", 3, 0), -EIO);
	CHECK_EQ(list(0, "back where it began", 19, 0), -EIO);
	for (uint32_t cut = 1; cut < ALIGN_UP(ENTRY_HEAD + 4u, 8u); cut++)
		CHECK_EQ(list(2, "name", 4, cut), -EIO);
}

/* An error that programs know, or EIO: neither a number of the server's own, nor one that means a restart. */
static void test_errors(void)
{
	static const struct {
		long status;
		int error;
	} cases[] = {
		{ -ENOENT, -ENOENT },      { -EUCLEAN, -EUCLEAN }, { -QERR_PROTO, -EIO },
		{ -QERR_PEER_DEAD, -EIO }, { -ERESTARTSYS, -EIO }, { INT32_MIN, -EIO },
	};

	for (size_t i = 0; i < array_length(cases); i++) {
		status = cases[i].status;
		CHECK_EQ(list(2, "name", 4, 0), cases[i].error);
	}
	status = 0;
}

/* ---- links ---- */

/* The links of a directory that had so many, with one more subdirectory and without it again. */
static void test_links(uint32_t before, uint32_t with_one_more)
{
	struct inode dir = { .sb = &sb, .mode = LINUX_S_IFDIR, .nlink = before };
	struct dentry dentry = { .name = "d", .len = 1 };
	const struct inode_new new = { .mode = LINUX_S_IFDIR | 0755 };

	CHECK_EQ(fsclient_create(&dir, &dentry, &new), 0);
	CHECK_EQ(dir.nlink, with_one_more);
	CHECK_EQ(fsclient_rmdir(&dir, &dentry), 0);
	CHECK_EQ(dir.nlink, before);
	CHECK_EQ(dentry.inode->nlink, 0);
	inode_put(dentry.inode);
}

int main(void)
{
	CHECK_OR_STOP(superblock_create_table(&sb) == 0);
	test_entries();
	test_errors();
	test_links(2, 3);
	test_links(3, 4);
	test_links(1, 1); /* too many to be counted */
	free(sb.table);
	return check_result();
}
