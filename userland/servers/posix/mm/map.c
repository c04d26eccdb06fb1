/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap, mprotect, brk: the list of mappings and the kernel's address space, changed
 * together.  The kernel comes first, since it may refuse; the list has its entries reserved and
 * cannot fail after it.
 */
#include "file.h"
#include "inode.h"
#include "linux/system.h"
#include "lockrank.h"
#include "mm_internal.h"
#include "mount.h"
#include "pagecache.h"
#include "process.h"
#include "rlimit.h"
#include "syscall.h"

#define MMAP_LOW 0x10000ul /* mmap_min_addr: the lowest page a program may map */

/* ---- accounts ---- */

static bool is_data(uint32_t flags)
{
	return (flags & VMA_WRITE) && !(flags & (VMA_SHARED | VMA_STACK));
}

bool mm_within_limits_locked(struct mm *mm, uint64_t len, uint32_t flags)
{
	uint64_t all = rlimit_get(LINUX_RLIMIT_AS), data = rlimit_get(LINUX_RLIMIT_DATA);

	if (len > all || mm->total_bytes > all - len)
		return false;
	if (is_data(flags) && (len > data || mm->data_bytes > data - len))
		return false;
	return true;
}

void mm_account_locked(struct mm *mm, int64_t len, uint32_t flags)
{
	mm->total_bytes += (uint64_t)len;
	mm->peak_bytes = MAX(mm->peak_bytes, mm->total_bytes);
	if (is_data(flags))
		mm->data_bytes += (uint64_t)len;
	if (flags & VMA_LOCKED)
		mm->locked_bytes += (uint64_t)len;
}

static void account_removal(struct mm *mm, uint64_t start, uint64_t end)
{
	for (uint32_t i = vma_list_lower(&mm->vmas, start); i < mm->vmas.nr; i++) {
		const struct vma *vma = &mm->vmas.array[i];
		if (vma->start >= end)
			break;
		uint64_t from = MAX(vma->start, start), to = MIN(vma->end, end);
		mm_account_locked(mm, -(int64_t)(to - from), vma->flags);
	}
}

/* ---- mapping ---- */

/* The object behind a vma: 0 for private anonymous memory. */
static long vma_memobj(const struct vma *vma)
{
	if (vma->memory)
		return vma->memory->memobj;
	return vma->file ? inode_memobj(vma->file->inode) : 0;
}

long mm_map_locked(struct mm *mm, const struct vma *vma, bool replace)
{
	uint64_t len = vma->end - vma->start;
	uint64_t flags = (vma->flags & VMA_SHARED ? QUOIN_MAP_SHARED : 0) | (replace ? QUOIN_MAP_REPLACE : 0);
	long error = vma_list_reserve(&mm->vmas, 2);

	if (error)
		return error;
	long memobj = vma_memobj(vma);
	if (memobj < 0)
		return memobj;
	error = quoin_aspace_map(mm->aspace, vma->start, len, (vma->flags & 7) | flags << 8,
				 (quoin_handle)memobj, memobj ? vma->offset : 0);
	if (error)
		return error == -QERR_EXIST ? -EEXIST : -ENOMEM;
	if (replace) {
		account_removal(mm, vma->start, vma->end);
		vma_list_remove(&mm->vmas, vma->start, vma->end);
	}
	vma_list_insert(&mm->vmas, vma);
	mm_account_locked(mm, (int64_t)len, vma->flags);
	return 0;
}

long mm_map_anonymous(struct mm *mm, uint64_t start, uint64_t len, uint32_t flags)
{
	struct vma vma = { .start = start, .end = start + len, .flags = flags };

	mutex_lock(&mm->lock);
	long error = mm_map_locked(mm, &vma, false);
	mutex_unlock(&mm->lock);
	return error;
}

long mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t len)
{
	long error = vma_list_reserve(&mm->vmas, 1);

	if (error)
		return error;
	if (vma_list_is_free(&mm->vmas, start, start + len))
		return 0;
	quoin_aspace_unmap(mm->aspace, start, len);
	account_removal(mm, start, start + len);
	vma_list_remove(&mm->vmas, start, start + len);
	return 0;
}

/* ---- mmap ---- */

struct mmap_request {
	uint64_t addr, len, offset;
	uint32_t prot, flags;
	struct file *file;
};

static long request_check(const struct mmap_request *request)
{
	uint32_t type = request->flags & LINUX_MAP_TYPE;
	bool fixed = request->flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE);

	if (!request->len || (request->offset & PAGE_MASK))
		return -EINVAL;
	if (type != LINUX_MAP_PRIVATE && type != LINUX_MAP_SHARED && type != LINUX_MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (request->len > QUOIN_GUEST_MAX - MMAP_LOW)
		return -ENOMEM;
	if (request->offset + request->len < request->offset)
		return -EOVERFLOW;
	if (fixed && (request->addr & PAGE_MASK))
		return -EINVAL;
	if (fixed && request->addr > QUOIN_GUEST_MAX - request->len)
		return -ENOMEM;
	if (fixed && request->addr < MMAP_LOW)
		return -EPERM;
	/* More than there is can never be used. */
	if (!(request->flags & LINUX_MAP_NORESERVE) && type == LINUX_MAP_PRIVATE &&
	    (request->prot & LINUX_PROT_WRITE) && request->len / QUOIN_PAGE_SIZE > runtime_info()->total_pages)
		return -ENOMEM;
	return 0;
}

static bool mount_is_noexec(const struct file *file)
{
	return file->path.mnt && (file->path.mnt->flags & LINUX_MS_NOEXEC);
}

/* May the file be mapped like that? Fills in what the file adds to the flags. */
static long file_flags(const struct mmap_request *request, uint32_t *flags)
{
	const struct file *file = request->file;

	if (!(file->mode & FILE_READ))
		return -EACCES;
	if (*flags & VMA_SHARED) {
		if ((request->prot & LINUX_PROT_WRITE) && !(file->mode & FILE_WRITE))
			return -EACCES;
		if (file->mode & FILE_WRITE)
			*flags |= VMA_MAY_WRITE;
	}
	if (mount_is_noexec(file)) {
		if (request->prot & LINUX_PROT_EXEC)
			return -EPERM;
		*flags |= VMA_DENY_EXEC;
	}
	return file->ops->mmap ? 0 : -ENODEV;
}

static long choose_address(struct mm *mm, const struct mmap_request *request)
{
	uint64_t hint = request->addr & ~PAGE_MASK, addr = 0;

	if (request->flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE))
		return (long)request->addr;
	if (request->flags & LINUX_MAP_32BIT)
		addr = vma_list_gap(&mm->vmas, request->len, 0x40000000, 0x80000000);
	else if (hint >= MMAP_LOW && hint <= QUOIN_GUEST_MAX - request->len &&
		 vma_list_is_free(&mm->vmas, hint, hint + request->len))
		addr = hint;
	else
		addr = vma_list_gap(&mm->vmas, request->len, MMAP_LOW, mm->mmap_top);
	if (!addr)
		addr = vma_list_gap(&mm->vmas, request->len, MMAP_LOW, QUOIN_GUEST_MAX);
	return addr ? (long)addr : -ENOMEM;
}

/* What backs the new vma: the file, its own choice (ops->mmap), or new shared memory. */
static long vma_back(struct vma *vma, struct file *file)
{
	if (file) {
		vma->file = file_get(file);
		long error = file->ops->mmap(file, vma);
		if (!error && vma_may_write_file(vma))
			error = inode_get_map_write(file->inode);
		if (error)
			file_put(file);
		return error;
	}
	if (vma->flags & VMA_SHARED) {
		vma->memory = memory_create(vma->end - vma->start);
		return vma->memory ? 0 : -ENOMEM;
	}
	return 0;
}

static long mmap_locked(struct mm *mm, const struct mmap_request *request, uint32_t flags)
{
	bool replace = request->flags & LINUX_MAP_FIXED;
	long addr = choose_address(mm, request);

	if (addr < 0)
		return addr;
	if ((request->flags & LINUX_MAP_FIXED_NOREPLACE) &&
	    !vma_list_is_free(&mm->vmas, (uint64_t)addr, (uint64_t)addr + request->len))
		return -EEXIST;
	if (!mm_within_limits_locked(mm, request->len, flags))
		return -ENOMEM;
	struct vma vma = {
		.start = (uint64_t)addr,
		.end = (uint64_t)addr + request->len,
		.offset = request->offset,
		.flags = flags,
	};
	long error = vma_back(&vma, request->file);
	if (error)
		return error;
	error = mm_map_locked(mm, &vma, replace);
	if (error) {
		vma_put(&vma);
		return error;
	}
	return addr;
}

static void mmap_populate(struct mm *mm, const struct mmap_request *request, uint64_t addr)
{
	enum mm_access access = request->prot & LINUX_PROT_WRITE ? MM_ACCESS_WRITE : MM_ACCESS_READ;

	mm_populate(mm, addr, addr + request->len, access);
}

static long do_mmap(const struct mmap_request *request)
{
	struct mm *mm = current->process->mm;
	uint32_t flags = request->prot & 7;
	long result = request_check(request);

	if (result)
		return result;
	if ((request->flags & LINUX_MAP_TYPE) != LINUX_MAP_PRIVATE)
		flags |= VMA_SHARED | (request->file ? 0 : VMA_MAY_WRITE);
	if (request->file)
		result = file_flags(request, &flags);
	if (result)
		return result;
	mutex_lock(&mm->lock);
	if (mm->lock_future)
		flags |= VMA_LOCKED;
	result = mmap_locked(mm, request, flags);
	mutex_unlock(&mm->lock);
	if (result > 0 && (request->flags & (LINUX_MAP_POPULATE | LINUX_MAP_LOCKED)) &&
	    (request->prot & (LINUX_PROT_READ | LINUX_PROT_WRITE)))
		mmap_populate(mm, request, (uint64_t)result);
	return result;
}

long sys_mmap(SYSCALL_ARGS)
{
	struct mmap_request request = {
		.addr = (uint64_t)a0,
		.len = page_up((uint64_t)a1),
		.prot = (uint32_t)a2,
		.flags = (uint32_t)a3,
		.offset = (uint64_t)a5,
	};
	struct fd_ref ref = { 0 };

	if ((uint64_t)a1 > QUOIN_GUEST_MAX)
		return -ENOMEM;
	if (request.flags & LINUX_MAP_ANONYMOUS) {
		request.offset = 0;
	} else {
		ref = fd_get((int)a4);
		if (!ref.file)
			return -EBADF;
		request.file = ref.file;
	}
	long result = do_mmap(&request);
	if (ref.file)
		fd_put(ref);
	return result;
}

long sys_munmap(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t start = (uint64_t)a0, len = page_up((uint64_t)a1), end = start + len;

	if ((start & PAGE_MASK) || !len || (uint64_t)a1 > QUOIN_GUEST_MAX || start > QUOIN_GUEST_MAX - len)
		return -EINVAL;
	if (start < QUOIN_GUEST_MIN)
		start = QUOIN_GUEST_MIN; /* nothing is mapped below */
	if (start >= end)
		return 0;
	mutex_lock(&mm->lock);
	long error = mm_unmap_locked(mm, start, end - start);
	mutex_unlock(&mm->lock);
	return error;
}

/* ---- mprotect ---- */

static long protect_check(struct mm *mm, uint64_t start, uint64_t end, uint32_t prot)
{
	for (uint32_t i = vma_list_lower(&mm->vmas, start); i < mm->vmas.nr; i++) {
		const struct vma *vma = &mm->vmas.array[i];
		if (vma->start >= end)
			break;
		bool shared_file = (vma->flags & VMA_SHARED) && (vma->file || vma->memory);
		if ((prot & VMA_WRITE) && shared_file && !(vma->flags & VMA_MAY_WRITE))
			return -EACCES;
		if ((prot & VMA_EXEC) && (vma->flags & VMA_DENY_EXEC))
			return -EACCES;
	}
	return 0;
}

static long protect_locked(struct mm *mm, uint64_t start, uint64_t end, uint32_t prot)
{
	long error;

	if (!vma_list_is_covered(&mm->vmas, start, end))
		return -ENOMEM;
	error = protect_check(mm, start, end, prot);
	if (!error)
		error = vma_list_reserve(&mm->vmas, 2);
	if (!error)
		error = quoin_aspace_protect(mm->aspace, start, end - start, prot);
	if (error)
		return error == -QERR_PERM ? -EACCES : error;
	vma_list_split(&mm->vmas, start);
	vma_list_split(&mm->vmas, end);
	for (uint32_t i = vma_list_lower(&mm->vmas, start); i < mm->vmas.nr; i++) {
		struct vma *vma = &mm->vmas.array[i];
		int64_t len = (int64_t)(vma->end - vma->start);
		if (vma->start >= end)
			break;
		mm_account_locked(mm, -len, vma->flags);
		vma->flags = (vma->flags & ~7u) | prot;
		mm_account_locked(mm, len, vma->flags);
	}
	vma_list_merge(&mm->vmas, start, end);
	return 0;
}

long sys_mprotect(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t start = (uint64_t)a0, len = page_up((uint64_t)a1);
	uint32_t prot = (uint32_t)a2;

	if ((start & PAGE_MASK) || (prot & ~(7u | LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP)))
		return -EINVAL;
	if (!a1)
		return 0;
	if ((uint64_t)a1 > QUOIN_GUEST_MAX || start > QUOIN_GUEST_MAX - len)
		return -ENOMEM;
	mutex_lock(&mm->lock);
	long error = protect_locked(mm, start, start + len, prot & 7);
	mutex_unlock(&mm->lock);
	return error;
}

/* ---- brk ---- */

static bool brk_grow_locked(struct mm *mm, uint64_t from, uint64_t to)
{
	struct vma vma = { .start = from, .end = to, .flags = VMA_READ | VMA_WRITE | VMA_HEAP };

	if (to > QUOIN_GUEST_MAX || (to - from) / QUOIN_PAGE_SIZE > runtime_info()->total_pages ||
	    !mm_within_limits_locked(mm, to - from, vma.flags))
		return false;
	/* One page stays free above, as a guard. */
	return vma_list_is_free(&mm->vmas, from, to + QUOIN_PAGE_SIZE) && !mm_map_locked(mm, &vma, false);
}

long sys_brk(SYSCALL_ARGS)
{
	struct mm *mm = current->process->mm;
	uint64_t wanted = (uint64_t)a0;

	mutex_lock(&mm->lock);
	if (wanted >= mm->brk_start && wanted < QUOIN_GUEST_MAX) {
		uint64_t from = page_up(mm->brk_end), to = page_up(wanted);
		bool ok = true;
		if (to > from)
			ok = brk_grow_locked(mm, from, to);
		else if (to < from)
			ok = mm_unmap_locked(mm, to, from - to) == 0;
		if (ok)
			mm->brk_end = wanted;
	}
	long result = (long)mm->brk_end;
	mutex_unlock(&mm->lock);
	return result;
}
