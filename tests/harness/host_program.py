"""Programs for the host, under ASan and UBSan, one program a test: what the tiers unit and fuzz share.

A test passes when it exits with 0, is skipped when it exits with 77, and fails otherwise.
"""

import glob
import os
import subprocess

from report import Stopwatch

EXIT_SKIPPED = 77
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def names_of(tier, chosen):
    names = sorted(os.path.basename(path)[:-2] for path in glob.glob(f"tests/{tier}/*.c"))
    return [name for name in names if chosen in ("", name)]


def program_of(report, tier, name):
    return os.path.join(report.build, "tests", tier, name)


def run_all(report, tier, names, arguments=lambda name: [], timeout=300):
    """Builds them all at once, so that make can use all CPUs, and runs as many at a time as there are CPUs."""
    programs = (program_of(report, tier, name) for name in names)
    with report.making:
        done = subprocess.run(["make", "-s", "-k", *programs],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        built = {name: done.returncode == 0 or build_one(report, tier, name) for name in names}
    report.on_all_cpus(lambda name: run_one(report, tier, name, arguments(name), timeout),
                       [name for name in names if built[name]])


def build_one(report, tier, name):
    """Once more, since another one failed or this one, and with a log of its own."""
    path = report.log_path(tier, name)
    with open(path, "wb") as log:
        done = subprocess.run(["make", "-s", program_of(report, tier, name)], stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        report.failed(f"{tier}/{name}", "does not build", path)
    return done.returncode == 0


def run_one(report, tier, name, arguments, timeout):
    path = report.log_path(tier, name)
    watch = Stopwatch()
    with open(path, "wb") as log:
        try:
            status = subprocess.run([program_of(report, tier, name), *arguments], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, env={**os.environ, **SANITIZERS},
                                    timeout=timeout, check=False).returncode
        except subprocess.TimeoutExpired:
            status = "no end"
    test = f"{tier}/{name}"
    if status == 0:
        report.passed(test, watch.seconds())
    elif status == EXIT_SKIPPED:
        report.skipped(test, "it says so")
    elif status == "no end":
        report.failed(test, f"no end after {timeout} s", path)
    else:
        report.failed(test, f"exit status {status}", path)
