#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A PXE server on port 67 that does one thing, right or wrong:

    pxe_peer.py INTERFACE ADDRESS FORM FILE [PORT...]

FORM: "direct" offers FILE at once (option 43), "binl" wants to be asked on port 4011, "port" offers from
another port than 67, "class" forgets option 60. On each PORT it listens and never answers.
"""
import socket
import struct
import sys


def offer(request, address, form, name):
    header = bytearray(240)
    header[0:4] = b"\2\1\6\0"
    header[4:8] = request[4:8]
    header[10] = 0x80
    header[20:24] = address
    header[28:44] = request[28:44]
    header[108:108 + len(name)] = name
    header[236:240] = b"\x63\x82\x53\x63"
    options = b"\x35\1\2\x36\4" + address
    if form != "class":
        options += b"\x3c\x09PXEClient"
    if form == "direct":
        options += b"\x2b\4\6\1\x08\xff"
    return (bytes(header) + options + b"\xff").ljust(300, b"\0")


def main():
    interface, address, form = sys.argv[1:4]
    name = sys.argv[4].encode()
    mute = []
    for port in sys.argv[5:]:
        mute.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        mute[-1].bind((address, int(port)))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    server.bind(("", 67))
    answerer = server
    if form == "port":
        answerer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        answerer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        answerer.bind((address, 6767))
    print("ready", flush=True)
    while True:
        request, _ = server.recvfrom(1500)
        if len(request) > 243 and request[240:243] == b"\x35\1\1":
            reply = offer(request, socket.inet_aton(address), form, name)
            answerer.sendto(reply, ("255.255.255.255", 68))


main()
