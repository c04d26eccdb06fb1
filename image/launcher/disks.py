"""The disks of a machine: the kept one of `run`, throw-away copies, and folders made into disks."""

import os
import shutil
import subprocess

from . import LauncherError

QCOW2_MAGIC = b"QFI\xfb"
ADDED_DISK_MIN_BYTES = 512 << 20
MKE2FS = "/sbin/mke2fs"


def image_path(build):
    path = os.path.join(build, "quoin.img")
    if not os.path.exists(path):
        raise LauncherError(f"there is no {path}: run make image")
    return path


def drive(path, writable):
    """The value of QEMU's -drive for an image file."""
    try:
        with open(path, "rb") as file:
            kind = "qcow2" if file.read(4) == QCOW2_MAGIC else "raw"
    except OSError as error:
        raise LauncherError(f"the disk image {path} cannot be read: {error.strerror}") from error
    if writable and not os.access(path, os.W_OK):
        raise LauncherError(f"the disk image {path} cannot be written to")
    return f"file={path.replace(',', ',,')},format={kind}" + ("" if writable else ",snapshot=on")


def kept(build):
    """build/disk.img, which survives from run to run, made from the image when there is none.

    A disk made from an older image is put aside, not thrown away."""
    image, disk = image_path(build), os.path.join(build, "disk.img")
    stamp = disk + ".from"
    state = os.stat(image)
    origin = f"{state.st_mtime_ns} {state.st_size}\n"
    if os.path.exists(disk) and os.path.exists(stamp):
        with open(stamp, encoding="ascii") as file:
            if file.read() == origin:
                return disk
        os.replace(disk, disk + ".old")
        os.unlink(stamp)    # what a copy leaves that is broken off is not put aside after it
        print(f"the image is new: the disk of earlier runs is now {disk}.old")
    sparse_copy(image, disk)
    with open(stamp, "w", encoding="ascii") as file:
        file.write(origin)
    return disk


def sparse_copy(source, target):
    done = subprocess.run(["cp", "--reflink=auto", "--sparse=always", source, target],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if os.path.exists(target):
            os.unlink(target)
        raise LauncherError(f"copying {source} failed: {done.stderr.strip()}")


def from_folder(folder, build, scratch):
    """An ext4 disk with the folder's contents, all owned by root; it lives in scratch."""
    if not os.path.isdir(folder):
        raise LauncherError(f"--add needs a folder, and {folder} is none")
    if not shutil.which(MKE2FS):
        raise LauncherError(f"{MKE2FS} is not installed: run make setup")
    content = sum(os.lstat(os.path.join(parent, name)).st_size + 4096
                  for parent, _, names in os.walk(folder) for name in names)
    disk = os.path.join(scratch, "add.ext4")
    size_kib = max(ADDED_DISK_MIN_BYTES, 2 * content) >> 10
    environment = dict(os.environ, LC_ALL="C")
    as_root = os.path.join(build, "image", "as-root.so")
    if os.path.exists(as_root):
        environment["LD_PRELOAD"] = os.path.abspath(as_root)
    done = subprocess.run([MKE2FS, "-q", "-t", "ext4", "-b", "4096", "-L", "add", "-d", folder,
                           "-E", "root_owner=0:0,lazy_journal_init=1", disk, f"{size_kib}k"],
                          env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LauncherError(f"making a disk of {folder} failed: {done.stderr.strip()}")
    return disk


def of_machine(arguments, build, scratch, keep):
    """The -drive values of the machine that the arguments describe."""
    if arguments.drive:
        disks = [drive(arguments.drive, True)]
    elif keep:
        disks = [drive(kept(build), True)]
    else:
        disks = [drive(image_path(build), False)]
    if arguments.add:
        disks.append(drive(from_folder(arguments.add, build, scratch), True))
    elif arguments.disk:
        disks.append(drive(arguments.disk, False))
    return disks
