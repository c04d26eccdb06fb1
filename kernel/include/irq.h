/*
 * Interrupts as objects.  The vectors belong to arch: it calls irq_deliver() from the interrupt, and
 * gives the hooks below.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "ipc.h"

#define IRQ_LEVEL (1u << 0)
#define IRQ_LOW   (1u << 1)

/* [l] table_lock of irq.c   [I] immutable */
struct irq {
	struct object object;
	int vector;                        /* [I] index of the arch's device vectors */
	int gsi;                           /* [I] -1: MSI */
	struct notification *notification; /* [l] reference */
	uint64_t bits;                     /* [l] */
};

/* From the interrupt, interrupts off: vector is what arch_irq_alloc returned. */
void irq_deliver(int vector);

/*
 * Hooks of arch.  A vector is a number 0 .. IRQ_VECTORS-1 for the device part of the IDT.
 * Level-triggered lines are masked by arch before irq_deliver and stay so until arch_irq_unmask.
 */
#define IRQ_VECTORS 160
int arch_irq_alloc_gsi(uint32_t gsi, uint32_t flags); /* vector, masked; -QERR_INVAL, -QERR_BUSY */
int arch_irq_alloc_msi(struct quoin_msi *msi);        /* vector; -QERR_NOSPC */
void arch_irq_unmask(int vector);
void arch_irq_mask(int vector);
void arch_irq_free(int vector); /* masks and frees */

#endif
