# SPDX-License-Identifier: MIT
"""STUN servers that are at fault, on the node `outside` of a lab, in the caller's process."""
import os
import select
import socket
import struct
import threading

import lab

COOKIE = 0x2112A442
# fault: what nat-probe calls such a server behind a strict NAT and behind an open one
FAULTS = {
    "claims its own address as other": {"eim/apdf": "same-address", "eim/eif": "same-address"},
    "ignores CHANGE-REQUEST": {"eim/apdf": "ignores", "eim/eif": "ignores"},
    # Where the second answer is filtered, the first is enough to know.
    "answers from both": {"eim/apdf": "ignores", "eim/eif": "answers-twice"},
    "refuses": {"eim/apdf": "refuses", "eim/eif": "refuses"},
    "does not send from elsewhere": {"eim/apdf": "claims", "eim/eif": "claims"},
}
WRONG_ADDRESS = "tells everybody another's address"
# As behind a NAT that changes the addresses which it finds in packets: MAPPED-ADDRESS is not what XOR-MAPPED-ADDRESS is.
REWRITTEN = "has its answers rewritten"
REWRITTEN_ALONE = "has its answers rewritten, and no other address"
STRANGER = ("25.0.9.9", 9)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def address(endpoint, mask=0):
    host, port = endpoint
    number = struct.unpack("!I", socket.inet_aton(host))[0]
    return struct.pack("!BBHI", 0, 1, port ^ (mask >> 16), number ^ mask)


class Server:
    """Answers until it is left. `name` is what to ask."""

    def __init__(self, fault):
        self.fault = fault
        first, second = os.environ["NATLAB_OUTSIDE"], os.environ["NATLAB_OUTSIDE2"]
        self.name = f"{first}:3478"
        with lab.node("outside"):
            self.sockets = {}
            for host in (first, second):
                for port in (3478, 3479):
                    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    made.bind((host, port))
                    self.sockets[host, port] = made
        self.wake, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.write(self.stop, b".")
        self.thread.join()
        for each in (*self.sockets.values(),):
            each.close()
        os.close(self.wake)
        os.close(self.stop)

    def run(self):
        while True:
            ready = select.select([self.wake, *self.sockets.values()], [], [])[0]
            if self.wake in ready:
                return
            for each in ready:
                data, peer = each.recvfrom(2048)
                self.answer(each.getsockname(), peer, data)

    def other(self, asked):
        return next(key for key in self.sockets if key[0] != asked[0] and key[1] != asked[1])

    def answer(self, asked, peer, request):
        changed = struct.pack("!HHI", 3, 4, 6) in request or struct.pack("!HHI", 3, 4, 2) in request
        transaction = request[8:20]
        if changed and self.fault == "refuses":
            body = attribute(9, b"\0\0\x04\x14Unknown Attribute") + attribute(10, struct.pack("!H", 3))
            self.send(asked, peer, 0x0111, transaction, body)
            return
        other = self.other(asked)
        if self.fault == "claims its own address as other":
            other = (asked[0], other[1])
        seen = STRANGER if self.fault == WRONG_ADDRESS else peer
        body = attribute(0x20, address(seen, COOKIE))
        if self.fault in (REWRITTEN, REWRITTEN_ALONE):
            body += attribute(1, address(STRANGER))
        if self.fault != REWRITTEN_ALONE:
            body += attribute(0x802C, address(other))
        if not changed or self.fault in ("ignores CHANGE-REQUEST", "answers from both"):
            self.send(asked, peer, 0x0101, transaction, body)
        if changed and self.fault == "answers from both":
            self.send(self.other(asked), peer, 0x0101, transaction, body)

    def send(self, source, peer, kind, transaction, body):
        head = struct.pack("!HHI", kind, len(body), COOKIE) + transaction
        self.sockets[source].sendto(head + body, peer)
