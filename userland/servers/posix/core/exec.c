/* SPDX-License-Identifier: MIT */
/*
 * execve: a new program in the calling process.
 *
 * The new memory, its stack included, is built first; all errors are reported to the old program.
 * At the point of no return the other threads are ended, then memory, signal actions, credentials
 * and the rest are exchanged, which cannot fail.
 */
#include "../mm/mm_internal.h"
#include "exec_load.h"
#include "file.h"
#include "fs.h"
#include "inode.h"
#include "linux/stat.h"
#include "linux/system.h"
#include "lockrank.h"
#include "mount.h"
#include "process_internal.h"
#include "rlimit.h"
#include "usercopy.h"

#define SCRIPT_NESTING_MAX 5
#define ARGS_MIN           (128ul << 10)
#define ARGS_MAX           (6ul << 20)
#define PER_NO_RANDOMIZE   0x0040000u

struct exec {
	struct exec_program program;
	struct exec_args args;
	struct elf_image image;
	struct file *file;
	struct cred *cred; /* the new one */
	char path[LINUX_PATH_MAX];
	char line[LINUX_BINPRM_BUF_SIZE + 1];
};

/* ---- before the point of no return ---- */

static long read_script(struct exec *exec, bool *is_script)
{
	char *interpreter, *argument;
	long got = file_read_at(exec->file, 0, exec->line, LINUX_BINPRM_BUF_SIZE);

	if (got < 0)
		return got;
	*is_script = got >= 2 && exec->line[0] == '#' && exec->line[1] == '!';
	if (!*is_script)
		return 0;
	long error = script_parse(exec->line, (uint32_t)got, &interpreter, &argument);
	if (!error)
		error = exec_args_script(&exec->args, interpreter, argument, exec->path);
	if (error)
		return error;
	strlcpy(exec->path, interpreter, sizeof(exec->path));
	file_put(exec->file);
	exec->file = NULL;
	return file_open_exec(LINUX_AT_FDCWD, exec->path, 0, &exec->file);
}

static long find_program(struct exec *exec, int dirfd, int at_flags)
{
	bool is_script = true;
	long error = file_open_exec(dirfd, exec->path, at_flags, &exec->file);

	for (int depth = 0; !error && is_script; depth++) {
		if (depth > SCRIPT_NESTING_MAX)
			return -ELOOP;
		error = read_script(exec, &is_script);
	}
	return error ? error : exec_read_elf(exec->file, &exec->image);
}

static bool mount_is_nosuid(const struct file *file)
{
	return file->path.mnt && (file->path.mnt->flags & LINUX_MS_NOSUID);
}

/* Set-id bits give the file's ids, unless the mount or the process says no. */
static long new_cred(struct exec *exec)
{
	const struct inode *inode = exec->file->inode;
	struct cred *cred = cred_copy(current->cred);

	if (!cred)
		return -ENOMEM;
	if (!mount_is_nosuid(exec->file) && !current->process->no_new_privs) {
		if (inode->mode & LINUX_S_ISUID)
			cred->euid = inode->uid;
		if ((inode->mode & (LINUX_S_ISGID | LINUX_S_IXGRP)) == (LINUX_S_ISGID | LINUX_S_IXGRP))
			cred->egid = inode->gid;
	}
	cred->suid = cred->fsuid = cred->euid;
	cred->sgid = cred->fsgid = cred->egid;
	exec->cred = cred;
	exec->program.cred = cred;
	exec->program.secure = cred->euid != cred->uid || cred->egid != cred->gid;
	return 0;
}

static long build_program(struct exec *exec)
{
	struct exec_program *program = &exec->program;
	long error = new_cred(exec);

	if (!error)
		error = mm_create(&program->mm);
	if (error)
		return error;
	program->randomize = !(current->process->personality & PER_NO_RANDOMIZE);
	program->filename = exec->path;
	error = exec_load(program, exec->file, &exec->image);
	if (!error)
		error = exec_build_stack(program, &exec->args);
	return error;
}

/* ---- the other threads ---- */

static long end_siblings(struct thread *self)
{
	struct process *process = self->process;

	mutex_lock(&process->signal_lock);
	if (process->group_exit || process->exec_thread) {
		mutex_unlock(&process->signal_lock);
		return -ERESTARTNOINTR;
	}
	process->exec_thread = self;
	process_kick_all_locked(process, self, WORK_EXIT);
	mutex_unlock(&process->signal_lock);
	long error = wait_event_killable(&process->stop_wait, process->nr_threads == 1);
	mutex_lock(&process->signal_lock);
	process->exec_thread = NULL;
	mutex_unlock(&process->signal_lock);
	return error;
}

/* The process goes on under its number: the calling thread takes the place of the leader, which has
 * ended. */
static void become_leader(struct thread *self)
{
	struct process *process = self->process;
	struct thread *old_leader;

	mutex_lock(&tasklist_lock);
	mutex_lock(&process->lock);
	mutex_lock(&process->signal_lock);
	old_leader = process->leader;
	list_remove(&old_leader->link);
	pid_free_locked(self->tid);
	self->tid = process->pid;
	pid_set_thread_locked(process->pid, self);
	process->leader = self;
	mutex_unlock(&process->signal_lock);
	mutex_unlock(&process->lock);
	mutex_unlock(&tasklist_lock);
	thread_put(old_leader); /* the list's */
}

/* ---- after it ---- */

static void exchange_memory(struct thread *self, struct mm *mm)
{
	struct process *process = self->process;

	mutex_lock(&process->lock);
	struct mm *old_mm = process->mm;
	process->mm = mm;
	mutex_unlock(&process->lock);
	if (quoin_vcpu_attach(mm->aspace))
		panic("exec: cannot attach the new address space");
	vfork_complete(self);
	process_note_peak(process, old_mm);
	mm_unuse(old_mm);
}

static void exchange_cred(struct thread *self, struct cred *cred)
{
	struct process *process = self->process;

	mutex_lock(&process->lock);
	struct cred *old_cred = self->cred;
	self->cred = cred;
	mutex_unlock(&process->lock);
	cred_put(old_cred);
}

/* Caught signals go back to default; ignored ones stay ignored. */
static void reset_signals(struct thread *self)
{
	struct process *process = self->process;

	mutex_lock(&process->signal_lock);
	for (int sig = 1; sig <= LINUX_NSIG; sig++) {
		struct linux_sigaction *action = &process->actions[sig - 1];
		bool ignored = action->sa_handler == LINUX_SIG_IGN;
		*action = (struct linux_sigaction){ .sa_handler = ignored ? LINUX_SIG_IGN : LINUX_SIG_DFL };
	}
	mutex_unlock(&process->signal_lock);
	self->altstack = (struct linux_stack){ .ss_flags = LINUX_SS_DISABLE };
}

static void set_comm(struct thread *self, const char *path)
{
	const char *slash = strrchr(path, '/');

	mutex_lock(&self->process->lock);
	memset(self->comm, 0, sizeof(self->comm));
	strlcpy(self->comm, slash ? slash + 1 : path, sizeof(self->comm));
	mutex_unlock(&self->process->lock);
}

static void set_registers(struct thread *self, const struct exec_program *program)
{
	self->page->vcpu = (struct quoin_vcpu_state){
		.rip = program->entry,
		.rsp = program->stack,
		.rflags = 0x202,
	};
	quoin_vcpu_set_bases(0, 0);
	quoin_vcpu_fpu_set(0, 0);
	self->orig_rax = ~0ull;
}

/* The new program, which may have more rights, didn't choose the signals of its children; nor its parent this one's. */
static void exit_signals_reset_locked(struct process *process)
{
	process->exit_signal = LINUX_SIGCHLD;
	list_for_each (node, &process->children)
		list_entry(node, struct process, sibling)->exit_signal = LINUX_SIGCHLD;
}

static void commit(struct exec *exec, const char *name)
{
	struct thread *self = current;
	struct process *process = self->process;

	if (self != process->leader)
		become_leader(self);
	self->robust_list = self->clear_child_tid = 0;
	self->restart.function = NULL;
	exchange_memory(self, exec->program.mm);
	exec->program.mm = NULL;
	reset_signals(self);
	process_timers_exec(process);
	if (exec->program.secure)
		self->pdeath_signal = 0;
	process->dumpable = !exec->program.secure;
	exchange_cred(self, exec->cred);
	exec->cred = NULL;
	set_comm(self, name);
	mutex_lock(&tasklist_lock);
	process->did_exec = true;
	exit_signals_reset_locked(process);
	mutex_unlock(&tasklist_lock);
	fdtable_close_on_exec(self->files);
	set_registers(self, &exec->program);
}

static void exec_free(struct exec *exec)
{
	mm_unuse(exec->program.mm);
	if (exec->cred)
		cred_put(exec->cred);
	if (exec->file)
		file_put(exec->file);
	exec_args_free(&exec->args);
	free(exec);
}

static size_t args_limit(void)
{
	uint64_t limit = rlimit_get(LINUX_RLIMIT_STACK) / 4;

	return limit < ARGS_MIN ? ARGS_MIN : limit > ARGS_MAX ? ARGS_MAX : limit;
}

/* A program without arguments gets an empty argv[0], as Linux gives it since 5.18. */
static long exec_run(struct exec *exec, int dirfd, int at_flags)
{
	struct process *process = current->process;
	char name[LINUX_TASK_COMM_LEN * 2] = { 0 };
	const char *slash = strrchr(exec->path, '/');
	long error = exec->args.argv.nr ? 0 : exec_args_append(&exec->args, &exec->args.argv, "");

	strlcpy(name, slash ? slash + 1 : exec->path, sizeof(name));
	mutex_lock(&process->exec_lock);
	if (!error)
		error = find_program(exec, dirfd, at_flags);
	if (!error)
		error = build_program(exec);
	if (!error)
		error = fdtable_unshare(&current->files);
	if (!error)
		error = end_siblings(current);
	/* Point of no return. */
	if (!error)
		commit(exec, name);
	mutex_unlock(&process->exec_lock);
	return error;
}

static long do_execve(int dirfd, uint64_t user_path, uint64_t user_argv, uint64_t user_envp, int at_flags)
{
	struct exec *exec = calloc(1, sizeof(*exec));
	long error;

	if (!exec)
		return -ENOMEM;
	exec_args_init(&exec->args, args_limit());
	error = strncpy_from_user(exec->path, user_path, sizeof(exec->path));
	if (error == 0 && !(at_flags & LINUX_AT_EMPTY_PATH))
		error = -ENOENT;
	if (error >= 0)
		error = exec_args_copy_user(&exec->args, &exec->args.argv, user_argv);
	if (!error)
		error = exec_args_copy_user(&exec->args, &exec->args.envp, user_envp);
	if (!error)
		error = exec_run(exec, dirfd, at_flags);
	exec_free(exec);
	return error;
}

long sys_execve(SYSCALL_ARGS)
{
	return do_execve(LINUX_AT_FDCWD, (uint64_t)a0, (uint64_t)a1, (uint64_t)a2, 0);
}

long sys_execveat(SYSCALL_ARGS)
{
	if ((int)a4 & ~(LINUX_AT_EMPTY_PATH | LINUX_AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return do_execve((int)a0, (uint64_t)a1, (uint64_t)a2, (uint64_t)a3, (int)a4);
}

/* The first program, on the calling kernel thread, which is already a process without memory. */
long process_exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec *exec = calloc(1, sizeof(*exec));
	long error = 0;

	if (!exec)
		return -ENOMEM;
	exec_args_init(&exec->args, ARGS_MAX);
	strlcpy(exec->path, path, sizeof(exec->path));
	for (; !error && *argv; argv++)
		error = exec_args_append(&exec->args, &exec->args.argv, *argv);
	for (; !error && *envp; envp++)
		error = exec_args_append(&exec->args, &exec->args.envp, *envp);
	if (!error)
		error = exec_run(exec, LINUX_AT_FDCWD, 0);
	exec_free(exec);
	return error;
}
