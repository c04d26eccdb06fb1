"""Guest tests: tests/posix/AREA.c, run in the guest, all areas in one boot of each configuration.

The programs are static, so the host asks them for their cases (-l).  In the guest each runs in turn,
between two marks, and its TAP comes out as it happens.  When the machine dies or falls silent, the
case that ran then has failed, and another machine goes on with the cases after it.  One that does not even
come to the first case is not tried again.
"""

import glob
import os
import select
import shlex
import shutil
import signal
import subprocess

import machine
from report import Stopwatch, tail

CONFIGURATIONS = {"linux": (1,), "quoin": (1, 4)}      # kernel -> numbers of CPUs
TIMED_OUT, NOT_IN_ORDER = 124, 125  # image/vm: time-out; it did not start or does not power off
SILENCE_SECONDS = 90                # of a case that comes to its end by itself
LASTING_SECONDS = 60                # of the longest that could go on for ever
BOOT_SECONDS = 1200
MACHINES_AT_ONCE = 2
MARK = "@posix"
NOTES_SHOWN = 20
PASSED_ON = ("TEST_SECONDS", "TEST_SEED")     # what of the environment the cases see
USUAL = {"linux": {"TEST_SECONDS": "10"}, "quoin": {}}      # nobody attacks the oracle for a minute
DIFFERENCES = "tests/posix/differences"


def run(report, chosen, kernels):
    area, _, case = chosen.partition("/")
    areas = sorted(os.path.basename(path)[:-2] for path in glob.glob("tests/posix/*.c"))
    areas = [name for name in areas if name != "harness" and area in ("", name)]
    if not areas:
        return
    programs = build_programs(report, areas) if machine.build(report, kernels) else None
    runs = [Run(report, programs, case, kernel, nr_cpus)
            for kernel in kernels if programs for nr_cpus in CONFIGURATIONS[kernel]]
    report.side_by_side([one.all for one in runs], MACHINES_AT_ONCE)


def build_programs(report, areas):
    """area -> its cases."""
    programs = {}
    for area in report.make_each("posix", areas):
        program = os.path.join(report.build, "tests", "posix", area)
        listing = subprocess.run([program, "-l"], capture_output=True, text=True, check=True)
        programs[area] = listing.stdout.split()
    return programs


def accepted_differences():
    reasons = {}
    with open(DIFFERENCES, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.rstrip("\n").partition("\t")
                reasons[name] = reason.strip()
    return reasons


class Run:
    """All chosen cases under one kernel with one number of CPUs."""

    def __init__(self, report, programs, case, kernel, nr_cpus):
        self.report = report
        self.kernel = kernel
        self.nr_cpus = nr_cpus
        self.name = f"{kernel}-smp{nr_cpus}"
        self.todo = [(area, name) for area, names in programs.items() for name in names
                     if case in ("", name)]
        self.accepted = accepted_differences() if kernel == "quoin" else {}
        self.notes = []
        self.came_up = False    # the machine of now has come to a case

    def all(self):
        if not self.todo:
            return
        self.report.section(f"posix: system calls in the guest, {self.kernel}, "
                            f"{self.nr_cpus} CPU{'s' if self.nr_cpus > 1 else ''}")
        folder = self.disk_folder()
        boot = 0
        while self.todo:
            boot += 1
            before = len(self.todo)
            self.boot(folder, self.report.log_path("posix", f"{self.name}-{boot}"))
            if len(self.todo) == before:
                break
        for area, case in self.todo:
            self.failed(area, case, "not reached", None)
        self.todo = []

    def disk_folder(self):
        folder = os.path.join(self.report.build, "tests", "posix-disk", self.name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for area in {area for area, _ in self.todo}:
            shutil.copy(os.path.join(self.report.build, "tests", "posix", area), folder)
        return folder

    def guest_script(self):
        areas = {}
        for area, case in self.todo:
            areas.setdefault(area, []).append(case)
        values = USUAL[self.kernel] | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        settings = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
        return settings + "\n".join(f"echo {MARK} {area}; /mnt/{area} {' '.join(cases)} </dev/null 2>&1"
                                    for area, cases in areas.items())

    def seconds_at_most(self):
        return BOOT_SECONDS + len(self.todo) * int(os.environ.get("TEST_SECONDS", 0))

    def silence_seconds(self):
        """Longer than the time-out of any case, which says more than this does."""
        return SILENCE_SECONDS + int(os.environ.get("TEST_SECONDS", LASTING_SECONDS))

    def command(self, folder, disk):
        return ["image/vm", "exec", "--kernel", self.kernel, "--smp", str(self.nr_cpus),
                "--add", folder, "--drive", disk, "--timeout", str(self.seconds_at_most()), "--",
                "sh", "-c", self.guest_script()]

    def boot(self, folder, log):
        disk = machine.fresh_disk(self.report.build, self.name)
        console = log[:-len(".log")] + ".console"
        self.came_up = False
        environment = dict(os.environ, VM_CONSOLE_LOG=console,
                           QUOIN_BUILD=os.path.abspath(self.report.build))
        with open(log, "wb") as file:
            child = subprocess.Popen(self.command(folder, disk), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=file, env=environment)
            died = self.follow(child, file)
        self.verdict(died, child.returncode, disk, log, console)

    def follow(self, child, log):
        """Reads results until the end; returns why the end came early, or None."""
        area, pending = None, b""
        watch = Stopwatch()
        while True:
            if not select.select([child.stdout], [], [], self.silence_seconds())[0]:
                child.send_signal(signal.SIGTERM)
                child.wait()
                return f"no word for {self.silence_seconds()} s"
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                child.wait()
                return f"the machine ended, status {child.returncode}" if self.todo else None
            log.write(data)
            log.flush()
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                text = line.decode("utf-8", "replace").rstrip("\r")
                if text.startswith(MARK):
                    area = text[len(MARK):].strip()
                    self.came_up = True
                    self.notes = []
                elif area:
                    watch = self.take_line(area, text, watch)

    def take_line(self, area, text, watch):
        result = machine.parse_tap(text)
        if not result:
            if text.startswith("#"):
                self.notes.append(text)
            return watch
        kind, case, note = result
        if (area, case) not in self.todo:
            return watch
        self.todo.remove((area, case))
        reason = self.accepted.get(f"{area}/{case}")
        if kind == "skipped":
            said = [text for text in self.notes if text.startswith("# skipped: ")]
            self.report.skipped(self.title(area, case), said[-1][11:] if said else note)
        elif kind == "failed" and reason:
            self.report.skipped(self.title(area, case), f"accepted difference: {reason}")
        elif kind == "failed":
            self.failed(area, case, "", self.notes)
        else:
            self.report.passed(self.title(area, case), watch.seconds())
            if reason:
                self.report.say(f"         passes, and {DIFFERENCES} names it as a difference")
        self.notes = []
        return Stopwatch()

    def title(self, area, case):
        return f"posix/{area}/{case}"

    def failed(self, area, case, why, notes, log=None):
        self.report.failed(self.title(area, case), why, log, self.kernel, (notes or ())[-NOTES_SHOWN:])

    def verdict(self, died, status, disk, log, console):
        """The machine's own conduct is a test as well: no panic, a power-off, a clean file system."""
        if died and self.todo and self.came_up:
            (area, case), self.todo = self.todo[0], self.todo[1:]
            self.failed(area, case, died, self.notes + tail(console), console)
            self.notes = []
            return
        test = f"posix/(machine of {self.name})"
        panic = machine.panic_line(console)
        complaint = machine.file_system_complaint(disk)
        if panic:
            self.report.failed(test, panic, console, self.kernel)
        elif died and self.todo:
            self.report.failed(test, f"it comes to no case: {died}", log, self.kernel)
        elif died or status in (TIMED_OUT, NOT_IN_ORDER):
            self.report.failed(test, "it does not power off", log, self.kernel)
        elif complaint:
            self.report.failed(test, "e2fsck -fn is not clean", log, self.kernel,
                               complaint.splitlines()[-15:])
        else:
            self.report.passed(test)
        os.unlink(disk)
