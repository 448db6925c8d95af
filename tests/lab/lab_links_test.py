#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Delay, jitter and loss do what SPEC says, to all that passes and to nothing else.

Lower bounds of times are physics; upper ones are as wide as a busy machine needs.
"""
import hashlib
import os
import select
import socket
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

BUSY = 0.25  # seconds by which a loaded machine may be late


def outside_udp(port=7000):
    with lab.node("outside"):
        return lab.udp(os.environ["NATLAB_OUTSIDE"], port)


def host_udp():
    return lab.udp(os.environ["NATLAB_HOST"])


def one_way_times(count):
    """Seconds that each of `count` datagrams takes from the host to outside."""
    server, host = outside_udp(), host_udp()
    host.sendto(b"first", server.getsockname())  # ARP
    select.select([server], [], [], lab.PATIENCE)
    server.recv(100)
    times = []
    for _ in range(count):
        start = time.monotonic()
        host.sendto(b"x", server.getsockname())
        if not select.select([server], [], [], lab.PATIENCE)[0]:
            raise RuntimeError("a datagram was lost on a link without loss")
        times.append(time.monotonic() - start)
        server.recv(100)
    return times


def round_trip_to(address):
    """Seconds until a closed TCP port of `address` refuses; the second time, with ARP done."""
    for _ in range(2):
        client = socket.socket()
        client.settimeout(lab.PATIENCE)
        start = time.monotonic()
        refused = client.connect_ex((address, 9)) != 0
        took = time.monotonic() - start
    return took if refused else None


def round_trips():
    return {"gateway": round_trip_to(os.environ["NATLAB_GATEWAY"]),
            "outside": round_trip_to(os.environ["NATLAB_OUTSIDE"])}


def survivors(count, nearest="NATLAB_OUTSIDE"):
    """Which of `count` numbered datagrams get out, in order; `nearest` is asked before."""
    # Which are lost depends on their order at the relay: one processor, and ARP done before on the
    # whole way, as packets that wait for it may be overtaken.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    round_trip_to(os.environ[nearest])
    server, host = outside_udp(), host_udp()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    for number in range(count):
        host.sendto(number.to_bytes(2, "big"), server.getsockname())
        if number % 50 == 49:
            time.sleep(0.005)  # no more at once than the queues hold
    seen = []
    while select.select([server], [], [], 1.0)[0]:
        seen.append(int.from_bytes(server.recv(10), "big"))
    return sorted(seen)


def bulk(size):
    """Whether `size` bytes pass by TCP each way, and a datagram of three fragments."""
    data = os.urandom(size)

    def echo(listener):
        connection = listener.accept()[0]
        with connection:
            received = b""
            while len(received) < size:
                received += connection.recv(65536)
            connection.sendall(received)

    with lab.node("outside"):
        listener = socket.create_server((os.environ["NATLAB_OUTSIDE"], 7001))
    thread = threading.Thread(target=echo, args=(listener,), daemon=True)
    thread.start()
    client = socket.create_connection((os.environ["NATLAB_OUTSIDE"], 7001), timeout=lab.PATIENCE)
    client.sendall(data)
    back = b""
    while len(back) < size:
        back += client.recv(65536)
    server, host = outside_udp(), host_udp()
    host.sendto(data[:4000], server.getsockname())
    whole = select.select([server], [], [], lab.PATIENCE)[0] and server.recv(5000) == data[:4000]
    return [hashlib.sha256(back).digest() == hashlib.sha256(data).digest(), bool(whole)]


def delays(t):
    times = lab.inside(["--nat", "eim/apdf,delay=40ms", "--no-servers"], one_way_times, 10)
    t.check(min(times) >= 0.040, "delay=40ms: no datagram is faster, one way", times)
    t.check(statistics.median(times) < 0.040 + BUSY, "... nor much slower", times)
    times = lab.inside(["--nat", "none,delay=40ms", "--no-servers"], one_way_times, 3)
    t.check(min(times) >= 0.040, "none,delay=40ms: as well without a router", times)

    seen = lab.inside(["--nat", "home,delay=40ms", "--no-servers"], round_trips)
    t.check(0.080 <= seen["outside"] < 0.080 + BUSY, "delay=40ms: 80 ms there and back", seen)
    t.check(seen["gateway"] < 0.040, "... and none of it to the gateway", seen)
    seen = lab.inside(["--nat", "home,lan-delay=30ms", "--no-servers"], round_trips)
    t.check(0.060 <= seen["gateway"] < 0.060 + BUSY, "lan-delay=30ms: 60 ms to the gateway", seen)
    t.check(0.060 <= seen["outside"] < 0.060 + BUSY, "... and not twice to the outside", seen)

    times = lab.inside(["--nat", "eim/apdf,delay=5ms,jitter=20ms", "--no-servers"],
                       one_way_times, 40)
    t.check(min(times) >= 0.005, "jitter adds to the delay", times)
    t.check(max(times) - min(times) > 0.005, "... differently each time", times)


def losses(t):
    lossy = ["--nat", "eim/apdf,loss=10%,jitter=2ms", "--no-servers"]
    first = lab.inside(lossy, survivors, 1000)
    t.check(lab.inside(lossy, survivors, 1000) == first, "the same seed loses the same packets")
    t.check(lab.inside([*lossy, "--seed", "2"], survivors, 1000) != first,
            "another seed loses others")
    # 1000 draws at 10 %: the standard deviation is below 10.
    t.check(850 <= len(first) <= 950, "loss=10% loses a tenth", len(first))
    every = lab.inside(["--nat", "eim/apdf,jitter=2ms", "--no-servers"], survivors, 1000)
    t.equal(len(every), 1000, "without loss none is lost")
    none = lab.inside(["--nat", "eim/apdf,loss=100%", "--no-servers"], survivors, 100,
                      "NATLAB_GATEWAY")
    t.equal(none, [], "loss=100% loses all")


if __name__ == "__main__":
    lab.serve(one_way_times, round_trips, survivors, bulk)
    with tap.Tap() as t:
        delays(t)
        losses(t)
        for spec in ["eim/apdf,delay=1ms", "home,lan-delay=1ms,delay=1ms", "none,jitter=1ms"]:
            t.equal(lab.inside(["--nat", spec, "--no-servers"], bulk, 1 << 20), [True, True],
                    f"{spec}: a megabyte each way and fragments arrive unharmed")
