"""Fuzz targets: parsers fed by libFuzzer for FUZZ_SECONDS each.

What it finds worth keeping stays in build/fuzz/TARGET and is where the next run begins; an input that breaks
something is kept beside the log.
"""

import os
import subprocess

import host_program

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
SEED = os.environ.get("TEST_SEED", "1")
HANG_SECONDS = 20       # one input may take so long
SPARE_SECONDS = 120     # to start, on a busy machine


def run(report, chosen, _kernels):
    names = host_program.names_of("fuzz", chosen)
    if not names:
        return
    report.section(f"fuzz: parsers under libFuzzer, {SECONDS} s each")
    corpus = os.path.join(report.build, "fuzz")
    subprocess.run(["tests/fuzz/seeds.py", corpus], check=True)

    def arguments(name):
        folder = os.path.join(corpus, name)
        os.makedirs(folder, exist_ok=True)
        # -error_exitcode: libFuzzer's own for what it found is EXIT_SKIPPED
        # -len_control=0: long inputs from the start
        return ["-error_exitcode=1", f"-max_total_time={SECONDS}", f"-timeout={HANG_SECONDS}", f"-seed={SEED}", "-len_control=0",
                f"-artifact_prefix={os.path.join(report.build, 'log', 'fuzz', name)}-", folder]

    host_program.run_all(report, "fuzz", names, arguments, SECONDS + HANG_SECONDS + SPARE_SECONDS)
