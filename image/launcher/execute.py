"""exec: boot a throw-away copy, run one command through the agent, pass everything through."""

import os
import select
import socket
import sys
import time

from . import EXIT_LAUNCHER, EXIT_TIMEOUT, LauncherError, agent, disks, machine, process

DEFAULT_TIMEOUT_SECONDS = 600
POWEROFF_SECONDS = 60


class Failure(Exception):
    """The machine did not do its part; carries the launcher's exit status."""

    def __init__(self, text, status=EXIT_LAUNCHER):
        super().__init__(text)
        self.status = status


class Session:
    """One command in one machine."""

    def __init__(self, arguments, line, child, deadline):
        self.arguments = arguments
        self.line = line
        self.child = child
        self.deadline = deadline
        self.started = False
        self.credit = 0
        self.stdin_open = True
        self.status = None

    def run(self):
        while self.status is None:
            wanted = [self.line] + ([0] if self.credit > 0 and self.stdin_open else [])
            ready = select.select(wanted, [], [], self.seconds_left())[0]
            if 0 in ready:
                self.pass_stdin()
            if self.line in ready:
                self.handle_frames()
        return self.status

    def seconds_left(self):
        left = self.deadline - time.monotonic()
        if left <= 0:
            what = "the command has not ended" if self.started else "the guest agent did not answer"
            raise Failure(f"{what} within the time-out", EXIT_TIMEOUT)
        return left

    def pass_stdin(self):
        try:
            data = os.read(0, self.credit)
        except OSError:
            data = b""
        self.credit -= len(data)
        self.stdin_open = bool(data)
        self.line.send(agent.STDIN, data)

    def handle_frames(self):
        frames = self.line.receive()
        if frames is None:
            process.wait_for_end(self.child)
            raise Failure(process.complaints(self.child) or "the machine ended before the command did")
        for kind, payload in frames:
            self.handle(kind, payload)

    def handle(self, kind, payload):
        if kind == agent.HELLO:
            if self.started:
                raise Failure("the guest agent was restarted while the command ran")
            self.started = True
            self.line.send(agent.EXEC, b"".join(os.fsencode(word) + b"\0"
                                                for word in self.arguments.command))
            self.credit = agent.STDIN_WINDOW
        elif kind == agent.STDOUT:
            write_all(1, payload)
        elif kind == agent.STDERR:
            write_all(2, payload)
        elif kind == agent.CREDIT:
            self.credit += agent.U32.unpack(payload)[0]
        elif kind == agent.STATUS:
            self.status = agent.U32.unpack(payload)[0] & 0xff

    def power_off(self):
        """A disk that is kept is unmounted first; a throw-away copy needs no care."""
        self.line.send(agent.POWEROFF, agent.ORDERLY if self.arguments.drive else agent.AT_ONCE)
        deadline = time.monotonic() + POWEROFF_SECONDS
        while time.monotonic() < deadline:
            if select.select([self.line], [], [], 1)[0] and self.line.receive() is None:
                process.wait_for_end(self.child)
                return
        raise Failure("the command is done, but the machine does not power off")


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def stdin_ensure():
    """A closed standard input is an empty one."""
    try:
        os.fstat(0)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)


def check(arguments):
    size = sum(len(os.fsencode(word)) + 1 for word in arguments.command)
    if size > agent.MAX_ARGUMENT_BYTES:
        raise LauncherError("the command line is too long: put it in a script and use --add")


def run(arguments, build):
    check(arguments)
    process.turn_signals_into_exits()
    stdin_ensure()
    deadline = time.monotonic() + (arguments.timeout or DEFAULT_TIMEOUT_SECONDS)
    with process.scratch_folder() as scratch:
        log = os.environ.get("VM_CONSOLE_LOG") or os.path.join(scratch, "console.log")
        console = ["-chardev", f"file,id=console,path={log.replace(',', ',,')}", "-no-reboot"]
        ours, theirs = socket.socketpair()
        words = machine.command(arguments, build,
                                disks.of_machine(arguments, build, scratch, keep=False), console,
                                theirs.fileno())
        with process.qemu(words, theirs.fileno(), scratch, foreground=False) as child:
            theirs.close()
            session = Session(arguments, agent.Line(ours), child, deadline)
            try:
                status = session.run()
                session.power_off()
                return status
            except Failure as failure:
                print(f"image/vm: {failure}", file=sys.stderr)
                lines = process.last_lines(log)
                for line in lines:
                    print(f"console| {line}", file=sys.stderr)
                return failure.status
            except BrokenPipeError:
                return EXIT_LAUNCHER
