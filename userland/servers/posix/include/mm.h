/* SPDX-License-Identifier: MIT */
/*
 * A process's memory.  The kernel has the pages and resolves anonymous faults; this side has the
 * list of mappings (struct vma) that says what each address means.  mm.lock covers the list and
 * every change of the address space; vmas are found by address in a sorted array (mm/vma.c).
 *
 * A reference (mm_get/mm_put) keeps the structure and the kernel's address space alive, a user
 * (process.mm, also a vfork child's) keeps the mappings: when the last user goes they are removed.
 */
#ifndef POSIX_MM_H
#define POSIX_MM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <quoin/sync.h>
#include <quoin/types.h>
#include "linux/mman.h"

struct file;
struct inode;
struct mm;

/* A memory object that several vmas may map: shared anonymous memory. Counted. */
struct memory {
	_Atomic uint32_t refs;
	quoin_handle memobj; /* [I] */
	uint64_t size;       /* [I] bytes */
	uint64_t id;         /* [I] the "inode number" of /proc/PID/maps and futex keys */
};

struct memory *memory_create(uint64_t size); /* one reference; null: no memory */

enum vma_flags {
	VMA_READ = LINUX_PROT_READ, /* the low three bits are the protection */
	VMA_WRITE = LINUX_PROT_WRITE,
	VMA_EXEC = LINUX_PROT_EXEC,
	VMA_SHARED = 1 << 3,
	VMA_STACK = 1 << 4, /* the first thread's stack */
	VMA_HEAP = 1 << 5,  /* brk */
	VMA_VDSO = 1 << 6,
	VMA_DONTFORK = 1 << 7,
	VMA_WIPEFORK = 1 << 8,
	VMA_LOCKED = 1 << 9,
	VMA_MAY_WRITE = 1 << 10, /* mprotect may make a shared mapping writable: the file is open for it */
	VMA_DENY_EXEC = 1 << 11, /* mount is noexec */
};

struct vma {
	uint64_t start, end;   /* page-aligned, end exclusive */
	uint64_t offset;       /* of start in file or memory */
	uint32_t flags;        /* enum vma_flags */
	struct file *file;     /* holds a reference, or null */
	struct memory *memory; /* holds a reference, or null; file and memory null: private anonymous */
};

struct vma_list {
	struct vma *array; /* sorted, disjoint */
	uint32_t nr, capacity;
};

/* Locks: [m] mm.lock, [I] immutable, [a] atomic */
struct mm {
	_Atomic uint32_t refs;
	_Atomic uint32_t users;
	quoin_handle aspace; /* [I] */
	struct mutex lock;
	struct vma_list vmas;                            /* [m] */
	uint64_t total_bytes;                            /* [m] for RLIMIT_AS */
	uint64_t peak_bytes;                             /* [m] the most that total_bytes was */
	uint64_t data_bytes;                             /* [m] private writable, for RLIMIT_DATA */
	uint64_t locked_bytes;                           /* [m] mlock */
	bool lock_future;                                /* [m] mlockall(MCL_FUTURE) */
	uint64_t mmap_top;                               /* [I] mappings are placed below */
	uint64_t brk_start, brk_end;                     /* [m] */
	uint64_t stack_start, stack_end;                 /* [I] bounds of the stack mapping */
	uint64_t arg_start, arg_end, env_start, env_end; /* [I] */
	uint64_t code_start, code_end, entry;            /* [I] */
	uint64_t vdso;                                   /* [I] */
	struct file *exe;                                /* [m] the program, holds a reference */
	uint8_t auxv[320];                               /* [I] for /proc/PID/auxv */
	uint32_t auxv_bytes;                             /* [I] */
	_Atomic uint64_t major_faults, minor_faults;     /* that the server resolved */
	_Atomic bool membarrier;                         /* registered for private expedited barriers */
};

static inline struct mm *mm_get(struct mm *mm)
{
	atomic_fetch_add_explicit(&mm->refs, 1, memory_order_relaxed);
	return mm;
}
void mm_put(struct mm *mm);

long mm_create(struct mm **out);               /* empty, one reference and one user */
long mm_clone(struct mm *mm, struct mm **out); /* fork */
struct mm *mm_use(struct mm *mm);              /* one more user, with a reference */
void mm_unuse(struct mm *mm);                  /* one less; null is allowed */

/*
 * A fault in the calling thread's address space that the kernel left to the server: 0 when the
 * access can be tried again, -EFAULT (no mapping or not allowed), -EIO (I/O error), -ERANGE (beyond
 * the end of the object), -ENOMEM.  May sleep and do I/O.
 */
enum mm_access {
	MM_ACCESS_READ = LINUX_PROT_READ,
	MM_ACCESS_WRITE = LINUX_PROT_WRITE,
	MM_ACCESS_EXEC = LINUX_PROT_EXEC,
};
uint64_t mm_peak_kib(struct mm *mm); /* the most memory it had; null: 0 */
long mm_fault_in(uint64_t addr, enum mm_access access);

/* The same when the kernel has said why (enum quoin_fault_kind). */
long mm_fault_resolve(struct mm *mm, uint64_t addr, enum mm_access access, uint32_t kind);

struct process;
uint64_t process_private_pages(struct process *process); /* anonymous or copied */
void mm_out_of_memory(struct process *process); /* the process whose fault found no memory: it is killed */

/* Copy from a process's memory that need not be the caller's (procfs): bytes copied. */
size_t mm_read(struct mm *mm, uint64_t addr, void *buffer, size_t len);

/*
 * Call visit for every vma in order, on a snapshot of one vma at a time (lock held: it must not
 * sleep nor touch user memory).  Ends when visit returns false.
 */
void mm_for_each_vma(struct mm *mm, bool (*visit)(struct mm *mm, const struct vma *vma, void *context),
		     void *context);

#endif
