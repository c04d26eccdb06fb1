/* SPDX-License-Identifier: MIT */
/* The frame of procfs: inodes, directories and text files made of the tables in procfs.h. */
#include <quoin/runtime.h>

#include "dentry.h"
#include "file.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "lockrank.h"
#include "mount.h"
#include "process.h"
#include "procfs.h"
#include "procfs_init.h"

#define TEXT_FIRST    1024
#define PROC_ROOT_INO 1

/* ---- text ---- */

static bool text_reserve(struct text *text, size_t more)
{
	size_t want = text->size ? text->size : TEXT_FIRST;
	char *bytes;

	while (want - text->len < more)
		want *= 2;
	if (want == text->size)
		return true;
	bytes = realloc(text->bytes, want);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->size = want;
	return true;
}

void text_append(struct text *text, const void *bytes, size_t len)
{
	if (!text_reserve(text, len))
		return;
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len <= 0 || !text_reserve(text, (size_t)len + 1))
		return;
	va_start(args, format);
	vsnprintf(text->bytes + text->len, (size_t)len + 1, format, args);
	va_end(args);
	text->len += (size_t)len;
}

/* ---- nodes ---- */

struct process *proc_process(const struct proc_node *node)
{
	return process_find(node->pid);
}

bool proc_number(const char *name, size_t len, int *value)
{
	int number = 0;

	if (!len || len > 9 || (len > 1 && name[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		number = number * 10 + (name[i] - '0');
	}
	*value = number;
	return true;
}

static const struct inode_ops proc_dir_inode_ops, proc_file_inode_ops;
static const struct inode_ops proc_text_link_ops, proc_object_link_ops;
static const struct file_ops proc_file_ops, proc_dir_ops;

static const struct inode_ops *inode_ops_of(const struct proc_item *item)
{
	if ((item->mode & LINUX_S_IFMT) == LINUX_S_IFDIR)
		return &proc_dir_inode_ops;
	if (item->follow)
		return &proc_object_link_ops;
	return item->linktext ? &proc_text_link_ops : &proc_file_inode_ops;
}

/* What is below a process belongs to its user. */
static void inode_take_owner(struct inode *inode, const struct proc_node *node)
{
	struct process *process = node->pid ? proc_process(node) : NULL;
	struct cred *cred = process ? process_cred_get(process) : NULL;

	if (cred) {
		inode->uid = cred->euid;
		inode->gid = cred->egid;
		cred_put(cred);
	}
	if (process)
		process_put(process);
}

static struct inode *proc_inode(struct superblock *sb, const struct proc_node *node)
{
	const struct proc_item *item = node->item;
	bool is_dir = (item->mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
	struct proc_node *copy = malloc(sizeof(*copy));
	struct inode *inode;

	if (!copy)
		return NULL;
	inode = inode_create(sb, item->mode, inode_ops_of(item), is_dir ? &proc_dir_ops : &proc_file_ops);
	if (!inode) {
		free(copy);
		return NULL;
	}
	*copy = *node;
	inode->private = copy;
	if (is_dir) {
		inode->nlink = 2;
		atomic_store(&inode->flags, INODE_NOCACHE);
	}
	if (node->pid)
		inode->ino = (uint64_t)node->pid << 32 | inode->ino;
	inode_take_owner(inode, node);
	return inode;
}

static void proc_evict(struct inode *inode)
{
	free(inode->private);
}

/* ---- directories ---- */

static int child_find(const struct proc_node *node, const char *name, size_t len, struct proc_node *child)
{
	const struct proc_item *item = node->item->items;

	*child = *node;
	for (; item && item->name; item++) {
		if (strlen(item->name) != len || memcmp(item->name, name, len) != 0)
			continue;
		child->item = item;
		return 0;
	}
	return node->item->lookup ? node->item->lookup(node, name, len, child) : -ENOENT;
}

static bool node_may_enter(const struct proc_node *node)
{
	struct process *process;
	bool may;

	if (!node->item->secret || !node->pid)
		return true;
	process = proc_process(node);
	may = process && process_may_inspect(process);
	if (process)
		process_put(process);
	return may;
}

static int proc_lookup(struct inode *dir, struct dentry *dentry)
{
	struct proc_node child;
	struct inode *inode;
	int error;

	if (!node_may_enter(dir->private))
		return -EACCES;
	error = child_find(dir->private, dentry->name, dentry->len, &child);
	if (error == -ENOENT)
		return 0;
	if (error)
		return error;
	inode = proc_inode(dir->sb, &child);
	if (!inode)
		return -ENOMEM;
	dentry_instantiate(dentry, inode);
	return 0;
}

/* Positions: 0 `.`, 1 `..`, 2... fixed items, then COOKIE_NUMBERS + the number of a changing name. */
#define COOKIE_ITEMS   2
#define COOKIE_NUMBERS 4096

static bool readdir_items(const struct proc_node *node, struct dir_context *context, uint64_t ino)
{
	const struct proc_item *items = node->item->items;
	int64_t at = 0;

	if (context->pos == 0 && !context->emit(context, ".", 1, ino, LINUX_DT_DIR, 1))
		return false;
	if (context->pos == 1 && !context->emit(context, "..", 2, ino, LINUX_DT_DIR, COOKIE_ITEMS))
		return false;
	for (; items && items[at].name; at++) {
		if (COOKIE_ITEMS + at < context->pos)
			continue;
		if (!context->emit(context, items[at].name, strlen(items[at].name), ino + (uint64_t)at + 1,
				   items[at].mode >> 12 & 15, COOKIE_ITEMS + at + 1))
			return false;
	}
	return true;
}

static void readdir_numbers(const struct proc_node *node, struct dir_context *context, uint64_t ino)
{
	int number = context->pos > COOKIE_NUMBERS ? (int)(context->pos - COOKIE_NUMBERS) : 0;
	struct proc_node child;
	char name[16];

	for (; node->item->next && node->item->next(node, &number, name); number++) {
		child = *node;
		if (node->item->lookup(node, name, strlen(name), &child))
			continue;
		if (!context->emit(context, name, strlen(name), ino + COOKIE_NUMBERS + (uint64_t)number,
				   child.item->mode >> 12 & 15, COOKIE_NUMBERS + number + 1))
			return;
	}
}

static int proc_readdir(struct file *file, struct dir_context *context)
{
	const struct proc_node *node = file->inode->private;

	if (!node_may_enter(node))
		return -EACCES;
	if (readdir_items(node, context, file->inode->ino))
		readdir_numbers(node, context, file->inode->ino);
	return 0;
}

/* ---- files ---- */

/* What an open file shows.  Threads may read one file at once, each at a place of its own. */
struct shown {
	struct mutex lock;
	bool made;        /* under lock */
	struct text text; /* under lock */
};

static int proc_open(struct inode *inode, struct file *file)
{
	const struct proc_node *node = inode->private;
	struct shown *shown;

	if ((inode->mode & LINUX_S_IFMT) != LINUX_S_IFREG)
		return 0;
	if (file_writable(file) && !node->item->store)
		return -EACCES;
	if (!node_may_enter(node))
		return -EACCES;
	shown = calloc(1, sizeof(*shown));
	if (!shown)
		return -ENOMEM;
	mutex_init(&shown->lock, "text of procfs", LOCK_PROCTEXT);
	file->private = shown;
	return 0;
}

static void proc_release(struct file *file)
{
	struct shown *shown = file->private;

	if (shown)
		free(shown->text.bytes);
	free(shown);
}

/*
 * Since the file was opened the process may have become another user's, by execve, or have made way for one
 * with its number.  One that has ended has no secrets left.
 */
static bool node_is_withdrawn(const struct proc_node *node)
{
	struct process *process = node->pid && node->item->secret ? proc_process(node) : NULL;
	bool withdrawn = process && !process->zombie && !process_may_inspect(process);

	if (process)
		process_put(process);
	return withdrawn;
}

/* The text of a file that is read from the start is made anew. */
static long text_make_locked(struct shown *shown, const struct proc_node *node)
{
	struct text *text = &shown->text;

	if (node_is_withdrawn(node))
		return -EACCES;
	text->len = 0;
	text->failed = false;
	shown->made = true;
	if (!node->item->show)
		return -EINVAL;
	return node->item->show(text, node);
}

static long read_locked(struct shown *shown, const struct proc_node *node, struct io_iter *iter, int64_t *pos)
{
	const struct text *text = &shown->text;
	size_t len;

	if (*pos == 0 || !shown->made) {
		long error = text_make_locked(shown, node);
		if (error)
			return error;
	}
	if ((uint64_t)*pos >= text->len)
		return 0;
	len = text->len - (size_t)*pos;
	if (len > iter->count)
		len = iter->count;
	len = iter_copy_out(iter, text->bytes + *pos, len);
	*pos += (int64_t)len;
	return len ? (long)len : -EFAULT;
}

static long proc_read(struct file *file, struct io_iter *iter, int64_t *pos)
{
	struct shown *shown = file->private;
	long result;

	if (inode_is_dir(file->inode))
		return -EISDIR;
	mutex_lock(&shown->lock);
	result = read_locked(shown, file->inode->private, iter, pos);
	mutex_unlock(&shown->lock);
	return result;
}

#define STORE_MAX 4096

static long proc_write(struct file *file, struct io_iter *iter, int64_t *pos)
{
	const struct proc_node *node = file->inode->private;
	char bytes[STORE_MAX];
	size_t len = iter->count < STORE_MAX - 1 ? iter->count : STORE_MAX - 1;
	int error;

	if (iter_copy_in(iter, bytes, len) != len)
		return -EFAULT;
	bytes[len] = '\0';
	error = node->item->store(node, bytes, len);
	if (error)
		return error;
	*pos += (int64_t)len;
	return (long)len;
}

static int64_t proc_llseek(struct file *file, int64_t offset, int whence)
{
	return file_seek_size(file, offset, whence, 0);
}

static const struct file_ops proc_file_ops = {
	.open = proc_open,
	.release = proc_release,
	.read = proc_read,
	.write = proc_write,
	.llseek = proc_llseek,
};

static const struct file_ops proc_dir_ops = {
	.read = proc_read,
	.readdir = proc_readdir,
	.llseek = proc_llseek,
};

/* ---- links ---- */

static long proc_linktext(struct inode *inode, char *buffer, size_t size)
{
	const struct proc_node *node = inode->private;

	return node->item->linktext(node, buffer, size);
}

static int proc_follow(struct inode *inode, struct path *path)
{
	const struct proc_node *node = inode->private;

	if (!node_may_enter(node))
		return -EACCES;
	return node->item->follow(node, path);
}

static int proc_setattr(struct inode *inode, const struct inode_attr *attr)
{
	(void)inode;
	return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct inode_ops proc_dir_inode_ops = { .lookup = proc_lookup, .evict = proc_evict };
static const struct inode_ops proc_file_inode_ops = { .setattr = proc_setattr, .evict = proc_evict };
static const struct inode_ops proc_text_link_ops = { .linktext = proc_linktext, .evict = proc_evict };
static const struct inode_ops proc_object_link_ops = { .follow = proc_follow, .evict = proc_evict };

/* ---- the file system ---- */

static int proc_statfs(struct superblock *sb, struct linux_statfs *out)
{
	out->f_type = sb->magic;
	out->f_bsize = out->f_frsize = QUOIN_PAGE_SIZE;
	out->f_namelen = LINUX_NAME_MAX;
	return 0;
}

static const struct superblock_ops proc_sb_ops = { .statfs = proc_statfs };

static struct superblock *proc_superblock(const char *type, const struct proc_item *item, uint32_t magic)
{
	struct superblock *sb = superblock_create(type, &proc_sb_ops, magic);
	struct proc_node node = { .item = item };
	struct inode *root;

	if (!sb)
		return NULL;
	root = proc_inode(sb, &node);
	sb->root = root ? dentry_create_root(sb, root) : NULL;
	if (sb->root)
		return sb;
	inode_put(root);
	superblock_put(sb);
	return NULL;
}

static int proc_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	(void)source;
	(void)flags;
	(void)data;
	*out = proc_superblock("proc", &proc_root, LINUX_PROC_SUPER_MAGIC);
	return *out ? 0 : -ENOMEM;
}

/* There is nothing in it yet that a program needs, but every init mounts it. */
static const struct proc_item sysfs_root = { .mode = LINUX_S_IFDIR | 0555 };

static int sysfs_mount(const char *source, unsigned flags, const char *data, struct superblock **out)
{
	(void)source;
	(void)flags;
	(void)data;
	*out = proc_superblock("sysfs", &sysfs_root, LINUX_SYSFS_MAGIC);
	return *out ? 0 : -ENOMEM;
}

static struct filesystem_type proc_type = { .name = "proc", .mount = proc_mount };
static struct filesystem_type sysfs_type = { .name = "sysfs", .mount = sysfs_mount };

void procfs_init(void)
{
	filesystem_register(&proc_type);
	filesystem_register(&sysfs_type);
}
