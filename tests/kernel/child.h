/* Other tasks that run functions of this program: the image is copied into their address space. */
#ifndef CHILD_H
#define CHILD_H

#include "ktest.h"

#define CHILD_GIFT 8 /* the handle that child_start gives it */

struct child {
	quoin_handle task, aspace, thread, ended; /* ended: a notification, bit 0 */
};

/* function(argument) in a new task with at most limit_pages; gift 0: none.  It must not return. */
struct child child_start(void (*function)(uint64_t), uint64_t argument, uint64_t limit_pages,
			 quoin_handle gift);
/* One more thread of the child, number 1, 2, ... */
quoin_handle child_thread(struct child *child, unsigned number, void (*function)(uint64_t), uint64_t argument);
/* Waits for its end; writes task_status; closes all. */
void child_wait(struct child *child, int64_t status[4]);
void child_kill(struct child *child);

#endif
