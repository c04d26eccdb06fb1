// clang-format off
// SPDX-License-Identifier: MIT
// sources: tests/unit/posix/host.c tests/unit/posix/oracle.c userland/servers/posix/vfs/walk.c userland/servers/posix/vfs/dentry.c userland/servers/posix/vfs/path.c userland/servers/posix/vfs/mount.c userland/servers/posix/vfs/inode.c
// sources: userland/servers/posix/vfs/namei_calls.c userland/servers/posix/vfs/rename.c userland/servers/posix/vfs/target.c userland/servers/posix/fs/tmpfs.c
// flags: -include tests/unit/posix_host.h -Iuserland/servers/posix/include -Iuserland/lib/runtime/include -Wno-unused-parameter
// clang-format on
/*
 * Paths against the host's own kernel.  Each step is done twice, here on our tmpfs and by a child process
 * that was chroot'ed into an empty folder: lookups and changes of names, with links, dots, slashes and users
 * as they come.  Both must say the same: the error, or which file it is.  The cache of names is kept so
 * small that it is always losing some; in the end every dentry and inode is gone.
 */
#undef snprintf
#undef vsnprintf
#include <unistd.h>
#include "check.h"
#include "dentry.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/system.h"
#include "mount.h"
#include "path.h"
#include "posix/oracle.h"
#include "syscall.h"
#include "tmpfs.h"
#include "vfs_internal.h"

#define CACHED_NAMES 40
#define MAX_FILES    200000
#define USER         1000

/* The rest of the server. */

int64_t clock_realtime_ns(void)
{
	return 1;
}

bool capable(enum capability capability)
{
	return cred_capable(current->cred, capability);
}

bool cred_in_group(const struct cred *cred, uint32_t gid)
{
	return cred->fsgid == gid;
}

long strncpy_from_user(char *dst, uint64_t src, size_t size)
{
	size_t len = strlen((const char *)src);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(dst, (const char *)src, len + 1);
	return (long)len;
}

const struct file_ops *inode_special_ops(uint32_t mode)
{
	return NULL;
}

struct fd_ref fd_get(int fd)
{
	return (struct fd_ref){ 0 };
}

struct fd_ref fd_get_path(int fd)
{
	return (struct fd_ref){ 0 };
}

void file_put(struct file *file)
{
	CHECK(!"there are no files");
}

int64_t file_seek_size(struct file *file, int64_t offset, int whence, int64_t size)
{
	return -ESPIPE;
}

long pagecache_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	return -EIO;
}

long pagecache_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	return -EIO;
}

int pagecache_mmap(struct file *file, struct vma *vma)
{
	return -EIO;
}

int pagecache_fsync(struct file *file, bool data_only)
{
	return -EIO;
}

uint64_t pagecache_memory_limit(void)
{
	return 1000;
}

void pagecache_drop(struct inode *inode)
{
	CHECK_EQ(inode->pages.nr_pages, 0);
}

int pagecache_sync(struct superblock *sb)
{
	return 0;
}

void inode_mark_dirty(struct inode *inode)
{
	CHECK(!"files in memory are never written back");
}

/* ---- our side ---- */

static struct thread self;
static struct process process;
static struct cred cred;

static void our_lookup(const struct request *request, struct answer *answer)
{
	struct path path;
	const struct inode *inode;

	answer->result = path_lookup(LINUX_AT_FDCWD, request->name, request->flags, &path);
	if (answer->result)
		return;
	inode = path_inode(&path);
	answer->ino = inode->ino;
	answer->mode = inode->mode;
	answer->nlink = inode->nlink;
	answer->size = inode->size;
	path_put(&path);
}

static long our_chdir(const char *name)
{
	struct path path;
	long error = path_lookup(LINUX_AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (error)
		return error;
	error = inode_permission(path_inode(&path), LINUX_X_OK);
	if (error)
		path_put(&path);
	else
		fs_context_set(self.fs, &self.fs->cwd, &path);
	return error;
}

static struct answer our_answer(const struct request *request)
{
	long name = (long)request->name, other = (long)request->other, flags = request->flags;
	struct answer answer = { 0 };

	switch (request->operation) {
	case LOOKUP:
		our_lookup(request, &answer);
		break;
	case CHDIR:
		answer.result = our_chdir(request->name);
		break;
	case MKDIR:
		answer.result = sys_mkdir(name, flags, 0, 0, 0, 0);
		break;
	case MKNOD:
		answer.result = sys_mknod(name, flags, 0, 0, 0, 0);
		break;
	case SYMLINK:
		answer.result = sys_symlink(other, name, 0, 0, 0, 0);
		break;
	case UNLINK:
		answer.result = sys_unlink(name, 0, 0, 0, 0, 0);
		break;
	case RMDIR:
		answer.result = sys_rmdir(name, 0, 0, 0, 0, 0);
		break;
	case RENAME:
		answer.result = sys_renameat2(LINUX_AT_FDCWD, name, LINUX_AT_FDCWD, other, flags, 0);
		break;
	case LINK:
		answer.result = sys_link(name, other, 0, 0, 0, 0);
		break;
	default:
		cred.uid = cred.euid = cred.fsuid = request->flags;
	}
	CHECK_EQ(host_locks_held, 0);
	return answer;
}

/* ---- steps ---- */

static uint64_t random_state = 1;

static unsigned roll(unsigned limit)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(random_state >> 33) % limit;
}

static void add_component(char *name)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "some-name-that-is-not-inline-any-more" };

	if (roll(100) == 0) { /* the longest name, or one longer than that */
		size_t len = strlen(name), more = 254 + roll(3);

		memset(name + len, 'x', more);
		name[len + more] = 0;
	} else if (roll(6) == 0) {
		strcat(name, roll(2) ? ".." : ".");
	} else {
		strcat(name, names[roll(sizeof(names) / sizeof(names[0]))]);
	}
}

static void random_name(char *name)
{
	unsigned components = roll(30) ? 1 + roll(3) : roll(2) * 4;

	strcpy(name, roll(4) ? "" : "/");
	for (unsigned i = 0; i < components; i++) {
		if (i)
			strcat(name, roll(10) ? "/" : "//");
		add_component(name);
	}
	if (components && roll(10) == 0)
		strcat(name, "/");
}

static bool users_change; /* the child may take another user's place */

static struct request random_request(void)
{
	struct request request = { .operation = roll(OPERATIONS) };

	if (roll(2))
		request.operation = LOOKUP;
	random_name(request.name);
	random_name(request.other);
	if (roll(8) == 0)
		strcpy(request.other, request.name);
	switch (request.operation) {
	case LOOKUP:
		request.flags = (roll(2) ? LOOKUP_FOLLOW : 0) | (roll(4) ? 0 : LOOKUP_DIRECTORY);
		break;
	case MKDIR:
	case MKNOD:
		request.flags = roll(4) ? 0777 : roll(01000);
		break;
	case RENAME:
		request.flags = roll(3) ? 0 : roll(4);
		break;
	case BECOME:
		request.flags = roll(3) ? 0 : USER;
		break;
	default:
		break;
	}
	return request;
}

static uint64_t host_ino[MAX_FILES]; /* what the host calls our file */

static void compare(const struct answer *ours, const struct answer *hosts)
{
	bool directory = (hosts->mode & LINUX_S_IFMT) == LINUX_S_IFDIR;

	CHECK_EQ(ours->result, hosts->result);
	if (ours->result || hosts->result || !hosts->ino)
		return;
	CHECK_OR_STOP(ours->ino < MAX_FILES);
	if (!host_ino[ours->ino])
		host_ino[ours->ino] = hosts->ino;
	CHECK_EQ(host_ino[ours->ino], hosts->ino);
	CHECK_EQ(ours->mode, hosts->mode);
	if (!directory) /* file systems count the links of those in different ways */
		CHECK_EQ(ours->nlink, hosts->nlink);
	if ((hosts->mode & LINUX_S_IFMT) == LINUX_S_IFLNK)
		CHECK_EQ(ours->size, hosts->size);
}

static void step(void)
{
	static const char *const verbs[] = { "lookup", "chdir", "mkdir",  "mknod", "symlink",
					     "unlink", "rmdir", "rename", "link",  "become" };
	struct request request = random_request();
	struct answer ours, hosts;
	char here[LINUX_PATH_MAX];

	if (request.operation == BECOME && !users_change)
		return;
	if (request.operation == LINK && cred.fsuid) /* the host may have fs.protected_hardlinks */
		return;
	hosts = oracle_ask(&request);
	ours = our_answer(&request);
	compare(&ours, &hosts);
	if (check_failures)
		fprintf(stderr, "%s \"%s\" \"%s\" %#x as %u in %s\n", verbs[request.operation], request.name,
			request.other, request.flags, cred.fsuid,
			path_name_current(&self.fs->cwd, here, sizeof(here)));
	if (roll(50) == 0)
		dentry_reclaim(1 + roll(50));
}

/* Names up to the root: a working directory leads back to itself, unless it is gone. */
static void check_name_of_cwd(void)
{
	char buffer[LINUX_PATH_MAX];
	struct answer here = { 0 }, there = { 0 };
	struct request request = { .operation = LOOKUP, .name = "." };
	const char *name = path_name_current(&self.fs->cwd, buffer, sizeof(buffer));

	if (cred.fsuid || strlen(name) >= sizeof(request.name) || strstr(name, " (deleted)"))
		return;
	our_lookup(&request, &here);
	strcpy(request.name, name);
	our_lookup(&request, &there);
	CHECK_EQ(here.result, 0);
	CHECK_EQ(here.ino, there.ino);
}

/* ---- mounts, which the child may not make ---- */

static long errno_of(const char *name, unsigned flags, uint64_t *ino)
{
	struct request request = { .operation = LOOKUP, .flags = flags };
	struct answer answer = { 0 };

	strcpy(request.name, name);
	our_lookup(&request, &answer);
	if (ino)
		*ino = answer.ino;
	return answer.result;
}

static void test_mounts_are_crossed_both_ways(void)
{
	struct superblock *sb = tmpfs_superblock_create("tmpfs", 0755, LINUX_TMPFS_MAGIC);
	uint64_t root, below, top;
	struct path place;

	CHECK_EQ(our_chdir("/"), 0);
	CHECK_EQ(sys_mkdir((long)"/mnt", 0755, 0, 0, 0, 0), 0);
	CHECK_EQ(sys_mkdir((long)"/mnt/hidden", 0755, 0, 0, 0, 0), 0);
	CHECK_EQ(sys_symlink((long)"/mnt/in", (long)"/way", 0, 0, 0, 0), 0);
	CHECK_EQ(path_lookup(LINUX_AT_FDCWD, "/mnt", 0, &place), 0);
	CHECK_EQ(mount_attach(sb, sb->root, &place, 0), 0);
	path_put(&place);

	CHECK_EQ(sys_mkdir((long)"mnt/in", 0755, 0, 0, 0, 0), 0);
	CHECK_EQ(errno_of("/mnt/hidden", 0, NULL), -ENOENT);
	CHECK_EQ(errno_of("/", 0, &root), 0);
	CHECK_EQ(errno_of("/way/../..", 0, &top), 0);
	CHECK_EQ(top, root);
	CHECK_EQ(errno_of("/way", LOOKUP_FOLLOW | LOOKUP_NO_XDEV, NULL), -EXDEV);
	CHECK_EQ(errno_of("/mnt", LOOKUP_NO_XDEV, NULL), -EXDEV);
	CHECK_EQ(errno_of("/way", LOOKUP_NO_LINKS, NULL), 0);
	CHECK_EQ(errno_of("/way", LOOKUP_FOLLOW | LOOKUP_NO_LINKS, NULL), -ELOOP);
	CHECK_EQ(sys_rmdir((long)"/mnt", 0, 0, 0, 0, 0), -EBUSY);
	CHECK_EQ(sys_rename((long)"/mnt", (long)"/other", 0, 0, 0, 0), -EBUSY);
	CHECK_EQ(sys_rename((long)"/way", (long)"/mnt/way", 0, 0, 0, 0), -EXDEV);
	CHECK_EQ(sys_link((long)"/way", (long)"/mnt/way", 0, 0, 0, 0), -EXDEV);

	/* Who stands in it keeps it; nothing leads above a root. */
	CHECK_EQ(our_chdir("/way"), 0);
	CHECK_EQ(errno_of("..", LOOKUP_NO_XDEV, NULL), 0);
	CHECK_EQ(errno_of("../..", LOOKUP_NO_XDEV, NULL), -EXDEV);
	CHECK_EQ(errno_of("..", LOOKUP_BENEATH, NULL), -EXDEV);
	CHECK_EQ(errno_of("/way", LOOKUP_BENEATH, NULL), -EXDEV);
	CHECK_EQ(errno_of(".", 0, &below), 0);
	CHECK_EQ(errno_of("../../..", LOOKUP_IN_ROOT, &top), 0);
	CHECK_EQ(top, below);
	CHECK_EQ(errno_of("/", LOOKUP_IN_ROOT, &top), 0);
	CHECK_EQ(top, below);
	CHECK_EQ(path_lookup(LINUX_AT_FDCWD, "/mnt", 0, &place), 0);
	CHECK_EQ(mount_unmount(&place, 0), -EBUSY);
	CHECK_EQ(our_chdir("/"), 0);
	CHECK_EQ(mount_unmount(&place, 0), 0);
	path_put(&place);
	CHECK_EQ(errno_of("/mnt/hidden", 0, NULL), 0);
	superblock_put(sb);
}

/* ---- the whole ---- */

static void tree_remove(const char *name)
{
	static const char *const names[] = { "a",   "b",      "c",
					     "d",   "e",      "some-name-that-is-not-inline-any-more",
					     "mnt", "hidden", "way" };
	char below[LINUX_PATH_MAX];
	size_t len = strlen(name);

	memcpy(below, name, len);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) + 3; i++) {
		below[len] = 0;
		strcat(below, "/");
		if (i < sizeof(names) / sizeof(names[0]))
			strcat(below, names[i]);
		else
			memset(below + len + 1, 'x', 254 + i % 3), below[len + 1 + 254 + i % 3] = 0;
		if (sys_unlink((long)below, 0, 0, 0, 0, 0) == -EISDIR) {
			tree_remove(below);
			CHECK_EQ(sys_rmdir((long)below, 0, 0, 0, 0, 0), 0);
		}
	}
}

static void server_start(unsigned user)
{
	struct superblock *sb;

	current = &self;
	self = (struct thread){ .cred = &cred, .process = &process };
	dentry_cache_init(CACHED_NAMES);
	sb = tmpfs_superblock_create("tmpfs", 0777, LINUX_TMPFS_MAGIC);
	CHECK_OR_STOP(sb && mount_root(sb, 0) == 0);
	dentry_inode(sb->root)->uid = user;
	cred.uid = cred.euid = cred.fsuid = user;
	self.fs = fs_context_create();
	atomic_store(&self.fs->umask, 0);
}

int main(void)
{
	bool root;

	if (!oracle_start(&root)) {
		puts("this host lets nobody chroot");
		return 77;
	}
	users_change = root;
	server_start(root ? 0 : USER);
	random_state = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	for (int i = 0; i < 60000 && !check_failures; i++) {
		step();
		if (i % 100 == 0)
			check_name_of_cwd();
	}
	oracle_stop();

	cred.uid = cred.euid = cred.fsuid = 0;
	our_chdir("/");
	tree_remove("");
	test_mounts_are_crossed_both_ways();
	tree_remove("");
	dentry_reclaim(UINT32_MAX);
	CHECK_EQ(dentry_count(), 1); /* the root */
	CHECK_EQ(inode_count(), 1);
	return check_result();
}
