#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damages a signed PE32+ image in every way that has a name.

usage: make-variants.py SIGNED DIRECTORY
"""
import os
import struct
import sys

PE = 0x40
OPTIONAL = PE + 24
CHECKSUM = OPTIONAL + 64
ENTRY = OPTIONAL + 112 + 4 * 8
SECTIONS = OPTIONAL + 240
TEXT = 0x1A0
DATA = 0x1C0


def flip(image, offset, mask=0x01):
    return image[:offset] + bytes([image[offset] ^ mask]) + image[offset + 1 :]


def put(image, offset, form, *values):
    return image[:offset] + struct.pack(form, *values) + image[offset + struct.calcsize(form) :]


def variants(image):
    table, size = struct.unpack_from("<II", image, ENTRY)
    content = image.index(bytes.fromhex("060a2b060104018237020104"), table)
    digest = image.index(bytes.fromhex("0420"), content) + 2
    certificate = image.index(b"TEST ONLY", table)
    length = struct.unpack_from("<I", image, table)[0]

    yield "changed-dos-header", flip(image, 30)
    yield "changed-dos-magic", flip(image, 0)
    yield "changed-pe-offset", put(image, 60, "<I", 0x44)
    yield "changed-pe-magic", flip(image, PE + 1)
    yield "changed-machine", put(image, PE + 4, "<H", 0x1234)
    yield "changed-section-count", put(image, PE + 6, "<H", 3)
    yield "changed-section-count-huge", put(image, PE + 6, "<H", 0xFFFF)
    yield "changed-timestamp", flip(image, PE + 8)
    yield "changed-optional-size", put(image, PE + 20, "<H", 239)
    yield "changed-optional-magic", put(image, OPTIONAL, "<H", 0x10B)
    yield "changed-headers-size", put(image, OPTIONAL + 60, "<I", 0x190)
    yield "changed-headers-size-small", put(image, OPTIONAL + 60, "<I", 0x100)
    yield "changed-headers-size-huge", put(image, OPTIONAL + 60, "<I", 0xFFFFFFFF)
    yield "changed-checksum", put(image, CHECKSUM, "<I", 0xDEADBEEF)
    yield "changed-subsystem", put(image, OPTIONAL + 68, "<H", 3)
    yield "changed-directory-count", put(image, OPTIONAL + 108, "<I", 17)
    yield "changed-entry-none", put(image, ENTRY, "<II", 0, 0)
    yield "changed-entry-address", put(image, ENTRY, "<I", table - 8)
    yield "changed-entry-address-zero", put(image, ENTRY, "<I", 0)
    yield "changed-entry-address-huge", put(image, ENTRY, "<I", 0xFFFFFFF8)
    yield "changed-entry-size", put(image, ENTRY + 4, "<I", size - 8)
    yield "changed-entry-size-huge", put(image, ENTRY + 4, "<I", 0xFFFFFFF8)
    yield "changed-section-size", put(image, SECTIONS + 16, "<I", 0x18)
    yield "changed-section-size-huge", put(image, SECTIONS + 16, "<I", 0xFFFFFFFF)
    yield "changed-section-overlap", put(image, SECTIONS + 16, "<I", 0x40)
    yield "changed-section-in-headers", put(image, SECTIONS + 20, "<I", 0x180)
    yield "changed-section-in-table", put(image, SECTIONS + 40 + 20, "<I", table)
    yield "changed-code", flip(image, TEXT)
    yield "changed-data", flip(image, DATA + 31, 0x80)
    yield "changed-certificate-length", put(image, table, "<I", length + 16)
    yield "changed-certificate-length-zero", put(image, table, "<I", 0)
    yield "changed-certificate-length-short", put(image, table, "<I", length - 16)
    yield "changed-certificate-revision", put(image, table + 4, "<H", 0x0100)
    yield "changed-certificate-type", put(image, table + 6, "<H", 0x0EF1)
    yield "changed-signature-start", flip(image, table + 8)
    yield "changed-signature-content-type", flip(image, content + 11)
    yield "changed-signature-digest", flip(image, digest)
    yield "changed-signer-name", flip(image, certificate)
    yield "changed-signature-value", flip(image, table + length - 20)
    yield "appended-octet", image + b"x"
    yield "appended-eight-zeroes", image + bytes(8)
    yield "appended-in-table", put(image, ENTRY + 4, "<I", size + 8) + bytes(8)
    yield "appended-in-certificate", put(
        put(image, ENTRY + 4, "<I", size + 8), table, "<I", length + 8
    ) + bytes(8)
    yield "moved-table", put(image[:table] + bytes(8) + image[table:], ENTRY, "<I", table + 8)
    yield "unaligned-table", put(image[:table] + bytes(4) + image[table:], ENTRY, "<I", table + 4)
    yield "truncated-to-nothing", b""
    yield "truncated-magic", image[:1]
    yield "truncated-dos-header", image[:63]
    yield "truncated-pe-header", image[: PE + 10]
    yield "truncated-optional-header", image[: ENTRY + 4]
    yield "truncated-section-table", image[: SECTIONS + 41]
    yield "truncated-code", image[: TEXT + 10]
    yield "truncated-before-signature", image[:table]
    yield "truncated-signature", image[: table + 300]
    yield "truncated-last-octet", image[:-1]
    yield "error-page", b"<!DOCTYPE html>\n<html><title>503 Service Unavailable</title></html>\n"
    yield "boot-script", b"#!ipxe\necho this is no image\n"
    yield "zeroes", bytes(512)


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    for name, variant in variants(image):
        with open(os.path.join(sys.argv[2], name + ".efi"), "wb") as file:
            file.write(variant)


if __name__ == "__main__":
    main()
