/* SPDX-License-Identifier: MIT */
#ifndef POSIX_EPOLL_H
#define POSIX_EPOLL_H

struct file;

/* The last reference to a file that is watched is gone: nobody watches it any more. */
void epoll_file_gone(struct file *file);

#endif
