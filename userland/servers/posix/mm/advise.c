/* SPDX-License-Identifier: MIT */
/* Calls about mappings that stay where they are: madvise, msync, mincore, mlock. */
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "mm_internal.h"
#include "pagecache.h"
#include "process.h"
#include "rlimit.h"
#include "syscall.h"
#include "usercopy.h"

/* A page-aligned range of user addresses; end < start never. */
static long range_check(uint64_t start, uint64_t len_bytes, uint64_t *end)
{
	uint64_t len = page_up(len_bytes);

	if (start & PAGE_MASK)
		return -EINVAL;
	if (len < len_bytes || start + len < start)
		return -EINVAL;
	*end = start + len;
	return *end > QUOIN_GUEST_MAX ? -ENOMEM : 0;
}

/* The file behind addr with a reference, and how far its mapping goes; null for other memory or
 * holes. */
static struct file *file_at(struct mm *mm, uint64_t addr, uint64_t *end, uint64_t *offset, uint32_t *flags,
			    bool *mapped)
{
	struct file *file = NULL;

	mutex_lock(&mm->lock);
	uint32_t i = vma_list_lower(&mm->vmas, addr);
	*mapped = i < mm->vmas.nr && mm->vmas.array[i].start <= addr;
	if (*mapped) {
		const struct vma *vma = &mm->vmas.array[i];
		*end = MIN(*end, vma->end);
		*flags = vma->flags;
		*offset = vma->offset + (addr - vma->start);
		file = vma->file ? file_get(vma->file) : NULL;
	} else if (i < mm->vmas.nr) {
		*end = MIN(*end, mm->vmas.array[i].start);
	}
	mutex_unlock(&mm->lock);
	return file;
}

/* ---- madvise ---- */

static long set_flags(struct mm *mm, uint64_t start, uint64_t end, uint32_t set, uint32_t clear)
{
	mutex_lock(&mm->lock);
	long error = vma_list_reserve(&mm->vmas, 2);
	if (!error && !vma_list_is_covered(&mm->vmas, start, end))
		error = -ENOMEM;
	if (!error) {
		vma_list_split(&mm->vmas, start);
		vma_list_split(&mm->vmas, end);
		for (uint32_t i = vma_list_lower(&mm->vmas, start);
		     i < mm->vmas.nr && mm->vmas.array[i].start < end; i++) {
			struct vma *vma = &mm->vmas.array[i];
			int64_t len = (int64_t)(vma->end - vma->start);
			mm_account_locked(mm, -len, vma->flags);
			vma->flags = (vma->flags & ~clear) | set;
			mm_account_locked(mm, len, vma->flags);
		}
		vma_list_merge(&mm->vmas, start, end);
	}
	mutex_unlock(&mm->lock);
	return error;
}

static long discard(struct mm *mm, uint64_t start, uint64_t end)
{
	mutex_lock(&mm->lock);
	bool covered = vma_list_is_covered(&mm->vmas, start, end);
	for (uint32_t i = vma_list_lower(&mm->vmas, start); i < mm->vmas.nr; i++) {
		const struct vma *vma = &mm->vmas.array[i];
		if (vma->start >= end)
			break;
		uint64_t from = MAX(start, vma->start), to = MIN(end, vma->end);
		quoin_aspace_discard(mm->aspace, from, to - from);
	}
	mutex_unlock(&mm->lock);
	return covered ? 0 : -ENOMEM;
}

static long will_need(struct mm *mm, uint64_t start, uint64_t limit)
{
	uint64_t offset = 0;
	uint32_t flags;
	bool mapped;

	while (start < limit) {
		uint64_t end = limit;
		struct file *file = file_at(mm, start, &end, &offset, &flags, &mapped);
		if (file) {
			pagecache_prefetch(file->inode, offset, end - start);
			file_put(file);
		}
		start = end;
	}
	return 0;
}

/* Locked memory is not given up, and what others may share is neither forgotten nor wiped. */
static bool advice_fits(const struct vma *vma, int advice)
{
	bool own = !vma->file && !(vma->flags & VMA_SHARED), locked = vma->flags & VMA_LOCKED;

	switch (advice) {
	case LINUX_MADV_DONTNEED:
		return !locked;
	case LINUX_MADV_FREE:
		return own && !locked;
	case LINUX_MADV_WIPEONFORK:
		return own;
	default:
		return true;
	}
}

static long advice_check(struct mm *mm, uint64_t start, uint64_t end, int advice)
{
	bool fits = true;

	mutex_lock(&mm->lock);
	for (uint32_t i = vma_list_lower(&mm->vmas, start); i < mm->vmas.nr && mm->vmas.array[i].start < end;
	     i++)
		fits &= advice_fits(&mm->vmas.array[i], advice);
	mutex_unlock(&mm->lock);
	return fits ? 0 : -EINVAL;
}

long sys_madvise(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t start = (uint64_t)a0, end;
	long error = range_check(start, (uint64_t)a1, &end);

	if (error || start == end)
		return error;
	error = advice_check(mm, start, end, (int)a2);
	if (error)
		return error;
	switch ((int)a2) {
	case LINUX_MADV_DONTNEED:
	case LINUX_MADV_FREE:
		return discard(mm, start, end);
	case LINUX_MADV_WILLNEED:
		return will_need(mm, start, end);
	case LINUX_MADV_DONTFORK:
		return set_flags(mm, start, end, VMA_DONTFORK, 0);
	case LINUX_MADV_DOFORK:
		return set_flags(mm, start, end, 0, VMA_DONTFORK);
	case LINUX_MADV_WIPEONFORK:
		return set_flags(mm, start, end, VMA_WIPEFORK, 0);
	case LINUX_MADV_KEEPONFORK:
		return set_flags(mm, start, end, 0, VMA_WIPEFORK);
	case LINUX_MADV_NORMAL:
	case LINUX_MADV_RANDOM:
	case LINUX_MADV_SEQUENTIAL:
	case LINUX_MADV_MERGEABLE:
	case LINUX_MADV_UNMERGEABLE:
	case LINUX_MADV_HUGEPAGE:
	case LINUX_MADV_NOHUGEPAGE:
	case LINUX_MADV_DONTDUMP:
	case LINUX_MADV_DODUMP:
	case LINUX_MADV_COLD:
	case LINUX_MADV_PAGEOUT:
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- msync ---- */

long sys_msync(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t start = (uint64_t)a0, limit, offset = 0;
	uint32_t how = (uint32_t)a2, flags = 0;
	bool mapped, hole = false;
	long error = range_check(start, (uint64_t)a1, &limit);

	if ((how & ~(uint32_t)(LINUX_MS_ASYNC | LINUX_MS_INVALIDATE | LINUX_MS_SYNC)) ||
	    ((how & LINUX_MS_ASYNC) && (how & LINUX_MS_SYNC)))
		return -EINVAL;
	while (!error && start < limit) {
		uint64_t end = limit;
		struct file *file = file_at(mm, start, &end, &offset, &flags, &mapped);
		hole |= !mapped;
		if (file && (flags & VMA_SHARED) && (how & LINUX_MS_SYNC))
			error = pagecache_sync_inode(file->inode, true);
		if (file)
			file_put(file);
		start = end;
	}
	return error ? error : hole ? -ENOMEM : 0;
}

/* ---- mincore ---- */

#define MINCORE_BATCH 256

long sys_mincore(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t start = (uint64_t)a0, end, out = (uint64_t)a2;
	uint8_t bytes[MINCORE_BATCH];
	long error = range_check(start, (uint64_t)a1, &end);

	if (error)
		return error;
	mutex_lock(&mm->lock);
	bool covered = vma_list_is_covered(&mm->vmas, start, end);
	mutex_unlock(&mm->lock);
	if (!covered)
		return -ENOMEM;
	while (start < end) {
		uint64_t limit = MIN(end, start + MINCORE_BATCH * QUOIN_PAGE_SIZE), offset = 0;
		uint32_t flags;
		bool mapped;
		struct file *file = file_at(mm, start, &limit, &offset, &flags, &mapped);
		uint64_t nr = (limit - start) / QUOIN_PAGE_SIZE;
		if (quoin_aspace_resident(mm->aspace, start, nr, (uintptr_t)bytes) < 0)
			memset(bytes, 0, nr);
		for (uint64_t i = 0; i < nr; i++)
			bytes[i] = (bytes[i] & 1) ||
				   (file && pagecache_has(file->inode, offset + i * QUOIN_PAGE_SIZE));
		if (file)
			file_put(file);
		if (copy_to_user(out, bytes, nr))
			return -EFAULT;
		out += nr;
		start = limit;
	}
	return 0;
}

/* ---- mlock: nothing is ever swapped out, so it is a matter of accounts and of presence ---- */

static long lock_range(uint64_t start, uint64_t len, bool populate)
{
	struct mm *mm = current->process->mm;
	uint64_t limit = rlimit_get(LINUX_RLIMIT_MEMLOCK), end;
	uint64_t base = start & ~PAGE_MASK;
	long error = range_check(base, len + (start - base), &end);

	if (error)
		return error;
	if (!capable(CAP_IPC_LOCK)) {
		if (limit == 0)
			return -EPERM;
		if (mm->locked_bytes + (end - base) > limit)
			return -ENOMEM;
	}
	error = set_flags(mm, base, end, VMA_LOCKED, 0);
	if (!error && populate)
		mm_populate(mm, base, end, MM_ACCESS_READ);
	return error;
}

long sys_mlock(SYSCALL_ARGS)
{
	return lock_range((uint64_t)a0, (uint64_t)a1, true);
}

long sys_mlock2(SYSCALL_ARGS)
{
	return a2 & ~1l ? -EINVAL : lock_range((uint64_t)a0, (uint64_t)a1, !(a2 & 1));
}

long sys_munlock(SYSCALL_ARGS)
{
	uint64_t start = (uint64_t)a0 & ~PAGE_MASK, end;
	long error = range_check(start, (uint64_t)a1 + ((uint64_t)a0 - start), &end);

	return error ? error : set_flags(current->process->mm, start, end, 0, VMA_LOCKED);
}

static void lock_all(struct mm *mm, bool locked)
{
	mutex_lock(&mm->lock);
	mm->locked_bytes = 0;
	for (uint32_t i = 0; i < mm->vmas.nr; i++) {
		struct vma *vma = &mm->vmas.array[i];
		vma->flags = locked ? vma->flags | VMA_LOCKED : vma->flags & ~(uint32_t)VMA_LOCKED;
		mm->locked_bytes += locked ? vma->end - vma->start : 0;
	}
	mutex_unlock(&mm->lock);
}

long sys_mlockall(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint32_t flags = (uint32_t)a0;

	if (!flags || (flags & ~7u) || flags == LINUX_MCL_ONFAULT)
		return -EINVAL;
	if (!capable(CAP_IPC_LOCK)) {
		uint64_t limit = rlimit_get(LINUX_RLIMIT_MEMLOCK);
		if (limit == 0)
			return -EPERM;
		if ((flags & LINUX_MCL_CURRENT) && mm->total_bytes > limit)
			return -ENOMEM;
	}
	mm->lock_future = flags & LINUX_MCL_FUTURE;
	if (flags & LINUX_MCL_CURRENT)
		lock_all(mm, true);
	return 0;
}

long sys_munlockall(SYSCALL_ARGS)
{
	current->process->mm->lock_future = false;
	lock_all(current->process->mm, false);
	return 0;
}
