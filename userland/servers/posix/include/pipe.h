/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: two files over one ring. */
#ifndef POSIX_PIPE_H
#define POSIX_PIPE_H

struct file;
struct file_ops;

#define PIPE_DEFAULT_BYTES 65536
#define PIPE_SMALL_BYTES   8192 /* of users who have too many */
#define PIPE_MAX_BYTES     1048576

extern const struct file_ops fifo_file_ops; /* an inode of type FIFO opens with these */

/* ends[0] reads, ends[1] writes; one reference each. flags: O_NONBLOCK, O_DIRECT is refused. */
int pipe_create(struct file *ends[2], int flags);
/* F_SETPIPE_SZ and F_GETPIPE_SZ; -EBADF if file is no pipe. */
long pipe_set_size(struct file *file, unsigned long bytes);
long pipe_get_size(struct file *file);

#endif
