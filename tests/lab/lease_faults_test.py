#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""More of what leases outlive: a table that is full, a keeper that slept, an announcement by IPv6, an outer gateway."""
import concurrent.futures
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import leases
import tap
from leases import PORT, Keep

PROTOCOL = {"igd": "igd", "pcp": "pcp", "nat-pmp": "natpmp"}


def end(keeper, out):
    out["status"] = keeper.stop()
    out["events"] = [event["event"] for event in keeper.events]
    return out


def other_program(state, *words):
    """`nat-map WORDS` as somebody who does not share our journal but has one in `state`."""
    return subprocess.run([leases.NAT_MAP, *words], text=True, capture_output=True, check=False,
                          timeout=60, env=os.environ | {"XDG_STATE_HOME": state})


def full(via):
    """Somebody takes the last room, first before we open, then while the gateway reboots."""
    server = leases.listens()
    state = tempfile.mkdtemp(prefix="natterjack-state-")
    taker = [state, "add", "7000", "udp", "--via", via]
    out = {"taker": [other_program(*taker).returncode]}
    done = subprocess.run([leases.NAT_MAP, "add", str(PORT), "tcp", "--via", via], text=True,
                          capture_output=True, check=False, timeout=60)
    out["refused"] = [done.returncode, done.stderr]
    other_program(state, "delete", "7000", "udp", "--via", via)

    keeper = Keep("--check", "2", "--via", via)
    address, port = leases.external_of(keeper.wait_for("opened"))
    out["before"] = leases.gets_in(server, address, port, patience=leases.PATIENCE)
    keeper.child.send_signal(signal.SIGSTOP)
    lab.change("reboot", "router-a")
    out["taker"].append(other_program(*taker).returncode)
    keeper.child.send_signal(signal.SIGCONT)
    time.sleep(4)  # two checks: it finds the table full
    out["while full"] = leases.gets_in(server, address, port, patience=0.3)
    other_program(state, "delete", "7000", "udp", "--via", via)
    out["healed after"] = leases.until_reachable(server, address, port, time.monotonic(), patience=90)
    return end(keeper, out)


def slept(via):
    """A keeper that is stopped until its lease has run out: the closest to a laptop that slept."""
    server = leases.listens()
    lifetime = 4
    keeper = Keep("--check", "86400", "--via", via, "--lifetime", str(lifetime))
    address, port = leases.external_of(keeper.wait_for("opened"))
    keeper.child.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + leases.PATIENCE
    while leases.gets_in(server, address, port, patience=0.3) and time.monotonic() < deadline:
        time.sleep(0.5)
    out = {"asleep": leases.gets_in(server, address, port, patience=0.3)}
    keeper.child.send_signal(signal.SIGCONT)
    out["reachable after"] = leases.until_reachable(server, address, port, time.monotonic())
    return end(keeper, out)


def reaches_host6():
    with lab.node("outside"):
        client = socket.socket(socket.AF_INET6)
    with client:
        client.settimeout(0.3)
        return client.connect_ex((os.environ["NATLAB_HOST6"], PORT)) == 0


def announced6():
    """Nothing but the announcement to ff02::1 can tell; another program listens to those, too."""
    other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("::", 5350))
    with socket.create_server(("::", PORT), family=socket.AF_INET6):
        keeper = Keep("-6", "--check", "86400", "--via", "pcp")
        keeper.wait_for("opened")
        out = {"before": reaches_host6()}
        lab.change("reboot", "router-a")
        came_back = time.monotonic()
        out["announced"] = bool(select.select([other], [], [], lab.PATIENCE)[0])
        while not (reached := reaches_host6()) and time.monotonic() < came_back + leases.PATIENCE:
            time.sleep(leases.KNOCK)
        out["reachable after"] = round(time.monotonic() - came_back, 3) if reached else None
        return end(keeper, out)


def outer_rebooted():
    """The second router forgets everything; nobody tells, as its announcements end at the first."""
    server = leases.listens()
    keeper = Keep("--check", "4", protocol="both", port=PORT)
    address, port = leases.external_of(keeper.wait_for("opened"))
    keeper.wait_for("opened")
    out = {"before": leases.gets_in(server, address, port, patience=leases.PATIENCE)}
    datagrams = leases.takes_datagrams()
    lab.change("reboot", "router-a-2")
    rebooted_at = time.monotonic()
    out["reachable after"] = leases.until_reachable(server, address, port, rebooted_at)
    out["datagrams"] = leases.until_datagram(datagrams, address, port)
    out["both after"] = round(time.monotonic() - rebooted_at, 3)
    return end(keeper, out)


FUNCTIONS = (full, slept, announced6, outer_rebooted)


def in_lab(function, *arguments):
    nat = "home,ipv6"
    if function is outer_rebooted:
        nat = f"eim/apdf,server=own,{PROTOCOL[arguments[0]]}>eim/apdf,server=own,{PROTOCOL[arguments[0]]}"
    if function is full:
        nat = f"eim/apdf,server=own,table=1,{PROTOCOL[arguments[0]]}"
    if function is slept:
        nat = f"eim/apdf,server=own,{PROTOCOL[arguments[0]]}"
    return lab.inside(["--nat", nat, "--no-servers"], function, *(() if function is outer_rebooted else arguments), timeout=110)


if __name__ == "__main__":
    lab.serve(*FUNCTIONS)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(4) as pool:
        tables = {via: pool.submit(in_lab, full, via) for via in PROTOCOL}
        sleepers = {via: pool.submit(in_lab, slept, via) for via in PROTOCOL}
        outer = {via: pool.submit(in_lab, outer_rebooted, via) for via in PROTOCOL}
        by_ipv6 = pool.submit(in_lab, announced6)
        for via, future in tables.items():
            seen = future.result()
            t.equal([seen["taker"], seen["refused"][0]], [[0, 0], 2], f"full table, {via}: refused")
            words = "its table is full" if via == "igd" else "no room for another mapping"
            t.check(words in seen["refused"][1], f"full table, {via}: and says why", seen["refused"])
            t.equal([seen["before"], seen["while full"]], [True, False],
                    f"full table, {via}: nobody gets in while another program has the room")
            t.check(seen["healed after"] is not None, f"full table, {via}: healed when there is room", seen)
            t.equal([seen["status"], "lost" in seen["events"]], [0, False], f"full table, {via}: a clean end")
        for via, future in sleepers.items():
            seen = future.result()
            t.check(not seen["asleep"] and seen["reachable after"] is not None,
                    f"keeper stopped, {via}: reachable again when it goes on", seen)
            t.equal(seen["status"], 0, f"keeper stopped, {via}: a clean end")
        for via, future in outer.items():
            seen = future.result()
            t.check(seen["before"] and seen["reachable after"] is not None and seen["datagrams"],
                    f"outer gateway rebooted, {via}: both ports are open again", seen)
            t.equal(seen["status"], 0, f"outer gateway rebooted, {via}: a clean end")
        seen = by_ipv6.result()
        t.check(seen["before"] and seen["reachable after"] is not None,
                "announcement to ff02::1: heard beside another listener, and the pinhole is back", seen)
