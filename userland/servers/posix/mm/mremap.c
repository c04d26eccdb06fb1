/* SPDX-License-Identifier: MIT */
/* mremap: shrink, grow in place, or move.  The range must lie in one mapping, as on Linux. */
#include "lockrank.h"
#include "mm_internal.h"
#include "process.h"
#include "syscall.h"

struct mremap_request {
	uint64_t old_addr, old_len, new_addr, new_len;
	uint32_t flags;
};

static long request_check(const struct mremap_request *request)
{
	bool fixed = request->flags & LINUX_MREMAP_FIXED;

	if (request->flags & ~(uint32_t)(LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED))
		return -EINVAL;
	if (fixed && !(request->flags & LINUX_MREMAP_MAYMOVE))
		return -EINVAL;
	if ((request->old_addr & PAGE_MASK) || !request->new_len || request->old_addr < QUOIN_GUEST_MIN)
		return -EINVAL;
	if (request->old_addr > QUOIN_GUEST_MAX || request->old_len > QUOIN_GUEST_MAX - request->old_addr)
		return -EINVAL;
	if (request->new_len > QUOIN_GUEST_MAX)
		return -EINVAL;
	if (!fixed)
		return 0;
	if ((request->new_addr & PAGE_MASK) || request->new_addr > QUOIN_GUEST_MAX - request->new_len ||
	    request->new_addr < QUOIN_GUEST_MIN)
		return -EINVAL;
	if (request->new_addr < request->old_addr + request->old_len &&
	    request->old_addr < request->new_addr + request->new_len)
		return -EINVAL; /* they overlap */
	return 0;
}

/* The same mapping over another range, with references of its own. */
static struct vma vma_moved(const struct vma *vma, uint64_t from, uint64_t start, uint64_t len)
{
	struct vma moved = *vma;

	if (vma->file || vma->memory)
		moved.offset += from - vma->start;
	moved.start = start;
	moved.end = start + len;
	vma_get(&moved);
	return moved;
}

/* The pages behind the old end are mapped like the rest. */
static long grow_in_place(struct mm *mm, const struct mremap_request *request, const struct vma *vma)
{
	uint64_t end = request->old_addr + request->old_len;
	struct vma tail = vma_moved(vma, end, end, request->new_len - request->old_len);
	long error = mm_map_locked(mm, &tail, false);

	if (error)
		vma_put(&tail);
	return error ? error : (long)request->old_addr;
}

static long move_to(struct mm *mm, const struct mremap_request *request, const struct vma *vma, uint64_t to)
{
	struct vma moved = vma_moved(vma, request->old_addr, to, request->new_len);
	long error = vma_list_reserve(&mm->vmas, 3);

	if (!error)
		error = quoin_aspace_move(mm->aspace, request->old_addr, request->old_len, to,
					  request->new_len);
	if (error) {
		vma_put(&moved);
		return -ENOMEM;
	}
	mm_account_locked(mm, (int64_t)(request->new_len - request->old_len), moved.flags);
	vma_list_remove(&mm->vmas, request->old_addr, request->old_addr + request->old_len);
	vma_list_insert(&mm->vmas, &moved);
	return (long)to;
}

static long mremap_locked(struct mm *mm, struct mremap_request *request)
{
	uint64_t old_end = request->old_addr + request->old_len;
	bool fixed = request->flags & LINUX_MREMAP_FIXED;
	const struct vma *found = vma_list_find(&mm->vmas, request->old_addr);
	long error;

	if (!found || found->end < old_end || !request->old_len)
		return found && !request->old_len ? -EINVAL : -EFAULT;
	if (fixed) {
		error = mm_unmap_locked(mm, request->new_addr, request->new_len);
		if (error)
			return error;
	}
	if (request->new_len < request->old_len) {
		error = mm_unmap_locked(mm, request->old_addr + request->new_len,
					request->old_len - request->new_len);
		if (error)
			return error;
		request->old_len = request->new_len;
		old_end = request->old_addr + request->old_len;
	}
	struct vma vma = *vma_list_find(&mm->vmas, request->old_addr);
	uint64_t more = request->new_len - request->old_len;
	if (!fixed && !more)
		return (long)request->old_addr;
	if (more && !mm_within_limits_locked(mm, more, vma.flags))
		return -ENOMEM;
	if (fixed)
		return move_to(mm, request, &vma, request->new_addr);
	if (vma.end == old_end && old_end <= QUOIN_GUEST_MAX - more &&
	    vma_list_is_free(&mm->vmas, old_end, old_end + more))
		return grow_in_place(mm, request, &vma);
	if (!(request->flags & LINUX_MREMAP_MAYMOVE))
		return -ENOMEM;
	uint64_t to = vma_list_gap(&mm->vmas, request->new_len, 0x10000, mm->mmap_top);
	return to ? move_to(mm, request, &vma, to) : -ENOMEM;
}

long sys_mremap(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	struct mremap_request request = {
		.old_addr = (uint64_t)a0,
		.old_len = page_up((uint64_t)a1),
		.new_len = page_up((uint64_t)a2),
		.flags = (uint32_t)a3,
		.new_addr = (uint64_t)a4,
	};
	long error = request_check(&request);

	if (error)
		return error;
	mutex_lock(&mm->lock);
	long result = mremap_locked(mm, &request);
	mutex_unlock(&mm->lock);
	return result;
}
