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


def run_all(report, tier, names, arguments=lambda name: [], timeout=300):
    """Builds them all and runs as many at a time as there are CPUs."""
    report.on_all_cpus(lambda name: run_one(report, tier, name, arguments(name), timeout),
                       report.make_each(tier, names))


def run_one(report, tier, name, arguments, timeout):
    program = os.path.join(report.build, "tests", tier, name)
    path = report.log_path(tier, name)
    watch = Stopwatch()
    with open(path, "wb") as log:
        try:
            status = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL,
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
