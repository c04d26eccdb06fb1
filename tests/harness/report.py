"""The report: one line per test as it ends, the evidence under a failed one, the totals last."""

import functools
import os
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

TAIL_LINES = 15


def tail(path, nr_lines=TAIL_LINES):
    """The last lines of a log, as text that is safe to print on any terminal."""
    try:
        with open(path, "rb") as log:
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    printable = ["".join(c if c.isprintable() or c == "\t" else "?" for c in line) for line in lines]
    return [line for line in printable if line.strip()][-nr_lines:]


class Speaker:
    """What one of several works says: kept until it is its turn, from then on handed on at once."""

    def __init__(self, hand_on):
        self.hand_on, self.kept, self.turn = hand_on, [], threading.Lock()

    def say(self, line):
        with self.turn:
            if self.kept is None:
                self.hand_on(line)
            else:
                self.kept.append(line)

    def speak_up(self):
        with self.turn:
            for line in self.kept:
                self.hand_on(line)
            self.kept = None


class Report:
    """What the tests share: where their logs go, what was built for them, and what is said of them.

    Tiers, and parts of one, may run side by side, each in a thread of its own: .lock is held while the lines of one
    result are printed, .making while make is at work in the tree, .cpus by each program that keeps a CPU busy.
    """

    def __init__(self, build):
        self.build = build
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures = []
        self.lock, self.making = threading.RLock(), threading.RLock()
        self.cpus = threading.Semaphore(os.cpu_count())
        self.built = {}     # what was built for the tests -> whether that went well
        self.colour = sys.stdout.isatty()
        self.speaking = threading.local()     # .say of this thread; none: it has the word

    def log_path(self, *parts):
        """Where a test's log goes; the folder exists on return and an older log is gone."""
        path = os.path.join(self.build, "log", *parts) + ".log"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        return path

    def say(self, line):
        self.say_of_thread()(line)

    def say_of_thread(self):
        return getattr(self.speaking, "say", functools.partial(print, flush=True))

    def side_by_side(self, works, nr_at_once=None):
        """Does the works, all at once or so many at a time; what each says stays together, in the order of the works."""
        def run(work, speaker):
            self.speaking.say = speaker.say
            work()

        speakers = [Speaker(self.say_of_thread()) for _ in works]
        with ThreadPoolExecutor(nr_at_once or len(works)) as pool:
            done = [pool.submit(run, *pair) for pair in zip(works, speakers)]
            for one, speaker in zip(done, speakers):
                speaker.speak_up()
                one.result()

    def on_all_cpus(self, work, items):
        """work(item) for each, as many at a time as there are CPUs, of all who ask for some."""
        say = self.say_of_thread()

        def run(item):
            self.speaking.say = say
            with self.cpus:
                work(item)

        with ThreadPoolExecutor(len(items) or 1) as pool:
            for done in [pool.submit(run, item) for item in items]:
                done.result()

    def make_each(self, tier, names):
        """Makes build/tests/TIER/NAME of each, all at once, so that make can use all CPUs; the names of those that are
        there then.  One that does not build is a failed test."""
        def make(log, *some):
            programs = [os.path.join(self.build, "tests", tier, name) for name in some]
            return subprocess.run(["make", "-s", "-k", *programs], stdout=log, stderr=log, check=False).returncode == 0

        def made(name):     # once more by itself, with a log of its own
            path = self.log_path(tier, name)
            with open(path, "wb") as log:
                done = make(log, name)
            if not done:
                self.failed(f"{tier}/{name}", "does not build", path)
            return done

        with self.making:
            return names if make(subprocess.DEVNULL, *names) else [name for name in names if made(name)]

    def section(self, title):
        self.say(f"\n{title}")

    def passed(self, test, seconds=None):
        self._line("passed", "ok", test, "" if seconds is None else f"{seconds:.1f} s")

    def skipped(self, test, why):
        self._line("skipped", "skip", test, why)

    def failed(self, test, why, log=None, kernel=None, evidence=()):
        again = f"make test T={shlex.quote(test)}" + (f" K={kernel}" if kernel else "")
        with self.lock:
            self._line("failed", "FAIL", test, why)
            self.failures.append(again)
            for line in evidence or (tail(log) if log else ()):
                self.say(f"         | {line}")
            if log:
                self.say(f"         log: {log}")
            self.say(f"         again: {again}")

    def _line(self, kind, word, test, note):
        code = {"passed": 32, "failed": 31, "skipped": 33}[kind]
        word = f"{word:4}"
        if self.colour:
            word = f"\033[{code}m{word}\033[0m"
        with self.lock:
            self.counts[kind] += 1
            self.say(f"  {word}   {test}" + (f"   ({note})" if note else ""))

    def finish(self, chosen):
        """The totals, and the exit status that goes with them."""
        print()
        if not any(self.counts.values()):
            print(f"no test matches '{chosen}'" if chosen else "there are no tests")
        if self.failures:
            print("failed, each can be repeated with:")
            for again in self.failures:
                print(f"    {again}")
        print(", ".join(f"{number} {kind}" for kind, number in self.counts.items()), flush=True)
        return 1 if self.counts["failed"] or not any(self.counts.values()) else 0


class Stopwatch:
    def __init__(self):
        self.start = time.monotonic()

    def seconds(self):
        return time.monotonic() - self.start
