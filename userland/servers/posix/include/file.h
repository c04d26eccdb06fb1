/* SPDX-License-Identifier: MIT */
/*
 * Open files and descriptor tables.
 *
 * struct file is what POSIX calls an open file description: one per open, shared by dup and fork.  A
 * struct fdtable maps small numbers to files; processes made with CLONE_FILES share one.
 *
 * fd_get is the way in for a system call: with a table that only the calling thread uses, it takes
 * neither a lock nor a reference, since nobody else could close the descriptor meanwhile.
 *
 *	struct fd_ref ref = fd_get(fd);
 *
 *	if (!ref.file)
 *		return -EBADF;
 *	result = file_read(ref.file, ...);
 *	fd_put(ref);
 *	return result;
 *
 * Legend: [I] immutable, [a] atomic, [o] file->pos_lock, [t] fdtable->lock, [e] the lock in poll.c.
 */
#ifndef POSIX_FILE_H
#define POSIX_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/list.h>
#include <quoin/sync.h>
#include <quoin/types.h>

#include "linux/fcntl.h"
#include "linux/uio.h"
#include "path.h"

struct file;
struct inode;
struct poll_table;
struct dir_context;
struct vma;

/*
 * Where bytes go or come from: a user's iovecs or a buffer of the server's.
 * iter_copy_out writes to the buffers, iter_copy_in reads from them; both return how many bytes were
 * copied, fewer only at a fault or at the end.  They may block: no lock from LOCK_MM on may be held.
 */
struct io_iter {
	uint64_t base;                  /* of the current piece */
	size_t len;                     /* left in the current piece */
	size_t count;                   /* left in all */
	const struct linux_iovec *next; /* pieces behind the current one, in server memory */
	unsigned nr_next;
	bool kernel; /* addresses of the server's own memory */
};

void iter_init_user(struct io_iter *iter, uint64_t base, size_t len);
void iter_init_kernel(struct io_iter *iter, void *base, size_t len);
size_t iter_copy_out(struct io_iter *iter, const void *from, size_t len);
size_t iter_copy_in(struct io_iter *iter, void *to, size_t len);
size_t iter_zero_out(struct io_iter *iter, size_t len);

/*
 * What a kind of file does.  Missing read or write: -EINVAL; missing poll: always ready; missing
 * llseek: -ESPIPE; missing ioctl: -ENOTTY; missing mmap: -ENODEV.
 */
struct file_ops {
	/* At *pos, which they advance.  Bytes, 0 at the end, -errno; -ERESTARTSYS when interrupted. */
	long (*read)(struct file *file, struct io_iter *iter, int64_t *pos);
	long (*write)(struct file *file, struct io_iter *iter, int64_t *pos);
	int64_t (*llseek)(struct file *file, int64_t offset, int whence);
	/* LINUX_POLL* that hold now; registers on the wait queues with poll_wait if table. */
	uint32_t (*poll)(struct file *file, struct poll_table *table);
	long (*ioctl)(struct file *file, unsigned request, uint64_t argument);
	/* Called by mm with the new mapping filled in, under LOCK_MM; may set vma->memobj. */
	int (*mmap)(struct file *file, struct vma *vma);
	int (*readdir)(struct file *file, struct dir_context *context);
	/* First and last: open runs when the file has path, inode and flags, release at the last put. */
	int (*open)(struct inode *inode, struct file *file);
	void (*release)(struct file *file);
	/* Each close() of a descriptor. */
	int (*flush)(struct file *file);
	int (*fsync)(struct file *file, bool data_only);
};

/* file->mode */
#define FILE_READ   (1u << 0)
#define FILE_WRITE  (1u << 1)
#define FILE_PATH   (1u << 2) /* opened with O_PATH */
#define FILE_STREAM (1u << 3) /* no position: pipes, sockets, ttys */
#define FILE_EXEC   (1u << 4) /* opened by exec: writing to the inode is denied */
#define FILE_WRITER (1u << 5) /* counted in inode->nr_writers */

struct file {
	const struct file_ops *ops; /* [I] */
	struct path path;           /* [I] with references; mnt is NULL for files without a name */
	struct inode *inode;        /* [I] with a reference */
	atomic_uint refs;           /* [a] */
	atomic_uint flags;          /* [a] LINUX_O_* as F_GETFL shows them, without O_CLOEXEC */
	unsigned mode;              /* [I] FILE_* */
	struct mutex pos_lock;      /* held over a read or write that uses pos */
	int64_t pos;                /* [o] */
	uint64_t readahead_next;    /* page that a sequential reader takes next; a hint, races are harmless */
	uint32_t readahead_pages;   /* window */
	int32_t owner;              /* [a] F_SETOWN */
	void *private;              /* the kind's own */
	struct list epoll_links;    /* [e] */
	const char *label; /* [I] "pipe" of files without a name, a constant or the inode's; else NULL */
};

/* A file without a name (pipe, socket, eventfd): one reference; takes over the inode's. NULL: ENOMEM. */
struct file *file_create_anonymous(struct inode *inode, const struct file_ops *ops, int flags, unsigned mode,
				   const char *label);
/* A new inode for such a file: mode's type and permissions, owned by the caller. NULL: ENOMEM. */
struct inode *inode_create_anonymous(uint32_t mode);
/* A file for path (whose references are copied), without checks of permission; ops->open is called. */
int file_create(const struct path *path, int flags, struct file **out);
/* Where the file is, with references; a file without a name gets a place outside the tree. */
int file_path(struct file *file, struct path *out);
struct file *file_get(struct file *file);
void file_put(struct file *file);

/* Does the caller's open mode allow it? */
static inline bool file_readable(const struct file *file)
{
	return file->mode & FILE_READ;
}

static inline bool file_writable(const struct file *file)
{
	return file->mode & FILE_WRITE;
}

/* Transfers at the file's position, checked and counted; what the system calls and sendfile use. */
long file_read(struct file *file, struct io_iter *iter);
long file_write(struct file *file, struct io_iter *iter);
/* The same at *pos, which advances; the file's position stays. */
long file_read_iter(struct file *file, struct io_iter *iter, int64_t *pos);
long file_write_iter(struct file *file, struct io_iter *iter, int64_t *pos);
long file_read_at(struct file *file, int64_t offset, void *buffer, size_t len);
long file_write_at(struct file *file, int64_t offset, const void *buffer, size_t len);
/* RLIMIT_FSIZE: -EFBIG and SIGXFSZ if a regular file may not reach beyond size. */
int file_limit_check(int64_t size);
uint32_t file_poll(struct file *file, struct poll_table *table);
int file_sync(struct file *file, bool data_only);
/* After a write that is to last: a file that keeps nothing has nothing to wait for. */
int file_sync_written(struct file *file, bool data_only);
int64_t file_seek(struct file *file, int64_t offset, int whence);
/* llseek for files with a size: also SEEK_DATA and SEEK_HOLE (all data, a hole at the end). */
int64_t file_seek_size(struct file *file, int64_t offset, int whence, int64_t size);

/* ---- descriptors ---- */

struct fdtable;

struct fd_ref {
	struct file *file;
	bool held; /* owns a reference */
};

/* The calling thread's descriptor; O_PATH files only by fd_get_path. */
struct fd_ref fd_get(int fd);
struct fd_ref fd_get_path(int fd);
/* The same with a reference in any case. NULL: no such descriptor. */
struct file *fd_get_file(int fd);

static inline void fd_put(struct fd_ref ref)
{
	if (ref.held)
		file_put(ref.file);
}

/* The lowest free number, with a file's reference taken over (and dropped on failure): fd, -EMFILE. */
int fd_install(struct file *file, bool close_on_exec);
/* In two steps, for calls that must not fail afterwards (pipe, accept). */
int fd_reserve(bool close_on_exec);
void fd_fill(int fd, struct file *file);
void fd_release_reserved(int fd);
int fd_close(int fd);

struct fdtable *fdtable_create(void);                 /* empty, one reference; NULL: ENOMEM */
struct fdtable *fdtable_clone(struct fdtable *table); /* fork: a copy */
struct fdtable *fdtable_share(struct fdtable *table); /* CLONE_FILES */
void fdtable_put(struct fdtable *table);              /* the last one closes everything */
int fdtable_unshare(struct fdtable **table);          /* exec, unshare: a private copy if shared */
void fdtable_close_on_exec(struct fdtable *table);
/* For /proc: the file behind fd with a reference, and the next open fd >= fd (-1: none). */
struct file *fdtable_file(struct fdtable *table, int fd, bool *close_on_exec);
int fdtable_next(struct fdtable *table, int fd);
unsigned fdtable_size(struct fdtable *table); /* slots */
unsigned fdtable_count(struct fdtable *table);

/* ---- start-up ---- */

void vfs_init(void); /* caches, the root tmpfs, /dev, file system types; before the first process */

#endif
