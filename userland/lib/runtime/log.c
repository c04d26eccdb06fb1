/* Log lines and the end of a task that found itself broken. */
#include <quoin/runtime.h>

static void log_line(const char *format, va_list args)
{
	char line[400];
	int len = format_text(line, sizeof(line), "%s: ", task_name);

	len += format_text_va(line + len, sizeof(line) - (size_t)len - 1, format, args);
	len = MIN(len, (int)sizeof(line) - 2);
	line[len++] = '\n';
	quoin_debug_write((uintptr_t)line, (uint32_t)len);
}

void log_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

/* Frame pointers of this stack only: the chain must rise inside the slot. */
static void log_backtrace(void)
{
	uintptr_t *frame = __builtin_frame_address(0);
	uintptr_t end = (uintptr_t)ipc_thread_page() + QUOIN_SLOT_BYTES;

	for (int depth = 0; depth < 24; depth++) {
		uintptr_t next = frame[0];
		log_printf("  at 0x%lx", frame[1]);
		if (next <= (uintptr_t)frame || next > end - 16)
			break;
		frame = (uintptr_t *)next;
	}
}

_Noreturn void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
	log_backtrace();
	for (;;)
		quoin_task_kill(QUOIN_SELF_TASK, 134);
}

_Noreturn void assert_failed(const char *condition, const char *file, int line)
{
	panic("assertion failed: %s (%s:%d)", condition, file, line);
}
