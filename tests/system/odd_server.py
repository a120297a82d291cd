#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nginx cannot be made to do: odd_server.py CERTIFICATE KEY PORT ACCEPT-ONLY-PORT

PORT speaks TLS and answers every GET with a body that ends before its Content-Length, or, below
/endless/, with one that never ends; ACCEPT-ONLY-PORT takes connections and says nothing.
"""
import socket
import ssl
import sys
import threading


def answer(connection, context):
    try:
        with context.wrap_socket(connection, server_side=True) as tls:
            request = tls.recv(4096).decode("latin-1")
            if request.startswith("GET /endless/"):
                tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                while True:
                    tls.sendall(bytes(65536))
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + bytes(1234))
            tls.unwrap()
    except OSError:
        pass


def listen(port):
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(240)
    return listener


def main():
    certificate, key, port, silent_port = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    silent = listen(int(silent_port))  # the kernel accepts for it
    listener = listen(int(port))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, context), daemon=True).start()


main()
