#include "kernel/include/mm.h"
#include "kernel/include/object.h"
#include "kernel/include/pagetable.h"

#include <stdarg.h>
#include <sys/mman.h>

char *host_ram;
struct cpu host_cpu;
struct thread host_thread;

void host_panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

uint64_t host_boot(void)
{
	/* With a hole, and an end that no large block fits to. */
	struct phys_range ranges[] = { { 0, 0x9f000 }, { 0x100000, HOST_RAM_BYTES - 0x3000 } };

	host_ram = mmap(NULL, HOST_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pmm_init(ranges, 2);
	slab_init();
	return pmm_free_pages();
}
