"""Models: protocols between threads, beside the code that follows them, checked by Spin in every order.

A model is NAME.pml.  Its head has a line " * mutations: A B": each, defined, takes away a step that the protocol
stands on, and the check must then find an error; so a model that checks nothing does not pass.
"""

import glob
import os
import re
import subprocess

from report import Stopwatch

TIMEOUT_SECONDS = 300
MEMORY_MIB = 2000
DEPTH = 1000000


class Failure(Exception):
    pass


def models():
    paths = glob.glob("kernel/**/*.pml", recursive=True) + glob.glob("userland/**/*.pml", recursive=True)
    return {os.path.basename(path)[:-len(".pml")]: path for path in sorted(paths)}


def run(report, chosen, _kernels):
    found = {name: path for name, path in models().items() if chosen in ("", name)}
    if not found:
        return
    report.section("model: protocols, checked by Spin")
    report.on_all_cpus(lambda name: run_one(report, name, found[name]), list(found))


def run_one(report, name, path):
    log_path = report.log_path("model", name)
    watch = Stopwatch()
    try:
        with open(path, encoding="utf-8") as model, open(log_path, "wb") as log:
            mutations = re.search(r"^ \* mutations: (.*)$", model.read(), re.M)
            if not mutations:
                raise Failure("its head names no mutations")
            folder = os.path.abspath(os.path.join(report.build, "model", name))
            if errors_of(path, folder, None, log):
                raise Failure("the protocol does not hold; spin -p -t shows the way there")
            for mutation in mutations[1].split():
                if not errors_of(path, folder, mutation, log):
                    raise Failure(f"no error without the step that {mutation} takes away")
    except Failure as failure:
        report.failed(f"model/{name}", str(failure), log_path)
    else:
        report.passed(f"model/{name}", watch.seconds())


def errors_of(path, folder, mutation, log):
    """How many errors Spin finds in the model, of which it searches all or says that it could not."""
    folder = os.path.join(folder, mutation or "whole")
    os.makedirs(folder, exist_ok=True)
    define = [f"-D{mutation}"] if mutation else []
    command(["spin", "-a", *define, os.path.abspath(path)], folder, log)
    # gcc would take longer to compile than it takes to search
    command(["tcc", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"],
            folder, log)
    said = command(["./pan", f"-m{DEPTH}"], folder, log)
    errors = re.search(r"errors: (\d+)", said)
    if not errors or "search depth too small" in said or "out of memory" in said:
        raise Failure("the search did not come to an end")
    return int(errors[1])


def command(words, folder, log):
    log.write(f"{folder}$ {' '.join(words)}\n".encode())
    try:
        done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end after {TIMEOUT_SECONDS} s") from None
    log.write(done.stdout)
    if done.returncode:
        raise Failure(f"{words[0]} failed with exit status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")
