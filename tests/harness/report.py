"""The report: one line per test as it ends, the evidence under a failed one, the totals last."""

import os
import shlex
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
    """What one of several works says: kept until it is its turn, from then on said at once."""

    def __init__(self):
        self.kept, self.turn = [], threading.Lock()

    def say(self, line):
        with self.turn:
            if self.kept is None:
                print(line, flush=True)
            else:
                self.kept.append(line)

    def speak_up(self):
        with self.turn:
            for line in self.kept:
                print(line, flush=True)
            self.kept = None


class Report:
    def __init__(self, build):
        self.build = build
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures = []
        self.lock = threading.RLock()     # held while the lines of one result are printed
        self.built = {}     # what was built for the tests -> whether that went well
        self.colour = sys.stdout.isatty()
        self.speaking = threading.local()     # .speaker of this thread; none: it has the word

    def log_path(self, *parts):
        """Where a test's log goes; the folder exists on return and an older log is gone."""
        path = os.path.join(self.build, "log", *parts) + ".log"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        return path

    def say(self, line):
        speaker = getattr(self.speaking, "speaker", None)
        if speaker:
            speaker.say(line)
        else:
            print(line, flush=True)

    def side_by_side(self, works, nr_at_once):
        """Does the works, so many at a time; what each says stays together, in the order of the works."""
        def run(work, speaker):
            self.speaking.speaker = speaker
            work()

        speakers = [Speaker() for _ in works]
        with ThreadPoolExecutor(nr_at_once) as pool:
            done = [pool.submit(run, *pair) for pair in zip(works, speakers)]
            for one, speaker in zip(done, speakers):
                speaker.speak_up()
                one.result()

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
