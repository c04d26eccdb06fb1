/*
 * The right to a range of I/O ports, as an object.
 */
#include "arch.h"
#include "handle.h"
#include "task.h"
#include "thread.h"
#include "usercopy.h"

#include <quoin/dispatch.h>

#define NR_PORTS        0x10000u
#define WRITE_BYTES_MAX 256u

/* [I] */
struct ioport {
	struct object object;
	uint32_t base, count;
};

void ioport_destroy(struct object *object)
{
	object_free(object, sizeof(struct ioport));
}

long call_ioport_create(quoin_handle hardware, uint32_t base, uint32_t count)
{
	struct task *task = current_thread()->task;
	struct ioport *port;
	long err = handle_check_hardware(hardware);

	if (err)
		return err;
	if (count == 0 || base >= NR_PORTS || count > NR_PORTS - base)
		return -QERR_INVAL;
	port = object_new(OBJECT_IOPORT, sizeof(*port), task->account);
	if (!port)
		return -QERR_NOMEM;
	port->base = base;
	port->count = count;
	return handle_insert_new(task, &port->object);
}

/* The port number for an access of width bytes at offset, or a negative error. */
static long port_of(quoin_handle handle, uint32_t offset, uint32_t width, uint32_t rights)
{
	struct ioport *port;
	long result =
		handle_lookup(current_thread()->task, handle, OBJECT_IOPORT, rights, (struct object **)&port);

	if (result)
		return result;
	if (offset >= port->count || width > port->count - offset)
		result = -QERR_INVAL;
	else
		result = port->base + offset;
	object_put(&port->object);
	return result;
}

long call_ioport_read(quoin_handle handle, uint32_t offset, uint32_t width)
{
	long port = port_of(handle, offset, width, QUOIN_RIGHT_READ);

	if (port < 0)
		return port;
	switch (width) {
	case 1:
		return inb(port);
	case 2:
		return inw(port);
	case 4:
		return inl(port);
	}
	return -QERR_INVAL;
}

long call_ioport_write(quoin_handle handle, uint32_t offset, uint32_t width, uint32_t value)
{
	long port = port_of(handle, offset, width, QUOIN_RIGHT_WRITE);

	if (port < 0)
		return port;
	switch (width) {
	case 1:
		outb(port, value);
		return 0;
	case 2:
		outw(port, value);
		return 0;
	case 4:
		outl(port, value);
		return 0;
	}
	return -QERR_INVAL;
}

long call_ioport_write_bytes(quoin_handle handle, uint32_t offset, uintptr_t buffer, uint32_t len)
{
	long port = port_of(handle, offset, 1, QUOIN_RIGHT_WRITE);
	uint8_t bytes[WRITE_BYTES_MAX];

	if (port < 0)
		return port;
	if (len > sizeof(bytes))
		return -QERR_INVAL;
	if (copy_from_user(bytes, buffer, len) != 0)
		return -QERR_FAULT;
	for (uint32_t i = 0; i < len; i++)
		outb(port, bytes[i]);
	return len;
}
