#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""aioice, an ICE agent that is not ours, as the peer of a PeerSession with plain datagrams.

Meson hands a program over in ECHO_PEER that sends back what the library receives.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
import aioice_peer
import interpreter
import lab
import tap

ECHO_PEER = os.environ.get("ECHO_PEER", "echo_peer")
PATIENCE = 40.0


def meet(role, stun, python):
    """The library on host a in this role, aioice on b in the other: what came back to aioice."""
    theirs = "answer" if role == "offer" else "offer"
    server = os.environ["NATLAB_STUN"] if stun else ""
    to_us, from_them = os.pipe()
    ours = subprocess.Popen([ECHO_PEER, role, "plain", *([server] if stun else [])], stdin=to_us,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peer = subprocess.Popen([lab.NAT_LAB, "exec", "b", "--", python,
                             os.path.join(SUPPORT, "aioice_peer.py"), theirs],
                            stdin=ours.stdout, stdout=from_them, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "AIOICE_STUN": server})
    os.close(to_us)
    os.close(from_them)
    try:
        _, said = peer.communicate(timeout=PATIENCE)
        back = json.loads(said.splitlines()[-1])
    except subprocess.TimeoutExpired:
        peer.kill()
        back = "hung"
    ours.terminate()
    return {"back": back, "states": ours.communicate()[1].splitlines()}


LABS = {"no NAT": ["--a", "none", "--b", "none", "--no-servers"],
        "behind NATs": ["--a", "eim/apdf", "--b", "eim/apdf"],
        "one symmetric": ["--a", "apdm/apdf", "--b", "eim/adf"],
        "the other symmetric": ["--a", "eim/adf", "--b", "apdm/apdf"]}


def main():
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        python = interpreter.python_with("aioice")
        runs = {(where, role): pool.submit(lab.inside, arguments, meet, role, where != "no NAT", python)
                for where, arguments in LABS.items() for role in ("offer", "answer")}
        for (where, role), run in runs.items():
            seen = run.result()
            t.equal(seen["back"], aioice_peer.SIZES, f"{where}: we {role}, aioice gets back what it sends")
            t.equal(seen["states"][:2], ["checking", "connected"], "... and we are connected")


if __name__ == "__main__":
    lab.serve(meet)
    main()
