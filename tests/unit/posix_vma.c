// clang-format off
// sources: userland/servers/posix/mm/vma.c
// flags: -Iuserland/servers/posix/include -Iuserland/servers/posix/mm -Iuserland/lib/runtime/include
// clang-format on
/* The list of mappings against a plain array that says what each page maps. */
#include <stdlib.h>
#include "check.h"
#include "vma.h"

#define PAGES 64
#define PAGE  4096ul

static int refs;

void vma_get(const struct vma *vma)
{
	refs += vma->file != NULL;
}

void vma_put(const struct vma *vma)
{
	refs -= vma->file != NULL;
}

static struct file *const some_file = (struct file *)0x1000;

static struct vma vma_of(unsigned start, unsigned end, uint32_t flags, struct file *file)
{
	return (struct vma){
		.start = start * PAGE,
		.end = end * PAGE,
		.offset = file ? start * PAGE : 0,
		.flags = flags,
		.file = file,
	};
}

static void insert(struct vma_list *list, struct vma vma)
{
	CHECK_EQ(vma_list_reserve(list, 1), 0);
	vma_get(&vma);
	vma_list_insert(list, &vma);
}

static void neighbours_are_merged(void)
{
	struct vma_list list = { 0 };

	insert(&list, vma_of(1, 3, 3, NULL));
	insert(&list, vma_of(5, 7, 3, NULL));
	insert(&list, vma_of(3, 5, 3, NULL));
	CHECK_EQ(list.nr, 1);
	CHECK_EQ(list.array[0].end, 7 * PAGE);
	insert(&list, vma_of(7, 8, 1, NULL));
	CHECK_EQ(list.nr, 2);
	vma_list_free(&list);
}

static void a_hole_splits_and_moves_the_offset(void)
{
	struct vma_list list = { 0 };

	insert(&list, vma_of(4, 12, 1, some_file));
	CHECK_EQ(vma_list_reserve(&list, 1), 0);
	vma_list_remove(&list, 6 * PAGE, 8 * PAGE);
	CHECK_EQ(list.nr, 2);
	CHECK_EQ(refs, 2);
	CHECK_EQ(list.array[1].offset, 8 * PAGE);
	CHECK(vma_list_is_free(&list, 6 * PAGE, 8 * PAGE));
	CHECK(!vma_list_is_covered(&list, 4 * PAGE, 12 * PAGE));
	vma_list_free(&list);
	CHECK_EQ(refs, 0);
}

static void gaps_are_found_from_the_top(void)
{
	struct vma_list list = { 0 };

	insert(&list, vma_of(10, 20, 1, NULL));
	insert(&list, vma_of(25, 30, 2, NULL));
	CHECK_EQ(vma_list_gap(&list, 4 * PAGE, PAGE, 30 * PAGE), 21 * PAGE);
	CHECK_EQ(vma_list_gap(&list, 6 * PAGE, PAGE, 30 * PAGE), 4 * PAGE);
	CHECK_EQ(vma_list_gap(&list, 9 * PAGE, PAGE, 30 * PAGE), PAGE);
	CHECK_EQ(vma_list_gap(&list, 10 * PAGE, PAGE, 30 * PAGE), 0);
	CHECK_EQ(vma_list_gap(&list, 2 * PAGE, PAGE, 40 * PAGE), 38 * PAGE);
	vma_list_free(&list);
}

/* Every page's flags, 0 for unmapped, must be what the model says; entries stay sorted and
 * disjoint. */
static void compare(const struct vma_list *list, const uint32_t *model)
{
	for (uint32_t i = 0; i < list->nr; i++) {
		CHECK(list->array[i].start < list->array[i].end);
		CHECK(i == 0 || list->array[i - 1].end <= list->array[i].start);
	}
	for (unsigned page = 0; page < PAGES; page++) {
		const struct vma *vma = vma_list_find(list, page * PAGE + 5);
		CHECK_EQ(vma ? vma->flags : 0, model[page]);
		if (vma && vma->file)
			CHECK_EQ(vma->offset + (page * PAGE - vma->start), page * PAGE);
	}
}

static void random_operations_agree_with_a_model(void)
{
	struct vma_list list = { 0 };
	uint32_t model[PAGES] = { 0 };

	srand(1);
	for (int step = 0; step < 20000; step++) {
		unsigned start = 1 + (unsigned)rand() % (PAGES - 1);
		unsigned end = start + 1 + (unsigned)rand() % (PAGES - start);
		uint32_t flags = rand() % 3 ? 1 + (uint32_t)rand() % 3 : 0;
		if (end > PAGES)
			end = PAGES;
		if (end <= start)
			continue;
		CHECK_EQ(vma_list_reserve(&list, 2), 0);
		vma_list_remove(&list, start * PAGE, end * PAGE);
		if (flags)
			insert(&list, vma_of(start, end, flags, flags == 2 ? some_file : NULL));
		for (unsigned page = start; page < end; page++)
			model[page] = flags;
		if (step % 7 == 0 && list.nr) {
			CHECK_EQ(vma_list_reserve(&list, 1), 0);
			vma_list_split(&list, start * PAGE);
			vma_list_merge(&list, start * PAGE, end * PAGE);
		}
		compare(&list, model);
	}
	vma_list_free(&list);
	CHECK_EQ(refs, 0);
}

int main(void)
{
	neighbours_are_merged();
	a_hole_splits_and_moves_the_offset();
	gaps_are_found_from_the_top();
	random_operations_agree_with_a_model();
	return check_result();
}
