/* SPDX-License-Identifier: MIT */
/* /proc/PID and /proc/PID/task/TID. */
#include <quoin/runtime.h>

#include "clock.h"
#include "cred.h"
#include "dentry.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "mm.h"
#include "mount.h"
#include "process.h"
#include "procfs.h"
#include "rlimit.h"
#include "signal.h"
#include "tty.h"

#define NS_A_TICK (1000000000ul / LINUX_USER_HZ)

/* What a file about a process needs; taken once per show. */
struct subject {
	struct process *process;
	struct thread *thread; /* below task/TID; else NULL */
	struct mm *mm;         /* NULL: a zombie */
};

static int subject_get(const struct proc_node *node, struct subject *subject)
{
	subject->process = proc_process(node);
	subject->thread = NULL;
	subject->mm = NULL;
	if (!subject->process)
		return -ESRCH;
	if (node->tid) {
		subject->thread = process_thread_find(subject->process, node->tid);
		if (!subject->thread) {
			process_put(subject->process);
			return -ESRCH;
		}
	}
	subject->mm = process_mm_get(subject->process);
	return 0;
}

static void subject_put(struct subject *subject)
{
	if (subject->mm)
		mm_put(subject->mm);
	if (subject->thread)
		thread_put(subject->thread);
	process_put(subject->process);
}

/* ---- figures ---- */

struct memory_figures {
	uint64_t vsize, vsize_peak, rss_pages, rss_peak_pages, anon_pages, data, stack, text, locked;
	uint64_t table_pages;
};

static void memory_figures(struct mm *mm, struct memory_figures *out)
{
	struct quoin_aspace_stat stat = {};

	memset(out, 0, sizeof(*out));
	if (!mm)
		return;
	quoin_aspace_stat(mm->aspace, (uintptr_t)&stat);
	out->vsize = mm->total_bytes;
	out->vsize_peak = mm->peak_bytes;
	out->rss_pages = stat.resident_pages;
	out->rss_peak_pages = stat.peak_pages;
	out->anon_pages = stat.private_pages;
	out->table_pages = stat.table_pages;
	out->data = mm->data_bytes;
	out->stack = mm->stack_end - mm->stack_start;
	out->text = mm->code_end - mm->code_start;
	out->locked = mm->locked_bytes;
}

static uint32_t tty_device(struct process *process, int *foreground)
{
	struct pgrp *pgrp;
	struct session *session = NULL;
	uint32_t device;
	int group, id;

	*foreground = -1;
	process_groups(process, &group, &id);
	pgrp = pgrp_find(group);
	if (!pgrp)
		return 0;
	session = session_get(pgrp->session);
	pgrp_put(pgrp);
	device = tty_session_device(session);
	if (device)
		*foreground = tty_session_foreground(session);
	session_put(session);
	return device;
}

static void subject_sched(const struct subject *subject, int *nice, uint32_t *policy)
{
	if (subject->thread)
		thread_sched(subject->thread, nice, policy);
	else
		process_sched(subject->process, nice, policy);
}

static void subject_comm(const struct subject *subject, char comm[LINUX_TASK_COMM_LEN])
{
	if (subject->thread)
		memcpy(comm, subject->thread->comm, LINUX_TASK_COMM_LEN);
	else
		process_comm(subject->process, comm);
	comm[LINUX_TASK_COMM_LEN - 1] = '\0';
}

static char subject_state(const struct subject *subject)
{
	return subject->thread ? thread_state(subject->thread) : process_state(subject->process);
}

static void subject_times(const struct subject *subject, struct process_times *times)
{
	if (subject->thread)
		thread_times(subject->thread, times);
	else
		process_times(subject->process, times);
}

/* ---- stat, statm, status ---- */

static void stat_first_half(struct text *text, const struct proc_node *node, const struct subject *subject)
{
	struct process *process = subject->process;
	const struct process_times *children = &process->children_times;
	struct process_times times;
	char comm[LINUX_TASK_COMM_LEN];
	int group, session, foreground, nice;
	uint32_t policy;
	uint32_t tty = tty_device(process, &foreground);
	uint64_t start = subject->thread ? subject->thread->start_ns : process->start_ns;

	subject_comm(subject, comm);
	subject_times(subject, &times);
	process_groups(process, &group, &session);
	text_printf(text, "%d (%s) %c %d %d %d %d %d 0 ", node->tid ? node->tid : node->pid, comm,
		    subject_state(subject), process_parent_pid(process), group, session, (int)tty, foreground);
	text_printf(text, "%lu %lu %lu %lu ", times.minor_faults, children->minor_faults, times.major_faults,
		    children->major_faults);
	text_printf(text, "%lu %lu %lu %lu ", times.guest_ns / NS_A_TICK, times.server_ns / NS_A_TICK,
		    children->guest_ns / NS_A_TICK, children->server_ns / NS_A_TICK);
	subject_sched(subject, &nice, &policy);
	text_printf(text, "%d %d %u 0 %lu ", 20 + nice, nice, process->nr_threads, start / NS_A_TICK);
}

static void stat_second_half(struct text *text, const struct subject *subject)
{
	struct mm *mm = subject->mm;
	struct memory_figures memory;
	struct process_signals signals;
	uint32_t policy;
	int nice;
	bool may = mm && process_may_inspect(subject->process);

	memory_figures(mm, &memory);
	process_signals(subject->process, &signals);
	text_printf(text, "%lu %lu %lu ", memory.vsize, memory.rss_pages, ~0ul);
	text_printf(text, "%lu %lu %lu 0 0 ", may ? mm->code_start : 0, may ? mm->code_end : 0,
		    may ? mm->stack_end : 0);
	text_printf(text, "%lu %lu %lu %lu ", signals.pending, signals.blocked, signals.ignored,
		    signals.caught);
	subject_sched(subject, &nice, &policy);
	text_printf(text, "0 0 0 %d 0 0 %u 0 0 0 ", subject->process->exit_signal, policy);
	text_printf(text, "0 0 %lu %lu %lu %lu %lu %d\n", may ? mm->brk_start : 0, may ? mm->arg_start : 0,
		    may ? mm->arg_end : 0, may ? mm->env_start : 0, may ? mm->env_end : 0,
		    may ? subject->process->exit_status : 0);
}

static int show_stat(struct text *text, const struct proc_node *node)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	stat_first_half(text, node, &subject);
	stat_second_half(text, &subject);
	subject_put(&subject);
	return 0;
}

static int show_statm(struct text *text, const struct proc_node *node)
{
	struct memory_figures memory;
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	memory_figures(subject.mm, &memory);
	text_printf(text, "%lu %lu %lu %lu 0 %lu 0\n", memory.vsize / QUOIN_PAGE_SIZE, memory.rss_pages,
		    memory.rss_pages > memory.anon_pages ? memory.rss_pages - memory.anon_pages : 0,
		    memory.text / QUOIN_PAGE_SIZE, (memory.data + memory.stack) / QUOIN_PAGE_SIZE);
	subject_put(&subject);
	return 0;
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	case 'D':
		return "D (disk sleep)";
	default:
		return "S (sleeping)";
	}
}

static void status_ids(struct text *text, const struct subject *subject)
{
	struct cred *cred = process_cred_get(subject->process);

	if (!cred)
		return;
	text_printf(text, "Uid:\t%u\t%u\t%u\t%u\n", cred->uid, cred->euid, cred->suid, cred->fsuid);
	text_printf(text, "Gid:\t%u\t%u\t%u\t%u\nGroups:\t", cred->gid, cred->egid, cred->sgid, cred->fsgid);
	for (uint32_t i = 0; i < cred->nr_groups; i++)
		text_printf(text, "%u ", cred->groups[i]);
	text_printf(text, "\n");
	cred_put(cred);
}

static bool vma_add_code(struct mm *mm, const struct vma *vma, void *context)
{
	uint64_t *bytes = context;

	(void)mm;
	if (vma->flags & VMA_EXEC)
		*bytes += vma->end - vma->start;
	return true;
}

static void status_memory(struct text *text, const struct subject *subject)
{
	struct memory_figures memory;
	uint64_t code = 0;

	if (!subject->mm)
		return;
	memory_figures(subject->mm, &memory);
	text_printf(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\n", memory.vsize_peak / 1024,
		    memory.vsize / 1024, memory.locked / 1024);
	text_printf(text, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\nRssAnon:\t%8lu kB\n", memory.rss_peak_pages * 4,
		    memory.rss_pages * 4, memory.anon_pages * 4);
	text_printf(text, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\n", memory.data / 1024, memory.stack / 1024);
	mm_for_each_vma(subject->mm, vma_add_code, &code);
	text_printf(text, "VmExe:\t%8lu kB\nVmLib:\t%8lu kB\nVmPTE:\t%8lu kB\n", memory.text / 1024,
		    (code > memory.text ? code - memory.text : 0) / 1024, memory.table_pages * 4);
}

static void status_signals(struct text *text, const struct subject *subject)
{
	struct process_signals signals;

	process_signals(subject->process, &signals);
	text_printf(text, "Threads:\t%u\n", subject->process->nr_threads);
	text_printf(text, "SigQ:\t%u/%lu\n", signals.nr_queued,
		    (unsigned long)subject->process->soft_limits[LINUX_RLIMIT_SIGPENDING]);
	text_printf(text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\n", signals.pending, signals.shared_pending);
	text_printf(text, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", signals.blocked,
		    signals.ignored, signals.caught);
}

static void status_capabilities(struct text *text, const struct subject *subject)
{
	struct cred *cred = process_cred_get(subject->process);
	uint64_t all = (2ull << CAP_LAST) - 1, held = cred && cred->euid == 0 ? all : 0;

	if (cred)
		cred_put(cred);
	text_printf(text, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", 0ul, held, held);
	text_printf(text, "CapBnd:\t%016lx\nCapAmb:\t%016lx\n", all, 0ul);
	text_printf(text, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n",
		    subject->process->no_new_privs);
}

/* The CPUs it may run on: as a mask, and as ranges. */
static void status_cpus(struct text *text, const struct subject *subject)
{
	uint64_t mask = subject->thread ? thread_cpus(subject->thread) : process_cpus(subject->process);
	int digits = (int)(runtime_info()->nr_cpus + 3) / 4;
	const char *comma = "";

	text_printf(text, "Cpus_allowed:\t%0*lx\nCpus_allowed_list:\t", digits, mask);
	for (int first = 0, last; first < 64; first = last + 1) {
		last = first;
		if (!(mask & (1ull << first)))
			continue;
		while (last < 63 && (mask & (2ull << last)))
			last++;
		text_printf(text, last > first ? "%s%d-%d" : "%s%d", comma, first, last);
		comma = ",";
	}
	text_printf(text, "\n");
}

static void status_files(struct text *text, const struct subject *subject)
{
	struct fdtable *table = process_fdtable_get(subject->process);

	text_printf(text, "FDSize:\t%u\n", table ? fdtable_size(table) : 0);
	fdtable_put(table);
}

static int show_status(struct text *text, const struct proc_node *node)
{
	struct process_times times;
	struct subject subject;
	char comm[LINUX_TASK_COMM_LEN];
	struct fs_context *fs;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	subject_comm(&subject, comm);
	text_printf(text, "Name:\t%s\n", comm);
	fs = process_fs_get(subject.process);
	if (fs) {
		text_printf(text, "Umask:\t%04o\n", (unsigned)fs->umask);
		fs_context_put(fs);
	}
	text_printf(text, "State:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    state_name(subject_state(&subject)), node->pid, node->tid ? node->tid : node->pid,
		    process_parent_pid(subject.process));
	status_ids(text, &subject);
	status_files(text, &subject);
	status_memory(text, &subject);
	status_signals(text, &subject);
	status_capabilities(text, &subject);
	status_cpus(text, &subject);
	subject_times(&subject, &times);
	text_printf(text, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", times.voluntary,
		    times.involuntary);
	subject_put(&subject);
	return 0;
}

/* ---- memory of the process ---- */

#define AREA_MAX (1u << 20)

/* A range of the process's memory, as it is there. */
static void text_memory(struct text *text, struct mm *mm, uint64_t start, uint64_t end)
{
	char chunk[512];

	if (end < start || end - start > AREA_MAX)
		return;
	while (start < end) {
		size_t want = end - start < sizeof(chunk) ? end - start : sizeof(chunk);
		size_t got = mm_read(mm, start, chunk, want);

		text_append(text, chunk, got);
		if (got < want)
			return;
		start += got;
	}
}

static int show_cmdline(struct text *text, const struct proc_node *node)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	if (subject.mm)
		text_memory(text, subject.mm, subject.mm->arg_start, subject.mm->arg_end);
	subject_put(&subject);
	return 0;
}

static int show_environ(struct text *text, const struct proc_node *node)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	if (subject.mm)
		text_memory(text, subject.mm, subject.mm->env_start, subject.mm->env_end);
	subject_put(&subject);
	return 0;
}

static int show_auxv(struct text *text, const struct proc_node *node)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	if (subject.mm)
		text_append(text, subject.mm->auxv, subject.mm->auxv_bytes);
	subject_put(&subject);
	return 0;
}

static int show_comm(struct text *text, const struct proc_node *node)
{
	char comm[LINUX_TASK_COMM_LEN];
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	subject_comm(&subject, comm);
	text_printf(text, "%s\n", comm);
	subject_put(&subject);
	return 0;
}

static const char *vma_label(const struct vma *vma)
{
	if (vma->flags & VMA_STACK)
		return "[stack]";
	if (vma->flags & VMA_HEAP)
		return "[heap]";
	if (vma->flags & VMA_VDSO)
		return vma->flags & VMA_EXEC ? "[vdso]" : "[vvar]";
	return NULL;
}

static void vma_file_name(struct text *text, const struct vma *vma)
{
	char *buffer, *name;

	if (!vma->file->path.mnt) {
		text_printf(text, "%s", vma->file->label ? vma->file->label : "");
		return;
	}
	buffer = malloc(LINUX_PATH_MAX);
	if (!buffer)
		return;
	name = path_name_current(&vma->file->path, buffer, LINUX_PATH_MAX);
	text_printf(text, "%s", name);
	free(buffer);
}

static bool vma_line(struct mm *mm, const struct vma *vma, void *context)
{
	struct text *text = context;
	const struct inode *inode = vma->file ? vma->file->inode : NULL;
	const char *label = vma_label(vma);
	size_t start = text->len;

	(void)mm;
	text_printf(text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", vma->start, vma->end,
		    vma->flags & VMA_READ ? 'r' : '-', vma->flags & VMA_WRITE ? 'w' : '-',
		    vma->flags & VMA_EXEC ? 'x' : '-',
		    (vma->flags & (VMA_SHARED | VMA_VDSO)) == VMA_SHARED ? 's' : 'p', vma->offset,
		    inode ? linux_major(inode->sb->dev) : 0, inode ? linux_minor(inode->sb->dev) : 0,
		    inode ? inode->ino : 0);
	while ((label || inode) && text->len - start < 73 && !text->failed)
		text_append(text, " ", 1);
	if (label)
		text_printf(text, "%s", label);
	else if (inode)
		vma_file_name(text, vma);
	text_append(text, "\n", 1);
	return !text->failed;
}

static int show_maps(struct text *text, const struct proc_node *node)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return error;
	if (subject.mm)
		mm_for_each_vma(subject.mm, vma_line, text);
	subject_put(&subject);
	return 0;
}

/* ---- limits, mounts ---- */

static void limit_value(struct text *text, uint64_t value)
{
	if (value == LINUX_RLIM_INFINITY)
		text_printf(text, "%-20s ", "unlimited");
	else
		text_printf(text, "%-20lu ", value);
}

static int show_limits(struct text *text, const struct proc_node *node)
{
	static const struct {
		unsigned resource;
		const char *name, *unit;
	} limits[] = {
		{ LINUX_RLIMIT_CPU, "Max cpu time", "seconds" },
		{ LINUX_RLIMIT_FSIZE, "Max file size", "bytes" },
		{ LINUX_RLIMIT_DATA, "Max data size", "bytes" },
		{ LINUX_RLIMIT_STACK, "Max stack size", "bytes" },
		{ LINUX_RLIMIT_CORE, "Max core file size", "bytes" },
		{ LINUX_RLIMIT_NPROC, "Max processes", "processes" },
		{ LINUX_RLIMIT_NOFILE, "Max open files", "files" },
		{ LINUX_RLIMIT_MEMLOCK, "Max locked memory", "bytes" },
		{ LINUX_RLIMIT_AS, "Max address space", "bytes" },
		{ LINUX_RLIMIT_SIGPENDING, "Max pending signals", "signals" },
	};
	struct process *process = proc_process(node);

	if (!process)
		return -ESRCH;
	text_printf(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < array_length(limits); i++) {
		struct linux_rlimit limit;

		mutex_lock(&process->lock);
		limit = process->rlimits[limits[i].resource];
		mutex_unlock(&process->lock);
		text_printf(text, "%-25s ", limits[i].name);
		limit_value(text, limit.rlim_cur);
		limit_value(text, limit.rlim_max);
		text_printf(text, "%-10s\n", limits[i].unit);
	}
	process_put(process);
	return 0;
}

static int show_mounts_of(struct text *text, const struct proc_node *node, bool mountinfo)
{
	struct process *process = proc_process(node);
	struct fs_context *fs = process ? process_fs_get(process) : NULL;
	struct path root;

	if (process)
		process_put(process);
	if (!fs)
		return -ESRCH;
	fs_context_root(fs, &root);
	fs_context_put(fs);
	proc_show_mounts(text, &root, mountinfo);
	path_put(&root);
	return 0;
}

static int show_mounts(struct text *text, const struct proc_node *node)
{
	return show_mounts_of(text, node, false);
}

static int show_mountinfo(struct text *text, const struct proc_node *node)
{
	return show_mounts_of(text, node, true);
}

static int show_oom_score_adj(struct text *text, const struct proc_node *node)
{
	text_printf(text, "0\n");
	return 0;
}

/* ---- links to objects ---- */

static int follow_context(const struct proc_node *node, struct path *path,
			  void (*get)(struct fs_context *context, struct path *out))
{
	struct process *process = proc_process(node);
	struct fs_context *fs = process ? process_fs_get(process) : NULL;

	if (process)
		process_put(process);
	if (!fs)
		return -ENOENT;
	get(fs, path);
	fs_context_put(fs);
	return 0;
}

static int follow_cwd(const struct proc_node *node, struct path *path)
{
	return follow_context(node, path, fs_context_cwd);
}

static int follow_root(const struct proc_node *node, struct path *path)
{
	return follow_context(node, path, fs_context_root);
}

static int follow_exe(const struct proc_node *node, struct path *path)
{
	struct subject subject;
	int error = subject_get(node, &subject);

	if (error)
		return -ENOENT;
	error = -ENOENT;
	if (subject.mm) {
		mutex_lock(&subject.mm->lock);
		if (subject.mm->exe)
			error = file_path(subject.mm->exe, path);
		mutex_unlock(&subject.mm->lock);
	}
	subject_put(&subject);
	return error;
}

/* ---- fd ---- */

static struct file *node_file(const struct proc_node *node)
{
	struct process *process = proc_process(node);
	struct fdtable *table = process ? process_fdtable_get(process) : NULL;
	struct file *file = table ? fdtable_file(table, node->fd, NULL) : NULL;

	fdtable_put(table);
	if (process)
		process_put(process);
	return file;
}

static int follow_fd(const struct proc_node *node, struct path *path)
{
	struct file *file = node_file(node);
	int error = file ? file_path(file, path) : -ENOENT;

	file_put(file);
	return error;
}

static const struct proc_item fd_item = {
	.mode = LINUX_S_IFLNK | 0700,
	.follow = follow_fd,
	.secret = true,
};

static int show_fdinfo(struct text *text, const struct proc_node *node)
{
	struct file *file = node_file(node);

	if (!file)
		return -ENOENT;
	text_printf(text, "pos:\t%ld\nflags:\t0%o\n", file->pos, atomic_load(&file->flags));
	file_put(file);
	return 0;
}

static const struct proc_item fdinfo_item = {
	.mode = LINUX_S_IFREG | 0400,
	.show = show_fdinfo,
	.secret = true,
};

static int fd_lookup_as(const struct proc_node *node, const char *name, size_t len, struct proc_node *child,
			const struct proc_item *item)
{
	struct file *file;

	child->item = item;
	if (!proc_number(name, len, &child->fd))
		return -ENOENT;
	file = node_file(child);
	file_put(file);
	return file ? 0 : -ENOENT;
}

static int fd_lookup(const struct proc_node *node, const char *name, size_t len, struct proc_node *child)
{
	return fd_lookup_as(node, name, len, child, &fd_item);
}

static int fdinfo_lookup(const struct proc_node *node, const char *name, size_t len, struct proc_node *child)
{
	return fd_lookup_as(node, name, len, child, &fdinfo_item);
}

static bool fd_next(const struct proc_node *node, int *number, char name[16])
{
	struct process *process = proc_process(node);
	struct fdtable *table = process ? process_fdtable_get(process) : NULL;
	int fd = table ? fdtable_next(table, *number) : -1;

	fdtable_put(table);
	if (process)
		process_put(process);
	if (fd < 0)
		return false;
	*number = fd;
	snprintf(name, 16, "%d", fd);
	return true;
}

/* ---- task ---- */

static const struct proc_item task_item;

static int task_lookup(const struct proc_node *node, const char *name, size_t len, struct proc_node *child)
{
	struct process *process;
	struct thread *thread = NULL;
	int tid;

	if (!proc_number(name, len, &tid))
		return -ENOENT;
	process = proc_process(node);
	if (process) {
		thread = process_thread_find(process, tid);
		process_put(process);
	}
	if (!thread)
		return -ENOENT;
	thread_put(thread);
	child->item = &task_item;
	child->tid = tid;
	return 0;
}

#define TIDS_MAX 512

static bool task_next(const struct proc_node *node, int *number, char name[16])
{
	struct process *process = proc_process(node);
	int *tids = malloc(TIDS_MAX * sizeof(*tids)), best = 0, count = 0;

	if (process && tids)
		count = process_threads(process, tids, TIDS_MAX);
	for (int i = 0; i < count && i < TIDS_MAX; i++)
		if (tids[i] >= *number && (!best || tids[i] < best))
			best = tids[i];
	free(tids);
	if (process)
		process_put(process);
	if (!best)
		return false;
	*number = best;
	snprintf(name, 16, "%d", best);
	return true;
}

/* ---- the tables ---- */

#define FILE_RO     (LINUX_S_IFREG | 0444)
#define FILE_SECRET (LINUX_S_IFREG | 0400)
#define DIR_RO      (LINUX_S_IFDIR | 0555)
#define DIR_SECRET  (LINUX_S_IFDIR | 0500)
#define LINK        (LINUX_S_IFLNK | 0777)

#define COMMON_ITEMS                                                                                        \
	{ .name = "auxv", .mode = FILE_SECRET, .show = show_auxv, .secret = true },                         \
		{ .name = "cmdline", .mode = FILE_RO, .show = show_cmdline },                               \
		{ .name = "comm", .mode = FILE_RO, .show = show_comm },                                     \
		{ .name = "cwd", .mode = LINK, .follow = follow_cwd, .secret = true },                      \
		{ .name = "environ", .mode = FILE_SECRET, .show = show_environ, .secret = true },           \
		{ .name = "exe", .mode = LINK, .follow = follow_exe, .secret = true },                      \
		{ .name = "fd", .mode = DIR_SECRET, .lookup = fd_lookup, .next = fd_next, .secret = true }, \
		{ .name = "fdinfo",                                                                         \
		  .mode = DIR_SECRET,                                                                       \
		  .lookup = fdinfo_lookup,                                                                  \
		  .next = fd_next,                                                                          \
		  .secret = true },                                                                         \
		{ .name = "limits", .mode = FILE_RO, .show = show_limits },                                 \
		{ .name = "maps", .mode = FILE_RO, .show = show_maps, .secret = true },                     \
		{ .name = "mountinfo", .mode = FILE_RO, .show = show_mountinfo },                           \
		{ .name = "mounts", .mode = FILE_RO, .show = show_mounts },                                 \
		{ .name = "oom_score_adj", .mode = FILE_RO, .show = show_oom_score_adj },                   \
		{ .name = "root", .mode = LINK, .follow = follow_root, .secret = true },                    \
		{ .name = "stat", .mode = FILE_RO, .show = show_stat },                                     \
		{ .name = "statm", .mode = FILE_RO, .show = show_statm },                                   \
	{                                                                                                   \
		.name = "status", .mode = FILE_RO, .show = show_status                                      \
	}

static const struct proc_item task_items[] = { COMMON_ITEMS, {} };

static const struct proc_item task_item = { .mode = DIR_RO, .items = task_items };

static const struct proc_item pid_items[] = {
	COMMON_ITEMS,
	{ .name = "task", .mode = DIR_RO, .lookup = task_lookup, .next = task_next },
	{},
};

const struct proc_item proc_pid = { .mode = DIR_RO, .items = pid_items };
