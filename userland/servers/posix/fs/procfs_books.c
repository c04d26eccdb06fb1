/* SPDX-License-Identifier: MIT */
/*
 * /proc/quoin/books: what is in use, line by line, for tests that compare two looks.
 *
 * What is kept only because it may be used again counts as well; a write to /proc/sys/vm/drop_caches lets go of
 * it first.  Frames are the exception, since caches keep them by the thousand: loose_pages are those that
 * no cache, no heap and no process accounts for.
 */
#include <quoin/runtime.h>
#include <proto/task.h>

#include "dentry.h"
#include "mm.h"
#include "page_pool.h"
#include "pagecache.h"
#include "process.h"
#include "procfs.h"
#include "service.h"
#include "vfs_internal.h"
#include "linux/errno.h"

#define TASKS_MAX 64

static uint64_t private_pages(quoin_handle aspace)
{
	struct quoin_aspace_stat stat = {};

	quoin_aspace_stat(aspace, (uintptr_t)&stat);
	return stat.private_pages;
}

static uint64_t processes_pages(void)
{
	struct process *process;
	uint64_t sum = 0;

	for (int pid = 1; (process = process_next(pid)); process_put(process)) {
		struct mm *mm = process_mm_get(process);

		pid = process->pid + 1;
		if (!mm)
			continue;
		sum += private_pages(mm->aspace);
		mm_put(mm);
	}
	return sum;
}

/* Frames of applications that nobody accounts for, given those of all other tasks. */
static long loose_pages(const struct quoin_stats *stats, uint64_t other_tasks)
{
	uint64_t used = stats->total_pages - stats->free_pages - stats->kernel_pages;
	uint64_t own = private_pages(QUOIN_SELF_ASPACE) + page_pool_frames();

	return (long)(used - own - processes_pages() - other_tasks);
}

static uint64_t show_task_books(struct text *text, const struct quoin_task_info *task)
{
	text_printf(text, "%.31s_handles %u\n", task->name, task->nr_handles);
	if (strcmp(task->name, task_name) == 0)
		return 0;
	text_printf(text, "%.31s_threads %u\n", task->name, task->nr_threads);
	return task->pages;
}

/* A server that is just being started anew has no line. */
static void show_heap(struct text *text, const char *name, quoin_handle endpoint)
{
	struct task_heap_request request = {};
	struct task_heap_reply reply;

	if (task_heap(endpoint, &request, &reply) == 0)
		text_printf(text, "%s_heap_bytes %lu\n", name, reply.bytes);
}

static void show_service_heap(const char *name, void *text)
{
	quoin_handle endpoint;

	if (!service_connect(name, &endpoint))
		return;
	show_heap(text, name, endpoint);
	quoin_handle_close(endpoint);
}

int proc_show_books(struct text *text, const struct proc_node *node)
{
	uint64_t heap_bytes = malloc_bytes_in_use(); /* before the text itself takes some */
	uint64_t region_bytes = region_bytes_in_use() - malloc_region_bytes();
	struct quoin_task_info *tasks = calloc(TASKS_MAX, sizeof(*tasks));
	struct quoin_stats stats;
	uint64_t other_tasks = 0;
	long count;

	if (!tasks)
		return -ENOMEM;
	count = quoin_system_tasks((uintptr_t)tasks, TASKS_MAX);
	for (long i = 0; i < MIN(count, (long)TASKS_MAX); i++)
		other_tasks += show_task_books(text, &tasks[i]);
	free(tasks);
	if (count < 0 || quoin_system_stats((uintptr_t)&stats) < 0)
		return -EIO;
	text_printf(text, "objects %lu\nkernel_pages %lu\nloose_pages %ld\n", stats.objects, stats.kernel_pages,
		    loose_pages(&stats, other_tasks));
	show_heap(text, "devmgr", QUOIN_SUPERVISOR);
	service_for_each(show_service_heap, text);
	text_printf(text, "processes %u\nthreads %u\n", process_count(), kthread_count());
	text_printf(text, "inodes %lu\ndentries %u\nheap_bytes %lu\nregion_bytes %lu\n", inode_count(),
		    dentry_count(), heap_bytes, region_bytes);
	return 0;
}

/* 1: pages of files; 2: names, inodes, idle threads and what file systems' servers cache; 3: both.  What is in use stays. */
int proc_store_drop_caches(const struct proc_node *node, const char *bytes, size_t len)
{
	if (len == 0 || bytes[0] < '1' || bytes[0] > '3' || (len > 1 && bytes[1] != '\n'))
		return -EINVAL;
	if (bytes[0] & 1)
		pagecache_reclaim(page_pool_used());
	if (bytes[0] & 2) {
		dentry_drop_unused();
		kthread_drop_idle();
	}
	return 0;
}
