/*
 * Structures that the kernel shares with native tasks.  Sizes in bytes, times in nanoseconds of the
 * monotonic clock (zero at boot), addresses and lengths of memory calls in multiples of the page.
 */
#ifndef QUOIN_TYPES_H
#define QUOIN_TYPES_H

#include <stdint.h>
#include <stddef.h>

/* A handle names a kernel object in the caller's table.  0 is never a handle. */
typedef uint32_t quoin_handle;

#define QUOIN_DEADLINE_NEVER UINT64_MAX

/* Handles that a task finds in its table when it starts. */
enum quoin_initial_handle {
	QUOIN_SELF_TASK = 1,   /* its own task, all rights */
	QUOIN_SELF_ASPACE = 2, /* its own address space, all rights */
	QUOIN_SELF_THREAD = 3, /* its first thread */
	QUOIN_SUPERVISOR = 4,  /* endpoint of the supervisor (devmgr); the first task has none */
	QUOIN_HARDWARE = 5,    /* first task only: the right to all physical memory, ports, interrupts */
	QUOIN_ARCHIVE = 6,     /* first task only: memobj with the boot archive (cpio newc) */
	QUOIN_FIRST_FREE = 16, /* handles the kernel allocates start here */
};

/* Rights of a handle. */
#define QUOIN_RIGHT_READ    (1u << 0) /* read, map readable, query */
#define QUOIN_RIGHT_WRITE   (1u << 1) /* write, map writable, change */
#define QUOIN_RIGHT_EXEC    (1u << 2) /* map executable */
#define QUOIN_RIGHT_CALL    (1u << 3) /* endpoint: call; notification: signal */
#define QUOIN_RIGHT_RECEIVE (1u << 4) /* endpoint: receive; notification: wait */
#define QUOIN_RIGHT_MANAGE  (1u << 5) /* task and thread: kill, kick, set */
#define QUOIN_RIGHT_DMA     (1u << 6) /* memobj: learn physical addresses */
#define QUOIN_RIGHT_DUP     (1u << 7) /* may be duplicated and sent */
#define QUOIN_RIGHT_ALL     0xffu

/* Protection and flags of mappings. */
#define QUOIN_PROT_READ  1u
#define QUOIN_PROT_WRITE 2u
#define QUOIN_PROT_EXEC  4u

#define QUOIN_MAP_SHARED   (1u << 0) /* writes reach the object; else copy-on-write */
#define QUOIN_MAP_REPLACE  (1u << 1) /* unmap what is in the range first; else QERR_EXIST */
#define QUOIN_MAP_POPULATE (1u << 2) /* fill in the page tables now where the pages exist */
#define QUOIN_MAP_NOFORK   (1u << 3) /* aspace_clone leaves the range out */
#define QUOIN_MAP_UNCACHED (1u << 4) /* device registers; physical objects only */
#define QUOIN_MAP_WIPEFORK (1u << 5) /* aspace_clone gives the child fresh zero pages */

/* Kinds of memory objects. */
enum quoin_memobj_kind {
	QUOIN_MEMOBJ_ANON = 0, /* missing pages are zero-filled on demand */
	QUOIN_MEMOBJ_FILE = 1, /* missing pages are a fault for the server, which supplies them */
	QUOIN_MEMOBJ_DMA = 2,  /* physically contiguous, below 4 GiB, committed and zeroed at creation */
};

#define QUOIN_SUPPLY_WRITABLE (1u << 0) /* shared mappings may write the page at once (it is dirty) */

/* Address space kinds. */
enum quoin_aspace_kind {
	QUOIN_ASPACE_NATIVE = 0,
	QUOIN_ASPACE_GUEST = 1, /* guest half, and the server region of the calling task */
};

/* Why vcpu_run returned. */
enum quoin_vcpu_reason {
	QUOIN_VCPU_SYSCALL = 1, /* the guest executed SYSCALL; rip is behind it, rcx/r11 as the CPU left them */
	QUOIN_VCPU_EXCEPTION = 2, /* vector, error_code (and fault_addr for #PF) are set */
	QUOIN_VCPU_KICK = 3,      /* vcpu_kick; the latch is cleared */
};

/*
 * What a page fault that the kernel could not resolve was about (vcpu_state.fault_kind, #PF only).
 */
enum quoin_fault_kind {
	QUOIN_FAULT_NONE = 0,     /* not a page fault */
	QUOIN_FAULT_UNMAPPED = 1, /* no region at the address: SEGV_MAPERR */
	QUOIN_FAULT_ACCESS = 2,   /* the region forbids the access: SEGV_ACCERR */
	QUOIN_FAULT_MISSING = 3,  /* page missing in a FILE object: supply it and run again */
	QUOIN_FAULT_READONLY = 4, /* first write to a page supplied without WRITABLE in a shared mapping */
	QUOIN_FAULT_RANGE = 5,    /* beyond the end of the object: SIGBUS */
	QUOIN_FAULT_NOMEM = 6,    /* no memory to resolve it */
};

/*
 * The guest's registers, in the thread page.  The general registers stand in the order of Linux's
 * struct pt_regs.  The server may write any of it while the guest does not run; the kernel copies and
 * checks (canonical rip, user-settable rflags) before it enters.
 * The guest's FS and GS bases and its vector state stay in the CPU; see vcpu_get_bases, vcpu_fpu_get.
 */
struct quoin_vcpu_state {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t rip, rflags, rsp;
	uint32_t reason;     /* enum quoin_vcpu_reason, written at exit */
	uint32_t vector;     /* of an exception */
	uint64_t error_code; /* as the CPU pushed it, 0 if it pushes none */
	uint64_t fault_addr; /* CR2 of a page fault */
	uint32_t fault_kind; /* enum quoin_fault_kind */
	uint32_t reserved;
};

#define QUOIN_MSG_HANDLES 4
#define QUOIN_MSG_BYTES   3456 /* payload at most */

/* A message, in the thread page: written before a call or reply, read after it returns. */
struct quoin_msg {
	int32_t label;       /* request: the operation; reply: 0 or a negated error */
	uint16_t nr_bytes;   /* of payload; a multiple of 8 is copied */
	uint16_t nr_handles; /* at most QUOIN_MSG_HANDLES */
	uint64_t badge;      /* received: the badge of the endpoint handle that was called */
	struct {
		quoin_handle handle; /* sent: in the sender's table; received: in the receiver's; 0 for none */
		uint32_t rights; /* sent: rights of the copy (masked by the sender's); received: what it has */
	} handles[QUOIN_MSG_HANDLES];
	uint8_t payload[QUOIN_MSG_BYTES] __attribute__((aligned(8)));
};

/*
 * One page per thread, allocated and pinned by the kernel and mapped writable in the thread's task at
 * thread_args.page.  The kernel reaches it through its direct map, so it never faults.
 */
struct quoin_thread_page {
	struct quoin_vcpu_state vcpu;
	uint8_t reserved[512 - sizeof(struct quoin_vcpu_state)];
	struct quoin_msg msg;
	uint8_t reserved2[4096 - 512 - sizeof(struct quoin_msg)];
};

/* Scheduling classes, highest first. */
enum quoin_sched_class {
	QUOIN_SCHED_DRIVER = 0, /* round robin above all others: drivers */
	QUOIN_SCHED_SERVER = 1, /* round robin: file systems, network */
	QUOIN_SCHED_FAIR = 2,   /* fair share by weight: POSIX threads */
};

#define QUOIN_WEIGHT_DEFAULT 1024u /* nice 0; 1.25 times per nice step, as Linux */

struct quoin_thread_args {
	uint64_t entry;    /* rip */
	uint64_t stack;    /* rsp; the entry's convention is the runtime's */
	uint64_t argument; /* rdi */
	uint64_t page;     /* where the thread page is mapped; page-aligned, free, in the server region */
	uint32_t sched_class;
	uint32_t weight; /* FAIR only; 0 = default */
	char name[16];   /* for traces and panics; NUL-padded */
};

/* In every native task at QUOIN_SERVER_INFO, read-only. */
struct quoin_info {
	/*
	 * Monotonic time: ns = ((rdtsc - tsc_base) * tsc_mult) >> tsc_shift, in 128 bits. Constant after boot.
	 */
	uint64_t tsc_base;
	uint64_t tsc_mult;
	uint32_t tsc_shift;
	uint32_t nr_cpus;
	uint64_t tsc_hz;
	uint64_t total_pages;    /* that the allocator manages */
	uint64_t acpi_rsdp;      /* physical address, 0 if none */
	uint64_t xsave_bytes;    /* size of the state of vcpu_fpu_get */
	uint64_t xsave_features; /* XCR0 */
	char command_line[512];  /* from GRUB, NUL-terminated */
};

/* system_stats: counters since boot, and levels. */
struct quoin_stats {
	uint64_t free_pages, total_pages;
	uint64_t kernel_pages; /* used by the kernel itself: slabs, page tables, stacks */
	uint64_t objects;      /* live kernel objects */
	uint64_t context_switches, interrupts;
	uint64_t ipc_calls, notifications;
	uint64_t vcpu_exits, kernel_calls, page_faults;
	uint64_t root_switches, tlb_shootdowns, ipis;
	uint64_t idle_ns, uptime_ns; /* idle summed over CPUs */
	uint64_t tlb_invalidations;  /* INVLPG, and whole flushes that are not root switches */
	uint64_t allocations;        /* of kernel memory */
	uint64_t frame_allocations;
	uint64_t reserved[5];
};

/* system_tasks: one per live task. */
struct quoin_task_info {
	uint64_t id;
	char name[32];
	uint64_t aspace_id;
	uint64_t pages; /* charged */
	uint64_t limit_pages;
	uint32_t nr_threads, nr_handles;
	uint64_t cpu_ns;
};

struct quoin_aspace_stat {
	uint64_t resident_pages; /* present in the guest half */
	uint64_t peak_pages;     /* the most that ever were */
	uint64_t private_pages;  /* of these anonymous or copied */
	uint64_t table_pages;
	uint64_t mapped_pages; /* sum of the regions */
};

struct quoin_thread_info {
	uint64_t guest_ns, server_ns; /* CPU time in guest mode, and else */
	uint32_t state;               /* 0 running or ready, 1 blocked, 2 dead */
	uint32_t cpu;
	uint64_t voluntary, involuntary; /* context switches */
};

struct quoin_msi {
	uint64_t address;
	uint32_t data;
	uint32_t reserved;
};

_Static_assert(sizeof(struct quoin_vcpu_state) == 18 * 8 + 8 + 24, "vcpu_state is pinned");
_Static_assert(offsetof(struct quoin_thread_page, msg) == 512, "thread page is pinned");
_Static_assert(sizeof(struct quoin_thread_page) == 4096, "thread page is one page");

#endif
