#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""aiortc, a WebRTC stack that is not ours, as the peer of a PeerSession with data channels.

Meson hands a program over in ECHO_PEER that sends back what the library receives.
"""
import concurrent.futures
import json
import os
import subprocess
import sys

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
sys.path.insert(0, SUPPORT)
import aiortc_peer
import interpreter
import lab
import tap

ECHO_PEER = os.environ.get("ECHO_PEER", "echo_peer")
PATIENCE = 60.0


def meet(role, python):
    """The library on host a in this role, aiortc on b in the other: what came of it on both sides."""
    theirs = "answer" if role == "offer" else "offer"
    to_us, from_them = os.pipe()
    ours = subprocess.Popen([ECHO_PEER, role], stdin=to_us, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    peer = subprocess.Popen([lab.NAT_LAB, "exec", "b", "--", python,
                             os.path.join(SUPPORT, "aiortc_peer.py"), theirs],
                            stdin=ours.stdout, stdout=from_them, stderr=subprocess.PIPE, text=True)
    os.close(to_us)
    os.close(from_them)
    try:
        _, said = peer.communicate(timeout=PATIENCE)
        back = json.loads(said.splitlines()[-1])
        ours.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        peer.kill()
        ours.kill()
        back = "hung"
    return {"back": back, "states": ours.communicate()[1].splitlines(), "status": ours.returncode}


def main():
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        python = interpreter.python_with("aiortc")
        runs = {role: pool.submit(lab.inside, ["--a", "none", "--b", "none", "--no-servers"], meet,
                                  role, python, timeout=150) for role in ("offer", "answer")}
        for role, run in runs.items():
            seen = run.result()
            back = seen["back"] if isinstance(seen["back"], dict) else {}
            t.equal(back.get("same"), [True] * len(aiortc_peer.MESSAGES),
                    f"we {role}, aiortc gets back what it sends: {seen['back']}")
            t.equal(back.get("agreed"), [True] * len(aiortc_peer.MESSAGES),
                    "... also by a channel whose number was agreed")
            t.equal(seen["states"], ["checking", "connected", "closed: closed here"], "... and ends the session")
            t.equal(seen["status"], 0, "... in order")
            # Label, protocol, order and retransmissions, as it learns them.
            t.equal(back.get("theirs"), [["", "", True, None], ["reliable", "", True, None],
                                         ["unordered", "echo", False, 3]] if role == "offer" else [],
                    "... and knows the channels that we opened")


if __name__ == "__main__":
    lab.serve(meet)
    main()
