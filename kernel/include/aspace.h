/*
 * Address spaces.  The theory (roots, regions, faults, copy-on-write) is at the head of mm/aspace.c.
 */
#ifndef KERNEL_ASPACE_H
#define KERNEL_ASPACE_H

#include "memobj.h"
#include "regiontree.h"
#include "tlb.h"

#define ROOT_GUEST  0 /* of a native aspace: its only root */
#define ROOT_SERVER 1

#define ASPACE_MAX_REGIONS 262144u

/* What aspace_fault is asked for: PROT_* bits, and who asks. */
#define ACCESS_READ  QUOIN_PROT_READ
#define ACCESS_WRITE QUOIN_PROT_WRITE
#define ACCESS_EXEC  QUOIN_PROT_EXEC

/* [l] lock   [I] immutable   [a] atomic */
struct aspace {
	struct object object;
	uint32_t kind;              /* [I] enum quoin_aspace_kind */
	uint64_t id;                /* [I] */
	uint64_t root[2];           /* [I] physical addresses of the PML4s */
	struct aspace *server;      /* [I] guest: whose server region it shows; reference */
	uint64_t cpus;              /* [a] which may hold translations */
	struct spinlock lock;       /* also: page tables */
	struct region_tree regions; /* [l] */
	uint64_t resident_pages;    /* [l] */
	uint64_t peak_pages;        /* [l] most that were resident, up to the last time some went */
	uint64_t private_pages;     /* [l] of these, anonymous or copied */
	uint64_t table_pages;       /* [l] */
	uint64_t mapped_pages;      /* [l] */
	bool adopted;               /* [l] object.account is a task's that runs in it */
	uint32_t clones_running;    /* [l] aspace_clone calls that have write-protected but not flushed */
};

long aspace_new(uint32_t kind, struct aspace *server, struct account *account, struct aspace **aspace);

/* A task starts to run in it: its account pays from now on, if no other task's does already. */
void aspace_adopt(struct aspace *aspace, struct account *account);

/*
 * Resolves a page fault of access (ACCESS_*) at addr.  0: go on.  Else -QERR_FAULT or -QERR_NOMEM and
 * *kind is enum quoin_fault_kind.  Interrupts off, no lock held; may flush TLBs.
 */
long aspace_fault(struct aspace *aspace, uintptr_t addr, unsigned access, unsigned *kind);

/*
 * Resolves access for all of [addr, end); enum quoin_fault_kind of the first page that can't be, and
 * where that was.
 */
unsigned aspace_resolve_range(struct aspace *aspace, uintptr_t addr, uintptr_t end, unsigned access,
			      uintptr_t *stopped);

/* Mapping from inside the kernel (first task, thread pages); prot_flags as in aspace_map. */
long aspace_map(struct aspace *aspace, uintptr_t addr, uint64_t len, uint64_t prot_flags, struct memobj *memobj,
		unsigned max_prot, uint64_t offset);
long aspace_unmap(struct aspace *aspace, uintptr_t addr, uint64_t len);
/* Maps one pinned kernel page (thread page) read-write; the frame must outlive the mapping. */
long aspace_map_page(struct aspace *aspace, uintptr_t addr, uint64_t pa);
long aspace_protect(struct aspace *aspace, uintptr_t addr, uint64_t len, unsigned prot);
long aspace_discard(struct aspace *aspace, uintptr_t addr, uint64_t len);
long aspace_move(struct aspace *aspace, uintptr_t addr, uint64_t len, uintptr_t to, uint64_t to_len);
long aspace_clone(struct aspace *source, struct account *account, struct aspace **child);
/* Copies into or out of any aspace through the direct map, faulting pages in; bytes done. */
uint64_t aspace_copy_in(struct aspace *aspace, uintptr_t addr, const void *src, uint64_t len);
uint64_t aspace_copy_out(struct aspace *aspace, void *dst, uintptr_t addr, uint64_t len);
/* The same with a buffer of the calling task. */
uint64_t aspace_write_user(struct aspace *aspace, uintptr_t addr, uintptr_t buffer, uint64_t len);
uint64_t aspace_read_user(struct aspace *aspace, uintptr_t addr, uintptr_t buffer, uint64_t len);
/* aspace_resident for at most a few hundred pages: a byte each. */
void aspace_page_states(struct aspace *aspace, uintptr_t addr, unsigned nr, uint8_t *states);

/*
 * The word at addr if it is present, without a lock and without a fault (futex).  The CPU runs in
 * aspace with interrupts off, so its page tables cannot be freed meanwhile.
 */
bool aspace_peek_u32(struct aspace *aspace, uintptr_t addr, uint32_t *value);

/* The page behind QUOIN_SERVER_INFO of every native task; arch fills it at boot. */
extern struct quoin_info *kernel_info;
void aspace_init(void);

#endif
