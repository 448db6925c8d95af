#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a connection of nat-connect takes: to the path, to "connected", to a byte back and the end.

Prints medians, both sites of the same kind; judges nothing.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import connect
import lab

ROUNDS = 5
SITES = ["eim/eif", "eim/apdf", "apdm/apdf", "blocked"]


def first_byte():
    """One connection from a to b: milliseconds to each step and to the end, a byte back."""
    options = [*connect.servers(turn=True), "--no-map"]
    started = time.monotonic()
    ours = connect.Running(*options, "--via",
                           connect.peer_command("--answer", "--exec", "cat", *options))
    try:
        ours.process.stdin.write(b"x")
        ours.process.stdin.flush()
        connected = ours.wait_for("connected", "error")
        if not connected or connected["event"] != "connected":
            raise RuntimeError(f"no connection: {ours.story()}")
        done = ours.finish()
        if done != {"status": 0, "out": b"x"}:
            raise RuntimeError(f"{done}: {ours.story()}")
        return {"kind": connected["kind"], "path": connected["timings_ms"]["path"],
                "connected": connected["timings_ms"]["connected"],
                "whole": (time.monotonic() - started) * 1000}
    finally:
        if ours.process.poll() is None:
            ours.process.kill()
            ours.process.wait()


def connections():
    return [first_byte() for _ in range(ROUNDS)]


def show(site, rounds):
    path, connected, whole = (statistics.median(one[key] for one in rounds)
                              for key in ("path", "connected", "whole"))
    kinds = "/".join(sorted({one["kind"] for one in rounds}))
    print(f"  {site:10} {kinds:16} path {path:7.1f} ms   connected {connected:7.1f} ms "
          f"({connected / path:.2f} x path)   a byte back, and ended {whole:7.1f} ms", flush=True)


if __name__ == "__main__":
    lab.serve(connections)
    print(f"load {os.getloadavg()[0]:.1f}")
    for each in SITES:
        show(each, lab.inside(["--a", each, "--b", each], connections, timeout=200))
