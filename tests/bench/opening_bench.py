#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Time to an opening, and to "nothing here", against upnpc and natpmpc in the same lab.

Prints medians of whole-process wall times and ratios; judges nothing.
"""
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
ROUNDS = 5


def wall_ms(*command):
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return {"ms": (time.monotonic() - started) * 1000, "status": done.returncode}


def median_ms(status, *command, after=None):
    """The median over some rounds, each of which must end with `status`; `after` cleans up."""
    times = []
    for _ in range(ROUNDS):
        measured = wall_ms(*command)
        if measured["status"] != status:
            raise RuntimeError(f"{command}: status {measured['status']}")
        times.append(measured["ms"])
        if after:
            subprocess.run(after, capture_output=True, check=False, timeout=60)
    return statistics.median(times)


def openings():
    host = os.environ["NATLAB_HOST"]
    delete = [NAT_MAP, "delete", "6667", "tcp"]
    out = {}
    for via in ("auto", "igd", "pcp", "nat-pmp"):
        out[f"nat-map --via {via}"] = median_ms(0, NAT_MAP, "add", "6667", "tcp", "--via", via,
                                                after=delete)
    out["upnpc -a"] = median_ms(0, "upnpc", "-a", host, "6667", "6667", "tcp", after=delete)
    out["natpmpc -a"] = median_ms(0, "natpmpc", "-a", "6667", "6667", "tcp", "600", after=delete)
    return out


def nothing():
    return {"nat-map": median_ms(1, NAT_MAP, "add", "6667", "tcp"),
            "upnpc -l": wall_ms("upnpc", "-l")["ms"]}


def memory():
    with subprocess.Popen([NAT_MAP, "add", "6667", "tcp"], stdout=subprocess.DEVNULL) as child:
        return os.wait4(child.pid, 0)[2].ru_maxrss


def show(title, times, base):
    print(title)
    for name, ms in times.items():
        print(f"  {name:24} {ms:9.1f} ms   {ms / times[base]:8.3f} x {base}")


if __name__ == "__main__":
    lab.serve(openings, nothing, memory)
    found = lab.inside(["--nat", "home", "--no-servers"], openings, timeout=120)
    show("time to an opening, gateway with IGD, PCP and NAT-PMP", found, "upnpc -a")
    print("  nat-map --via nat-pmp / natpmpc -a: "
          f"{found['nat-map --via nat-pmp'] / found['natpmpc -a']:.3f}")
    print("  nat-map (chain) / nat-map --via igd: "
          f"{found['nat-map --via auto'] / found['nat-map --via igd']:.3f}")
    found = lab.inside(["--nat", "home,lan-delay=40ms", "--no-servers"], openings, timeout=120)
    show("the same with 40 ms to the gateway, each way", found, "upnpc -a")
    show("time to \"nothing here opens ports\"",
         lab.inside(["--nat", "eim/apdf", "--no-servers"], nothing, timeout=120), "upnpc -l")
    print(f"peak memory of nat-map add: {lab.inside(['--nat', 'home', '--no-servers'], memory)} KiB")
