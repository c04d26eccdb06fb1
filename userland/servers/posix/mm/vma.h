/* SPDX-License-Identifier: MIT */
/*
 * The list of a process's mappings: a sorted array of disjoint struct vma.  Lookups are binary
 * searches; insertion and removal move the tail, which for the usual tens of entries is the fastest
 * there is. Compiles on the host; whoever links it defines vma_get and vma_put.
 */
#ifndef POSIX_VMA_H
#define POSIX_VMA_H

#include <stdbool.h>
#include <stdint.h>
#include "mm.h"

#define VMA_LIST_MAX 65530

/* References to what a vma maps: one more holder, one less. */
void vma_get(const struct vma *vma);
void vma_put(const struct vma *vma);

/* Room for extra more entries, so that what follows cannot fail: 0 or -ENOMEM. */
long vma_list_reserve(struct vma_list *list, uint32_t extra);
void vma_list_free(struct vma_list *list); /* drops all references */

/* Index of the first vma that ends above addr; list->nr if there is none. */
uint32_t vma_list_lower(const struct vma_list *list, uint64_t addr);
/* The vma that contains addr, or null. */
struct vma *vma_list_find(const struct vma_list *list, uint64_t addr);
/* Is nothing mapped in [start, end)? Is everything? */
bool vma_list_is_free(const struct vma_list *list, uint64_t start, uint64_t end);
bool vma_list_is_covered(const struct vma_list *list, uint64_t start, uint64_t end);

/*
 * Takes over the references of vma and joins it with its neighbours where they continue each other.
 * Needs one reserved entry.
 */
void vma_list_insert(struct vma_list *list, const struct vma *vma);

/* Makes addr a boundary between vmas. Needs one reserved entry. */
void vma_list_split(struct vma_list *list, uint64_t addr);

/* Forgets [start, end). Needs one reserved entry. */
void vma_list_remove(struct vma_list *list, uint64_t start, uint64_t end);

/* Joins neighbours around [start, end) after their flags have changed. */
void vma_list_merge(struct vma_list *list, uint64_t start, uint64_t end);

/* The highest free range of len bytes in [low, high): its start, or 0. */
uint64_t vma_list_gap(const struct vma_list *list, uint64_t len, uint64_t low, uint64_t high);

#endif
