"""Unit tests: C programs for the host, under ASan and UBSan, one program a test.

A test passes when it exits with 0, is skipped when it exits with 77, and fails otherwise.
"""

import glob
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from report import Stopwatch

TIMEOUT_SECONDS = 300
EXIT_SKIPPED = 77
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def run(report, chosen, _kernels):
    names = sorted(os.path.basename(path)[:-2] for path in glob.glob("tests/unit/*.c"))
    names = [name for name in names if chosen in ("", name)]
    if not names:
        return
    report.section("unit: libraries on the host, under ASan and UBSan")
    build(report, names)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(run_one, report, name) for name in names]:
            done.result()


def program_of(report, name):
    return os.path.join(report.build, "tests", "unit", name)


def build(report, names):
    """All at once, so that make can use all CPUs; what fails here is built again, with its own log."""
    subprocess.run(["make", "-s", "-k", *(program_of(report, name) for name in names)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def run_one(report, name):
    program = program_of(report, name)
    path = report.log_path("unit", name)
    watch = Stopwatch()
    with open(path, "wb") as log:
        built = subprocess.run(["make", "-s", program], stdout=log, stderr=log, check=False)
        if built.returncode == 0:
            try:
                status = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env={**os.environ, **SANITIZERS},
                                        timeout=TIMEOUT_SECONDS, check=False).returncode
            except subprocess.TimeoutExpired:
                status = "no end"
    test = f"unit/{name}"
    if built.returncode != 0:
        report.failed(test, "does not build", path)
    elif status == 0:
        report.passed(test, watch.seconds())
    elif status == EXIT_SKIPPED:
        report.skipped(test, "it says so")
    elif status == "no end":
        report.failed(test, f"no end after {TIMEOUT_SECONDS} s", path)
    else:
        report.failed(test, f"exit status {status}", path)
