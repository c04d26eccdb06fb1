/* SPDX-License-Identifier: MIT */
/* See service.h. */
#include <quoin/runtime.h>
#include <proto/devmgr.h>

#include "service.h"

bool service_connect(const char *name, quoin_handle *endpoint)
{
	struct devmgr_connect_request request = { .name_len = (uint32_t)strlen(name) };
	struct devmgr_connect_reply reply = {};

	if (request.name_len > sizeof(request.name))
		return false;
	memcpy(request.name, name, request.name_len);
	if (devmgr_connect(QUOIN_SUPERVISOR, &request, &reply) < 0)
		return false;
	*endpoint = reply.endpoint;
	return true;
}

void service_for_each(void (*visit)(const char *name, void *argument), void *argument)
{
	struct devmgr_services_reply *reply = calloc(1, sizeof(*reply));
	struct devmgr_services_request request = {};
	char *name, *end;

	if (!reply || devmgr_services(QUOIN_SUPERVISOR, &request, reply) < 0) {
		free(reply);
		return;
	}
	reply->names[MIN(reply->names_len, (uint32_t)sizeof(reply->names) - 1)] = '\0';
	for (name = (char *)reply->names; (end = strchr(name, '\n')); name = end + 1) {
		*end = '\0';
		visit(name, argument);
	}
	free(reply);
}
