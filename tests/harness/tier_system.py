"""System tests: Bats files on the host.

A file that boots the guest says under which kernels, in its first lines: "# kernels: linux quoin"; it
runs once for each, with the kernel's name in $KERNEL.  Any other file runs once, on the host alone; "Needs
the image." in its first lines has the image built before.  One of each kind runs at a time: a machine also
sleeps, and leaves the host something to do.
"""

import glob
import os
import re
import subprocess

import machine
from report import Stopwatch

FILE_TIMEOUT_SECONDS = 1500


def run(report, chosen, kernels):
    name, _, test = chosen.partition("/")
    heads = {path: head_of(path) for path in sorted(glob.glob("tests/system/*.bats"))
             if name in ("", os.path.basename(path)[:-5])}

    def in_guest():
        for path, head in heads.items():
            for kernel in [k for k in kernels if k in kernels_of(head)]:
                if machine.build(report, kernels):
                    run_file(report, path, test, kernel)

    def on_host():
        for path, head in heads.items():
            if not kernels_of(head) and ("Needs the image." not in head or machine.build(report, kernels)):
                run_file(report, path, test, None)

    report.side_by_side([in_guest, on_host])


def head_of(path):
    with open(path, encoding="utf-8") as file:
        return "".join(file.readlines()[:10])


def kernels_of(head):
    found = re.search(r"^# kernels: (.*)$", head, re.MULTILINE)
    return found[1].split() if found else []


def run_file(report, path, test, kernel):
    name = os.path.basename(path)[:-5]
    report.section(f"system/{name}" + (f", {kernel}" if kernel else ""))
    log = report.log_path("system", name + (f"-{kernel}" if kernel else ""))
    command = ["timeout", "-k", "10", str(FILE_TIMEOUT_SECONDS), "bats", "--tap"]
    if test:
        command += ["--filter", "^" + re.escape(test) + "$"]
    environment = dict(os.environ, KERNEL=kernel or "", BUILD=report.build, TEST_LOG=log[:-4],
                       QUOIN_BUILD=os.path.abspath(report.build))
    with open(log, "w", encoding="utf-8") as file, subprocess.Popen(
            command + [path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment, text=True, errors="replace") as child:
        complete = follow(report, name, kernel, log, child.stdout, file)
    if child.returncode not in (0, 1) or not complete:
        report.failed(f"system/{name}", f"bats ended early, status {child.returncode}", log, kernel)


def follow(report, name, kernel, log, lines, file):
    """Reports each test as its line comes; True when all that were planned have come.

    What bats says about a failed test follows its line, so a failure is held back until then."""
    failed, notes, planned, seen = None, [], None, 0
    watch = Stopwatch()

    def flush():
        if failed:
            report.failed(f"system/{name}/{failed}", "", log, kernel, notes[-20:])

    for line in lines:
        file.write(line)
        file.flush()
        line = line.rstrip("\n")
        if line.startswith("1.."):
            planned = int(line[3:])
        result = machine.parse_tap(line)
        if not result:
            notes.append(line)
            continue
        flush()
        seen += 1
        kind, test, note = result
        failed, notes = (test if kind == "failed" else None), []
        if kind == "passed":
            report.passed(f"system/{name}/{test}", watch.seconds())
        elif kind == "skipped":
            report.skipped(f"system/{name}/{test}", note)
        watch = Stopwatch()
    flush()
    return planned == seen
