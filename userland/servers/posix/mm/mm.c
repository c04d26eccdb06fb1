/* SPDX-License-Identifier: MIT */
/*
 * Address spaces of processes: made, copied for fork, and given up.  See mm.h for references and
 * users.
 */
#include "file.h"
#include "inode.h"
#include "lockrank.h"
#include "mm_internal.h"
#include "process.h"

static _Atomic uint64_t memory_next_id = 1;

/* ---- shared anonymous memory ---- */

struct memory *memory_create(uint64_t size)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	long handle;

	if (!memory)
		return NULL;
	handle = quoin_memobj_create(QUOIN_MEMOBJ_ANON, size);
	if (handle < 0) {
		free(memory);
		return NULL;
	}
	atomic_init(&memory->refs, 1);
	memory->memobj = (quoin_handle)handle;
	memory->size = size;
	memory->id = atomic_fetch_add(&memory_next_id, 1);
	return memory;
}

struct memory *memory_get(struct memory *memory)
{
	atomic_fetch_add_explicit(&memory->refs, 1, memory_order_relaxed);
	return memory;
}

void memory_put(struct memory *memory)
{
	if (atomic_fetch_sub(&memory->refs, 1) != 1)
		return;
	quoin_handle_close(memory->memobj);
	free(memory);
}

bool vma_may_write_file(const struct vma *vma)
{
	return vma->file && (vma->flags & VMA_SHARED) && (vma->flags & VMA_MAY_WRITE);
}

void vma_get(const struct vma *vma)
{
	if (vma_may_write_file(vma))
		inode_get_map_write(vma->file->inode); /* never refused: there is one already */
	if (vma->file)
		file_get(vma->file);
	if (vma->memory)
		memory_get(vma->memory);
}

void vma_put(const struct vma *vma)
{
	if (vma_may_write_file(vma))
		inode_put_map_write(vma->file->inode);
	if (vma->file)
		file_put(vma->file);
	if (vma->memory)
		memory_put(vma->memory);
}

/* ---- address spaces ---- */

static struct mm *mm_alloc(quoin_handle aspace)
{
	struct mm *mm = calloc(1, sizeof(*mm));

	if (!mm)
		return NULL;
	atomic_init(&mm->refs, 1);
	atomic_init(&mm->users, 1);
	mm->aspace = aspace;
	mutex_init(&mm->lock, "mm", LOCK_MM);
	return mm;
}

long mm_create(struct mm **out)
{
	long aspace = quoin_aspace_create(QUOIN_ASPACE_GUEST);

	if (aspace < 0)
		return aspace == -QERR_NFILE ? -ENOMEM : aspace;
	*out = mm_alloc((quoin_handle)aspace);
	if (*out)
		return 0;
	quoin_handle_close((quoin_handle)aspace);
	return -ENOMEM;
}

/* What the child does not get, or gets empty (madvise). */
static void clone_exceptions(struct mm *child, const struct vma *vma)
{
	uint64_t len = vma->end - vma->start;

	if (vma->flags & VMA_DONTFORK)
		quoin_aspace_unmap(child->aspace, vma->start, len);
	else if (vma->flags & VMA_WIPEFORK)
		quoin_aspace_discard(child->aspace, vma->start, len);
}

static void clone_vmas(struct mm *parent, struct mm *child)
{
	for (uint32_t i = 0; i < parent->vmas.nr; i++) {
		struct vma *vma = &parent->vmas.array[i];
		if (unlikely(vma->flags & (VMA_DONTFORK | VMA_WIPEFORK)))
			clone_exceptions(child, vma);
		if (vma->flags & VMA_DONTFORK)
			continue;
		vma_get(vma);
		child->vmas.array[child->vmas.nr] = *vma;
		child->vmas.array[child->vmas.nr++].flags &= ~(uint32_t)VMA_LOCKED;
	}
}

static void clone_bounds(const struct mm *parent, struct mm *child)
{
	child->total_bytes = child->peak_bytes = parent->total_bytes;
	child->data_bytes = parent->data_bytes;
	child->mmap_top = parent->mmap_top;
	child->brk_start = parent->brk_start;
	child->brk_end = parent->brk_end;
	child->stack_start = parent->stack_start;
	child->stack_end = parent->stack_end;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->code_start = parent->code_start;
	child->code_end = parent->code_end;
	child->entry = parent->entry;
	child->vdso = parent->vdso;
	child->exe = parent->exe ? file_get(parent->exe) : NULL;
	memcpy(child->auxv, parent->auxv, sizeof(child->auxv));
	child->auxv_bytes = parent->auxv_bytes;
	child->membarrier = parent->membarrier;
}

long mm_clone(struct mm *mm, struct mm **out)
{
	struct mm *child = mm_alloc(0);
	long result = -ENOMEM;

	if (!child)
		return -ENOMEM;
	mutex_lock(&mm->lock);
	if (vma_list_reserve(&child->vmas, mm->vmas.nr) == 0)
		result = quoin_aspace_clone(mm->aspace);
	if (result > 0) {
		child->aspace = (quoin_handle)result;
		clone_vmas(mm, child);
		clone_bounds(mm, child);
	}
	mutex_unlock(&mm->lock);
	if (result > 0) {
		*out = child;
		return 0;
	}
	vma_list_free(&child->vmas);
	free(child);
	return -ENOMEM;
}

struct mm *mm_use(struct mm *mm)
{
	atomic_fetch_add(&mm->users, 1);
	return mm_get(mm);
}

void mm_put(struct mm *mm)
{
	if (atomic_fetch_sub(&mm->refs, 1) != 1)
		return;
	vma_list_free(&mm->vmas);
	if (mm->exe)
		file_put(mm->exe);
	quoin_handle_close(mm->aspace);
	free(mm);
}

void mm_unuse(struct mm *mm)
{
	if (!mm)
		return;
	if (atomic_fetch_sub(&mm->users, 1) == 1 && atomic_load(&mm->refs) > 1) {
		/* Somebody still looks (procfs): the memory goes now all the same. */
		mutex_lock(&mm->lock);
		quoin_aspace_unmap(mm->aspace, QUOIN_GUEST_MIN, QUOIN_GUEST_MAX - QUOIN_GUEST_MIN);
		vma_list_free(&mm->vmas);
		mutex_unlock(&mm->lock);
	}
	mm_put(mm);
}

/* ---- questions ---- */

size_t mm_read(struct mm *mm, uint64_t addr, void *buffer, size_t len)
{
	if (addr >= QUOIN_GUEST_MAX || len > QUOIN_GUEST_MAX - addr)
		return 0;
	long copied = quoin_aspace_read(mm->aspace, addr, (uintptr_t)buffer, len);
	return copied > 0 ? (size_t)copied : 0;
}

void mm_for_each_vma(struct mm *mm, bool (*visit)(struct mm *, const struct vma *, void *), void *context)
{
	mutex_lock(&mm->lock);
	for (uint32_t i = 0; i < mm->vmas.nr; i++)
		if (!visit(mm, &mm->vmas.array[i], context))
			break;
	mutex_unlock(&mm->lock);
}

uint64_t mm_peak_kib(struct mm *mm)
{
	struct quoin_aspace_stat stat;

	if (!mm || quoin_aspace_stat(mm->aspace, (uintptr_t)&stat) < 0)
		return 0;
	return stat.peak_pages * (QUOIN_PAGE_SIZE / 1024);
}
