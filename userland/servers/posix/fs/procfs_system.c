/* SPDX-License-Identifier: MIT */
/* /proc itself: figures of the whole system, /proc/sys, /proc/quoin. */
#include <quoin/runtime.h>

#include "clock.h"
#include "cred.h"
#include "dentry.h"
#include "device.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/errno.h"
#include "linux/stat.h"
#include "linux/system.h"
#include "loadavg.h"
#include "mount.h"
#include "pagecache.h"
#include "process.h"
#include "procfs.h"
#include "random.h"
#include "syscall.h"
#include "system.h"
#include "user.h"
#include "proto/devmgr.h"

#define KIB_A_PAGE  4
#define NS_A_SECOND 1000000000ul
#define NS_A_TICK   (NS_A_SECOND / LINUX_USER_HZ)

static void stats_get(struct quoin_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	quoin_system_stats((uintptr_t)stats);
}

/* ---- memory ---- */

static int show_meminfo(struct text *text, const struct proc_node *node)
{
	struct pagecache_totals cache;
	struct quoin_stats stats;

	stats_get(&stats);
	pagecache_totals(&cache);
	text_printf(text, "MemTotal:       %8lu kB\n", stats.total_pages * KIB_A_PAGE);
	text_printf(text, "MemFree:        %8lu kB\n", stats.free_pages * KIB_A_PAGE);
	text_printf(text, "MemAvailable:   %8lu kB\n",
		    (stats.free_pages + (cache.cached > cache.dirty ? cache.cached - cache.dirty : 0)) *
			    KIB_A_PAGE);
	text_printf(text, "Buffers:               0 kB\n");
	text_printf(text, "Cached:         %8lu kB\n", (cache.cached + cache.memory_only) * KIB_A_PAGE);
	text_printf(text, "SwapCached:            0 kB\n");
	text_printf(text, "SwapTotal:             0 kB\n");
	text_printf(text, "SwapFree:              0 kB\n");
	text_printf(text, "Dirty:          %8lu kB\n", cache.dirty * KIB_A_PAGE);
	text_printf(text, "Writeback:      %8lu kB\n", cache.writeback * KIB_A_PAGE);
	text_printf(text, "Mapped:         %8lu kB\n", cache.mapped * KIB_A_PAGE);
	text_printf(text, "Shmem:          %8lu kB\n", cache.memory_only * KIB_A_PAGE);
	text_printf(text, "Slab:           %8lu kB\n", stats.kernel_pages * KIB_A_PAGE);
	return 0;
}

/* ---- time ---- */

static int show_uptime(struct text *text, const struct proc_node *node)
{
	uint64_t up = clock_monotonic_ns();
	struct quoin_stats stats;

	stats_get(&stats);
	text_printf(text, "%lu.%02lu %lu.%02lu\n", up / NS_A_SECOND, up / 10000000 % 100,
		    stats.idle_ns / NS_A_SECOND, stats.idle_ns / 10000000 % 100);
	return 0;
}

/* Time spent in applications by all processes, and those they have waited for. */
static uint64_t guest_time(unsigned *running)
{
	struct process *process;
	uint64_t sum = 0;

	*running = 0;
	for (int pid = 1; (process = process_next(pid));) {
		struct process_times times;

		process_times(process, &times);
		sum += times.guest_ns + process->children_times.guest_ns;
		*running += process_state(process) == 'R';
		pid = process->pid + 1;
		process_put(process);
	}
	return sum;
}

static int show_stat(struct text *text, const struct proc_node *node)
{
	unsigned nr_cpus = runtime_info()->nr_cpus ? runtime_info()->nr_cpus : 1, running;
	uint64_t total, busy, user = guest_time(&running);
	struct quoin_stats stats;

	stats_get(&stats);
	total = stats.uptime_ns * nr_cpus;
	busy = total > stats.idle_ns ? total - stats.idle_ns : 0;
	if (user > busy)
		user = busy;
	text_printf(text, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user / NS_A_TICK, (busy - user) / NS_A_TICK,
		    stats.idle_ns / NS_A_TICK);
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
		text_printf(text, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", cpu, user / nr_cpus / NS_A_TICK,
			    (busy - user) / nr_cpus / NS_A_TICK, stats.idle_ns / nr_cpus / NS_A_TICK);
	text_printf(text, "intr %lu\nctxt %lu\nbtime %ld\nprocesses %d\nprocs_running %u\nprocs_blocked 0\n",
		    stats.interrupts, stats.context_switches, (long)(clock_realtime_offset() / NSEC_PER_SEC),
		    process_last_pid(), running);
	return 0;
}

static int show_loadavg(struct text *text, const struct proc_node *node)
{
	struct linux_sysinfo info = {};
	unsigned running;
	unsigned long load[3];

	guest_time(&running);
	loadavg_get(info.loads);
	for (int i = 0; i < 3; i++)
		load[i] = (info.loads[i] * 100 + (1 << (LINUX_SI_LOAD_SHIFT - 1))) >> LINUX_SI_LOAD_SHIFT;
	text_printf(text, "%lu.%02lu %lu.%02lu %lu.%02lu %u/%u %d\n", load[0] / 100, load[0] % 100,
		    load[1] / 100, load[1] % 100, load[2] / 100, load[2] % 100, running, process_count(),
		    process_last_pid());
	return 0;
}

/* ---- the machine ---- */

static int show_version(struct text *text, const struct proc_node *node)
{
	struct linux_utsname names;

	system_names(&names);
	text_printf(text, "%s version %s (Quoin) %s\n", names.sysname, names.release, names.version);
	return 0;
}

static void cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

static int show_cpuinfo(struct text *text, const struct proc_node *node)
{
	uint32_t words[4], brand[13] = {};
	char vendor[13] = {};
	uint64_t khz = runtime_info()->tsc_hz / 1000;

	cpuid(0, words);
	memcpy(vendor, &words[1], 4);
	memcpy(vendor + 4, &words[3], 4);
	memcpy(vendor + 8, &words[2], 4);
	cpuid(0x80000000, words);
	if (words[0] >= 0x80000004)
		for (uint32_t i = 0; i < 3; i++)
			cpuid(0x80000002 + i, brand + 4 * i);
	for (unsigned cpu = 0; cpu < MAX(runtime_info()->nr_cpus, 1u); cpu++) {
		cpuid(1, words);
		text_printf(text, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu,
			    vendor, (words[0] >> 8 & 15) + (words[0] >> 20 & 255),
			    (words[0] >> 4 & 15) | (words[0] >> 12 & 0xf0));
		text_printf(text, "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n",
			    (const char *)brand, words[0] & 15, khz / 1000, khz % 1000);
		text_printf(text, "flags\t\t: fpu tsc sse sse2\nbogomips\t: %lu.00\n\n", khz / 500);
	}
	return 0;
}

static int show_cmdline(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%s\n", runtime_info()->command_line);
	return 0;
}

static int show_filesystems(struct text *text, const struct proc_node *node)
{
	for (struct filesystem_type *type = filesystem_first(); type; type = type->next)
		text_printf(text, "%s\t%s\n", type->needs_device ? "" : "nodev", type->name);
	return 0;
}

static void partition_line(const char *name, uint32_t rdev, uint64_t nr_sectors, void *argument)
{
	text_printf(argument, "%4u %8u %10lu %s\n", linux_major(rdev), linux_minor(rdev), nr_sectors / 2, name);
}

static int show_partitions(struct text *text, const struct proc_node *node)
{
	text_printf(text, "major minor  #blocks  name\n\n");
	device_for_each_block(partition_line, text);
	return 0;
}

static int show_swaps(struct text *text, const struct proc_node *node)
{
	text_printf(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

/* ---- mounts ---- */

struct mounts_show {
	struct text *text;
	const struct path *root;
	bool mountinfo;
};

/* Blanks and backslashes in octal, as getmntent undoes them. */
static void text_escaped(struct text *text, const char *from)
{
	for (; *from; from++) {
		if (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\\')
			text_printf(text, "\\%03o", (unsigned char)*from);
		else
			text_append(text, from, 1);
	}
}

static void mount_options(struct text *text, const struct mount *mnt)
{
	static const struct {
		unsigned flag;
		const char *name;
	} options[] = {
		{ LINUX_MS_NOSUID, ",nosuid" },         { LINUX_MS_NODEV, ",nodev" },
		{ LINUX_MS_NOEXEC, ",noexec" },         { LINUX_MS_NOATIME, ",noatime" },
		{ LINUX_MS_NODIRATIME, ",nodiratime" },
	};

	text_printf(text, "%s", mount_want_write(mnt) ? "ro" : "rw");
	for (unsigned i = 0; i < array_length(options); i++)
		if (mnt->flags & options[i].flag)
			text_printf(text, "%s", options[i].name);
	if (!(mnt->flags & LINUX_MS_NOATIME))
		text_printf(text, ",relatime");
}

static void mount_line(struct text *text, const struct mount *mnt, const char *where, bool mountinfo)
{
	const struct superblock *sb = mnt->sb;

	if (mountinfo) {
		text_printf(text, "%u %u %u:%u / ", mnt->id, mnt->parent ? mnt->parent->id : mnt->id,
			    linux_major(sb->dev), linux_minor(sb->dev));
		text_escaped(text, where);
		text_printf(text, " ");
		mount_options(text, mnt);
		text_printf(text, " - %s %s %s\n", sb->type, sb->source, sb->read_only ? "ro" : "rw");
		return;
	}
	text_escaped(text, sb->source);
	text_printf(text, " ");
	text_escaped(text, where);
	text_printf(text, " %s ", sb->type);
	mount_options(text, mnt);
	text_printf(text, " 0 0\n");
}

static bool mount_show(struct mount *mnt, void *argument)
{
	struct mounts_show *show = argument;
	struct path path = { mnt, mnt->root };
	char *buffer = malloc(LINUX_PATH_MAX + 32), *where;

	if (!buffer)
		return false;
	where = path_name(&path, show->root, buffer, LINUX_PATH_MAX + 32);
	if (*where == '/') /* others are out of this process's sight */
		mount_line(show->text, mnt, where, show->mountinfo);
	free(buffer);
	return true;
}

int proc_show_mounts(struct text *text, const struct path *root, bool mountinfo)
{
	struct mounts_show show = { .text = text, .root = root, .mountinfo = mountinfo };

	mount_for_each(mount_show, &show);
	return 0;
}

/* ---- self ---- */

static long link_self(const struct proc_node *node, char *buffer, size_t size)
{
	return current ? snprintf(buffer, size, "%d", current->process->pid) : -ENOENT;
}

static long link_thread_self(const struct proc_node *node, char *buffer, size_t size)
{
	if (!current)
		return -ENOENT;
	return snprintf(buffer, size, "%d/task/%d", current->process->pid, current->tid);
}

static long link_mounts(const struct proc_node *node, char *buffer, size_t size)
{
	return snprintf(buffer, size, "self/mounts");
}

/* ---- /proc/sys ---- */

static int show_hostname(struct text *text, const struct proc_node *node)
{
	struct linux_utsname names;

	system_names(&names);
	text_printf(text, "%s\n", names.nodename);
	return 0;
}

static int show_osrelease(struct text *text, const struct proc_node *node)
{
	struct linux_utsname names;

	system_names(&names);
	text_printf(text, "%s\n", names.release);
	return 0;
}

static int show_ostype(struct text *text, const struct proc_node *node)
{
	struct linux_utsname names;

	system_names(&names);
	text_printf(text, "%s\n", names.sysname);
	return 0;
}

static int show_pid_max(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%d\n", PID_MAX);
	return 0;
}

static int show_ngroups(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%d\n", CRED_GROUPS_MAX);
	return 0;
}

static int show_cap_last(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%d\n", CAP_LAST);
	return 0;
}

static int show_entropy(struct text *text, const struct proc_node *node)
{
	text_printf(text, "256\n");
	return 0;
}

static void show_uuid_of(struct text *text, const uint8_t *b)
{
	text_printf(text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1],
		    b[2], b[3], b[4], b[5], (b[6] & 15) | 0x40, b[7], (b[8] & 63) | 0x80, b[9], b[10], b[11],
		    b[12], b[13], b[14], b[15]);
}

static int show_uuid(struct text *text, const struct proc_node *node)
{
	uint8_t bytes[16];

	random_bytes(bytes, sizeof(bytes));
	show_uuid_of(text, bytes);
	return 0;
}

static int show_boot_id(struct text *text, const struct proc_node *node)
{
	static uint8_t
		bytes[16]; /* the same for as long as the system runs; a race of first readers is harmless */
	static bool made;

	if (!made)
		random_bytes(bytes, sizeof(bytes));
	made = true;
	show_uuid_of(text, bytes);
	return 0;
}

static int show_pipe_max(struct text *text, const struct proc_node *node)
{
	text_printf(text, "1048576\n");
	return 0;
}

static int show_pipe_user_soft(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%lu\n", user_pipes_limit() / QUOIN_PAGE_SIZE);
	return 0;
}

static int show_file_max(struct text *text, const struct proc_node *node)
{
	text_printf(text, "%lu\n", runtime_info()->total_pages);
	return 0;
}

static int show_nr_open(struct text *text, const struct proc_node *node)
{
	text_printf(text, "1048576\n");
	return 0;
}

static int show_overcommit(struct text *text, const struct proc_node *node)
{
	text_printf(text, "0\n");
	return 0;
}

#define FILE_RO (LINUX_S_IFREG | 0444)
#define FILE_RW (LINUX_S_IFREG | 0644)
#define FILE_WO (LINUX_S_IFREG | 0200)
#define DIR_RO  (LINUX_S_IFDIR | 0555)
#define LINK    (LINUX_S_IFLNK | 0777)

static const struct proc_item random_items[] = {
	{ .name = "boot_id", .mode = FILE_RO, .show = show_boot_id },
	{ .name = "entropy_avail", .mode = FILE_RO, .show = show_entropy },
	{ .name = "uuid", .mode = FILE_RO, .show = show_uuid },
	{},
};

static const struct proc_item kernel_items[] = {
	{ .name = "cap_last_cap", .mode = FILE_RO, .show = show_cap_last },
	{ .name = "hostname", .mode = FILE_RO, .show = show_hostname },
	{ .name = "ngroups_max", .mode = FILE_RO, .show = show_ngroups },
	{ .name = "osrelease", .mode = FILE_RO, .show = show_osrelease },
	{ .name = "ostype", .mode = FILE_RO, .show = show_ostype },
	{ .name = "pid_max", .mode = FILE_RO, .show = show_pid_max },
	{ .name = "random", .mode = DIR_RO, .items = random_items },
	{},
};

static const struct proc_item sys_fs_items[] = {
	{ .name = "file-max", .mode = FILE_RO, .show = show_file_max },
	{ .name = "nr_open", .mode = FILE_RO, .show = show_nr_open },
	{ .name = "pipe-max-size", .mode = FILE_RO, .show = show_pipe_max },
	{ .name = "pipe-user-pages-soft", .mode = FILE_RO, .show = show_pipe_user_soft },
	{},
};

static const struct proc_item vm_items[] = {
	{ .name = "drop_caches", .mode = FILE_WO, .store = proc_store_drop_caches },
	{ .name = "overcommit_memory", .mode = FILE_RO, .show = show_overcommit },
	{},
};

static const struct proc_item sys_items[] = {
	{ .name = "fs", .mode = DIR_RO, .items = sys_fs_items },
	{ .name = "kernel", .mode = DIR_RO, .items = kernel_items },
	{ .name = "vm", .mode = DIR_RO, .items = vm_items },
	{},
};

/* ---- /proc/quoin: the machine below ---- */

#define TASKS_MAX 64

static int show_tasks(struct text *text, const struct proc_node *node)
{
	struct quoin_task_info *tasks = calloc(TASKS_MAX, sizeof(*tasks));
	long count;

	if (!tasks)
		return -ENOMEM;
	count = quoin_system_tasks((uintptr_t)tasks, TASKS_MAX);
	text_printf(text, "%4s %-16s %8s %9s %7s %7s %12s\n", "id", "name", "aspace", "pages", "threads",
		    "handles", "cpu_ms");
	for (long i = 0; i < MIN(count, (long)TASKS_MAX); i++)
		text_printf(text, "%4lu %-16.31s %8lu %9lu %7u %7u %12lu\n", tasks[i].id, tasks[i].name,
			    tasks[i].aspace_id, tasks[i].pages, tasks[i].nr_threads, tasks[i].nr_handles,
			    tasks[i].cpu_ns / 1000000);
	free(tasks);
	return count < 0 ? -EIO : 0;
}

/* Pages of applications that are not the page cache's; those that fork shares count for each. */
static uint64_t application_pages(void)
{
	struct process *process;
	uint64_t sum = 0;

	for (int pid = 1; (process = process_next(pid)); pid = process->pid + 1) {
		sum += process_private_pages(process);
		process_put(process);
	}
	return sum;
}

static int show_stats(struct text *text, const struct proc_node *node)
{
	struct pagecache_totals cache;
	struct quoin_stats stats;

	stats_get(&stats);
	pagecache_totals(&cache);
	text_printf(text, "free_pages %lu\ntotal_pages %lu\nkernel_pages %lu\nobjects %lu\n", stats.free_pages,
		    stats.total_pages, stats.kernel_pages, stats.objects);
	text_printf(text, "context_switches %lu\ninterrupts %lu\nipc_calls %lu\nnotifications %lu\n",
		    stats.context_switches, stats.interrupts, stats.ipc_calls, stats.notifications);
	text_printf(text, "vcpu_exits %lu\nkernel_calls %lu\npage_faults %lu\nroot_switches %lu\n",
		    stats.vcpu_exits, stats.kernel_calls, stats.page_faults, stats.root_switches);
	text_printf(text, "tlb_shootdowns %lu\nipis %lu\nidle_ns %lu\nuptime_ns %lu\n", stats.tlb_shootdowns,
		    stats.ipis, stats.idle_ns, stats.uptime_ns);
	text_printf(text, "cached_pages %lu\ndirty_pages %lu\nmemory_pages %lu\nmapped_pages %lu\n",
		    cache.cached, cache.dirty, cache.memory_only, cache.mapped);
	text_printf(text, "application_pages %lu\n", application_pages());
	text_printf(text, "dentries %u\nheap_bytes %lu\n", dentry_count(), malloc_bytes_in_use());
	text_printf(text, "tlb_invalidations %lu\nkernel_allocations %lu\nframe_allocations %lu\n",
		    stats.tlb_invalidations, stats.allocations, stats.frame_allocations);
	text_printf(text, "heap_allocations %lu\n", malloc_count());
	return 0;
}

static int show_absent(struct text *text, const struct proc_node *node)
{
#define ABSENT_LINE(number, name, state)  \
	if (syscall_absent_count[number]) \
		text_printf(text, "%d %s %lu\n", number, #name, syscall_absent_count[number]);
	LINUX_CALLS(ABSENT_LINE)
	return 0;
}

/* The name of a native task: it is ended, and the supervisor starts it again. */
static int store_restart(const struct proc_node *node, const char *bytes, size_t len)
{
	struct devmgr_restart_request request = {};

	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (len && bytes[len - 1] == '\n')
		len--;
	if (!len || len >= sizeof(request.name))
		return -EINVAL;
	memcpy(request.name, bytes, len);
	request.name_len = (uint32_t)len;
	return (int)devmgr_restart(QUOIN_SUPERVISOR, &request, NULL);
}

static const struct proc_item quoin_items[] = {
	{ .name = "absent_calls", .mode = FILE_RO, .show = show_absent },
	{ .name = "books", .mode = FILE_RO, .show = proc_show_books },
	{ .name = "restart", .mode = LINUX_S_IFREG | 0200, .store = store_restart },
	{ .name = "stats", .mode = FILE_RO, .show = show_stats },
	{ .name = "tasks", .mode = FILE_RO, .show = show_tasks },
	{},
};

/* ---- the root ---- */

static const struct proc_item root_items[] = {
	{ .name = "cmdline", .mode = FILE_RO, .show = show_cmdline },
	{ .name = "cpuinfo", .mode = FILE_RO, .show = show_cpuinfo },
	{ .name = "filesystems", .mode = FILE_RO, .show = show_filesystems },
	{ .name = "loadavg", .mode = FILE_RO, .show = show_loadavg },
	{ .name = "meminfo", .mode = FILE_RO, .show = show_meminfo },
	{ .name = "mounts", .mode = LINK, .linktext = link_mounts },
	{ .name = "partitions", .mode = FILE_RO, .show = show_partitions },
	{ .name = "quoin", .mode = DIR_RO, .items = quoin_items },
	{ .name = "self", .mode = LINK, .linktext = link_self },
	{ .name = "stat", .mode = FILE_RO, .show = show_stat },
	{ .name = "swaps", .mode = FILE_RO, .show = show_swaps },
	{ .name = "sys", .mode = DIR_RO, .items = sys_items },
	{ .name = "thread-self", .mode = LINK, .linktext = link_thread_self },
	{ .name = "uptime", .mode = FILE_RO, .show = show_uptime },
	{ .name = "version", .mode = FILE_RO, .show = show_version },
	{},
};

static int root_lookup(const struct proc_node *node, const char *name, size_t len, struct proc_node *child)
{
	struct process *process;
	int pid;

	if (!proc_number(name, len, &pid))
		return -ENOENT;
	process = process_find(pid);
	if (!process)
		return -ENOENT;
	process_put(process);
	child->item = &proc_pid;
	child->pid = pid;
	return 0;
}

static bool root_next(const struct proc_node *node, int *number, char name[16])
{
	struct process *process = process_next(*number);

	if (!process)
		return false;
	*number = process->pid;
	snprintf(name, 16, "%d", process->pid);
	process_put(process);
	return true;
}

const struct proc_item proc_root = {
	.mode = DIR_RO,
	.items = root_items,
	.lookup = root_lookup,
	.next = root_next,
};
