"""What guest tests share: a disk of their own, the machine's verdict afterwards, TAP."""

import os
import re
import shutil
import subprocess
import tempfile

ROOT_OFFSET = 16 << 20      # image/mkimage: where the ext4 root begins
PANIC = re.compile(rb"panic|Oops:|general protection fault|BUG:|ASSERT", re.IGNORECASE)
TAP_LINE = re.compile(r"(not ok|ok) \d+(?: -)? (.*?)(?:\s+# (skip|SKIP)\b:?\s*(.*))?$")
E2FSCK = shutil.which("e2fsck") or "/sbin/e2fsck"


def build(report, kernels):
    """Whether there is what guest tests boot: the image, and the oracle's kernel."""
    with report.making:
        if "guest" not in report.built:
            report.built["guest"] = make_guest(report, kernels)
        return report.built["guest"]


def make_guest(report, kernels):
    targets = [os.path.join(report.build, "quoin.img")]
    if "linux" in kernels:
        targets.append(os.path.join(report.build, "linux", "vmlinuz"))
    log = report.log_path("image")
    with open(log, "wb") as file:
        done = subprocess.run(["make", *targets], stdout=file, stderr=file, check=False)
    if done.returncode != 0:
        report.failed("system", "the image does not build", log)
    return done.returncode == 0


def parse_tap(line):
    """(passed | failed | skipped, name, note), or None when the line is no result."""
    found = TAP_LINE.match(line)
    if not found:
        return None
    word, name, skip, note = found.groups()
    if skip:
        return "skipped", name, note or "it says so"
    return ("passed" if word == "ok" else "failed"), name, ""


def fresh_disk(build, name):
    """A copy of the image to boot from, so that its file system can be looked at afterwards."""
    path = os.path.join(tempfile.gettempdir(), name + ".img")
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", os.path.join(build, "quoin.img"), path],
                   check=True)
    return path


def file_system_complaint(disk):
    """What e2fsck says about the root, or None when it is clean."""
    done = subprocess.run([E2FSCK, "-fn", f"{disk}?offset={ROOT_OFFSET}"], capture_output=True,
                          text=True, check=False)
    if done.returncode == 0 and "recovery" not in done.stdout + done.stderr:
        return None
    return done.stdout + done.stderr


def panic_line(console):
    try:
        with open(console, "rb") as file:
            lines = [line for line in file if PANIC.search(line)]
    except OSError:
        return None
    return lines[0].decode("utf-8", "replace").strip() if lines else None
