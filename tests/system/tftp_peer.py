#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TFTP clients that behave as no program would; each prints what it saw.

usage: tftp_peer.py SERVER ports N          the server's ports of N transfers at once
       tftp_peer.py SERVER leave            ask, take DATA 1, close the port, wait
       tftp_peer.py SERVER vanish SECONDS   ask and fall silent; how many packets came
       tftp_peer.py SERVER flood N          N requests from N ports; how many were told "busy"
       tftp_peer.py SERVER probe            EDK2's size probe: OACK's tsize, then ERROR 8
       tftp_peer.py SERVER bogus N          N requests for what is not there; how many answers
       tftp_peer.py SERVER longest          the longest datagram when asking for a huge blksize
"""
import socket
import struct
import sys
import time


def rrq(*options):
    return b"\0\1" + b"\0".join([b"signed_ipxe.efi", b"octet", *options]) + b"\0"


def client():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(2)
    return s


def receive(s):
    data, source = s.recvfrom(70000)
    return struct.unpack("!H", data[:2])[0], data, source


def ports(server, count):
    sockets = [client() for _ in range(int(count))]
    for s in sockets:
        s.sendto(rrq(), server)
    print(*sorted(receive(s)[2][1] for s in sockets))
    for s in sockets:
        s.sendto(b"\0\5\0\0done\0", server)


def leave(server):
    s = client()
    s.sendto(rrq(), server)
    print(receive(s)[0])
    s.close()
    time.sleep(1.5)


def vanish(server, seconds):
    s = client()
    s.sendto(rrq(b"tsize", b"0"), server)
    s.settimeout(0.2)
    count, end = 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            receive(s)
            count += 1
        except socket.timeout:
            pass
    print(count)


def flood(server, count):
    sockets = [client() for _ in range(int(count))]
    busy = 0
    for s in sockets:
        s.sendto(rrq(), server)
        opcode, data, _ = receive(s)
        busy += opcode == 5 and data[2:] == b"\0\0busy, try again\0"
    print(busy)


def probe(server):
    s = client()
    s.sendto(rrq(b"tsize", b"0", b"blksize", b"1468", b"windowsize", b"4"), server)
    opcode, data, source = receive(s)
    assert opcode == 6
    options = data[2:].split(b"\0")
    print(options[options.index(b"tsize") + 1].decode())
    s.sendto(b"\0\5\0\10User aborted the transfer\0", source)


def bogus(server, count):
    s = client()
    s.settimeout(0.3)
    answers = 0
    for _ in range(int(count)):
        s.sendto(b"\0\1nothing\0octet\0", server)
    try:
        while receive(s)[0] == 5:
            answers += 1
    except socket.timeout:
        print(answers)


def longest(server):
    s = client()
    s.sendto(rrq(b"blksize", b"65464", b"windowsize", b"64"), server)
    opcode, data, source = receive(s)
    assert opcode == 6
    s.sendto(b"\0\4\0\0", source)
    print(max(len(receive(s)[1]) for _ in range(16)))
    s.sendto(b"\0\5\0\0enough\0", source)


if __name__ == "__main__":
    globals()[sys.argv[2]]((sys.argv[1], 69), *sys.argv[3:])
