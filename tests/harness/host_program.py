"""Programs for the host, under ASan and UBSan, one program a test: what the tiers unit and fuzz share.

A test passes when it exits with 0, is skipped when it exits with 77, and fails otherwise.
"""

import glob
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

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
    # What fails here is built again, with its own log
    subprocess.run(["make", "-s", "-k", *programs],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(run_one, report, tier, name, arguments(name), timeout) for name in names]:
            done.result()


def run_one(report, tier, name, arguments, timeout):
    program = program_of(report, tier, name)
    path = report.log_path(tier, name)
    watch = Stopwatch()
    with open(path, "wb") as log:
        built = subprocess.run(["make", "-s", program], stdout=log, stderr=log, check=False)
        if built.returncode == 0:
            try:
                status = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env={**os.environ, **SANITIZERS},
                                        timeout=timeout, check=False).returncode
            except subprocess.TimeoutExpired:
                status = "no end"
    test = f"{tier}/{name}"
    if built.returncode != 0:
        report.failed(test, "does not build", path)
    elif status == 0:
        report.passed(test, watch.seconds())
    elif status == EXIT_SKIPPED:
        report.skipped(test, "it says so")
    elif status == "no end":
        report.failed(test, f"no end after {timeout} s", path)
    else:
        report.failed(test, f"exit status {status}", path)
