/* SPDX-License-Identifier: MIT */
/*
 * The POSIX server's start.
 *
 *   first thread       the services that need no process: memory, clocks, caches, the console
 *   process 1's thread mounts the root and executes init; from then on the server just serves
 *
 * Mounting is done as process 1, because it is checked and may wait like any process's call.  If
 * there is no root, or no init on it, a line says why and the machine stops in order.
 */
#include "core/boot.h"
#include "core/clock_internal.h"
#include "core/process_internal.h"
#include "device.h"
#include "file.h"
#include "fs.h"
#include "futex.h"
#include "lockrank.h"
#include "mount.h"
#include "pagecache.h"
#include "random.h"
#include "system.h"
#include "tty.h"
#include "user.h"
#include "usercopy.h"
#include "proto/devmgr.h"

const char task_name[] = "posix";

#define KTHREADS_READY 4

/* ---- before there are processes ---- */

static void start_clock(void)
{
	struct devmgr_wall_clock_reply reply = { 0 };
	long error = devmgr_wall_clock(QUOIN_SUPERVISOR, NULL, &reply);

	if (error)
		log_printf("no wall clock (%ld): time begins at 1970", error);
	clock_set_realtime_offset(reply.offset_ns);
}

static void start_services(void)
{
	usercopy_init();
	random_init();
	futex_init();
	vdso_init();
	timers_start();
	start_clock();
	if (pagecache_init(runtime_info()->total_pages))
		panic("no memory for the page cache");
	vfs_init();
	pagecache_start();
	tty_start();
	pty_start();
	kthread_warm(KTHREADS_READY);
}

/* ---- as process 1 ---- */

static void init_files(void)
{
	struct file *console = NULL;
	int error = file_open_path(LINUX_AT_FDCWD, "/dev/console", LINUX_O_RDWR | LINUX_O_NOCTTY, 0, &console);

	if (error) {
		log_printf("/dev/console: error %d", -error);
		return;
	}
	fd_install(console, false);
	fd_install(file_get(console), false);
	fd_install(file_get(console), false);
}

static long mount_the_root(void)
{
	char source[64];

	boot_option("root", "/dev/vda3", source, sizeof(source));
	unsigned mount_flags = boot_flag("ro") ? LINUX_MS_RDONLY : 0;
	long error = mount_by_name(source, "/", "ext4", mount_flags, "");
	if (error == -ENOTBLK || error == -ENOENT || error == -ENODEV)
		log_printf("there is no disk or partition %s (root= on the boot command line)", source);
	else if (error)
		log_printf("cannot mount %s as the root file system: error %ld", source, -error);
	return error;
}

static void exec_init(void)
{
	static const char *const candidates[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	const char *const envp[] = { "HOME=/", "TERM=linux",
				     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				     NULL };
	char path[128];

	if (boot_option("init", "", path, sizeof(path))) {
		const char *const argv[] = { path, NULL };
		long error = process_exec_kernel(path, argv, envp);
		if (!error)
			return;
		log_printf("init=%s: error %ld", path, -error);
	}
	for (size_t i = 0; i < array_length(candidates); i++) {
		const char *const argv[] = { candidates[i], NULL };
		long error = process_exec_kernel(candidates[i], argv, envp);
		if (!error)
			return;
		log_printf("%s: error %ld", candidates[i], -error);
	}
	log_printf("no init found: powering off");
	system_power_off();
}

/* Runs on process 1's thread; it goes on into the application. */
static void boot_process(void)
{
	if (mount_the_root()) {
		log_printf("no root file system: powering off");
		system_power_off();
	}
	mount_by_name("devtmpfs", "/dev", "devtmpfs", 0, "");
	init_files();
	exec_init();
}

static struct process *create_init(void)
{
	struct process *process = process_alloc();
	struct thread *thread = process ? thread_alloc(process) : NULL;
	struct kthread *kthread = kthread_get();

	if (!thread || !kthread)
		panic("no memory for init");
	thread->cred = cred_alloc(0);
	thread->files = fdtable_create();
	thread->fs = fs_context_create();
	if (!thread->cred || !thread->files || !thread->fs)
		panic("no memory for init");
	rlimits_init(process, threads_max());
	user_threads_charge(0, UINT64_MAX, UINT32_MAX);
	strlcpy(thread->comm, "init", sizeof(thread->comm));
	thread->boot = boot_process;
	thread->kthread = kthread;
	init_process = process;

	mutex_lock(&tasklist_lock);
	process->pid = thread->tid = pid_alloc_locked(thread);
	process->leader = thread;
	process->nr_threads = 1;
	list_add_tail(&process->threads, &thread->link);
	/* Group and session 0, without a leader, so that init's setsid() makes a session of its
	 * own. */
	struct session *session = session_create_locked(NULL);
	struct pgrp *pgrp = session ? pgrp_create_locked(0, session) : NULL;
	if (!pgrp)
		panic("no memory for init");
	pgrp_join_locked(process, pgrp);
	mutex_unlock(&tasklist_lock);
	session_put(session);
	kthread_start(kthread, thread_get(thread));
	return process;
}

int task_main(uint64_t argument)
{
	start_services();
	create_init();
	devmgr_ready(QUOIN_SUPERVISOR, NULL, NULL);
	for (;;) /* the first thread has done its work */
		quoin_notification_wait((quoin_handle)quoin_notification_create(), QUOIN_DEADLINE_NEVER);
}
