#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the smallest PE image that a UEFI firmware starts: it returns EFI_ABORTED at once, so that
the firmware goes on to its next boot option.

usage: make-pe.py FILE [x64|ia32|arm64] [OPTION...]
options: subsystem=N   another subsystem than EFI application (10)
         gap=N         N octets between the two sections that belong to neither
         tail=N        N octets behind the last section
         directories=N the number of data directories (16)
         swapped       the section table lists the later section first
"""
import struct
import sys

MACHINES = {
    # mov rax, 0x8000000000000015; ret
    "x64": (0x8664, b"\x48\xb8\x15\0\0\0\0\0\0\x80\xc3"),
    # mov eax, 0x80000015; ret
    "ia32": (0x014C, b"\xb8\x15\0\0\x80\xc3"),
    # mov x0, #0x15; movk x0, #0x8000, lsl #48; ret
    "arm64": (0xAA64, b"\xa0\x02\x80\xd2\x00\x00\xf0\xf2\xc0\x03\x5f\xd6"),
}
FILE_ALIGNMENT = 0x20
HEADERS = 0x1A0
SECTION = 0x20


def optional_header(arch, code, data, options):
    plus = arch != "ia32"
    image_size = 0x3000
    header = struct.pack(
        "<HBBIIIII", 0x20B if plus else 0x10B, 1, 0, SECTION, SECTION, 0, code, code
    )
    header += struct.pack("<Q", 0) if plus else struct.pack("<II", data, 0)
    header += struct.pack("<IIHHHHHHI", 0x1000, FILE_ALIGNMENT, 0, 0, 1, 0, 2, 0, 0)
    header += struct.pack("<IIIHH", image_size, HEADERS, 0, int(options.get("subsystem", 10)), 0)
    header += struct.pack("<QQQQ" if plus else "<IIII", 0, 0, 0, 0)
    directories = int(options.get("directories", 16))
    return header + struct.pack("<II", 0, directories) + bytes(8 * directories)


def section(name, address, offset, flags):
    return struct.pack("<8sIIIIIIHHI", name, SECTION, address, SECTION, offset, 0, 0, 0, 0, flags)


def image(arch, options):
    machine, code = MACHINES[arch]
    gap = int(options.get("gap", 0))
    text_at, data_at = HEADERS, HEADERS + SECTION + gap
    optional = optional_header(arch, 0x1000, 0x2000, options)
    sections = [
        section(b".text", 0x1000, text_at, 0x60000020),
        section(b".data", 0x2000, data_at, 0xC0000040),
    ]
    if "swapped" in options:
        sections.reverse()
    dos = b"MZ" + bytes(58) + struct.pack("<I", 0x40)
    coff = struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, len(optional), 0x0202)
    headers = dos + b"PE\0\0" + coff + optional + b"".join(sections)
    body = code.ljust(SECTION, b"\xcc") + b"g" * gap + b"edgepxe test image".ljust(SECTION, b"\0")
    return headers.ljust(HEADERS, b"\0") + body + b"t" * int(options.get("tail", 0))


def main():
    path, arch = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "x64"
    options = dict((word.split("=", 1) + [""])[:2] for word in sys.argv[3:])
    with open(path, "wb") as file:
        file.write(image(arch, options))


if __name__ == "__main__":
    main()
