#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two NATs in a row: nat-map opens both, the outside gets in, and nothing stays behind."""
import concurrent.futures
import json
import os
import select
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab
import tap

NAT_MAP = os.environ.get("NAT_MAP", "nat-map")
PORT = 6667
PATIENCE = 10.0
PROTOCOLS = ("igd", "natpmp", "pcp")
STRATEGY = {"igd": "igd", "natpmp": "nat-pmp", "pcp": "pcp"}
NAT = "eim/apdf,server=own,"


def reached(protocol):
    """What the host hears of a stranger outside who talks to the external endpoint."""
    with lab.node("outside"):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == "udp"
                                 else socket.SOCK_STREAM)
    stranger.settimeout(PATIENCE)
    there = (os.environ["NATLAB_WAN"], PORT)
    if protocol == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            host.bind(("", PORT))
            for _ in range(5):  # one datagram may be lost
                stranger.sendto(b"knock", there)
                if select.select([host], [], [], PATIENCE / 5)[0]:
                    return host.recv(100).decode()
            return None
    with socket.create_server(("", PORT)) as server:
        server.settimeout(PATIENCE)
        stranger.connect(there)
        stranger.send(b"knock")
        return server.accept()[0].recv(100).decode()


def left_over():
    """On which router anything still leads to the port."""
    return [router for router in ("router-a", "router-a-2")
            if str(PORT) in lab.on(router, "nft", "list", "ruleset").stdout]


def keep():
    """nat-map keeps the port by both transports: what it says, who gets in, what it leaves."""
    keeper = subprocess.Popen([NAT_MAP, "keep", str(PORT), "both", "--json", "--timeout", "20"],
                              stdout=subprocess.PIPE, text=True)
    out = {"opened": []}
    for _ in range(2):
        event = json.loads(keeper.stdout.readline())
        row = event["mappings"][0]
        out["opened"].append([event["event"], row["protocol"], row["external"], row["reach"],
                              [[hop["strategy"], hop["gateway"], hop["external"]]
                               for hop in row["hops"]]])
    out["opened"].sort()
    out["udp"] = reached("udp")
    out["tcp"] = reached("tcp")
    out["standing"] = left_over()
    keeper.send_signal(signal.SIGINT)
    keeper.communicate(timeout=20)
    out["status"] = keeper.returncode
    out["left over"] = left_over()
    return out


def add_and_delete():
    """A lease that a first run leaves is taken off both routers by a second one."""
    out = []
    for words in (["add", str(PORT), "udp"], ["delete", str(PORT), "udp"]):
        done = subprocess.run([NAT_MAP, *words, "--timeout", "20"], text=True, capture_output=True,
                              check=False, timeout=60)
        out.append([done.returncode, left_over()])
    return out


def add():
    """What nat-map says of a port that it can open half of the way only."""
    done = subprocess.run([NAT_MAP, "add", str(PORT), "udp", "--json", "--timeout", "20"],
                          text=True, capture_output=True, check=False, timeout=60)
    row = json.loads(done.stdout)["mappings"][0]
    return {"status": done.returncode, "reach": row["reach"], "hops": len(row["hops"]),
            "evidence": row["evidence"], "note": row["note"]}


if __name__ == "__main__":
    lab.serve(keep, add, add_and_delete)
    with tap.Tap() as t, concurrent.futures.ThreadPoolExecutor(2) as pool:
        def inside(spec, function):
            return pool.submit(lab.inside, ["--nat", spec, "--no-servers"], function, timeout=110)
        pairs = {(inner, outer): inside(f"{NAT}{inner}>{NAT}{outer}", keep)
                 for inner in PROTOCOLS for outer in PROTOCOLS}
        real = inside("home>home,server=miniupnpd", keep)
        deleted = inside("home>home", add_and_delete)
        cgn = inside("home>cgn", add)
        silent = inside("home>eim/apdf,closed=drop", add)

        def expected(inner, outer):
            hops = [[inner, "192.168.1.1", f"192.168.11.2:{PORT}"],
                    [outer, "192.168.11.1", f"25.0.113.2:{PORT}"]]
            return {"opened": [["opened", protocol, f"25.0.113.2:{PORT}", "anyone", hops]
                               for protocol in ("tcp", "udp")],
                    "udp": "knock", "tcp": "knock", "standing": ["router-a", "router-a-2"],
                    "status": 0, "left over": []}
        for (inner, outer), result in pairs.items():
            t.equal(result.result(), expected(STRATEGY[inner], STRATEGY[outer]),
                    f"{inner} and {outer}: both routers are opened, and closed again")
        seen = real.result()
        for event in seen["opened"]:  # by which protocol is a matter of milliseconds
            t.check(event[4][1].pop(0) in ("igd", "pcp", "nat-pmp"), "miniupnpd: it is asked", event)
        wanted = expected("igd", "")
        for event in wanted["opened"]:
            event[4] = [event[4][0], event[4][1][1:]]
        t.equal(seen, wanted, "the outer one may be a real miniupnpd")
        t.equal(deleted.result(), [[0, ["router-a", "router-a-2"]], [0, []]],
                "a later run deletes on both what an earlier one left")

        seen = cgn.result()
        t.equal([seen["status"], seen["reach"], seen["hops"]], [0, "behind-another-nat", 1],
                "cgn: the port is open at home, and that is what nat-map says")
        t.check("100.64.0.0/10" in seen["evidence"][0], "cgn: the address tells", seen["evidence"])
        t.check("100.64.11.1" in seen["evidence"][1], "cgn: so does the second router", seen["evidence"])
        t.check("provider" in seen["note"], "cgn: there is advice", seen["note"])
        seen = silent.result()
        t.check("is private" in seen["evidence"][0] and "by hand" in seen["note"],
                "a router without services: evidence and advice", seen)
