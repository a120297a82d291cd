#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the malformed and odd DHCP datagrams D1 to D42 into a directory.

Each is a change to what a real firmware sent (ovmf-x64-discover, ovmf-x64-request-4011 of the same
directory). The files are kept in the repository, this script says what is in them:

    tests/data/dhcp-cases.py tests/fuzz/corpus/dhcp
"""
import struct
import sys

HEADER = 240
PXE_ITEM = 43
END = 255


def split(datagram):
    """(header with cookie, [(code, value)])"""
    options, i = [], HEADER
    while datagram[i] != END:
        length = datagram[i + 1]
        options.append((datagram[i], datagram[i + 2:i + 2 + length]))
        i += 2 + length
    return datagram[:HEADER], options


def join(header, options, end=b"\xff"):
    return header + b"".join(bytes([c, len(v)]) + v for c, v in options) + end


def main():
    where = sys.argv[1]
    discover = open(f"{where}/ovmf-x64-discover", "rb").read()
    request = open(f"{where}/ovmf-x64-request-4011", "rb").read()
    header, options = split(discover)
    request_header, request_options = split(request)

    def save(name, datagram):
        with open(f"{where}/{name}", "wb") as file:
            file.write(datagram)

    def field(offset, value, base=discover):
        return base[:offset] + value + base[offset + len(value):]

    def without(*codes, base=options):
        return [(c, v) for c, v in base if c not in codes]

    def replaced(code, value, base=options):
        return [(c, value if c == code else v) for c, v in base]

    def with_option(code, value):
        """In place of the client's own, as the last."""
        return join(header, without(code) + [(code, value)])

    def overload(value, file, sname):
        changed = field(44, sname.ljust(64, b"\0"), header)
        changed = field(108, file.ljust(128, b"\0"), changed)
        return join(changed, without(53, 60) + [(52, value)])

    for length in 0, 1, 235, 239:
        save(f"D01-length-{length}", discover[:length])
    save("D02-no-options", header)
    save("D03-bootreply", field(0, b"\2"))
    save("D04-op-0", field(0, b"\0"))
    save("D04-op-3", field(0, b"\3"))
    save("D05-cookie", field(236, b"\x63\x82\x53\x64"))
    for hlen in 255, 17:
        save(f"D06-hlen-{hlen}", field(2, bytes([hlen])))
    save("D07-hlen-0", field(2, b"\0"))
    save("D07-htype-0", field(1, b"\0"))
    save("D07-htype-6", field(1, b"\6"))
    save("D08-hlen-16", field(2, b"\x10"))
    save("D09-chaddr-zero", field(28, bytes(6)))
    save("D09-chaddr-multicast", field(28, b"\x53"))
    save("D09-chaddr-broadcast", field(28, b"\xff" * 6))
    save("D10-tag-without-length", discover[:-1] + b"\x3c")
    save("D11-length-past-the-end", discover[:-1] + b"\x3c\x05PXE")
    save("D12-no-end", discover[:-1])
    save("D13-only-pads", header + bytes(60) + b"\xff")
    save("D14-type-empty", join(header, replaced(53, b"")))
    save("D14-type-two-octets", join(header, replaced(53, b"\1\3")))
    for value in 0, 9, 255:
        save(f"D14-type-{value}", join(header, replaced(53, bytes([value]))))
    save("D15-type-twice", join(header, options + [(53, b"\3")]))
    save("D16-overload-both", overload(b"\3",
         b"\x34\x01\x03\x35\x01\x01\xff", b"\x34\x01\x03\x3c\x09PXEClient\xff"))
    for name, value in ("0", b"\0"), ("4", b"\4"), ("255", b"\xff"), ("empty", b""), ("two", b"\3\3"):
        save(f"D17-overload-{name}", join(field(108, b"\xfe" * 128, header), options + [(52, value)]))
    save("D18-overload-without-end", overload(b"\3", b"\x35\x01\x01".rjust(128, b"\0"),
         b"\x3c\x09PXEClient".rjust(64, b"\0")))
    save("D18-overload-past-its-area", overload(b"\1", b"\x3c\x20".rjust(128, b"\0"), b""))
    for name, value in (("PXEClien", b"PXEClien"), ("lower-case", b"pxeclient"),
                        ("trailing-nul", b"PXEClient\0"), ("255-octets", b"PXEClient".ljust(255, b"x"))):
        save(f"D19-class-{name}", join(header, replaced(60, value)))
    save("D20-pxeclient-arch-http", join(header, replaced(93, b"\0\x10")))
    for name, value in ("empty", b""), ("one-octet", b"\7"), ("three-octets", b"\0\7\0"):
        save(f"D21-arch-{name}", join(header, replaced(60, b"PXEClient", replaced(93, value))))
        save(f"D21-arch-{name}-class-tells", join(header, replaced(93, value)))
    save("D21-arch-unknown", join(header, replaced(93, b"\xff\xff")))
    save("D21-arch-list-40", join(header, replaced(93, b"\xff\xfe" * 38 + b"\0\0\0\7")))
    save("D21-arch-list-40-unknown", join(header, replaced(93, b"\xff\xfe" * 40)))
    save("D22-no-ndi", join(header, without(94)))
    save("D22-ndi-length", join(header, replaced(94, b"\1\3")))
    for length in 0, 1, 16, 18, 255:
        save(f"D23-uuid-length-{length}", join(header, replaced(97, bytes(length))))
    save("D23-uuid-type-1", join(header, replaced(97, b"\1" + bytes(16))))
    save("D24-user-class-empty", with_option(77, b""))
    save("D24-user-class-inner-length", with_option(77, b"\x40iPXE"))
    save("D24-user-class-255", with_option(77, b"iPX" * 85))
    save("D24-user-class-rfc3004", with_option(77, b"\4iPXE"))
    save("D25-ipxe-truncated", with_option(175, b"\xb1\x05\1\2"))
    save("D25-ipxe-nested-end", with_option(175, b"\xff\x13\1"))
    for length in 1, 2, 3:
        save(f"D26-item-length-{length}", join(request_header, request_options
             + [(PXE_ITEM, bytes([71, 4]) + bytes(length))]))
        save(f"D26-item-value-{length}", join(request_header, request_options
             + [(PXE_ITEM, bytes([71, length]) + bytes(length) + b"\xff")]))
    save("D26-item-bis", join(request_header, request_options
         + [(PXE_ITEM, b"\x47\x04\x80\x01\x80\x00\xff")]))
    save("D26-item", join(request_header, request_options
         + [(PXE_ITEM, b"\x47\x04\x80\x01\x00\x00\xff")]))
    for size in 0, 64, 65535:
        save(f"D27-max-size-{size}", join(header, replaced(57, struct.pack(">H", size))))
    save("D28-split-in-three", join(header, without(60)
         + [(60, b"PXEClient:Arch:"), (60, b"00007:"), (60, b"UNDI:003000")]))
    for name, address in (("own", "10.77.0.3"), ("broadcast", "255.255.255.255"),
                          ("multicast", "224.0.0.1"), ("loopback", "127.0.0.1"),
                          ("unlisted", "10.99.0.1"), ("listed", "10.88.0.1")):
        save(f"D29-giaddr-{name}", field(24, bytes(map(int, address.split(".")))))
    relayed = field(24, bytes([10, 88, 0, 1]))
    save("D30-relay-info", join(relayed[:HEADER], options + [(82, b"\1\4eth0")]))
    save("D30-relay-info-255", join(relayed[:HEADER], options + [(82, bytes(range(255)))]))
    save("D30-relay-info-no-room", join(field(24, bytes([10, 88, 0, 1]), request_header),
         without(57, base=request_options)
         + [(PXE_ITEM, b"\x47\x04\0\0\0\0\xff"), (77, b"iPXE"), (82, bytes(range(255)))]))
    save("D31-hops-255", field(3, b"\xff", relayed))
    save("D31-hops-16", field(3, b"\x10", relayed))
    save("D32-ciaddr-of-another", field(12, bytes([10, 77, 0, 99]), request))
    save("D35-server-id-of-another", join(request_header, request_options
         + [(54, bytes([10, 77, 0, 9]))]))
    save("D35-server-id-short", join(request_header, request_options + [(54, bytes([10, 77, 0]))]))
    save("D35-server-id-ours", join(request_header, request_options
         + [(54, bytes([10, 77, 0, 3]))]))
    for kind in 1, 2, 4, 5, 6, 7:
        save(f"D36-type-{kind}", join(request_header, replaced(53, bytes([kind]), request_options)))
    save("D36-type-8", join(request_header, replaced(53, b"\x08", request_options)))
    save("D38-fields-ff", field(44, b"\xff" * 192, field(16, b"\xff" * 8)))
    save("D39-1500", discover + bytes(1500 - len(discover)))
    save("D39-1501", discover + bytes(1501 - len(discover)))
    save("D42-all-tags", header + b"".join(bytes([tag, 0]) for tag in range(1, 255)) + b"\xff")


main()
