# SPDX-License-Identifier: MIT
"""aioice as the peer of a session that carries plain datagrams: aioice_peer.py offer|answer

Signalling on standard input and output, as browsers serialise it. Sends datagrams of many sizes, waits for
each to come back, and tells the outcome as JSON on standard error. Needs Debian's python3-aioice, so it is
run by the interpreter that interpreter.python_with() finds.
"""
import asyncio
import json
import os
import sys

SIZES = [1, 2, 100, 500, 1000, 1200]
PATIENCE = 20


def say(message):
    print(json.dumps(message), flush=True)


def describe(kind, connection):
    """Its half of a description. Plain datagrams need no certificate, so the fingerprint is of none."""
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0",
             "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0",
             f"a=ice-ufrag:{connection.local_username}", f"a=ice-pwd:{connection.local_password}",
             "a=fingerprint:sha-256 " + ":".join(["00"] * 32),
             "a=setup:" + ("actpass" if kind == "offer" else "active"), "a=mid:0", "a=sctp-port:5000"]
    lines += [f"a=candidate:{candidate.to_sdp()}" for candidate in connection.local_candidates]
    say({"type": kind, "sdp": "".join(f"{line}\r\n" for line in [*lines, "a=end-of-candidates"])})


async def hear(connection, aioice):
    """The peer's description, and its candidates until the end of them."""
    loop = asyncio.get_running_loop()
    trickled_end = False
    while True:
        message = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
        lines = message.get("sdp", "a=" + message.get("candidate", "")).split("\r\n")
        for line in lines:
            name, _, value = line.removeprefix("a=").partition(":")
            if name == "ice-ufrag":
                connection.remote_username = value
            elif name == "ice-pwd":
                connection.remote_password = value
            elif name == "candidate":
                await connection.add_remote_candidate(aioice.Candidate.from_sdp(value))
            elif name == "end-of-candidates":
                trickled_end = True
        if trickled_end or message.get("candidate") == "":
            return await connection.add_remote_candidate(None)


async def run(kind):
    import aioice  # pylint: disable=import-outside-toplevel
    host, _, port = os.environ.get("AIOICE_STUN", "").partition(":")
    connection = aioice.Connection(ice_controlling=kind == "offer", use_ipv6=False,
                                   stun_server=(host, int(port)) if host else None)
    await connection.gather_candidates()
    if kind == "offer":
        describe(kind, connection)
    await hear(connection, aioice)
    if kind == "answer":
        describe(kind, connection)
    await connection.connect()
    back = []
    for size in SIZES:
        data = os.urandom(size)
        for _ in range(20):  # datagrams may be lost, above all while the peer is not ready yet
            await connection.send(data)
            try:
                if await asyncio.wait_for(connection.recv(), 0.5) == data:
                    back.append(size)
                    break
            except asyncio.TimeoutError:
                pass
    await connection.close()
    return back


if __name__ == "__main__":
    try:
        outcome = asyncio.run(asyncio.wait_for(run(sys.argv[1]), PATIENCE))
    except Exception as error:  # pylint: disable=broad-except
        outcome = f"{type(error).__name__}: {error}"
    print(json.dumps(outcome), file=sys.stderr, flush=True)
    os._exit(0)  # a thread may still wait for a line
