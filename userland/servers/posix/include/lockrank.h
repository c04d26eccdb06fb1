/* SPDX-License-Identifier: MIT */
/*
 * The order of the POSIX server's locks, outermost first: a thread takes them in rising rank only,
 * and the runtime checks it.  Application memory may be touched under locks ranked before LOCK_MM
 * only: a user copy can fault, and resolving the fault takes LOCK_MM, then the locks of the page
 * cache.
 */
#ifndef POSIX_LOCKRANK_H
#define POSIX_LOCKRANK_H

enum lock_rank {
	LOCK_NONE = 0,
	LOCK_FILE,       /* struct file: position */
	LOCK_PROCTEXT,   /* the text of an open file of procfs, while it is made and copied out */
	LOCK_EXEC,       /* process.exec_lock: one exec, or one change of the thread group, at a time */
	LOCK_EPOLL,      /* struct epoll: its set of files; polls them */
	LOCK_TTY,        /* struct tty; signals its process groups while held */
	LOCK_MOUNT,      /* changes of the mount table */
	LOCK_RENAME,     /* one rename at a time */
	LOCK_INODE,      /* struct inode: names in a directory, writes to a file (copies from user
			memory) */
	LOCK_PIPE,       /* pipes: copies to and from user memory while held */
	LOCK_MM,         /* mm.lock: the list of mappings */
	LOCK_FDTABLE,    /* struct fdtable */
	LOCK_FSCONTEXT,  /* struct fs_context: cwd, root, umask */
	LOCK_RECORDS,    /* advisory locks of files */
	LOCK_SYNC,       /* write-back of a file system */
	LOCK_FLUSH,      /* inode.flush_lock: write-back of one file */
	LOCK_DENTRY,     /* the dentry cache's and mount table's shape */
	LOCK_INODETABLE, /* a superblock's inodes by number */
	LOCK_PAGECACHE,  /* the pages of an inode */
	LOCK_DIRTY,      /* a superblock's dirty inodes */
	LOCK_DEVICES,    /* registered devices */
	LOCK_TASKLIST,   /* pids, parents, children, groups, sessions */
	LOCK_PROCESS,    /* one process: threads, credentials, limits, mm pointer */
	LOCK_FUTEX,      /* a bucket of the futex table */
	LOCK_FUTEX2,     /* the second bucket of a requeue, by address */
	LOCK_SIGNAL,     /* process.signal_lock: actions, pending, stop and exit state */
	LOCK_TIMER,      /* the timer queue */
	LOCK_WAITQ,      /* wait queues */
	LOCK_POOL,       /* idle kernel threads, small allocators */
	LOCK_RANDOM,     /* the random generator */
	LOCK_LEAF,       /* takes nothing else */
};

#endif
