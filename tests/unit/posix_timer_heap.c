// sources: userland/servers/posix/core/timer_heap.c
// flags: -Iuserland/servers/posix/core -Iuserland/servers/posix/include
/* Timers come out in the order of their deadlines, whatever was put in and taken out before. */
#include <stdlib.h>
#include "check.h"
#include "timer_heap.h"

#define TIMERS 500

int main(void)
{
	static struct timer timers[TIMERS];
	struct timer_heap heap = { 0 };
	uint32_t in = 0;

	srand(3);
	for (int step = 0; step < 20000; step++) {
		struct timer *timer = &timers[rand() % TIMERS];
		if (timer->slot) {
			CHECK(timer_heap_remove(&heap, timer));
			in--;
		} else {
			timer->deadline = (uint64_t)(rand() % 1000);
			CHECK_EQ(timer_heap_insert(&heap, timer), 0);
			in++;
		}
		CHECK_EQ(heap.nr, in);
	}
	uint64_t last = 0;
	while (timer_heap_first(&heap)) {
		struct timer *timer = timer_heap_first(&heap);
		CHECK(timer->deadline >= last);
		last = timer->deadline;
		CHECK(timer_heap_remove(&heap, timer));
		CHECK(!timer_heap_remove(&heap, timer));
		in--;
	}
	CHECK_EQ(in, 0);
	free(heap.array);
	return check_result();
}
