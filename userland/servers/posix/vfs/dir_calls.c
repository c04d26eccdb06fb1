/* SPDX-License-Identifier: MIT */
/* Reading directories; working directory and root. */
#include <quoin/runtime.h>

#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/stat.h"
#include "mount.h"
#include "process.h"
#include "syscall.h"
#include "usercopy.h"

/* Records gather in a buffer of the server's first: a directory's lock is held while it is filled. */
#define DIRENTS_MAX 16384

struct dirents {
	struct dir_context context;
	char *buffer;
	size_t used, size;
	bool old_format; /* getdents: the type is the record's last byte */
	bool full;
};

static bool dirents_emit(struct dir_context *context, const char *name, size_t len, uint64_t ino, unsigned type,
			 int64_t next)
{
	struct dirents *dirents = container_of(context, struct dirents, context);
	size_t head = dirents->old_format ? 18 : LINUX_DIRENT64_NAME_OFFSET;
	size_t record = ALIGN_UP(head + len + 1 + (dirents->old_format ? 1 : 0), 8);
	struct linux_dirent64 *entry = (void *)(dirents->buffer + dirents->used);

	if (record > dirents->size - dirents->used) {
		dirents->full = true;
		return false;
	}
	memset(entry, 0, record);
	entry->d_ino = ino;
	entry->d_off = next;
	entry->d_reclen = (uint16_t)record;
	if (dirents->old_format)
		*((char *)entry + record - 1) = (char)type;
	else
		entry->d_type = (uint8_t)type;
	memcpy((char *)entry + head, name, len);
	dirents->used += record;
	context->pos = next;
	return true;
}

/* The position moves on only when the records have arrived. */
static long dirents_fill(struct file *file, struct dirents *dirents, uint64_t user)
{
	long error;

	mutex_lock(&file->pos_lock);
	dirents->context.pos = file->pos;
	error = file->ops->readdir(file, &dirents->context);
	if (dirents->used)
		error = copy_to_user(user, dirents->buffer, dirents->used);
	if (!error)
		file->pos = dirents->context.pos;
	mutex_unlock(&file->pos_lock);
	if (error)
		return error;
	inode_touch_atime(file);
	if (dirents->used)
		return (long)dirents->used;
	return dirents->full ? -EINVAL : 0;
}

static long dirents_read(struct file *file, uint64_t user, size_t size, bool old_format)
{
	struct dirents dirents = {
		.context.emit = dirents_emit,
		.size = size < DIRENTS_MAX ? size : DIRENTS_MAX,
		.old_format = old_format,
	};
	long result;

	if (!file->ops->readdir || !file_readable(file))
		return -ENOTDIR;
	if (!file->inode->nlink)
		return -ENOENT; /* removed */
	dirents.buffer = malloc(dirents.size ? dirents.size : 1);
	if (!dirents.buffer)
		return -ENOMEM;
	result = dirents_fill(file, &dirents, user);
	free(dirents.buffer);
	return result;
}

static long getdents_call(int fd, uint64_t user, unsigned size, bool old_format)
{
	struct fd_ref ref = fd_get(fd);
	long result = ref.file ? dirents_read(ref.file, user, size, old_format) : -EBADF;

	fd_put(ref);
	return result;
}

long sys_getdents64(SYSCALL_ARGS)
{
	return getdents_call((int)a0, (uint64_t)a1, (unsigned)a2, false);
}

long sys_getdents(SYSCALL_ARGS)
{
	return getdents_call((int)a0, (uint64_t)a1, (unsigned)a2, true);
}

/* ---- working directory and root ---- */

static long context_set(struct path *which, struct path *path)
{
	int error = inode_permission(path_inode(path), LINUX_X_OK);

	if (error)
		path_put(path);
	else
		fs_context_set(current->fs, which, path);
	return error;
}

long sys_chdir(SYSCALL_ARGS)
{
	struct path path;
	int error = path_lookup_user(LINUX_AT_FDCWD, (void *)a0, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	return error ? error : context_set(&current->fs->cwd, &path);
}

long sys_fchdir(SYSCALL_ARGS)
{
	struct fd_ref ref = fd_get_path((int)a0);
	struct path path;

	if (!ref.file)
		return -EBADF;
	if (!inode_is_dir(ref.file->inode) || !ref.file->path.mnt) {
		fd_put(ref);
		return -ENOTDIR;
	}
	path = ref.file->path;
	path_get(&path);
	fd_put(ref);
	return context_set(&current->fs->cwd, &path);
}

long sys_chroot(SYSCALL_ARGS)
{
	struct path path;
	int error = path_lookup_user(LINUX_AT_FDCWD, (void *)a0, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (error)
		return error;
	if (!capable(CAP_SYS_CHROOT)) {
		path_put(&path);
		return -EPERM;
	}
	return context_set(&current->fs->root, &path);
}

long sys_getcwd(SYSCALL_ARGS)
{
	char buffer[LINUX_PATH_MAX + 32];
	struct path cwd;
	char *name;
	size_t len;
	bool removed;

	fs_context_cwd(current->fs, &cwd);
	removed = !path_inode(&cwd)->nlink;
	name = path_name_current(&cwd, buffer, sizeof(buffer));
	path_put(&cwd);
	if (removed)
		return -ENOENT;
	len = strlen(name) + 1;
	if (len > (size_t)a1)
		return -ERANGE;
	return copy_to_user((uint64_t)a0, name, len) ? -EFAULT : (long)len;
}
