"""QEMU as a child process that cannot outlive the launcher, and the launcher's scratch folder."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile

PR_SET_PDEATHSIG = 1
TAIL_LINES = 20


def turn_signals_into_exits():
    """So that every `finally` runs whichever way the launcher is ended."""
    def end(number, _frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextlib.contextmanager
def scratch_folder():
    folder = tempfile.mkdtemp(prefix="quoin-vm-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def qemu(words, agent_fd, scratch, foreground):
    """Runs QEMU; foreground: on this terminal, in this process group."""
    environment = dict(os.environ, TMPDIR=scratch)
    errors = os.path.join(scratch, "qemu.err")
    with open(errors, "wb") as stderr:
        child = subprocess.Popen(words, stdin=None if foreground else subprocess.DEVNULL,
                                 stdout=None if foreground else subprocess.DEVNULL, stderr=stderr,
                                 env=environment, pass_fds=(agent_fd,), preexec_fn=die_with_parent,
                                 start_new_session=not foreground)
    child.errors = errors
    try:
        yield child
    finally:
        stop(child)


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for_end(child):
    """QEMU has closed its line, so it ends by itself; or is ended."""
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        stop(child)


def complaints(child):
    """What QEMU itself had to say, as one line."""
    with open(child.errors, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if not line.startswith("qemu-system-x86_64: terminating")]
    return " ".join(line for line in lines if line)


def last_lines(path, nr_lines=TAIL_LINES):
    """The end of a console log, without what would upset a terminal."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "replace").replace("\r", "")
    except OSError:
        return []
    lines = ["".join(c for c in line if c.isprintable() or c == "\t") for line in text.split("\n")]
    return [line for line in lines if line.strip()][-nr_lines:]
