#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""aioice as one end of a race: aioice_bench_peer.py offer|answer BEGIN_FD [STUN [TURN]]

Signalling and marks as nice_peer's. It begins when a byte comes from BEGIN_FD, so that the time in which
an interpreter starts does not count.
"""
import asyncio
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import aioice
import aioice_peer


def mark(event):
    print(json.dumps({"event": event, "at": time.monotonic()}), file=sys.stderr, flush=True)


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def turn(url):
    """aioice's arguments for one server; it takes one."""
    login, _, place = url.removeprefix("turn:").rpartition("@")
    place, _, query = place.partition("?")
    user, _, password = login.partition(":")
    return {"turn_server": address(place), "turn_username": user, "turn_password": password,
            "turn_transport": "tcp" if query.endswith("tcp") else "udp"}


async def hear_one(connection):
    while True:
        await connection.recv()
        mark("first-byte")
        return


async def run(kind, stun=None, relay=None):
    connection = aioice.Connection(ice_controlling=kind == "offer", use_ipv6=False,
                                   stun_server=address(stun) if stun else None,
                                   **(turn(relay) if relay else {}))
    await connection.gather_candidates()
    # Neither waits for the other: nothing of an answer depends on the offer here.
    aioice_peer.describe(kind, connection)
    await aioice_peer.hear(connection, aioice)
    await connection.connect()
    mark("path")
    heard = asyncio.ensure_future(hear_one(connection))
    while True:
        await connection.send(b"x")
        await asyncio.sleep(0.005)
        if heard.done():
            heard.result()


if __name__ == "__main__":
    mark("ready")
    os.read(int(sys.argv[2]), 1)
    asyncio.run(run(sys.argv[1], *sys.argv[3:]))
