/* SPDX-License-Identifier: MIT */
/*
 * The inside of procfs: a tree of tables.
 *
 * A directory is a table of items, or names that change (processes, threads, descriptors).  A file is a
 * function that writes its text; it runs when the file is read from the start.  Nothing is cached: every
 * lookup makes a new inode, so what is gone is gone at once.
 */
#ifndef POSIX_PROCFS_H
#define POSIX_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inode;
struct mm;
struct path;
struct process;
struct dir_context;

/* Text that grows. */
struct text {
	char *bytes;
	size_t len, size;
	bool failed; /* out of memory: what is there is cut short */
};

void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_append(struct text *text, const void *bytes, size_t len);

struct proc_item;

/* Where in the tree an inode is; inode->private. */
struct proc_node {
	const struct proc_item *item;
	int pid; /* 0: not below a process */
	int tid; /* 0: not below a task directory */
	int fd;
};

struct proc_item {
	const char *name;
	uint32_t mode; /* type and permissions */
	/* A file's text: 0 or -errno. */
	int (*show)(struct text *text, const struct proc_node *node);
	/* What a write does: 0 or -errno. */
	int (*store)(const struct proc_node *node, const char *bytes, size_t len);
	/* A directory: its fixed items, ended by one without name, */
	const struct proc_item *items;
	/* and names that change: sets *item and numbers of the child, -ENOENT; */
	int (*lookup)(const struct proc_node *node, const char *name, size_t len, struct proc_node *child);
	/* the first of them with number >= *number and its name; false: no more. */
	bool (*next)(const struct proc_node *node, int *number, char name[16]);
	/* A link: its text, or the object it leads to. */
	long (*linktext)(const struct proc_node *node, char *buffer, size_t size);
	int (*follow)(const struct proc_node *node, struct path *path);
	bool secret; /* only for those who may inspect the process */
};

extern const struct proc_item proc_root;
extern const struct proc_item proc_pid; /* /proc/PID */

/* The process with a reference; NULL: gone. */
struct process *proc_process(const struct proc_node *node);
bool proc_number(const char *name, size_t len, int *value);
int proc_show_books(struct text *text, const struct proc_node *node);
int proc_store_drop_caches(const struct proc_node *node, const char *bytes, size_t len);
int proc_show_mounts(struct text *text, const struct path *root, bool mountinfo);

#endif
