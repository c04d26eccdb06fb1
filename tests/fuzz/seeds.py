#!/usr/bin/env -S python3 -B
"""Well-formed inputs for the fuzz targets to start from: seeds.py FOLDER writes FOLDER/TARGET/*."""

import os
import struct
import sys

BASE = 0x1000    # where the targets of ACPI tables put their memory


def padded(data, size):
    return data + bytes(size - len(data))


# ---- elf ----

def elf_program():
    segments = [(1, 5, 0, 0x400000, 0x400, 0x400), (1, 6, 0x400, 0x401400, 0x100, 0x2000),
                (3, 4, 0x300, 0x400300, 16, 16), (0x6474e551, 6, 0, 0, 0, 0)]
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, 62, 1, 0x400100, 64, 0,
                       0, 64, 56, len(segments), 0, 0, 0)
    for kind, flags, offset, address, in_file, in_memory in segments:
        head += struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, in_file, in_memory,
                            0x1000)
    return padded(head, 0x500)


def elf():
    return [elf_program(), b"#! /usr/bin/env  sh -x \n"]


# ---- archive ----

def cpio_file(name, data):
    name = name.encode() + b"\0"
    fields = [1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    entry = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    entry += bytes(-len(entry) % 4) + data
    return entry + bytes(-len(entry) % 4)


def archive():
    return [cpio_file("a", b"one") + cpio_file("posix", b"two") + cpio_file("TRAILER!!!", b"")]


# ---- ACPI ----

def sum_to_zero(data, at):
    return data[:at] + bytes([(data[at] - sum(data)) & 255]) + data[at + 1:]


def table(signature, body):
    head = struct.pack("<4sIBB26x", signature, 36 + len(body), 1, 0)
    return sum_to_zero(head + body, 9)


def rsdp(revision, rsdt, xsdt):
    head = struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"QUOIN ", revision, rsdt)
    return sum_to_zero(head, 8) + struct.pack("<IQI", 36, xsdt, 0)


def memory(tables, revision):
    """A root pointer, an RSDT and an XSDT, and the tables behind them."""
    count = len(tables)
    places, at = [], BASE + 64 + 36 + 4 * count + 36 + 8 * count
    for one in tables:
        places.append(at)
        at += len(one)
    roots = table(b"RSDT", struct.pack(f"<{count}I", *places)), \
        table(b"XSDT", struct.pack(f"<{count}Q", *places))
    head = padded(rsdp(revision, BASE + 64, BASE + 64 + len(roots[0])), 64)
    return head + roots[0] + roots[1] + b"".join(tables), places


def dsdt():
    return table(b"DSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x06\0\0" + bytes(8))


def fadt(dsdt_address):
    body = bytearray(240 - 36)
    struct.pack_into("<I", body, 40 - 36, dsdt_address)
    struct.pack_into("<IBI", body, 48 - 36, 0xb2, 0xf1, 0)
    struct.pack_into("<II", body, 64 - 36, 0x604, 0)
    struct.pack_into("<I", body, 76 - 36, 0x608)
    struct.pack_into("<IBBBBQB", body, 112 - 36, 1 << 10, 1, 8, 0, 1, 0xcf9, 6)
    struct.pack_into("<BBBBQ", body, 208 - 36, 1, 32, 0, 3, 0x608)
    return table(b"FACP", bytes(body))


def devmgr_acpi():
    mcfg = table(b"MCFG", bytes(8) + struct.pack("<QHBBI", 0xb0000000, 0, 0, 255, 0))
    seeds = []
    for revision in 0, 2:
        _, places = memory([dsdt(), fadt(0), mcfg], revision)
        seeds.append(b"\1" + memory([dsdt(), fadt(places[0]), mcfg], revision)[0])
    return seeds


def kernel_acpi():
    entries = struct.pack("<BBBBI", 0, 8, 0, 0, 1) + struct.pack("<BBBBI", 0, 8, 1, 1, 1) + \
        struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0) + \
        struct.pack("<BBHQ", 5, 12, 0, 0xfee00000) + struct.pack("<BBHIII", 9, 16, 0, 2, 1, 0)
    madt = table(b"APIC", struct.pack("<II", 0xfee00000, 1) + entries)
    return [memory([madt, fadt(0)], revision)[0] for revision in (0, 2)]


# ---- multiboot ----

def tag(kind, body):
    data = struct.pack("<II", kind, 8 + len(body)) + body
    return data + bytes(-len(data) % 8)


def multiboot():
    ranges = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x100000, 0x7ee0000, 1),
              (0x7fe0000, 0x20000, 2), (0x100000000, 0x10000000, 1)]
    entries = b"".join(struct.pack("<QQII", *one, 0) for one in ranges)
    tags = tag(1, b"panic=exit quiet\0") + tag(3, struct.pack("<II", 0x400000, 0x500000) + b"a\0") + \
        tag(6, struct.pack("<II", 24, 0) + entries) + tag(14, rsdp(0, 1, 0)[:20]) + \
        tag(15, rsdp(2, 1, 2)) + tag(0, b"")
    return [struct.pack("<II", 8 + len(tags), 0) + tags]


# ---- gpt ----

def gpt():
    header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, 99999, 34, 99966,
                         b"0123456789abcdef", 2, 128, 128, 0)
    entries = b"".join(struct.pack("<16s16sQQQ72x", b"type", b"unique", first, last, 0)
                       for first, last in ((2048, 4095), (4096, 99966)))
    return [b"\1" + struct.pack("<Q", 100000) + padded(header, 512) + entries]


# ---- virtio_blk ----

def virtio_blk():
    registers = bytearray(256)    # common window at 0, config at 0x40, doorbell at 0x80
    struct.pack_into("<I", registers, 0x04, 1 << 28 | 1 << 9 | 1)
    struct.pack_into("<H", registers, 0x18, 256)
    capabilities = bytearray(0x60)
    for at, offset, length in (0, 0, 0x38), (0x20, 0x80, 16), (0x40, 0x40, 8):
        struct.pack_into("<II", capabilities, at + 8, offset, length)
    attach = bytes([0, 0, 2 | 16, 0, 0]) + struct.pack("<I", 1 << 20) + b"\0"
    def rw(write, sector):
        payload = struct.pack("<QIHHQII", sector, 0, write, 1, 4096, 8192, 0)
        return bytes([0, 0, 4 | 8, 0, len(payload)]) + payload
    done = bytes([2, 0, 0, 0]) + bytes(4) + bytes([3])
    steps = attach + rw(0, 1) + rw(1, 8) + bytes([0, 0, 5, 0, 0, 0]) + done + rw(0, 3)
    seeds = []
    for sectors in 20, 2000:
        struct.pack_into("<Q", registers, 0x40, sectors)
        early = (bytes(600) + bytes([0, 0, 0]) + bytes(4)) * 2 if sectors > 33 else b""
        seeds.append(bytes(registers) + bytes(capabilities) + early + steps)
    return seeds


# ---- devmgr ----

def devmgr():
    driver, plain, posix, named = 0, 1, 2, 33
    def call(sender, number, payload=b""):
        return bytes([5, sender + 3 * 2, number, max(len(payload) - 1, 0)]) + (payload or b"\0")
    def by_name(sender, number, choice):
        return bytes([5, sender + named, number, choice])
    ready, down, gone = 3, 0, 1
    write = struct.pack("<HHI", 0x80, 4, 1)
    return [by_name(posix, 1, 0) + call(driver, 3) + bytes([down]) + by_name(posix, 1, 0) + bytes([gone]),
            by_name(driver, 2, 0) + by_name(plain, 2, 1) + bytes([16 + ready]) + call(plain, 4),
            call(driver, 5) + call(driver, 6) + call(driver, 7, write) + call(driver, 8, write)
            + call(driver, 10, struct.pack("<I", 4096)) + call(plain, 11) + call(plain, 12),
            by_name(posix, 13, 2) + call(posix, 15) + by_name(posix, 16, 0) + call(posix, 17)]


# ---- uart ----

def uart():
    info, read, drain, set_line = (bytes([0, call, 0]) for call in (1, 3, 4, 5))
    def write(length):
        return struct.pack("<BBBH", 0, 2, 0, length)
    bytes_come, time_passes, interrupts = bytes([3, 16]), bytes([8 * 16 + 5]), bytes([6])
    speed = set_line + struct.pack("<IBBB", 9600, 8, 0, 1)
    return [info + speed + read + bytes_come + interrupts,
            write(5) + drain + time_passes + interrupts,
            write(3072) * 4 + drain + (time_passes + interrupts) * 4 + read]


def main(folder):
    for target in (elf, archive, devmgr_acpi, kernel_acpi, multiboot, gpt, virtio_blk, devmgr, uart):
        os.makedirs(os.path.join(folder, target.__name__), exist_ok=True)
        for number, seed in enumerate(target()):
            with open(os.path.join(folder, target.__name__, f"seed-{number}"), "wb") as out:
                out.write(seed)


if __name__ == "__main__":
    main(sys.argv[1])
