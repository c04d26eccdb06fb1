/* SPDX-License-Identifier: MIT */
/* What the files of mm/ share among themselves, and exec. */
#ifndef POSIX_MM_INTERNAL_H
#define POSIX_MM_INTERNAL_H

#include <quoin/layout.h>
#include "linux/errno.h"
#include "mm.h"
#include "vma.h"

#define PAGE_MASK (QUOIN_PAGE_SIZE - 1)

static inline uint64_t page_up(uint64_t addr)
{
	return (addr + PAGE_MASK) & ~PAGE_MASK;
}

struct memory *memory_get(struct memory *memory);
void memory_put(struct memory *memory);

/* A shared mapping of a file that may become writable: inode.h counts them. */
bool vma_may_write_file(const struct vma *vma);

/*
 * Maps and records vma (its file and memory references are taken over on success): the range must
 * be free, or is replaced.  Limits are the caller's business.  mm.lock held.
 */
long mm_map_locked(struct mm *mm, const struct vma *vma, bool replace);
long mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t len);
/* Would len more bytes with these flags be within the limits? */
bool mm_within_limits_locked(struct mm *mm, uint64_t len, uint32_t flags);
void mm_account_locked(struct mm *mm, int64_t len, uint32_t flags);

/* Private anonymous memory for exec: stack, bss. */
long mm_map_anonymous(struct mm *mm, uint64_t start, uint64_t len, uint32_t flags);

/* Faults pages in ahead of use, as far as it goes. No lock held. */
void mm_populate(struct mm *mm, uint64_t start, uint64_t end, enum mm_access access);

long vdso_map(struct mm *mm); /* sets mm->vdso */

#endif
