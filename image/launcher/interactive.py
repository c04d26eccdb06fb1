"""run: boot on this terminal.  QEMU has the terminal; the launcher tells the guest its size."""

import os
import select
import signal
import socket
import sys
import termios
import time

from . import EXIT_TIMEOUT, LauncherError, agent, disks, machine, process


def console_arguments():
    words = "stdio,id=console,mux=on,signal=off"
    log = os.environ.get("VM_CONSOLE_LOG")
    if log:
        words += f",logfile={log.replace(',', ',,')}"
    gdb = os.environ.get("VM_GDB")
    return (["-chardev", words, "-mon", "chardev=console,mode=readline"]
            + (["-gdb", f"unix:{gdb},server=on,wait=off"] if gdb else []))


def tell_size(line):
    """Whatever happens to the line, the session goes on: a size is a courtesy."""
    try:
        size = os.get_terminal_size(0)
        line.send(agent.RESIZE, agent.U32.pack(size.lines) + agent.U32.pack(size.columns))
    except OSError:
        pass


def attend(child, line, deadline):
    """Until QEMU ends: greet each agent with the terminal's size, and follow its changes."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    while child.poll() is None:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return EXIT_TIMEOUT
        ready = select.select([line, wake], [], [], left)[0]
        if line in ready:
            frames = line.receive()
            if frames is None:
                break
            if any(kind == agent.HELLO for kind, _ in frames):
                tell_size(line)
        if wake in ready:
            os.read(wake, 64)
            if line.greeted:
                tell_size(line)
    process.wait_for_end(child)
    return child.returncode


def run(arguments, build):
    process.turn_signals_into_exits()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    on_terminal = os.isatty(0)
    saved = termios.tcgetattr(0) if on_terminal else None
    deadline = time.monotonic() + arguments.timeout if arguments.timeout else None
    with process.scratch_folder() as scratch:
        ours, theirs = socket.socketpair()
        words = machine.command(arguments, build,
                                disks.of_machine(arguments, build, scratch, keep=True),
                                console_arguments(), theirs.fileno())
        if on_terminal:
            print("Ctrl-A x ends the machine, Ctrl-A h lists more keys", flush=True)
        try:
            with process.qemu(words, theirs.fileno(), scratch, foreground=True) as child:
                theirs.close()
                status = attend(child, agent.Line(ours), deadline)
        finally:
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
        if status == EXIT_TIMEOUT:
            print("image/vm: the time-out has passed", file=sys.stderr)
        elif status != 0:
            raise LauncherError(process.complaints(child) or f"QEMU ended with status {status}")
        return status
