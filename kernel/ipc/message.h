/* Moving a message from one thread page to another. */
#ifndef KERNEL_IPC_MESSAGE_H
#define KERNEL_IPC_MESSAGE_H

#include "handle.h"
#include "thread.h"

/*
 * References to the objects of handles on their way.  They may be dropped only when no lock is
 * held: message_finish().
 */
struct message_handles {
	uint32_t nr;
	struct handle_ref refs[QUOIN_MSG_HANDLES];
};

/*
 * Copies from's message into to's page, with the handles.  Either all of it or nothing is done.
 * -QERR_PROTO, -QERR_BADF, -QERR_PERM: from's fault; -QERR_NFILE, -QERR_NOMEM: no room in to's
 * table.
 */
long message_move(struct thread *from, struct thread *to, struct message_handles *handles);
void message_finish(struct message_handles *handles);

#endif
