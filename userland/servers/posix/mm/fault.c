/* SPDX-License-Identifier: MIT */
/*
 * Page faults that the kernel leaves to the server: a page of a file that is not in memory, the
 * first write to a clean page of a shared mapping, and those that nobody can resolve.
 *
 * The faulting thread is its own pager.  It looks the address up under mm.lock, takes a reference
 * to the file, drops the lock and lets the page cache do the I/O; then the access is simply tried
 * again.  If the mapping has gone meanwhile, that next try says so.
 */
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "mm_internal.h"
#include "pagecache.h"
#include "process.h"

struct fault_target {
	struct file *file; /* with a reference */
	uint64_t offset;   /* of the page in the file */
};

static long fault_lookup(struct mm *mm, uint64_t addr, enum mm_access access, struct fault_target *target)
{
	long result = -EFAULT;

	mutex_lock(&mm->lock);
	const struct vma *vma = vma_list_find(&mm->vmas, addr);
	if (vma && (vma->flags & access)) {
		result = 0;
		if (vma->file) {
			target->file = file_get(vma->file);
			target->offset = vma->offset + ((addr & ~PAGE_MASK) - vma->start);
		}
	}
	mutex_unlock(&mm->lock);
	return result;
}

static long fault_file(struct mm *mm, const struct fault_target *target, uint32_t kind)
{
	struct inode *inode = target->file->inode;
	long error;

	if (kind == QUOIN_FAULT_READONLY)
		error = pagecache_mkwrite(inode, target->offset);
	else
		error = pagecache_fault(inode, target->offset);
	atomic_fetch_add_explicit(&mm->major_faults, 1, memory_order_relaxed);
	return error == -EFAULT ? -ERANGE : error; /* beyond the end of the file: SIGBUS, not SIGSEGV */
}

long mm_fault_resolve(struct mm *mm, uint64_t addr, enum mm_access access, uint32_t kind)
{
	struct fault_target target = { 0 };
	long error;

	switch (kind) {
	case QUOIN_FAULT_MISSING:
	case QUOIN_FAULT_READONLY:
		error = fault_lookup(mm, addr, access, &target);
		if (!error && !target.file)
			error = -EFAULT;
		if (!error)
			error = fault_file(mm, &target, kind);
		if (target.file)
			file_put(target.file);
		return error;
	case QUOIN_FAULT_RANGE:
		return -ERANGE;
	case QUOIN_FAULT_NOMEM:
		return pagecache_reclaim(64) ? 0 : -ENOMEM;
	default:
		return -EFAULT;
	}
}

long mm_fault_in(uint64_t addr, enum mm_access access)
{
	struct thread *self = current;
	uint64_t page = addr & ~PAGE_MASK;
	long kind;

	if (!self || page < QUOIN_GUEST_MIN || addr >= QUOIN_GUEST_MAX)
		return -EFAULT;
	struct mm *mm = self->process->mm;
	kind = quoin_aspace_populate(mm->aspace, page, QUOIN_PAGE_SIZE, access);
	if (kind <= 0)
		return kind ? -EFAULT : 0;
	return mm_fault_resolve(mm, addr, access, (uint32_t)kind);
}

void mm_populate(struct mm *mm, uint64_t start, uint64_t end, enum mm_access access)
{
	while (start < end) {
		long kind = quoin_aspace_populate(mm->aspace, start, end - start, access);
		if (kind <= 0)
			return;
		uint64_t stuck = ipc_thread_page()->vcpu.fault_addr & ~PAGE_MASK;
		if (stuck < start || stuck >= end || mm_fault_resolve(mm, stuck, access, (uint32_t)kind))
			return;
		start = stuck;
	}
}

/* ---- no memory at all ---- */

uint64_t process_private_pages(struct process *process)
{
	struct quoin_aspace_stat stat = { 0 };
	struct mm *mm = process_mm_get(process);

	if (!mm)
		return 0;
	quoin_aspace_stat(mm->aspace, (uintptr_t)&stat);
	mm_put(mm);
	return stat.private_pages;
}

/* The process with the most private memory; init is spared. With a reference. */
static struct process *largest_process(void)
{
	struct process *largest = NULL, *process;
	uint64_t most = 0;

	for (int pid = 2; (process = process_next(pid));) {
		uint64_t pages = process->zombie ? 0 : process_private_pages(process);

		pid = process->pid + 1;
		if (pages <= most) {
			process_put(process);
			continue;
		}
		if (largest)
			process_put(largest);
		largest = process;
		most = pages;
	}
	return largest;
}

/*
 * The process that holds the most suffers, usually the one whose fault it is.  If it is another,
 * the caller waits a moment for the memory to come free and tries its access again.
 */
void mm_out_of_memory(struct process *process)
{
	struct process *victim = largest_process();
	struct wait_token token;

	if (!victim)
		victim = process_get(process);
	log_printf("out of memory: killing process %d", victim->pid);
	signal_send_process(victim, LINUX_SIGKILL, NULL);
	if (victim != process) {
		wait_token_init(&token);
		wait_block(&token, deadline_after(10000000), WAIT_KILLABLE);
	}
	process_put(victim);
}
