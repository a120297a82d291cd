#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The small peers of the system tests that no ordinary program is.

usage: peer.py offer INTERFACE SECONDS
           asks like an x64 UEFI firmware on port 67; prints "SOURCE SIADDR" of the first proxy offer
       peer.py boot-server ADDRESS
           asks port 4011 there; prints "SOURCE SIADDR" of the answer
       peer.py fetch ADDRESS NAME FILE BLOCKS-A-SECOND
           a TFTP client that takes its time; prints what ended it
       peer.py manager SOCKET LOG
           a service manager: appends each notification to LOG, its lines joined by blanks
"""
import os
import socket
import struct
import sys
import time

COOKIE = b"\x63\x82\x53\x63"
DISCOVER = 1
REQUEST = 3
OPTIONS = (
    b"\x3c\x20PXEClient:Arch:00007:UNDI:003000"
    b"\x5d\x02\x00\x07"
    b"\x5e\x03\x01\x03\x00"
    b"\xff"
)
MAC = b"\x52\x54\x00\x11\x22\x33"


def message(kind, xid, flags):
    header = struct.pack("!BBBBIHH", 1, 1, 6, 0, xid, 0, flags) + bytes(16)
    return header + MAC.ljust(16, b"\0") + bytes(192) + COOKIE + bytes([53, 1, kind]) + OPTIONS


def offer(interface, seconds):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    client.bind(("", 68))
    xid = int.from_bytes(os.urandom(4), "big")
    client.sendto(message(DISCOVER, xid, 0x8000), ("255.255.255.255", 67))
    end = time.monotonic() + float(seconds)
    while (left := end - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            reply, (source, _) = client.recvfrom(2048)
        except TimeoutError:
            break
        # A proxy's: of our transaction, without an address for us.
        if len(reply) > 240 and reply[4:8] == struct.pack("!I", xid) and reply[16:20] == bytes(4):
            print(source, socket.inet_ntoa(reply[20:24]))
            return 0
    return 1


def boot_server(address):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        client.bind(("", 4011))
    except OSError:
        pass  # the appliance's own host: the port is the appliance's
    client.settimeout(2)
    client.sendto(message(REQUEST, 1, 0), (address, 4011))
    try:
        reply, (source, _) = client.recvfrom(2048)
    except TimeoutError:
        return 1
    print(source, socket.inet_ntoa(reply[20:24]))
    return 0


def fetch(address, name, path, rate):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.sendto(b"\0\1" + name.encode() + b"\0octet\0", (address, 69))
    expected = 1
    with open(path, "wb") as file:
        while True:
            try:
                packet, peer = client.recvfrom(2048)
            except TimeoutError:
                print("silence")
                return 1
            opcode, block = struct.unpack("!HH", packet[:4])
            if opcode != 3:
                print(f"error {block}: {packet[4:-1].decode()}")
                return 1
            if block == expected & 0xFFFF:
                file.write(packet[4:])
                file.flush()
                expected += 1
                time.sleep(1 / float(rate))
            client.sendto(struct.pack("!HH", 4, block), peer)
            if len(packet) < 516:
                print("complete")
                return 0


def manager(path, log):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    os.chmod(path, 0o777)
    while True:
        message = receiver.recv(4096).decode()
        with open(log, "a", encoding="utf-8") as file:
            file.write(message.replace("\n", " ") + "\n")


if __name__ == "__main__":
    roles = {"offer": offer, "boot-server": boot_server, "fetch": fetch, "manager": manager}
    sys.exit(roles[sys.argv[1]](*sys.argv[2:]))
