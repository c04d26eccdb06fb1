/*
 * Handle tables: a task's names for kernel objects, each with rights.
 *
 * A handle is an index into the table.  Each entry holds a reference; handle_lookup takes another,
 * which the caller puts.  An endpoint handle also carries a badge, and the endpoint counts its
 * handles with the RECEIVE right (it is dead without one).
 */
#ifndef KERNEL_HANDLE_H
#define KERNEL_HANDLE_H

#include "object.h"
#include "spinlock.h"

#define HANDLE_MAX 65536u

struct task;

/* A reference to an object with what the handle says about it. */
struct handle_ref {
	struct object *object;
	uint64_t badge;
	uint32_t rights;
};

struct handle_entry {
	struct object *object; /* NULL: free */
	uint64_t badge;        /* of a free entry: the next free index, 0 for none */
	uint32_t rights;
};

/* [l] lock. */
struct handle_table {
	struct spinlock lock;
	struct handle_entry *entries; /* [l] */
	uint32_t size;                /* [l] entries allocated */
	uint32_t free;                /* [l] first free index, 0 for none */
	uint32_t used;                /* [l] */
	uint32_t reserved;            /* [l] free entries promised by handle_reserve */
	bool closed;                  /* [l] the task has ended: nothing can be added */
	struct account *account;      /* [I] */
};

void handle_table_init(struct handle_table *table, struct account *account);
/* Drops every handle; nothing can be added any more. */
void handle_table_close(struct task *task);

/*
 * The object of type (OBJECT_ANY: every one) that handle names, with a new reference in *object.
 * -QERR_BADF, or -QERR_PERM without all of rights.
 */
long handle_lookup(struct task *task, quoin_handle handle, enum object_type type, uint32_t rights,
		   struct object **object);
/* The same with rights and badge. */
long handle_lookup_ref(struct task *task, quoin_handle handle, enum object_type type, uint32_t rights,
		       struct handle_ref *ref);
/* 0 if the calling task's handle is the right to the hardware, with MANAGE. */
long handle_check_hardware(quoin_handle handle);
/*
 * Puts ref into a free slot and returns the handle; the table takes a reference of its own.
 * -QERR_NFILE, -QERR_NOMEM.
 */
long handle_insert(struct task *task, const struct handle_ref *ref);
/*
 * In two steps, the second of which cannot fail: room for nr handles, then each of them.  The table
 * takes over ref's reference.  Only if it was closed in between, the result is 0 and the reference stays
 * the caller's.
 */
long handle_reserve(struct task *task, uint32_t nr);
long handle_insert_reserved(struct task *task, const struct handle_ref *ref);
/* The same at a slot that must be free (1 .. QUOIN_FIRST_FREE-1 or any). -QERR_EXIST. */
long handle_insert_at(struct task *task, uint32_t slot, const struct handle_ref *ref);
/* Inserts object with all rights and drops the caller's reference, also when it fails. */
long handle_insert_new(struct task *task, struct object *object);
long handle_remove(struct task *task, quoin_handle handle);

#endif
