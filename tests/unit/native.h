/*
 * For unit tests of native servers on the host: stands in for the runtime's headers, whose guards
 * it defines, so it is given with -include.  Kernel calls and the supervisor are functions that the
 * test defines; the protocols' generated stubs and dispatchers are the real ones.
 */
#ifndef TESTS_UNIT_NATIVE_H
#define TESTS_UNIT_NATIVE_H

#define QUOIN_RUNTIME_H
#define QUOIN_SYNC_H
#define QUOIN_IPC_H

#include <quoin/errors.h>
#include <quoin/types.h>
#include <quoin/layout.h>
#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* runtime.h */
#define array_length(a)  (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)   (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))

struct thread_options {
	const char *name;
	uint32_t sched_class;
	uint32_t weight;
	void *user;
};

int task_main(uint64_t argument);
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
const struct quoin_info *runtime_info(void);
void pages_free(void *address, size_t len);
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t clock_ns(void);
long thread_spawn(const struct thread_options *options, void (*entry)(void *), void *argument,
		  quoin_handle *handle);
void *memobj_map(quoin_handle memobj, uint64_t offset, size_t len, uint32_t prot, uint32_t flags);

/* sync.h: tests are of one thread */
struct mutex {
	int held;
};

#define MUTEX_INIT(name, rank) \
	{                      \
		.held = 0      \
	}

struct condition {
	int unused;
};

void mutex_init(struct mutex *m, const char *name, unsigned rank);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void condition_wait(struct condition *c, struct mutex *m);
void condition_wake_all(struct condition *c);

/* stubs.h */
long quoin_endpoint_call(quoin_handle endpoint);
long quoin_endpoint_reply(uint64_t token);
long quoin_handle_close(quoin_handle handle);
long quoin_memobj_size(quoin_handle memobj);
long quoin_memobj_create(uint32_t kind, uint64_t size);
long quoin_endpoint_create(void);
long quoin_endpoint_bind(quoin_handle endpoint, quoin_handle notification);
long quoin_irq_create(quoin_handle hardware, uint32_t gsi, uint32_t level_low);
long quoin_ioport_read(quoin_handle ioport, uint32_t offset, uint32_t width);
long quoin_ioport_write(quoin_handle ioport, uint32_t offset, uint32_t width, uint32_t value);
long quoin_ioport_write_bytes(quoin_handle ioport, uint32_t offset, uintptr_t buffer, uint32_t len);
long quoin_task_kill(quoin_handle task, int64_t code);
long quoin_task_watch(quoin_handle task, quoin_handle notification, uint64_t bits);
long quoin_task_status(quoin_handle task, uintptr_t status);
long quoin_aspace_map(quoin_handle aspace, uint64_t address, uint64_t len, uint64_t prot_flags,
		      quoin_handle memobj, uint64_t offset);
long quoin_aspace_populate(quoin_handle aspace, uint64_t address, uint64_t len, uint32_t access);
long quoin_aspace_unmap(quoin_handle aspace, uint64_t address, uint64_t len);
long quoin_memobj_physical(quoin_handle hardware, uint64_t address, uint64_t size);
long quoin_irq_msi(quoin_handle hardware, uintptr_t msi);
long quoin_memobj_frames(quoin_handle memobj, uint64_t offset, uint64_t nr_pages, uintptr_t frames);
long quoin_endpoint_badge(quoin_handle endpoint, uint64_t badge, uint32_t rights);
long quoin_notification_create(void);
long quoin_notification_wait(quoin_handle notification, uint64_t deadline);
long quoin_futex_wait(uintptr_t word, uint32_t expected, uint64_t deadline, uint32_t flags);

/* ipc.h */
#define IPC_DEFERRED 1

struct ipc_request {
	uint64_t token;
	uint64_t badge;
	uint32_t nr_taken;
	bool reply_on_error;
	uint32_t nr_close;
	quoin_handle close[QUOIN_MSG_HANDLES];
};

void ipc_close_after_reply(struct ipc_request *request, quoin_handle handle);

struct ipc_server {
	quoin_handle endpoint;
	long (*dispatch)(const void *ops, void *server, struct ipc_request *request, struct quoin_msg *msg);
	const void *ops;
	void *server;
	void (*notified)(void *server, uint64_t bits);
	uint64_t (*deadline)(void *server);
	void (*expired)(void *server);
};

struct quoin_thread_page *ipc_thread_page(void);
long ipc_serve(const struct ipc_server *server);

#include <quoin/driver.h> /* the real one */

#endif
