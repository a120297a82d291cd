#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes COUNT damaged copies of a signed image, the same ones for the same seed.

usage: mutate.py SEED COUNT IMAGE DIRECTORY
"""
import os
import random
import struct
import sys

WORDS = [0, 1, 7, 8, 9, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFF]


def places(image):
    """Where headers, contents, certificate table and PKCS#7 are: each is hit as often."""
    pe = struct.unpack_from("<I", image, 60)[0]
    plus = image[pe + 25] == 2
    entry = pe + 24 + (112 if plus else 96) + 32
    table, size = struct.unpack_from("<II", image, entry)
    return [
        (0, pe + 24),
        (pe + 24, entry),
        (entry, entry + 8),
        (entry + 8, table),
        (table, table + 8),
        (table + 8, table + 100),
        (table + 8, table + size),
        (len(image) - 300, len(image)),
    ]


def mutate(image, source):
    begin, end = source.choice(places(image))
    at = source.randrange(begin, end)
    kind = source.choice(["bit", "bit", "bit", "octet", "word", "cut", "add", "insert", "remove"])
    if kind == "bit":
        return image[:at] + bytes([image[at] ^ 1 << source.randrange(8)]) + image[at + 1 :]
    if kind == "octet":
        return image[:at] + bytes([source.randrange(256)]) + image[at + 1 :]
    if kind == "word":
        at &= ~3
        word = struct.pack("<I", source.choice(WORDS + [len(image), at]))
        return (image[:at] + word + image[at + 4 :])[: len(image)]
    if kind == "cut":
        return image[:at]
    if kind == "add":
        return image + source.choice([bytes, source.randbytes])(source.choice([1, 4, 8, 16]))
    if kind == "insert":
        return image[:at] + bytes(8) + image[at:]
    return image[:at] + image[at + 8 :]


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    with open(sys.argv[3], "rb") as file:
        image = file.read()
    for i in range(count):
        damaged = mutate(image, random.Random(seed * 1000003 + i))
        with open(os.path.join(sys.argv[4], "mutated-%d-%03d.efi" % (seed, i)), "wb") as file:
            file.write(damaged)


if __name__ == "__main__":
    main()
