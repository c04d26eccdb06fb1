"""Kernel tests: the kernel with a test task in the system's place (tests/kernel), on several machines."""

import glob
import os
import subprocess

import machine
from report import Stopwatch

MACHINES = {
    "1 CPU": ("--smp", "1"),
    "4 CPUs": ("--smp", "4"),
    "counted instructions": ("--icount",),
    "a CPU without XSAVE": ("--smp", "2", "--cpu", "qemu64"),
    "UEFI, 2 CPUs": ("--smp", "2", "--firmware", "uefi"),
}
SOAKING = ("1 CPU", "4 CPUs")      # where a test goes on for TEST_SECONDS
TIMEOUT_SECONDS = 300


def run(report, chosen, kernels):
    if "quoin" not in kernels or not glob.glob("tests/kernel/*.c"):
        return
    report.section("kernel: the kernel with a test task")
    disk = os.path.join(report.build, "tests", "kernel", "disk.img")
    log = report.log_path("kernel", "build")
    with open(log, "wb") as file:
        built = subprocess.run(["make", "-s", disk], stdout=file, stderr=file, check=False)
    if built.returncode != 0:
        report.failed("kernel", "does not build", log)
        return
    soaks = "TEST_SECONDS" in os.environ
    if soaks:
        disk = soak_disk(report, chosen)
    for name, options in MACHINES.items():
        if not soaks or name in SOAKING:
            run_machine(report, name, options, disk, chosen)


def soak_disk(report, chosen):
    """A disk whose command line tells the tests how long they may go on, and from which seed."""
    disk = os.path.join(report.build, "tests", "kernel", "soak.img")
    words = {"seconds": os.environ["TEST_SECONDS"], "seed": os.environ.get("TEST_SEED"), "test": chosen}
    subprocess.run(["tests/kernel/make-disk", os.path.join(report.build, "kernel", "quoin.elf"),
                    os.path.join(report.build, "tests", "kernel", "ktest"), disk,
                    *(f"{word}={value}" for word, value in words.items() if value)], check=True)
    return disk


def run_machine(report, name, options, disk, chosen):
    log = report.log_path("kernel", "-".join(word.strip("-") for word in options))
    seconds = TIMEOUT_SECONDS + int(os.environ.get("TEST_SECONDS", 0))
    command = ["tests/kernel/run", "--timeout", str(seconds), *options, disk]
    with open(log, "wb") as file, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        planned, seen, failed = follow(report, name, chosen, log, child.stdout, file)
    if child.returncode != 0 and not failed or planned != seen:
        report.failed(f"kernel/({name})", f"{seen} of {planned} tests ran, status {child.returncode}", log)


def follow(report, name, chosen, log, lines, file):
    """Reports each result; returns the numbers of planned, seen and failed tests."""
    planned, seen, nr_failed, notes = None, 0, 0, []
    watch = Stopwatch()
    for raw in lines:
        file.write(raw)
        file.flush()
        line = raw.decode("utf-8", "replace").strip()
        if line.startswith("1.."):
            planned = int(line[3:])
        result = machine.parse_tap(line)
        if not result:
            notes.append(line)
            continue
        kind, test, note = result
        seen += 1
        nr_failed += kind == "failed"
        title = f"kernel/{test}"
        if chosen not in ("", test):
            pass
        elif kind == "passed":
            report.passed(f"{title} ({name})", watch.seconds())
        elif kind == "skipped":
            report.skipped(title, note)
        else:
            report.failed(title, name, log, None, notes[-10:])
        notes, watch = [], Stopwatch()
    return planned, seen, nr_failed
