// sources: kernel/sched/pheap.c
// flags: -iquote kernel/include
// The scheduler's heap against an array: the first is the least, whatever was taken out of the middle.
#include "check.h"
#include "pheap.h"

#define NODES 300

static struct pheap heap;
static struct pheap_node nodes[NODES];

/* Nobody's key is below its parent's, and each is where its neighbours say; how many there are. */
static unsigned verify(const struct pheap_node *node, const struct pheap_node *prev, uint64_t least)
{
	unsigned count = 0;

	for (; node; prev = node, node = node->next) {
		CHECK(node->key >= least);
		CHECK(node->queued);
		CHECK(node->prev == prev);
		count += 1 + verify(node->child, node, node->key);
	}
	return count;
}

static const struct pheap_node *model_first(void)
{
	const struct pheap_node *first = NULL;

	for (unsigned i = 0; i < NODES; i++)
		if (nodes[i].queued && (!first || nodes[i].key < first->key))
			first = &nodes[i];
	return first;
}

static unsigned model_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NODES; i++)
		count += nodes[i].queued;
	return count;
}

static void step(unsigned fullness)
{
	struct pheap_node *node = &nodes[rand() % NODES];

	if (rand() % 4 == 0 && pheap_first(&heap))
		node = pheap_first(&heap);
	if (node->queued)
		pheap_remove(&heap, node);
	else if (model_count() < fullness)
		pheap_insert(&heap, node, rand() % 50); /* many are equal */
}

static void test_random(void)
{
	for (unsigned round = 0; round < 100000 && !check_failures; round++) {
		const struct pheap_node *first;

		step(round / 10000 % 2 ? NODES : 5);
		first = model_first();
		CHECK_EQ(pheap_first(&heap) != NULL, first != NULL);
		if (first)
			CHECK_EQ(pheap_first(&heap)->key, first->key);
		if (round % 50 == 0)
			CHECK_EQ(verify(heap.root, NULL, 0), model_count());
	}
}

static void test_sorts(void)
{
	uint64_t last = 0;

	while (heap.root)
		pheap_remove(&heap, heap.root);
	for (unsigned i = 0; i < NODES; i++)
		pheap_insert(&heap, &nodes[i], UINT64_MAX - rand());
	for (unsigned i = 0; i < NODES; i++) {
		struct pheap_node *first = pheap_first(&heap);

		CHECK(first->key >= last);
		last = first->key;
		pheap_remove(&heap, first);
	}
	CHECK(!heap.root);
}

int main(void)
{
	srand(3);
	test_random();
	test_sorts();
	return check_result();
}
