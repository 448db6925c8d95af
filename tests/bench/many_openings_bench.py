#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A thousand leases in one process: what the gateway gets of their renewals, and what they cost between.

Prints figures; judges nothing. The gateway is nat-lab's own, which says yes and programs nothing, as a real
one's firewall would be what is measured.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab

COUNT = 1000
LIFETIME = 60  # seconds; renewed from 30 on, all of them within 20 s at 50 a second
IDLE = 10      # seconds
PAUSE = 1.0    # between two readings of the gateway's counter
RULES = ("add table inet bench; add chain inet bench input { type filter hook input priority -300; }; "
         "add rule inet bench input udp dport 5351 counter")


def requests():
    """How many the gateway has got."""
    words = lab.on("router-a", "nft", "list", "table", "inet", "bench").stdout.split()
    return int(words[words.index("packets") + 1])


def ticks(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def many():
    lab.on("router-a", "nft", RULES)
    child = subprocess.Popen([os.environ["MANY_OPENINGS"], str(COUNT), str(LIFETIME)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out = json.loads(child.stdout.readline())
    opened_at = time.monotonic()
    out["requests to open"] = requests()
    before, started = ticks(child.pid), time.monotonic()
    time.sleep(IDLE)
    out["idle cpu"] = (ticks(child.pid) - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - started)
    out["idle requests"] = requests() - out["requests to open"]
    rates, before, seen, read_at = [], ticks(child.pid), requests(), time.monotonic()
    first = seen
    while time.monotonic() < opened_at + LIFETIME:
        time.sleep(PAUSE)
        now, count = time.monotonic(), requests()
        rates.append((count - seen) / (now - read_at))
        seen, read_at = count, now
    out["renewals"] = seen - first
    out["most a second"] = max(rates)
    out["cpu seconds to renew"] = (ticks(child.pid) - before) / os.sysconf("SC_CLK_TCK")
    closing_at = time.monotonic()
    child.stdin.close()
    out["status"] = child.wait(timeout=60)
    out["seconds to close"] = time.monotonic() - closing_at
    return out


if __name__ == "__main__":
    lab.serve(many)
    found = lab.inside(["--nat", "eim/apdf,server=liar,pcp", "--no-servers"], many, timeout=240)
    print(f"{found['open']} openings by PCP, {found['failed']} failed, in {found['seconds']} s, "
          f"{found['requests to open']} requests, {found['kib_each']} KiB each")
    print(f"at rest, for {IDLE} s: {100 * found['idle cpu']:.2f} % of one CPU, {found['idle requests']} requests")
    print(f"renewed within {LIFETIME} s: {found['renewals']} requests, at most {found['most a second']:.1f} a second, "
          f"{found['cpu seconds to renew']:.2f} s of CPU")
    print(f"closed in {found['seconds to close']:.2f} s, exit status {found['status']}")
