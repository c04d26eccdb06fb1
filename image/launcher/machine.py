"""QEMU's command line for a machine: q35, virtio-blk disks, COM1 the console, COM2 the agent."""

import os
import re
import shlex
import shutil

from . import LauncherError

QEMU = "qemu-system-x86_64"
OVMF = "/usr/share/OVMF"
LINUX_COMMAND_LINE = "root=/dev/vda3 console=ttyS0 quiet loglevel=3 panic=-1 nowatchdog"
ROOT_SLOT, SECOND_SLOT = "02.0", "03.0"

# QEMU's buffer for translated code.  It keeps a list for each physical page, and one page of a program that runs at
# many addresses has as many translations as fit; to reuse such a page takes the square of that.  By default it
# is 1 GiB, and a machine that runs out of memory after some ten thousand programs stands still for a minute.
TRANSLATIONS_MIB = 128


def command(arguments, build, disks, console, agent_fd):
    """disks: the root disk's and perhaps a second one's -drive values without id; console: the
    arguments that make the character device `console`."""
    if not shutil.which(QEMU):
        raise LauncherError(f"{QEMU} is not installed: run make setup")
    words = [QEMU, "-nodefaults", "-no-user-config", "-machine", "q35", "-display", "none"]
    words += accelerator(arguments)
    words += ["-cpu", arguments.cpu, "-smp", str(arguments.smp), "-m", memory(arguments.mem)]
    words += ["-name", "quoin"]
    for number, (drive, slot) in enumerate(zip(disks, (ROOT_SLOT, SECOND_SLOT))):
        words += ["-drive", f"{drive},if=none,id=disk{number},cache=unsafe,discard=unmap,"
                            "rerror=report,werror=report"]
        words += ["-device", f"virtio-blk-pci,drive=disk{number},disable-legacy=on,addr={slot}"
                             + (",bootindex=1" if number == 0 else "")]
    words += console + ["-serial", "chardev:console"]
    words += ["-chardev", f"socket,id=agent,fd={agent_fd}", "-serial", "chardev:agent"]
    words += firmware(arguments.firmware)
    if arguments.kernel == "linux":
        words += linux(build)
    return words + shlex.split(os.environ.get("VM_QEMU_ARGS", ""))


def memory(size):
    if not re.fullmatch(r"[0-9]+[kKmMgG]?", size):
        raise LauncherError(f"'{size}' is no memory size: write it as 256M or 2G")
    return size


def accelerator(arguments):
    kind = arguments.accel
    if kind == "auto":
        kind = "kvm" if not arguments.icount and kvm_works() else "tcg"
    if arguments.icount:
        if kind == "kvm":
            raise LauncherError("--icount counts emulated instructions: it needs --accel tcg")
        return ["-accel", "tcg", "-icount", "shift=0,align=off,sleep=off"]
    return ["-accel", f"tcg,tb-size={TRANSLATIONS_MIB}" if kind == "tcg" else kind]


def kvm_works():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        if not re.search(r"^flags\s*:.*\b(vmx|svm)\b", file.read(), re.MULTILINE):
            return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def firmware(kind):
    if kind == "bios":
        return []
    words = []
    for unit, name, mode in ((0, "OVMF_CODE_4M.fd", "readonly=on"), (1, "OVMF_VARS_4M.fd", "snapshot=on")):
        path = os.path.join(OVMF, name)
        if not os.path.exists(path):
            raise LauncherError(f"the UEFI firmware {path} is not installed: run make setup")
        words += ["-drive", f"if=pflash,unit={unit},format=raw,file={path},{mode}"]
    return words


def linux(build):
    kernel, initrd = (os.path.join(build, "linux", name) for name in ("vmlinuz", "initrd.cpio"))
    for path in (kernel, initrd):
        if not os.path.exists(path):
            raise LauncherError(f"there is no {path}: run make linux")
    words = [LINUX_COMMAND_LINE, *os.environ.get("VM_LINUX_APPEND", "").split()]
    return ["-kernel", kernel, "-initrd", initrd, "-append", " ".join(words)]
