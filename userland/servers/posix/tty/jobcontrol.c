/* SPDX-License-Identifier: MIT */
/* Controlling terminals and foreground groups; see jobcontrol.h and tty.h. */
#include "jobcontrol.h"

#include <quoin/runtime.h>
#include "cred.h"
#include "lockrank.h"
#include "pid.h"
#include "process.h"
#include "signal.h"
#include "syscall.h"
#include "tty.h"

static struct mutex control_lock = MUTEX_INIT("tty control", LOCK_TTY);

void job_control_lock(void)
{
	mutex_lock(&control_lock);
}

void job_control_unlock(void)
{
	mutex_unlock(&control_lock);
}

/* The caller's group, with a reference; and whether it leads its session. */
static struct pgrp *own_pgrp(bool *leader)
{
	mutex_lock(&tasklist_lock);
	struct pgrp *pgrp = pgrp_get(current->process->pgrp);
	if (leader)
		*leader = pgrp->session->leader == current->process;
	mutex_unlock(&tasklist_lock);
	return pgrp;
}

static long background_access(struct tty *tty, struct pgrp *pgrp, int sig)
{
	bool always = sig & JOB_CONTROL_ALWAYS;

	sig &= ~JOB_CONTROL_ALWAYS;
	if (sig == LINUX_SIGTTOU && !always && !(tty->ldisc.termios.c_lflag & LINUX_TOSTOP))
		return 0;
	if (signal_is_ignored_or_blocked(sig))
		return sig == LINUX_SIGTTOU ? 0 : -EIO;
	if (pgrp_is_orphaned(pgrp))
		return -EIO;
	signal_send_pgrp(pgrp, sig, NULL);
	return -ERESTARTSYS;
}

long job_control_check(struct tty *tty, int sig)
{
	if (!current) /* the server itself: the log */
		return 0;
	job_control_lock();
	struct pgrp *pgrp = own_pgrp(NULL);
	long result = 0;
	if (tty->session && tty->session == pgrp->session && tty->foreground && tty->foreground != pgrp)
		result = background_access(tty, pgrp, sig);
	job_control_unlock();
	pgrp_put(pgrp);
	return result;
}

/* ---- pairing ---- */

/* Under control_lock: takes a reference to each. */
static void terminal_give(struct tty *tty, struct pgrp *pgrp)
{
	tty->session = session_get(pgrp->session);
	tty->foreground = pgrp_get(pgrp);
	tty->session->tty = tty_get(tty);
}

/* Under control_lock: undoes it; returns the terminal, whose reference is the caller's to drop. */
static struct tty *terminal_take(struct session *session)
{
	struct tty *tty = session->tty;

	if (!tty)
		return NULL;
	session->tty = NULL;
	tty->session = NULL;
	pgrp_put(tty->foreground);
	tty->foreground = NULL;
	session_put(session);
	return tty;
}

void job_control_open(struct tty *tty)
{
	bool leader;
	struct pgrp *pgrp = own_pgrp(&leader);

	job_control_lock();
	if (leader && !pgrp->session->tty && !tty->session)
		terminal_give(tty, pgrp);
	job_control_unlock();
	pgrp_put(pgrp);
}

static void signal_group(struct pgrp *pgrp, bool hangup)
{
	if (hangup)
		signal_send_pgrp(pgrp, LINUX_SIGHUP, NULL);
	signal_send_pgrp(pgrp, LINUX_SIGCONT, NULL);
}

static void signal_leader(struct session *session)
{
	mutex_lock(&tasklist_lock);
	struct process *leader = session->leader ? process_get(session->leader) : NULL;
	mutex_unlock(&tasklist_lock);
	if (!leader)
		return;
	signal_send_process(leader, LINUX_SIGHUP, NULL);
	signal_send_process(leader, LINUX_SIGCONT, NULL);
	process_put(leader);
}

/* The line is gone: the leader hears of it; the pairing ends. */
void tty_hangup(struct tty *tty)
{
	struct tty *taken = NULL;

	job_control_lock();
	tty_disconnect(tty);
	if (tty->session) {
		signal_leader(tty->session);
		signal_group(tty->foreground, true);
		taken = terminal_take(tty->session);
	}
	job_control_unlock();
	if (taken)
		tty_put(taken);
}

/* POSIX _exit: the foreground group gets SIGHUP, and the terminal is free for another session. */
void tty_session_leader_exit(struct session *session)
{
	job_control_lock();
	struct tty *tty = session->tty;
	if (tty) {
		if (tty->device->ends_with_session)
			tty_disconnect(tty);
		signal_group(tty->foreground, true);
		terminal_take(session);
	}
	job_control_unlock();
	if (tty)
		tty_put(tty);
}

uint32_t tty_session_device(struct session *session)
{
	job_control_lock();
	uint32_t rdev = session->tty ? session->tty->rdev : 0;
	job_control_unlock();
	return rdev;
}

int tty_session_foreground(struct session *session)
{
	job_control_lock();
	int id = session->tty && session->tty->foreground ? session->tty->foreground->id : -1;
	job_control_unlock();
	return id;
}

/* ---- requests ---- */

/* readable: the caller's file is, without which a terminal is not to be had (tty_file_open). */
static long controlling_set(struct tty *tty, uint64_t steal, bool readable)
{
	bool leader;
	struct pgrp *pgrp = own_pgrp(&leader);
	struct tty *stolen = NULL;
	long result = 0;

	job_control_lock();
	if (leader && pgrp->session->tty == tty) {
		result = 0;
	} else if (!leader || pgrp->session->tty || !(readable || capable(CAP_SYS_ADMIN))) {
		result = -EPERM;
	} else if (tty->session && !(steal == 1 && current->cred->euid == 0)) {
		result = -EPERM;
	} else {
		if (tty->session)
			stolen = terminal_take(tty->session);
		terminal_give(tty, pgrp);
	}
	job_control_unlock();
	if (stolen)
		tty_put(stolen);
	pgrp_put(pgrp);
	return result;
}

static long controlling_drop(struct tty *tty)
{
	bool leader;
	struct pgrp *pgrp = own_pgrp(&leader);
	struct tty *dropped = NULL;
	long result = 0;

	job_control_lock();
	if (pgrp->session->tty != tty) {
		result = -ENOTTY;
	} else if (leader) {
		signal_group(tty->foreground, true);
		dropped = terminal_take(pgrp->session);
	}
	job_control_unlock();
	if (dropped)
		tty_put(dropped);
	pgrp_put(pgrp);
	return result;
}

static long foreground_get(struct tty *tty, uint64_t address)
{
	struct pgrp *pgrp = own_pgrp(NULL);

	job_control_lock();
	bool mine = tty->session && tty->session == pgrp->session;
	int id = tty->foreground ? tty->foreground->id : 0;
	job_control_unlock();
	pgrp_put(pgrp);
	return mine ? put_user_u32(address, (uint32_t)id) : -ENOTTY;
}

static long foreground_replace(struct tty *tty, struct pgrp *own, int id)
{
	struct pgrp *pgrp = pgrp_find(id);

	if (!pgrp)
		return -ESRCH;
	job_control_lock();
	long result = 0;
	struct pgrp *old = pgrp;
	if (!tty->session || tty->session != own->session) {
		result = -ENOTTY;
	} else if (pgrp->session != own->session) {
		result = -EPERM;
	} else {
		old = tty->foreground;
		tty->foreground = pgrp;
	}
	job_control_unlock();
	pgrp_put(old);
	return result;
}

static long foreground_set(struct tty *tty, uint64_t address)
{
	uint32_t id;

	if (get_user_u32(address, &id))
		return -EFAULT;
	if ((int)id < 0)
		return -EINVAL;
	struct pgrp *own = own_pgrp(NULL);
	long result = -ENOTTY;
	if (own->session->tty == tty) {
		result = job_control_check(tty, LINUX_SIGTTOU | JOB_CONTROL_ALWAYS);
		if (!result)
			result = foreground_replace(tty, own, (int)id);
	}
	pgrp_put(own);
	return result;
}

static long session_id_get(struct tty *tty, uint64_t address)
{
	struct pgrp *pgrp = own_pgrp(NULL);

	job_control_lock();
	bool mine = tty->session && tty->session == pgrp->session;
	job_control_unlock();
	int id = pgrp->session->id;
	pgrp_put(pgrp);
	return mine ? put_user_u32(address, (uint32_t)id) : -ENOTTY;
}

/* TIOCSTI: as if typed; into one's own terminal, or as root. */
static long input_simulate(struct tty *tty, uint64_t address)
{
	uint8_t byte;
	struct pgrp *pgrp = own_pgrp(NULL);
	bool allowed = pgrp->session->tty == tty || current->cred->euid == 0;

	pgrp_put(pgrp);
	if (!allowed)
		return -EPERM;
	if (get_user_u8(address, &byte))
		return -EFAULT;
	tty_receive(tty, &byte, 1);
	return 0;
}

long job_control_ioctl(struct tty *tty, unsigned request, uint64_t argument, bool readable)
{
	switch (request) {
	case LINUX_TIOCSCTTY:
		return controlling_set(tty, argument, readable);
	case LINUX_TIOCNOTTY:
		return controlling_drop(tty);
	case LINUX_TIOCGPGRP:
		return foreground_get(tty, argument);
	case LINUX_TIOCSPGRP:
		return foreground_set(tty, argument);
	case LINUX_TIOCGSID:
		return session_id_get(tty, argument);
	case LINUX_TIOCSTI:
		return input_simulate(tty, argument);
	case LINUX_TIOCVHANGUP:
		if (!capable(CAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(tty);
		return 0;
	}
	return -ENOTTY;
}

long sys_vhangup(SYSCALL_ARGS)
{
	if (!capable(CAP_SYS_TTY_CONFIG))
		return -EPERM;
	struct tty *tty = tty_session_get();
	if (tty) {
		tty_hangup(tty);
		tty_put(tty);
	}
	return 0;
}

struct tty *tty_session_get(void)
{
	struct pgrp *pgrp = own_pgrp(NULL);

	job_control_lock();
	struct tty *tty = pgrp->session->tty ? tty_get(pgrp->session->tty) : NULL;
	job_control_unlock();
	pgrp_put(pgrp);
	return tty;
}
