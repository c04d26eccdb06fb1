/*
 * Services by name.
 *
 * A service is declared when its child is started and ready when the child says so.  Who connects earlier
 * waits: its request is kept and answered at `ready`.  The endpoint stays when the child dies.
 */
#include "devmgr.h"

#define MAX_WAITING 16

struct service {
	char name[32];
	quoin_handle endpoint;
	bool ready;
};

static struct service services[MAX_SERVICES];
static struct waiting {
	struct service *service; /* NULL: unused */
	uint64_t token;
} waiting[MAX_WAITING];

static struct service *service_find(const char *name)
{
	for (size_t i = 0; i < MAX_SERVICES; i++)
		if (services[i].endpoint && strcmp(services[i].name, name) == 0)
			return &services[i];
	return NULL;
}

void service_declare(const char *name)
{
	if (service_find(name))
		return;
	for (size_t i = 0; i < MAX_SERVICES; i++) {
		struct service *service = &services[i];
		if (service->endpoint)
			continue;
		long endpoint = quoin_endpoint_create();
		if (endpoint < 0)
			return;
		snprintf(service->name, sizeof(service->name), "%s", name);
		service->endpoint = (quoin_handle)endpoint;
		service->ready = false;
		return;
	}
}

long service_serve(const char *name, quoin_handle *endpoint)
{
	struct service *service = service_find(name);

	if (!service)
		return -QERR_NOENT;
	*endpoint = service->endpoint;
	return 0;
}

static void answer_waiting(struct service *service, long status)
{
	for (size_t i = 0; i < MAX_WAITING; i++) {
		if (waiting[i].service != service)
			continue;
		struct devmgr_connect_reply reply = { .endpoint = service->endpoint };
		waiting[i].service = NULL;
		devmgr_connect_finish(waiting[i].token, status, status == 0 ? &reply : NULL);
	}
}

void service_ready(const char *name)
{
	struct service *service = service_find(name);

	if (!service)
		return;
	service->ready = true;
	answer_waiting(service, 0);
}

/* Its server died and will be back. */
void service_down(const char *name)
{
	struct service *service = service_find(name);

	if (service)
		service->ready = false;
}

/* Nobody will serve it any more. */
void service_gone(const char *name)
{
	struct service *service = service_find(name);

	if (!service)
		return;
	answer_waiting(service, -QERR_NOENT);
	quoin_handle_close(service->endpoint);
	service->endpoint = 0;
}

/* The replies of connect and start_fs have the same shape: one endpoint. */
long service_connect(const char *name, uint64_t token, quoin_handle *endpoint)
{
	struct service *service = service_find(name);

	_Static_assert(sizeof(struct devmgr_connect_reply) == sizeof(struct devmgr_start_fs_reply),
		       "one shape");
	if (!service)
		return -QERR_NOENT;
	if (service->ready) {
		*endpoint = service->endpoint;
		return 0;
	}
	for (size_t i = 0; i < MAX_WAITING; i++) {
		if (waiting[i].service)
			continue;
		waiting[i] = (struct waiting){ service, token };
		return IPC_DEFERRED;
	}
	return -QERR_BUSY;
}

uint32_t service_names(char *buffer, uint32_t size)
{
	uint32_t len = 0;

	for (size_t i = 0; i < MAX_SERVICES; i++) {
		if (!services[i].endpoint)
			continue;
		int more = snprintf(buffer + len, size - len, "%s\n", services[i].name);
		if (len + (uint32_t)more >= size)
			break;
		len += (uint32_t)more;
	}
	return len;
}
