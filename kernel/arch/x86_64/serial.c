/*
 * The kernel's console: COM1, polled.  A driver may own the UART later; the kernel then only writes
 * for debug_write, and for panics.
 */
#include "arch.h"
#include "boot.h"
#include "console.h"
#include "panic.h"

#define COM1        0x3f8
#define DEBUG_EXIT  0xf4
#define LINE_STATUS (COM1 + 5)
#define TX_EMPTY    0x20
#define SPIN_LIMIT  100000 /* a line that never drains must not stop the kernel */

static bool present;

void serial_init(void)
{
	outb(COM1 + 1, 0);    /* no interrupts */
	outb(COM1 + 3, 0x80); /* divisor: 115200 */
	outb(COM1 + 0, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x03); /* 8N1 */
	outb(COM1 + 2, 0xc7); /* FIFOs */
	outb(COM1 + 4, 0x0b); /* DTR, RTS, OUT2 */
	present = inb(LINE_STATUS) != 0xff;
}

static void serial_put(uint8_t byte)
{
	for (unsigned i = 0; i < SPIN_LIMIT && !(inb(LINE_STATUS) & TX_EMPTY); i++)
		cpu_relax();
	outb(COM1, byte);
}

void console_write(const char *text, size_t len)
{
	if (!present)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			serial_put('\r');
		serial_put(text[i]);
	}
}

/* QEMU's isa-debug-exit, where the command line says panic=exit: a test need not wait for a time-out. */
void arch_panic_exit(void)
{
	const char *what = boot_option("panic");

	if (what && memcmp(what, "exit", 4) == 0)
		outl(DEBUG_EXIT, 0x70);
}
