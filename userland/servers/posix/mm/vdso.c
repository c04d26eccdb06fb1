/* SPDX-License-Identifier: MIT */
/*
 * The vDSO's memory: one object for all processes, the data page first, then the image.  The server
 * keeps the data page mapped and writes the realtime offset there under a sequence count.
 */
#include "clock.h"
#include "mm_internal.h"
#include "process.h"
#include "vdso/vdso.h"

extern const char vdso_image[], vdso_image_end[];

static struct memory *vdso_memory;
static struct vdso_data *data;
static uint64_t image_bytes;

void vdso_init(void);
void vdso_set_realtime_offset(int64_t offset);

void vdso_init(void)
{
	const struct quoin_info *info = runtime_info();

	image_bytes = page_up((uint64_t)(vdso_image_end - vdso_image));
	vdso_memory = memory_create(QUOIN_PAGE_SIZE + image_bytes);
	char *mapped = vdso_memory ? memobj_map(vdso_memory->memobj, 0, QUOIN_PAGE_SIZE + image_bytes,
						QUOIN_PROT_READ | QUOIN_PROT_WRITE, QUOIN_MAP_SHARED)
				   : NULL;
	if (!mapped)
		panic("no memory for the vDSO");
	memcpy(mapped + QUOIN_PAGE_SIZE, vdso_image, (size_t)(vdso_image_end - vdso_image));
	data = (struct vdso_data *)mapped;
	data->tsc_base = info->tsc_base;
	data->tsc_mult = info->tsc_mult;
	data->tsc_shift = info->tsc_shift;
}

void vdso_set_realtime_offset(int64_t offset)
{
	atomic_fetch_add(&data->sequence, 1);
	__atomic_store_n(&data->realtime_offset, offset, __ATOMIC_RELAXED);
	atomic_fetch_add(&data->sequence, 1);
}

static long map_part(struct mm *mm, uint64_t start, uint64_t len, uint64_t offset, uint32_t flags)
{
	struct vma vma = {
		.start = start,
		.end = start + len,
		.offset = offset,
		.flags = flags | VMA_SHARED | VMA_VDSO,
		.memory = memory_get(vdso_memory),
	};
	long error = mm_map_locked(mm, &vma, false);

	if (error)
		vma_put(&vma);
	return error;
}

long vdso_map(struct mm *mm)
{
	uint64_t len = QUOIN_PAGE_SIZE + image_bytes;

	mutex_lock(&mm->lock);
	uint64_t start = vma_list_gap(&mm->vmas, len, QUOIN_GUEST_MIN, mm->mmap_top);
	long error = start ? map_part(mm, start, QUOIN_PAGE_SIZE, 0, VMA_READ) : -ENOMEM;
	if (!error)
		error = map_part(mm, start + QUOIN_PAGE_SIZE, image_bytes, QUOIN_PAGE_SIZE,
				 VMA_READ | VMA_EXEC);
	if (!error)
		mm->vdso = start + QUOIN_PAGE_SIZE;
	mutex_unlock(&mm->lock);
	return error;
}
